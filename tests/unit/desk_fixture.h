/* desk_fixture: a desk in a thread of its own, between a real redis-server and librdkafka's in-process cluster; the
 * test is the HTTP side, and plays the workers by writing states. */
#ifndef VERIFYD_DESK_FIXTURE_H
#define VERIFYD_DESK_FIXTURE_H

#include "ingress/desk.h"
#include "tests/unit/redis_fixture.h"
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>

#define SEAL_KEY "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

enum { WAIT_MS = 5000, TOPICS = 3 };

static const char initiates[] = "t.requests.jumio.initiate", retrievals[] = "t.requests.jumio.retrieve",
                  scores[] = "t.requests.biocatch.score";

struct desk_bench {
	struct redis_bench *redis;
	rd_kafka_t *host, *reader; /* host carries the cluster */
	rd_kafka_mock_cluster_t *cluster;
	struct config *config;
	struct seal_ring *ring;
	struct metrics *metrics;
	struct desk *desk;
	pthread_t thread;
	int64_t began[TOPICS]; /* records that were there before the test */
};

/* An ask and its end. */
struct call {
	struct ask ask; /* first */
	pthread_mutex_t lock;
	pthread_cond_t bell;
	bool is_done;
};

static inline int64_t records(struct desk_bench *bench, const char *topic)
{
	int64_t low, high;
	assert_int_equal(rd_kafka_query_watermark_offsets(bench->host, topic, 0, &low, &high, AWAIT_MS), 0);
	return high;
}

static inline int topic_index(const char *topic)
{
	return topic == initiates ? 0 : topic == retrievals ? 1 : 2;
}

/* How many records this test has caused. */
static inline int64_t produced(struct desk_bench *bench, const char *topic)
{
	return records(bench, topic) - bench->began[topic_index(topic)];
}

/* The newest record; ended by rd_kafka_message_destroy. */
static inline rd_kafka_message_t *newest(struct desk_bench *bench, const char *topic)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, topic, 0)->offset = records(bench, topic) - 1;
	assert_int_equal(rd_kafka_assign(bench->reader, list), 0);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_message_t *message = rd_kafka_consumer_poll(bench->reader, AWAIT_MS);
	assert_non_null(message);
	assert_int_equal(message->err, 0);
	(void)rd_kafka_assign(bench->reader, NULL);
	return message;
}

static inline void assert_header(const rd_kafka_message_t *message, const char *name, const char *expected)
{
	rd_kafka_headers_t *headers = NULL;
	const void *value = NULL;
	size_t len = 0;
	assert_int_equal(rd_kafka_message_headers(message, &headers), 0);
	bool there = rd_kafka_header_get_last(headers, name, &value, &len) == 0;
	assert_int_equal(there, expected != NULL);
	if (expected)
		assert_true(len == strlen(expected) && memcmp(value, expected, len) == 0);
}

/* ---- the desk ---- */

static inline void on_term(void *ctx)
{
	struct desk_bench *bench = ctx;
	desk_drain(bench->desk, 100);
}

static inline void *run_desk(void *ctx)
{
	struct desk_bench *bench = ctx;
	desk_run(bench->desk, on_term, bench);
	return NULL;
}

static inline void await_desk(struct desk_bench *bench, bool redis_up)
{
	struct desk_status status;
	int64_t until = clock_mono_ms() + AWAIT_MS;
	do {
		usleep(2000);
		desk_status(bench->desk, &status);
		if (clock_mono_ms() > until)
			fail_msg("the desk does not start");
	} while (!status.started || status.redis_up != redis_up);
}

static inline void close_desk(struct desk_bench *bench)
{
	if (!bench->desk)
		return;
	kill(getpid(), SIGTERM);
	pthread_join(bench->thread, NULL);
	desk_close(bench->desk);
	desk_free(bench->desk);
	bench->desk = NULL;
}

