/* worker: start, watch, drain. The order of the drain is what keeps records from getting lost: intake stops, jobs end
 * or are handed back, offsets are committed, deliveries are waited for, and only then are the ports closed. */
#include "workers/worker.h"
#include "common/adapters/loop_lag.h"
#include "common/adapters/ops_server.h"
#include "common/adapters/otlp_export.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "workers/engine.h"
#include "workers/lag_watch.h"
#include "workers/rebuild.h"
#include "workers/status_report.h"
#include "workers/webhook.h"
#include "workers/worker_figures.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TICK_MS = 50,
	WATCH_MS = 250,
	WAITING_LOG_MS = 5000,
	MESSAGE_TIMEOUT_MS = 30000, /* a result that is not acked by then is sent again */
	MAX_QUEUED_MESSAGES = 100000,
	CLOSE_RESERVE_MS = 3000, /* of DRAIN_MS: for commits, leaving the groups, last deliveries */
	FLUSH_MS = 1000,
	MAX_ENGINES = OPERATION_COUNT,
};

/* What the ops listener's thread may read. */
struct shown {
	atomic_bool started, draining, kafka_up, redis_up;
	atomic_llong in_flight, lag;
};

struct worker {
	const struct config *config;
	uv_loop_t loop;
	struct ports ports;
	struct kafka_client *kafka;
	struct redis_url redis_url;
	struct seal_ring *ring;
	struct metrics *metrics;
	struct decision_log decisions;
	struct otlp_export *traces; /* NULL: none are told */
	struct engine *engines[MAX_ENGINES];
	size_t engine_count;
	struct delay *delay;
	struct webhook *webhook;
	struct projector *projector;
	struct rebuild *rebuild;
	struct ops_server *ops;
	uv_signal_t on_term, on_int;
	uv_timer_t tick;
	struct loop_lag loop_lag;
	struct lag_watch *lag_watch;
	struct status_report report;
	bool failed; /* a consumer gave up for good: the process ends, so that a new one begins */
	int64_t drain_until_ms, watched_ms, waiting_logged_ms;
	struct shown shown;
	struct worker_figures figures;
};

/* ---- vendors ---- */

static int add_vendor(const char *name, size_t len, const struct config *config, FILE *complaints,
                      struct worker_vendors *vendors)
{
	const struct vendor *vendor = vendor_by_name(name, len);
	if (!vendor || vendors->count == WORKER_MAX_VENDORS) {
		fprintf(complaints, "--vendor: no vendor '%.*s'; there is:", (int)len, name);
		for (const struct vendor *const *each = vendors_all; *each; each++)
			fprintf(complaints, " %s", (*each)->name);
		fputc('\n', complaints);
		return 1;
	}
	void *self = NULL;
	if (vendor->configure(config, complaints, &self) != ERR_OK)
		return 1;
	vendors->list[vendors->count].vendor = vendor;
	vendors->list[vendors->count++].self = self;
	return 0;
}

int worker_vendors_init(const char *names, const struct config *config, FILE *complaints,
                        struct worker_vendors *ret_vendors)
{
	int mistakes = 0;
	*ret_vendors = (struct worker_vendors){.count = 0};
	while (*names) {
		size_t len = strcspn(names, ",");
		mistakes += add_vendor(names, len, config, complaints, ret_vendors);
		names += len + (names[len] == ',');
	}
	if (mistakes == 0 && ret_vendors->count == 0) {
		fputs("--vendor: name at least one vendor\n", complaints);
		mistakes++;
	}
	return mistakes;
}

void worker_vendors_fini(struct worker_vendors *vendors)
{
	for (size_t i = 0; i < vendors->count; i++)
		vendors->list[i].vendor->free(vendors->list[i].self);
	vendors->count = 0;
}

/* ---- what the ops listener shows ---- */

static bool is_ready(void *ctx)
{
	const struct worker *worker = ctx;
	return atomic_load(&worker->shown.started) && !atomic_load(&worker->shown.draining);
}

static bool health(void *ctx, struct buf *out)
{
	const struct shown *shown = &((const struct worker *)ctx)->shown;
	bool kafka = atomic_load(&shown->kafka_up), redis = atomic_load(&shown->redis_up);
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_str(&json, "status", kafka && redis ? "ok" : "degraded");
	json_out_bool(&json, "started", atomic_load(&shown->started));
	json_out_bool(&json, "draining", atomic_load(&shown->draining));
	json_out_str(&json, "kafka", kafka ? "up" : "down");
	json_out_str(&json, "redis", redis ? "up" : "down");
	json_out_int(&json, "in_flight", atomic_load(&shown->in_flight));
	json_out_int(&json, "lag", atomic_load(&shown->lag));
	json_out_object_end(&json);
	return json_out_end(&json) == ERR_OK && kafka && redis;
}

