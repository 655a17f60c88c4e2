/* http_exchange: sets up easy handles, feeds and reads them, and says in our words how an exchange ended.
 *
 * libcurl repeats a request by itself when a reused connection ends before an answer. No option turns that off, so the
 * repeat is refused where it would connect (on_open) and where it would send (on_prereq), unless not one byte of the
 * request had been taken by the connection: then it was dead before, and this is the first time. libcurl goes on from
 * a dead connection five times in a handle's life; the sixth time ends the transfer, and http_exchange_again takes
 * over. */
#include "workers/http_exchange.h"
#include "workers/http_address.h"
#include <stdlib.h>
#include <string.h>

enum {
	KEPT_ANSWER_BYTES = 16 * 1024,   /* a larger answer's memory is not kept */
	READ_BUFFER_BYTES = 1024,        /* libcurl's, per call in flight; the least it allows */
	UPLOAD_BUFFER_BYTES = 16 * 1024, /* per call over TLS in flight; the least libcurl allows */
	KEEPALIVE_IDLE_S = 30,
	KEEPALIVE_PROBE_S = 10,
};

/* ---- what libcurl asks ---- */

/* libcurl has taken the addresses that this call carries. */
static void note_told(struct http_exchange *exchange)
{
	if (exchange->telling == 0)
		return;
	*http_lane_told(exchange->lane) = exchange->telling;
	exchange->telling = 0;
}

/* Whether nothing of the request has been written since libcurl went on to send it. */
static bool nothing_sent(const struct http_exchange *exchange)
{
	long size = -1;

	return curl_easy_getinfo(exchange->easy, CURLINFO_REQUEST_SIZE, &size) == CURLE_OK &&
	       size == exchange->size_before;
}

/* Whether this would be a repeat. */
static bool is_repeat(struct http_exchange *exchange)
{
	if (exchange->begun && nothing_sent(exchange))
		exchange->begun = false;
	return exchange->begun;
}

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_exchange *exchange = ctx;

	(void)purpose;
	note_told(exchange);
	if (is_repeat(exchange))
		return CURL_SOCKET_BAD;
	if (exchange->plain && !http_address_is_loopback(&address->addr))
		return CURL_SOCKET_BAD;
	if (exchange->request->is_foreign && !exchange->proxied && !http_address_is_public(&address->addr)) {
		exchange->not_public = true;
		return CURL_SOCKET_BAD;
	}
	return http_watch_open(exchange->common->watches, address, exchange->lane);
}

static int on_prereq(void *ctx, char *peer, char *local, int peer_port, int local_port)
{
	struct http_exchange *exchange = ctx;

	(void)peer;
	(void)local;
	(void)peer_port;
	(void)local_port;
	note_told(exchange);
	if (is_repeat(exchange) ||
	    curl_easy_getinfo(exchange->easy, CURLINFO_REQUEST_SIZE, &exchange->size_before) != CURLE_OK)
		return CURL_PREREQFUNC_ABORT;
	exchange->begun = true;
	return CURL_PREREQFUNC_OK;
}

/* libcurl is about to find an address by itself. It may read one that is written in the URL; a name it was told, or the
 * call fails: its own resolver could make the loop wait. */
static int on_resolve(void *state, void *reserved, void *ctx)
{
	const struct http_exchange *exchange = ctx;

	(void)state;
	(void)reserved;
	return exchange->told != NULL || *http_lane_told(exchange->lane) > 0;
}

/* libcurl calls a head that broke off after its first line an answer: 200 without a body. So its end is looked for: the
 * empty line, after the last status line (RFC 9112 section 2.1; 1xx come before). */
static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct http_exchange *exchange = ctx;
	size_t len = size * count;

	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
		exchange->head_whole = false;
	else if (len <= 2 && len > 0 && data[len - 1] == '\n')
		exchange->head_whole = true;
	return len;
}

static size_t on_write(char *data, size_t size, size_t count, void *ctx)
{
	struct http_exchange *exchange = ctx;
	enum err_code code = buf_append(&exchange->answer, data, size * count);

	exchange->too_large = code == ERR_LIMIT;
	return code == ERR_OK ? size * count : 0; /* anything but the whole ends the transfer */
}

/* ---- the handle ---- */

#define SET(option, value)                                                                                             \
	do {                                                                                                           \
		if (curl_easy_setopt(easy, (option), (value)) != CURLE_OK)                                             \
			return false;                                                                                  \
	} while (0)

