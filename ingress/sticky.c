/* sticky: see the header. A try costs some 20 ns, and as many are needed on average as there are partitions. */
#include "ingress/sticky.h"
#include "common/adapters/kafka_client.h"

void sticky_fit(struct sticky *sticky, int32_t partitions, int64_t now_ms, char id[ID_BYTES])
{
	if (partitions <= 1)
		return;
	if (now_ms >= sticky->until_ms || sticky->partition >= partitions) {
		sticky->until_ms = now_ms + STICKY_MS;
		sticky->partition = kafka_partition(id, ID_BYTES - 1, partitions);
		return;
	}
	for (unsigned i = 0; i < STICKY_TRIES && kafka_partition(id, ID_BYTES - 1, partitions) != sticky->partition;
	     i++)
		id_vary(id, i);
}
