/* http_tls: TLS 1.2 and 1.3 of the public listener, by OpenSSL, on sockets that do not block. A browser may come without a
 * certificate on every route: certificates are asked for, never demanded, and none is judged here (client_cert.h does). Sessions
 * are not resumed: a certificate has to be shown on every connection. */
#ifndef VERIFYD_HTTP_TLS_H
#define VERIFYD_HTTP_TLS_H

#include "common/base/err.h"
#include "ingress/client_cert.h"
#include "ingress/tls_files.h"
#include <sys/types.h>

struct http_tls;      /* what all connections share. Thread: any */
struct http_tls_link; /* one connection's. Thread: its own */

/* asks: callers are asked for a certificate. files may end afterwards. Returns: ERR_OK, *ret_tls ended by http_tls_free after all its
 * links; ERR_INVALID (OpenSSL does not take the files); ERR_NO_MEMORY. */
enum err_code http_tls_new(const struct tls_files *files, bool asks, struct http_tls **ret_tls,
                           struct err *err) WARN_UNUSED;
void http_tls_free(struct http_tls *tls); /* accepts NULL */

/* For a connection that was accepted; fd stays the caller's, and open until http_tls_close. Returns: NULL: no memory. */
struct http_tls_link *http_tls_open(struct http_tls *tls, int fd);
void http_tls_close(struct http_tls_link *link); /* accepts NULL */

/* Both shake hands first, do not block, take a size or len of 1 at least, and return: how many bytes; HTTP_TLS_WAIT: the socket has
 * to become ready first, in either direction; HTTP_TLS_OVER: the connection is over, whether it was ended well or not. A write that
 * waited is repeated with the same bytes at least, at any address. A read that returned less than size may still have left something
 * behind: it is repeated until it waits. */
enum { HTTP_TLS_WAIT = -1, HTTP_TLS_OVER = 0 };
ssize_t http_tls_read(struct http_tls_link *link, void *out, size_t size);
ssize_t http_tls_write(struct http_tls_link *link, const void *data, size_t len);

/* Tells the other side that nothing more will be sent (close_notify), if that can be told without waiting. */
void http_tls_end(struct http_tls_link *link);

/* The certificates that the caller sent in the handshake, in which it also showed that it holds the first one's key, as DER: its own
 * first. Those that find no room in `room` are left out, and all behind them. Returns: whether there is one. */
bool http_tls_certificate(const struct http_tls_link *link, unsigned char *room, size_t size,
                          struct cert_chain *ret_chain);

#endif
