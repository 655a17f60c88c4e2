/* verifyctl: the operators' tool. This file is the table of commands, and the way from a command line to one of them.
 */
#include "common/base/log.h"
#include "ctl/ctl.h"
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM CTL_PROGRAM

static const struct ctl_command commands[] = {
        {"topics create", "", "make the Kafka topics that are missing; those that are there stay as they are", "",
         CTL_FLAG_PARTITIONS | CTL_FLAG_TIMEOUT, 0, 0, CTL_NEEDS_KAFKA, ctl_topics_create},
        {"topics check", "", "compare the Kafka topics with what verifyd needs",
         "Exit 1 when something has to be changed.\n", CTL_FLAG_TIMEOUT, 0, 0, CTL_NEEDS_KAFKA, ctl_topics_check},
        {"get", "ID", "show one verification: state, answer, and how long each step took",
         "The state comes from Redis; when Redis has none or is away, from Kafka's results.\n"
         "Exit 1 when nothing is known of the id.\n",
         CTL_FLAG_JSON | CTL_FLAG_TIMEOUT, 1, 1, CTL_NEEDS_KAFKA | CTL_NEEDS_REDIS, ctl_get},
        {"decide", "ID", "give the verdict of a person, where the vendor leaves it open",
         "For a journey that is being checked, or died while it was (an unknown vendor status, a vendor that never "
         "decided).\n"
         "Stored with the verdict: who, when and why; `get` shows it. What is completed is never changed.\n"
         "Exit 1 when it was not recorded.\n",
         CTL_FLAG_VERDICT | CTL_FLAG_REASON | CTL_FLAG_BY | CTL_FLAG_JSON | CTL_FLAG_TIMEOUT, 1, 1,
         CTL_NEEDS_KAFKA | CTL_NEEDS_REDIS, ctl_decide},
        {"dead list", "[ID...]", "list the dead letters, newest last, one line per id",
         "Ids that are not dead any more are hidden, unless --all. --limit leaves the newest. Holds at most two "
         "million "
         "ids.\n",
         CTL_FLAG_ALL | CTL_FLAGS_FILTER | CTL_FLAG_ID | CTL_FLAG_LIMIT | CTL_FLAG_JSON | CTL_FLAG_TIMEOUT, 0,
         CTL_IDS_MAX, CTL_NEEDS_KAFKA | CTL_NEEDS_REDIS, ctl_dead_list},
        {"dead show", "ID", "show all that is known of one dead letter, and what a replay would do",
         "Nothing of the person is in it. Exit 1 when there is no dead letter of the id.\n",
         CTL_FLAG_JSON | CTL_FLAG_MAX_REPLAYS | CTL_FLAG_TIMEOUT, 1, 1, CTL_NEEDS_KAFKA | CTL_NEEDS_REDIS,
         ctl_dead_show},
        {"dead replay", "[ID...]", "put dead letters back to work and wait until Kafka has them",
         "Needs ids, or a filter: --vendor, --class, --since, --until; of each id the newest letter counts. Skipped: "
         "what is\n"
         "not dead now; what was replayed and has not been worked on yet; what was replayed --max-replays times; "
         "records "
         "that\n"
         "cannot be read; and those whose deadline has passed, because nobody waits for them (see --include-stale).\n"
         "Cut off in the middle, the same command goes on with the rest. --limit takes those that failed first.\n"
         "Exit 0: all done. Exit 1: one that was named was skipped, one failed, or stale, unreadable or too often "
         "replayed\n"
         "ones are left of a filter's selection. Exit 2: bad usage.\n",
         CTL_FLAGS_FILTER | CTL_FLAG_ID | CTL_FLAG_LIMIT | CTL_FLAG_RATE | CTL_FLAG_DRY_RUN | CTL_FLAG_MAX_REPLAYS |
                 CTL_FLAG_INCLUDE_STALE | CTL_FLAG_JSON | CTL_FLAG_TIMEOUT,
         0, CTL_IDS_MAX, CTL_NEEDS_KAFKA | CTL_NEEDS_REDIS, ctl_dead_replay},
        {"cache rebuild", "", "have a worker fill Redis again from Kafka's results, and follow it until it is whole",
         "After a restore of Redis from a backup, or when in doubt; what is there stays. Until it is whole no initiate "
         "is\n"
         "sent, and ids that Redis lacks are pending. When it is being filled already, this follows it. The worker "
         "goes on\n"
         "when this command ends. Waits 30 minutes, unless --timeout says otherwise.\n"
         "Exit 1 when it was not whole by then.\n",
         CTL_FLAG_JSON | CTL_FLAG_TIMEOUT, 0, 0, CTL_NEEDS_KAFKA | CTL_NEEDS_REDIS, ctl_cache_rebuild},
        {"status", "", "what happens now: rates, lag, quota, breakers, dead letters, workers",
         "One screen, after a look of about two seconds. What Redis or Kafka cannot tell is shown as unknown.\n"
         "Exit 0 when all is well; 1 when somebody should look: a breaker is open, letters died in the last hour,\n"
         "nobody serves a class, Redis is not whole, or Redis or Kafka is away.\n",
         CTL_FLAG_WATCH | CTL_FLAG_JSON, 0, 0, CTL_NEEDS_KAFKA | CTL_NEEDS_REDIS, ctl_status},
        {"doctor", "", "check settings, Kafka, Redis, clocks, certificates, vendors and workers, and say what to mend",
         "One line for each thing that was looked at: ok, note, skipped, warning or error; with the setting or command "
         "that "
         "mends it.\n"
         "Changes nothing, and makes no vendor call: vendors are reached up to the TLS handshake. What belongs to "
         "ingress "
         "and\n"
         "worker is checked as far as their settings are in this environment. --timeout is for each check.\n"
         "Exit 0: good (notes do not count). Exit 1: warnings or errors. Exit 2: bad usage, or verifyctl's own "
         "settings.\n",
         CTL_FLAG_JSON | CTL_FLAG_TIMEOUT, 0, 0, CTL_NEEDS_KAFKA | CTL_NEEDS_REDIS, ctl_doctor},
        {"plan", "", "how large an installation has to be for a burst once a day, and what the burst does to people",
         "Pods, partitions, queue and longest wait at the quota, Redis memory, Kafka bytes, cost, and what the "
         "bottleneck "
         "is.\n"
         "Reaches nothing and needs no settings. docs/capacity.md has the formulas, and a run that was measured.\n",
         CTL_FLAG_PLAN | CTL_FLAG_JSON, 0, 0, CTL_NEEDS_NOTHING, ctl_plan},
        {"keys new", "", "make new keys, and a file that sets the variables which name them",
         "Makes DIR when it is not there. Never overwrites a file. Needs no settings.\n", CTL_FLAG_OUT, 0, 0,
         CTL_NEEDS_NOTHING, ctl_keys_new},
        {"policy render", "",
         "make the custom policies of a tenant of Azure AD B2C from a settings file, or check some",
         "With --settings and --out: makes them (again), names the policy keys to create and the order of upload.\n"
         "With --check: well-formed, every reference resolves (in the policies themselves, --out's and --base's), ids "
         "are\n"
         "unique, steps are counted, placeholders are filled in, URLs are https, REST profiles authenticate. Exit 1 "
         "when not.\n",
         CTL_FLAGS_POLICY, 0, 0, CTL_NEEDS_NOTHING, ctl_policy_render},
        {"config check", "", "check the settings that this environment holds for each program",
         "Exit 2 when one of them would refuse to start.\n", 0, 0, 0, CTL_NEEDS_NOTHING, ctl_config_check},
        {"config schema", "", "print the settings that are no secrets as a JSON schema", "", 0, 0, 0, CTL_NEEDS_NOTHING,
         ctl_config_schema},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_help(void)
{
	(void)puts(PROGRAM ": looks after verifyd's topics, verifications, dead letters, keys and settings\n\n"
	                   "Usage: " PROGRAM " COMMAND [ARGUMENT]...\n\nCommands");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		(void)printf("  %-14s %-7s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
	(void)puts("\n" PROGRAM " COMMAND --help shows a command's flags. " PROGRAM
	           " --version, --print-config (settings and\n"
	           "where they come from, secrets masked).\n\n"
	           "Exit status: 0 done, 1 not or not all of it done, 2 bad usage or settings.\n\n"
	           "Settings are environment variables; a secret may instead be read from a file that "
	           "VERIFYD_<NAME>_FILE names.\n"
	           "Logs are off unless VERIFYD_LOG_LEVEL is set.\n");
	config_print_help(CONFIG_CTL, stdout);
}

/* Refuses the first word of a command of two: whoever wrote it alone is told what may follow. */
static void refuse_word(const char *word)
{
	char shown[40], choices[80] = "";
	size_t word_len = strlen(word), used = 0;
	ctl_printable(word, shown, sizeof shown);
	for (size_t i = 0; i < COMMAND_COUNT && used < sizeof choices; i++) {
		const char *name = commands[i].name;
		if (word_len > 0 && strncmp(name, word, word_len) == 0 && name[word_len] == ' ')
			used += (size_t)snprintf(choices + used, sizeof choices - used, "%s%s", used ? ", " : "",
			                         name + word_len + 1);
	}
	if (used > 0)
		(void)ctl_refuse("%s: needs one of: %s", shown, choices);
	else
		(void)ctl_refuse("%s: unknown command", shown);
}

/* Returns: the command that argv begins with, and the index after its name; NULL after a line on stderr. */
static const struct ctl_command *find_command(int argc, char **argv, int *ret_next)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		const char *name = commands[i].name;
		size_t first = strcspn(name, " ");
		if (strncmp(name, argv[1], first) != 0 || argv[1][first] != '\0')
			continue;
		if (name[first] == '\0' || (argc > 2 && strcmp(name + first + 1, argv[2]) == 0)) {
			*ret_next = name[first] ? 3 : 2;
			return &commands[i];
		}
	}
	refuse_word(argv[1]);
	return NULL;
}

