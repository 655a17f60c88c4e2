/* request: one job for a worker, as it travels through Kafka (schemas/request.v1.json).
 *
 * What a retry or a replay changes travels in headers, so that the value is written once and forwarded untouched. */
#ifndef VERIFYD_REQUEST_H
#define VERIFYD_REQUEST_H

#include "common/base/buf.h"
#include "common/base/ids.h"
#include "common/base/seal.h"
#include "common/domain/kind.h"
#include <stdbool.h>
#include <stdint.h>

enum { CALLER_BYTES = 65, TRACEPARENT_BYTES = 56, REQUEST_SCHEMA = 1, REQUEST_MAX_BYTES = 32 * 1024 };

/* Why a retrieval is asked for. */
enum cause {
	CAUSE_NONE, /* no retrieval */
#define CAUSE(symbol, name) CAUSE_##symbol,
#include "common/domain/causes.def"
#undef CAUSE
	CAUSE_COUNT
};
const char *cause_name(enum cause cause); /* "" for CAUSE_NONE */

/* Header names; values are decimal text unless said otherwise. */
#define HEADER_SCHEMA "verifyd-schema"
#define HEADER_OP "verifyd-op"               /* text */
#define HEADER_DEADLINE "verifyd-deadline"   /* unix ms; absent: none */
#define HEADER_ATTEMPT "verifyd-attempt"     /* failed calls so far */
#define HEADER_REPLAYS "verifyd-replays"     /* how often an operator replayed it */
#define HEADER_NOT_BEFORE "verifyd-not-before" /* unix ms, on delay topics */
#define HEADER_TARGET "verifyd-target"       /* topic without prefix, on delay topics */
#define HEADER_FIRST_FAILURE "verifyd-first-failure" /* unix ms */
#define HEADER_LAST_FAILURE "verifyd-last-failure"   /* unix ms */
#define HEADER_CAUSE "verifyd-cause"         /* text: a name of causes.def; on retrievals */
#define HEADER_POLL "verifyd-poll"           /* number of a rung of the poll ladder; on retrievals */
#define HEADER_CLASS "verifyd-class"         /* text; on dead letters */
#define HEADER_ERROR "verifyd-error"         /* text: a reason of reasons.def */
#define HEADER_MESSAGE "verifyd-message"     /* text for people, no person's data */
#define HEADER_ATTEMPTS "verifyd-attempts"   /* on dead letters */
/* A record on a delay topic with this target and operation goes to no topic: the worker whose turn it is tells a caller. */
#define WEBHOOK_TARGET "webhook"
#define HEADER_TRACEPARENT "traceparent"     /* W3C Trace Context */

struct request {
	char id[ID_BYTES];
	enum kind kind;
	char caller[CALLER_BYTES];     /* the credential's name */
	char question[QUESTION_BYTES]; /* names the pointer by which equal questions find each other */
	int64_t created_ms;
	bool notify; /* the person's fields hold a callback_url: its caller is told of the end */
	/* from headers */
	int64_t deadline_ms;      /* unix ms; 0: none */
	int attempts;             /* failed calls so far */
	int replays;
	int64_t first_failure_ms; /* 0: none yet */
	enum cause cause;
	int64_t poll; /* CAUSE_POLL: its number */
	char traceparent[TRACEPARENT_BYTES]; /* "" when there is none */
	/* the person's fields, sealed; owned, ended by request_fini */
	char *sealed;
	size_t sealed_len;
};

/* The person's fields in clear. Short-lived: filled to build one call, then wiped. NULL = not given. */
struct person {
	const char *field[REQUEST_FIELD_COUNT];
	void *memory; /* what the pointers point into */
	size_t memory_len;
};

void request_fini(struct request *request); /* accepts a zeroed one */
void person_fini(struct person *person);    /* overwrites; accepts a zeroed one */

/* Seals the person's fields into request->sealed (AAD = request->id).
 * Returns: ERR_OK; ERR_LIMIT (a field is too long); what seal_text returns. */
enum err_code request_seal(struct request *request, const struct seal_ring *ring, const struct person *person,
			   struct err *err) WARN_UNUSED;

/* Opens a sealed part of a request or of a state (struct verification_texts). Returns: ERR_OK and *ret_person (ended by
 * person_fini); what seal_open returns; ERR_INVALID. Thread: any. */
enum err_code person_open(const struct seal_ring *ring, const char *id, const char *sealed, size_t len,
			  struct person *ret_person, struct err *err) WARN_UNUSED;

/* Opens request->sealed. Returns: what person_open returns. */
enum err_code request_open(const struct request *request, const struct seal_ring *ring, struct person *ret_person,
			   struct err *err) WARN_UNUSED;

/* Appends the record's value. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code request_encode(const struct request *request, struct buf *out) WARN_UNUSED;

/* Reads a record's value; fields that come from headers stay zero. Members it does not know are ignored, so that a
 * newer writer can be read. Returns: ERR_OK and *ret_request (ended by request_fini); ERR_INVALID; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code request_decode(const char *value, size_t len, struct request *ret_request, struct err *err) WARN_UNUSED;

/* Reads one header's value into the request; names it does not know are ignored.
 * Returns: ERR_OK; ERR_INVALID (not a number, out of range). */
enum err_code request_set_header(struct request *request, const char *name, const char *value, size_t len,
				 struct err *err) WARN_UNUSED;

#endif
