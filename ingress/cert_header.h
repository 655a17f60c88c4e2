/* cert_header: a client certificate as the proxies write it that end TLS: base64 of its DER (Azure App Service's X-ARR-ClientCert, HAProxy's
 * %[ssl_c_der,base64]), the same between colons (RFC 9440), or PEM, percent-encoded (nginx's $ssl_client_escaped_cert,
 * Application Gateway's client_certificate) or with its line ends as blanks (Apache). One certificate, without a chain. Pure. */
#ifndef VERIFYD_CERT_HEADER_H
#define VERIFYD_CERT_HEADER_H

#include "common/base/err.h"
#include <stddef.h>

enum { CERT_HEADER_MAX_BYTES = 16 * 1024 };

/* Returns: ERR_OK and *ret_len bytes in out; ERR_INVALID (none of these forms); ERR_LIMIT (longer than CERT_HEADER_MAX_BYTES, or than cap). That
 * it is a certificate is not looked at. Thread: any. */
enum err_code cert_header_read(const char *text, unsigned char *out, size_t cap, size_t *ret_len) WARN_UNUSED;

#endif
