/* vendor: what every vendor builds requests with and reads statuses by. Knows no vendor and sends nothing. */
#include "workers/vendors/vendor.h"
#include <string.h>

void vendor_answer_init(struct vendor_answer *answer)
{
	*answer = (struct vendor_answer){.failed = true, .failure = FAILURE_GARBAGE};
	buf_init(&answer->link, HTTP_MAX_URL_BYTES);
}

void vendor_answer_fini(struct vendor_answer *answer)
{
	buf_fini_secret(&answer->link);
}

void http_request_init(struct http_request *http)
{
	*http = (struct http_request){.method = "GET"};
	buf_init(&http->url, HTTP_MAX_URL_BYTES);
	buf_init(&http->body, HTTP_MAX_BODY_BYTES);
	for (size_t i = 0; i < HTTP_MAX_HEADERS; i++)
		buf_init(&http->headers[i], HTTP_MAX_HEADER_BYTES);
}

void http_request_fini(struct http_request *http)
{
	buf_fini_secret(&http->url);
	buf_fini_secret(&http->body);
	for (size_t i = 0; i < HTTP_MAX_HEADERS; i++)
		buf_fini_secret(&http->headers[i]);
	http->header_count = 0;
}

/* A header's name is a token (RFC 9110 section 5.6.2). */
static bool is_name(const char *name)
{
	static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
	                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

/* No control characters; not empty or blank either, which libcurl would read as "leave this header out". */
static bool is_value(const char *value)
{
	bool visible = false;

	for (const char *at = value; *at; at++) {
		unsigned char byte = (unsigned char)*at;
		if ((byte < ' ' && byte != '\t') || byte == 0x7f)
			return false;
		visible = visible || byte > ' ';
	}
	return visible;
}

enum err_code http_request_header(struct http_request *http, const char *name, const char *value)
{
	if (!is_name(name) || !is_value(value))
		return ERR_INVALID;
	if (http->header_count >= HTTP_MAX_HEADERS)
		return ERR_LIMIT;
	struct buf *line = &http->headers[http->header_count];
	enum err_code code = buf_append_str(line, name);
	if (code == ERR_OK)
		code = buf_append_str(line, ": ");
	if (code == ERR_OK)
		code = buf_append_str(line, value);
	if (code != ERR_OK) {
		buf_clear(line);
		return code;
	}
	http->header_count++;
	return ERR_OK;
}

/* The first row that holds the status decides. */
static const struct {
	int from, to;
	enum failure failure;
} status_failures[] = {
        {401, 401, FAILURE_CREDENTIALS},  {403, 404, FAILURE_CREDENTIALS},
        {408, 408, FAILURE_TIMEOUT}, /* says nothing about the job */
        {429, 429, FAILURE_THROTTLED},    {400, 499, FAILURE_REFUSED},
        {500, 599, FAILURE_SERVER_ERROR},
};

enum failure failure_of_status(int status)
{
	for (size_t i = 0; i < sizeof(status_failures) / sizeof(status_failures[0]); i++)
		if (status >= status_failures[i].from && status <= status_failures[i].to)
			return status_failures[i].failure;
	return FAILURE_GARBAGE;
}
