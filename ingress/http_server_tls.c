/* http_server_tls: the listener's own TLS (libmicrohttpd's GnuTLS), and the certificate that a caller shows in it or
 * that a trusted proxy passes on. A browser may come without one on every route: certificates are asked for, never
 * demanded. */
#include "ingress/cert_header.h"
#include "ingress/client_address.h"
#include "ingress/http_server_internal.h"
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

/* TLS 1.2 needs an ephemeral key exchange; the order is ours. */
#define PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:%SERVER_PRECEDENCE"

size_t http_server_tls_options(const struct ingress *ingress, struct MHD_OptionItem items[HTTP_SERVER_TLS_OPTIONS])
{
	const struct tls_files *files = ingress->tls;
	size_t count = 0;
	if (files) {
		items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, files->certificate};
		items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, files->key};
		items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITIES};
	}
	if (files && files->authorities)
		items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, files->authorities};
	items[count++] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	return count;
}

static gnutls_session_t session_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	return info ? (gnutls_session_t)info->tls_session : NULL;
}

void http_server_tls_begin(const struct ingress *ingress, struct MHD_Connection *connection)
{
	gnutls_session_t session =
	        ingress->tls && auth_takes_certificates(ingress->auth) ? session_of(connection) : NULL;
	if (session)
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
}

/* What the caller sent in the handshake, in which it also showed that it holds the key. */
static bool read_session(struct MHD_Connection *connection, struct cert_chain *chain)
{
	gnutls_session_t session = session_of(connection);
	unsigned count = 0;
	const gnutls_datum_t *peers =
	        session && gnutls_certificate_type_get2(session, GNUTLS_CTYPE_PEERS) == GNUTLS_CRT_X509
	                ? gnutls_certificate_get_peers(session, &count)
	                : NULL;
	if (!peers || count == 0)
		return false;
	for (chain->count = 0; chain->count < count && chain->count < CERT_CHAIN_MAX; chain->count++)
		chain->list[chain->count] = (struct cert_der){peers[chain->count].data, peers[chain->count].size};
	return true;
}

/* A header that comes twice is one that the proxy let pass: its list has a comma, and is no certificate. */
static bool read_header(const struct exchange *exchange, const char *name, struct shown_certificate *shown)
{
	struct buf text;
	size_t len = 0;
	buf_init(&text, CERT_HEADER_MAX_BYTES);
	enum err_code code = exchange_header_list(exchange, name, &text);
	bool there = code != ERR_OK || text.len > 0;
	if (code == ERR_OK && text.len > 0)
		code = cert_header_read(text.data, shown->der, sizeof shown->der, &len);
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
	bool there;
	if (!auth_takes_certificates(ingress->auth))
		return NULL;
	/* the certificate of the proxy itself says nothing of its caller */
	if (header && peer && cidr_list_has(ingress->proxies, peer))
		there = read_header(exchange, header, shown);
	else
		there = ingress->tls && read_session(exchange->connection, &shown->chain);
	return there ? &shown->chain : NULL;
}
