/* breaker: when a vendor that fails is left alone, and when it is tried again: the rules that the fleet has in Redis
 * (SCRIPT_GATE), for one worker without Redis. Pure: time comes in. Thread: any, one at a time. */
#ifndef VERIFYD_BREAKER_H
#define VERIFYD_BREAKER_H

#include "common/domain/retry.h"

enum {
	BREAKER_SECONDS = 10, /* of calls that count together */
	BREAKER_REASON_BYTES = 32,
};

struct breaker {
	int64_t failures, probe_ms; /* settings */
	bool is_open;
	int64_t since_ms, next_probe_ms;
	char reason[BREAKER_REASON_BYTES];
	int64_t row; /* failures since the last success */
	struct {
		int64_t second, ok, failed;
	} seconds[BREAKER_SECONDS];
};

/* What a call's end says about the vendor. */
enum breaker_sign {
	BREAKER_WORKS,  /* it answered, were it to refuse */
	BREAKER_FAILS,
	BREAKER_BARRED, /* it lets nobody of us in: open at once */
	BREAKER_NOTHING,
};
enum breaker_sign breaker_sign(enum failure failure);

void breaker_init(struct breaker *breaker, int64_t failures, int64_t probe_ms);
/* Counts ok and failed calls that have just ended; barred: at least one of them was BREAKER_BARRED. While it is open
 * nothing counts but probes. reason: of the failures. Returns: whether it was opened. */
bool breaker_count(struct breaker *breaker, int64_t ok, int64_t failed, bool barred, const char *reason, int64_t now_ms);
/* A probe's end. */
void breaker_probed(struct breaker *breaker, bool works);
/* Takes the probe that is due. Returns: whether there was one. */
bool breaker_take_probe(struct breaker *breaker, int64_t now_ms);
void breaker_open(struct breaker *breaker, const char *reason, int64_t now_ms);
/* What counts now. */
void breaker_sums(const struct breaker *breaker, int64_t now_ms, int64_t *ret_ok, int64_t *ret_failed);

#endif
