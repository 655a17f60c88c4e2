/* config: reads the settings from the environment and from secrets' files, collects every mistake, and shows what is
 * set. What a value may look like is config_check's part. No complaint and no listing holds a secret, not even the path
 * that a _FILE variable names wrongly: it may be the secret itself. */
#include "common/base/config_check.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX      "VERIFYD_"
#define FILE_SUFFIX "_FILE"

enum { NAME_BYTES = 80, TEXT_BYTES = 200, SHOWN_MAX = 64 };
enum { NAME_COLUMN = 2, TEXT_COLUMN = 34, COLUMNS = 100 };

enum source { NOT_SET, FROM_DEFAULT, FROM_ENVIRONMENT, FROM_FILE };

struct value {
	char *text;     /* NULL when not set */
	size_t size;    /* allocated for text: all of it is overwritten at the end */
	int64_t number; /* what config_int, config_flag and config_choice read; -1 when not set */
	enum source source;
	char *path; /* of the file it came from */
};

struct config {
	enum config_program program;
	struct value values[CONFIG_OPTION_COUNT];
};

struct loader {
	char *const *environment;
	FILE *complaints;
	struct config *config;
	int mistakes;
	bool out_of_memory;
};

/* Returns: the variable's value; NULL when it is not set or empty. */
static const char *environment_get(char *const *environment, const char *name)
{
	size_t len = strlen(name);
	for (; environment && *environment; environment++) {
		const char *entry = *environment;
		if (strncmp(entry, name, len) == 0 && entry[len] == '=')
			return entry[len + 1] ? entry + len + 1 : NULL;
	}
	return NULL;
}

PRINTF_FMT(4, 5)
static void complain(struct loader *loader, const struct setting *setting, const char *suffix, const char *fmt, ...)
{
	loader->mistakes++;
	if (!loader->complaints)
		return;
	va_list args;
	va_start(args, fmt);
	(void)fprintf(loader->complaints, PREFIX "%s%s: ", setting->name, suffix);
	(void)vfprintf(loader->complaints, fmt, args);
	(void)fputc('\n', loader->complaints);
	va_end(args);
}

