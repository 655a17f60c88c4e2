/* cli: the command line that all programs share. Whatever it does not know it refuses in one line, because a flag that
 * is silently ignored is a setting that somebody believes in. Mistakes go to stderr, answers to stdout. */
#include "common/base/cli.h"
#include "common/base/crash_point.h"
#include "common/base/log.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN_MAX = 40, NAME_BYTES = 80, FLAGS_MAX = 32 };

enum common_flag { HELP, VERSION, CHECK_CONFIG, PRINT_CONFIG, COMMON_COUNT };

static const struct cli_flag common_flags[COMMON_COUNT] = {
        [HELP] = {"--help", NULL, "show this page", NULL},
        [VERSION] = {"--version", NULL, "show the version", NULL},
        [CHECK_CONFIG] = {"--check-config", NULL,
                          "list every mistake in the settings; exit 0 when there is none, else 2", NULL},
        [PRINT_CONFIG] = {"--print-config", NULL, "show every setting and where it comes from, secrets masked", NULL},
};

/* What was on the command line: common flags first, then those of spec. */
struct parsed {
	const char *values[COMMON_COUNT + FLAGS_MAX]; /* NULL: not given; "": a switch that was */
};

static bool given(const struct parsed *parsed, enum common_flag flag)
{
	return parsed->values[flag] != NULL;
}

static const struct cli_flag *flag_at(const struct cli_spec *spec, size_t index)
{
	return index < COMMON_COUNT ? &common_flags[index] : &spec->flags[index - COMMON_COUNT];
}

/* Returns: the index of the flag that arg names, up to its '='; the number of flags when there is none. */
static size_t find_flag(const struct cli_spec *spec, const char *arg)
{
	size_t len = strcspn(arg, "=");
	size_t count = COMMON_COUNT + spec->flag_count;
	for (size_t i = 0; i < count; i++) {
		const char *name = flag_at(spec, i)->name;
		if (strlen(name) == len && memcmp(name, arg, len) == 0)
			return i;
	}
	return count;
}

/* Shows the argument's name only: what follows '=' may be a secret that was put in the wrong place. */
static bool refuse(const struct cli_spec *spec, const char *arg, const char *fault)
{
	char shown[SHOWN_MAX + 1];
	size_t len = 0;
	for (; arg[len] && arg[len] != '=' && len < SHOWN_MAX; len++)
		shown[len] = (char)(arg[len] >= ' ' && arg[len] <= '~' ? arg[len] : '?');
	shown[len] = '\0';
	(void)fprintf(stderr, "%s: %s: %s (see --help)\n", spec->program, shown, fault);
	return false;
}

static bool parse(const struct cli_spec *spec, int argc, char **argv, struct parsed *ret_parsed)
{
	struct parsed parsed = {0};
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		const char *value = strchr(arg, '=');
		size_t index = find_flag(spec, arg);
		if (index == COMMON_COUNT + spec->flag_count)
			return refuse(spec, arg, "unknown argument");
		if (parsed.values[index])
			return refuse(spec, arg, "given twice");

		bool takes_value = flag_at(spec, index)->value != NULL;
		if (value && !takes_value)
			return refuse(spec, arg, "takes no value");
		if (value)
			value++;
		else if (!takes_value)
			value = "";
		else if (i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0)
			value = argv[++i];
		if (takes_value && (!value || !*value))
			return refuse(spec, arg, "needs a value");
		parsed.values[index] = value;
	}
	*ret_parsed = parsed;
	return true;
}

static void print_flag(const struct cli_flag *flag)
{
	char name[NAME_BYTES];
	(void)snprintf(name, sizeof(name), "%s%s%s", flag->name, flag->value ? " " : "",
	               flag->value ? flag->value : "");
	config_print_row(stdout, name, flag->help, NULL);
}

static void print_help(const struct cli_spec *spec)
{
	(void)printf("%s: %s\n\nUsage: %s [OPTION]...\n\nOptions\n", spec->program, spec->summary, spec->program);
	for (size_t i = 0; i < spec->flag_count; i++)
		print_flag(&spec->flags[i]);
	for (size_t i = 0; i < COMMON_COUNT; i++)
		print_flag(&common_flags[i]);
	if (!spec->reads)
		return;
	(void)puts(
	        "\nSettings are environment variables; an empty one counts as not set. A secret may instead be read\n"
	        "from a file that VERIFYD_<NAME>_FILE names.\n");
	config_print_help(spec->reads, stdout);
}

/* What was meant for stdout and did not get there is a failure: `program --print-config >file` on a full disk. */
static int stdout_status(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? CLI_OK : CLI_FAILED;
}

