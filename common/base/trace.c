/* trace: reading and writing traceparent, new ids, and spans under construction. */
#include "common/base/trace.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include <stdio.h>
#include <string.h>

enum {
	TRACE_AT = 3, /* where the parts of a traceparent begin */
	SPAN_AT = TRACE_AT + TRACE_ID_BYTES,
	FLAGS_AT = SPAN_AT + SPAN_ID_BYTES,
	TEXT_LEN = TRACE_PARENT_BYTES - 1,
	RANDOM_BYTES = 8,
	FLAG_SAMPLED = 1,
};

static const char digits[] = "0123456789abcdef";

/* ---- traceparent ---- */

/* Lower-case digits, and not only zeroes where these mean "none". */
static bool is_hex(const char *text, size_t len, bool may_be_zero)
{
	bool zero = true;
	for (size_t i = 0; i < len; i++) {
		bool digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
		if (!digit)
			return false;
		zero = zero && text[i] == '0';
	}
	return may_be_zero || !zero;
}

static bool has_right_length(const char *text, size_t len)
{
	if (len == TEXT_LEN)
		return true;
	bool is_later = memcmp(text, "00", 2) != 0;
	return is_later && len <= TRACE_PARENT_MAX && text[TEXT_LEN] == '-';
}

bool trace_read(const char *text, size_t len, struct trace_context *ret)
{
	if (!text || len < TEXT_LEN || !is_hex(text, 2, true) || memcmp(text, "ff", 2) == 0 ||
	    !has_right_length(text, len))
		return false;
	if (text[TRACE_AT - 1] != '-' || text[SPAN_AT - 1] != '-' || text[FLAGS_AT - 1] != '-')
		return false;
	if (!is_hex(text + TRACE_AT, TRACE_ID_BYTES - 1, false) || !is_hex(text + SPAN_AT, SPAN_ID_BYTES - 1, false) ||
	    !is_hex(text + FLAGS_AT, 2, true))
		return false;
	struct trace_context context = {.sampled = (strchr(digits, text[FLAGS_AT + 1]) - digits) & FLAG_SAMPLED};
	memcpy(context.trace_id, text + TRACE_AT, TRACE_ID_BYTES - 1);
	memcpy(context.span_id, text + SPAN_AT, SPAN_ID_BYTES - 1);
	*ret = context;
	return true;
}

void trace_write(const struct trace_context *context, char ret_text[TRACE_PARENT_BYTES])
{
	ret_text[0] = '\0';
	if (context->trace_id[0])
		(void)snprintf(ret_text, TRACE_PARENT_BYTES, "00-%s-%s-%s", context->trace_id, context->span_id,
		               context->sampled ? "01" : "00");
}

/* ---- new ids ---- */

static void to_hex(const unsigned char *bytes, size_t count, char *out)
{
	for (size_t i = 0; i < count; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * count] = '\0';
}

static bool new_span_id(char out[SPAN_ID_BYTES])
{
	unsigned char bytes[RANDOM_BYTES];
	if (!random_bytes(bytes, sizeof bytes))
		return false;
	bytes[0] |= 1; /* never all zeroes */
	to_hex(bytes, sizeof bytes, out);
	return true;
}

bool trace_begin(int64_t share_ppm, struct trace_context *ret)
{
	unsigned char bytes[2 * RANDOM_BYTES];
	uint32_t chance;
	struct trace_context context;
	*ret = (struct trace_context){.sampled = false};
	if (!random_bytes(bytes, sizeof bytes) || !new_span_id(context.span_id))
		return false;
	bytes[0] |= 1;
	to_hex(bytes, sizeof bytes, context.trace_id);
	memcpy(&chance, bytes + sizeof bytes - sizeof chance, sizeof chance);
	context.sampled = (int64_t)((uint64_t)chance * TRACE_SHARE_ALL >> 32) < share_ppm;
	*ret = context;
	return true;
}

bool trace_follow(const struct trace_context *parent, struct trace_context *ret)
{
	struct trace_context context = *parent;
	if (context.sampled && !new_span_id(context.span_id)) {
		*ret = (struct trace_context){.sampled = false};
		return false;
	}
	*ret = context;
	return true;
}

/* ---- spans ---- */

static struct span_attribute *add(struct span *span, const char *name)
{
	if (span->attribute_count == SPAN_MAX_ATTRIBUTES)
		return NULL;
	struct span_attribute *attribute = &span->attributes[span->attribute_count++];
	attribute->name = name;
	return attribute;
}

void span_text(struct span *span, const char *name, const char *text)
{
	struct span_attribute *attribute = text && *text ? add(span, name) : NULL;
	if (!attribute)
		return;
	attribute->is_text = true;
	(void)snprintf(attribute->text, sizeof attribute->text, "%s", text);
}

void span_number(struct span *span, const char *name, int64_t number)
{
	struct span_attribute *attribute = add(span, name);
	if (!attribute)
		return;
	attribute->is_text = false;
	attribute->number = number;
}

void tracer_tell(const struct tracer *tracer, struct span *span)
{
	if (!tracer || !span->context.sampled)
		return;
	if (span->end_us == 0)
		span->end_us = clock_unix_us();
	if (span->end_us < span->begin_us)
		span->end_us = span->begin_us; /* the clock was set back */
	tracer->told(tracer->ctx, span);
}

void trace_step_begin(struct trace_step *step, const struct tracer *tracer, const struct trace_context *from,
                      char ret_traceparent[TRACE_PARENT_BYTES])
{
	*step = (struct trace_step){.begin_us = 0};
	if (!tracer || !from->sampled || !trace_follow(from, &step->context)) {
		trace_write(from, ret_traceparent);
		return;
	}
	memcpy(step->parent_id, from->span_id, sizeof step->parent_id);
	step->begin_us = clock_unix_us();
	trace_write(&step->context, ret_traceparent);
}

bool trace_step_end(struct trace_step *step, enum span_kind kind, bool failed, struct span *ret_span)
{
	if (step->begin_us == 0)
		return false;
	*ret_span = (struct span){.context = step->context, .kind = kind, .begin_us = step->begin_us, .failed = failed};
	memcpy(ret_span->parent_id, step->parent_id, sizeof ret_span->parent_id);
	step->begin_us = 0;
	return true;
}
