/* status_report: writes once a second to Redis what this worker does (common/domain/worker_status.h), for verifyctl status
 * and for the waiting page. While Redis is away it is skipped: nothing is queued, and nobody waits for it. Lives in the
 * loop; nothing blocks. */
#ifndef VERIFYD_STATUS_REPORT_H
#define VERIFYD_STATUS_REPORT_H

#include "common/base/instance_name.h"
#include "workers/engine.h"
#include "common/adapters/loop_lag.h"

enum { STATUS_REPORT_MS = 1000 };

struct status_report {
	uv_timer_t timer;
	struct redis_store *store;
	struct engine *const *engines;
	size_t engine_count;
	struct loop_lag *loop_lag;
	int64_t started_ms; /* unix ms */
	bool draining;
	char name[INSTANCE_NAME_BYTES];
};

/* Begins in place. instance: INSTANCE_ID, or NULL: the name is made of host, pid and chance. engines, loop_lag and
 * ports->store must outlive it. Returns: ERR_OK; ERR_CRYPTO (no randomness). */
enum err_code status_report_start(struct status_report *report, const struct ports *ports, const char *instance,
				  struct engine *const *engines, size_t engine_count, struct loop_lag *loop_lag) WARN_UNUSED;
/* For when Redis came up: whoever asks as soon as this worker is ready finds it. Does nothing once it is closed. */
void status_report_now(struct status_report *report);
void status_report_drain(struct status_report *report); /* says so at once */
/* Takes the worker's name out of Redis. The loop must run until the handle has closed, and the store must be there long
 * enough to send it; a name that stays is ignored by readers after WORKER_FRESH_MS. */
void status_report_close(struct status_report *report);

#endif
