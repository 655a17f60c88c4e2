/* desk_internal: what desk.c (life, inbox, waiting) and desk_intake.c (a new question's way) share. */
#ifndef VERIFYD_DESK_INTERNAL_H
#define VERIFYD_DESK_INTERNAL_H

#include "common/adapters/kafka_producer.h"
#include "common/adapters/redis_store.h"
#include "common/adapters/redis_wake.h"
#include "ingress/desk.h"
#include "ingress/waiters.h"
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

/* A queued state that Redis did not take: written when it is back, so that the id is known. */
struct unsaved {
	struct verification state;
	struct unsaved *next;
};

struct desk {
	struct desk_options options;
	uv_loop_t loop;
	uv_async_t inbox_bell;
	uv_timer_t tick;
	uv_signal_t on_term, on_int;
	void (*on_signal)(void *ctx);
	void *on_signal_ctx;

	pthread_mutex_t inbox_lock;
	struct ask *inbox; /* newest first */
	bool shut;         /* nothing is taken any more; under inbox_lock */

	struct kafka_client *kafka;
	struct kafka_producer *producer;
	struct redis_url redis_url;
	struct redis_store *store;
	struct redis_wake *wake;
	struct waiters *waiters;
	size_t max_waiters;
	struct unsaved *unsaved; /* newest first */
	size_t unsaved_count;

	int64_t reread_ms, watched_ms, waiting_logged_ms, drain_until_ms;
	bool draining, warmed, wake_seen;
	atomic_bool started, kafka_up, redis_up;
	atomic_llong asks;
	struct {
		struct metric *waiting, *joined, *produced, *refused, *reread, *unsaved;
	} metric;
};

/* desk_intake.c */
void desk_new_question(struct ask *ask); /* the claim is the first step */
void desk_detach(struct ask *ask);       /* the ask goes before its record was acked: what follows goes on without it */
void desk_save_unsaved(struct desk *desk); /* Redis is back */
void desk_drop_unsaved(struct desk *desk);

/* desk_wake.c: callbacks of redis_wake and redis_store; ctx is the desk */
enum { DESK_REREAD_MS = 250 };
void desk_on_state(void *ctx, const char *value, size_t len);
void desk_on_subscribed(void *ctx);
void desk_on_store_change(void *ctx, bool up);
void desk_reread(struct desk *desk, bool all); /* what is waited for: all of it, or what waits DESK_REREAD_MS already */

/* desk.c */
void desk_finish(struct ask *ask, enum outcome outcome); /* hands the ask back */
void desk_wait_or_finish(struct ask *ask); /* ask->state is what is known: final or time is up: hand back; else wait */

#endif
