/* hkdf: OpenSSL's EVP_KDF. The key is made aside, so that a failure leaves the caller's bytes as they were. */
#include "ingress/hkdf.h"
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdint.h>
#include <string.h>

static EVP_KDF_CTX *context_new(void)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
	EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	EVP_KDF_free(kdf); /* the context holds a reference of its own */
	return context;
}

enum err_code hkdf_sha256(const void *secret, size_t len, const char *info, void *ret_key, size_t key_len)
{
	unsigned char key[HKDF_MAX_BYTES];
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
	        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
	        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, len),
	        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, strlen(info)),
	        OSSL_PARAM_construct_end(),
	};
	EVP_KDF_CTX *context = context_new();
	if (!context || key_len > sizeof key || EVP_KDF_derive(context, key, key_len, params) != 1) {
		EVP_KDF_CTX_free(context);
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	memcpy(ret_key, key, key_len);
	OPENSSL_cleanse(key, key_len);
	EVP_KDF_CTX_free(context);
	return ERR_OK;
}
