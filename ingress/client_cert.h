/* client_cert: certificates that callers show in TLS, or that a proxy passes on: whether they are in time, for clients (RFC 5280), and of an
 * authority that is trusted, if any is set. That the caller holds the private key has been seen by whoever ended TLS. Lists of
 * revoked certificates are not asked for. */
#ifndef VERIFYD_CLIENT_CERT_H
#define VERIFYD_CLIENT_CERT_H

#include "common/domain/request.h"
#include <stdint.h>

enum { CERT_MAX_BYTES = 8 * 1024, CERT_CHAIN_MAX = 4, SPKI_BYTES = 32 };

enum cert_verdict {
#define CERT(symbol, name) CERT_##symbol,
#include "ingress/cert_verdicts.def"
#undef CERT
	CERT_VERDICT_COUNT
};

const char *cert_verdict_name(enum cert_verdict verdict);

/* The caller's own certificate first, then what it sent to lead to an authority. */
struct cert_chain {
	size_t count;
	struct cert_der {
		const unsigned char *data;
		size_t len;
	} list[CERT_CHAIN_MAX];
};

struct client_cert {
	unsigned char spki[SPKI_BYTES]; /* SHA-256 of its SubjectPublicKeyInfo */
	char name[CALLER_BYTES];        /* its subject's common name; "" when there is not one alone that fits */
};

struct cert_authorities;

/* Reads a PEM file of certificates. Returns: ERR_OK, *ret_authorities ended by cert_authorities_free; ERR_INVALID (no certificate in it, or no PEM); ERR_NO_MEMORY. */
enum err_code cert_authorities_new(const char *file, struct cert_authorities **ret_authorities,
                                   struct err *err) WARN_UNUSED;
void cert_authorities_free(struct cert_authorities *authorities); /* accepts NULL */

/* authorities NULL: none is asked for. Returns: CERT_GOOD and *ret_cert; another verdict, never CERT_UNKNOWN. Thread: any. */
enum cert_verdict client_cert_check(const struct cert_authorities *authorities, const struct cert_chain *chain,
                                    int64_t now_s, struct client_cert *ret_cert);

#endif
