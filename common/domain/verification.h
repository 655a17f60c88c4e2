/* verification: what is known about one question: its state, and the pure function that moves it.
 *
 * No I/O, no clock: time and events come in as values, so every path is testable. States, reasons, verdicts and risk
 * levels are .def tables. Written to Kafka `results` and to Redis as schemas/verification.v1.json. */
#ifndef VERIFYD_VERIFICATION_H
#define VERIFYD_VERIFICATION_H

#include "common/domain/request.h"
#include <stdbool.h>

enum {
	VERIFICATION_SCHEMA = 1,
	VERIFICATION_MAX_BYTES = 32 * 1024,
	SCORE_MAX = 1000,
	SCORE_NONE = -1,
	REFERENCE_BYTES = 65, /* a vendor's name for a verification, with its '\0' */
	SENDS_MAX = 2,        /* sends without an answer after which an initiate is dead */
	DECIDED_REASON_CHARS = 200,
	DECIDED_REASON_BYTES = 4 * DECIDED_REASON_CHARS + 1, /* UTF-8, with its '\0' */
	DECIDED_BY_BYTES = 65,
};

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

enum verdict {
#define VERDICT(symbol, name) VERDICT_##symbol,
#include "common/domain/verdicts.def"
#undef VERDICT
	VERDICT_COUNT
};

enum risk { RISK_NONE, RISK_LOW, RISK_MEDIUM, RISK_HIGH, RISK_UNKNOWN, RISK_COUNT };

struct verification {
	char id[ID_BYTES];
	enum kind kind;
	enum state state;
	int64_t rev; /* 1 when queued; one more with every step but EVENT_RETRIED, so a replay begins with 1 + 2 * replays */
	char caller[CALLER_BYTES];
	enum risk risk; /* RISK_NONE until a score is completed */
	int score;      /* 0..SCORE_MAX or SCORE_NONE */
	enum verdict verdict; /* VERDICT_NONE until a journey is completed */
	enum reason reason;
	int attempts; /* failed vendor calls of what is being tried, or was last; verification_attempts */
	int replays;
	/* journeys only */
	char question[QUESTION_BYTES]; /* the pointer's name, one per person; "" for a score */
	char reference[REFERENCE_BYTES]; /* the vendor's; "" until initiated. Once set it is never replaced */
	bool notify;    /* its caller is to be told of the end; journeys: of the last journey */
	bool adopted;   /* the reference came from a caller, not from an initiate of ours */
	int sends;      /* initiates sent, counted before the first byte, but for those that are known to have done nothing */
	int64_t poll;   /* number of the ladder's next rung; 0: no ladder has begun */
	int polls;      /* retrievals that ended without a verdict */
	/* unix ms; 0: has not happened */
	int64_t created_ms;
	int64_t taken_ms;    /* a worker read the request */
	int64_t asked_ms;    /* the last vendor call began */
	int64_t answered_ms; /* the last vendor call ended */
	int64_t initiated_ms; /* the vendor gave its page */
	int64_t until_ms;     /* when that page's token ends */
	int64_t resumed_ms;   /* the last further journey of the person joined */
	int64_t returned_ms;  /* the person came back */
	int64_t called_back_ms; /* the vendor's last callback */
	int64_t checking_ms;  /* since when the ladder runs */
	int64_t decided_ms;   /* a person decided in the vendor's place: struct verification_decision */
	int64_t updated_ms;
};

/* What else a journey's state holds: texts of any length, sealed with AAD = id, so beside the struct, which stays plain.
 * Each is owned, and NULL when there is none. */
struct verification_texts {
	char *sealed; /* the person's fields of the last journey: person_open */
	char *link;   /* the vendor's page with its token: seal_open */
};
void verification_texts_fini(struct verification_texts *texts); /* accepts a zeroed one */

/* Who decided a journey in the vendor's place, and why, in that person's own words: kept for whoever asks later. Only who
 * writes such a state has one; nobody else needs to, since completed states are never written again. */
struct verification_decision {
	char by[DECIDED_BY_BYTES];         /* "": nobody did; else as verification_decision_set takes it */
	char reason[DECIDED_REASON_BYTES];
};

