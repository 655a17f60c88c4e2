/* headers: lists of constant names and short values. */
#include "workers/headers.h"
#include "common/base/clock.h"
#include <inttypes.h>
#include <stdio.h>

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
