/* exchange: one HTTP request and its answer, as routes see them. Lives in one HTTP thread, but for the time when its
 * ask is at the desk. */
#ifndef VERIFYD_EXCHANGE_H
#define VERIFYD_EXCHANGE_H

#include "common/base/buf.h"
#include "ingress/ask.h"

enum {
	EXCHANGE_PATH_BYTES = 256,
	EXCHANGE_MAX_HEADERS = 4,
	EXCHANGE_HEADER_BYTES = 128,
	EXCHANGE_MAX_PARAMETERS = 32,
	REQUEST_ID_BYTES = TOKEN_BYTES,
	ANSWER_MAX_BYTES = 64 * 1024,
};

struct route;
struct ingress;
struct MHD_Connection;

/* Which language errors are told in: B2C's 409 contract, or RFC 9457 problem+json. */
enum dialect { DIALECT_PROBLEM, DIALECT_B2C };

struct exchange {
	struct ingress *ingress;
	const struct route *route; /* NULL: none fits */
	enum dialect dialect;
	char path[EXCHANGE_PATH_BYTES]; /* doubled slashes folded */
	const char *tail;               /* what follows the route's prefix, or "" */
	char request_id[REQUEST_ID_BYTES];
	char caller[CALLER_BYTES];
	struct buf body;
	int64_t accepted_ms; /* monotonic */
	int64_t accepted_us;

	/* the answer */
	int status; /* 0: none yet */
	const char *content_type;
	struct buf answer;
	struct {
		const char *name;
		char value[EXCHANGE_HEADER_BYTES];
	} headers[EXCHANGE_MAX_HEADERS];
	size_t header_count;

	/* what a route asks of the desk; render is called when it comes back */
	struct ask ask;
	bool asking;
	void (*render)(struct exchange *exchange);
	int prefer_wait_s; /* RFC 7240 `wait`, clipped; -1: not given */

	struct MHD_Connection *connection; /* http_server's */
	enum phase { PHASE_HEADERS, PHASE_BODY, PHASE_ASKED, PHASE_ANSWERED } phase;
	size_t body_seen; /* bytes, also those that were thrown away */
};

/* A request header's value, NULL when absent. Thread: the exchange's, before it asks. */
const char *exchange_header(const struct exchange *exchange, const char *name);

/* Calls fn for every query parameter (value "" when it has none); fn returns false to stop.
 * Returns: false when fn stopped it, when a value holds a NUL, or when there are more than EXCHANGE_MAX_PARAMETERS. */
bool exchange_each_parameter(const struct exchange *exchange,
                             bool (*fn)(void *ctx, const char *name, const char *value), void *ctx);

/* Adds a header to the answer; a value that does not fit is left out. */
void exchange_add_header(struct exchange *exchange, const char *name, const char *value);

/* Hands exchange->ask to the desk once the handler has returned; `render` writes the answer when it is back. */
void exchange_ask(struct exchange *exchange, void (*render)(struct exchange *exchange));

#endif
