/* kafka_client: reads the pass-through file once, checks it, and stamps out configurations from it.
 * A value of the file may be a secret, so no message and no log line holds one. Makes no connection. */
#include "common/adapters/kafka_client.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	MAX_FILE_BYTES = 64 * 1024,
	MAX_SETTINGS = 256,
	LOG_INTERVAL_MS = 1000,
	SYSLOG_WARNING = 4,
	SYSLOG_INFO = 6,
	LEAVE_WAIT_MS = 5000
};

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

struct setting {
	const char *name; /* both point into client->text */
	const char *value;
};

/* At most one line a second of librdkafka's; its threads share this without a lock. */
struct log_gate {
	atomic_int_least64_t next_ms;
	atomic_int_least64_t dropped;
};

struct kafka_client {
	struct kafka_owner owner; /* itself */
	char *brokers;
	char *program;
	char *prefix;
	char *text; /* the file, cut into names and values; overwritten at the end */
	size_t text_len;
	struct setting settings[MAX_SETTINGS];
	size_t setting_count;
	struct log_gate *gate;
};

/* What carries a guarantee, or has a setting of its own in verifyd. */
/* clang-format off */
static const char *const ours[] = {
	"acks", "auto.commit.enable", "auto.commit.interval.ms", "auto.offset.reset", "bootstrap.servers",
	"client.id", "delivery.report.only.error", "delivery.timeout.ms", "enable.auto.commit",
	"enable.auto.offset.store", "enable.gapless.guarantee", "enable.idempotence", "enable.partition.eof",
	"enabled_events", "fetch.min.bytes", "group.id", "group.instance.id", "group.protocol",
	"group.protocol.type", "group.remote.assignor", "linger.ms", "log.queue", "log.thread.name", "max.in.flight",
	"max.in.flight.requests.per.connection", "message.send.max.retries",
	"message.timeout.ms", "metadata.broker.list", "offset.store.method", "partition.assignment.strategy",
	"partitioner", "produce.offset.report", "queue.buffering.max.messages", "queue.buffering.max.ms",
	"queued.max.messages.kbytes", "request.required.acks", "retries",
	"statistics.interval.ms", "test.mock.num.brokers", "transactional.id",
};
/* clang-format on */

static const struct setting tuning[] = {
        {"socket.nagle.disable", "true"},     {"socket.keepalive.enable", "true"},
        {"reconnect.backoff.max.ms", "2000"}, {"topic.metadata.refresh.interval.ms", "30000"},
        {"log.connection.close", "false"},
};

static const struct setting consumer_guarantees[] = {
        {"enable.auto.commit", "true"},
        {"auto.commit.interval.ms", "1000"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "earliest"},
        {"partition.assignment.strategy", "range"},
        {"fetch.min.bytes", "1"},
        {"statistics.interval.ms", "1000"},
};

static const struct setting consumer_tuning[] = {
        {"session.timeout.ms", "10000"},       {"heartbeat.interval.ms", "1000"},
        {"fetch.wait.max.ms", "50"},           {"fetch.error.backoff.ms", "50"},
        {"queued.min.messages", "20000"},      {"fetch.queue.backoff.ms", "20"}, /* from librdkafka 2.2 on */
        {"fetch.message.max.bytes", "131072"}, /* of a partition: an answer stays in memory while a record of it does */
};

static const struct kafka_topic topics[] = {
#define KIND(symbol, name, vendor, may, must, question, join, join_s)
#define OPERATION(symbol, kind, name, topic, flow) {topic, false, false},
#include "vendor_kinds.def"
#undef KIND
#undef OPERATION
        {"delay.5s", false, true},   {"delay.30s", false, true}, {"delay.120s", false, true},
        {"delay.600s", false, true}, {"results", true, false},   {"dead", false, false},
};

size_t kafka_topics(const struct kafka_topic **ret_topics)
{
	*ret_topics = topics;
	return COUNT_OF(topics);
}

