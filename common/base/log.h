/* log: one JSON object a line on stderr: time, level, program, event, then the fields given.
 *
 * Event names are constants in snake_case; values are data. Nothing about a person is ever a field: ids of
 * verifications, vendors, topics, codes and numbers only. A line is one write(2), so threads never mix lines. */
#ifndef VERIFYD_LOG_H
#define VERIFYD_LOG_H

#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVEL_COUNT };

enum log_type { LOG_TYPE_STR, LOG_TYPE_INT };

struct log_field {
	const char *name;
	enum log_type type;
	const char *str; /* NULL is left out of the line */
	int64_t num;
};

#define LOG_STR(name, value) ((struct log_field){(name), LOG_TYPE_STR, (value), 0})
#define LOG_INT(name, value) ((struct log_field){(name), LOG_TYPE_INT, NULL, (int64_t)(value)})

/* Sets what every line carries. Call once at start, before threads. program must outlive the process's logging. */
void log_init(const char *program, enum log_level least);
bool log_enabled(enum log_level level);

/* Writes one line (at most 4 KiB; a longer one loses its last fields). Thread: any. Blocks: on stderr only. */
void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t field_count);

/* log_info("listening", LOG_STR("address", a), LOG_INT("threads", n)); one field at least. */
#define LOG_FIELDS(...) (const struct log_field[]){__VA_ARGS__}, sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)
#define log_debug(event, ...) (log_enabled(LOG_DEBUG) ? log_event(LOG_DEBUG, (event), LOG_FIELDS(__VA_ARGS__)) : (void)0)
#define log_info(event, ...) log_event(LOG_INFO, (event), LOG_FIELDS(__VA_ARGS__))
#define log_warn(event, ...) log_event(LOG_WARN, (event), LOG_FIELDS(__VA_ARGS__))
#define log_error(event, ...) log_event(LOG_ERROR, (event), LOG_FIELDS(__VA_ARGS__))

/* Allows a repeating event at most once per interval: for things that fail thousands of times a second. */
struct log_limit {
	int64_t last_ms;
	int64_t dropped; /* lines not written since the last one: log it as a field */
};

/* Returns: true when a line may be written now (and how many were dropped before it). Thread: the limit's owner. */
bool log_limit_pass(struct log_limit *limit, int64_t now_mono_ms, int64_t interval_ms, int64_t *ret_dropped);

#endif
