/* status: what is known of the whole, for `verifyctl status` and the console: read from Redis (what workers say, breakers,
 * whether the cache is whole) and from Kafka (how far each group is, the dead letters of a day), and summed up. Whatever
 * cannot be seen is said to be unknown; nothing is guessed. */
#ifndef VERIFYD_STATUS_H
#define VERIFYD_STATUS_H

#include "common/adapters/kafka_client.h"
#include "common/base/buf.h"
#include "common/base/config.h"
#include "common/domain/ingress_status.h"
#include "common/domain/worker_status.h"

enum {
	STATUS_TEXT_MAX_BYTES = 1 << 20,
	STATUS_WHY_BYTES = 160,
	STATUS_REASON_BYTES = 40,
	STATUS_FINDINGS_MAX = 16,
	STATUS_WORKERS_SHOWN = 100, /* as text; JSON has all */
	STATUS_DEAD_READ = 10000,   /* dead letters that are looked into; how many there are is known without */
};

/* One worker as it said it last, and how much it had done some time before. */
struct status_worker {
	char name[WORKER_NAME_BYTES];
	struct worker_status now, before; /* before: of the same start; its at_ms 0: there is none */
	struct worker_status between;     /* one from between these two: the next `before` */
	bool is_fresh;                    /* else it hangs, or is gone without a goodbye */
};

struct status_workers {
	struct status_worker *list;
	size_t count, cap;
};

/* The same of an ingress. */
struct status_ingress {
	char name[WORKER_NAME_BYTES];
	struct ingress_status now, before, between;
	bool is_fresh;
};

struct status_ingresses {
	struct status_ingress *list;
	size_t count, cap;
};

struct status_breaker {
	bool is_open;
	int64_t since_ms, next_probe_ms; /* unix ms; 0: not told */
	char reason[STATUS_REASON_BYTES]; /* printable */
};

struct status_redis {
	bool is_up;
	char why[STATUS_WHY_BYTES]; /* !is_up */
	int64_t now_ms;             /* its clock */
	bool whole_known, is_whole;
	bool is_filled;             /* somebody fills it now */
	int64_t filled, to_fill;    /* is_filled: records that were read, of how many; to_fill 0: not told */
	struct status_breaker breakers[OPERATION_COUNT];
};

struct status_kafka {
	bool is_up;
	char why[STATUS_WHY_BYTES]; /* !is_up */
	struct {
		bool has_committed; /* somebody has worked on it in the last days */
		int64_t lag;
	} classes[OPERATION_COUNT];
	int64_t delayed;       /* records in the delay topics */
	int64_t projector_lag; /* results that Redis may lack */
	bool dead_known;
	char dead_why[STATUS_WHY_BYTES];        /* !dead_known */
	int64_t dead_day;                       /* of the last 24 h */
	int64_t dead_read;                      /* of these, the newest that were looked into: by_class counts them */
	int64_t dead_by_class[OPERATION_COUNT + 1]; /* the last: poison, or of a class that this version does not know */
	int64_t dead_hour;                      /* of those that were looked into */
};

enum status_drain {
	DRAIN_NOTHING, /* nothing waits */
	DRAIN_SECONDS,
	DRAIN_UNKNOWN, /* no quota, and nothing is being done that could be measured; or the lag is not known */
	DRAIN_STANDS,  /* nobody works on it, or the breaker is open */
};

/* One class, of the whole fleet. */
struct status_class {
	enum operation operation;
	bool is_used;   /* somebody serves it or did, or something waits in it; or Kafka is away, and who knows */
	size_t workers; /* fresh ones that serve it */
	struct worker_class sum; /* of them; partitions are not summed */
	bool lag_known;
	int64_t lag;    /* Kafka's; where it is away, what the workers say */
	bool rates_known;
	double taken_s, calls_s, completed_s, retried_s, dead_s; /* a second, over the time between two looks */
	int64_t took[WORKER_TOOK_BUCKETS]; /* rates_known: vendor calls that ended between two looks: worker_took_ms */
	enum status_drain drain;
	int64_t drain_s;
	const struct status_breaker *breaker; /* NULL: not known */
};

struct status_finding {
	const char *code; /* a word for scripts */
	enum operation operation; /* whose it is; OPERATION_COUNT: of none */
	char text[STATUS_WHY_BYTES];
};

/* All fresh ingresses together. */
struct status_callers {
	size_t ingresses;
	int64_t held; /* calls that wait for their answer */
	bool rates_known;
	double answered_s, failed_s, accepted_s, joined_s, refused_s, limited_s; /* a second, between two looks */
};

struct status_sum {
	struct status_callers callers;
	struct status_class classes[OPERATION_COUNT];
	struct status_finding findings[STATUS_FINDINGS_MAX];
	size_t finding_count; /* none: healthy */
};

