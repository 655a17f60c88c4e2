/* gate_internal: what gate.c (who waits, permits, life) and gate_turn.c (the fleet is asked, or nobody) share. */
#ifndef VERIFYD_GATE_INTERNAL_H
#define VERIFYD_GATE_INTERNAL_H

#include "common/adapters/redis_store_gate.h"
#include "workers/breaker.h"
#include "workers/gate.h"
#include "workers/quota.h"

#define GATE_FOREVER INT64_MAX

/* What was seen and is to be told. */
struct seen {
	int64_t ok, failed;
	bool barred;
	enum store_probe probe;
};

struct gate {
	struct gate_options options;
	struct redis_store *store;
	char member[TOKEN_BYTES];
	int64_t guard_ms;
	uv_timer_t timer;
	int64_t due_ms; /* of the timer; 0: not running */
	bool asking, closing;
	bool alone;             /* Redis is away, */
	int64_t alone_since_ms; /* for so long */
	bool is_active;         /* calls have ended since it was asked last */

	struct list waiting[GATE_PRIORITIES];
	struct heap turn[GATE_PRIORITIES]; /* the same, by when they came */
	int64_t count[GATE_PRIORITIES];

	/* permits at hand that nobody has yet; all end together */
	int64_t spare, spare_until_ms;
	bool spare_is_probe;

	struct seen seen, told; /* told: by the question that is on its way */
	int64_t asked_ms, told_untold, wanted; /* of the same */
	char reason[BREAKER_REASON_BYTES]; /* of the last failure */

	/* what is known of the fleet */
	bool is_open;
	char why[BREAKER_REASON_BYTES];
	int64_t closed_until_ms; /* monotonic: Retry-After */
	int64_t close_told_ms;   /* of it, what the fleet knows */
	int64_t hold_until_ms;   /* monotonic: before that there is nothing to be had */
	int64_t fleet_used, members, born_ms, given;
	int64_t used_ms; /* monotonic: when fleet_used was heard */

	struct quota mine; /* permits of this worker */
	int64_t untold;    /* of them, what was not the fleet's */
	struct breaker local;
	struct {
		struct metric *open, *used, *limit, *probes, *waiting[GATE_PRIORITIES];
	} metric;
};

/* gate.c */
bool gate_has_quota(const struct gate *gate);
int64_t gate_waiting_count(const struct gate *gate);
bool gate_is_free(const struct gate *gate, int64_t now); /* without a quota: everybody may call */
void gate_set_open(struct gate *gate, bool open, const char *reason);
void gate_pour(struct gate *gate);          /* hands out what is there */
void gate_tell_the_rest(struct gate *gate); /* that it is not their turn */

/* gate_turn.c */
/* The next turn comes in delay_ms at the latest. */
void gate_arm(struct gate *gate, int64_t delay_ms);
void gate_arm_for_waiting(struct gate *gate); /* in a moment, or when there can be something to be had */
void gate_on_timer(uv_timer_t *timer);

#endif