/* Copies at most SHOWN_MAX characters for a person to recognise, nothing that could steer a terminal. */
static void shown_text(const char *text, size_t len, char out[SHOWN_MAX + 1])
{
	size_t i = 0;
	for (; i < len && i < SHOWN_MAX; i++)
		out[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
	out[i] = '\0';
}

static char *copy_text(struct loader *loader, const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		loader->out_of_memory = true;
	return copy;
}

/* Reads fd to its end, at most cap bytes. Returns: how many; -1 with errno set. */
static ssize_t read_all(int fd, char *out, size_t cap)
{
	size_t len = 0;
	while (len < cap) {
		ssize_t got = read(fd, out + len, cap - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		len += (size_t)got;
	}
	return (ssize_t)len;
}

/* Drops one line break at the end. Returns: what is wrong with the content; NULL when nothing is. */
static const char *trim_secret(char *text, size_t len)
{
	if (memchr(text, '\0', len))
		return "it holds a zero byte";
	if (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	if (len > 0 && text[len - 1] == '\r')
		text[--len] = '\0';
	return len == 0 ? "it is empty" : NULL;
}

/* The content goes straight into the memory that config_free overwrites. One byte more than is allowed fits, so that
 * the check of the value says "too long". */
static void take_file(struct loader *loader, const struct setting *setting, const char *path, struct value *value)
{
	size_t cap = (size_t)setting->max + sizeof("\r\n");
	const char *fault = NULL;
	value->size = cap + 1;
	value->text = calloc(1, value->size);
	value->path = copy_text(loader, path);
	if (!value->text) {
		loader->out_of_memory = true;
		return;
	}

	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read_all(fd, value->text, cap);
	fault = len < 0 ? strerror(errno) : trim_secret(value->text, (size_t)len);
	if (fault)
		complain(loader, setting, FILE_SUFFIX, "the file that it names is of no use: %s", fault);
	if (fd >= 0)
		(void)close(fd);
	value->source = fault ? NOT_SET : FROM_FILE;
}

static void check_value(struct loader *loader, const struct setting *setting, struct value *value)
{
	char allowed[TEXT_BYTES];
	char shown[SHOWN_MAX + 1];
	const char *fault = config_check(setting, value->text, &value->number);
	if (!fault)
		return;
	const char *suffix = value->source == FROM_FILE ? FILE_SUFFIX : "";
	config_allowed(setting, allowed, sizeof(allowed));
	shown_text(value->text, strlen(value->text), shown);
	if (config_may_show(setting))
		complain(loader, setting, suffix, "%s (\"%s\"); allowed: %s", fault, shown, allowed);
	else
		complain(loader, setting, suffix, "%s; allowed: %s", fault, allowed);
}

static void load_setting(struct loader *loader, const struct setting *setting, struct value *value)
{
	char name[NAME_BYTES], file_name[NAME_BYTES], allowed[TEXT_BYTES];
	bool secret = setting->flags & CONFIG_SECRET;
	(void)snprintf(name, sizeof(name), PREFIX "%s", setting->name);
	(void)snprintf(file_name, sizeof(file_name), PREFIX "%s" FILE_SUFFIX, setting->name);
	const char *direct = environment_get(loader->environment, name);
	const char *path = secret ? environment_get(loader->environment, file_name) : NULL;

	value->number = -1;
	if (direct && path) {
		complain(loader, setting, "", "set together with %s; only one of them may be", file_name);
	} else if (path) {
		take_file(loader, setting, path, value);
	} else if (direct || setting->fallback) {
		value->text = copy_text(loader, direct ? direct : setting->fallback);
		value->size = value->text ? strlen(value->text) + 1 : 0;
		value->source = direct ? FROM_ENVIRONMENT : FROM_DEFAULT;
	} else if (setting->flags & CONFIG_REQUIRED) {
		config_allowed(setting, allowed, sizeof(allowed));
		complain(loader, setting, "", "not set, but required%s%s%s: %s (%s)", secret ? " (or " : "",
		         secret ? file_name : "", secret ? ")" : "", setting->help, allowed);
	}
	if (value->text && value->source != NOT_SET)
		check_value(loader, setting, value);
}

/* True for every name of the table, of whatever program, and for the _FILE form of a secret's. */
static bool is_known(const char *name, size_t len)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct setting *setting = &config_settings[i];
		size_t setting_len = strlen(setting->name);
		if (len < setting_len || memcmp(name, setting->name, setting_len) != 0)
			continue;
		size_t rest = len - setting_len;
		if (rest == 0)
			return true;
		if (setting->flags & CONFIG_SECRET && rest == strlen(FILE_SUFFIX) &&
		    memcmp(name + setting_len, FILE_SUFFIX, rest) == 0)
			return true;
	}
	return false;
}

static void note_unknown(const struct loader *loader)
{
	size_t prefix = strlen(PREFIX);
	for (char *const *entry = loader->environment; loader->complaints && entry && *entry; entry++) {
		size_t len = strcspn(*entry, "=");
		if (strncmp(*entry, PREFIX, prefix) != 0 || is_known(*entry + prefix, len - prefix))
			continue;
		char shown[SHOWN_MAX + 1];
		shown_text(*entry, len, shown);
		(void)fprintf(loader->complaints, "note: %s is not a setting of verifyd and changes nothing\n", shown);
	}
}

enum err_code config_read(enum config_program program, char *const *environment, FILE *complaints,
                          struct config **ret_config, int *ret_mistakes)
{
	struct config *config = calloc(1, sizeof(*config));
	if (!config)
		return ERR_NO_MEMORY;
	config->program = program;
	struct loader loader = {.environment = environment, .complaints = complaints, .config = config};
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		if (config_settings[i].programs & program)
			load_setting(&loader, &config_settings[i], &config->values[i]);
	}
	note_unknown(&loader);

	if (loader.out_of_memory) {
		config_free(config);
		return ERR_NO_MEMORY;
	}
	*ret_config = config;
	*ret_mistakes = (int)loader.mistakes;
	return ERR_OK;
}

enum err_code config_load(enum config_program program, char *const *environment, FILE *complaints,
                          struct config **ret_config)
{
	struct config *config = NULL;
	int mistakes = 0;
	enum err_code code = config_read(program, environment, complaints, &config, &mistakes);
	if (code == ERR_OK && mistakes > 0) {
		config_free(config);
		code = ERR_INVALID;
	}
	if (code == ERR_OK)
		*ret_config = config;
	return code;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		struct value *value = &config->values[i];
		if (value->text)
			explicit_bzero(value->text, value->size);
		free(value->text);
		free(value->path);
	}
	free(config);
}

#define TYPE(type) (1u << (type))

