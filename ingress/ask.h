/* ask: what a route wants to know: a new question, or a state. Handed from an HTTP thread to the desk (the loop thread)
 * and back; exactly one thread owns it at a time. */
#ifndef VERIFYD_ASK_H
#define VERIFYD_ASK_H

#include "common/domain/verification.h"
#include <stdbool.h>

enum ask_type { ASK_NEW, ASK_READ };

enum outcome {
	OUTCOME_STATE,      /* `state` is what is known: final, or not yet when time was up */
	OUTCOME_NOT_FOUND,  /* ASK_READ: no such id, or not this caller's */
	OUTCOME_QUEUE_AWAY, /* ASK_NEW: Kafka did not take it */
	OUTCOME_CACHE_AWAY, /* Redis is away: accepted (ASK_NEW) or unknown (ASK_READ) */
	OUTCOME_OVERLOADED, /* ASK_NEW: the producer's queue is full */
	OUTCOME_FAILED,     /* an internal fault, logged */
};

struct ask {
	/* in */
	enum ask_type type;
	struct request request; /* ASK_NEW: kind, caller, question, deadline, traceparent. ASK_READ: id and caller */
	struct person person;   /* ASK_NEW: wiped when it was sealed */
	int64_t wait_until_ms;  /* monotonic: how long to wait for a final state; 0: not at all */
	/* out */
	enum outcome outcome;
	struct verification state;
	/* Called in the loop thread, exactly once, as the last thing the desk does with it. */
	void (*done)(struct ask *ask);

	/* the desk's own */
	struct desk *desk;
	struct ask *next_in_inbox;
	struct sending *sending; /* its record is on its way to Kafka */
	bool acked;              /* Kafka has it */
	bool waiting;            /* in the waiters' tables */
	int64_t waiting_since_ms;
	struct ask *id_next, **id_at;     /* waiters of one bucket */
	struct ask *slot_next, **slot_at; /* waiters of one slot of the wheel */
};

/* Frees what it owns. Accepts a zeroed one. */
void ask_fini(struct ask *ask);

#endif