/* The user hears what matters from the command itself, so logs are off unless they were asked for. */
static void start_logging(const struct config *config)
{
	const char *asked = getenv("VERIFYD_LOG_LEVEL");
	enum log_level level = LOG_ERROR;
	if (config && asked && *asked)
		level = (enum log_level)config_choice(config, CONFIG_LOG_LEVEL);
	log_init(PROGRAM, level);
}

/* Opens what the command needs, runs it, closes. */
static int run(struct ctl_call *call)
{
	struct config *config = NULL;
	struct err err = {0};
	int status = call->command->needs ? ctl_settings_load(call->command->needs, &config) : CTL_OK;
	if (status != CTL_OK)
		return status;
	start_logging(config);
	call->config = config;
	if (call->command->needs && kafka_client_new(config, PROGRAM, &call->kafka, &err) != ERR_OK)
		status = ctl_refuse("%s", err.msg);
	else
		status = call->command->run(call);
	kafka_client_free(call->kafka);
	config_free(config);
	return status;
}

/* verifyctl's own settings; `config check` is about those of every program. */
static int show_config(bool print)
{
	struct config *config;
	int status = ctl_settings_load(CTL_NEEDS_KAFKA | CTL_NEEDS_REDIS, &config);
	if (status != CTL_OK)
		return status;
	if (print)
		config_print(config, stdout);
	else
		(void)puts("configuration is complete");
	config_free(config);
	return CTL_OK;
}

static bool help_is_asked(int argc, char **argv, int first)
{
	for (int i = first; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int dispatch(int argc, char **argv)
{
	int next = 0;
	if (argc < 2)
		return ctl_refuse("a command is missing");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_help();
		return CTL_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts(PROGRAM " " VERIFYD_VERSION);
		return CTL_OK;
	}
	if (strcmp(argv[1], "--check-config") == 0 || strcmp(argv[1], "--print-config") == 0)
		return show_config(strcmp(argv[1], "--print-config") == 0);
	const struct ctl_command *command = find_command(argc, argv, &next);
	if (!command)
		return CTL_USAGE;
	if (help_is_asked(argc, argv, next)) {
		ctl_args_help(command);
		return CTL_OK;
	}
	struct ctl_call call = {.command = command};
	int status = ctl_args_parse(argc, argv, next, &call);
	return status == CTL_OK ? run(&call) : status;
}

int main(int argc, char **argv)
{
	/* A closed pipe or socket is an error of a write, not the end of the program. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return ctl_fail("cannot ignore SIGPIPE");
	json_object_seed(0);
	int status = dispatch(argc, argv);
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == CTL_OK)
		status = ctl_fail("standard output could not be written");
	return status;
}
