/* ctl_policy_settings: reads the settings file of `policy render`: NAME = VALUE a line, by one table. All mistakes are
 * told at once. */
#include "common/base/http_url.h"
#include "ctl/ctl_policy.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

enum policy_shape {
	CHOICE,
	TENANT, /* letters, digits and '-', then .onmicrosoft.com */
	NAME,   /* letters, digits, '-' and '_', beginning with a letter */
	GUID,
	URL, /* https://, kept without closing '/' */
	TEXT /* printable, no quotes, no angle brackets */
};
enum policy_need { OPTIONAL, ALWAYS, JUMIO, OAUTH };

static const struct row {
	const char *name;
	enum policy_shape shape;
	enum policy_need needed;
	const char *fallback, *help;
} rows[] = {
#define SETTING(symbol, name, shape, needed, fallback, help) {name, shape, needed, fallback, help},
#include "ctl/policy_settings.def"
#undef SETTING
};

static const struct {
	enum policy_setting setting;
	const char *word;
} choices[] = {
        {POLICY_JOURNEYS, "jumio"},         {POLICY_JOURNEYS, "biocatch"},     {POLICY_JOURNEYS, "combined"},
        {POLICY_API_AUTH, "api-key"},       {POLICY_API_AUTH, "basic"},        {POLICY_API_AUTH, "certificate"},
        {POLICY_API_AUTH, "oauth"},         {POLICY_HIGH_RISK, "mfa"},         {POLICY_HIGH_RISK, "block"},
        {POLICY_SIGN_UP_FACTOR, "by-risk"}, {POLICY_SIGN_UP_FACTOR, "always"},
};

/* What would change nothing there: somebody who set it believes that it does. */
static const struct {
	enum policy_setting setting;
	const char *journeys;
} idle[] = {
        {POLICY_HIGH_RISK, "jumio"},         {POLICY_HIGH_RISK, "combined"},   {POLICY_SIGN_UP_FACTOR, "jumio"},
        {POLICY_SIGN_UP_FACTOR, "combined"}, {POLICY_SOCIAL_PROFILE, "jumio"},
};

#define TENANT_END ".onmicrosoft.com"

struct reading {
	struct policy_settings settings;
	bool given[POLICY_SETTING_COUNT], faulty[POLICY_SETTING_COUNT];
	bool loopback_http;
	FILE *complaints;
	size_t mistakes;
};

static bool is_choice(enum policy_setting setting, const char *value)
{
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
		if (choices[i].setting == setting && strcmp(choices[i].word, value) == 0)
			return true;
	return false;
}

static bool is_made_of(const char *text, size_t len, const char *also)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(also, text[i]))
			return false;
	return len > 0;
}

static bool is_tenant(const char *value)
{
	size_t len = strlen(value), end = strlen(TENANT_END);
	return len > end && strcasecmp(value + len - end, TENANT_END) == 0 && is_made_of(value, len - end, "-");
}

static bool is_guid(const char *value)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	if (strlen(value) != sizeof shape - 1)
		return false;
	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == 'x' ? !isxdigit((unsigned char)value[i]) : value[i] != '-')
			return false;
	return true;
}

bool policy_url_is_good(const char *url, bool loopback_http)
{
	struct http_url parsed;
	if (strpbrk(url, "\"'<>{}&") || !http_url_read(url, strlen(url), false, &parsed))
		return false;
	return !parsed.plain || loopback_http;
}

/* Returns: what is wrong with value; NULL for nothing. */
static const char *fault_of(const struct reading *reading, enum policy_setting setting, const char *value)
{
	switch (rows[setting].shape) {
	case CHOICE:
		return is_choice(setting, value) ? NULL : rows[setting].help; /* which tells the words */
	case TENANT:
		return is_tenant(value) ? NULL : "not like contoso" TENANT_END;
	case NAME:
		return isalpha((unsigned char)*value) && is_made_of(value, strlen(value), "-_")
		               ? NULL
		               : "only letters, digits, - and _, beginning with a letter";
	case GUID:
		return is_guid(value) ? NULL : "not a GUID";
	case URL:
		return policy_url_is_good(value, reading->loopback_http) ? NULL : "not an https:// URL";
	case TEXT:
		return strpbrk(value, "\"'<>{}&") ? "quotes, brackets and & cannot stand here" : NULL;
	}
	return NULL;
}

static void complain(struct reading *reading, int line, const char *name, const char *fault)
{
	reading->mistakes++;
	if (line > 0)
		(void)fprintf(reading->complaints, "line %d: ", line);
	(void)fprintf(reading->complaints, "%s: %s\n", name, fault);
}

