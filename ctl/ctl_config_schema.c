/* ctl_config_schema: `config schema`: the settings table as a JSON schema (draft 7), for what fills settings in from
 * outside, such as the values of deploy/helm. Its members are the settings without VERIFYD_; secrets are left out: they
 * belong into files. */
#include "common/base/config_check.h"
#include "ctl/ctl.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { ALLOWED_BYTES = 200, TEXT_BYTES = 1000, WORDS_BYTES = 100 };

/* What is known of a type's texts; the program itself checks more. */
static const char *const patterns[] = {
        [CONFIG_FLAG] = "^(yes|no|true|false|1|0)$",
        [CONFIG_ADDRESS] = "^(\\[[0-9a-fA-F:.]+\\]|[^:\\[\\]]+):[0-9]{1,5}$",
        [CONFIG_VENDOR_URL] = "^https?://",
        [CONFIG_PROXY_URL] = "^https?://",
        [CONFIG_DURATION] = "^[0-9]+(ms|s|m|h|d)$",
        [CONFIG_SHARE] = "^[01](\\.[0-9]{1,6})?$",
        [CONFIG_RATE] = "^[0-9]+/[0-9]+(ms|s)$",
};

static json_t *enum_of(const struct setting *setting)
{
	char words[WORDS_BYTES], *rest = NULL;
	json_t *list = json_array();
	(void)snprintf(words, sizeof words, "%s", setting->unit);
	for (char *word = strtok_r(words, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
		(void)json_array_append_new(list, json_string(word));
	return list;
}

static json_t *number_schema(const struct setting *setting)
{
	return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)setting->min, "maximum",
	                 (json_int_t)setting->max);
}

static json_t *text_schema(const struct setting *setting)
{
	json_t *schema = json_pack("{s:s}", "type", "string");
	const char *pattern = setting->type < sizeof patterns / sizeof patterns[0] ? patterns[setting->type] : NULL;
	if (setting->type == CONFIG_CHOICE)
		(void)json_object_set_new(schema, "enum", enum_of(setting));
	else if (pattern)
		(void)json_object_set_new(schema, "pattern", json_string(pattern));
	if (setting->type == CONFIG_TEXT) {
		(void)json_object_set_new(schema, "minLength", json_integer(setting->min));
		(void)json_object_set_new(schema, "maxLength", json_integer(setting->max));
	}
	return schema;
}

static json_t *setting_schema(const struct setting *setting)
{
	char allowed[ALLOWED_BYTES], text[TEXT_BYTES];
	json_t *schema = setting->type == CONFIG_NUMBER ? number_schema(setting) : text_schema(setting);
	config_allowed(setting, allowed, sizeof allowed);
	(void)snprintf(text, sizeof text, "%s (%s)", setting->help, allowed);
	(void)json_object_set_new(schema, "description", json_string(text));
	if (setting->fallback)
		(void)json_object_set_new(schema, "default",
		                          setting->type == CONFIG_NUMBER ? json_integer(atoll(setting->fallback))
		                                                         : json_string(setting->fallback));
	return schema;
}

int ctl_config_schema(const struct ctl_call *call)
{
	(void)call;
	json_t *properties = json_object(), *secrets = json_array();
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct setting *setting = &config_settings[i];
		if (setting->flags & CONFIG_SECRET)
			(void)json_array_append_new(secrets, json_string(setting->name));
		else if (json_object_set_new(properties, setting->name, setting_schema(setting)) != 0)
			return ctl_fail("%s", err_text(ERR_NO_MEMORY));
	}
	json_t *schema = json_pack("{s:s, s:{s:{s:s, s:b, s:o}, s:{s:s, s:o}}}", "$schema",
	                           "http://json-schema.org/draft-07/schema#", "definitions", "settings", "type",
	                           "object", "additionalProperties", 0, "properties", properties, "secretSetting",
	                           "type", "string", "enum", secrets);
	char *text = schema ? json_dumps(schema, JSON_INDENT(2)) : NULL;
	json_decref(schema);
	if (!text)
		return ctl_fail("%s", err_text(ERR_NO_MEMORY));
	(void)puts(text);
	free(text);
	return CTL_OK;
}
