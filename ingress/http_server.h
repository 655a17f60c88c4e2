/* http_server: the public listener: threads, limits, the life of an exchange. Knows no route's meaning.
 *
 * Limits: body VERIFYD_MAX_BODY_BYTES; line and headers 24 KiB (431); connections, in all and of an address; the time
 * of each stage of a request (connections.h); calls held for a credential and about a verification (admission.h). */
#ifndef VERIFYD_HTTP_SERVER_H
#define VERIFYD_HTTP_SERVER_H

#include "ingress/ingress.h"
#include <uv.h>

struct http_server;

/* Starts listening and logs {"event":"listening","listener":"http","address":"H:P"}.
 * Returns: ERR_OK; ERR_INVALID; ERR_IO (address in use or not ours); ERR_NO_MEMORY. ingress must outlive the server. */
enum err_code http_server_start(struct ingress *ingress, struct http_server **ret_server, struct err *err) WARN_UNUSED;

/* How many threads it has of its own. 0: it wants http_server_join_loop. */
unsigned http_server_threads(const struct config *config);

/* Without threads: it reads and answers in this loop, the desk's, from its next turn on. Until then, and after
 * http_server_leave_loop, it does neither. Thread: the loop's, or before there is one. Returns: ERR_OK; ERR_IO. */
enum err_code http_server_join_loop(struct http_server *server, uv_loop_t *loop, struct err *err) WARN_UNUSED;
/* Its handles have closed when the loop has run again. Does nothing when it is in no loop. Thread: the loop's. */
void http_server_leave_loop(struct http_server *server);

/* From now on whoever is answered is told that the connection ends; new ones are accepted. */
void http_server_tell_end(struct http_server *server);

/* Accepts no more connections; those that are open go on, and are told with their next answer that they end. */
void http_server_quiesce(struct http_server *server);

/* Waits until everybody who was being answered has taken the answer, timeout_ms at most. Every ask must be back from the desk,
 * and the loop left. */
void http_server_finish(struct http_server *server, int64_t timeout_ms);

/* Ends it. Every ask must be back from the desk. Accepts NULL. Blocks: until the threads have ended. */
void http_server_stop(struct http_server *server);

#endif
