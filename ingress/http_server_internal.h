/* http_server_internal: what http_server.c (the life of an exchange), http_server_life.c (start and end), http_server_figures.c
 * (metrics), http_server_tls.c and http_server_loop.c share. */
#ifndef VERIFYD_HTTP_SERVER_INTERNAL_H
#define VERIFYD_HTTP_SERVER_INTERNAL_H

#include "ingress/answers.h"
#include "ingress/connections.h"
#include "ingress/http_server.h"
#include "ingress/http_wire.h"
#include "ingress/routes/routes.h"
#include <uv.h>

enum { STATUS_CLASSES = 6 };

struct http_server {
	int listener; /* -1: none yet */
	struct http_tls *tls;
	struct http_wire **wires; /* without threads: one, which runs in the desk's loop */
	unsigned wire_count;
	struct ingress *ingress;
	struct connections *connections;
	struct admission *admission;
	size_t capacity;    /* connections that are accepted */
	atomic_bool ending; /* whoever is answered from now on is told that the connection ends */
	struct metric *answered[ROUTE_COUNT + 1][STATUS_CLASSES];
	struct metric *seconds[ROUTE_COUNT + 1];
	struct metric *problems[PROBLEM_COUNT];
	struct metric *undecided[ROUTE_COUNT][UNDECIDED_COUNT]; /* NULL: not counted */
	struct metric *refused;
	bool has_threads;
	struct { /* without threads: handles in the desk's loop */
		uv_poll_t ready;
		uv_check_t turn_end;
		uv_idle_t again;
		bool is_joined, is_due;
	} loop;
};

/* http_server_figures.c */
void http_server_make_figures(struct http_server *server);
void http_server_count(const struct http_server *server, const struct exchange *exchange); /* it is answered */

/* http_server_loop.c: a held call is answered: the wire is run in this turn of the loop, or in the next one. Does nothing for a
 * server that has threads, or has left the loop. */
void http_server_loop_wake(struct http_server *server);
/* Runs the wire outside of the loop, once: when there is something to do, wait_ms later at the latest. */
void http_server_loop_run(struct http_server *server, int wait_ms);

/* http_server.c: what a wire calls; ctx is the server. */
extern const struct http_wire_calls http_server_calls;

/* ---- http_server_tls.c ---- */

struct shown_certificate {
	struct cert_chain chain;
	unsigned char der[CERT_CHAIN_MAX * CERT_MAX_BYTES];
};

/* The certificate that came with a request: in its header where a trusted proxy sends it, else in TLS. Returns: shown->chain, which lives as long as shown and
 * the request; of no certificate when what came is none. NULL: nothing came. */
const struct cert_chain *http_server_certificate(const struct exchange *exchange, struct shown_certificate *shown);

#endif
