/* sticky: random ids of one moment lead to one partition. A record's partition is the hash of its id; ids as they come
 * would spread a crowd's records over all partitions, each in a produce request of its own. What Kafka does for records
 * without a key (KIP-480, sticky partitioner) is done here with the choice of the id, so that whoever computes an id's
 * partition from the id still finds it. */
#ifndef VERIFYD_STICKY_H
#define VERIFYD_STICKY_H

#include "common/base/ids.h"
#include <stdint.h>

enum {
	STICKY_MS = 10,    /* a moment; as librdkafka's sticky.partitioning.linger.ms */
	STICKY_TRIES = 256 /* an id that does not fit after so many stays as it is then */
};

/* Of one topic. Zeroed: no moment has begun. */
struct sticky {
	int64_t until_ms;
	int32_t partition;
};

/* Changes a random id (by two of its characters, so log2(partitions) of its 128 bits are given away) so that its record
 * stands in this moment's partition. The first id of a moment stays as it is, and chooses it. partitions 0 (not known) or
 * 1: nothing is done. now_ms: monotonic. */
void sticky_fit(struct sticky *sticky, int32_t partitions, int64_t now_ms, char id[ID_BYTES]);

#endif
