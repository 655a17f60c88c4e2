/* http_exchange: sets up easy handles, feeds and reads them, and says in our words how an exchange ended.
 *
 * libcurl repeats a request by itself when a reused connection ends before an answer. No option turns that off, so the
 * repeat is refused where it would connect (on_open), send (on_prereq) and rewind a body (on_seek). */
#include "workers/http_exchange.h"
#include <string.h>
#include <strings.h>

enum {
	KEPT_ANSWER_BYTES = 16 * 1024,   /* a larger answer's memory is not kept */
	READ_BUFFER_BYTES = 8 * 1024,    /* libcurl's, per handle */
	UPLOAD_BUFFER_BYTES = 16 * 1024, /* the least libcurl allows */
	KEEPALIVE_IDLE_S = 30,
	KEEPALIVE_PROBE_S = 10,
};

/* ---- what libcurl asks ---- */

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_exchange *exchange = ctx;

	(void)purpose;
	if (exchange->sends > 0) /* a repeat */
		return CURL_SOCKET_BAD;
	if (exchange->plain && !http_is_loopback(&address->addr))
		return CURL_SOCKET_BAD;
	return http_watch_open(exchange->watches, address);
}

static int on_prereq(void *ctx, char *peer, char *local, int peer_port, int local_port)
{
	struct http_exchange *exchange = ctx;

	(void)peer;
	(void)local;
	(void)peer_port;
	(void)local_port;
	exchange->sends++;
	return exchange->sends == 1 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
	(void)ctx;
	(void)offset;
	(void)origin;
	return CURL_SEEKFUNC_FAIL;
}

static size_t on_read(char *out, size_t size, size_t count, void *ctx)
{
	struct http_exchange *exchange = ctx;
	const struct buf *body = &exchange->request->body;
	size_t room = size * count;
	size_t left = body->len - exchange->body_sent;
	size_t take = left < room ? left : room;

	memcpy(out, body->data + exchange->body_sent, take);
	exchange->body_sent += take;
	return take;
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

/* The same for every handle. */
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
        {CURLOPT_TCP_NODELAY, 1},
        {CURLOPT_TCP_KEEPALIVE, 1},
        {CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {CURLOPT_TCP_KEEPINTVL, KEEPALIVE_PROBE_S},
        {CURLOPT_BUFFERSIZE, READ_BUFFER_BYTES},
        {CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES},
};

static bool set_connection(CURL *easy, const struct http_curl_options *options, CURLSH *share)
{
	for (size_t i = 0; i < sizeof(fixed_options) / sizeof(fixed_options[0]); i++)
		SET(fixed_options[i].option, fixed_options[i].value);
	SET(CURLOPT_SHARE, share);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_PROXY, ""); /* not the environment's either */
	SET(CURLOPT_MAXAGE_CONN, (long)options->max_idle_s);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)HTTP_MAX_RESPONSE_BYTES);
	return true;
}

static bool set_callbacks(CURL *easy)
{
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(CURLOPT_CLOSESOCKETFUNCTION, http_watch_close);
	SET(CURLOPT_PREREQFUNCTION, on_prereq);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_SEEKFUNCTION, on_seek);
	SET(CURLOPT_WRITEFUNCTION, on_write);
	return true;
}

static bool set_contexts(CURL *easy, struct http_exchange *exchange, void *owner)
{
	SET(CURLOPT_PRIVATE, owner);
	SET(CURLOPT_OPENSOCKETDATA, exchange);
	SET(CURLOPT_CLOSESOCKETDATA, exchange->watches); /* the connection outlives the exchange */
	SET(CURLOPT_PREREQDATA, exchange);
	SET(CURLOPT_READDATA, exchange);
	SET(CURLOPT_SEEKDATA, exchange);
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
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
	} else {
		SET(CURLOPT_HTTPGET, 1L);
	}
	SET(CURLOPT_URL, request->url.data);
	SET(CURLOPT_HTTPHEADER, exchange->headers);
	return true;
}

bool http_exchange_init(struct http_exchange *exchange, const struct http_curl_options *options, CURLSH *share,
                        struct http_watches *watches, void *owner)
{
	buf_init(&exchange->answer, HTTP_MAX_RESPONSE_BYTES);
	exchange->watches = watches;
	exchange->easy = curl_easy_init();
	return exchange->easy && set_connection(exchange->easy, options, share) && set_callbacks(exchange->easy) &&
	       set_contexts(exchange->easy, exchange, owner);
}