struct status_picture {
	struct status_redis redis;
	struct status_workers workers;
	struct status_ingresses ingresses;
	struct status_kafka kafka;
	struct status_sum sum;
};

/* ---- reading (status_read.c) ---- */

/* Notes what a worker said: `text` is its status as it stands in Redis. What cannot be read is left out.
 * Returns: ERR_OK; ERR_NO_MEMORY. */
enum err_code status_note_worker(struct status_workers *workers, const char *name, const char *text, size_t len);
enum { STATUS_SPAN_MS = 1500 }; /* rates are of a longer time than that, however often somebody looks */

/* Before the next look: what is known now becomes what was known before, once STATUS_SPAN_MS have passed. */
void status_begin_look(struct status_workers *workers);
/* After it: forgets who was not seen in it, and says who is fresh at now_ms. */
void status_end_look(struct status_workers *workers, int64_t now_ms);
void status_workers_fini(struct status_workers *workers);

/* The same of ingresses (status_ingress.c). */
enum err_code status_note_ingress(struct status_ingresses *ingresses, const char *name, const char *text, size_t len);
void status_begin_ingresses(struct status_ingresses *ingresses);
void status_end_ingresses(struct status_ingresses *ingresses, int64_t now_ms);
void status_ingresses_fini(struct status_ingresses *ingresses);
void status_sum_ingresses(const struct status_ingresses *ingresses, struct status_callers *ret_callers);

/* Reads a breaker's text, "open <since> <next probe> <reason>". Anything else that stands there is an open one of which no
 * more is known: closed ones have no text. */
void status_read_breaker(const char *text, size_t len, struct status_breaker *ret_breaker);
/* Reads what a rebuild says of its progress; what cannot be read says nothing. */
void status_read_progress(const char *text, struct status_redis *redis);

/* ---- asking ---- */

enum { STATUS_REDIS_MS = 2000 }; /* without any answer; then Redis counts as away */

/* Redis, over one connection and a loop of its own (status_redis.c). hears_signals: SIGINT and SIGTERM end its waiting; for
 * a program that has no other loop. Returns: ERR_OK and *ret_link, ended by status_redis_close;
 * ERR_INVALID (the URL); ERR_IO; ERR_NO_MEMORY. */
struct status_link;
enum err_code status_redis_open(const struct config *config, bool hears_signals, struct status_link **ret_link,
				struct err *err) WARN_UNUSED;
/* Fills redis, workers and ingresses. Blocks: STATUS_REDIS_MS and a second more, at most. */
void status_redis_look(struct status_link *link, struct status_picture *picture);
/* Waits; false: it is to end, by a signal or by status_redis_stop, now or before. */
bool status_redis_wait(struct status_link *link, int wait_ms);
/* Ends a look and all waiting, soon. Thread: any. */
void status_redis_stop(struct status_link *link);
void status_redis_close(struct status_link *link); /* accepts NULL */

/* Kafka, by handles that join nothing (status_kafka.c). Returns: as kafka_backlogs_new. */
struct status_reader;
enum err_code status_kafka_open(const struct kafka_client *kafka, struct status_reader **ret_reader,
				struct err *err) WARN_UNUSED;
/* Fills kafka; now_ms: unix ms. The dead letters are read anew when the last reading is older than STATUS_DEAD_AGE_MS: what
 * they cost is bounded by STATUS_DEAD_READ and STATUS_DEAD_MS. Blocks: timeout_ms + STATUS_DEAD_MS and a second, at most. */
enum { STATUS_KAFKA_MS = 5000, STATUS_DEAD_MS = 3000, STATUS_DEAD_AGE_MS = 15000 };
void status_kafka_look(struct status_reader *reader, int64_t now_ms, int timeout_ms, struct status_kafka *kafka);
void status_kafka_close(struct status_reader *reader); /* accepts NULL */

/* ---- summing up (status_sum.c): pure ---- */

/* How long until `lag` requests are done: at limit per period_ms when that is above 0, else at `rate` a second. */
enum status_drain status_drain(int64_t lag, int64_t limit, int64_t period_ms, double rate, int64_t *ret_seconds);
void status_sum_up(struct status_picture *picture);

/* ---- showing: pure; ERR_LIMIT, ERR_NO_MEMORY ---- */

/* One JSON document, without a line's end; docs/operations.md says what is in it. */
enum err_code status_json(const struct status_picture *picture, struct buf *out) WARN_UNUSED;
/* A span as "45s", "3m 20s", "2h 05m", "3d 4h". */
enum { STATUS_SPAN_BYTES = 24 };
void status_span(int64_t seconds, char out[STATUS_SPAN_BYTES]);

#endif
