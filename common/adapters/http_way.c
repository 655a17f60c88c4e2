/* http_way: a table of libcurl's options. */
#include "common/adapters/http_way.h"
#include "common/base/http_url.h"
#include <curl/curl.h>
#include <string.h>

/* Holds no authority. NULL is no folder in Debian's libcurl 7.88 and 8.14, but newer ones take it for the system's
 * again. */
static const char no_folder[] = "/dev/null";

static bool set_numbers(CURL *curl)
{
	static const struct {
		CURLoption option;
		long value;
	} rows[] = {
	        {CURLOPT_NOSIGNAL, 1},
	        {CURLOPT_HTTPPROXYTUNNEL, 1},
	        {CURLOPT_SSL_VERIFYPEER, 1},
	        {CURLOPT_SSL_VERIFYHOST, 2},
	        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2}, /* or newer */
	        {CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
	};
	bool set = true;
	for (size_t i = 0; set && i < sizeof rows / sizeof *rows; i++)
		set = curl_easy_setopt(curl, rows[i].option, rows[i].value) == CURLE_OK;
	return set;
}

bool http_way_set(void *curl, const struct http_way *way)
{
	struct http_url url;
	bool loopback = http_url_read(way->url, strlen(way->url), false, &url) && url.loopback;
	const struct {
		CURLoption option;
		const char *value;
	} rows[] = {
	        {CURLOPT_URL, way->url},
	        {CURLOPT_PROTOCOLS_STR, "http,https"},
	        {CURLOPT_PROXY, way->proxy && !loopback ? way->proxy : ""}, /* not the environment's */
	        {CURLOPT_NOPROXY, ""},
	        /* These last: with a file of one's own the system's are not trusted. */
	        {CURLOPT_CAPATH, no_folder},
	        {CURLOPT_CAINFO, way->ca_file},
	        {CURLOPT_PROXY_CAPATH, no_folder},
	        {CURLOPT_PROXY_CAINFO, way->ca_file},
	};
	const size_t all = sizeof rows / sizeof *rows, of_trust = 4;
	bool set = set_numbers(curl);
	for (size_t i = 0; set && i < (way->ca_file ? all : all - of_trust); i++)
		set = curl_easy_setopt(curl, rows[i].option, rows[i].value) == CURLE_OK;
	return set;
}
