/* desk_internal: what the parts of the desk share: desk.c (life, inbox, waiting), desk_intake.c (a new score),
 * desk_journey.c (a new journey), desk_visit.c (reading, the person's and the vendor's visits), desk_key.c (a question with
 * an Idempotency-Key), desk_queue.c (how long it takes), desk_record.c (records on their way), desk_figures.c (metrics),
 * desk_report.c, desk_wake.c. */
#ifndef VERIFYD_DESK_INTERNAL_H
#define VERIFYD_DESK_INTERNAL_H

#include "common/adapters/kafka_producer.h"
#include "common/adapters/loop_lag.h"
#include "common/adapters/redis_store.h"
#include "common/adapters/redis_wake.h"
#include "common/base/instance_name.h"
#include "common/base/list.h"
#include "common/base/spares.h"
#include "ingress/desk.h"
#include "ingress/fleet.h"
#include "ingress/sticky.h"
#include "ingress/waiters.h"
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

/* A first state that Redis did not take: written when it is back, so that the id is known. */
struct unsaved {
	struct verification state;
	char *sealed; /* owned; NULL: none */
	struct unsaved *next;
};

/* What became of a callback. */
enum callback_end {
	CALLBACK_TAKEN,    /* somebody will look */
	CALLBACK_UNKNOWN,  /* about nothing that is known */
	CALLBACK_ORPHAN,   /* about another reference than the verification's */
	CALLBACK_FINISHED, /* about what is decided already */
	CALLBACK_FAILED,   /* Kafka or Redis did not take part; the vendor's state is looked at later all the same */
	CALLBACK_END_COUNT,
};

/* What became of a question. */
enum question_end {
	QUESTION_ACCEPTED, /* Kafka has it */
	QUESTION_JOINED,   /* an equal one was there */
	QUESTION_REFUSED,  /* Kafka did not take it */
	QUESTION_END_COUNT,
};

struct desk {
	struct desk_options options;
	uv_loop_t loop;
	uv_poll_t inbox_bell;
	int bell_fd; /* an eventfd: there is something in the inbox */
	uv_timer_t tick;
	struct loop_lag lag;
	uv_signal_t on_term, on_int;
	void (*on_signal)(void *ctx);
	void *on_signal_ctx;

	pthread_mutex_t inbox_lock;
	struct ask *inbox; /* newest first */
	size_t inbox_count;
	bool shut;         /* nothing is taken any more; under inbox_lock */

	struct kafka_client *kafka;
	struct kafka_producer *producer;
	struct redis_url redis_url;
	struct redis_store *store;
	struct redis_wake *wake;
	struct fleet *fleet;
	struct ask *parked; /* journeys that wait for the cache to be whole, newest first */
	struct waiters *waiters;
	size_t max_waiters;
	struct { /* records on their way to Kafka */
		struct list unacked; /* oldest first */
		struct spares sendings;
		int64_t slow_ms, probed_ms;
		bool failed; /* the last one that came back did */
	} queue;
	struct sticky sticky[OPERATION_COUNT];
	struct unsaved *unsaved; /* newest first */
	size_t unsaved_count, unsaved_bytes;

	struct queue_view queues;
	bool queues_asked; /* a refresh is under way */

	int64_t reread_ms, queues_ms, watched_ms, waiting_logged_ms, drain_until_ms;
	bool draining, warmed, wake_seen;
	struct { /* desk_report.c */
		uv_timer_t timer;
		int64_t started_ms; /* unix ms */
		char name[INSTANCE_NAME_BYTES];
	} report;
	atomic_bool started, kafka_up, redis_up;
	atomic_llong asks;
	struct {
		struct metric *waiting, *in_hand, *reread, *unsaved, *slow, *full, *crowded, *spared, *kafka_up, *redis_up;
		struct metric *question[KIND_COUNT][QUESTION_END_COUNT];
		struct metric *callback[CALLBACK_END_COUNT];
		struct metric *workers[OPERATION_COUNT], *vendor_up[OPERATION_COUNT]; /* those of one vendor are one series */
	} metric;
};

/* desk_intake.c, desk_journey.c, desk_visit.c: first steps, by type of ask; each ends in desk_finish, at once or later.
 * Bounds: a step at Redis takes REDIS_OP_TIMEOUT_MS at most, and after the first that failed no other one is waited
 * for; one at Kafka takes as long as the ask may wait, or what Kafka allows a message when it does not wait. */
