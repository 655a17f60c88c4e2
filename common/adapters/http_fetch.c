/* http_fetch: one libcurl handle for one document. */
#include "common/adapters/http_fetch.h"
#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>

struct fetch {
	struct buf *out;
	const atomic_bool *stop;
	enum err_code code; /* of out */
};

enum err_code http_fetch_open(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? ERR_OK : ERR_IO;
}

void http_fetch_close(void)
{
	curl_global_cleanup();
}

static size_t on_data(char *data, size_t size, size_t count, void *ctx)
{
	struct fetch *fetch = ctx;
	fetch->code = buf_append(fetch->out, data, size * count);
	return fetch->code == ERR_OK ? size * count : 0;
}

static int on_progress(void *ctx, curl_off_t to_get, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
	const struct fetch *fetch = ctx;
	(void)to_get, (void)got, (void)to_send, (void)sent;
	return atomic_load(fetch->stop);
}

static bool set_up(CURL *curl, const struct http_way *way, struct fetch *fetch)
{
	return http_way_set(curl, way) &&
	       curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)HTTP_FETCH_TIMEOUT_MS) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetch) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_XFERINFODATA, fetch) == CURLE_OK;
}

enum err_code http_fetch(const struct http_way *way, const atomic_bool *stop, struct buf *out, struct err *err)
{
	enum { GOOD = 200 };
	struct fetch fetch = {out, stop, ERR_OK};
	long status = 0;
	CURL *curl = curl_easy_init();
	if (!curl || !set_up(curl, way, &fetch)) {
		curl_easy_cleanup(curl);
		return err_set(err, ERR_NO_MEMORY, "libcurl");
	}
	CURLcode done = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	if (fetch.code != ERR_OK)
		return err_set(err, fetch.code, "the answer: %s", err_text(fetch.code));
	if (done != CURLE_OK)
		return err_set(err, ERR_UNAVAILABLE, "%s", curl_easy_strerror(done));
	if (status != GOOD)
		return err_set(err, ERR_UNAVAILABLE, "HTTP status %ld", status);
	return ERR_OK;
}