static size_t in_flight(const struct worker *worker)
{
	size_t sum = delay_in_flight(worker->delay) + projector_in_flight(worker->projector);
	for (size_t i = 0; i < worker->engine_count; i++)
		sum += engine_in_flight(worker->engines[i]);
	return sum;
}

static bool all_joined(const struct worker *worker)
{
	size_t joined = 0;
	while (joined < worker->engine_count && engine_has_joined(worker->engines[joined]))
		joined++;
	return joined == worker->engine_count;
}

static void log_waiting(struct worker *worker, int64_t now)
{
	if (now - worker->waiting_logged_ms < WAITING_LOG_MS)
		return;
	worker->waiting_logged_ms = now;
	log_warn("waiting", LOG_STR("for_kafka", !all_joined(worker) ? "yes: brokers and topics" : "no"),
	         LOG_STR("for_redis", !redis_store_is_up(worker->ports.store) ? "yes"
	                              : rebuild_is_whole(worker->rebuild)     ? "no"
	                                                                      : "yes: it is being filled again"));
}

static void watch(struct worker *worker, int64_t now)
{
	bool kafka_up = kafka_producer_is_up(worker->ports.producer), redis_up = redis_store_is_up(worker->ports.store);
	long long lag = 0;
	for (size_t i = 0; i < worker->engine_count; i++) {
		kafka_up = kafka_up && engine_is_up(worker->engines[i]);
		lag += engine_lag(worker->engines[i]);
	}
	atomic_store(&worker->shown.kafka_up, kafka_up);
	atomic_store(&worker->shown.redis_up, redis_up);
	atomic_store(&worker->shown.in_flight, (long long)in_flight(worker));
	atomic_store(&worker->shown.lag, lag);
	const struct worker_sight sight = {
	        .kafka_up = kafka_up,
	        .redis_up = redis_up,
	        .delay_lag = delay_lag(worker->delay),
	        .projector_lag = projector_lag(worker->projector),
	        .engines = worker->engines,
	        .engine_count = worker->engine_count,
	};
	worker_figures_show(&worker->figures, &sight);
	if (atomic_load(&worker->shown.started))
		return;
	if (all_joined(worker) && redis_up && rebuild_is_whole(worker->rebuild)) {
		atomic_store(&worker->shown.started, true);
		log_info("started", LOG_INT("engines", worker->engine_count));
	} else {
		log_waiting(worker, now);
	}
}

/* ---- drain ---- */

