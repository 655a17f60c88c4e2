/* ctl_topics: `topics create` and `topics check`. What a topic needs is kafka_topics' table. */
#include "common/adapters/kafka_admin.h"
#include "ctl/ctl.h"

enum { BROKERS_DEFAULT = -1 };

typedef enum err_code (*topics_fn)(const struct kafka_client *client, const struct kafka_admin_options *options,
                                   FILE *report, struct err *err);

static int topics(const struct ctl_call *call, topics_fn fn)
{
	struct err err = {0};
	const struct kafka_admin_options options = {
	        .partitions = call->partitions,
	        .replication = BROKERS_DEFAULT,
	        .result_retention_ms = config_int(call->config, CONFIG_RESULT_RETENTION),
	        .timeout_ms = ctl_left_ms(call),
	};
	enum err_code code = fn(call->kafka, &options, stdout, &err);
	return code == ERR_OK ? CTL_OK : ctl_fail_kafka(call, call->command->name, code, &err);
}

int ctl_topics_create(const struct ctl_call *call)
{
	return topics(call, kafka_admin_create);
}

int ctl_topics_check(const struct ctl_call *call)
{
	return topics(call, kafka_admin_check);
}
