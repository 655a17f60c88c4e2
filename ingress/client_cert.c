/* client_cert: OpenSSL's view of certificates, whoever ended TLS. */
#include "ingress/client_cert.h"
#include <ctype.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { AUTH_LEVEL = 2 /* 112 bits: RSA of 2048, no SHA-1 */ };

struct cert_authorities {
	X509_STORE *store;
};

const char *cert_verdict_name(enum cert_verdict verdict)
{
	static const char *const names[CERT_VERDICT_COUNT] = {
#define CERT(symbol, name) [CERT_##symbol] = name,
#include "ingress/cert_verdicts.def"
#undef CERT
	};
	return names[verdict];
}

enum err_code cert_authorities_new(const char *file, struct cert_authorities **ret_authorities, struct err *err)
{
	struct cert_authorities *authorities = calloc(1, sizeof *authorities);
	if (!authorities || !(authorities->store = X509_STORE_new())) {
		free(authorities);
		return err_set(err, ERR_NO_MEMORY, "certificates");
	}
	if (X509_STORE_load_file(authorities->store, file) != 1) {
		ERR_clear_error();
		cert_authorities_free(authorities);
		return err_set(err, ERR_INVALID, "holds no certificate that can be read (PEM)");
	}
	*ret_authorities = authorities;
	return ERR_OK;
}

void cert_authorities_free(struct cert_authorities *authorities)
{
	if (!authorities)
		return;
	X509_STORE_free(authorities->store);
	free(authorities);
}

/* ---- one certificate ---- */

static X509 *parse(const struct cert_der *der)
{
	const unsigned char *at = der->data;
	X509 *certificate = der->len <= CERT_MAX_BYTES ? d2i_X509(NULL, &at, (long)der->len) : NULL;
	if (certificate && at != der->data + der->len) {
		X509_free(certificate);
		certificate = NULL;
	}
	return certificate;
}

static enum cert_verdict check_time(const X509 *certificate, int64_t now_s)
{
	time_t now = (time_t)now_s;
	int begins = X509_cmp_time(X509_get0_notBefore(certificate), &now);
	int ends = X509_cmp_time(X509_get0_notAfter(certificate), &now);
	if (begins == 0 || ends == 0)
		return CERT_MALFORMED;
	if (begins > 0)
		return CERT_TOO_EARLY;
	return ends < 0 ? CERT_EXPIRED : CERT_GOOD;
}

/* A leaf's SPKI as it stands in the certificate. */
static bool read_spki(const X509 *certificate, unsigned char ret_spki[SPKI_BYTES])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	bool good = len > 0 && EVP_Digest(der, (size_t)len, ret_spki, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return good;
}

static void read_name(const X509 *certificate, char ret_name[CALLER_BYTES])
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	unsigned char *text = NULL;
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	ret_name[0] = '\0';
	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return;
	int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (len > 0 && len < CALLER_BYTES && !memchr(text, '\0', (size_t)len)) {
		memcpy(ret_name, text, (size_t)len);
		ret_name[len] = '\0';
	}
	OPENSSL_free(text);
}

/* ---- its authority ---- */

static void free_chain(STACK_OF(X509) * chain)
{
	sk_X509_pop_free(chain, X509_free);
}

/* What came behind the caller's own. What cannot be read leads nowhere, and is passed over. */
static STACK_OF(X509) * parse_rest(const struct cert_chain *chain)
{
	STACK_OF(X509) *rest = sk_X509_new_null();
	for (size_t i = 1; rest && i < chain->count; i++) {
		X509 *one = parse(&chain->list[i]);
		if (one && sk_X509_push(rest, one) <= 0)
			X509_free(one);
	}
	return rest;
}

/* Any of the file's certificates is believed, an authority below a root among them. */
static bool is_vouched_for(const struct cert_authorities *authorities, X509 *certificate,
                           const struct cert_chain *chain, int64_t now_s)
{
	STACK_OF(X509) *rest = parse_rest(chain);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool good = false;
	if (rest && ctx && X509_STORE_CTX_init(ctx, authorities->store, certificate, rest) == 1) {
		X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(ctx);
		X509_VERIFY_PARAM_set_time(parameters, (time_t)now_s);
		X509_VERIFY_PARAM_set_auth_level(parameters, AUTH_LEVEL);
		good = X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
		       X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT) == 1 &&
		       X509_verify_cert(ctx) == 1;
	}
	X509_STORE_CTX_free(ctx);
	free_chain(rest);
	return good;
}

static enum cert_verdict check(const struct cert_authorities *authorities, X509 *certificate,
                               const struct cert_chain *chain, int64_t now_s)
{
	enum cert_verdict verdict = check_time(certificate, now_s);
	if (verdict == CERT_GOOD && X509_check_purpose(certificate, X509_PURPOSE_SSL_CLIENT, 0) != 1)
		verdict = CERT_PURPOSE;
	if (verdict == CERT_GOOD && authorities && !is_vouched_for(authorities, certificate, chain, now_s))
		verdict = CERT_AUTHORITY;
	return verdict;
}

enum cert_verdict client_cert_check(const struct cert_authorities *authorities, const struct cert_chain *chain,
                                    int64_t now_s, struct client_cert *ret_cert)
{
	struct client_cert cert;
	X509 *certificate = chain->count > 0 ? parse(&chain->list[0]) : NULL;
	enum cert_verdict verdict = certificate ? check(authorities, certificate, chain, now_s) : CERT_MALFORMED;
	if (verdict == CERT_GOOD && !read_spki(certificate, cert.spki))
		verdict = CERT_MALFORMED;
	if (verdict == CERT_GOOD) {
		read_name(certificate, cert.name);
		*ret_cert = cert;
	}
	X509_free(certificate);
	ERR_clear_error();
	return verdict;
}
