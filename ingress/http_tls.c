/* http_tls: OpenSSL on the socket itself. Its queue of errors is a thread's, so it is empty before every call whose
 * outcome is asked for, and left empty. */
#include "ingress/http_tls.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>

/* An ephemeral key exchange and an AEAD, the strongest first. */
#define CIPHERS_1_2                                                                                                    \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                                   \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"                                                   \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
#define CIPHERS_1_3 "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"

enum { SECURITY_LEVEL = 2 /* 112 bits, as Debian sets it: RSA of 2048 in the listener's own certificate */ };

struct http_tls {
	SSL_CTX *context;
};

struct http_tls_link {
	SSL *ssl;
	bool failed; /* nothing more is asked of ssl */
	bool ended;
};

/* ---- what all connections share ---- */

static int accept_any(X509_STORE_CTX *chain, void *ctx)
{
	(void)chain, (void)ctx;
	return 1;
}

/* Who offers HTTP/2 alone is answered without a choice (RFC 7301), and finds out. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *ret_len, const unsigned char *offered,
                           unsigned len, void *ctx)
{
	static const unsigned char ours[] = "\x08http/1.1\x08http/1.0";
	unsigned char *chosen = NULL;
	(void)ssl, (void)ctx;
	if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof ours - 1, offered, len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool set_rules(SSL_CTX *context, bool asks)
{
	SSL_CTX_set_security_level(context, SECURITY_LEVEL);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
	                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION /* from OpenSSL 3.2: a caller's certificate would be unpacked */
	SSL_CTX_set_options(context, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
#endif
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                                  SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_read_ahead(context, 1); /* else a record takes two system calls: its length, then the rest */
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	SSL_CTX_set_verify(context, asks ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_cert_verify_callback(context, accept_any, NULL);
	return SSL_CTX_set_num_tickets(context, 0) == 1 &&
	       SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(context, CIPHERS_1_2) == 1 &&
	       SSL_CTX_set_ciphersuites(context, CIPHERS_1_3) == 1;
}

static bool take_own(SSL_CTX *context, X509 *certificate, size_t index)
{
	return (index == 0 ? SSL_CTX_use_certificate(context, certificate)
	                   : SSL_CTX_add1_chain_cert(context, certificate)) == 1;
}

static bool take_authority(SSL_CTX *context, X509 *certificate, size_t index)
{
	(void)index;
	return SSL_CTX_add_client_CA(context, certificate) == 1;
}

/* Every certificate of a PEM text, and there is one at least. */
static bool take_all(SSL_CTX *context, const char *pem, bool (*take)(SSL_CTX *, X509 *, size_t))
{
	BIO *from = BIO_new_mem_buf(pem, -1);
	X509 *certificate = NULL;
	size_t count = 0;
	bool good = from != NULL;
	while (good && (certificate = PEM_read_bio_X509(from, NULL, tls_no_password, NULL))) {
		good = take(context, certificate, count++);
		X509_free(certificate);
	}
	unsigned long last = ERR_peek_last_error();
	bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
	BIO_free(from);
	if (!good || !at_end || count == 0)
		return false;
	ERR_clear_error();
	return true;
}

/* The certificate is there already: OpenSSL compares. */
static bool take_key(SSL_CTX *context, const char *pem)
{
	BIO *from = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = from ? PEM_read_bio_PrivateKey(from, NULL, tls_no_password, NULL) : NULL;
	bool good = key && SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
	EVP_PKEY_free(key);
	BIO_free(from);
	return good;
}

/* Returns: NULL; else what it is that OpenSSL does not take. */
static const char *fill(SSL_CTX *context, const struct tls_files *files, bool asks)
{
	if (!set_rules(context, asks))
		return "the versions and ciphers";
	if (!take_all(context, files->certificate, take_own))
		return "the certificate or its chain";
	if (!take_key(context, files->key))
		return "the key";
	if (files->authorities && !take_all(context, files->authorities, take_authority))
		return "the callers' authorities";
	return NULL;
}

enum err_code http_tls_new(const struct tls_files *files, bool asks, struct http_tls **ret_tls, struct err *err)
{
	ERR_clear_error();
	struct http_tls *tls = calloc(1, sizeof *tls);
	SSL_CTX *context = tls ? SSL_CTX_new(TLS_server_method()) : NULL;
	if (!context) {
		ERR_clear_error();
		free(tls);
		return err_set(err, ERR_NO_MEMORY, "TLS");
	}
	const char *wrong = fill(context, files, asks);
	if (wrong) {
		const char *why = ERR_reason_error_string(ERR_peek_error());
		ERR_clear_error();
		SSL_CTX_free(context);
		free(tls);
		return err_set(err, ERR_INVALID, "OpenSSL does not take %s: %s", wrong, why ? why : "no reason");
	}
	ERR_clear_error();
	tls->context = context;
	*ret_tls = tls;
	return ERR_OK;
}

void http_tls_free(struct http_tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->context);
	free(tls);
}