/* by: 1..64 printable ASCII characters. reason: 1..DECIDED_REASON_CHARS characters of UTF-8 without control characters, not
 * blanks alone. Returns: ERR_OK; ERR_INVALID or ERR_LIMIT, and err says which and why. */
enum err_code verification_decision_set(struct verification_decision *ret, const char *by, const char *reason,
					struct err *err) WARN_UNUSED;

enum event_type {
	EVENT_SCORED,  /* the vendor gave a usable score */
	EVENT_NO_SCORE, /* the vendor answered, and the answer is that there is none */
	EVENT_EXPIRED, /* nobody waits any more */
	EVENT_DIED,    /* the retry policy is exhausted, or the vendor refused the job */
	EVENT_REVIVED, /* an operator replayed it */
	EVENT_RETRIED, /* a vendor call failed and there will be another: tells `attempts` and `reason` to whoever makes it */
	EVENT_ERASED,
	EVENT_SENDING,   /* an initiate is about to be sent */
	EVENT_UNSENT,    /* the one that was sent is known to have done nothing */
	EVENT_INITIATED, /* the vendor gave reference and page */
	EVENT_RESUMED,   /* the person began another journey, which joins this one */
	EVENT_RETURNED,  /* the person came back from the vendor's page */
	EVENT_CALLED_BACK, /* the vendor says that there is news */
	EVENT_OVERDUE,   /* the page's token ended long ago and nobody came back */
	EVENT_PENDING,   /* a retrieval without verdict; reason says why when it is more than "not yet" */
	EVENT_JUDGED,    /* the vendor's verdict */
	EVENT_DECIDED,   /* a person's verdict, of what the vendor leaves open */
	EVENT_COUNT
};

struct event {
	enum event_type type;
	int64_t at_ms; /* unix ms */
	enum risk risk;
	int score;
	enum verdict verdict;
	enum reason reason;
	int attempts;
	int replays;
	char reference[REFERENCE_BYTES]; /* EVENT_INITIATED */
	int64_t until_ms;                /* EVENT_INITIATED: when the page's token ends */
	int64_t made_ms;                 /* EVENT_RESUMED: when that journey began */
	bool notify;                     /* EVENT_RESUMED: that journey's caller is to be told of the end */
	bool is_rung; /* EVENT_PENDING: the ladder takes its next step */
	int64_t taken_ms, asked_ms, answered_ms; /* 0 keeps what is there */
};

/* What has to be done about a step, in this order. */
enum effect {
	EFFECT_PUBLISH = 1,      /* the new state to `results`, then to Redis */
	EFFECT_DEAD_LETTER = 2,  /* the request to `dead` */
	EFFECT_DROP_POINTER = 4, /* the next caller with this question asks anew */
	EFFECT_CALL_VENDOR = 8,
	EFFECT_CLIMB = 16,       /* the ladder's next rung, number `poll`, to a delay topic; before EFFECT_PUBLISH */
	EFFECT_WATCH = 32,       /* the watchdog's record to a delay topic; before EFFECT_PUBLISH */
	EFFECT_NOTIFY = 64,      /* the end, for its caller, to a delay topic; before EFFECT_PUBLISH */
};

/* The state a request has before anything happened. */
void verification_queued(const struct request *request, struct verification *ret);

/* Applies an event. Returns: true and *ret_next (higher than now: verification_compare) with *ret_effects; false when the
 * event has no place in this state (already completed, erased, a replay that was seen before): nothing is to be done. now
 * may equal ret_next. */
bool verification_step(const struct verification *now, const struct event *event, struct verification *ret_next,
		       unsigned *ret_effects) WARN_UNUSED;

/* The order that decides everywhere which of two states stands: erased > completed > the rest; among the rest, rev, then
 * attempts. Two completed (or erased) states are equal: whichever came first stands.
 * Returns: < 0 when a is lower, 0 when equal, > 0 when a is higher. */
int verification_compare(const struct verification *a, const struct verification *b);

