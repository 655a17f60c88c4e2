/* world: everything around a worker, in one process and in virtual time: a clock, Kafka, Redis, vendors, and pods that
 * run the real engine, delay and projector. Linked instead of libuv and of the adapters, so a test decides what happens
 * and when, and the same seed is the same story.
 *
 * One world at a time, one thread. All times are ms; clock_mono_ms is world->now_ms. Memory that runs out ends the
 * test. */
#ifndef VERIFYD_ENGINE_WORLD_H
#define VERIFYD_ENGINE_WORLD_H

#include "common/adapters/kafka_consumer.h"
#include "common/adapters/kafka_producer.h"
#include "common/adapters/kafka_watermark.h"
#include "common/base/list.h"
#include "workers/delay.h"
#include "workers/engine.h"
#include <stdio.h>

enum {
	WORLD_UNIX_MS = 1700000000, /* times 1000: what the wall clock shows at 0 */
	WORLD_MAX_PODS = 64,        /* in a world's whole life; the dead ones are counted */
	WORLD_PARTITIONS = 3,       /* of every topic */
	WORLD_KEY_BYTES = 48,
	SESSION_TIMEOUT_MS = 10000, /* after which a group forgets a member that is silent */
	VENDOR_TIMEOUT_MS = 2000,
	VENDOR_TOKEN_MS = 30000, /* how long a person may use the vendor's page */
	VENDOR_WATCHDOG_MS = 40000,
	VENDOR_MAX_A_DAY = 3,
	WORLD_BREAKER_FAILURES = 10,
	WORLD_PROBE_MS = 2000,
};

/* ---- what happened ---- */

enum note {
	NOTE_TAKEN,    /* a record was handed to a pod */
	NOTE_DONE,     /* a pod called kafka_record_done; on a record of a revoked partition too */
	NOTE_STORED,   /* the watermark moved to `offset` */
	NOTE_DROPPED,  /* kafka_record_drop */
	NOTE_SENT,     /* kafka_producer_send took it */
	NOTE_APPENDED, /* it stands in the log */
	NOTE_ACKED,    /* the sender was told so */
	NOTE_UNACKED,  /* the sender was told of a failure */
	NOTE_LEASE,    /* executed at Redis; number: enum lease */
	NOTE_KEPT,     /* an answer beside the lease */
	NOTE_RELEASED,
	NOTE_PUT,      /* executed at Redis; number: 1 when it was written */
	NOTE_CALL,     /* a vendor call left a pod */
	NOTE_ARRIVED,  /* it arrived at the vendor */
	NOTE_ANSWERED, /* its end was told to the pod; number: enum call_end, -1: the pod hung up */
	NOTE_CRASHED,
	NOTE_COUNT
};

struct noted {
	int64_t at_ms;
	enum note note;
	int pod;           /* its number; -1: nobody's */
	const char *topic; /* or the operation's name; constant; "" */
	char id[WORLD_KEY_BYTES];
	int64_t number;
};

/* ---- Kafka ---- */

struct log_header {
	char *name, *value;
	size_t value_len;
};

struct log_record {
	const char *topic;
	int32_t partition;
	int64_t offset, timestamp_ms;
	char *key, *value;
	size_t value_len;
	struct log_header *headers;
	size_t header_count;
	int sender; /* a pod's number; -1 */
};

/* What becomes of a message. Filled with "acked after 2 ms" before a plan is asked. */
struct send_plan {
	enum err_code refused;      /* not ERR_OK: kafka_producer_send says so, and nothing else happens */
	bool is_lost;               /* it never reaches the log */
	bool fails;                 /* its sender is told ERR_TIMEOUT, wherever it is */
	int64_t append_ms, tell_ms; /* after the send */
};

/* ---- Redis ---- */

/* What becomes of a command. Filled with "executed after 1 ms, answered after 2" before a plan is asked. */
struct command_plan {
	bool is_lost;   /* it is never executed */
	bool is_silent; /* no answer comes back: its sender gives up after REDIS_OP_TIMEOUT_MS */
	int64_t execute_ms, answer_ms;
};

/* ---- the vendor ---- */

enum call_end { CALL_ANSWERED, CALL_STATUS, CALL_RESET, CALL_REFUSED, CALL_SILENT };

/* What becomes of a call. Filled with "answered after 100 ms" before a plan is asked. */
struct call_plan {
	enum call_end end;
	bool acts; /* CALL_STATUS, CALL_RESET, CALL_SILENT: the vendor did what was asked all the same */
	int status;
	int64_t retry_after_ms;
	int64_t arrive_ms, end_ms; /* after the start */
	const char *body;          /* CALL_ANSWERED: in place of the vendor's own words; NULL */
};

