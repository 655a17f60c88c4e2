/* kafka_client_open: makes librdkafka's handle of a configuration, and says what it does not like of it. */
#include "common/adapters/kafka_client.h"
#include <string.h>

/* librdkafka 2.0.2 crashes on a key that cannot be read when it has no room for its reason; that may hold a secret
 * value. */
enum err_code kafka_client_open(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **ret_rk, struct err *err)
{
	char why[256] = "";
	size_t unused;
	rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
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
