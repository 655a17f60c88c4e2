/* fuzz_http_head: any bytes as a request's head. Its end is where it is in whatever two pieces they come; one that is
 * not refused holds nothing that another parser could read in another way. */
#include "ingress/http_head.h"
#include "tests/fuzz/fuzz.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_of(const char *text, size_t len, bool token)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (token ? !isalnum(c) && !strchr("!#$%&'*+-.^_`|~", c) : (c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return strlen(text) == len && (!token || len > 0);
}

static void check_fields(const struct http_head *head, const char *end)
{
	unsigned hosts = 0, lengths = 0, codings = 0;
	for (unsigned i = 0; i < head->count; i++) {
		const struct http_field *field = &head->fields[i];
		const char *name = head->text + field->name, *value = head->text + field->value;
		FUZZ_RULE(name + field->name_len < value && value + field->value_len < end);
		FUZZ_RULE(is_of(name, field->name_len, true) && is_of(value, field->value_len, false));
		FUZZ_RULE(!field->value_len ||
		          (!strchr(" \t", value[0]) && !strchr(" \t", value[field->value_len - 1])));
		FUZZ_RULE(http_head_value(head, name) && http_head_value(head, name) <= value);
		hosts += strcasecmp(name, "host") == 0;
		lengths += strcasecmp(name, "content-length") == 0;
		codings += strcasecmp(name, "transfer-encoding") == 0;
	}
	FUZZ_RULE(head->broken || hosts == 1 || (hosts == 0 && !head->is_1_1));
	FUZZ_RULE(head->broken || (lengths + codings <= 1 && head->has_length == lengths && head->chunked == codings));
}

static void check_head(const struct http_head *head, size_t len)
{
	const char *end = head->text + (len < HTTP_HEAD_MAX_BYTES ? len : HTTP_HEAD_MAX_BYTES) + 1;
	FUZZ_RULE(end <= (const char *)head + head->size && end[-1] == '\0');
	FUZZ_RULE(head->method >= head->text && head->method < end && head->target >= head->text && head->target < end);
	FUZZ_RULE((*head->method == '\0') == (*head->target == '\0') && (head->broken || *head->method));
	FUZZ_RULE(!*head->method || is_of(head->method, strlen(head->method), true));
	for (const char *at = head->target; *at; at++)
		FUZZ_RULE(*at > 0x20 && *at < 0x7f);
	FUZZ_RULE(!head->keeps || (!head->broken && head->is_1_1));
	FUZZ_RULE(head->broken || head->is_1_1 || (!head->expects && !head->chunked));
	check_fields(head, end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = size ? (const char *)data : "";
	struct http_head_scan scan = {0};
	size_t end = http_head_end(&scan, bytes, size), step = size / 64 + 1;
	FUZZ_RULE(end <= size && (end ? bytes[end - 1] == '\n' : scan.seen == size));
	for (size_t cut = 0; cut <= size; cut += step) {
		struct http_head_scan pieces = {0};
		size_t found = http_head_end(&pieces, bytes, cut);
		if (!found)
			found = http_head_end(&pieces, bytes, size);
		FUZZ_RULE(found == end && pieces.lines == scan.lines && pieces.seen == scan.seen);
	}
	size_t len = end ? end : size;
	struct http_head *head = http_head_new(bytes, len, scan.lines);
	FUZZ_RULE(head);
	FUZZ_RULE(head->broken || end); /* what did not end is none */
	FUZZ_RULE(head->broken || (end >= 4 && memcmp(bytes + end - 4, "\r\n\r\n", 4) == 0));
	FUZZ_RULE(head->broken || head->count + 2U == scan.lines);
	check_head(head, len);
	http_head_free(head);
	return 0;
}
