/* verification: what is known about one question: its state, and the pure function that moves it.
 *
 * No I/O, no clock: time and events come in as values, so every path is testable. States, reasons and risk levels are
 * .def tables. Written to Kafka `results` and to Redis as schemas/verification.v1.json. */
#ifndef VERIFYD_VERIFICATION_H
#define VERIFYD_VERIFICATION_H

#include "common/domain/request.h"
#include <stdbool.h>

enum { VERIFICATION_SCHEMA = 1, VERIFICATION_MAX_BYTES = 32 * 1024, SCORE_MAX = 1000, SCORE_NONE = -1 };

enum state {
#define STATE(symbol, name, rank, is_final) STATE_##symbol,
#include "common/domain/states.def"
#undef STATE
	STATE_COUNT
};

enum reason {
#define REASON(symbol, name, text) REASON_##symbol,
#include "common/domain/reasons.def"
#undef REASON
	REASON_COUNT
};

enum risk { RISK_NONE, RISK_LOW, RISK_MEDIUM, RISK_HIGH, RISK_UNKNOWN, RISK_COUNT };

struct verification {
	char id[ID_BYTES];
	enum kind kind;
	enum state state;
	int64_t rev; /* 1 when queued; one more with every change, so a replay begins with 1 + 2 * replays */
	char caller[CALLER_BYTES];
	enum risk risk; /* RISK_NONE until completed */
	int score;      /* 0..SCORE_MAX or SCORE_NONE */
	enum reason reason;
	int attempts; /* failed vendor calls */
	int replays;
	/* unix ms; 0: has not happened */
	int64_t created_ms;
	int64_t taken_ms;    /* a worker read the request */
	int64_t asked_ms;    /* the last vendor call began */
	int64_t answered_ms; /* the last vendor call ended */
	int64_t updated_ms;
};

enum event_type {
	EVENT_SCORED,  /* the vendor gave a usable score */
	EVENT_NO_SCORE, /* the vendor answered, and the answer is that there is none */
	EVENT_EXPIRED, /* nobody waits any more */
	EVENT_DIED,    /* the retry policy is exhausted, or the vendor refused the job */
	EVENT_REVIVED, /* an operator replayed it */
	EVENT_ERASED,
	EVENT_COUNT
};

struct event {
	enum event_type type;
	int64_t at_ms; /* unix ms */
	enum risk risk;
	int score;
	enum reason reason;
	int attempts;
	int replays;
	int64_t taken_ms, asked_ms, answered_ms; /* 0 keeps what is there */
};

/* What has to be done about a step, in this order. */
enum effect {
	EFFECT_PUBLISH = 1,      /* the new state to `results`, then to Redis */
	EFFECT_DEAD_LETTER = 2,  /* the request to `dead` */
	EFFECT_DROP_POINTER = 4, /* the next caller with this question asks anew */
	EFFECT_CALL_VENDOR = 8,
};

/* The state a request has before anything happened. */
void verification_queued(const struct request *request, struct verification *ret);

/* Applies an event. Returns: true and *ret_next (rev one higher) with *ret_effects; false when the event has no place
 * in this state (already completed, erased, a replay that was seen before): nothing is to be done. now may equal ret_next. */
bool verification_step(const struct verification *now, const struct event *event, struct verification *ret_next,
		       unsigned *ret_effects) WARN_UNUSED;

/* The order that decides everywhere which of two states stands: erased > completed > the rest; among the rest, rev.
 * Two completed (or erased) states are equal: whichever came first stands.
 * Returns: < 0 when a is lower, 0 when equal, > 0 when a is higher. */
int verification_compare(const struct verification *a, const struct verification *b);
int state_rank(enum state state);
bool state_is_final(enum state state); /* nothing more will come by itself: completed, dead, erased */
const char *state_name(enum state state);
enum state state_by_name(const char *name); /* STATE_COUNT when unknown */
const char *risk_name(enum risk risk);       /* "LOW"; "" for RISK_NONE */
enum risk risk_by_name(const char *name);    /* any case; RISK_COUNT when unknown */
const char *reason_name(enum reason reason); /* "expired"; "" for REASON_NONE */
enum reason reason_by_name(const char *name); /* REASON_NONE for ""; REASON_COUNT when unknown */
const char *reason_text(enum reason reason); /* a sentence for operators */

/* Appends the JSON text. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code verification_encode(const struct verification *verification, struct buf *out) WARN_UNUSED;
/* Members it does not know are ignored. Returns: ERR_OK; ERR_INVALID; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code verification_decode(const char *value, size_t len, struct verification *ret, struct err *err) WARN_UNUSED;

#endif
