/* headers: the Kafka headers of a record under construction, with room for the numbers among them. */
#ifndef VERIFYD_HEADERS_H
#define VERIFYD_HEADERS_H

#include "common/adapters/kafka_consumer.h"
#include "common/adapters/kafka_producer.h"
#include "common/domain/verification.h"

enum { HEADERS_MAX = 24, HEADERS_NUMBER_BYTES = 24, HEADERS_COPY_BYTES = 256 };

struct headers {
	struct kafka_header list[HEADERS_MAX];
	char numbers[HEADERS_MAX][HEADERS_NUMBER_BYTES];
	size_t count;
};

/* name and value are not copied. A NULL or empty value, and what is too many, is left out. */
void headers_text(struct headers *headers, const char *name, const char *value);
void headers_number(struct headers *headers, const char *name, int64_t value);

/* Headers of a record that travels on, made into strings; the names are the record's, which must outlive this. */
struct copied_headers {
	struct headers headers;
	char text[HEADERS_MAX][HEADERS_COPY_BYTES];
};
/* Fills in *ret with those of the record, known to this version or not, but for those in except (names, NULL at the end) and
 * values that are longer than HEADERS_COPY_BYTES - 1. */
void headers_copy(const struct kafka_record *record, const char *const *except, struct copied_headers *ret);

/* Whether a record's schema number is above what this version reads (HEADER_SCHEMA; a number that cannot be read is not). */
bool headers_are_newer(const struct kafka_record *record);

/* What every dead letter says of its failure (schemas/dead.v1.json). */
struct failure_note {
	const char *class; /* the request's topic, or "poison" */
	enum reason reason;
	const char *message; /* NULL: the reason's own text */
	int attempts, replays;
	int64_t first_ms; /* unix ms; 0: now */
};
void headers_failure(struct headers *headers, const struct failure_note *note);

#endif
