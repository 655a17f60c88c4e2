/* ctl: what the commands of verifyctl share: how one is described, what it is called with, and where it finds states.
 *
 * Results go to stdout, problems to stderr, in one line each. Exit status: 0 done, 1 not (or not all of it) done, 2 bad
 * usage or settings. Nothing here shows what identifies a person. */
#ifndef VERIFYD_CTL_H
#define VERIFYD_CTL_H

#include "common/adapters/kafka_client.h"
#include "common/base/buf.h"
#include "common/domain/verification.h"

enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };
enum {
	CTL_TIMEOUT_S = 10,
	CTL_TIMEOUT_MAX_S = 600,
	CTL_PARTITIONS = 12,
	CTL_PARTITIONS_MAX = 1000,
	CTL_IDS_MAX = 1000
};
enum { CTL_REDIS_WAIT_MS = 2000 }; /* without any answer; then Redis counts as away */

/* Flags that a command may take: bits of ctl_command.flags, and of ctl_call.given. */
enum ctl_flag {
	CTL_FLAG_ALL = 1,
	CTL_FLAG_INCLUDE_STALE = 2,
	CTL_FLAG_JSON = 4,
	CTL_FLAG_OUT = 8,
	CTL_FLAG_PARTITIONS = 16,
	CTL_FLAG_TIMEOUT = 32,
};

/* What has to be set and at hand before a command runs. */
enum ctl_need { CTL_NEEDS_NOTHING = 0, CTL_NEEDS_KAFKA = 1, CTL_NEEDS_REDIS = 2 };

struct ctl_call;

struct ctl_command {
	const char *name;      /* "dead list": one or two words */
	const char *arguments; /* as the help shows them; "" for none */
	const char *summary;   /* one line */
	const char *details;   /* further lines of its --help, each ended by '\n'; "" for none */
	unsigned flags;        /* of enum ctl_flag */
	size_t min_arguments, max_arguments;
	unsigned needs; /* of enum ctl_need; with Redis goes Kafka */
	int (*run)(const struct ctl_call *call);
};

struct ctl_call {
	const struct ctl_command *command;
	unsigned given;      /* of enum ctl_flag */
	const char *out;     /* --out */
	int partitions;      /* --partitions, or its default */
	int64_t deadline_ms; /* clock_mono_ms() at which the command gives up; from --timeout */
	const char *const *arguments;
	size_t argument_count;
	const struct config *config; /* NULL for a command that needs nothing */
	struct kafka_client *kafka;  /* likewise */
};

/* One line on stderr. ctl_refuse adds where the help is. Returns: CTL_FAILED; CTL_USAGE. */
int ctl_fail(const char *fmt, ...) PRINTF_FMT(1, 2);
int ctl_refuse(const char *fmt, ...) PRINTF_FMT(1, 2);

/* ctl_fail for what Kafka did not do: what was tried, why it failed, and which brokers did not answer. */
int ctl_fail_kafka(const struct ctl_call *call, const char *what, enum err_code code, const struct err *err);

/* Returns: what is left of the command's time, 1 ms at least, so that it can be passed on as a time limit. */
int ctl_left_ms(const struct ctl_call *call);

/* Copies text; what could steer a terminal or break a line becomes '?'. A longer text is cut. cap > 0. */
void ctl_printable(const char *text, char *out, size_t cap);

/* Says how the arguments should look when one of them is no id. Returns: CTL_OK; CTL_USAGE. */
int ctl_check_ids(const struct ctl_call *call);

/* ---- command line (ctl_args.c) ---- */

/* Reads argv[first..argc) as flags and arguments of ret_call->command. "--help" is not known here.
 * Returns: CTL_OK with *ret_call filled, its arguments in front of argv[first..argc); CTL_USAGE after a line on stderr.
 */
int ctl_args_parse(int argc, char **argv, int first, struct ctl_call *ret_call);
void ctl_args_help(const struct ctl_command *command);

/* ---- settings (ctl_settings.c) ---- */

/* Loads what `needs` asks for; every complaint is a line on stderr.
 * Returns: CTL_OK and *ret_config, ended by config_free; CTL_USAGE; CTL_FAILED. */
int ctl_settings_load(unsigned needs, struct config **ret_config);

/* ---- states ---- */

struct ctl_state {
	bool there;
	struct verification verification;
};

/* Asks Redis for the states of ids (of valid shape). states[i] belongs to ids[i] and must start zeroed.
 * Returns: ERR_OK; ERR_UNAVAILABLE, ERR_TIMEOUT (then some may be filled); ERR_INVALID (the URL); ERR_NO_MEMORY;
 * ERR_IO. Blocks: until all are answered, or CTL_REDIS_WAIT_MS passed without an answer, or the command's time is up.
 */
enum err_code ctl_redis_states(const struct ctl_call *call, const char *const *ids, size_t count,
                               struct ctl_state *states, struct err *err) WARN_UNUSED;

/* Looks up the ids that are not there yet in Kafka's `results`: one partition for one id, all of them for more.
 * count <= CTL_IDS_MAX. Returns: as kafka_scan.   Blocks: as long as the command has time. */
enum err_code ctl_results_states(const struct ctl_call *call, const char *const *ids, size_t count,
                                 struct ctl_state *states, struct err *err) WARN_UNUSED;

/* ---- commands ---- */

int ctl_topics_create(const struct ctl_call *call);
int ctl_topics_check(const struct ctl_call *call);
int ctl_get(const struct ctl_call *call);
int ctl_dead_list(const struct ctl_call *call);
int ctl_dead_replay(const struct ctl_call *call);
int ctl_cache_rebuild(const struct ctl_call *call);
int ctl_keys_new(const struct ctl_call *call);
int ctl_config_check(const struct ctl_call *call);

#endif
