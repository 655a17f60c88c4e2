/* hints_file: keys and certificates out of a PEM or PFX file. A PFX is opened in an OpenSSL library context of its own:
 * what older Windows exports (RC2) needs OpenSSL's legacy provider, and the rest of the program shall not get its
 * ciphers. */
#include "ingress/hints_internal.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_BYTES = 64 * 1024, CERTIFICATES_MAX = 16, RSA_MAX_BITS = 8192, ASN1_SEQUENCE = 0x30 };

struct found {
	size_t key_count, certificate_count;
	EVP_PKEY *keys[HINT_MAX_KEYS];
	X509 *certificates[CERTIFICATES_MAX];
};

static void found_fini(struct found *found)
{
	for (size_t i = 0; i < found->key_count; i++)
		EVP_PKEY_free(found->keys[i]);
	for (size_t i = 0; i < found->certificate_count; i++)
		X509_free(found->certificates[i]);
}

static enum err_code add_key(struct found *found, EVP_PKEY *key, struct err *err)
{
	if (!key)
		return err_set(err, ERR_INVALID, "a private key in it cannot be read");
	if (found->key_count == HINT_MAX_KEYS) {
		EVP_PKEY_free(key);
		return err_set(err, ERR_INVALID, "more than %d private keys", HINT_MAX_KEYS);
	}
	found->keys[found->key_count++] = key;
	return ERR_OK;
}

static enum err_code add_certificate(struct found *found, X509 *certificate, struct err *err)
{
	if (!certificate)
		return err_set(err, ERR_INVALID, "a certificate in it cannot be read");
	if (found->certificate_count == CERTIFICATES_MAX) {
		X509_free(certificate);
		return err_set(err, ERR_INVALID, "more than %d certificates", CERTIFICATES_MAX);
	}
	found->certificates[found->certificate_count++] = certificate;
	return ERR_OK;
}

/* ---- PEM ---- */

struct block {
	char *name, *header;
	unsigned char *der;
	long len;
};

/* For PEM_do_header: without it OpenSSL would ask at a terminal. */
static int give_password(char *out, int size, int writing, void *password)
{
	size_t len = password ? strlen(password) : 0;
	(void)writing;
	if (len == 0 || len > (size_t)size)
		return -1;
	for (size_t i = 0; i < len; i++) /* a length, no string: OpenSSL wants no end to it */
		out[i] = ((const char *)password)[i];
	return (int)len;
}

/* PKCS #8, encrypted (RFC 5958). */
static EVP_PKEY *decrypt_key(const struct block *block, const char *password)
{
	const unsigned char *at = block->der;
	X509_SIG *sealed = d2i_X509_SIG(NULL, &at, block->len);
	PKCS8_PRIV_KEY_INFO *plain = sealed ? PKCS8_decrypt(sealed, password, (int)strlen(password)) : NULL;
	EVP_PKEY *key = plain ? EVP_PKCS82PKEY(plain) : NULL;
	PKCS8_PRIV_KEY_INFO_free(plain);
	X509_SIG_free(sealed);
	return key;
}

static enum err_code take_key(struct found *found, struct block *block, const char *password, struct err *err)
{
	bool pkcs8 = strcmp(block->name, PEM_STRING_PKCS8) == 0, encrypted = pkcs8 || *block->header;
	EVP_CIPHER_INFO cipher;
	EVP_PKEY *key = NULL;
	if (encrypted && !password)
		return err_set(err, ERR_INVALID,
		               "its private key is encrypted: VERIFYD_SIGNING_CERT_PASSWORD must be set");
	if (pkcs8) {
		key = decrypt_key(block, password);
	} else if (!encrypted ||
	           (PEM_get_EVP_CIPHER_INFO(block->header, &cipher) == 1 &&
	            PEM_do_header(&cipher, block->der, &block->len, give_password, (void *)(uintptr_t)password) == 1)) {
		const unsigned char *at = block->der;
		key = d2i_AutoPrivateKey(NULL, &at, block->len);
	}
	if (!key && encrypted)
		return err_set(err, ERR_INVALID, "its private key does not open: wrong password, or damaged");
	return add_key(found, key, err);
}

