/* http_server_internal: what http_server.c (libmicrohttpd's callbacks), http_server_life.c (start and end), http_server_figures.c
 * (metrics), http_server_tls.c and http_server_loop.c share. */
#ifndef VERIFYD_HTTP_SERVER_INTERNAL_H
#define VERIFYD_HTTP_SERVER_INTERNAL_H

#include "ingress/answers.h"
#include "ingress/connections.h"
#include "ingress/http_server.h"
#include "ingress/routes/routes.h"
#include <microhttpd.h>
#include <uv.h>

enum { STATUS_CLASSES = 6, HTTP_SERVER_TLS_OPTIONS = 5 };

struct http_server {
	struct MHD_Daemon *daemon;
	struct ingress *ingress;
	struct connections *connections;
	struct admission *admission;
	size_t capacity;      /* connections that libmicrohttpd accepts */
	atomic_bool ending; /* whoever is answered from now on is told that the connection ends */
	MHD_socket listener;  /* after quiesce: ours to close */
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
		int epoll_fd; /* libmicrohttpd's */
		bool is_joined, is_due;
	} loop;
};

/* http_server_figures.c */
void http_server_make_figures(struct http_server *server);
void http_server_count(const struct http_server *server, const struct exchange *exchange); /* it is answered */

/* http_server_loop.c: a held call is answered: libmicrohttpd is run in this turn of the loop, or in the next one. Does nothing for a
 * server that has threads, or has left the loop. */
void http_server_loop_wake(struct http_server *server);
/* Runs libmicrohttpd outside of the loop, once: when there is something to do, wait_ms later at the latest. */
void http_server_loop_run(struct http_server *server, int wait_ms);

/* libmicrohttpd's callbacks; cls is the server. */
enum MHD_Result http_server_on_call(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                    const char *version, const char *data, size_t *size, void **req_cls);
void http_server_on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
                              enum MHD_RequestTerminationCode why);
void http_server_on_connection(void *cls, struct MHD_Connection *connection, void **socket_cls,
                               enum MHD_ConnectionNotificationCode code);
void *http_server_on_line(void *cls, const char *target, struct MHD_Connection *connection);

/* ---- http_server_tls.c ---- */

/* libmicrohttpd's options for TLS, MHD_OPTION_END last; that alone where the listener speaks plain HTTP. Returns: how many. */
size_t http_server_tls_options(const struct ingress *ingress, struct MHD_OptionItem items[HTTP_SERVER_TLS_OPTIONS]);

/* A connection was accepted: asks for a certificate, if callers may have one. */
void http_server_tls_begin(const struct ingress *ingress, struct MHD_Connection *connection);

struct shown_certificate {
	struct cert_chain chain;
	unsigned char der[CERT_MAX_BYTES];
};

/* The certificate that came with a request: in its header where a trusted proxy sends it, else in TLS. Returns: shown->chain, which lives as long as shown and
 * the request; of no certificate when what came is none. NULL: nothing came. */
const struct cert_chain *http_server_certificate(const struct exchange *exchange, struct shown_certificate *shown);

#endif
