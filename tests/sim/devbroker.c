/* verifyd-devbroker: librdkafka's mock cluster as a process, so that the demo and quick tests need no Kafka.
 * It keeps nothing: no disk, no replicas, 5 MiB a partition, no TLS, no ACLs, no compaction. Never for production. */
#include "common/adapters/kafka_client.h"
#include "common/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <librdkafka/rdkafka_mock.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	BROKERS = 1,
	PARTITIONS = 4,
	PARTITIONS_MAX = 256,
	SYSLOG_WARNING = 4
};

static const char help[] = "verifyd-devbroker: a Kafka in memory for the demo; it forgets everything on exit\n"
                           "usage: verifyd-devbroker [--ready-file FILE] [--partitions N]\n"
                           "  --ready-file FILE  gets HOST:PORT once all topics are there; removed on exit\n"
                           "  --partitions N     of every topic, 1 to 256 (4)\n"
                           "  --help, --version\n"
                           "VERIFYD_TOPIC_PREFIX is put before every topic's name (verifyd.).\n";

static const char warning[] = "verifyd-devbroker keeps everything in memory and FORGETS IT ON EXIT. It keeps 5 MiB per "
                              "partition (the oldest records go), has no TLS, no ACLs and no compaction. For demos "
                              "and tests only.";

struct options {
	const char *ready_file; /* NULL: none */
	int partitions;
};

struct broker {
	rd_kafka_t *handle; /* the mock cluster lives inside a client */
	rd_kafka_mock_cluster_t *cluster;
};

static bool read_number(const char *text, int max, int *ret_value)
{
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < 1 || value > max)
		return false;
	*ret_value = (int)value;
	return true;
}

/* Returns: true to go on; false to exit with *ret_status. */
static bool read_options(int argc, char **argv, struct options *ret_options, int *ret_status)
{
	static const struct option known[] = {{"ready-file", required_argument, NULL, 'r'},
	                                      {"partitions", required_argument, NULL, 'p'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {"version", no_argument, NULL, 'v'},
	                                      {0}};
	int option;
	*ret_status = EXIT_USAGE;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'h' || option == 'v') {
			*ret_status =
			        fputs(option == 'h' ? help : "verifyd-devbroker " VERIFYD_VERSION "\n", stdout) < 0;
			return false;
		}
		if (option == '?')
			return false; /* getopt_long has said what is wrong */
		if (option == 'r') {
			ret_options->ready_file = optarg;
		} else if (!read_number(optarg, PARTITIONS_MAX, &ret_options->partitions)) {
			fprintf(stderr, "verifyd-devbroker: --partitions must be 1 to %d\n", PARTITIONS_MAX);
			return false;
		}
	}
	if (optind < argc)
		fprintf(stderr, "verifyd-devbroker: what is \"%s\"? See verifyd-devbroker --help\n", argv[optind]);
	return optind == argc;
}

static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	(void)handle;
	if (level <= SYSLOG_WARNING)
		log_warn("librdkafka", LOG_STR("facility", facility), LOG_STR("message", text));
}

static enum err_code broker_start(struct broker *broker, struct err *err)
{
	char text[ERR_MSG_BYTES] = "";
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	if (!conf)
		return err_set(err, ERR_NO_MEMORY, "no memory for librdkafka's settings");
	rd_kafka_conf_set_log_cb(conf, on_log);
	broker->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!broker->handle) {
		rd_kafka_conf_destroy(conf);
		return err_set(err, ERR_INTERNAL, "librdkafka: %s", text);
	}
	broker->cluster = rd_kafka_mock_cluster_new(broker->handle, BROKERS);
	if (!broker->cluster)
		return err_set(err, ERR_IO, "librdkafka could not start its mock cluster");
	return ERR_OK;
}

static void broker_stop(struct broker *broker)
{
	if (broker->cluster)
		rd_kafka_mock_cluster_destroy(broker->cluster);
	if (broker->handle)
		rd_kafka_destroy(broker->handle);
}

