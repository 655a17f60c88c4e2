/* http_watch: libcurl's sockets in the libuv loop. Opens and closes them, and tells when one is ready.
 *
 * They stand in an epoll set of their own, so that a turn of the loop serves a few dozen of them and no more: libuv by
 * itself serves every ready one, up to 1,024 at a time, before it comes to its timers (docs/performance.md).
 *
 * A socket that libcurl keeps idle stays armed: disarming and arming again would be two system calls in every call. */
#ifndef VERIFYD_HTTP_WATCH_H
#define VERIFYD_HTTP_WATCH_H

#include <curl/curl.h>
#include <uv.h>

struct http_watches;

/* A socket of `owner` is ready; events are libcurl's CURL_CSELECT_ bits. */
typedef void (*http_ready_fn)(void *owner, curl_socket_t fd, int events);

/* Returns: NULL when out of memory or descriptors; ended by http_watches_close. */
struct http_watches *http_watches_new(uv_loop_t *loop, http_ready_fn ready);

/* After the last connection has ended. Frees itself when the loop has closed its handle. Accepts NULL. */
void http_watches_close(struct http_watches *watches);

/* Opens a socket for libcurl; `owner` outlives it. Returns: CURL_SOCKET_BAD when there is none. */
curl_socket_t http_watch_open(struct http_watches *watches, const struct curl_sockaddr *address, void *owner);

/* For CURLOPT_CLOSESOCKETFUNCTION and CURLMOPT_SOCKETFUNCTION; watches is a struct http_watches. */
int http_watch_close(void *watches, curl_socket_t fd);
int http_watch_socket(CURL *easy, curl_socket_t fd, int what, void *watches, void *socket_ctx);

#endif