static const struct value *value_of(const struct config *config, enum config_option option, unsigned types)
{
	assert(config && (unsigned)option < CONFIG_OPTION_COUNT);
	assert(config_settings[option].programs & config->program);
	assert(types & TYPE(config_settings[option].type));
	(void)types; /* without asserts */
	return &config->values[option];
}

const char *config_str(const struct config *config, enum config_option option)
{
	unsigned types = TYPE(CONFIG_TEXT) | TYPE(CONFIG_CHOICE) | TYPE(CONFIG_ADDRESS) | TYPE(CONFIG_VENDOR_URL) |
	                 TYPE(CONFIG_PROXY_URL) | TYPE(CONFIG_FILE);
	return value_of(config, option, types)->text;
}

int64_t config_int(const struct config *config, enum config_option option)
{
	return value_of(config, option, TYPE(CONFIG_NUMBER) | TYPE(CONFIG_DURATION) | TYPE(CONFIG_SHARE))->number;
}

struct config_rate config_rate(const struct config *config, enum config_option option)
{
	int64_t number = value_of(config, option, TYPE(CONFIG_RATE))->number;
	if (number < 0)
		return (struct config_rate){0, 0};
	return (struct config_rate){number >> CONFIG_RATE_SHIFT, number & (((int64_t)1 << CONFIG_RATE_SHIFT) - 1)};
}

bool config_flag(const struct config *config, enum config_option option)
{
	return value_of(config, option, TYPE(CONFIG_FLAG))->number == 1;
}

int config_choice(const struct config *config, enum config_option option)
{
	return (int)value_of(config, option, TYPE(CONFIG_CHOICE))->number;
}

/* UTF-8: bytes that go on with a character take no column of their own. */
static int columns_of(const char *text, size_t len)
{
	int columns = 0;
	for (size_t i = 0; i < len; i++)
		columns += ((unsigned char)text[i] & 0xc0) != 0x80;
	return columns;
}

/* Puts a word behind the last one, or on a new line where it does not fit. Returns: the column after it. */
static int print_word(FILE *out, int column, const char *word, size_t len)
{
	int columns = columns_of(word, len);
	if (column > TEXT_COLUMN - 2 && column + 1 + columns > COLUMNS) {
		(void)fputc('\n', out);
		column = 0;
	}
	int gap = column < TEXT_COLUMN ? TEXT_COLUMN - column : 1;
	(void)fprintf(out, "%*s%.*s", gap, "", (int)len, word);
	return column + gap + columns;
}

static int print_words(FILE *out, int column, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, " ");
		column = print_word(out, column, text, len);
		text += len + (text[len] == ' ');
	}
	return column;
}

void config_print_row(FILE *out, const char *name, const char *text, const char *facts)
{
	int column = fprintf(out, "%*s%s", NAME_COLUMN, "", name);
	column = print_words(out, column, text);
	if (facts && columns_of(facts, strlen(facts)) <= COLUMNS - TEXT_COLUMN)
		(void)print_word(out, column, facts, strlen(facts));
	else if (facts)
		(void)print_words(out, column, facts);
	(void)fputc('\n', out);
}

static void print_setting(const struct setting *setting, FILE *out)
{
	char name[NAME_BYTES], allowed[TEXT_BYTES], facts[2 * TEXT_BYTES];
	const char *fallback = setting->fallback;
	config_allowed(setting, allowed, sizeof(allowed));
	(void)snprintf(name, sizeof(name), PREFIX "%s", setting->name);
	(void)snprintf(facts, sizeof(facts), "(%s%s%s%s%s)", setting->flags & CONFIG_REQUIRED ? "required; " : "",
	               setting->flags & CONFIG_SECRET ? "secret; " : "", allowed, fallback ? "; default " : "",
	               fallback ? fallback : "");
	config_print_row(out, name, setting->help, facts);
}

void config_print_help(enum config_program program, FILE *out)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		if (config_settings[i].programs & program)
			print_setting(&config_settings[i], out);
	}
}

void config_print(const struct config *config, FILE *out)
{
	static const char *const sources[] = {"not set", "default", "environment", "file "};
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct setting *setting = &config_settings[i];
		const struct value *value = &config->values[i];
		if (!(setting->programs & config->program))
			continue;
		const char *text = value->text ? value->text : "";
		if (value->text && setting->flags & CONFIG_SECRET)
			text = "(set, masked)";
		(void)fprintf(out, PREFIX "%s=%s  # %s%s\n", setting->name, text, sources[value->source],
		              value->path ? value->path : "");
	}
}
