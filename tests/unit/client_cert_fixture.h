/* client_cert_fixture: an authority and certificates of callers, made as a test needs them; and settings that name their files. */
#ifndef VERIFYD_CLIENT_CERT_FIXTURE_H
#define VERIFYD_CLIENT_CERT_FIXTURE_H

#include "common/base/config.h"
#include "ingress/client_cert.h"
#include "tests/unit/cert_fixture.h"
#include <openssl/ec.h>
#include <openssl/x509v3.h>
#include <time.h>

enum { FIXTURE_SETTINGS = 16, FIXTURE_PIN_BYTES = 64 };

struct made {
	EVP_PKEY *key;
	X509 *certificate;
	unsigned char *der;
	size_t len;
};

/* What a certificate says; zeroes: good for a month. */
struct shape {
	const char *name, *usage, *more_name; /* more_name: a second common name */
	int64_t from_days, to_days;           /* from now; 0 and 0: -1 and 30 */
	const char *constraints;
	bool weak;                            /* signed with SHA-1 */
};

static inline void made_free(struct made *made)
{
	OPENSSL_free(made->der);
	X509_free(made->certificate);
	EVP_PKEY_free(made->key);
}

static inline void made_extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	cert_must(extension && X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

/* issuer NULL: signs itself. */
static inline struct made made_new(const struct shape *shape, const struct made *issuer)
{
	struct made made = {.key = EVP_EC_gen("P-256")};
	int64_t now = time(NULL), to = shape->to_days || shape->from_days ? shape->to_days : 30;
	int64_t from = shape->to_days || shape->from_days ? shape->from_days : -1;
	made.certificate = cert_new(made.key, shape->name, now + from * CERT_DAY_S, now + to * CERT_DAY_S);
	X509_NAME *subject = X509_get_subject_name(made.certificate);
	cert_must(!shape->more_name ||
	          X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)shape->more_name, -1, -1,
	                                     0) == 1);
	cert_must(!issuer || X509_set_issuer_name(made.certificate, X509_get_subject_name(issuer->certificate)) == 1);
	if (shape->constraints)
		made_extend(made.certificate, NID_basic_constraints, shape->constraints);
	if (shape->usage)
		made_extend(made.certificate, NID_ext_key_usage, shape->usage);
	cert_must(X509_sign(made.certificate, issuer ? issuer->key : made.key, shape->weak ? EVP_sha1() : EVP_sha256()) > 0);
	int len = i2d_X509(made.certificate, &made.der);
	cert_must(len > 0);
	made.len = (size_t)len;
	return made;
}

static inline struct cert_chain made_chain(const struct made *made)
{
	return (struct cert_chain){1, {{made->der, made->len}}};
}

/* As TLS_CLIENT_SPKI wants it. */
static inline void made_pin(const struct made *made, char ret_pin[FIXTURE_PIN_BYTES])
{
	unsigned char *der = NULL, digest[32];
	int len = i2d_PUBKEY(made->key, &der);
	cert_must(len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1);
	EVP_EncodeBlock((unsigned char *)ret_pin, digest, sizeof digest);
	OPENSSL_free(der);
}

static inline void made_file(const struct made *made, bool key, char ret_path[CERT_PATH_BYTES])
{
	struct buf text;
	buf_init(&text, CERT_FILE_MAX_BYTES);
	if (key)
		cert_put_key(&text, made->key, NULL, false);
	else
		cert_put_pem(&text, made->certificate);
	cert_file(&text, ret_path);
	buf_fini(&text);
}

/* The settings of an ingress, and these besides; a NULL ends them. */
static inline struct config *settings_of(const char *const *more)
{
	char *environment[FIXTURE_SETTINGS] = {"VERIFYD_KAFKA_BROKERS=127.0.0.1:1", "VERIFYD_REDIS_URL=redis://127.0.0.1:1",
	                                       "VERIFYD_ID_KEY=0123456789abcdef0123456789abcdef",
	                                       "VERIFYD_SEAL_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
	struct config *config = NULL;
	for (size_t i = 0; more[i]; i++)
		environment[4 + i] = (char *)(uintptr_t)more[i];
	cert_must(config_load(CONFIG_INGRESS, environment, stderr, &config) == ERR_OK);
	return config;
}

#endif
