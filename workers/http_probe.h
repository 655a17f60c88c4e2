/* http_probe: can a vendor's host be reached? Name, TCP, the proxy's tunnel and the TLS handshake; no request is sent, so
 * nothing is billed. For checks: blocking, one at a time. */
#ifndef VERIFYD_HTTP_PROBE_H
#define VERIFYD_HTTP_PROBE_H

#include "common/base/buf.h"
#include <stdint.h>

enum { HTTP_PROBE_PEM_BYTES = 64 * 1024, HTTP_PROBE_WHY_BYTES = 160 };

struct http_probe {
	const char *url;     /* https://HOST[:PORT], or http:// to a loopback address */
	const char *proxy;   /* as VERIFYD_VENDOR_PROXY; NULL: none. Loopback is reached without it */
	const char *ca_file; /* as VERIFYD_VENDOR_CA_FILE; NULL: the system's */
	int timeout_ms;      /* total */
};

/* pem: initialised; the host's certificate is appended, nothing where there is no TLS. ret_why: "" or why not, without URL
 * and proxy, fit for a line. Returns: ERR_OK and *ret_ms, how long it took; ERR_UNAVAILABLE (not reached); ERR_INVALID (reached,
 * but its TLS or certificate is refused; or no such URL); ERR_NO_MEMORY. Blocks: up to timeout_ms. */
enum err_code http_probe_connect(const struct http_probe *probe, struct buf *pem, int64_t *ret_ms,
				 char ret_why[HTTP_PROBE_WHY_BYTES]) WARN_UNUSED;

#endif