/* True when `complaints` already has a line about the setting that this line begins with. */
static bool complained_about(const char *complaints, const char *line)
{
	size_t len = strcspn(line, ":\n");
	for (const char *at = complaints; at && *at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		if (strncmp(at, line, len + 1) == 0 && line[len] == ':')
			return true;
	return false;
}

/* What the program itself complains of, but for settings that were complained about before: a broken one counts as not
 * set, and need not be called missing as well. Returns: how many mistakes were new; -1 without memory. */
static int check_whole(const struct cli_spec *spec, const struct config *config, const char *before, FILE *complaints)
{
	char *text = NULL, *rest = NULL;
	size_t len = 0;
	int fresh = 0;
	FILE *file = open_memstream(&text, &len);
	if (!file)
		return -1;
	spec->check(config, file, spec->check_ctx);
	if (fclose(file) != 0)
		return -1;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (complained_about(before, line))
			continue;
		(void)fprintf(complaints, "%s\n", line);
		fresh += strncmp(line, "note:", 5) != 0;
	}
	free(text);
	return fresh;
}

/* Loads the configuration and has the program check it as a whole, also when single settings are wrong, so that every
 * mistake is told at once. Complaints and notes end up in *ret_complaints, ended by free(), also on failure; NULL when
 * there was no memory for them. */
static enum err_code load(const struct cli_spec *spec, struct config **ret_config, char **ret_complaints)
{
	char *text = NULL;
	size_t len = 0;
	int mistakes = 0, more = 0;
	struct config *config = NULL;
	FILE *complaints = open_memstream(&text, &len);
	if (!complaints)
		return ERR_NO_MEMORY;
	enum err_code code = config_read(spec->reads, environ, complaints, &config, &mistakes);
	if (code == ERR_OK && spec->check && fflush(complaints) == 0)
		more = check_whole(spec, config, text, complaints);
	if (fclose(complaints) != 0 || more < 0)
		code = ERR_NO_MEMORY;
	*ret_complaints = text;
	if (code == ERR_OK && mistakes + more > 0)
		code = ERR_INVALID;
	if (code == ERR_OK)
		*ret_config = config;
	else
		config_free(config);
	return code;
}

/* A running program's stderr is JSON lines, so its notes become some too. */
static void log_notes(char *notes)
{
	char *rest = NULL;
	for (char *line = strtok_r(notes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_info("config_note", LOG_STR("note", line));
}

static void start_logging(const struct cli_spec *spec, const struct config *config, char *notes)
{
	bool has_level = spec->reads != 0; /* LOG_LEVEL belongs to every program that reads settings at all */
	log_init(spec->program, has_level ? (enum log_level)config_choice(config, CONFIG_LOG_LEVEL) : LOG_INFO);
	log_notes(notes);
}

/* The common flags that need the configuration. Returns: true when one of them was answered. */
static bool answer(const struct parsed *parsed, const struct config *config, const char *notes)
{
	if (!given(parsed, CHECK_CONFIG) && !given(parsed, PRINT_CONFIG))
		return false;
	(void)fputs(notes, stderr);
	if (given(parsed, PRINT_CONFIG))
		config_print(config, stdout);
	if (given(parsed, CHECK_CONFIG))
		(void)puts("configuration is complete");
	return true;
}

/* After the whole line was read well, and before spec->check, which may depend on a flag. */
static void hand_out(const struct cli_spec *spec, const struct parsed *parsed)
{
	for (size_t i = 0; i < spec->flag_count; i++) {
		if (parsed->values[COMMON_COUNT + i])
			*spec->flags[i].ret = parsed->values[COMMON_COUNT + i];
	}
}

bool cli_start(const struct cli_spec *spec, int argc, char **argv, struct config **ret_config, int *ret_status)
{
	struct parsed parsed = {0};
	assert(spec->flag_count <= FLAGS_MAX);
	crash_points_prepare();
	if (!parse(spec, argc, argv, &parsed)) {
		*ret_status = CLI_USAGE;
		return false;
	}
	if (given(&parsed, HELP) || given(&parsed, VERSION)) {
		if (given(&parsed, HELP))
			print_help(spec);
		else
			(void)printf("%s %s\n", spec->program, VERIFYD_VERSION);
		*ret_status = stdout_status();
		return false;
	}

	hand_out(spec, &parsed);
	struct config *config = NULL;
	char *complaints = NULL;
	bool go_on = false;
	enum err_code code = load(spec, &config, &complaints);
	if (code != ERR_OK) {
		(void)fputs(complaints ? complaints : "", stderr);
		if (code == ERR_NO_MEMORY)
			(void)fprintf(stderr, "%s: %s\n", spec->program, err_text(code));
		*ret_status = code == ERR_NO_MEMORY ? CLI_FAILED : CLI_USAGE;
	} else if (answer(&parsed, config, complaints)) {
		config_free(config);
		*ret_status = stdout_status();
	} else {
		start_logging(spec, config, complaints);
		*ret_config = config;
		go_on = true;
	}
	free(complaints);
	return go_on;
}
