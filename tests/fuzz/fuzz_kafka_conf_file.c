/* fuzz_kafka_conf_file: any bytes as the file that VERIFYD_KAFKA_CONFIG_FILE names. Plug-ins are left out: naming a
 * library to load is what an operator may do and a fuzzer must not. */
#include "common/adapters/kafka_client.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_BYTES = 8192 };

static struct config *make_config(int fd)
{
	char brokers[] = "VERIFYD_KAFKA_BROKERS=127.0.0.1:1", redis[] = "VERIFYD_REDIS_URL=redis://127.0.0.1:1",
	     file[96];
	char *const environment[] = {brokers, redis, file, NULL};
	struct config *config = NULL;
	(void)snprintf(file, sizeof file, "VERIFYD_KAFKA_CONFIG_FILE=/proc/self/fd/%d", fd);
	FUZZ_RULE(config_load(CONFIG_CTL, environment, stderr, &config) == ERR_OK);
	return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config *config; /* for the life of the process, as is the file in memory */
	static int fd = -1;
	struct kafka_client *client = NULL;
	struct err err = {ERR_OK, ""};
	if (size > MAX_BYTES || memmem(data, size, "plugin", 6))
		return 0;
	if (fd < 0) {
		fd = memfd_create("kafka.conf", 0);
		FUZZ_RULE(fd >= 0);
		config = make_config(fd);
	}
	FUZZ_RULE(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	if (kafka_client_new(config, "fuzz", &client, &err) == ERR_OK) {
		rd_kafka_conf_t *conf = NULL;
		if (kafka_client_conf(client, &conf, &err) == ERR_OK)
			rd_kafka_conf_destroy(conf);
	} else {
		FUZZ_RULE(!client && err.msg[0]);
	}
	kafka_client_free(client);
	return 0;
}
