/* ops_server: the private listener of every service: /livez, /readyz, /healthz, /metrics, /console. One
 * libmicrohttpd thread, and two of the console's while somebody watches.
 *
 * Not for callers: it belongs on a loopback or cluster-internal address. With a token (VERIFYD_OPS_TOKEN) all but /livez,
 * /readyz and the status of /healthz is for who knows it. */
#ifndef VERIFYD_OPS_SERVER_H
#define VERIFYD_OPS_SERVER_H

#include "common/base/config.h"
#include "common/base/metrics.h"
#include <stdbool.h>

struct ops_server;

struct ops_server_options {
	const char *listen; /* as listen_address_parse takes it: HOST:PORT, port 0 = any */
	const char *token; /* NULL: none is asked for. Copied */
	const struct config *config; /* for the console; must outlive the server. NULL: there is none */
	const char *program;         /* likewise */
	struct metrics *metrics;
	/* true while started and not draining: /readyz 200, else 503. Called from the listener's thread. */
	bool (*is_ready)(void *ctx);
	/* Appends a JSON object with the state of each dependency and returns whether all are well: /healthz 200, else 503.
	 * Called from the listener's thread, and from one of the console's. */
	bool (*health)(void *ctx, struct buf *out);
	void *ctx;
};

/* Starts listening and logs {"event":"listening","listener":"ops","address":"H:P"}.
 * Returns: ERR_OK; ERR_IO (address in use or not ours; err says which); ERR_INVALID. */
enum err_code ops_server_start(const struct ops_server_options *options, struct ops_server **ret_server,
			       struct err *err) WARN_UNUSED;
/* Returns: where it really listens, "127.0.0.1:41017"; lives as long as the server. */
const char *ops_server_address(const struct ops_server *server);
/* Accepts NULL. Blocks: until the thread has ended, and the console's (console.h). */
void ops_server_stop(struct ops_server *server);

#endif