static enum err_code make_topics(const struct broker *broker, int partitions, struct err *err)
{
	const char *prefix = getenv("VERIFYD_TOPIC_PREFIX");
	const struct kafka_topic *topics;
	char name[TOPIC_BYTES];
	size_t count = kafka_topics(&topics);
	for (size_t i = 0; i < count; i++) {
		int len = snprintf(name, sizeof(name), "%s%s", prefix ? prefix : "verifyd.", topics[i].name);
		if (len < 0 || (size_t)len >= sizeof(name))
			return err_set(err, ERR_INVALID, "VERIFYD_TOPIC_PREFIX is too long");
		rd_kafka_resp_err_t failed = rd_kafka_mock_topic_create(broker->cluster, name, partitions, BROKERS);
		if (failed)
			return err_set(err, ERR_INTERNAL, "%s: %s", topics[i].name, rd_kafka_err2str(failed));
	}
	log_info("topics_made", LOG_INT("topics", count), LOG_INT("partitions", partitions));
	return ERR_OK;
}

static bool write_line(int fd, const char *text)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "%s\n", text);
	return len > 0 && (size_t)len < sizeof(line) && write(fd, line, (size_t)len) == len;
}

/* Whoever sees the file sees the whole address: it is written beside its place and renamed. */
static enum err_code write_ready_file(const char *path, const char *address, struct err *err)
{
	char beside[PATH_MAX];
	int len = snprintf(beside, sizeof(beside), "%s.%ld.tmp", path, (long)getpid());
	if (len < 0 || (size_t)len >= sizeof(beside))
		return err_set(err, ERR_INVALID, "the path of --ready-file is too long");
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_set(err, ERR_IO, "--ready-file: %s", strerror(errno));
	bool is_written = write_line(fd, address);
	if (close(fd) == 0 && is_written && rename(beside, path) == 0)
		return ERR_OK;
	enum err_code code = err_set(err, ERR_IO, "--ready-file: %s", strerror(errno));
	unlink(beside);
	return code;
}

static enum err_code serve(const struct options *options, const sigset_t *held, struct broker *broker, struct err *err)
{
	int received = 0;
	enum err_code code = broker_start(broker, err);
	if (code == ERR_OK)
		code = make_topics(broker, options->partitions, err);
	if (code != ERR_OK)
		return code;
	const char *address = rd_kafka_mock_cluster_bootstraps(broker->cluster);
	fprintf(stderr, "%s\n", warning);
	log_warn("volatile_broker", LOG_STR("message", warning));
	log_info("listening", LOG_STR("listener", "kafka"), LOG_STR("address", address));
	if (options->ready_file)
		code = write_ready_file(options->ready_file, address, err);
	if (code != ERR_OK)
		return code;
	while (sigwait(held, &received) != 0)
		; /* nothing but EINVAL is specified, and the set is valid */
	log_info("stopping", LOG_INT("signal", received));
	if (options->ready_file && unlink(options->ready_file) != 0 && errno != ENOENT)
		log_warn("ready_file_left", LOG_INT("errno", errno));
	return ERR_OK;
}

/* Blocks the signals that end the program, so that only the wait in serve sees them. Call before threads start. */
static bool hold_signals(sigset_t *ret_held)
{
	if (sigemptyset(ret_held) != 0 || sigaddset(ret_held, SIGTERM) != 0 || sigaddset(ret_held, SIGINT) != 0)
		return false;
	return signal(SIGPIPE, SIG_IGN) != SIG_ERR && sigprocmask(SIG_BLOCK, ret_held, NULL) == 0;
}

int main(int argc, char **argv)
{
	struct options options = {.partitions = PARTITIONS};
	struct broker broker = {0};
	struct err err = {0};
	sigset_t held;
	int status;
	if (!read_options(argc, argv, &options, &status))
		return status;
	log_init("verifyd-devbroker", LOG_INFO);
	if (!hold_signals(&held)) {
		log_error("start_failed", LOG_STR("error", strerror(errno)));
		return EXIT_FAILED;
	}
	enum err_code code = serve(&options, &held, &broker, &err);
	broker_stop(&broker);
	if (code == ERR_OK)
		return EXIT_OK;
	log_error("start_failed", LOG_STR("error", err.msg));
	return code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
}