/* How failed calls are counted over restarts. EVENT_RETRIED, in queued and in checking, changes nothing but `attempts`, `reason`
 * and the times, and not `rev`: a death that a worker writes who did not know of the tries (Redis was away) must stand above
 * them. It has a place only when event.attempts is above the state's. Whoever has counted a failed call (retry_decide) and
 * waits in memory applies it and has the state acked by `results` and shown in Redis before the wait, or at the latest before
 * the next call; one that hops need not, its record's header counts. An initiate needs it only for a send that may have acted:
 * EVENT_UNSENT and EVENT_SENDING keep the count too. EVENT_PENDING ends a look's tries, so the next rung counts from 0;
 * EVENT_REVIVED counts from what its record says; EVENT_RESUMED leaves the count alone.
 *
 * Whoever takes a record counts from this. Returns: the greater one of the header's attempts and the state's, where the state
 * (as read, before any step) is one in which calls of this flow are tried, and not from before the record's replay; else the
 * header's. */
int verification_attempts(const struct verification *verification, const struct request *request, enum flow_kind flow);

/* Whether the person had handed something in when it died: then a person or a late answer may still decide it. */
bool verification_died_checking(const struct verification *verification);

int state_rank(enum state state);
bool state_is_final(enum state state); /* nothing more will come by itself: completed, dead, erased */
const char *state_name(enum state state);
enum state state_by_name(const char *name); /* STATE_COUNT when unknown */
const char *risk_name(enum risk risk);       /* "LOW"; "" for RISK_NONE */
enum risk risk_by_name(const char *name);    /* any case; RISK_COUNT when unknown */
const char *verdict_name(enum verdict verdict); /* "verified"; "" for VERDICT_NONE */
enum verdict verdict_by_name(const char *name); /* VERDICT_NONE for ""; VERDICT_COUNT when unknown */
const char *reason_name(enum reason reason); /* "expired"; "" for REASON_NONE */
enum reason reason_by_name(const char *name); /* REASON_NONE for ""; REASON_COUNT when unknown */
const char *reason_text(enum reason reason); /* a sentence for operators */

/* Appends the JSON text. texts: NULL for none. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code verification_encode(const struct verification *verification, const struct verification_texts *texts,
				  struct buf *out) WARN_UNUSED;
/* As verification_encode, with who decided it. */
enum err_code verification_encode_decided(const struct verification *verification, const struct verification_texts *texts,
					  const struct verification_decision *decision, struct buf *out) WARN_UNUSED;
/* Reads who decided it: "" in both when nobody did, or it is not said. Returns: what verification_decode returns. */
enum err_code verification_decision_decode(const char *value, size_t len, struct verification_decision *ret,
					   struct err *err) WARN_UNUSED;
/* Members it does not know are ignored. ret_texts: NULL when nobody wants them, else ended by verification_texts_fini.
 * Returns: ERR_OK; ERR_INVALID; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code verification_decode(const char *value, size_t len, struct verification *ret,
				  struct verification_texts *ret_texts, struct err *err) WARN_UNUSED;

/* Writes the members that a caller is told (schemas/openapi.yaml, Verification): id, kind, state, rev, and the answer as far as
 * there is one. Times are the writer's own to add. json: inside an object. */
struct json_out;
void verification_answer(const struct verification *verification, struct json_out *json);

/* A retrieval's record: request.v1 with the person's fields of the state and, as member `state`, the state itself, so that
 * it can be worked on while Redis is away. texts->sealed must be there. Returns: ERR_OK; ERR_INVALID; ERR_LIMIT;
 * ERR_NO_MEMORY. */
enum err_code retrieval_encode(const struct verification *verification, const struct verification_texts *texts,
			       struct buf *out) WARN_UNUSED;
/* Whether the end that it has reached is to be told to its caller (EFFECT_NOTIFY). */
bool verification_is_told(const struct verification *verification);
/* A notice's record (EFFECT_NOTIFY): the same for any kind, with the name of the request's question. */
enum err_code notice_encode(const struct verification *verification, const char *question, const char *sealed,
			    struct buf *out) WARN_UNUSED;
/* The member `state` of a request's value. Returns: ERR_OK; ERR_NOT_FOUND (there is none); ERR_INVALID; ERR_LIMIT. */
enum err_code retrieval_decode_state(const char *value, size_t len, struct verification *ret, struct err *err) WARN_UNUSED;

#endif