static bool gate_pass(struct log_gate *gate, int64_t *ret_dropped)
{
	int64_t now = clock_mono_ms();
	int64_t next = atomic_load(&gate->next_ms);
	if (now < next || !atomic_compare_exchange_strong(&gate->next_ms, &next, now + LOG_INTERVAL_MS)) {
		atomic_fetch_add(&gate->dropped, 1);
		return false;
	}
	*ret_dropped = atomic_exchange(&gate->dropped, 0);
	return true;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	const struct kafka_owner *owner = rk ? rd_kafka_opaque(rk) : NULL;
	enum log_level ours_is = level <= SYSLOG_WARNING ? LOG_WARN : level <= SYSLOG_INFO ? LOG_INFO : LOG_DEBUG;
	int64_t dropped = 0;
	if (!log_enabled(ours_is) || (owner && !gate_pass(owner->client->gate, &dropped)))
		return;
	const struct log_field fields[] = {LOG_STR("facility", facility), LOG_STR("text", text),
	                                   LOG_INT("dropped", dropped)};
	log_event(ours_is, "kafka_log", fields, COUNT_OF(fields));
}

static char *trim(char *text)
{
	text += strspn(text, " \t\r");
	size_t len = strlen(text);
	while (len > 0 && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* A torn secret may stand where a name should: only what looks like a setting is repeated. */
static const char *printable(const char *name)
{
	size_t len = strlen(name);
	bool plain = len > 0 && len <= 64 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._") == len;
	return plain ? name : "(name withheld)";
}

static bool is_ours(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(ours); i++)
		if (strcmp(ours[i], name) == 0)
			return true;
	return false;
}

static enum err_code read_line(struct kafka_client *client, char *line, int number, rd_kafka_conf_t *scratch,
                               struct err *err)
{
	line = trim(line);
	if (*line == '\0' || *line == '#')
		return ERR_OK;
	char *equals = strchr(line, '=');
	if (!equals)
		return err_set(err, ERR_INVALID, "KAFKA_CONFIG_FILE line %d: not name=value", number);
	*equals = '\0';
	struct setting setting = {trim(line), trim(equals + 1)};
	const char *shown = printable(setting.name);
	if (is_ours(setting.name))
		return err_set(err, ERR_INVALID, "KAFKA_CONFIG_FILE line %d: %s is set by verifyd itself", number,
		               shown);
	if (client->setting_count == MAX_SETTINGS)
		return err_set(err, ERR_INVALID, "KAFKA_CONFIG_FILE line %d: more than %d settings", number,
		               MAX_SETTINGS);
	rd_kafka_conf_res_t result = rd_kafka_conf_set(scratch, setting.name, setting.value, NULL, 0);
	if (result != RD_KAFKA_CONF_OK)
		return err_set(err, ERR_INVALID, "KAFKA_CONFIG_FILE line %d: %s: %s", number, shown,
		               result == RD_KAFKA_CONF_UNKNOWN ? "librdkafka knows no such setting"
		                                               : "librdkafka refuses the value");
	client->settings[client->setting_count++] = setting;
	return ERR_OK;
}

static enum err_code read_lines(struct kafka_client *client, struct err *err)
{
	rd_kafka_conf_t *scratch = rd_kafka_conf_new();
	enum err_code code = ERR_OK;
	char *rest = client->text;
	for (int number = 1; rest && code == ERR_OK; number++) {
		char *line = strsep(&rest, "\n");
		code = read_line(client, line, number, scratch, err);
	}
	rd_kafka_conf_destroy(scratch);
	return code;
}

static enum err_code read_file(struct kafka_client *client, const char *path, struct err *err)
{
	enum err_code code = ERR_OK;
	client->text = malloc(MAX_FILE_BYTES + 1);
	if (!client->text)
		return err_set(err, ERR_NO_MEMORY, "KAFKA_CONFIG_FILE");
	FILE *file = fopen(path, "re");
	if (!file)
		return err_set(err, ERR_INVALID, "KAFKA_CONFIG_FILE cannot be opened");
	client->text_len = fread(client->text, 1, MAX_FILE_BYTES + 1, file);
	if (ferror(file))
		code = err_set(err, ERR_INVALID, "KAFKA_CONFIG_FILE cannot be read");
	else if (client->text_len > MAX_FILE_BYTES)
		code = err_set(err, ERR_INVALID, "KAFKA_CONFIG_FILE is larger than %d bytes", MAX_FILE_BYTES);
	else if (memchr(client->text, '\0', client->text_len))
		code = err_set(err, ERR_INVALID, "KAFKA_CONFIG_FILE holds a zero byte");
	else
		client->text[client->text_len] = '\0';
	(void)fclose(file);
	return code == ERR_OK ? read_lines(client, err) : code;
}

enum err_code kafka_client_new(const struct config *config, const char *program, struct kafka_client **ret_client,
                               struct err *err)
{
	const char *brokers = config_str(config, CONFIG_KAFKA_BROKERS);
	const char *prefix = config_str(config, CONFIG_TOPIC_PREFIX);
	const char *path = config_str(config, CONFIG_KAFKA_CONFIG_FILE);
	struct kafka_client *client = calloc(1, sizeof *client);
	if (!client)
		return err_set(err, ERR_NO_MEMORY, "kafka client");
	client->owner.client = client;
	client->brokers = strdup(brokers ? brokers : "");
	client->program = strdup(program);
	client->prefix = strdup(prefix ? prefix : "");
	client->gate = calloc(1, sizeof *client->gate);
	enum err_code code = ERR_OK;
	if (!client->brokers || !client->program || !client->prefix || !client->gate)
		code = err_set(err, ERR_NO_MEMORY, "kafka client");
	else if (path && *path)
		code = read_file(client, path, err);
	if (code != ERR_OK) {
		kafka_client_free(client);
		return code;
	}
	*ret_client = client;
	return ERR_OK;
}

void kafka_client_free(struct kafka_client *client)
{
	if (!client)
		return;
	if (client->text)
		explicit_bzero(client->text, MAX_FILE_BYTES + 1);
	free(client->text);
	free(client->brokers);
	free(client->program);
	free(client->prefix);
	free(client->gate);
	free(client);
}

enum err_code kafka_client_name(const struct kafka_client *client, const char *name, char out[TOPIC_BYTES])
{
	size_t prefix_len = strlen(client->prefix), name_len = strlen(name);
	if (name_len >= TOPIC_BYTES || prefix_len + name_len >= TOPIC_BYTES)
		return ERR_LIMIT;
	memcpy(out, client->prefix, prefix_len);
	memcpy(out + prefix_len, name, name_len + 1);
	return ERR_OK;
}

const char *kafka_client_bare(const struct kafka_client *client, const char *topic)
{
	size_t prefix_len = strlen(client->prefix);
	return strncmp(topic, client->prefix, prefix_len) == 0 ? topic + prefix_len : topic;
}

enum err_code kafka_client_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
	if (rd_kafka_conf_set(conf, name, value, NULL, 0) != RD_KAFKA_CONF_OK)
		return err_set(err, ERR_INVALID, "librdkafka refuses the setting %s", name);
	return ERR_OK;
}