enum { CASE_REFERENCES = 8 };

/* What the vendor knows of a verification. */
struct vendor_case {
	char id[ID_BYTES];
	int scores;    /* how often a score was bought */
	int initiates; /* pages that were opened */
	int sent;      /* initiates that arrived, or whose pod cannot know that they did not */
	int open;      /* calls of any kind that are on their way now */
	struct {
		char name[REFERENCE_BYTES];
		int64_t until_ms; /* monotonic */
		bool is_finished, is_approved;
	} reference[CASE_REFERENCES];
	struct vendor_case *next;
};

/* ---- pods ---- */

struct pod_options {
	bool scores, initiates, retrievals;
	size_t max_in_flight;
	int max_attempts;
	int64_t breaker_failures, probe_ms; /* 0: WORLD_BREAKER_FAILURES, WORLD_PROBE_MS */
	const struct tracer *tracer; /* NULL: nothing is traced */
	const struct delay_taker *taker; /* of delayed records that go to no topic; NULL: none */
};

struct pod {
	struct world *world;
	int number; /* in the order of their making */
	struct pod_options options;
	uv_loop_t loop;
	struct ports ports;
	struct engine *engines[OPERATION_COUNT]; /* by operation; NULL: not this pod's */
	struct delay *delay;
	struct projector *projector;
	struct list consumers, sends, commands, calls; /* what the adapters keep for it */
	bool is_crashing; /* it died inside what it is doing: nothing of it has an effect any more */
	bool is_gone;
	bool redis_up, redis_was_up;
	int64_t started_ms;
	int64_t redis_back_ms;   /* monotonic; 0: it was never away */
	int64_t redis_last_ms;   /* commands of a connection are executed in order */
	int64_t frozen_until_ms; /* SIGSTOP: what is for it waits */
	int64_t skew_ms;         /* of its wall clock */
	int drain;               /* a drain's phase; 0: none */
	int64_t drain_until_ms;
};

/* ---- the world ---- */

/* What a test may decide, and see. Every one may be NULL. */
struct world_hooks {
	void *ctx;
	void (*plan_send)(void *ctx, struct pod *pod, const struct kafka_message *message, struct send_plan *plan);
	void (*plan_command)(void *ctx, struct pod *pod, const char *what, const char *id, struct command_plan *plan);
	void (*plan_call)(void *ctx, struct pod *pod, const char *op, const struct vendor_case *item,
	                  struct call_plan *plan);
	void (*on_note)(void *ctx, const struct noted *noted);
	void (*on_append)(void *ctx, const struct log_record *record);
	/* Before a state is written to Redis. */
	void (*on_put)(void *ctx, struct pod *pod, const struct verification *state);
	void (*on_done)(void *ctx, struct pod *pod, const struct log_record *record);
	/* A pod passes a point at which it may be killed. Returns: whether it is. */
	bool (*crash)(void *ctx, struct pod *pod, const char *where);
};

struct world {
	int64_t now_ms;
	uint64_t random;
	uint64_t tokens; /* lease tokens given out */
	struct world_hooks hooks;
	struct pod *running; /* whose code runs; NULL: nobody's */
	struct pod *pods[WORLD_MAX_PODS];
	int pod_count;
	int64_t commit_every_ms;
	int vendor_timeout_ms; /* VENDOR_TIMEOUT_MS, until somebody sets it */
	struct config_rate rate[OPERATION_COUNT]; /* the vendor's quotas, until somebody sets them none */
	bool prints;
	struct noted *notes;
	size_t note_count, note_cap;
	struct seal_ring *ring;
	struct metrics *metrics;
	struct queue *queue;
	struct kafka *kafka;
	struct redis *redis;
	struct vendor_case *cases;
	struct list wire; /* vendor calls on their way, also of pods that are gone */
};

struct world *world_new(uint64_t seed);
void world_free(struct world *world); /* kills what is alive */

/* 0..below - 1 */
uint32_t world_roll(struct world *world, uint32_t below);
void *world_alloc(size_t bytes);                /* zeroed; never NULL */
char *world_copy(const void *data, size_t len); /* with a '\0' behind it */

/* Calls fn(ctx) after delay_ms, as code of `pod` (NULL: of the world). The handle is valid until then. */
struct moment;
struct moment *world_at(struct world *world, int64_t delay_ms, struct pod *pod, void (*fn)(void *ctx), void *ctx);
void world_cancel(struct moment *event); /* accepts NULL */
void world_run_for(struct world *world, int64_t ms);
void world_step(struct world *world); /* the next event */

void world_note(struct world *world, const struct pod *pod, enum note note, const char *topic, const char *id,
                int64_t number);