void desk_new_question(struct ask *ask);
void desk_new_journey(struct ask *ask);
void desk_serve_parked(struct desk *desk); /* looks again; while draining none is put aside any more */
void desk_new_with_key(struct ask *ask); /* desk_key.c: then one of the first two */
void desk_read(struct ask *ask);
void desk_start(struct ask *ask);
void desk_return(struct ask *ask);
void desk_callback(struct ask *ask);
void desk_adopt(struct ask *ask);

/* desk_record.c */
/* What follows when Kafka has the record. */
enum desk_then {
	THEN_SAVE,   /* ask->state goes to Redis as the first one of its id; then the ask waits */
	THEN_WAIT,   /* the ask waits */
	THEN_FINISH, /* the ask is handed back */
};
void desk_produce(struct ask *ask, enum desk_then then); /* the request that begins a verification; wipes the person */
/* A retrieval of ask->state; texts->sealed goes along. */
void desk_retrieve(struct ask *ask, enum cause cause, const struct verification_texts *texts, enum desk_then then);
void desk_note_joined(const struct ask *ask); /* counts and logs it; request.id is the one that it joins */
bool desk_seal(struct ask *ask);   /* the person into request.sealed; false: it has handed the ask back */
void desk_detach(struct ask *ask); /* the ask goes before its record was acked: what follows goes on without it */
void desk_save_unsaved(struct desk *desk); /* Redis is back */
void desk_init_queue(struct desk *desk); /* queue.sendings: ended by spares_fini */
void desk_drop_unsaved(struct desk *desk);

/* desk_key.c: the ask's key leads to another verification than was noted */
void desk_note_key(const struct ask *ask);

/* desk_wake.c: callbacks of redis_wake and redis_store; ctx is the desk */
enum { DESK_REREAD_MS = 250 };
void desk_on_state(void *ctx, const char *value, size_t len);
void desk_on_subscribed(void *ctx);
void desk_on_store_change(void *ctx, bool up);
void desk_reread(struct desk *desk, bool all); /* what is waited for: all of it, or what waits DESK_REREAD_MS already */

/* desk_queue.c */
void desk_refresh_queues(struct desk *desk, int64_t now); /* call often: asks once a second */
/* How long this ask's verification waits for its turn; not known when it is in no queue. */
struct queue_place desk_place_of(const struct ask *ask);
/* Whether what the ask waits for certainly does not come in its time: it is better answered now. */
bool desk_waiting_is_pointless(const struct ask *ask);
/* As desk_wait_or_finish, after it was looked up where the ask's record stands, for whom it wants to know. */
void desk_find_place(struct ask *ask);

/* desk_report.c: says in Redis, once a second, what this ingress does */
enum err_code desk_report_start(struct desk *desk);
void desk_report_now(struct desk *desk); /* when Redis came up, or the drain begins: others see it at once */
/* Takes its name out of Redis, before the store is closed. A name that stays is ignored after WORKER_FRESH_MS. */
void desk_report_close(struct desk *desk);

/* desk_figures.c */
void desk_make_metrics(struct desk *desk);
void desk_show(struct desk *desk);         /* sets what moves by itself; call several times a second */
void desk_show_workers(struct desk *desk); /* the fleet was looked at */
void desk_count_question(struct desk *desk, enum kind kind, enum question_end end);

/* Monotonic: when this turn of the loop began. Asking the system for every ask takes longer than what it is asked for. */
static inline int64_t desk_turn_ms(const struct desk *desk)
{
	return (int64_t)uv_now(&desk->loop);
}

/* desk.c */
void desk_finish(struct ask *ask, enum outcome outcome); /* hands the ask back */
/* ask->state is what is known: hands the ask back when it is content or its time is up, else lets it wait. */
void desk_wait_or_finish(struct ask *ask);
/* Nothing is known because the cache is away: who has time waits for it all the same; ask->state has no id meanwhile. */
void desk_wait_for_cache(struct ask *ask);
/* Another caller's or another person's does not exist for this one. */
bool desk_is_visible(const struct request *request, const struct verification *state);
bool desk_has_room(struct desk *desk); /* for one more who waits; counted when not */
bool desk_wants_texts(const struct ask *ask);
/* Reads a stored state (value NULL: there is none) into ask->state and, for whom it wants, ask->texts. Returns:
 * OUTCOME_STATE; OUTCOME_NOT_FOUND, also for another caller's or person's; OUTCOME_FAILED, logged. */
enum outcome desk_take_state(struct ask *ask, const char *value, size_t len);

#endif
