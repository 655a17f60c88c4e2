/* lost_rung: a journey that is being checked, and whose poll ladder has no rung on its way any more, gets it again.
 *
 * A rung is lost when its record is (a topic that was emptied, a retention that ran out), or when a worker that was about to
 * end a ladder lost against another step. Nobody can see in Kafka that a rung is missing, but a state that nobody has touched
 * for longer than a ladder waits says so. Sending one too many does no harm: of two rungs of one number the second one is
 * stale, as the engine's rule is; at worst a look comes early. For the rebuild, which sees every state. */
#ifndef VERIFYD_LOST_RUNG_H
#define VERIFYD_LOST_RUNG_H

#include "common/adapters/kafka_producer.h"
#include "workers/restore.h"

/* Above the longest wait of a ladder, a day, and the hops of that. */
enum { LOST_RUNG_AFTER_MS = 26 * 3600 * 1000 };

/* now_ms: unix. Returns: whether it lacked its rung, and one was sent; whether it arrives nobody is told: the next rebuild
 * sees it. Does not block. */
bool lost_rung_send(struct kafka_producer *producer, const struct restore *item, int64_t now_ms);

#endif