enum err_code kafka_client_default(const struct kafka_client *client, rd_kafka_conf_t *conf, const char *name,
                                   const char *value, struct err *err)
{
	for (size_t i = 0; i < client->setting_count; i++)
		if (strcmp(client->settings[i].name, name) == 0)
			return ERR_OK;
	rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, NULL, 0);
	return result == RD_KAFKA_CONF_INVALID ? err_set(err, ERR_INVALID, "librdkafka refuses the setting %s", name)
	                                       : ERR_OK;
}

enum err_code kafka_client_conf(const struct kafka_client *client, rd_kafka_conf_t **ret_conf, struct err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	if (!conf)
		return err_set(err, ERR_NO_MEMORY, "kafka configuration");
	rd_kafka_conf_set_opaque(conf, (void *)client);
	rd_kafka_conf_set_log_cb(conf, on_log);
	enum err_code code = kafka_client_set(conf, "bootstrap.servers", client->brokers, err);
	if (code == ERR_OK)
		code = kafka_client_set(conf, "client.id", client->program, err);
	for (size_t i = 0; code == ERR_OK && i < COUNT_OF(tuning); i++)
		code = kafka_client_default(client, conf, tuning[i].name, tuning[i].value, err);
	for (size_t i = 0; code == ERR_OK && i < client->setting_count; i++)
		code = kafka_client_set(conf, client->settings[i].name, client->settings[i].value, err);
	if (code != ERR_OK) {
		rd_kafka_conf_destroy(conf);
		return code;
	}
	*ret_conf = conf;
	return ERR_OK;
}