/* ---- one connection ---- */

struct http_tls_link *http_tls_open(struct http_tls *tls, int fd)
{
	struct http_tls_link *link = calloc(1, sizeof *link);
	SSL *ssl = link ? SSL_new(tls->context) : NULL;
	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		ERR_clear_error();
		SSL_free(ssl);
		free(link);
		return NULL;
	}
	SSL_set_accept_state(ssl);
	link->ssl = ssl;
	return link;
}

void http_tls_close(struct http_tls_link *link)
{
	if (!link)
		return;
	SSL_free(link->ssl);
	free(link);
}

/* Why nothing was read or written. The other side's close_notify ends what it sends, and is no failure. */
static ssize_t settle(struct http_tls_link *link)
{
	int why = SSL_get_error(link->ssl, 0);
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return HTTP_TLS_WAIT;
	link->failed = why != SSL_ERROR_ZERO_RETURN;
	ERR_clear_error();
	return HTTP_TLS_OVER;
}

ssize_t http_tls_read(struct http_tls_link *link, void *out, size_t size)
{
	size_t got = 0;
	if (link->failed)
		return HTTP_TLS_OVER;
	ERR_clear_error();
	return SSL_read_ex(link->ssl, out, size, &got) == 1 ? (ssize_t)got : settle(link);
}

ssize_t http_tls_write(struct http_tls_link *link, const void *data, size_t len)
{
	size_t sent = 0;
	if (link->failed || link->ended)
		return HTTP_TLS_OVER;
	ERR_clear_error();
	return SSL_write_ex(link->ssl, data, len, &sent) == 1 ? (ssize_t)sent : settle(link);
}

void http_tls_end(struct http_tls_link *link)
{
	if (link->failed || link->ended || !SSL_is_init_finished(link->ssl))
		return;
	link->ended = true;
	ERR_clear_error();
	if (SSL_shutdown(link->ssl) < 0)
		(void)settle(link);
}

/* ---- the caller's certificates ---- */

/* One more, if there is room for it. Returns: how many bytes it took; 0: none. */
static size_t put(const X509 *certificate, unsigned char *room, size_t size, struct cert_chain *chain)
{
	int len = i2d_X509(certificate, NULL);
	unsigned char *at = room;
	if (len <= 0 || (size_t)len > size || chain->count == CERT_CHAIN_MAX || i2d_X509(certificate, &at) != len)
		return 0;
	chain->list[chain->count++] = (struct cert_der){room, (size_t)len};
	return (size_t)len;
}

bool http_tls_certificate(const struct http_tls_link *link, unsigned char *room, size_t size,
                          struct cert_chain *ret_chain)
{
	/* before the handshake's end a certificate may be there whose key nobody has shown to hold */
	const X509 *own = SSL_is_init_finished(link->ssl) ? SSL_get0_peer_certificate(link->ssl) : NULL;
	if (!own)
		return false;
	STACK_OF(X509) *rest = SSL_get_peer_cert_chain(link->ssl); /* at a server without the caller's own */
	struct cert_chain chain = {0};
	size_t used = put(own, room, size, &chain), more = used;
	for (int i = 0; more > 0 && i < sk_X509_num(rest); i++) {
		more = put(sk_X509_value(rest, i), room + used, size - used, &chain);
		used += more;
	}
	ERR_clear_error();
	*ret_chain = chain;
	return true;
}
