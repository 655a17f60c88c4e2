/* http_server_internal: what http_server.c (libmicrohttpd's callbacks), http_server_life.c (start and end) and http_server_figures.c
 * (metrics) share. */
#ifndef VERIFYD_HTTP_SERVER_INTERNAL_H
#define VERIFYD_HTTP_SERVER_INTERNAL_H

#include "ingress/answers.h"
#include "ingress/connections.h"
#include "ingress/http_server.h"
#include "ingress/routes/routes.h"
#include <microhttpd.h>

enum { STATUS_CLASSES = 6 };

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
};

/* http_server_figures.c */
void http_server_make_figures(struct http_server *server);
void http_server_count(const struct http_server *server, const struct exchange *exchange); /* it is answered */

/* libmicrohttpd's callbacks; cls is the server. */
enum MHD_Result http_server_on_call(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                    const char *version, const char *data, size_t *size, void **req_cls);
void http_server_on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
                              enum MHD_RequestTerminationCode why);
void http_server_on_connection(void *cls, struct MHD_Connection *connection, void **socket_cls,
                               enum MHD_ConnectionNotificationCode code);
void *http_server_on_line(void *cls, const char *target, struct MHD_Connection *connection);

#endif