/* MurmurHash2, 32 bit, with the seed of Java's Utils.murmur2. */
static const uint32_t murmur_multiplier = 0x5bd1e995u;

uint32_t kafka_partition_begin(const char *key, size_t shared, size_t key_len)
{
	uint32_t hash = 0x9747b28cu ^ (uint32_t)key_len, word;
	for (size_t at = 0; at < shared; at += sizeof word) {
		memcpy(&word, key + at, sizeof word);
		word = le32toh(word) * murmur_multiplier;
		word ^= word >> 24;
		hash = hash * murmur_multiplier ^ word * murmur_multiplier;
	}
	return hash;
}

int32_t kafka_partition_end(uint32_t begun, const char *rest, size_t rest_len, int32_t partition_count)
{
	assert(partition_count > 0);
	uint32_t hash = begun;
	if (rest_len > 0) {
		for (size_t i = 0; i < rest_len; i++)
			hash ^= (uint32_t)(unsigned char)rest[i] << (8 * i);
		hash *= murmur_multiplier;
	}
	hash ^= hash >> 13;
	hash *= murmur_multiplier;
	hash ^= hash >> 15;
	return (int32_t)((hash & 0x7fffffffu) % (uint32_t)partition_count);
}

int32_t kafka_partition(const char *key, size_t key_len, int32_t partition_count)
{
	const char *mark = key_len > 0 ? memchr(key, '!', key_len) : NULL;
	size_t len = mark ? (size_t)(mark - key) : key_len, words = len - len % sizeof(uint32_t);
	return kafka_partition_end(kafka_partition_begin(key, words, len), key + words, len - words, partition_count);
}

static bool stats_show_up(const char *json, size_t json_len)
{
	json_t *root = json_loadb(json, json_len, 0, NULL);
	const char *name;
	json_t *broker;
	bool up = false;
	json_object_foreach(json_object_get(root, "brokers"), name, broker)
	{
		const char *state = json_string_value(json_object_get(broker, "state"));
		const char *source = json_string_value(json_object_get(broker, "source"));
		if (state && strcmp(state, "UP") == 0 && !(source && strcmp(source, "logical") == 0))
			up = true;
	}
	json_decref(root);
	return up;
}

void kafka_link_set(struct kafka_link *link, bool is_up)
{
	if (is_up != link->is_up)
		log_event(is_up ? LOG_INFO : LOG_WARN, is_up ? "kafka_up" : "kafka_down",
		          LOG_FIELDS(LOG_STR("client", link->client)));
	link->is_up = is_up;
}

void kafka_link_stats(struct kafka_link *link, const char *json, size_t json_len)
{
	if (!link->is_up && stats_show_up(json, json_len))
		kafka_link_set(link, true);
}

enum err_code kafka_wake_open(int *ret_fd, struct err *err)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return err_set(err, ERR_NO_MEMORY, "eventfd: errno %d", errno);
	*ret_fd = fd;
	return ERR_OK;
}

void kafka_wake_set(int fd)
{
	uint64_t one = 1;
	ssize_t written = write(fd, &one, sizeof one);
	(void)written; /* EAGAIN: the counter is full, so the loop is woken already */
}

void kafka_wake_clear(int fd)
{
	uint64_t count;
	ssize_t got = read(fd, &count, sizeof count);
	(void)got; /* EAGAIN: nothing was signalled; whoever clears drains anyway */
}

/* Unique per group and set of topics: two consumers of one process may share a group. */
static enum err_code member_name(const struct kafka_membership *membership, char out[TOPIC_BYTES])
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < membership->topic_count; i++) {
		size_t len = strlen(membership->topics[i]) + 1; /* with its end: ("ab","c") is not ("a","bc") */
		for (size_t at = 0; at < len; at++)
			hash = (hash ^ (unsigned char)membership->topics[i][at]) * 16777619u;
	}
	int len = snprintf(out, TOPIC_BYTES, "%s-%s-%08x", membership->instance_id, membership->group, hash);
	return len < TOPIC_BYTES ? ERR_OK : ERR_LIMIT;
}