static inline int start_all(void **state)
{
	struct desk_bench *bench = calloc(1, sizeof *bench);
	char brokers[256], redis[64];
	if (start_server((void **)&bench->redis) != 0)
		return -1;
	*state = bench->redis ? bench : NULL;
	if (!bench->redis) {
		free(bench);
		return 0;
	}
	rd_kafka_conf_t *host_conf = rd_kafka_conf_new(), *conf = rd_kafka_conf_new();
	(void)rd_kafka_conf_set(host_conf, "log_level", "2", NULL, 0);
	(void)rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
	bench->host = rd_kafka_new(RD_KAFKA_PRODUCER, host_conf, NULL, 0);
	bench->cluster = rd_kafka_mock_cluster_new(bench->host, 1);
	const char *topics[TOPICS] = {initiates, retrievals, scores};
	for (int i = 0; i < TOPICS; i++)
		if (rd_kafka_mock_topic_create(bench->cluster, topics[i], 1, 1) != RD_KAFKA_RESP_ERR_NO_ERROR)
			return -1;
	const char *address = rd_kafka_mock_cluster_bootstraps(bench->cluster);
	(void)rd_kafka_conf_set(conf, "bootstrap.servers", address, NULL, 0);
	(void)rd_kafka_conf_set(conf, "group.id", "test", NULL, 0);
	bench->reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
	rd_kafka_brokers_add(bench->host, address);
	snprintf(brokers, sizeof brokers, "VERIFYD_KAFKA_BROKERS=%s", address);
	snprintf(redis, sizeof redis, "VERIFYD_REDIS_URL=redis://127.0.0.1:%s", bench->redis->port);
	char *const environment[] = {brokers,
	                             redis,
	                             "VERIFYD_TOPIC_PREFIX=t.",
	                             "VERIFYD_ID_KEY=0123456789abcdef0123456789abcdef",
	                             "VERIFYD_SEAL_KEYS=" SEAL_KEY,
	                             NULL};
	if (config_load(CONFIG_INGRESS, environment, stderr, &bench->config) != ERR_OK ||
	    seal_ring_new(SEAL_KEY, &bench->ring, NULL) != ERR_OK)
		return -1;
	return 0;
}

static inline int stop_all(void **state)
{
	struct desk_bench *bench = *state;
	if (!bench)
		return 0;
	int left_open = stop_server((void **)&bench->redis);
	rd_kafka_consumer_close(bench->reader);
	rd_kafka_destroy(bench->reader);
	rd_kafka_mock_cluster_destroy(bench->cluster);
	rd_kafka_destroy(bench->host);
	seal_ring_free(bench->ring);
	config_free(bench->config);
	free(bench);
	return left_open;
}

/* Each test finds a desk that is up, an empty Redis that counts as whole, and its own count of records. */
static inline int begin_desk(void **state)
{
	struct desk_bench *bench = *state;
	if (!bench)
		return 0;
	if (!bench->redis->server)
		redis_start(bench->redis);
	redis_do(bench->redis, "FLUSHALL");
	char identity[41];
	redis_identity(bench->redis, identity);
	redis_do(bench->redis, "SET verifyd:epoch %s", identity);
	const char *topics[TOPICS] = {initiates, retrievals, scores};
	for (int i = 0; i < TOPICS; i++)
		bench->began[i] = records(bench, topics[i]);
	assert_int_equal(metrics_new(&bench->metrics), ERR_OK);
	const struct desk_options options = {.config = bench->config, .ring = bench->ring, .metrics = bench->metrics};
	assert_int_equal(desk_new(&options, &bench->desk, NULL), ERR_OK);
	assert_int_equal(pthread_create(&bench->thread, NULL, run_desk, bench), 0);
	await_desk(bench, true);
	return 0;
}

static inline int end_desk(void **state)
{
	struct desk_bench *bench = *state;
	if (!bench)
		return 0;
	close_desk(bench);
	metrics_free(bench->metrics);
	return 0;
}

static inline struct desk_bench *desk_bench_of(void **state)
{
	if (!*state)
		skip();
	return *state;
}

#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, begin_desk, end_desk)

/* ---- asks ---- */

static inline void on_call_done(struct ask *ask)
{
	struct call *call = (struct call *)ask;
	pthread_mutex_lock(&call->lock);
	call->is_done = true;
	pthread_cond_signal(&call->bell);
	pthread_mutex_unlock(&call->lock);
}

