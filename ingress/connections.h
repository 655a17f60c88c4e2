/* connections: every open connection of the public listener: until when it has to get on with what it does, whether the
 * caller of a held call has left, and how many an address has.
 *
 * A thread of its own looks at all of them four times a second. It ends a connection by shutdown(2), never by close: the
 * descriptor stays the wire's (http_wire.h). */
#ifndef VERIFYD_CONNECTIONS_H
#define VERIFYD_CONNECTIONS_H

#include "common/base/metrics.h"
#include "ingress/cidr.h"
#include <stdatomic.h>
#include <stdint.h>

struct connections;
struct connection;

/* What a connection does, each with its time. */
enum connection_stage {
	CONNECTION_IDLE,    /* between two requests */
	CONNECTION_HEADERS, /* new, or of its next request a byte is there: until its headers are */
	CONNECTION_BODY,    /* until its body is there */
	CONNECTION_HELD,    /* its call is at the desk, which has times of its own; its caller may leave */
	CONNECTION_ANSWER,  /* until its caller has taken the answer */
	CONNECTION_LEAVING, /* it was the last one: until its caller has closed, too */
	CONNECTION_STAGE_COUNT,
};

struct connections_options {
	size_t limit;       /* of good use: connections_are_too_many */
	size_t capacity;    /* all that the listener accepts; not below limit */
	size_t per_address; /* 0: no limit. An IPv6 /64 is one address */
	const struct cidr_list *proxies;         /* may have as many as they like; NULL: nobody may */
	int64_t time_ms[CONNECTION_STAGE_COUNT]; /* 0: any. From 7/8 of the limit on IDLE, HEADERS and LEAVING have a tenth */
	struct metrics *metrics;
};

enum { CONNECTIONS_LOOK_MS = 250 }; /* how late a time-out may be */

/* Returns: ERR_OK, *ret_connections ended by connections_free; ERR_NO_MEMORY (also when no thread could be made). */
enum err_code connections_new(const struct connections_options *options,
                              struct connections **ret_connections) WARN_UNUSED;
void connections_free(struct connections *connections); /* all are closed; accepts NULL. Blocks: for the thread's end */

/* A connection was accepted; its descriptor stays open until connections_closed. peer may be NULL: it counts for no
 * address. Returns: NULL when it was ended at once, for want of room. One of an address that has too many is ended, too,
 * but is still told of by connections_closed. Thread: any; so all the following. */
struct connection *connections_opened(struct connections *connections, int fd, const struct sockaddr *peer);
void connections_closed(struct connections *connections, struct connection *connection); /* accepts a NULL connection */

/* now_ms: monotonic. The stage that it is in already goes on as it began. */
void connection_enter(struct connection *connection, enum connection_stage stage, int64_t now_ms);

/* It was cut off. What it sent before may still be read: nothing is to be begun for it. */
bool connection_is_ended(const struct connection *connection);

/* Turns true when the caller of a held call has left, and false when the next call is held. Lives as long as `connections`. */
const atomic_bool *connection_left(const struct connection *connection);

bool connections_are_too_many(const struct connections *connections); /* more than the limit */

/* Whether any call is held or its answer is on the way. Blocks: for one look at all. */
bool connections_are_busy(struct connections *connections);

#endif