static enum err_code take_block(struct found *found, struct block *block, const char *password, struct err *err)
{
	static const char private_key[] = "PRIVATE KEY";
	const unsigned char *at = block->der;
	size_t len = strlen(block->name), suffix = sizeof private_key - 1;
	if (strcmp(block->name, PEM_STRING_X509) == 0)
		return add_certificate(found, d2i_X509(NULL, &at, block->len), err);
	if (len >= suffix && strcmp(block->name + len - suffix, private_key) == 0)
		return take_key(found, block, password, err);
	return ERR_OK; /* parameters, requests, lists: not ours */
}

static enum err_code read_pem(const char *data, size_t len, const char *password, struct found *found, struct err *err)
{
	struct block block = {0};
	BIO *bio = BIO_new_mem_buf(data, (int)len);
	enum err_code code = bio ? ERR_OK : err_set(err, ERR_NO_MEMORY, "reading it");
	while (code == ERR_OK && PEM_read_bio(bio, &block.name, &block.header, &block.der, &block.len) == 1) {
		size_t der_bytes = (size_t)block.len; /* decrypting makes it shorter */
		code = take_block(found, &block, password, err);
		OPENSSL_free(block.name);
		OPENSSL_free(block.header);
		OPENSSL_clear_free(block.der, der_bytes);
	}
	if (code == ERR_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		code = err_set(err, ERR_INVALID, "a PEM block in it is damaged");
	BIO_free(bio);
	return code;
}

/* ---- PFX (PKCS #12, RFC 7292) ---- */

struct pfx_library {
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *usual, *legacy; /* legacy NULL: not installed */
};

/* By way of their bytes out of the PFX's library context. */
static enum err_code keep(struct found *found, EVP_PKEY *key, X509 *certificate, struct err *err)
{
	unsigned char *der = NULL;
	const unsigned char *at;
	enum err_code code = ERR_OK;
	int len = key ? i2d_PrivateKey(key, &der) : 0;
	if (key) {
		at = der;
		code = add_key(found, len > 0 ? d2i_AutoPrivateKey(NULL, &at, len) : NULL, err);
		OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
	}
	der = NULL;
	len = certificate && code == ERR_OK ? i2d_X509(certificate, &der) : 0;
	if (len > 0) {
		at = der;
		code = add_certificate(found, d2i_X509(NULL, &at, len), err);
		OPENSSL_free(der);
	}
	return code;
}

static enum err_code parse_pfx(const struct pfx_library *library, PKCS12 *pfx, const char *password,
                               struct found *found, struct err *err)
{
	EVP_PKEY *key = NULL;
	X509 *certificate = NULL;
	bool opens = PKCS12_verify_mac(pfx, password, -1) == 1 || (!password && PKCS12_verify_mac(pfx, "", 0) == 1);
	if (!opens)
		return err_set(err, ERR_INVALID,
		               password ? "the PFX does not open: wrong password, or damaged"
		                        : "the PFX does not open without VERIFYD_SIGNING_CERT_PASSWORD");
	if (PKCS12_parse(pfx, password, &key, &certificate, NULL) != 1)
		return err_set(err, ERR_INVALID,
		               library->legacy ? "the PFX's password is right, but its content cannot be read"
		                               : "the PFX's encryption is old (RC2?): export it with AES256_SHA256, "
		                                 "or install OpenSSL's legacy provider");
	enum err_code code = keep(found, key, certificate, err);
	EVP_PKEY_free(key);
	X509_free(certificate);
	return code;
}

static enum err_code read_pfx(const char *data, size_t len, const char *password, struct found *found, struct err *err)
{
	struct pfx_library library = {.context = OSSL_LIB_CTX_new()};
	const unsigned char *at = (const unsigned char *)data;
	enum err_code code;
	if (library.context) {
		library.usual = OSSL_PROVIDER_load(library.context, "default");
		library.legacy = OSSL_PROVIDER_load(library.context, "legacy");
	}
	PKCS12 *pfx = library.usual ? PKCS12_init_ex(NID_pkcs7_data, library.context, NULL) : NULL;
	if (!pfx)
		code = err_set(err, ERR_NO_MEMORY, "reading it");
	else if (!d2i_PKCS12(&pfx, &at, (long)len)) /* which ends pfx when it fails */
		code = err_set(err, ERR_INVALID, "neither PEM nor PFX");
	else
		code = parse_pfx(&library, pfx, password, found, err);
	PKCS12_free(pfx);
	if (library.legacy)
		(void)OSSL_PROVIDER_unload(library.legacy);
	if (library.usual)
		(void)OSSL_PROVIDER_unload(library.usual);
	OSSL_LIB_CTX_free(library.context);
	return code;
}

/* ---- pairs ---- */

static enum err_code check_key(EVP_PKEY *key, struct err *err)
{
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
		return err_set(err, ERR_INVALID, "a private key in it is not RSA");
	int bits = EVP_PKEY_get_bits(key);
	if (bits < HINT_RSA_MIN_BITS || bits > RSA_MAX_BITS)
		return err_set(err, ERR_INVALID, "an RSA key in it has %d bits; %d to %d are taken", bits,
		               HINT_RSA_MIN_BITS, RSA_MAX_BITS);
	return ERR_OK;
}

static enum err_code pair(const struct found *found, struct hint_pairs *pairs, struct err *err)
{
	if (found->key_count == 0)
		return err_set(err, ERR_INVALID, "no private key in it");
	if (found->certificate_count == 0)
		return err_set(err, ERR_INVALID, "no certificate in it");
	for (size_t i = 0; i < found->key_count; i++) {
		EVP_PKEY *key = found->keys[i];
		X509 *certificate = NULL;
		enum err_code code = check_key(key, err);
		if (code != ERR_OK)
			return code;
		for (size_t c = 0; c < found->certificate_count && !certificate; c++)
			if (X509_check_private_key(found->certificates[c], key) == 1)
				certificate = found->certificates[c];
		if (!certificate)
			return err_set(err, ERR_INVALID, "no certificate in it fits private key %zu", i + 1);
		for (size_t p = 0; p < pairs->count; p++)
			if (pairs->list[p].certificate == certificate)
				return err_set(err, ERR_INVALID, "private key %zu stands in it twice", i + 1);
		pairs->list[pairs->count++] = (struct hint_pair){key, certificate};
	}
	return ERR_OK;
}

static enum err_code read_file(const char *path, char *data, size_t *ret_len, struct err *err)
{
	FILE *file = fopen(path, "rbe");
	if (!file)
		return err_set(err, ERR_IO, "cannot be read: %s", strerror(errno));
	setvbuf(file, NULL, _IONBF, 0); /* no second copy of the key */
	size_t len = fread(data, 1, FILE_MAX_BYTES, file);
	bool whole = !ferror(file) && fgetc(file) == EOF;
	(void)fclose(file);
	if (!whole)
		return err_set(err, ERR_IO, "cannot be read, or has more than %d bytes", FILE_MAX_BYTES);
	*ret_len = len;
	return ERR_OK;
}

enum err_code hint_pairs_read(const char *file, const char *password, struct hint_pairs *ret_pairs, struct err *err)
{
	struct found found = {0};
	struct hint_pairs pairs = {0};
	size_t len = 0;
	char *data = malloc(FILE_MAX_BYTES);
	enum err_code code = data ? read_file(file, data, &len, err) : err_set(err, ERR_NO_MEMORY, "reading it");
	if (code == ERR_OK)
		code = (len > 0 && data[0] == ASN1_SEQUENCE ? read_pfx : read_pem)(data, len, password, &found, err);
	if (code == ERR_OK)
		code = pair(&found, &pairs, err);
	for (size_t i = 0; i < pairs.count && code == ERR_OK; i++) {
		(void)EVP_PKEY_up_ref(pairs.list[i].key);
		(void)X509_up_ref(pairs.list[i].certificate);
	}
	ERR_clear_error();
	found_fini(&found);
	if (data)
		OPENSSL_cleanse(data, len);
	free(data);
	if (code == ERR_OK)
		*ret_pairs = pairs;
	return code;
}

void hint_pairs_fini(struct hint_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		EVP_PKEY_free(pairs->list[i].key);
		X509_free(pairs->list[i].certificate);
	}
	pairs->count = 0;
}
