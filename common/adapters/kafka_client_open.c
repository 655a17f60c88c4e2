/* kafka_client_open: makes librdkafka's handle of a configuration, and says what it does not like of it. */
#include "common/adapters/kafka_client.h"
#include <sched.h>
#include <string.h>

/* With the first message that the loop hands over librdkafka wakes a thread that would take the processor from the
 * loop, and send that message alone. A batch thread (sched(7)) waits until the loop sleeps, or runs on a processor that
 * is free. Threads are what the thread is that begins them. Where that is not allowed all stay as they were. */
static rd_kafka_t *new_with_batch_threads(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *why, size_t why_size)
{
	const struct sched_param param = {.sched_priority = 0};
	int policy = sched_getscheduler(0);
	bool is_batch = policy == SCHED_OTHER && sched_setscheduler(0, SCHED_BATCH, &param) == 0;
	rd_kafka_t *rk = rd_kafka_new(type, conf, why, why_size);
	if (is_batch)
		(void)sched_setscheduler(0, policy, &param); /* from batch to other is always allowed */
	return rk;
}

/* librdkafka 2.0.2 crashes on a key that cannot be read when it has no room for its reason; that may hold a secret
 * value. */
enum err_code kafka_client_open(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **ret_rk, struct err *err)
{
	char why[256] = "";
	size_t unused;
	rd_kafka_t *rk = type == RD_KAFKA_PRODUCER ? new_with_batch_threads(type, conf, why, sizeof why)
	                                           : rd_kafka_new(type, conf, why, sizeof why);
	if (rk) {
		*ret_rk = rk;
		return ERR_OK;
	}
	why[strcspn(why, " :")] = '\0';
	bool is_name = *why && rd_kafka_conf_get(conf, why, NULL, &unused) == RD_KAFKA_CONF_OK;
	rd_kafka_conf_destroy(conf);
	return err_set(err, ERR_INVALID, "librdkafka refuses the settings%s%s", is_name ? ": " : "",
	               is_name ? why : "");
}
