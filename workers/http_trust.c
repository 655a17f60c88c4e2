/* http_trust: one X509_STORE, given to each TLS context that libcurl makes. libcurl itself is told to load nothing, so
 * that without the store nobody is trusted. */
#include "workers/http_trust.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>

struct http_trust {
	X509_STORE *store;
};

/* What libcurl would load. One of both is enough: distributions have the same certificates in both forms. */
static bool load_system(X509_STORE *store)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	struct stat found;
	bool loaded = info->cainfo && X509_STORE_load_file(store, info->cainfo) == 1;

	if (!loaded && info->capath && stat(info->capath, &found) == 0)
		loaded = X509_STORE_load_path(store, info->capath) == 1;
	return loaded || X509_STORE_set_default_paths(store) == 1;
}

enum err_code http_trust_new(const char *ca_file, struct http_trust **ret_trust, struct err *err)
{
	struct http_trust *trust = calloc(1, sizeof(*trust));
	X509_STORE *store = X509_STORE_new();
	enum err_code code = ERR_OK;

	if (!trust || !store)
		code = err_set(err, ERR_NO_MEMORY, "no memory for trusted certificates");
	else if (ca_file && X509_STORE_load_file(store, ca_file) != 1)
		code = err_set(err, ERR_INVALID, "no PEM certificate could be read from the file");
	else if (!ca_file && !load_system(store))
		code = err_set(err, ERR_INVALID, "the system has no trusted certificates");
	/* A certificate in the store is an end of the chain, though it may not be self-signed: as libcurl does. */
	if (code == ERR_OK && X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN) != 1)
		code = err_set(err, ERR_NO_MEMORY, "no memory for trusted certificates");
	ERR_clear_error();
	if (code != ERR_OK) {
		X509_STORE_free(store);
		free(trust);
		return code;
	}
	trust->store = store;
	*ret_trust = trust;
	return ERR_OK;
}

void http_trust_free(struct http_trust *trust)
{
	if (!trust)
		return;
	X509_STORE_free(trust->store);
	free(trust);
}

static CURLcode on_context(CURL *easy, void *context, void *store)
{
	(void)easy;
	SSL_CTX_set1_cert_store(context, store);
	return CURLE_OK;
}

bool http_trust_set(const struct http_trust *trust, CURL *easy)
{
	static const CURLoption files[] = {CURLOPT_CAINFO, CURLOPT_CAPATH, CURLOPT_PROXY_CAINFO, CURLOPT_PROXY_CAPATH};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (curl_easy_setopt(easy, files[i], NULL) != CURLE_OK)
			return false;
	return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, trust->store) == CURLE_OK;
}
