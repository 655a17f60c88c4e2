/* breaker: sums over the last seconds, and one switch. */
#include "workers/breaker.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum breaker_sign breaker_sign(enum failure failure)
{
	static const enum breaker_sign signs[FAILURE_COUNT] = {
	        [FAILURE_TIMEOUT] = BREAKER_FAILS,      [FAILURE_CONNECT] = BREAKER_FAILS,
	        [FAILURE_RESET] = BREAKER_FAILS,        [FAILURE_TLS] = BREAKER_FAILS,
	        [FAILURE_SERVER_ERROR] = BREAKER_FAILS, [FAILURE_GARBAGE] = BREAKER_FAILS,
	        [FAILURE_TOO_LARGE] = BREAKER_FAILS,    [FAILURE_REFUSED] = BREAKER_WORKS,
	        [FAILURE_CREDENTIALS] = BREAKER_BARRED, [FAILURE_THROTTLED] = BREAKER_NOTHING,
	};
	assert(failure < FAILURE_COUNT);
	return signs[failure];
}

void breaker_init(struct breaker *breaker, int64_t failures, int64_t probe_ms)
{
	*breaker = (struct breaker){.failures = failures, .probe_ms = probe_ms};
}

void breaker_open(struct breaker *breaker, const char *reason, int64_t now_ms)
{
	breaker->is_open = true;
	breaker->since_ms = now_ms;
	breaker->next_probe_ms = now_ms + breaker->probe_ms;
	breaker->row = 0;
	memset(breaker->seconds, 0, sizeof breaker->seconds);
	snprintf(breaker->reason, sizeof breaker->reason, "%s", reason);
}

void breaker_sums(const struct breaker *breaker, int64_t now_ms, int64_t *ret_ok, int64_t *ret_failed)
{
	int64_t ok = 0, failed = 0, now_s = now_ms / 1000;
	for (int i = 0; i < BREAKER_SECONDS; i++) {
		if (breaker->seconds[i].second <= now_s - BREAKER_SECONDS)
			continue;
		ok += breaker->seconds[i].ok;
		failed += breaker->seconds[i].failed;
	}
	*ret_ok = ok;
	*ret_failed = failed;
}

bool breaker_count(struct breaker *breaker, int64_t ok, int64_t failed, bool barred, const char *reason, int64_t now_ms)
{
	int64_t second = now_ms / 1000, oks, failures;
	size_t at = (size_t)(second % BREAKER_SECONDS);
	if (breaker->is_open)
		return false;
	if (breaker->seconds[at].second != second) {
		breaker->seconds[at].second = second;
		breaker->seconds[at].ok = breaker->seconds[at].failed = 0;
	}
	breaker->seconds[at].ok += ok;
	breaker->seconds[at].failed += failed;
	breaker->row = ok > 0 ? 0 : breaker->row + failed;
	breaker_sums(breaker, now_ms, &oks, &failures);
	bool many = failures >= breaker->failures && failures >= oks;
	if (!barred && !many && breaker->row < breaker->failures)
		return false;
	breaker_open(breaker, reason, now_ms);
	return true;
}

void breaker_probed(struct breaker *breaker, bool works)
{
	if (breaker->is_open && works)
		breaker_init(breaker, breaker->failures, breaker->probe_ms);
}

bool breaker_take_probe(struct breaker *breaker, int64_t now_ms)
{
	if (!breaker->is_open || now_ms < breaker->next_probe_ms)
		return false;
	breaker->next_probe_ms = now_ms + breaker->probe_ms;
	return true;
}
