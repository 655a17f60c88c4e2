/* worker: one process's parts put together: ports, one engine per kind of the chosen vendors, delay, projector, ops
 * listener; and their drain. */
#ifndef VERIFYD_WORKER_H
#define VERIFYD_WORKER_H

#include "workers/vendors/vendor.h"

enum { WORKER_MAX_VENDORS = 16 };

struct worker_vendor {
	const struct vendor *vendor;
	void *self;
};

/* The vendors that --vendor names, configured. */
struct worker_vendors {
	struct worker_vendor list[WORKER_MAX_VENDORS];
	size_t count;
};

/* Reads "jumio,biocatch" and configures each. Every mistake is one line in complaints.
 * Returns: how many mistakes; *ret_vendors must be ended by worker_vendors_fini in any case. */
int worker_vendors_init(const char *names, const struct config *config, FILE *complaints,
                        struct worker_vendors *ret_vendors);
void worker_vendors_fini(struct worker_vendors *vendors);

/* Runs until SIGTERM or SIGINT, then drains for VERIFYD_DRAIN_MS at most.
 * Returns: 0 after a drain; 1 when it could not start, or a Kafka consumer failed for good (logged). Blocks: until
 * then. */
int worker_run(const struct config *config, const struct worker_vendors *vendors);

#endif
