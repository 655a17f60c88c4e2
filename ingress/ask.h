/* ask: what a route wants to know or do: a new question, a state, a person's coming and going. Handed from an HTTP
 * thread to the desk (the loop thread) and back; exactly one thread owns it at a time. */
#ifndef VERIFYD_ASK_H
#define VERIFYD_ASK_H

#include "common/adapters/redis_store.h"
#include "common/domain/verification.h"
#include "ingress/queue_view.h"
#include <stdatomic.h>
#include <stdbool.h>

struct journeys;

enum ask_type {
	ASK_NEW,      /* a new score */
	ASK_JOURNEY,  /* a person's journey: joins the one under way, or begins one */
	ASK_READ,     /* a state */
	ASK_START,    /* the person opens /start: binds the browser, then reads */
	ASK_RETURN,   /* the person is at /return: looks at the browser, reads, and notes the return */
	ASK_CALLBACK, /* the vendor says that there is news about `reference`, or about request.id when that is set */
	ASK_ADOPT, /* reads request.id; when nobody knows it, begins to check the vendor's `reference` under that id */
};

enum outcome {
	OUTCOME_STATE,         /* `state` is what is known: what was waited for, or not yet when time was up */
	OUTCOME_NOT_FOUND,     /* no such id with the cache whole, or not this caller's */
	OUTCOME_QUEUE_AWAY,    /* Kafka did not take it */
	OUTCOME_CACHE_AWAY,    /* Redis is away or being filled again: accepted (ASK_NEW, ASK_JOURNEY) or unknown */
	OUTCOME_OVERLOADED,    /* the producer's queue is full */
	OUTCOME_VENDOR_DOWN,   /* ASK_NEW with `unless_down`: nobody was asked */
	OUTCOME_TOO_MANY,      /* ASK_JOURNEY: this person has begun as many today as are allowed */
	OUTCOME_OTHER_BROWSER, /* ASK_START, ASK_RETURN: the journey belongs to another browser */
	OUTCOME_KEY_REUSED,    /* its Idempotency-Key came with another body before */
	OUTCOME_KEY_AWAY,      /* what its Idempotency-Key stands for cannot be told now; nothing was accepted */
	OUTCOME_FAILED,        /* an internal fault, logged */
};

/* What ends a wait before its time. */
enum wait_for {
	WAIT_FINAL,       /* a final state */
	WAIT_LEFT_QUEUED, /* the vendor's page is known, or it has come to an end */
	WAIT_SETTLED,     /* a verdict: completed or erased, or dead before the upload */
	WAIT_CHANGED,     /* a state whose entity tag `known` does not name */
};

struct ask {
	/* in */
	enum ask_type type;
	/* ASK_NEW, ASK_JOURNEY: kind, id, caller, question, created_ms, deadline, traceparent; ASK_ADOPT: all but the
	 * deadline; the others: id, caller ("": anybody's), and question ("": any person's), traceparent where a record
	 * may be produced. A state of another caller or person is OUTCOME_NOT_FOUND. ASK_JOURNEY may come back with the
	 * id that was joined, ASK_ADOPT and ASK_CALLBACK with the one that the reference led to. */
	struct request request;
	struct person person; /* ASK_NEW, ASK_JOURNEY, ASK_ADOPT: wiped when it was sealed */
	/* ASK_JOURNEY: called when request.id became that of the journey that is joined, before the person's fields are
	 * sealed: what names the id in them is written anew, in place. NULL: nothing does. Loop thread; never blocks. */
	enum err_code (*on_joined)(struct ask *ask);
	const struct journeys *journeys; /* for on_joined */
	int64_t wait_until_ms; /* monotonic: how long to wait; 0: not at all, but for the ack of what was produced */
	enum wait_for wait_for;
	bool unless_down;      /* ASK_NEW: of no use while the vendor is left alone */
	const char *known; /* WAIT_CHANGED: If-None-Match, for etag_is_listed; outlives the ask */
	char key[QUESTION_BYTES], key_body[QUESTION_BYTES]; /* ASK_NEW, ASK_JOURNEY: names of the Idempotency-Key and of the body; "": no key */
	bool wants_place;                /* ASK_START, ASK_READ: while it is queued, when its turn comes */
	int max_a_day;                   /* ASK_JOURNEY */
	char browser[BROWSER_BYTES];     /* ASK_START, ASK_RETURN */
	int64_t ticket_ms;               /* ASK_START: when the ticket was made, unix ms */
	int64_t browser_ttl_ms;          /* ASK_START */
	char reference[REFERENCE_BYTES]; /* ASK_CALLBACK, ASK_ADOPT */
	const atomic_bool *left;         /* turns true when the caller has gone; NULL: nobody would notice */
	/* out */
	enum outcome outcome;
	struct verification state;
	struct verification_texts texts; /* ASK_START, ASK_RETURN with OUTCOME_STATE; owned */
	struct queue_place place;        /* wants_place: as it stands in the queue; not known when it is in none */
	/* Called in the loop thread, exactly once, as the last thing the desk does with it. */
	void (*done)(struct ask *ask);

	/* the desk's own */
	struct desk *desk;
	struct ask *next_in_inbox;
	struct sending *sending; /* its record is on its way to Kafka */
	bool acked;              /* Kafka has it */
	bool is_probe;           /* ASK_NEW: its caller is not kept, its record is for a worker to probe with */
	bool held;               /* not answered before Kafka has its record, whatever is heard meanwhile */
	bool is_placed;          /* its record is `offset` of `partition` */
	int32_t partition;
	int64_t offset;
	bool is_orphan;          /* ASK_CALLBACK: about a reference that is not the verification's */
	bool waiting;            /* in the waiters' tables */
	int64_t waiting_since_ms;
	bool joined; /* ASK_JOURNEY: another journey's id; content only when that one has this one's fields */
	char holder[ID_BYTES];            /* ASK_JOURNEY: whom the pointer named */
	char key_id[ID_BYTES];            /* what the Idempotency-Key is noted to lead to */
	int claims;                       /* ASK_JOURNEY: how often it was asked whose turn it is */
	struct ask *id_next, **id_at;     /* waiters of one bucket */
	struct ask *slot_next, **slot_at; /* waiters of one slot of the wheel */
};

/* Frees what it owns. Accepts a zeroed one. */
void ask_fini(struct ask *ask);

/* Whether this state is what it waits for. */
bool ask_is_content(const struct ask *ask, const struct verification *state);

#endif
