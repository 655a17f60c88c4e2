/* decision_log: a count for each kind and second. Threads that meet at a second's border may write a line more or less.
 */
#include "common/base/decision_log.h"

static const struct {
	const char *event;
	enum log_level level;
} decisions[DECISION_COUNT] = {
#define DECISION(symbol, event, level) {(event), (level)},
#include "common/base/decisions.def"
#undef DECISION
};

const char *decision_name(enum decision decision)
{
	return decisions[decision].event;
}

enum log_level decision_level(enum decision decision)
{
	return decisions[decision].level;
}

bool decision_log_pass(struct decision_log *log, enum decision decision, int64_t now_mono_ms,
                       struct log_field *ret_suppressed)
{
	*ret_suppressed = LOG_STR("suppressed", NULL);
	if (!log || !log_enabled(decisions[decision].level))
		return false;
	if (log_enabled(LOG_DEBUG))
		return true;
	int64_t second = now_mono_ms / 1000;
	if (atomic_exchange(&log->kinds[decision].second, second) != second)
		atomic_store(&log->kinds[decision].written, 0);
	if (atomic_fetch_add(&log->kinds[decision].written, 1) >= DECISION_LINES) {
		atomic_fetch_add(&log->kinds[decision].suppressed, 1);
		return false;
	}
	int64_t suppressed = atomic_exchange(&log->kinds[decision].suppressed, 0);
	if (suppressed > 0)
		*ret_suppressed = LOG_INT("suppressed", suppressed);
	return true;
}
