/* headers: lists of constant names and short values. */
#include "workers/headers.h"
#include "common/base/clock.h"
#include "common/base/decimal.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void headers_text(struct headers *headers, const char *name, const char *value)
{
	if (value && *value && headers->count < HEADERS_MAX)
		headers->list[headers->count++] = (struct kafka_header){name, value};
}

void headers_number(struct headers *headers, const char *name, int64_t value)
{
	if (headers->count == HEADERS_MAX)
		return;
	char *text = headers->numbers[headers->count];
	snprintf(text, HEADERS_NUMBER_BYTES, "%" PRId64, value);
	headers_text(headers, name, text);
}

static bool is_among(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

void headers_copy(const struct kafka_record *record, const char *const *except, struct copied_headers *ret)
{
	const char *name, *value;
	size_t len;
	ret->headers.count = 0;
	for (size_t i = 0; i < HEADERS_MAX && kafka_record_header_at(record, i, &name, &value, &len); i++) {
		if (len >= HEADERS_COPY_BYTES || is_among(except, name))
			continue;
		if (len > 0) /* a header may have no value at all: then value is NULL */
			memcpy(ret->text[i], value, len);
		ret->text[i][len] = '\0';
		headers_text(&ret->headers, name, ret->text[i]);
	}
}

bool headers_are_newer(const struct kafka_record *record)
{
	size_t len;
	int64_t number;
	const char *value = kafka_record_header(record, HEADER_SCHEMA, &len);
	return value && decimal_parse(value, len, INT64_MAX, &number) == ERR_OK && number > REQUEST_SCHEMA;
}

void headers_failure(struct headers *headers, const struct failure_note *note)
{
	int64_t now = clock_unix_ms();
	bool own_words = note->message && *note->message;
	headers_text(headers, HEADER_CLASS, note->class);
	headers_text(headers, HEADER_ERROR, reason_name(note->reason));
	headers_text(headers, HEADER_MESSAGE, own_words ? note->message : reason_text(note->reason));
	headers_number(headers, HEADER_ATTEMPTS, note->attempts);
	headers_number(headers, HEADER_REPLAYS, note->replays);
	headers_number(headers, HEADER_FIRST_FAILURE, note->first_ms ? note->first_ms : now);
	headers_number(headers, HEADER_LAST_FAILURE, now);
}
