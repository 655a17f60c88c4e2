/* http_probe: libcurl with CONNECT_ONLY, with the same rules as the worker's calls have (http_exchange.c). */
#include "workers/http_probe.h"
#include "common/adapters/http_way.h"
#include "common/base/clock.h"
#include "common/base/http_url.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

static bool set_up(CURL *easy, const struct http_probe *probe, char *why)
{
	static const struct {
		CURLoption option;
		long value;
	} rows[] = {
	        {CURLOPT_CONNECT_ONLY, 1},
	        {CURLOPT_CERTINFO, 1},
	        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
	};
	const struct http_way way = {.url = probe->url, .proxy = probe->proxy, .ca_file = probe->ca_file};
	bool set = http_way_set(easy, &way) && curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why) == CURLE_OK &&
	           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)probe->timeout_ms) == CURLE_OK &&
	           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)probe->timeout_ms) == CURLE_OK;
	for (size_t i = 0; set && i < sizeof rows / sizeof *rows; i++)
		set = curl_easy_setopt(easy, rows[i].option, rows[i].value) == CURLE_OK;
	return set;
}

/* The first one is the host's own. */
static enum err_code take_certificate(CURL *easy, struct buf *pem)
{
	static const char name[] = "Cert:";
	struct curl_certinfo *chain = NULL;
	if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || !chain || chain->num_of_certs == 0)
		return ERR_OK;
	for (const struct curl_slist *line = chain->certinfo[0]; line; line = line->next)
		if (strncmp(line->data, name, sizeof name - 1) == 0)
			return buf_append_str(pem, line->data + sizeof name - 1);
	return ERR_OK;
}

static const CURLcode refusals[] = {
        CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
        CURLE_SSL_CACERT_BADFILE,       CURLE_SSL_ISSUER_ERROR,  CURLE_URL_MALFORMAT,   CURLE_UNSUPPORTED_PROTOCOL};

static enum err_code code_of(CURLcode result)
{
	if (result == CURLE_OK)
		return ERR_OK;
	if (result == CURLE_OUT_OF_MEMORY)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
		if (refusals[i] == result)
			return ERR_INVALID;
	return ERR_UNAVAILABLE;
}

enum err_code http_probe_connect(const struct http_probe *probe, struct buf *pem, int64_t *ret_ms,
                                 char ret_why[HTTP_PROBE_WHY_BYTES])
{
	char why[CURL_ERROR_SIZE] = "";
	struct http_url url;
	int64_t begun_ms = clock_mono_ms();
	if (!http_url_read(probe->url, strlen(probe->url), false, &url)) {
		(void)snprintf(ret_why, HTTP_PROBE_WHY_BYTES, "no address that is called at all");
		return ERR_INVALID;
	}
	CURL *easy = curl_easy_init();
	CURLcode result = CURLE_OUT_OF_MEMORY;
	if (easy && set_up(easy, probe, why))
		result = curl_easy_perform(easy);
	enum err_code code = code_of(result);
	if (code == ERR_OK)
		code = take_certificate(easy, pem);
	if (code == ERR_OK)
		*ret_ms = clock_mono_ms() - begun_ms;
	/* libcurl's texts may name host and proxy, but neither password nor more of the URL. */
	(void)snprintf(ret_why, HTTP_PROBE_WHY_BYTES, "%.*s", HTTP_PROBE_WHY_BYTES - 1,
	               result == CURLE_OK ? ""
	               : *why             ? why
	                                  : curl_easy_strerror(result));
	curl_easy_cleanup(easy); /* accepts NULL */
	return code;
}