static void take(struct reading *reading, int line, const char *name, char *value)
{
	size_t at = 0;
	while (at < POLICY_SETTING_COUNT && strcmp(rows[at].name, name) != 0)
		at++;
	if (at == POLICY_SETTING_COUNT) {
		complain(reading, line, name, "no such setting (see verifyctl policy render --help)");
		return;
	}
	for (size_t len = strlen(value); rows[at].shape == URL && len > 0 && value[len - 1] == '/'; len--)
		value[len - 1] = '\0';
	const char *fault = reading->given[at] ? "given twice" : NULL;
	if (!fault && *value)
		fault = fault_of(reading, (enum policy_setting)at, value);
	reading->given[at] = true;
	reading->faulty[at] = fault != NULL;
	if (fault)
		complain(reading, line, name, fault);
	else
		memcpy(reading->settings.value[at], value, strlen(value) + 1);
}

/* Copies without blanks at both ends. Returns: false when it does not fit, or holds a control character. */
static bool copy_trimmed(const char *from, size_t len, char ret_text[POLICY_VALUE_BYTES])
{
	while (len > 0 && isspace((unsigned char)from[len - 1]))
		len--;
	while (len > 0 && isspace((unsigned char)*from)) {
		from++;
		len--;
	}
	if (len >= POLICY_VALUE_BYTES)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isprint((unsigned char)from[i]))
			return false;
	memcpy(ret_text, from, len);
	ret_text[len] = '\0';
	return true;
}

static void read_line(struct reading *reading, int line, const char *text, size_t len)
{
	char whole[POLICY_VALUE_BYTES], name[POLICY_VALUE_BYTES], value[POLICY_VALUE_BYTES];
	const char *equals = memchr(text, '=', len);
	if (!copy_trimmed(text, len, whole)) {
		complain(reading, line, "this line", "too long, or not plain ASCII");
		return;
	}
	if (!*whole || *whole == '#')
		return;
	if (!equals || !copy_trimmed(text, (size_t)(equals - text), name) ||
	    !copy_trimmed(equals + 1, len - (size_t)(equals + 1 - text), value))
		complain(reading, line, "this line", "not NAME = VALUE");
	else
		take(reading, line, name, value);
}

static bool is_needed(const struct reading *reading, enum policy_need needed)
{
	const char *journeys = reading->settings.value[POLICY_JOURNEYS];
	switch (needed) {
	case OPTIONAL:
		return false;
	case ALWAYS:
		return true;
	case JUMIO:
		return strcmp(journeys, "jumio") == 0 || strcmp(journeys, "combined") == 0;
	case OAUTH:
		return strcmp(reading->settings.value[POLICY_API_AUTH], "oauth") == 0;
	}
	return false;
}

static void refuse_idle(struct reading *reading)
{
	for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
		const struct row *row = &rows[idle[i].setting];
		const char *value = reading->settings.value[idle[i].setting];
		if (*value && strcmp(value, row->fallback ? row->fallback : "") != 0 &&
		    strcmp(reading->settings.value[POLICY_JOURNEYS], idle[i].journeys) == 0)
			complain(reading, 0, row->name, "changes nothing with these Journeys");
	}
}

static void fill_up(struct reading *reading)
{
	char *ui = reading->settings.value[POLICY_UI_URL];
	const char *api = reading->settings.value[POLICY_API_URL];
	for (size_t i = 0; i < POLICY_SETTING_COUNT; i++)
		if (!*reading->settings.value[i] && rows[i].fallback)
			memcpy(reading->settings.value[i], rows[i].fallback, strlen(rows[i].fallback) + 1);
	for (size_t i = 0; i < POLICY_SETTING_COUNT; i++)
		if (!*reading->settings.value[i] && !reading->faulty[i] && is_needed(reading, rows[i].needed))
			complain(reading, 0, rows[i].name, "is missing");
	if (!*ui && strlen(api) + sizeof "/ui" <= POLICY_VALUE_BYTES)
		(void)snprintf(ui, POLICY_VALUE_BYTES, "%.*s/ui", POLICY_VALUE_BYTES - 4, api);
}

enum err_code policy_settings_read(const char *text, bool loopback_http, FILE *complaints,
                                   struct policy_settings *ret_settings)
{
	struct reading reading = {.loopback_http = loopback_http, .complaints = complaints};
	for (int line = 1; *text; line++) {
		size_t len = strcspn(text, "\n");
		read_line(&reading, line, text, len);
		text += len + (text[len] == '\n');
	}
	fill_up(&reading);
	refuse_idle(&reading);
	*ret_settings = reading.settings;
	return reading.mistakes == 0 ? ERR_OK : ERR_INVALID;
}

void policy_settings_help(FILE *out)
{
	static const char *const marks[] = {[OPTIONAL] = "",
	                                    [ALWAYS] = " (required)",
	                                    [JUMIO] = " (required: jumio, combined)",
	                                    [OAUTH] = " (required: oauth)"};
	(void)fputs("\nThe settings file: NAME = VALUE a line, # begins a comment\n", out);
	for (size_t i = 0; i < POLICY_SETTING_COUNT; i++)
		(void)fprintf(out, "  %-21s %s%s%s\n", rows[i].name, rows[i].help,
		              rows[i].fallback ? "; default " : marks[rows[i].needed],
		              rows[i].fallback ? rows[i].fallback : "");
}
