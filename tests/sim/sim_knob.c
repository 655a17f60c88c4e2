/* sim_knob: reads markers and control members by a vendor's table. Knows no vendor. */
#include "tests/sim/sim_knob.h"
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Returns: the knob whose marker stands at text (after the '~') and ends there; its length in *ret_len. */
static size_t find_marker(const struct sim_knob *knobs, size_t count, const char *text, size_t *ret_len)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = knobs[i].marker ? strlen(knobs[i].marker) : 0;
		if (len > 0 && strncmp(text, knobs[i].marker, len) == 0 && !is_word_char(text[len])) {
			*ret_len = len;
			return i;
		}
	}
	return count;
}

static bool read_int(const struct sim_knob *knob, const char *text, struct sim_setting *setting)
{
	char *end;
	if (*text != '-' && !isdigit((unsigned char)*text))
		return false;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno != 0 || end == text || value < knob->min || value > knob->max)
		return false;
	*setting = (struct sim_setting){.set = true, .num = value};
	return true;
}

static bool read_word(const char *text, struct sim_setting *setting)
{
	size_t len = 0;
	while (is_word_char(text[len]))
		len++;
	if (len == 0 || len >= SIM_WORD_BYTES)
		return false;
	*setting = (struct sim_setting){.set = true};
	memcpy(setting->word, text, len);
	return true;
}

static bool read_marker(const struct sim_knob *knob, const char *after_name, struct sim_setting *setting)
{
	if (knob->kind == SIM_KNOB_FLAG) {
		*setting = (struct sim_setting){.set = true};
		return *after_name != '=';
	}
	if (*after_name != '=')
		return false;
	return knob->kind == SIM_KNOB_INT ? read_int(knob, after_name + 1, setting)
	                                  : read_word(after_name + 1, setting);
}

enum err_code sim_knobs_read_markers(const struct sim_knob *knobs, size_t count, const char *text,
                                     struct sim_setting *settings, struct err *err)
{
	struct sim_setting read[SIM_KNOBS_MAX];
	assert(count <= SIM_KNOBS_MAX);
	memcpy(read, settings, count * sizeof(read[0]));
	for (const char *at = strchr(text, '~'); at; at = strchr(at + 1, '~')) {
		size_t len = 0;
		if (!isalpha((unsigned char)at[1]))
			continue;
		size_t i = find_marker(knobs, count, at + 1, &len);
		if (i == count)
			return err_set(err, ERR_INVALID, "unknown marker");
		if (!read_marker(&knobs[i], at + 1 + len, &read[i]))
			return err_set(err, ERR_INVALID, "marker ~%s: its value is missing or out of range",
			               knobs[i].marker);
	}
	memcpy(settings, read, count * sizeof(read[0]));
	return ERR_OK;
}

static bool read_member(const struct sim_knob *knob, const struct json_in *value, struct sim_setting *setting)
{
	bool is_off = json_in_type(value) == JSON_IN_NULL ||
	              (knob->kind == SIM_KNOB_FLAG && json_in_type(value) == JSON_IN_FALSE);
	if (is_off) {
		*setting = (struct sim_setting){0};
		return true;
	}
	if (knob->kind == SIM_KNOB_WORD) {
		const char *word = json_in_text(value);
		return word && read_word(word, setting) && strlen(setting->word) == strlen(word);
	}
	if (knob->kind == SIM_KNOB_INT) {
		int64_t num = json_in_integer(value);
		*setting = (struct sim_setting){.set = true, .num = num};
		return json_in_type(value) == JSON_IN_INTEGER && num >= knob->min && num <= knob->max;
	}
	*setting = (struct sim_setting){.set = true};
	return json_in_type(value) == JSON_IN_TRUE;
}

static size_t find_member(const struct sim_knob *knobs, size_t count, const char *name)
{
	size_t i = 0;
	while (i < count && strcmp(knobs[i].member, name) != 0)
		i++;
	return i;
}

enum err_code sim_knobs_read_json(const struct sim_knob *knobs, size_t count, const struct json_in *object,
                                  struct sim_setting *settings, struct err *err)
{
	struct sim_setting read[SIM_KNOBS_MAX];
	assert(count <= SIM_KNOBS_MAX);
	memcpy(read, settings, count * sizeof(read[0]));
	if (json_in_type(object) != JSON_IN_OBJECT)
		return err_set(err, ERR_INVALID, "a JSON object is needed");
	for (const struct json_in *at = json_in_first(object); at; at = json_in_next(at)) {
		size_t i = find_member(knobs, count, json_in_name(at));
		if (i == count)
			return err_set(err, ERR_INVALID, "unknown member");
		if (!read_member(&knobs[i], at, &read[i]))
			return err_set(err, ERR_INVALID, "%s: wrong type or out of range", knobs[i].member);
	}
	memcpy(settings, read, count * sizeof(read[0]));
	return ERR_OK;
}

void sim_knobs_write(const struct sim_knob *knobs, size_t count, const struct sim_setting *settings,
                     struct json_out *out)
{
	for (size_t i = 0; i < count; i++) {
		if (!settings[i].set)
			continue;
		if (knobs[i].kind == SIM_KNOB_FLAG)
			json_out_bool(out, knobs[i].member, true);
		else if (knobs[i].kind == SIM_KNOB_INT)
			json_out_int(out, knobs[i].member, settings[i].num);
		else
			json_out_str(out, knobs[i].member, settings[i].word);
	}
}
