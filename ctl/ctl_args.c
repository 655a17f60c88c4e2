/* ctl_args: flags and arguments of one command, by one table. What a command does not take is refused. */
#include "common/base/clock.h"
#include "ctl/ctl.h"
#include "ctl/ctl_policy.h"
#include "ctl/ctl_time.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum flag_kind {
	SWITCH,
	TEXT,
	NUMBER,
	TIME,
	ARGUMENT /* one more argument of the command, as often as it is given */
};

struct flag {
	enum ctl_flag bit;
	const char *name;
	enum flag_kind kind;
	const char *value; /* what its value is called in the help; in [] when a NUMBER may be left out */
	long min, max;     /* of a number */
	size_t at;         /* where its value goes in struct ctl_call */
	const char *help;
};

#define AT(member) offsetof(struct ctl_call, member)
static const struct flag flags[] = {
        {CTL_FLAG_ALL, "--all", SWITCH, "", 0, 0, 0, "also those that are not dead any more"},
        {CTL_FLAG_VENDOR, "--vendor", TEXT, "NAME", 0, 0, AT(vendor), "only this vendor's"},
        {CTL_FLAG_CLASS, "--class", TEXT, "WORD", 0, 0, AT(class),
         "only of this class (a topic, as dead list shows it), operation or error"},
        {CTL_FLAG_SINCE, "--since", TIME, "TIME", 0, 0, AT(since_ms),
         "only what failed last at that time or later: 2026-11-21T03:00Z, or 2h: so long ago (s, m, h, d)"},
        {CTL_FLAG_UNTIL, "--until", TIME, "TIME", 0, 0, AT(until_ms), "only what failed last before that time"},
        {CTL_FLAG_ID, "--id", ARGUMENT, "ID", 0, 0, 0, "only this one; may be given again"},
        {CTL_FLAG_LIMIT, "--limit", NUMBER, "N", 1, CTL_LIMIT_MAX, AT(limit), "at most so many"},
        {CTL_FLAG_RATE, "--rate", NUMBER, "N", 1, CTL_RATE_MAX, AT(rate), "so many a second; default 100"},
        {CTL_FLAG_DRY_RUN, "--dry-run", SWITCH, "", 0, 0, 0, "send nothing; show what it would do, by class and hour"},
        {CTL_FLAG_INCLUDE_STALE, "--include-stale", SWITCH, "", 0, 0, 0,
         "also those whose deadline has passed, now without a deadline"},
        {CTL_FLAG_MAX_REPLAYS, "--max-replays", NUMBER, "N", 1, CTL_MAX_REPLAYS_MAX, AT(max_replays),
         "none that was replayed so often already; default 3"},
        {CTL_FLAG_VERDICT, "--verdict", TEXT, "WORD", 0, 0, AT(verdict),
         "verified, denied, unreadable, no_document or expired (required)"},
        {CTL_FLAG_REASON, "--reason", TEXT, "TEXT", 0, 0, AT(reason),
         "why, at most 200 characters; it is stored in clear: nothing about the person (required)"},
        {CTL_FLAG_BY, "--by", TEXT, "NAME", 0, 0, AT(by), "who decides; default: the system's name of who calls"},
        {CTL_FLAG_JSON, "--json", SWITCH, "", 0, 0, 0, "one JSON document a line, for scripts"},
        {CTL_FLAG_SETTINGS, "--settings", TEXT, "FILE", 0, 0, AT(settings), "what to make the policies from"},
        {CTL_FLAG_OUT, "--out", TEXT, "DIR", 0, 0, AT(out),
         "the folder to make them in; it is made when it is not there"},
        {CTL_FLAG_CHECK, "--check", TEXT, "DIR", 0, 0, AT(check),
         "check the policies of this folder; with --out: those that were made, of which this is the base"},
        {CTL_FLAG_BASE, "--base", TEXT, "DIR", 0, 0, AT(base), "where the policies lie that these build on"},
        {CTL_FLAG_SCHEMA, "--schema", TEXT, "FILE", 0, 0, AT(schema), "Microsoft's TrustFrameworkPolicy_0.3.0.0.xsd"},
        {CTL_FLAG_LOOPBACK_HTTP, "--loopback-http", SWITCH, "", 0, 0, 0,
         "take http:// for loopback addresses: for trials on one machine"},
        {CTL_FLAG_PARTITIONS, "--partitions", NUMBER, "N", 1, CTL_PARTITIONS_MAX, AT(partitions),
         "of the topics that are made; default 12"},
        {CTL_FLAG_TIMEOUT, "--timeout", NUMBER, "S", 1, CTL_TIMEOUT_MAX_S, AT(timeout_s),
         "give up after so many seconds (dead: when nothing new came for so long); default 10"},
        {CTL_FLAG_WATCH, "--watch", NUMBER, "[S]", 1, CTL_WATCH_MAX_S, AT(watch_s),
         "again every so many seconds, until Ctrl-C; default 2"},
#define PLAN_FLAG(symbol, name, kind, value, fallback, min, max, help)                                                 \
	{CTL_FLAG_PLAN, name, TEXT, value, 0, 0, AT(plan) + PLAN_##symbol * sizeof(char *), help},
#include "ctl/plan_flags.def"
#undef PLAN_FLAG
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
		(void)snprintf(name, sizeof name, "%s %s", flags[i].name, flags[i].value);
		if (command->flags & flags[i].bit)
			(void)printf("  %-*s %s\n", command->flags & CTL_FLAG_PLAN ? 24 : 18, name, flags[i].help);
	}
	if (command->flags & CTL_FLAG_SETTINGS)
		policy_settings_help(stdout);
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

static int take_number(const struct flag *flag, const char *value, int *ret_number)
{
	size_t digits = strspn(value, "0123456789");
	long number = digits > 0 && digits <= 9 && !value[digits] ? strtol(value, NULL, 10) : -1;
	if (number < flag->min || number > flag->max)
		return ctl_refuse("%s: not a whole number from %ld to %ld", flag->name, flag->min, flag->max);
	*ret_number = (int)number;
	return CTL_OK;
}

static int take(const struct flag *flag, const char *value, struct ctl_call *call)
{
	char *at = (char *)call + flag->at;
	bool again = call->given & flag->bit && flag->kind != ARGUMENT;
	if (flag->kind == TEXT) /* some share a bit */
		again = *(const char **)(void *)at != NULL;
	if (again)
		return ctl_refuse("%s: given twice", flag->name);
	bool may_lack = flag->value[0] == '[';
	if (flag->kind != SWITCH && (value ? !*value : !may_lack))
		return ctl_refuse("%s: needs a value", flag->name);
	if (flag->kind == SWITCH && value)
		return ctl_refuse("%s: takes no value", flag->name);
	call->given |= flag->bit;
	if (flag->kind == TEXT)
		*(const char **)(void *)at = value;
	if (flag->kind == TIME && !ctl_time_parse(value, clock_unix_ms(), (int64_t *)(void *)at))
		return ctl_refuse("%s: no time like 2026-11-21T03:00Z, and no span like 90s, 30m, 2h or 3d",
		                  flag->name);
	return flag->kind == NUMBER && value ? take_number(flag, value, (int *)(void *)at) : CTL_OK;
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

static int refuse_flag(const struct ctl_call *call, const char *arg)
{
	char shown[SHOWN_BYTES];
	ctl_printable(arg, shown, sizeof shown);
	shown[strcspn(shown, "=")] = '\0'; /* what follows may be a secret in the wrong place */
	return ctl_refuse("%s: unknown flag %s", call->command->name, shown);
}

int ctl_args_parse(int argc, char **argv, int first, struct ctl_call *ret_call)
{
	struct ctl_call call = {.command = ret_call->command,
	                        .partitions = CTL_PARTITIONS,
	                        .timeout_s = CTL_TIMEOUT_S,
	                        .rate = CTL_RATE,
	                        .max_replays = CTL_MAX_REPLAYS,
	                        .watch_s = CTL_WATCH_S,
	                        .until_ms = INT64_MAX};
	bool only_arguments = false;
	int kept = first;
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
		if (!flag)
			return refuse_flag(&call, arg);
		char *value = strchr(arg, '=');
		if (value)
			value++;
		else if (flag->kind != SWITCH && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0)
			value = argv[++i];
		int status = take(flag, value, &call);
		if (status != CTL_OK)
			return status;
		if (flag->kind == ARGUMENT)
			argv[kept++] = value; /* never ahead of what is read */
	}
	call.arguments = (const char *const *)argv + first;
	call.argument_count = (size_t)(kept - first);
	call = ctl_renewed(&call);
	int status = check_count(&call);
	if (status == CTL_OK)
		*ret_call = call;
	return status;
}