static enum err_code membership_conf(const struct kafka_client *client, const struct kafka_membership *membership,
                                     rd_kafka_conf_t *conf, struct err *err)
{
	char group[TOPIC_BYTES], member[TOPIC_BYTES] = "", kbytes[12];
	if (kafka_client_name(client, membership->group, group) != ERR_OK ||
	    (membership->instance_id && member_name(membership, member) != ERR_OK))
		return err_set(err, ERR_INVALID, "group or instance id is too long");
	(void)snprintf(kbytes, sizeof kbytes, "%d", membership->queued_kbytes);
	const struct setting named[] = {
	        {"group.id", group}, {"queued.max.messages.kbytes", kbytes}, {"group.instance.id", member}};
	enum err_code code = ERR_OK;
	for (size_t i = 0; code == ERR_OK && i < COUNT_OF(named); i++)
		if (*named[i].value)
			code = kafka_client_set(conf, named[i].name, named[i].value, err);
	for (size_t i = 0; code == ERR_OK && i < COUNT_OF(consumer_guarantees); i++)
		code = kafka_client_set(conf, consumer_guarantees[i].name, consumer_guarantees[i].value, err);
	for (size_t i = 0; code == ERR_OK && i < COUNT_OF(consumer_tuning); i++)
		code = kafka_client_default(client, conf, consumer_tuning[i].name, consumer_tuning[i].value, err);
	return code;
}

static enum err_code subscribe(const struct kafka_client *client, const struct kafka_membership *membership,
                               rd_kafka_t *rk, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)membership->topic_count);
	rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
	char full[TOPIC_BYTES];
	for (size_t i = 0; i < membership->topic_count; i++) {
		if (kafka_client_name(client, membership->topics[i], full) != ERR_OK)
			error = RD_KAFKA_RESP_ERR__INVALID_ARG;
		else
			(void)rd_kafka_topic_partition_list_add(list, full, RD_KAFKA_PARTITION_UA);
	}
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
		error = rd_kafka_subscribe(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return error ? err_set(err, ERR_INVALID, "cannot subscribe: %s", rd_kafka_err2name(error)) : ERR_OK;
}

enum err_code kafka_client_join(const struct kafka_client *client, const struct kafka_membership *membership,
                                rd_kafka_t **ret_rk, struct err *err)
{
	rd_kafka_conf_t *conf = NULL;
	enum err_code code = kafka_client_conf(client, &conf, err);
	if (code != ERR_OK)
		return code;
	rd_kafka_conf_set_opaque(conf, membership->opaque);
	rd_kafka_conf_set_rebalance_cb(conf, membership->on_rebalance);
	rd_kafka_conf_set_error_cb(conf, membership->on_error);
	rd_kafka_conf_set_stats_cb(conf, membership->on_stats);
	code = membership_conf(client, membership, conf, err);
	rd_kafka_t *rk;
	if (code != ERR_OK)
		rd_kafka_conf_destroy(conf);
	else
		code = kafka_client_open(RD_KAFKA_CONSUMER, conf, &rk, err);
	if (code != ERR_OK)
		return code;
	(void)rd_kafka_poll_set_consumer(rk); /* fails only for what is no group member */
	code = subscribe(client, membership, rk, err);
	if (code != ERR_OK)
		rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	else
		*ret_rk = rk;
	return code;
}

/* rd_kafka_consumer_close would wait without end for a coordinator that is away. */
void kafka_client_leave(rd_kafka_t *rk)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_error_t *error = rd_kafka_consumer_close_queue(rk, queue);
	int64_t until = clock_mono_ms() + LEAVE_WAIT_MS;
	while (!error && !rd_kafka_consumer_closed(rk) && clock_mono_ms() < until)
		(void)rd_kafka_queue_poll_callback(queue, 20);
	bool is_closed = !error && rd_kafka_consumer_closed(rk);
	if (error)
		rd_kafka_error_destroy(error);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy_flags(rk, is_closed ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}
