/* delay: consumes the delay topics and forwards each record to its target when its time has come.
 *
 * A tier's wait is constant from the broker's timestamp, so every partition is a queue: only its head is looked at.
 * A record is done when the broker has acked its copy. */
#ifndef VERIFYD_DELAY_H
#define VERIFYD_DELAY_H

#include "workers/ports.h"

struct delay;

enum err_code delay_new(const struct ports *ports, const char *instance_id, struct delay **ret_delay,
                        struct err *err) WARN_UNUSED;
void delay_stop(struct delay *delay);              /* takes no more; what waits is left in its topic */
size_t delay_in_flight(const struct delay *delay); /* copies that are not acked yet */
int64_t delay_lag(const struct delay *delay);
bool delay_has_failed(const struct delay *delay); /* kafka_consumer_has_failed */
/* Leaves the group; deliveries on their way are reported by kafka_producer_close, which must come before delay_free. */
void delay_abandon(struct delay *delay);
void delay_free(struct delay *delay); /* accepts NULL; the loop must have run until its timer has closed */

#endif