/* The same for every handle. There is no limit on how long an answer may stall (CURLOPT_LOW_SPEED_TIME): a call's total
 * time is a few seconds and its answer a few kilobytes, so the total ends a stalled one soon enough. */
static const struct {
	CURLoption option;
	long value;
} fixed_options[] = {
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2}, /* or newer */
        {CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_HTTPPROXYTUNNEL, 1},
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
        {CURLOPT_DNS_CACHE_TIMEOUT, -1}, /* http_resolve knows how old they are */
        {CURLOPT_TCP_NODELAY, 1},
        {CURLOPT_TCP_KEEPALIVE, 1},
        {CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {CURLOPT_TCP_KEEPINTVL, KEEPALIVE_PROBE_S},
        {CURLOPT_BUFFERSIZE, READ_BUFFER_BYTES},
        {CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES},
};

static bool set_connection(CURL *easy, const struct http_common *common)
{
	const struct http_curl_options *options = common->options;

	for (size_t i = 0; i < sizeof(fixed_options) / sizeof(fixed_options[0]); i++)
		SET(fixed_options[i].option, fixed_options[i].value);
	SET(CURLOPT_SHARE, common->share);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_PROXY, "");   /* not the environment's either */
	SET(CURLOPT_NOPROXY, ""); /* nor its exceptions */
	SET(CURLOPT_MAXAGE_CONN, (long)options->max_idle_s);
	SET(CURLOPT_MAXLIFETIME_CONN, (long)options->max_life_s);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)HTTP_MAX_RESPONSE_BYTES);
	return http_trust_set(common->trust, easy);
}

static bool set_callbacks(CURL *easy)
{
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(CURLOPT_CLOSESOCKETFUNCTION, http_watch_close);
	SET(CURLOPT_PREREQFUNCTION, on_prereq);
	SET(CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_WRITEFUNCTION, on_write);
	return true;
}

static bool set_contexts(CURL *easy, struct http_exchange *exchange, void *owner)
{
	SET(CURLOPT_PRIVATE, owner);
	SET(CURLOPT_OPENSOCKETDATA, exchange);
	SET(CURLOPT_CLOSESOCKETDATA, exchange->common->watches); /* the connection outlives the exchange */
	SET(CURLOPT_PREREQDATA, exchange);
	SET(CURLOPT_RESOLVER_START_DATA, exchange);
	SET(CURLOPT_HEADERDATA, exchange);
	SET(CURLOPT_WRITEDATA, exchange);
	return true;
}

static bool set_request(CURL *easy, struct http_exchange *exchange)
{
	static char no_expect[] = "Expect:"; /* else libcurl waits for "100 Continue" before a larger body */
	const struct http_request *request = exchange->request;
	size_t count = request->header_count;

	for (size_t i = 0; i < count; i++)
		exchange->headers[i] = (struct curl_slist){request->headers[i].data, &exchange->headers[i + 1]};
	exchange->headers[count] = (struct curl_slist){no_expect, NULL};
	if (strcmp(request->method, "POST") == 0) {
		/* Goes out with the head in one write, and needs no buffer of its own while the answer is awaited. */
		SET(CURLOPT_POSTFIELDS, request->body.data); /* not copied */
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
	} else {
		SET(CURLOPT_HTTPGET, 1L);
	}
	SET(CURLOPT_URL, request->url.data);
	SET(CURLOPT_HTTPHEADER, exchange->headers);
	return true;
}

/* Has libcurl learn the name's addresses where this lane does not know this answer yet. */
static bool set_addresses(CURL *easy, struct http_exchange *exchange, const struct http_resolve *resolve)
{
	if (!resolve || http_resolve_version(resolve) == *http_lane_told(exchange->lane))
		return true;
	char *told = strdup(http_resolve_answer(resolve));
	if (!told)
		return false;
	free(exchange->told);
	exchange->told = told;
	exchange->telling = http_resolve_version(resolve);
	exchange->resolve = (struct curl_slist){exchange->told, NULL};
	SET(CURLOPT_RESOLVE, &exchange->resolve);
	return true;
}

bool http_exchange_init(struct http_exchange *exchange, const struct http_common *common, void *owner)
{
	buf_init(&exchange->answer, HTTP_MAX_RESPONSE_BYTES);
	exchange->common = common;
	exchange->easy = curl_easy_init();
	return exchange->easy && set_connection(exchange->easy, common) && set_callbacks(exchange->easy) &&
	       set_contexts(exchange->easy, exchange, owner);
}

