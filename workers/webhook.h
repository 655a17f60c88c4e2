/* webhook: tells callers of the end of their verifications (callback_url of /v1). A notice is a record on the delay topics
 * whose target is WEBHOOK_TARGET; the worker that has its partition hands it over here when its time has come.
 *
 * What is sent is the state that stands in Redis, not what the record says, so nobody is told what does not stand. At least
 * once; a failure waits on the delay topics for the next try, the last one (WEBHOOK_TRIES) is a dead letter of class
 * "webhook". Calls have connections of their own, so that a callback_url that hangs takes none from a vendor: WEBHOOK_MAX of
 * them at once, WEBHOOK_MAX_OF_CALLER for one caller. Of one caller WEBHOOK_MAX_WAITING more wait for that in memory; what is more
 * goes back to a delay topic, which thus never waits for a caller's server. */
#ifndef VERIFYD_WEBHOOK_H
#define VERIFYD_WEBHOOK_H

#include "workers/delay.h"

enum {
	WEBHOOK_MAX = 256,
	WEBHOOK_MAX_OF_CALLER = 32,
	WEBHOOK_MAX_WAITING = 512,
	WEBHOOK_TIMEOUT_MS = 10000,
	WEBHOOK_TRIES = 10,
};

struct webhook;

/* Reads WEBHOOK_ALLOW and WEBHOOK_KEY. ports must outlive it. Returns: ERR_OK; ERR_INVALID; what http_curl_new returns. */
enum err_code webhook_new(const struct ports *ports, struct webhook **ret_webhook, struct err *err) WARN_UNUSED;

/* For delay_new. */
struct delay_taker webhook_taker(struct webhook *webhook);

/* Drain: ends calls; what they were about comes again. After delay_abandon, before the producer and the store are closed. */
void webhook_abandon(struct webhook *webhook);
/* After those; the loop must run before it is freed. */
void webhook_close(struct webhook *webhook);
void webhook_free(struct webhook *webhook); /* accepts NULL */

/* Every mistake is one line in complaints. Returns: how many. */
int webhook_check(const struct config *config, FILE *complaints);

#endif
