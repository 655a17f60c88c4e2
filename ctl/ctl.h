/* ctl: what the commands of verifyctl share: how one is described, what it is called with, and where it finds states.
 *
 * Results go to stdout, problems to stderr, in one line each. Exit status: 0 done, 1 not (or not all of it) done, 2 bad
 * usage or settings. Nothing here shows what identifies a person. */
#ifndef VERIFYD_CTL_H
#define VERIFYD_CTL_H

#include "common/adapters/kafka_client.h"
#include "common/base/buf.h"
#include "common/domain/verification.h"
#include "ctl/ctl_plan.h"

#define CTL_PROGRAM "verifyctl"

enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };
enum {
	CTL_TIMEOUT_S = 10,
	CTL_TIMEOUT_MAX_S = 600,
	CTL_PARTITIONS = 12,
	CTL_PARTITIONS_MAX = 1000,
	CTL_IDS_MAX = 1000,
	CTL_RATE = 100,
	CTL_RATE_MAX = 100000,
	CTL_LIMIT_MAX = 100000000,
	CTL_MAX_REPLAYS = 3,
	CTL_MAX_REPLAYS_MAX = 1000,
	CTL_WATCH_S = 2,
	CTL_WATCH_MAX_S = 3600
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
	CTL_FLAG_VENDOR = 64,
	CTL_FLAG_CLASS = 128,
	CTL_FLAG_SINCE = 256,
	CTL_FLAG_UNTIL = 512,
	CTL_FLAG_ID = 1024, /* may be given again; each is one more argument */
	CTL_FLAG_LIMIT = 2048,
	CTL_FLAG_RATE = 4096,
	CTL_FLAG_DRY_RUN = 8192,
	CTL_FLAG_MAX_REPLAYS = 16384,
	CTL_FLAG_VERDICT = 32768,
	CTL_FLAG_REASON = 65536,
	CTL_FLAG_BY = 131072,
	CTL_FLAG_WATCH = 262144,
	CTL_FLAG_SETTINGS = 524288,
	CTL_FLAG_CHECK = 1048576,
	CTL_FLAG_BASE = 2097152,
	CTL_FLAG_SCHEMA = 4194304,
	CTL_FLAG_LOOPBACK_HTTP = 8388608,
	CTL_FLAG_PLAN = 16777216, /* all flags of ctl/plan_flags.def */
	CTL_FLAGS_POLICY = CTL_FLAG_SETTINGS | CTL_FLAG_OUT | CTL_FLAG_CHECK | CTL_FLAG_BASE | CTL_FLAG_SCHEMA | CTL_FLAG_LOOPBACK_HTTP,
	CTL_FLAGS_FILTER = CTL_FLAG_VENDOR | CTL_FLAG_CLASS | CTL_FLAG_SINCE | CTL_FLAG_UNTIL,
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
	const char *settings, *check, *base, *schema; /* of policy render; NULL: not given */
	const char *vendor, *class, *verdict, *reason, *by; /* NULL: not given */
	const char *plan[PLAN_FLAG_COUNT]; /* NULL: not given */
	int partitions, timeout_s, rate, limit, max_replays, watch_s; /* or their defaults; limit 0: none */
	int64_t since_ms, until_ms;                          /* unix ms; 0, INT64_MAX: not given */
	int64_t deadline_ms; /* clock_mono_ms() at which the command gives up; from --timeout */
	const char *const *arguments;
	size_t argument_count;
	const struct config *config; /* NULL for a command that needs nothing */
	struct kafka_client *kafka;  /* likewise */
};

/* Ends the document and writes it as one line to stdout. text: the buffer that it was begun with; ended here. Returns: CTL_OK;
 * CTL_FAILED after a line on stderr. */
struct json_out;
int ctl_print_json(struct json_out *json, struct buf *text);

/* One line on stderr. ctl_refuse adds where the help is. Returns: CTL_FAILED; CTL_USAGE. */
int ctl_fail(const char *fmt, ...) PRINTF_FMT(1, 2);
int ctl_refuse(const char *fmt, ...) PRINTF_FMT(1, 2);

