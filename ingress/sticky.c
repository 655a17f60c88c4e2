/* sticky: see the header. A try costs some 5 ns, and as many are needed on average as there are partitions. */
#include "ingress/sticky.h"
#include "common/adapters/kafka_client.h"

_Static_assert(ID_VARIES_AT % sizeof(uint32_t) == 0 && ID_BYTES - 1 - ID_VARIES_AT < sizeof(uint32_t),
               "what varies is all that is hashed after the shared part");

void sticky_fit(struct sticky *sticky, int32_t partitions, int64_t now_ms, char id[ID_BYTES])
{
	if (partitions <= 1)
		return;
	if (now_ms >= sticky->until_ms || sticky->partition >= partitions) {
		sticky->until_ms = now_ms + STICKY_MS;
		sticky->partition = kafka_partition(id, ID_BYTES - 1, partitions);
		return;
	}
	const uint32_t begun = kafka_partition_begin(id, ID_VARIES_AT, ID_BYTES - 1);
	const char *rest = id + ID_VARIES_AT;
	for (unsigned i = 0; i < STICKY_TRIES; i++) {
		if (kafka_partition_end(begun, rest, ID_BYTES - 1 - ID_VARIES_AT, partitions) == sticky->partition)
			return;
		id_vary(id, i);
	}
}