static void begin_drain(struct worker *worker, const char *why)
{
	if (atomic_exchange(&worker->shown.draining, true))
		return;
	int64_t drain_ms = config_int(worker->config, CONFIG_DRAIN_MS) - CLOSE_RESERVE_MS;
	worker->drain_until_ms = clock_mono_ms() + (drain_ms > 0 ? drain_ms : 0);
	log_info("draining", LOG_STR("why", why), LOG_INT("in_flight", in_flight(worker)));
	lag_watch_stop(worker->lag_watch);
	status_report_drain(&worker->report);
	for (size_t i = 0; i < worker->engine_count; i++)
		engine_stop(worker->engines[i]);
	delay_stop(worker->delay);
	projector_stop(worker->projector);
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
	begin_drain(handle->data, signal_number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static void end_if_failed(struct worker *worker)
{
	bool failed = delay_has_failed(worker->delay) || projector_has_failed(worker->projector);
	for (size_t i = 0; i < worker->engine_count; i++)
		failed = failed || engine_has_failed(worker->engines[i]);
	if (!failed || worker->failed)
		return;
	worker->failed = true;
	begin_drain(worker, "a Kafka consumer failed for good");
}

static void on_tick(uv_timer_t *timer)
{
	struct worker *worker = timer->data;
	int64_t now = clock_mono_ms();
	if (now - worker->watched_ms >= WATCH_MS) {
		worker->watched_ms = now;
		watch(worker, now);
		end_if_failed(worker);
	}
	if (atomic_load(&worker->shown.draining) && (in_flight(worker) == 0 || now >= worker->drain_until_ms))
		uv_stop(&worker->loop);
}

/* Lets the loop turn until Redis has been sent what is queued for it. */
static void flush_loop(struct worker *worker)
{
	for (int i = 0; i < 10; i++) {
		uv_run(&worker->loop, UV_RUN_NOWAIT);
		uv_sleep(5);
	}
}

static void drain(struct worker *worker)
{
	size_t left = in_flight(worker);
	uv_timer_stop(&worker->tick); /* nothing is left to watch: the parts go one by one from here */
	lag_watch_await(worker->lag_watch);
	lag_watch_close(worker->lag_watch);
	for (size_t i = 0; i < worker->engine_count; i++)
		engine_abandon(worker->engines[i]);
	delay_abandon(worker->delay);
	webhook_abandon(worker->webhook);
	kafka_producer_close(worker->ports.producer, FLUSH_MS);
	status_report_close(&worker->report);
	flush_loop(worker);
	rebuild_close(worker->rebuild);
	redis_store_close(worker->ports.store);
	projector_close(worker->projector);
	http_curl_close(worker->ports.http);
	webhook_close(worker->webhook);
	uv_close((uv_handle_t *)&worker->on_term, NULL);
	uv_close((uv_handle_t *)&worker->on_int, NULL);
	process_ignore_stops();
	uv_close((uv_handle_t *)&worker->tick, NULL);
	loop_lag_close(&worker->loop_lag);
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < worker->engine_count; i++)
		engine_free(worker->engines[i]);
	delay_free(worker->delay);
	webhook_free(worker->webhook);
	rebuild_free(worker->rebuild);
	lag_watch_free(worker->lag_watch);
	log_info("stopped", LOG_INT("handed_back", left));
}

/* ---- start ---- */

static void on_store_change(void *ctx, bool up)
{
	struct worker *worker = ctx;
	if (up)
		status_report_now(&worker->report); /* begun before the loop runs */
}

static enum err_code open_ports(struct worker *worker, struct err *err)
{
	struct ports *ports = &worker->ports;
	const struct config *config = worker->config;
	const struct kafka_producer_options producer = {MESSAGE_TIMEOUT_MS, MAX_QUEUED_MESSAGES};
	int connections = (int)config_int(config, CONFIG_MAX_IN_FLIGHT) + OPERATION_COUNT; /* each has one at least */
	int64_t host_connections = config_int(config, CONFIG_VENDOR_MAX_CONNECTIONS);      /* -1: not set */
	const struct http_curl_options http =
	        http_curl_settings(config, connections, host_connections < 0 ? connections : (int)host_connections);
	enum err_code code;
	if ((code = metrics_new(&worker->metrics)) != ERR_OK ||
	    (code = otlp_export_start(config, "verifyd-worker", worker->metrics, &worker->traces, err)) != ERR_OK ||
	    (code = seal_ring_new(config_str(config, CONFIG_SEAL_KEYS), &worker->ring, err)) != ERR_OK ||
	    (code = redis_url_parse(config_str(config, CONFIG_REDIS_URL), &worker->redis_url, err)) != ERR_OK ||
	    (code = kafka_client_new(config, "verifyd-worker", &worker->kafka, err)) != ERR_OK)
		return code;
	*ports = (struct ports){.loop = &worker->loop,
	                        .config = config,
	                        .kafka = worker->kafka,
	                        .ring = worker->ring,
	                        .metrics = worker->metrics,
	                        .decisions = &worker->decisions,
	                        .tracer = otlp_export_tracer(worker->traces)};
	if ((code = kafka_producer_new(worker->kafka, &producer, &worker->loop, &ports->producer, err)) != ERR_OK ||
	    (code = redis_store_new(&worker->loop, &worker->redis_url, config_int(config, CONFIG_RESULT_RETENTION),
	                            on_store_change, worker, &ports->store, err)) != ERR_OK ||
	    (code = http_curl_new(&worker->loop, &http, &ports->http, err)) != ERR_OK)
		return code;
	worker_figures_start(&worker->figures, worker->metrics);
	return ERR_OK;
}

/* Whose operation it is, among the vendors of this worker. Returns: NULL: none of them. */
static const struct worker_vendor *vendor_of(const struct worker_vendors *vendors, enum operation operation)
{
	const char *name = kind_info(operation_info(operation)->kind)->vendor;
	for (size_t i = 0; i < vendors->count; i++)
		if (strcmp(name, vendors->list[i].vendor->name) == 0)
			return &vendors->list[i];
	return NULL;
}

static size_t count_operations(const struct worker_vendors *vendors)
{
	size_t count = 0;
	for (unsigned operation = 0; operation < OPERATION_COUNT; operation++)
		count += vendor_of(vendors, (enum operation)operation) != NULL;
	return count;
}

/* Each operation has an equal part of the budget for itself: a queue of initiates never holds up who has finished. */
static size_t share_of_budget(const struct worker *worker, const struct worker_vendors *vendors)
{
	size_t share = (size_t)config_int(worker->config, CONFIG_MAX_IN_FLIGHT) / count_operations(vendors);
	return share > 0 ? share : 1;
}

static enum err_code open_engine(struct worker *worker, enum operation operation, const struct worker_vendor *vendor,
                                 size_t max_in_flight, struct err *err)
{
	const struct engine_options options = {
	        .operation = operation,
	        .vendor = vendor->vendor,
	        .vendor_self = vendor->self,
	        .max_in_flight = max_in_flight,
	        .max_attempts = (int)config_int(worker->config, CONFIG_RETRY_MAX_ATTEMPTS),
	        .probe_ms = config_int(worker->config, CONFIG_BREAKER_PROBE_MS),
	        .breaker_failures = config_int(worker->config, CONFIG_BREAKER_FAILURES),
	        .instance_id = config_str(worker->config, CONFIG_INSTANCE_ID),
	        .projector = worker->projector,
	};
	enum err_code code = engine_new(&worker->ports, &options, &worker->engines[worker->engine_count], err);
	worker->engine_count += code == ERR_OK;
	return code;
}

static enum err_code open_engines(struct worker *worker, const struct worker_vendors *vendors, struct err *err)
{
	const char *instance = config_str(worker->config, CONFIG_INSTANCE_ID);
	size_t share = share_of_budget(worker, vendors);
	enum err_code code = projector_new(&worker->ports, instance, &worker->projector, err);
	if (code == ERR_OK)
		code = webhook_new(&worker->ports, &worker->webhook, err);
	const struct delay_taker taker = webhook_taker(worker->webhook);
	if (code == ERR_OK)
		code = delay_new(&worker->ports, instance, &taker, &worker->delay, err);
	if (code == ERR_OK)
		code = rebuild_new(&worker->ports, &worker->rebuild, err);
	for (unsigned operation = 0; operation < OPERATION_COUNT && code == ERR_OK; operation++) {
		const struct worker_vendor *vendor = vendor_of(vendors, (enum operation)operation);
		if (vendor)
			code = open_engine(worker, (enum operation)operation, vendor, share, err);
	}
	if (code == ERR_OK)
		code = lag_watch_new(&worker->ports, worker->engines, worker->engine_count, &worker->lag_watch, err);
	if (code == ERR_OK)
		code = status_report_start(&worker->report, &worker->ports, instance, worker->engines,
		                           worker->engine_count, &worker->loop_lag);
	return code;
}

static enum err_code open_ops(struct worker *worker, struct err *err)
{
	const struct ops_server_options options = {
	        .listen = config_str(worker->config, CONFIG_OPS_LISTEN),
	        .token = config_str(worker->config, CONFIG_OPS_TOKEN),
	        .config = worker->config,
	        .program = "verifyd-worker",
	        .metrics = worker->metrics,
	        .is_ready = is_ready,
	        .health = health,
	        .ctx = worker,
	};
	return ops_server_start(&options, &worker->ops, err);
}

static void watch_signals(struct worker *worker)
{
	uv_signal_init(&worker->loop, &worker->on_term);
	uv_signal_init(&worker->loop, &worker->on_int);
	worker->on_term.data = worker->on_int.data = worker;
	uv_signal_start(&worker->on_term, on_signal, SIGTERM);
	uv_signal_start(&worker->on_int, on_signal, SIGINT);
}

static void start_watching(struct worker *worker)
{
	worker->waiting_logged_ms = clock_mono_ms();
	uv_timer_init(&worker->loop, &worker->tick);
	worker->tick.data = worker;
	uv_timer_start(&worker->tick, on_tick, TICK_MS, TICK_MS);
	loop_lag_start(&worker->loop_lag, &worker->loop, worker->metrics);
}

static void close_all(struct worker *worker)
{
	drain(worker);
	otlp_export_stop(worker->traces, OTLP_FLUSH_MS);
	ops_server_stop(worker->ops);
	uv_loop_close(&worker->loop);
	kafka_client_free(worker->kafka);
	seal_ring_free(worker->ring);
	metrics_free(worker->metrics);
	redis_url_fini(&worker->redis_url);
	free(worker);
}

int worker_run(const struct config *config, const struct worker_vendors *vendors)
{
	struct err err = {ERR_OK, ""};
	struct worker *worker = calloc(1, sizeof *worker);
	if (!worker || uv_loop_init(&worker->loop) != 0) {
		free(worker);
		return 1;
	}
	worker->config = config;
	watch_signals(worker); /* before anybody can know that it is there: a signal is then never missed */
	enum err_code code = open_ports(worker, &err);
	if (code == ERR_OK) {
		start_watching(worker);
		code = open_ops(worker, &err);
	}
	if (code == ERR_OK)
		code = open_engines(worker, vendors, &err);
	if (code != ERR_OK) {
		log_error("cannot_start", LOG_STR("error", err_text(code)), LOG_STR("why", err.msg));
		_exit(1); /* half opened as it is: the operating system takes it back */
	}
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	if (worker->failed) {
		/* librdkafka 2.0.2 may wait without end for a fenced member that it is to destroy. What was in flight
		 * has ended or will come again elsewhere, so nothing is lost by going at once. */
		log_error("stopped", LOG_STR("why", "a Kafka consumer failed for good"));
		_exit(1);
	}
	close_all(worker);
	return 0;
}