/* ctl_fail for what Kafka did not do: what was tried, why it failed, and which brokers did not answer. */
int ctl_fail_kafka(const struct ctl_call *call, const char *what, enum err_code code, const struct err *err);

/* Returns: what is left of the command's time, 1 ms at least, so that it can be passed on as a time limit. */
int ctl_left_ms(const struct ctl_call *call);

/* Returns: the call with all of its time before it again: for what takes as long as it gets on. */
struct ctl_call ctl_renewed(const struct ctl_call *call);

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

/* What `config check` does for one program (ctl_config.c): every mistake becomes a line, as config_read's, and so does what
 * only looks right to the settings' table. Returns: ERR_OK, *ret_config for looking at, ended by config_free, and how many
 * mistakes there are; ERR_NO_MEMORY. */
enum err_code ctl_config_examine(enum config_program program, FILE *lines, struct config **ret_config,
                                 int *ret_mistakes) WARN_UNUSED;

/* ---- states ---- */

struct ctl_state { /* zeroed: nothing is known. Ended by ctl_state_fini */
	bool there;
	struct verification verification;
	struct verification_decision decision;
	struct verification_texts texts;
};
void ctl_state_fini(struct ctl_state *state);

/* Takes what stands above the state that is there; a value that cannot be read, or is another id's, is left out: whoever
 * reads the others in their order has the truth. */
void ctl_state_take(struct ctl_state *state, const char *id, const char *value, size_t len);

/* Asks Redis for the states of ids (of valid shape). on_value comes once for each id in their order; value NULL: Redis has
 * none. Returns: ERR_OK; ERR_UNAVAILABLE, ERR_TIMEOUT (then it came for the first ones only); ERR_INVALID (the URL);
 * ERR_NO_MEMORY; ERR_IO. Blocks: until all are answered, or CTL_REDIS_WAIT_MS passed without an answer. */
typedef void (*ctl_redis_fn)(void *ctx, size_t index, const char *value, size_t len);
enum err_code ctl_redis_each(const struct ctl_call *call, const char *const *ids, size_t count, ctl_redis_fn on_value,
                             void *ctx, struct err *err) WARN_UNUSED;

/* Reads Kafka's `results`: the partition of `id`, or all of them when it is NULL; on_value comes for each record of an id (of
 * that one), in the order in which they stand. Returns: as kafka_scan. Blocks: until nothing came for the command's time. */
typedef void (*ctl_results_fn)(void *ctx, const char *id, const char *value, size_t len);
enum err_code ctl_results_each(const struct ctl_call *call, const char *id, ctl_results_fn on_value, void *ctx,
                               struct err *err) WARN_UNUSED;

/* Finds the state of one id: in Redis, else in `results`. ret_state must start zeroed. Returns: ERR_OK, also when nothing is
 * known; what ctl_results_each returns. ret_redis_err->msg tells why Redis did not answer, "" when it did. Blocks: both. */
enum err_code ctl_find_state(const struct ctl_call *call, const char *id, struct ctl_state *ret_state, bool *ret_from_redis,
                             struct err *ret_redis_err, struct err *err) WARN_UNUSED;

/* ---- commands ---- */

int ctl_topics_create(const struct ctl_call *call);
int ctl_topics_check(const struct ctl_call *call);
int ctl_get(const struct ctl_call *call);
int ctl_decide(const struct ctl_call *call);
int ctl_dead_list(const struct ctl_call *call);
int ctl_dead_show(const struct ctl_call *call);
int ctl_dead_replay(const struct ctl_call *call);
int ctl_cache_rebuild(const struct ctl_call *call);
int ctl_status(const struct ctl_call *call);
int ctl_keys_new(const struct ctl_call *call);
int ctl_policy_render(const struct ctl_call *call);
int ctl_config_check(const struct ctl_call *call);
int ctl_config_schema(const struct ctl_call *call);
int ctl_doctor(const struct ctl_call *call);
int ctl_plan(const struct ctl_call *call);

#endif
