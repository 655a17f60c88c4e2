/* decision_log: one line for each decision about a question (decisions.def), and no flood of them: of each kind at most
 * DECISION_LINES a second are written, and the next line says how many were not. With LOG_LEVEL debug all are. */
#ifndef VERIFYD_DECISION_LOG_H
#define VERIFYD_DECISION_LOG_H

#include "common/base/log.h"
#include <stdatomic.h>

enum decision {
#define DECISION(symbol, event, level) DECISION_##symbol,
#include "common/base/decisions.def"
#undef DECISION
	DECISION_COUNT
};

enum { DECISION_LINES = 20 };

/* All zeroes to begin with. */
struct decision_log {
	struct {
		_Atomic int64_t second, written, suppressed;
	} kinds[DECISION_COUNT];
};

const char *decision_name(enum decision decision);

/* Whether a line of this kind is to be written now; then *ret_suppressed is a field that says how many were not. log NULL:
 * none. Thread: any. */
bool decision_log_pass(struct decision_log *log, enum decision decision, int64_t now_mono_ms,
		       struct log_field *ret_suppressed);
/* Writes it. */
#define decision_log_write(decision, ...) log_event(decision_level(decision), decision_name(decision), LOG_FIELDS(__VA_ARGS__))
enum log_level decision_level(enum decision decision);

#endif
