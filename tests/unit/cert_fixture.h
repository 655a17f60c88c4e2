/* cert_fixture: keys, certificates and files of them, made as a test needs them. What fails ends the test program. */
#ifndef VERIFYD_CERT_FIXTURE_H
#define VERIFYD_CERT_FIXTURE_H

#include "common/base/buf.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CERT_DAY_S = 24 * 3600, CERT_FILE_MAX_BYTES = 256 * 1024, CERT_PATH_BYTES = 64 };

static inline void cert_must(bool holds)
{
	if (!holds)
		abort();
}

/* A self-signed certificate. Ended by X509_free. */
static inline X509 *cert_new(EVP_PKEY *key, const char *name, int64_t from_s, int64_t to_s)
{
	X509 *certificate = X509_new();
	cert_must(certificate != NULL);
	X509_NAME *subject = X509_get_subject_name(certificate);
	cert_must(X509_set_version(certificate, X509_VERSION_3) == 1 &&
	          ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
	          X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1 &&
	          X509_set_issuer_name(certificate, subject) == 1 && X509_set_pubkey(certificate, key) == 1 &&
	          ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)from_s) &&
	          ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)to_s) &&
	          X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

static inline void cert_put_bio(struct buf *out, BIO *bio)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);
	cert_must(len > 0 && buf_append(out, data, (size_t)len) == ERR_OK);
	BIO_free(bio);
}

static inline void cert_put_pem(struct buf *out, X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());
	cert_must(bio && PEM_write_bio_X509(bio, certificate) == 1);
	cert_put_bio(out, bio);
}

/* password NULL: in the clear. traditional: the form before PKCS #8. */
static inline void cert_put_key(struct buf *out, EVP_PKEY *key, const char *password, bool traditional)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const EVP_CIPHER *cipher = password ? EVP_aes_256_cbc() : NULL;
	int len = password ? (int)strlen(password) : 0;
	unsigned char copy[64] = {0};
	cert_must(bio && len < (int)sizeof copy);
	memcpy(copy, password ? password : "", (size_t)len);
	if (traditional)
		cert_must(PEM_write_bio_PrivateKey_traditional(bio, key, cipher, password ? copy : NULL, len, NULL, NULL) ==
		          1);
	else
		cert_must(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, password, len, NULL, NULL) == 1);
	cert_put_bio(out, bio);
}

enum cert_pfx { CERT_PFX_AES, CERT_PFX_3DES, CERT_PFX_RC2 };

/* As Windows exports it: AES256_SHA256, TripleDES_SHA1, or the RC2-40 of old versions. Returns: false: RC2 is not to be had here. */
static inline bool cert_put_pfx(struct buf *out, EVP_PKEY *key, X509 *certificate, const char *password, enum cert_pfx form)
{
	static const struct {
		int key, certificate;
		const char *mac;
	} forms[] = {
	        [CERT_PFX_AES] = {NID_aes_256_cbc, NID_aes_256_cbc, "SHA256"},
	        [CERT_PFX_3DES] = {NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, "SHA1"},
	        [CERT_PFX_RC2] = {NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NID_pbe_WithSHA1And40BitRC2_CBC, "SHA1"},
	};
	OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
	OSSL_PROVIDER *usual = OSSL_PROVIDER_load(context, "default");
	OSSL_PROVIDER *legacy = form == CERT_PFX_RC2 ? OSSL_PROVIDER_load(context, "legacy") : NULL;
	bool made = form != CERT_PFX_RC2 || legacy;
	cert_must(context && usual);
	PKCS12 *pfx = made ? PKCS12_create_ex(password, "name", key, certificate, NULL, forms[form].key,
	                                      forms[form].certificate, 2000, -1, 0, context, NULL)
	                   : NULL;
	if (made) {
		BIO *bio = BIO_new(BIO_s_mem());
		EVP_MD *mac = EVP_MD_fetch(context, forms[form].mac, NULL);
		cert_must(pfx && bio && mac && PKCS12_set_mac(pfx, password, -1, NULL, 0, 2000, mac) == 1 &&
		          i2d_PKCS12_bio(bio, pfx) == 1);
		EVP_MD_free(mac);
		cert_put_bio(out, bio);
	}
	PKCS12_free(pfx);
	if (legacy)
		cert_must(OSSL_PROVIDER_unload(legacy) == 1);
	cert_must(OSSL_PROVIDER_unload(usual) == 1);
	OSSL_LIB_CTX_free(context);
	return made;
}

/* Writes a file of its own; *ret_path is deleted by the caller. */
static inline void cert_file(const struct buf *content, char ret_path[CERT_PATH_BYTES])
{
	(void)snprintf(ret_path, CERT_PATH_BYTES, "/tmp/verifyd-cert-XXXXXX");
	int fd = mkstemp(ret_path);
	cert_must(fd >= 0 && write(fd, content->data, content->len) == (ssize_t)content->len && close(fd) == 0);
}

#endif
