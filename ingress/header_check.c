/* header_check: one pass over the headers. */
#include "ingress/header_check.h"
#include "common/base/decimal.h"
#include <ctype.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

struct findings {
	int hosts, lengths, codings;
	struct body_announcement body;
	const char *broken;
};

/* RFC 9110 section 5.6.2. */
static bool is_token(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("!#$%&'*+-.^_`|~", name[i]))
			return false;
	return len > 0;
}

static const char *read_length(struct findings *findings, const char *value, size_t len)
{
	int64_t length;
	if (decimal_parse(value, len, INT64_MAX, &length) != ERR_OK)
		return "Content-Length is not a number";
	findings->body.has_length = true;
	findings->body.length = (uint64_t)length;
	return findings->lengths++ ? "two Content-Length headers" : NULL;
}

static const char *read_coding(struct findings *findings, const char *value)
{
	if (strcasecmp(value, "chunked") != 0)
		return "Transfer-Encoding is not chunked";
	findings->body.chunked = true;
	return findings->codings++ ? "two Transfer-Encoding headers" : NULL;
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
	struct findings *findings = cls;
	(void)kind;
	if (!value)
		value = "";
	if (!is_token(name, name_len))
		findings->broken = "a header's name is malformed";
	else if (memchr(value, '\0', value_len) || strpbrk(value, "\r\n"))
		findings->broken = "a header's value holds a NUL or a line break";
	else if (strcasecmp(name, "Host") == 0 && findings->hosts++)
		findings->broken = "two Host headers";
	else if (strcasecmp(name, "Content-Length") == 0)
		findings->broken = read_length(findings, value, value_len);
	else if (strcasecmp(name, "Transfer-Encoding") == 0)
		findings->broken = read_coding(findings, value);
	return findings->broken ? MHD_NO : MHD_YES;
}

const char *header_check(struct MHD_Connection *connection, const char *version, struct body_announcement *ret_body)
{
	struct findings findings = {.broken = NULL};
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &findings);
	if (findings.broken)
		return findings.broken;
	if (findings.hosts == 0 && strcmp(version, MHD_HTTP_VERSION_1_1) == 0)
		return "no Host header";
	if (findings.lengths && findings.codings)
		return "both Content-Length and Transfer-Encoding";
	if (findings.codings && strcmp(version, MHD_HTTP_VERSION_1_1) != 0)
		return "Transfer-Encoding before HTTP/1.1";
	*ret_body = findings.body;
	return NULL;
}