/* The nth note (from 0) of that kind about that id (NULL: any) and topic (NULL: any). Returns: its index; -1. */
int world_find(const struct world *world, enum note note, const char *topic, const char *id, int nth);
int world_count(const struct world *world, enum note note, const char *topic, const char *id);
int64_t world_when(const struct world *world, int index); /* of a note; fails the test when there is none */

/* Whether `pod` may still have an effect; asks the hook whether it dies here. NULL may. */
bool world_passes(struct pod *pod, const char *where);

/* ---- Kafka (world_kafka.c, world_consumer.c, world_producer.c) ---- */

void kafka_open(struct world *world);
void kafka_shut(struct world *world);
void kafka_set_up(struct world *world, bool up);
bool kafka_is_up(const struct world *world);
/* Writes a record at once. headers end with a NULL name. */
const struct log_record *kafka_put(struct world *world, const char *topic, const char *key, const void *value,
                                   size_t value_len, const struct kafka_header *headers);
const struct log_record *kafka_append(struct world *world, const struct kafka_message *message, int sender);
size_t kafka_partition_len(const struct world *world, const char *topic, int32_t partition);
const struct log_record *kafka_at(const struct world *world, const char *topic, int32_t partition, size_t offset);
/* The nth record of the topic with that key, or with a key that is that id and more. Returns: NULL when there is none.
 */
const struct log_record *kafka_of(const struct world *world, const char *topic, const char *id, int nth);
int kafka_count(const struct world *world, const char *topic, const char *id);
const char *kafka_header_of(const struct log_record *record, const char *name); /* NULL */
int64_t *kafka_committed(struct world *world, const char *group, const char *topic, int32_t partition);
bool kafka_all_done(struct world *world); /* every request, delayed record and result is committed by its group */
void kafka_wake_readers(struct world *world, const char *topic);
void kafka_rebalance(struct world *world, const char *group);
/* A pod was silent for longer than its session. */
void kafka_expel(struct pod *pod);
void kafka_leave(struct pod *pod);                                 /* its members say goodbye */
size_t kafka_out(const struct pod *pod, enum operation operation); /* records that engine has in hand */
void kafka_fail_sends(struct pod *pod); /* kafka_producer_close: what was not told is told as failed */
size_t kafka_sends(const struct pod *pod);

/* ---- Redis (world_redis.c, world_store.c) ---- */

void redis_open(struct world *world);
void redis_shut(struct world *world);
void redis_set_up(struct world *world, bool up); /* with what it held */
void redis_lose(struct world *world);            /* FLUSHALL: it is filled again after a while */
bool redis_answers(const struct world *world);
bool redis_is_whole(const struct world *world);
void redis_connect(struct pod *pod, int64_t after_ms);
void redis_disconnect(struct pod *pod); /* every pending command fails */
/* The state of an id. Returns: false when there is none that can be read. texts: may be NULL. */
bool redis_state(const struct world *world, const char *id, struct verification *ret,
                 struct verification_texts *ret_texts);
/* Another worker's lease, with the answer that it has kept (NULL: none). */
void redis_hold(struct world *world, const char *id, const char *token, int64_t ttl_ms, const char *answer, size_t len);
void redis_put_first(struct world *world, const char *id, const char *value, size_t len);

/* ---- the vendor (world_vendor.c) ---- */

extern const struct vendor world_vendor;
struct vendor_case *vendor_case_of(struct world *world, const char *id);
void vendor_shut(struct world *world);
void vendor_hang_up(struct pod *pod); /* its calls are gone */

/* ---- pods (world_pod.c) ---- */

struct pod *pod_start(struct world *world, const struct pod_options *options);
void pod_kill(struct pod *pod);                   /* SIGKILL: between two events, or inside what it is doing */
void pod_drain(struct pod *pod, int64_t for_ms);  /* SIGTERM */
void pod_freeze(struct pod *pod, int64_t for_ms); /* SIGSTOP, SIGCONT */
void pod_bury(struct pod *pod);                   /* the world's: after an event in which it died */

/* ---- requests ---- */

enum { ID_TEXT_BYTES = ID_BYTES, WORLD_REFUSED_PERSON = 999 }; /* of whom the vendor builds no call */
void world_id(int number, char out[ID_TEXT_BYTES]);
/* A record of the kind's first operation. person: whose journey it is (question). deadline_ms: unix; 0: none. */
void world_ask(struct world *world, enum kind kind, const char *id, int person, int64_t deadline_ms);
/* As ingress does when the person comes back or the vendor calls: a retrieval with the state that Redis has. */
bool world_retrieve(struct world *world, const char *id, enum cause cause);
/* As `verifyctl dead replay` does with a dead letter. */
void world_replay(struct world *world, const struct log_record *dead);
int64_t world_unix_ms(const struct world *world);

#endif
