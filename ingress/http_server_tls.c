/* http_server_tls: the certificate that a caller shows in the listener's own TLS, or that a trusted proxy passes on. */
#include "ingress/cert_header.h"
#include "ingress/client_address.h"
#include "ingress/http_server_internal.h"

/* A header that comes twice is one that the proxy let pass: its list has a comma, and is no certificate. */
static bool read_header(const struct exchange *exchange, const char *name, struct shown_certificate *shown)
{
	struct buf text;
	size_t len = 0;
	buf_init(&text, CERT_HEADER_MAX_BYTES);
	enum err_code code = exchange_header_list(exchange, name, &text);
	bool there = code != ERR_OK || text.len > 0;
	if (code == ERR_OK && text.len > 0)
		code = cert_header_read(text.data, shown->der, CERT_MAX_BYTES, &len);
	shown->chain.count = code == ERR_OK ? 1 : 0;
	shown->chain.list[0] = (struct cert_der){shown->der, len};
	buf_fini(&text);
	return there;
}

const struct cert_chain *http_server_certificate(const struct exchange *exchange, struct shown_certificate *shown)
{
	const struct ingress *ingress = exchange->ingress;
	const char *header = config_str(ingress->config, CONFIG_CLIENT_CERT_HEADER);
	const struct sockaddr *peer = exchange_peer(exchange);
	const struct http_tls_link *tls = http_link_tls(exchange->link);
	bool there;
	if (!auth_takes_certificates(ingress->auth))
		return NULL;
	/* the certificate of the proxy itself says nothing of its caller */
	if (header && cidr_list_has(ingress->proxies, peer))
		there = read_header(exchange, header, shown);
	else
		there = tls && http_tls_certificate(tls, shown->der, sizeof shown->der, &shown->chain);
	return there ? &shown->chain : NULL;
}