void http_exchange_fini(struct http_exchange *exchange)
{
	curl_easy_cleanup(exchange->easy);
	exchange->easy = NULL;
	buf_fini_secret(&exchange->answer);
}

void http_exchange_wipe(struct http_exchange *exchange)
{
	struct buf *answer = &exchange->answer;

	if (answer->cap > KEPT_ANSWER_BYTES) {
		buf_fini_secret(answer);
	} else if (answer->len > 0) {
		explicit_bzero(answer->data, answer->len);
		buf_clear(answer);
	}
}

/* ---- which URLs ---- */

/* Length of the host in "host[:port]/..."; 0 when there is user information or an odd form. */
static size_t host_length(const char *authority)
{
	size_t whole = strcspn(authority, "/?#");
	size_t end = authority[0] == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":/?#");

	if (end > whole || memchr(authority, '@', whole) || memchr(authority, '\\', whole))
		return 0;
	return end;
}

/* Names of loopback are checked once more as addresses, in on_open. */
static bool is_loopback_host(const char *host, size_t len)
{
	static const char *const names[] = {"localhost", "[::1]"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && strncasecmp(names[i], host, len) == 0)
			return true;
	return len > 4 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= len;
}

static bool url_allowed(const struct buf *url, bool *ret_plain)
{
	for (size_t i = 0; i < url->len; i++)
		if ((unsigned char)url->data[i] <= ' ' || (unsigned char)url->data[i] >= 0x7f)
			return false;
	bool plain = strncasecmp(url->data, "http://", 7) == 0;
	if (!plain && strncasecmp(url->data, "https://", 8) != 0)
		return false;
	const char *host = url->data + (plain ? 7 : 8);
	size_t len = host_length(host);
	*ret_plain = plain;
	return len > 0 && (!plain || is_loopback_host(host, len));
}

enum err_code http_exchange_begin(struct http_exchange *exchange, const struct http_request *request, struct err *err)
{
	if (!url_allowed(&request->url, &exchange->plain))
		return err_set(err, ERR_INVALID, "URL refused: https, or http to loopback; no user information");
	exchange->request = request;
	exchange->body_sent = 0;
	exchange->sends = 0;
	exchange->too_large = false;
	if (!set_request(exchange->easy, exchange))
		return err_set(err, ERR_NO_MEMORY, "no memory for an HTTP call");
	return ERR_OK;
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
        {CURLE_OPERATION_TIMEDOUT, FAILURE_TIMEOUT, "no connection in time"},
        {CURLE_COULDNT_RESOLVE_HOST, FAILURE_CONNECT, "the host's name was not found"},
        {CURLE_COULDNT_CONNECT, FAILURE_CONNECT, "no connection"},
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
};

static struct outcome outcome_of(CURLcode code, const struct http_exchange *exchange)
{
	struct outcome found = {code, FAILURE_RESET, "the exchange failed"};

	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (outcomes[i].code == code)
			found = outcomes[i];
	if (code == CURLE_WRITE_ERROR && exchange->too_large)
		return (struct outcome){code, FAILURE_TOO_LARGE, TEXT_TOO_LARGE};
	if (code == CURLE_OPERATION_TIMEDOUT && exchange->sends > 0)
		found.detail = "no answer in time";
	/* once the request went out, a failure to connect is a repeat that was refused */
	if (exchange->sends > 0 && found.failure == FAILURE_CONNECT)
		return (struct outcome){code, FAILURE_RESET, TEXT_NO_ANSWER};
	if (exchange->sends == 0 && found.failure == FAILURE_RESET)
		found.failure = FAILURE_CONNECT;
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
	struct http_result result = {.bytes_sent = exchange->sends > 0, .failure = FAILURE_COUNT};

	if (code == CURLE_OK) {
		result.ok = read_response(exchange, &result.response);
		result.failure = FAILURE_GARBAGE;
		result.detail = result.ok ? "" : "the answer has no valid status";
	} else {
		struct outcome outcome = outcome_of(code, exchange);
		result.failure = outcome.failure;
		result.detail = outcome.detail;
	}
	*ret_result = result;
}
