/* exchange: one HTTP request and its answer, as routes see them. Lives in one HTTP thread, but for the time when its
 * ask is at the desk. What it holds of a person is overwritten when it ends. */
#ifndef VERIFYD_EXCHANGE_H
#define VERIFYD_EXCHANGE_H

#include "common/base/buf.h"
#include "ingress/admission.h"
#include "ingress/call_trace.h"
#include "ingress/revisit.h"
#include "ingress/tickets.h"
#include "ingress/tokens.h"

enum {
	EXCHANGE_PATH_BYTES = 256,
	EXCHANGE_MAX_HEADERS = 8,
	EXCHANGE_HEADER_BYTES = 128,           /* of the short ones that a route puts together */
	EXCHANGE_HEADER_MAX_BYTES = 8 * 1024,  /* of any */
	EXCHANGE_LIST_MAX_BYTES = 4 * 1024,    /* of a request header that comes in several lines */
	EXCHANGE_MAX_PARAMETERS = 32,
	REQUEST_ID_BYTES = TOKEN_BYTES,
	ANSWER_MAX_BYTES = 64 * 1024,
};

struct route;
struct ingress;
struct sockaddr;
struct http_head;
struct http_link;

/* Which language errors are told in: B2C's 409 contract, RFC 9457 problem+json, or a page for a person. */
enum dialect { DIALECT_PROBLEM, DIALECT_B2C, DIALECT_PAGE };

struct exchange {
	struct ingress *ingress;
	const struct route *route; /* NULL: none fits */
	enum dialect dialect;
	char path[EXCHANGE_PATH_BYTES]; /* doubled slashes folded */
	const char *tail;               /* what follows the route's prefix, or "" */
	char request_id[REQUEST_ID_BYTES];
	char caller[CALLER_BYTES]; /* "": the route asks for no credential */
	struct buf body;
	int64_t accepted_ms; /* monotonic: when its first byte was there */
	int64_t accepted_us;

	struct call_trace trace;

	/* the answer */
	int status;                /* 0: none yet */
	const char *content_type;  /* NULL: none */
	const char *cache_control; /* NULL: no-store */
	struct buf answer;
	struct exchange_header {
		const char *name;
		char *value; /* owned */
	} headers[EXCHANGE_MAX_HEADERS];
	size_t header_count;

	/* for the metrics: what the answer lacks */
	int problem; /* 1 + enum problem; 0: it tells none */
	enum undecided {
		DECIDED,
		UNDECIDED_PENDING,     /* the answer was not there in time */
		UNDECIDED_QUEUE_AWAY,  /* not accepted: Kafka */
		UNDECIDED_OVERLOADED,  /* not accepted: too many */
		UNDECIDED_VENDOR_DOWN, /* not waited for: the vendor is left alone */
		UNDECIDED_CACHE_AWAY,  /* Redis is away or being filled again */
		UNDECIDED_NO_SESSION,  /* nothing to ask about */
		UNDECIDED_UNKNOWN,     /* it ended without a verdict */
		UNDECIDED_COUNT,
	} undecided;

	/* what a route asks of the desk; render is called when it comes back */
	struct ask ask;
	bool asking;
	void (*render)(struct exchange *exchange);
	struct buf known;  /* If-None-Match */
	int prefer_wait_s; /* RFC 7240 `wait`, clipped; -1: not given */

	/* what a route keeps for its render */
	struct {
		char subject[TOKEN_OBJECT_ID_BYTES]; /* whose state it has to be */
		struct buf token;                    /* the verification token that was sent */
		char cookie[COOKIE_VALUE_BYTES];
		bool cookie_is_new;
		struct revisit revisit; /* what a browser that waits brought along */
	} kept;

	struct http_link *link;       /* http_server's: its connection */
	const struct http_head *head; /* its line and headers; the link's */
	struct http_server *server;
	struct admitted admitted; /* while its ask is at the desk */
	bool closes;              /* the connection ends with this answer */
	size_t body_seen;         /* bytes, also those that were thrown away */
};

/* Makes an exchange in place, of zeroes. */
void exchange_init(struct exchange *exchange, struct ingress *ingress, size_t max_body_bytes);
/* Frees what it owns, and overwrites all of it. */
void exchange_fini(struct exchange *exchange);

/* Adds a header to the answer; the value is copied. Returns: false when it was left out: longer than EXCHANGE_HEADER_MAX_BYTES,
 * a control character in it, too many headers, no memory. */
bool exchange_add_header(struct exchange *exchange, const char *name, const char *value);

/* ---- http_server.c's ---- */

/* A request header's value, NULL when absent. Thread: the exchange's, while its ask is not at the desk; so the next three. */
const char *exchange_header(const struct exchange *exchange, const char *name);

/* Appends the values of all request headers of that name, with ", " between them (RFC 9110 section 5.3).
 * Returns: ERR_OK (also when there is none); ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code exchange_header_list(const struct exchange *exchange, const char *name, struct buf *out) WARN_UNUSED;

/* Calls fn for every query parameter (value "" when it has none); fn returns false to stop.
 * Returns: false when fn stopped it, when a value holds a NUL, or when there are more than EXCHANGE_MAX_PARAMETERS. */
bool exchange_each_parameter(const struct exchange *exchange,
                             bool (*fn)(void *ctx, const char *name, const char *value), void *ctx);

/* Who is at the other end of the connection; NULL when that is not known. */
const struct sockaddr *exchange_peer(const struct exchange *exchange);

/* Hands exchange->ask to the desk once the handler has returned; `render` writes the answer when it is back. */
void exchange_ask(struct exchange *exchange, void (*render)(struct exchange *exchange));

#endif
