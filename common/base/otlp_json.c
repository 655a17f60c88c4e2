/* otlp_json: ExportTraceServiceRequest, written member by member; and the two texts that come from outside: headers as
 * a setting, and the collector's answer. */
#include "common/base/otlp_json.h"
#include "common/base/decimal.h"
#include "common/base/hex.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_BYTES = 24, STATUS_ERROR = 2 };

/* ---- spans ---- */

static void put_number(struct json_out *json, const char *name, int64_t number)
{
	char text[NUMBER_BYTES];
	(void)snprintf(text, sizeof text, "%" PRId64, number);
	json_out_str(json, name, text);
}

/* Microseconds, as the format wants them: nanoseconds. */
static void put_time(struct json_out *json, const char *name, int64_t us)
{
	put_number(json, name, us > 0 && us < INT64_MAX / 1000 ? us * 1000 : 0);
}

static void put_text_attribute(struct json_out *json, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	json_out_object(json, NULL);
	json_out_str(json, "key", name);
	json_out_object(json, "value");
	json_out_str(json, "stringValue", text);
	json_out_object_end(json);
	json_out_object_end(json);
}

static void put_attribute(struct json_out *json, const struct span_attribute *attribute)
{
	if (attribute->is_text) {
		put_text_attribute(json, attribute->name, attribute->text);
		return;
	}
	json_out_object(json, NULL);
	json_out_str(json, "key", attribute->name);
	json_out_object(json, "value");
	put_number(json, "intValue", attribute->number);
	json_out_object_end(json);
	json_out_object_end(json);
}

static void put_link(struct json_out *json, const struct trace_context *link)
{
	json_out_array(json, "links");
	json_out_object(json, NULL);
	json_out_str(json, "traceId", link->trace_id);
	json_out_str(json, "spanId", link->span_id);
	json_out_object_end(json);
	json_out_array_end(json);
}

static void put_span(struct json_out *json, const struct span *span)
{
	json_out_object(json, NULL);
	json_out_str(json, "traceId", span->context.trace_id);
	json_out_str(json, "spanId", span->context.span_id);
	json_out_str(json, "parentSpanId", span->parent_id[0] ? span->parent_id : NULL);
	json_out_str(json, "name", span->name);
	json_out_int(json, "kind", (int64_t)span->kind);
	put_time(json, "startTimeUnixNano", span->begin_us);
	put_time(json, "endTimeUnixNano", span->end_us);
	if (span->attribute_count > 0) {
		json_out_array(json, "attributes");
		for (size_t i = 0; i < span->attribute_count; i++)
			put_attribute(json, &span->attributes[i]);
		json_out_array_end(json);
	}
	if (span->link.trace_id[0])
		put_link(json, &span->link);
	if (span->failed) {
		json_out_object(json, "status");
		json_out_int(json, "code", STATUS_ERROR);
		json_out_object_end(json);
	}
	json_out_object_end(json);
}

static void put_resource(struct json_out *json, const struct otlp_resource *resource)
{
	json_out_object(json, "resource");
	json_out_array(json, "attributes");
	put_text_attribute(json, "service.name", resource->service);
	put_text_attribute(json, "service.version", resource->version);
	put_text_attribute(json, "service.instance.id", resource->instance);
	json_out_array_end(json);
	json_out_object_end(json);
}

enum err_code otlp_encode(const struct otlp_resource *resource, const struct span *spans, size_t count, struct buf *out)
{
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_array(&json, "resourceSpans");
	json_out_object(&json, NULL);
	put_resource(&json, resource);
	json_out_array(&json, "scopeSpans");
	json_out_object(&json, NULL);
	json_out_object(&json, "scope");
	json_out_str(&json, "name", "verifyd");
	json_out_str(&json, "version", resource->version);
	json_out_object_end(&json);
	json_out_array(&json, "spans");
	for (size_t i = 0; i < count; i++)
		put_span(&json, &spans[i]);
	json_out_array_end(&json);
	json_out_object_end(&json);
	json_out_array_end(&json);
	json_out_object_end(&json);
	json_out_array_end(&json);
	json_out_object_end(&json);
	return json_out_end(&json);
}

/* ---- the answer ---- */

int64_t otlp_rejected(const char *answer, size_t len)
{
	struct json_in *root = NULL;
	int64_t rejected = 0;
	if (json_in_parse(answer, len, &root, NULL) != ERR_OK)
		return 0;
	const struct json_in *value = json_in_get(json_in_get(root, "partialSuccess"), "rejectedSpans");
	const char *text = json_in_text(value);
	if (json_in_type(value) == JSON_IN_INTEGER)
		rejected = json_in_integer(value);
	else if (text && decimal_parse(text, strlen(text), INT64_MAX, &rejected) != ERR_OK)
		rejected = 0;
	json_in_free(root);
	return rejected > 0 ? rejected : 0;
}

/* ---- headers as a setting ---- */

/* A token of RFC 9110, section 5.6.2. */
static bool is_name(const char *text, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&'*+-.^_`|~";
	for (size_t i = 0; i < len; i++)
		if (!strchr(allowed, text[i]))
			return false;
	return len > 0;
}

/* Returns: false for a percent sign without two digits, or what no header may hold. */
static bool decode_value(const char *text, size_t len, char *out)
{
	size_t used = 0;
	for (size_t i = 0; i < len; i++) {
		int byte = (unsigned char)text[i];
		if (byte == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1,
			    low = high >= 0 ? hex_digit(text[i + 2]) : -1;
			if (low < 0)
				return false;
			byte = high << 4 | low;
			i += 2;
		}
		if (byte < 0x20 || byte >= 0x7f)
			return false;
		out[used++] = (char)byte;
	}
	out[used] = '\0';
	return used > 0;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

static enum err_code one_header(const char *text, size_t len, bool (*fn)(void *ctx, const char *line), void *ctx,
                                struct err *err)
{
	char line[OTLP_HEADER_MAX_BYTES + 1];
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : 0;
	if (len > OTLP_HEADER_MAX_BYTES - 2)
		return err_set(err, ERR_LIMIT, "a header of more than %d bytes", OTLP_HEADER_MAX_BYTES - 2);
	if (!equals || !is_name(text, name_len))
		return err_set(err, ERR_INVALID, "not name=value pairs with a comma between them");
	int used = snprintf(line, sizeof line, "%.*s: ", (int)name_len, text);
	bool decoded = decode_value(equals + 1, len - name_len - 1, line + used);
	enum err_code code = ERR_OK;
	if (!decoded)
		code = err_set(err, ERR_INVALID, "%.*s: its value is empty, or not percent-encoded printable text",
		               (int)(name_len < 64 ? name_len : 64), text);
	else if (fn && !fn(ctx, line))
		code = err_set(err, ERR_NO_MEMORY, "headers");
	explicit_bzero(line, sizeof line);
	return code;
}

enum err_code otlp_headers(const char *text, bool (*fn)(void *ctx, const char *line), void *ctx, struct err *err)
{
	enum err_code code = ERR_OK;
	int count = 0;
	for (bool more = true; more && code == ERR_OK;) {
		text = skip_blanks(text);
		size_t len = strcspn(text, ",");
		if (++count > OTLP_MAX_HEADERS)
			return err_set(err, ERR_LIMIT, "more than %d headers", OTLP_MAX_HEADERS);
		code = one_header(text, len, fn, ctx, err);
		more = text[len] == ',';
		text += len + more;
	}
	return code;
}