/* caller "b2c", question "person", a person with a subject, waiting for nothing. Ended by call_free. */
static inline struct call *call_new(enum ask_type type, const char *id)
{
	struct call *call = calloc(1, sizeof *call);
	pthread_mutex_init(&call->lock, NULL);
	pthread_cond_init(&call->bell, NULL);
	call->ask.type = type;
	call->ask.done = on_call_done;
	call->ask.max_a_day = 2;
	struct request *request = &call->ask.request;
	request->kind = KIND_JUMIO_IDENTITY;
	request->created_ms = clock_unix_ms();
	strcpy(request->id, id);
	strcpy(request->caller, "b2c");
	strcpy(request->question, "person");
	if (type == ASK_NEW || type == ASK_JOURNEY || type == ASK_ADOPT) {
		char *subject = strdup("subject-of-the-test");
		call->ask.person = (struct person){.memory = subject, .memory_len = strlen(subject) + 1};
		call->ask.person.field[REQUEST_FIELD_SUBJECT] = subject;
	}
	return call;
}

static inline void call_free(struct call *call)
{
	ask_fini(&call->ask);
	pthread_mutex_destroy(&call->lock);
	pthread_cond_destroy(&call->bell);
	free(call);
}

/* Whether it comes back within ms. */
static inline bool comes_back(struct call *call, int ms)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	int64_t nanoseconds = until.tv_nsec + (int64_t)ms * 1000000;
	until.tv_sec += nanoseconds / 1000000000;
	until.tv_nsec = nanoseconds % 1000000000;
	int result = 0;
	pthread_mutex_lock(&call->lock);
	while (!call->is_done && result == 0)
		result = pthread_cond_timedwait(&call->bell, &call->lock, &until);
	bool is_done = call->is_done;
	pthread_mutex_unlock(&call->lock);
	return is_done;
}

static inline void submit(struct desk_bench *bench, struct call *call, enum wait_for wait_for, int wait_ms)
{
	call->ask.wait_for = wait_for;
	call->ask.wait_until_ms = wait_ms ? clock_mono_ms() + wait_ms : 0;
	desk_submit(bench->desk, &call->ask);
}

static inline void expect(struct call *call, enum outcome outcome)
{
	assert_true(comes_back(call, AWAIT_MS));
	assert_int_equal(call->ask.outcome, outcome);
	assert_null(call->ask.person.memory); /* the person is wiped, whatever came of it */
}

/* Submits and expects in one go, waiting for nothing. */
static inline void expect_now(struct desk_bench *bench, struct call *call, enum outcome outcome)
{
	submit(bench, call, WAIT_FINAL, 0);
	expect(call, outcome);
}

/* ---- the workers' part ---- */

static inline struct verification journey(const char *id, enum state state)
{
	struct verification verification = {
	        .kind = KIND_JUMIO_IDENTITY, .state = state, .rev = 2, .score = SCORE_NONE, .created_ms = 5};
	strcpy(verification.id, id);
	strcpy(verification.caller, "b2c");
	strcpy(verification.question, "person");
	return verification;
}

static inline struct verification score_of(const char *id)
{
	struct verification score = journey(id, STATE_COMPLETED);
	score.kind = KIND_BIOCATCH_SCORE;
	score.question[0] = '\0';
	score.risk = RISK_LOW;
	score.score = 7;
	return score;
}

/* Writes a state as a worker does: to Redis, and to who listens. */
static inline void store(struct desk_bench *bench, const struct verification *verification, bool is_told)
{
	struct buf value;
	char sealed[] = "sealed-text", link[] = "link-text";
	const struct verification_texts texts = {sealed, link};
	bool is_journey = kind_is_journey(verification->kind);
	buf_init(&value, VERIFICATION_MAX_BYTES);
	assert_int_equal(verification_encode(verification, is_journey ? &texts : NULL, &value), ERR_OK);
	redis_do(bench->redis, "SET verifyd:v:{%s} %b", verification->id, value.data, value.len);
	if (is_told)
		redis_do(bench->redis, "PUBLISH verifyd:wake:%u %b", wake_shard(verification->id), value.data,
		         value.len);
	buf_fini(&value);
}

static inline bool is_stored(struct desk_bench *bench, const char *id, struct verification *ret,
                             struct verification_texts *ret_texts)
{
	char text[VALUE_BYTES];
	redis_text(bench->redis, text, "GET verifyd:v:{%s}", id);
	return *text && verification_decode(text, strlen(text), ret, ret_texts, NULL) == ERR_OK;
}

#endif