void http_exchange_fini(struct http_exchange *exchange)
{
	curl_easy_cleanup(exchange->easy);
	exchange->easy = NULL;
	free(exchange->told);
	exchange->told = NULL;
	buf_fini_secret(&exchange->answer);
}

bool http_exchange_wipe(struct http_exchange *exchange)
{
	struct buf *answer = &exchange->answer;
	CURL *easy = exchange->easy;

	if (answer->cap > KEPT_ANSWER_BYTES) {
		buf_fini_secret(answer);
	} else if (answer->len > 0) {
		explicit_bzero(answer->data, answer->len);
		buf_clear(answer);
	}
	if (exchange->told) {
		SET(CURLOPT_RESOLVE, NULL);
		free(exchange->told);
		exchange->told = NULL;
	}
	return true;
}

void http_exchange_begin(struct http_exchange *exchange, const struct http_request *request)
{
	exchange->request = request;
	exchange->lane = NULL;
	exchange->begun = false;
	exchange->head_whole = false;
	exchange->too_large = false;
	exchange->not_public = false;
	exchange->telling = 0;
}

bool http_exchange_again(struct http_exchange *exchange, CURLcode code)
{
	long made = -1;

	if (code != CURLE_SEND_ERROR || !exchange->begun || !nothing_sent(exchange) ||
	    curl_easy_getinfo(exchange->easy, CURLINFO_NUM_CONNECTS, &made) != CURLE_OK || made != 0)
		return false;
	exchange->begun = false;
	return true;
}

static bool aim(struct http_exchange *exchange, const struct http_host *host)
{
	CURL *easy = exchange->easy;

	if (host->proxied != exchange->proxied)
		SET(CURLOPT_PROXY, host->proxied ? exchange->common->options->proxy : "");
	exchange->proxied = host->proxied;
	return set_request(easy, exchange) && set_addresses(easy, exchange, host->resolve);
}

enum err_code http_exchange_aim(struct http_exchange *exchange, const struct http_host *host, struct http_lane *lane)
{
	exchange->plain = host->url.plain;
	exchange->lane = lane;
	return aim(exchange, host) ? ERR_OK : ERR_NO_MEMORY;
}

/* ---- how it ended ---- */

struct outcome {
	CURLcode code;
	enum failure failure;
	const char *detail;
};

#define TEXT_NO_ANSWER   "the connection ended without an answer"
#define TEXT_TOO_LARGE   "the answer is larger than allowed"
#define TEXT_NOT_TRUSTED "the certificate is not trusted"

/* An answer that breaks off is GARBAGE, not RESET: the vendor did answer, and without a Content-Length the same shows
 * as JSON that breaks off. */
static const struct outcome outcomes[] = {
        {CURLE_OPERATION_TIMEDOUT, FAILURE_TIMEOUT, "no answer in time"},
        {CURLE_COULDNT_RESOLVE_HOST, FAILURE_CONNECT, "the host's name was not found"},
        {CURLE_COULDNT_RESOLVE_PROXY, FAILURE_CONNECT, "the proxy's name was not found"},
        {CURLE_COULDNT_CONNECT, FAILURE_CONNECT, "no connection"},
        {CURLE_PROXY, FAILURE_CONNECT, "no connection through the proxy"},
        {CURLE_SEND_ERROR, FAILURE_RESET, "the connection broke while sending"},
        {CURLE_RECV_ERROR, FAILURE_RESET, "the connection broke while receiving"},
        {CURLE_GOT_NOTHING, FAILURE_RESET, TEXT_NO_ANSWER},
        {CURLE_SEND_FAIL_REWIND, FAILURE_RESET, TEXT_NO_ANSWER},
        {CURLE_ABORTED_BY_CALLBACK, FAILURE_RESET, TEXT_NO_ANSWER},
        {CURLE_SSL_CONNECT_ERROR, FAILURE_TLS, "the TLS handshake failed"},
        {CURLE_PEER_FAILED_VERIFICATION, FAILURE_TLS, TEXT_NOT_TRUSTED},
        {CURLE_SSL_CERTPROBLEM, FAILURE_TLS, "a certificate could not be used"},
        {CURLE_SSL_CIPHER, FAILURE_TLS, "no common TLS cipher"},
        {CURLE_SSL_CACERT_BADFILE, FAILURE_TLS, "the trusted certificates could not be read"},
        {CURLE_SSL_ISSUER_ERROR, FAILURE_TLS, TEXT_NOT_TRUSTED},
        {CURLE_SSL_INVALIDCERTSTATUS, FAILURE_TLS, TEXT_NOT_TRUSTED},
        {CURLE_PARTIAL_FILE, FAILURE_GARBAGE, "the answer broke off"},
        {CURLE_WEIRD_SERVER_REPLY, FAILURE_GARBAGE, "the answer is not HTTP"},
        {CURLE_UNSUPPORTED_PROTOCOL, FAILURE_GARBAGE, "the answer is not HTTP/1"},
        {CURLE_BAD_CONTENT_ENCODING, FAILURE_GARBAGE, "the answer's encoding is wrong"},
        {CURLE_FILESIZE_EXCEEDED, FAILURE_TOO_LARGE, TEXT_TOO_LARGE},
        {CURLE_URL_MALFORMAT, FAILURE_REFUSED, "the URL is not valid"},
        {CURLE_OUT_OF_MEMORY, FAILURE_RESET, "out of memory"},
};

