/* header_check: one pass over the headers, and over the memory that they stand in. libmicrohttpd 0.9.75 puts '\0' over
 * every CR and LF that ends a line and leaves the texts where they came in; so a line that ended in LF alone, was
 * continued on the next one, or holds a NUL shows in where the next one begins. From 1.0 on it refuses these itself
 * (MHD_OPTION_STRICT_FOR_CLIENT), and may lay its texts out as it likes. */
#include "ingress/header_check.h"
#include "common/base/decimal.h"
#include <ctype.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

enum { LINE_END = 2 }; /* CR and LF, or what stands in their place */

struct findings {
	const char *next; /* where the next line has to begin; NULL: not known */
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

/* RFC 3986 section 3.2.2, without what no host of ours has. */
static const char *check_host(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)value[i]) && !strchr("-._~%:[]", value[i]))
			return "Host is malformed";
	return NULL;
}

/* RFC 9110 section 5.5; other control characters than a tab have no use in a value. */
static bool is_value(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
			return false;
	return true;
}

static bool is_in_place(struct findings *findings, const char *name, const char *value, size_t value_len)
{
	if (!findings->next)
		return true;
	bool in_place = name == findings->next;
	findings->next = value + value_len + LINE_END;
	return in_place;
}

static const char *check_header(struct findings *findings, const char *name, size_t name_len, const char *value,
                                size_t value_len)
{
	if (!is_token(name, name_len))
		return "a header's name is malformed";
	if (!is_value(value, value_len))
		return "a header's value holds a control character";
	if (!is_in_place(findings, name, value, value_len))
		return "a header is folded, holds a NUL, or does not end in CRLF";
	if (strcasecmp(name, "Host") == 0)
		return findings->hosts++ ? "two Host headers" : check_host(value, value_len);
	if (strcasecmp(name, "Content-Length") == 0)
		return read_length(findings, value, value_len);
	if (strcasecmp(name, "Transfer-Encoding") == 0)
		return read_coding(findings, value);
	return NULL;
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
	struct findings *findings = cls;
	(void)kind;
	if (!value)
		value = "";
	findings->broken = check_header(findings, name, name_len, value, value_len);
	return findings->broken ? MHD_NO : MHD_YES;
}

const char *header_check_target(const char *target)
{
	for (const char *at = target; *at; at++)
		if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f)
			return "the target holds what has to be encoded";
	const char *nul = strstr(target, "%00"), *query = strchr(target, '?');
	return nul && (!query || nul < query) ? "the path holds a NUL" : NULL; /* a query's: exchange_each_parameter */
}

/* Whether texts stand where they came in. */
static bool keeps_its_texts(void)
{
	return strncmp(MHD_get_version(), "0.9.", 4) == 0;
}

int header_check_strictness(void)
{
	return keeps_its_texts() ? 0 : 1;
}

/* After the last header comes an empty line, and then nothing that counts as header. */
static bool ends_well(struct MHD_Connection *connection, const struct findings *findings,
                      const struct request_line *line)
{
	const union MHD_ConnectionInfo *size =
	        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	return !findings->next || (size && findings->next + LINE_END == line->method + size->header_size);
}

static const char *check_framing(const struct findings *findings, bool is_1_1)
{
	if (findings->hosts == 0 && is_1_1)
		return "no Host header";
	if (findings->lengths && findings->codings)
		return "both Content-Length and Transfer-Encoding";
	if (findings->codings && !is_1_1)
		return "Transfer-Encoding before HTTP/1.1";
	return NULL;
}

const char *header_check(struct MHD_Connection *connection, const struct request_line *line,
                         struct body_announcement *ret_body)
{
	struct findings findings = {.broken = NULL};
	const char *version = line->version;
	bool is_1_1 = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
	if (!is_1_1 && strcmp(version, MHD_HTTP_VERSION_1_0) != 0)
		return "neither HTTP/1.0 nor HTTP/1.1";
	if (keeps_its_texts()) {
		findings.next = version + strlen(version) + LINE_END;
		if (line->target_end &&
		    (line->target != line->method + strlen(line->method) + 1 || version != line->target_end + 1))
			return "the request line holds a NUL";
	}
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &findings);
	if (!findings.broken)
		findings.broken = check_framing(&findings, is_1_1);
	if (!findings.broken && !ends_well(connection, &findings, line))
		findings.broken = "the headers do not end in CRLF";
	if (!findings.broken)
		*ret_body = findings.body;
	return findings.broken;
}
