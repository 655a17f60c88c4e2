/* ctl_args: flags and arguments of one command, by one table. What a command does not take is refused. */
#include "common/base/clock.h"
#include "ctl/ctl.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct flag {
	enum ctl_flag bit;
	const char *name;
	const char *value; /* what its value is called in the help; NULL for a switch */
	long min, max;     /* of a number; both 0: a text */
	const char *help;
};

static const struct flag flags[] = {
        {CTL_FLAG_ALL, "--all", NULL, 0, 0, "also those that are not dead any more"},
        {CTL_FLAG_INCLUDE_STALE, "--include-stale", NULL, 0, 0,
         "also those whose deadline has passed, now without a deadline"},
        {CTL_FLAG_JSON, "--json", NULL, 0, 0, "one JSON document a line, for scripts"},
        {CTL_FLAG_OUT, "--out", "DIR", 0, 0, "the folder to make them in (required)"},
        {CTL_FLAG_PARTITIONS, "--partitions", "N", 1, CTL_PARTITIONS_MAX, "of the topics that are made; default 12"},
        {CTL_FLAG_TIMEOUT, "--timeout", "S", 1, CTL_TIMEOUT_MAX_S, "give up after so many seconds; default 10"},
};

enum { FLAG_COUNT = sizeof(flags) / sizeof(flags[0]), SHOWN_BYTES = 41, NAME_BYTES = 40 };

void ctl_args_help(const struct ctl_command *command)
{
	(void)printf("Usage: verifyctl %s%s%s%s\n\n%s\n%s", command->name, *command->arguments ? " " : "",
	             command->arguments, command->flags ? " [FLAG]..." : "", command->summary, command->details);
	if (command->flags)
		(void)puts("\nFlags");
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		char name[NAME_BYTES];
		(void)snprintf(name, sizeof name, "%s %s", flags[i].name, flags[i].value ? flags[i].value : "");
		if (command->flags & flags[i].bit)
			(void)printf("  %-18s %s\n", name, flags[i].help);
	}
}

/* Returns: the flag that arg names, up to its '='; NULL when the command takes none of that name. */
static const struct flag *find_flag(const struct ctl_command *command, const char *arg)
{
	size_t len = strcspn(arg, "=");
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		const struct flag *flag = &flags[i];
		if (command->flags & flag->bit && strlen(flag->name) == len && memcmp(flag->name, arg, len) == 0)
			return flag;
	}
	return NULL;
}

static bool read_number(const struct flag *flag, const char *value, int *ret_number)
{
	char *end;
	size_t digits = strspn(value, "0123456789");
	if (digits == 0 || digits > 9 || value[digits])
		return false;
	long number = strtol(value, &end, 10);
	if (number < flag->min || number > flag->max)
		return false;
	*ret_number = (int)number;
	return true;
}

static int take(const struct flag *flag, const char *value, struct ctl_call *call)
{
	int number = 0;
	if (call->given & flag->bit)
		return ctl_refuse("%s: given twice", flag->name);
	if (flag->value && (!value || !*value))
		return ctl_refuse("%s: needs a value", flag->name);
	if (!flag->value && value)
		return ctl_refuse("%s: takes no value", flag->name);
	if (value && flag->max > 0 && !read_number(flag, value, &number))
		return ctl_refuse("%s: not a whole number from %ld to %ld", flag->name, flag->min, flag->max);
	call->given |= flag->bit;
	if (flag->bit == CTL_FLAG_OUT)
		call->out = value;
	else if (flag->bit == CTL_FLAG_PARTITIONS)
		call->partitions = number;
	else if (flag->bit == CTL_FLAG_TIMEOUT)
		call->deadline_ms = clock_mono_ms() + (int64_t)number * 1000;
	return CTL_OK;
}

static int check_count(const struct ctl_call *call)
{
	const struct ctl_command *command = call->command;
	char shown[SHOWN_BYTES];
	if (call->argument_count < command->min_arguments)
		return ctl_refuse("%s: needs %s", command->name, command->arguments);
	if (call->argument_count <= command->max_arguments)
		return CTL_OK;
	if (command->max_arguments > 1)
		return ctl_refuse("%s: more than %zu arguments", command->name, command->max_arguments);
	ctl_printable(call->arguments[command->max_arguments], shown, sizeof shown);
	return ctl_refuse("%s: unexpected argument %s", command->name, shown);
}

int ctl_args_parse(int argc, char **argv, int first, struct ctl_call *ret_call)
{
	struct ctl_call call = {.command = ret_call->command, .partitions = CTL_PARTITIONS};
	bool only_arguments = false;
	int kept = first;
	call.deadline_ms = clock_mono_ms() + (int64_t)CTL_TIMEOUT_S * 1000;
	for (int i = first; i < argc; i++) {
		char *arg = argv[i];
		if (only_arguments || arg[0] != '-' || arg[1] == '\0') {
			argv[kept++] = arg;
			continue;
		}
		only_arguments = strcmp(arg, "--") == 0;
		if (only_arguments)
			continue;
		const struct flag *flag = find_flag(call.command, arg);
		char shown[SHOWN_BYTES];
		ctl_printable(arg, shown, sizeof shown);
		shown[strcspn(shown, "=")] = '\0'; /* what follows may be a secret in the wrong place */
		if (!flag)
			return ctl_refuse("%s: unknown flag %s", call.command->name, shown);
		const char *value = strchr(arg, '=');
		if (value)
			value++;
		else if (flag->value && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0)
			value = argv[++i];
		int status = take(flag, value, &call);
		if (status != CTL_OK)
			return status;
	}
	call.arguments = (const char *const *)argv + first;
	call.argument_count = (size_t)(kept - first);
	int status = check_count(&call);
	if (status == CTL_OK)
		*ret_call = call;
	return status;
}