/* What was not there in time, by how far the call had come; nothing had been sent. */
static const char *const late[HTTP_STAGE_COUNT] = {
        [HTTP_STAGE_NAME] = "the host's name was not looked up in time",
        [HTTP_STAGE_QUEUE] = "no free connection in time",
        [HTTP_STAGE_CALL] = "no connection in time",
}; /* the other stages end for reasons of their own */

static bool tunnel_refused(const struct http_exchange *exchange)
{
	long status = 0;

	return exchange->stage == HTTP_STAGE_CALL && exchange->proxied &&
	       curl_easy_getinfo(exchange->easy, CURLINFO_HTTP_CONNECTCODE, &status) == CURLE_OK && status >= 300;
}

/* Nothing was sent. */
static struct outcome unsent(const struct http_exchange *exchange, struct outcome found)
{
	if (found.code == CURLE_OPERATION_TIMEDOUT)
		found.detail = late[exchange->stage];
	if (found.failure == FAILURE_RESET)
		found.failure = FAILURE_CONNECT;
	if (exchange->not_public && found.failure == FAILURE_CONNECT)
		return (struct outcome){found.code, FAILURE_REFUSED, "the address is not a public one"};
	if (tunnel_refused(exchange))
		return (struct outcome){found.code, FAILURE_CONNECT, "the proxy refused the connection"};
	return found;
}

static struct outcome outcome_of(CURLcode code, const struct http_exchange *exchange, bool bytes_sent)
{
	struct outcome found = {code, FAILURE_RESET, "the exchange failed"};

	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (outcomes[i].code == code)
			found = outcomes[i];
	if (!bytes_sent)
		return unsent(exchange, found);
	if (code == CURLE_WRITE_ERROR && exchange->too_large)
		return (struct outcome){code, FAILURE_TOO_LARGE, TEXT_TOO_LARGE};
	/* once the request went out, a failure to connect is a repeat that was refused */
	if (found.failure == FAILURE_CONNECT)
		return (struct outcome){code, FAILURE_RESET, TEXT_NO_ANSWER};
	return found;
}

static int64_t retry_after_ms(CURL *easy)
{
	curl_off_t seconds = 0;

	if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0)
		return 0;
	return seconds > RETRY_AFTER_MAX_MS / 1000 ? RETRY_AFTER_MAX_MS : (int64_t)seconds * 1000;
}

static bool read_response(const struct http_exchange *exchange, struct http_response *response)
{
	long status = 0;
	char *type = NULL;

	if (curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status < 100 ||
	    status > 599)
		return false;
	if (curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_TYPE, &type) != CURLE_OK)
		type = NULL;
	response->status = (int)status;
	response->content_type = type ? type : "";
	response->body = exchange->answer.data;
	response->body_len = exchange->answer.len;
	response->retry_after_ms = retry_after_ms(exchange->easy);
	return true;
}

void http_exchange_result(const struct http_exchange *exchange, CURLcode code, struct http_result *ret_result)
{
	struct http_result result = {.bytes_sent = exchange->begun && !nothing_sent(exchange),
	                             .failure = FAILURE_COUNT};

	if (code == CURLE_OK) {
		result.ok = exchange->head_whole && read_response(exchange, &result.response);
		result.failure = FAILURE_GARBAGE;
		result.detail = result.ok ? "" : "the answer's head broke off, or has no valid status";
	} else {
		struct outcome outcome = outcome_of(code, exchange, result.bytes_sent);
		result.failure = outcome.failure;
		result.detail = outcome.detail;
	}
	*ret_result = result;
}
