/* delay: consumes the delay topics and forwards each record to its target when its time has come, or hands it over to who takes
 * it.
 *
 * A tier's wait is constant from the broker's timestamp, so every partition is a queue: only its head is looked at.
 * A record is done when the broker has acked its copy. */
#ifndef VERIFYD_DELAY_H
#define VERIFYD_DELAY_H

#include "common/adapters/kafka_consumer.h"
#include "workers/ports.h"

struct delay;

/* Who takes records that are to be forwarded to no topic. Loop thread. */
struct delay_end {
	void (*ended)(struct delay_end *end, bool is_done); /* not done: the record comes again */
};
enum delay_taken {
	DELAY_TAKEN,  /* `ended` follows, once, not before `take` has returned; the record may go before that */
	DELAY_LATER,  /* not now: it is offered again */
	DELAY_POISON, /* it can never be read */
};
struct delay_taker {
	const char *target; /* value of HEADER_TARGET */
	enum delay_taken (*take)(void *ctx, const struct kafka_record *record, struct delay_end *end);
	/* Partitions are being taken away, or no more is taken: what was taken and merely waits is to end now, not done. May be NULL. */
	void (*revoked)(void *ctx);
	void *ctx;
};

/* taker: NULL for none; copied. */
enum err_code delay_new(const struct ports *ports, const char *instance_id, const struct delay_taker *taker,
                        struct delay **ret_delay, struct err *err) WARN_UNUSED;
void delay_stop(struct delay *delay);              /* takes no more; what waits is left in its topic */
size_t delay_in_flight(const struct delay *delay); /* copies that are not acked yet, and what was taken */
int64_t delay_lag(const struct delay *delay);
bool delay_has_failed(const struct delay *delay); /* kafka_consumer_has_failed */
/* Leaves the group; deliveries on their way are reported by kafka_producer_close, which must come before delay_free. */
void delay_abandon(struct delay *delay);
void delay_free(struct delay *delay); /* accepts NULL; the loop must have run until its timer has closed */

#endif
