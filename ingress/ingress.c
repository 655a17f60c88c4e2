/* ingress: start, health, drain. Drain: not ready, for a while still at work, then no new connections, waiting callers
 * get what is known, the end. */
#include "ingress/ingress.h"
#include "common/adapters/listen_address.h"
#include "common/adapters/ops_server.h"
#include "common/adapters/otlp_export.h"
#include "common/adapters/service_settings.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/base/log.h"
#include "common/base/process_metrics.h"
#include "ingress/http_server.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	CLOSE_RESERVE_MS = 2000, /* of DRAIN_MS: for the last deliveries and answers */
	LAST_ANSWERS_MS = 500,
};

struct running {
	struct ingress ingress;
	struct decision_log decisions;
	struct otlp_export *traces; /* NULL: none are told */
	struct http_server *http;
	struct ops_server *ops;
	struct process_metrics process;
	atomic_bool draining;
	uv_timer_t
	        notice; /* runs from the signal until whoever sends callers here has seen that this one is not ready */
	int64_t end_ms; /* of the drain, monotonic */
};

static bool is_ready(void *ctx)
{
	struct running *running = ctx;
	struct desk_status status;
	desk_status(running->ingress.desk, &status);
	return status.started && !atomic_load(&running->draining);
}

static bool health(void *ctx, struct buf *out)
{
	struct running *running = ctx;
	static const char *const key_states[] = {
	        [KEY_WATCH_NONE] = "down", [KEY_WATCH_STALE] = "stale", [KEY_WATCH_GOOD] = "up"};
	struct desk_status status;
	struct json_out json;
	desk_status(running->ingress.desk, &status);
	enum key_watch_state keys = auth_keys(running->ingress.auth);
	bool good = status.kafka_up && status.redis_up && keys == KEY_WATCH_GOOD;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_str(&json, "status", good ? "ok" : "degraded");
	json_out_bool(&json, "started", status.started);
	json_out_bool(&json, "draining", atomic_load(&running->draining));
	json_out_str(&json, "kafka", status.kafka_up ? "up" : "down");
	json_out_str(&json, "redis", status.redis_up ? "up" : "down");
	if (auth_has_issuer(running->ingress.auth))
		json_out_str(&json, "oauth_keys", key_states[keys]);
	json_out_int(&json, "in_hand", status.asks);
	json_out_object_end(&json);
	return json_out_end(&json) == ERR_OK && good;
}

static void end_intake(struct running *running)
{
	int64_t left = running->end_ms - CLOSE_RESERVE_MS - clock_mono_ms();
	http_server_quiesce(running->http);
	desk_drain(running->ingress.desk, left > 0 ? left : 0);
}

static void on_notice_over(uv_timer_t *timer)
{
	struct running *running = timer->data;
	end_intake(running);
}

/* The second one comes from somebody who does not want to wait. */
static void on_signal(void *ctx)
{
	struct running *running = ctx;
	struct desk_status status;
	int64_t notice = config_int(running->ingress.config, CONFIG_DRAIN_NOTICE_MS);
	if (atomic_exchange(&running->draining, true)) {
		if (uv_is_active((uv_handle_t *)&running->notice))
			uv_timer_start(&running->notice, on_notice_over, 0, 0);
		return;
	}
	desk_status(running->ingress.desk, &status);
	log_info("draining", LOG_INT("in_hand", status.asks));
	running->end_ms = clock_mono_ms() + config_int(running->ingress.config, CONFIG_DRAIN_MS);
	http_server_tell_end(running->http);
	uv_timer_start(&running->notice, on_notice_over, (uint64_t)notice, 0);
}

static enum err_code open_keys(struct ingress *ingress, struct err *err)
{
	enum err_code code = metrics_new(&ingress->metrics);
	if (code == ERR_OK)
		code = id_key_new(config_str(ingress->config, CONFIG_ID_KEY), &ingress->id_key, err);
	if (code == ERR_OK)
		code = seal_ring_new(config_str(ingress->config, CONFIG_SEAL_KEYS), &ingress->ring, err);
	return code;
}

/* What B2C's pages in a browser may fetch from here, and from which origins. */
static enum err_code open_pages(const struct config *config, FILE *complaints, struct ingress *ingress,
                                int *ret_mistakes)
{
	const char *folder = config_str(config, CONFIG_UI_DIR), *origins = config_str(config, CONFIG_CORS_ORIGINS);
	int wrong = 0, wrong_folder = 0;
	enum err_code code = ERR_OK, listed = ERR_OK;
	if (folder)
		code = ui_files_new(folder, complaints, &ingress->ui, &wrong_folder);
	if (ingress->journeys || (folder && origins))
		listed = cors_new(origins, ingress->journeys ? ingress->journeys->b2c_base_url : NULL, complaints,
		                  &ingress->cors, &wrong);
	*ret_mistakes += wrong + wrong_folder;
	return code != ERR_OK ? code : listed;
}

/* What --check-config complains of, start complains of too. */
static enum err_code open_journeys(const struct config *config, FILE *complaints, struct ingress *ingress,
                                   int *ret_mistakes)
{
	const char *proxies = config_str(config, CONFIG_TRUSTED_PROXIES);
	struct err err;
	int mistakes = 0;
	enum err_code code = journeys_new(config, clock_unix_ms(), complaints, &ingress->journeys, &mistakes);
	enum err_code opened = open_pages(config, complaints, ingress, &mistakes);
	if (code == ERR_OK)
		code = opened;
	enum err_code listed = proxies ? cidr_list_new(proxies, &ingress->proxies, &err) : ERR_OK;
	if (listed != ERR_OK) {
		fprintf(complaints, "VERIFYD_TRUSTED_PROXIES: %s\n", err.msg);
		mistakes++;
	}
	const char *hosts = config_str(config, CONFIG_WEBHOOK_ALLOW);
	enum err_code allowed = hosts ? host_list_new(hosts, &ingress->callbacks, &err) : ERR_OK;
	if (allowed != ERR_OK) {
		fprintf(complaints, "VERIFYD_WEBHOOK_ALLOW: %s\n", err.msg);
		mistakes++;
	}
	*ret_mistakes = mistakes;
	if (code == ERR_OK)
		code = listed;
	return code != ERR_OK ? code : allowed;
}

static void close_journeys(struct ingress *ingress)
{
	host_list_free(ingress->callbacks);
	cidr_list_free(ingress->proxies);
	cors_free(ingress->cors);
	ui_files_free(ingress->ui);
	journeys_free(ingress->journeys);
}

static void show_certificate(const struct ingress *ingress, const char *label, int64_t until_s)
{
	metric_set(metrics_gauge(ingress->metrics, "verifyd_certificate_expires_timestamp_seconds", label,
	                         "when the certificate is over, unix time"),
	           until_s);
}

static void show_certificates(const struct ingress *ingress)
{
	if (ingress->journeys)
		show_certificate(ingress, "certificate=\"signing\"", hints_until_s(ingress->journeys->hints));
	if (ingress->tls)
		show_certificate(ingress, "certificate=\"tls\"", ingress->tls->until_s);
}

static enum err_code open_all(struct running *running, struct err *err)
{
	struct ingress *ingress = &running->ingress;
	int mistakes = 0;
	enum err_code code = open_keys(ingress, err);
	if (code == ERR_OK && tls_files_new(ingress->config, stderr, &ingress->tls) > 0)
		code = err_set(err, ERR_INVALID, "the settings of TLS");
	if (code == ERR_OK && (code = open_journeys(ingress->config, stderr, ingress, &mistakes)) != ERR_OK)
		code = err_set(err, code, "%d mistakes in the settings of journeys", mistakes);
	if (code == ERR_OK) {
		process_metrics_start(&running->process, ingress->metrics, "verifyd-ingress");
		show_certificates(ingress);
	}
	const struct config_rate rate = config_rate(ingress->config, CONFIG_RATE_PER_CREDENTIAL);
	if (code == ERR_OK && rate.count > 0)
		code = rate_new(rate, AUTH_SLOTS, &ingress->rate);
	bool in_loop = http_server_threads(ingress->config) == 0;
	if (code == ERR_OK)
		code = otlp_export_start(ingress->config, "verifyd-ingress", ingress->metrics, &running->traces, err);
	ingress->decisions = &running->decisions;
	ingress->tracer = otlp_export_tracer(running->traces);
	const struct desk_options desk = {ingress->config,    ingress->ring,   ingress->metrics,
	                                  ingress->decisions, ingress->tracer, in_loop};
	if (code == ERR_OK)
		code = desk_new(&desk, &ingress->desk, err);
	const struct ops_server_options ops = {
	        .listen = config_str(ingress->config, CONFIG_OPS_LISTEN),
	        .token = config_str(ingress->config, CONFIG_OPS_TOKEN),
	        .config = ingress->config,
	        .program = "verifyd-ingress",
	        .metrics = ingress->metrics,
	        .is_ready = is_ready,
	        .health = health,
	        .ctx = running,
	};
	if (code == ERR_OK)
		code = ops_server_start(&ops, &running->ops, err);
	if (code == ERR_OK)
		code = auth_start(ingress->auth, ingress->metrics);
	if (code == ERR_OK)
		code = http_server_start(ingress, &running->http, err);
	if (code == ERR_OK && in_loop)
		code = http_server_join_loop(running->http, desk_loop(ingress->desk), err);
	return code;
}

/* The desk hands everything back first: the listener may stop only when nothing is held. */
static void close_all(struct running *running)
{
	struct ingress *ingress = &running->ingress;
	uv_close((uv_handle_t *)&running->notice, NULL);
	http_server_leave_loop(running->http);
	desk_close(ingress->desk);
	http_server_finish(running->http, LAST_ANSWERS_MS);
	http_server_stop(running->http);
	desk_free(ingress->desk);
	otlp_export_stop(running->traces, OTLP_FLUSH_MS);
	ops_server_stop(running->ops);
	close_journeys(ingress);
	rate_free(ingress->rate);
	tls_files_free(ingress->tls);
	auth_free(ingress->auth);
	id_key_free(ingress->id_key);
	seal_ring_free(ingress->ring);
	metrics_free(ingress->metrics);
	free(running);
}

int ingress_run(const struct config *config, bool open)
{
	struct err err = {ERR_OK, ""};
	struct running *running = calloc(1, sizeof *running);
	if (!running || auth_new(config, open, stderr, &running->ingress.auth) != 0) {
		free(running);
		return 1;
	}
	running->ingress.config = config;
	running->ingress.sync_budget_ms = config_int(config, CONFIG_SYNC_BUDGET_MS);
	running->ingress.request_deadline_ms = config_int(config, CONFIG_REQUEST_DEADLINE_MS);
	running->ingress.max_body_bytes = (size_t)config_int(config, CONFIG_MAX_BODY_BYTES);
	enum err_code code = open_all(running, &err);
	if (code != ERR_OK) {
		log_error("cannot_start", LOG_STR("error", err_text(code)), LOG_STR("why", err.msg));
		_exit(1); /* half opened as it is: the operating system takes it back */
	}
	uv_timer_init(desk_loop(running->ingress.desk), &running->notice);
	running->notice.data = running;
	desk_run(running->ingress.desk, on_signal, running);
	close_all(running);
	log_info("stopped", LOG_STR("status", "drained"));
	return 0;
}

/* ---- checks ---- */

static int check_listen(const struct config *config, bool open, FILE *complaints)
{
	struct listen_address address;
	struct err err;
	const char *listen = config_str(config, CONFIG_HTTP_LISTEN);
	if (!listen)
		return 0;
	if (listen_address_parse(listen, &address, &err) != ERR_OK) {
		fprintf(complaints, "VERIFYD_HTTP_LISTEN: %s\n", err.msg);
		return 1;
	}
	if (!open || listen_address_is_loopback(&address))
		return 0;
	fputs("--insecure-no-auth: allowed only with VERIFYD_HTTP_LISTEN on a loopback address\n", complaints);
	return 1;
}

static int check_drain(const struct config *config, FILE *complaints)
{
	if (config_int(config, CONFIG_DRAIN_NOTICE_MS) <= config_int(config, CONFIG_DRAIN_MS))
		return 0;
	fputs("VERIFYD_DRAIN_NOTICE_MS: longer than VERIFYD_DRAIN_MS, of which it is a part\n", complaints);
	return 1;
}

static int check_keys(const struct config *config, FILE *complaints)
{
	struct err err;
	struct id_key *key = NULL;
	const char *id_key = config_str(config, CONFIG_ID_KEY);
	int mistakes = 0;
	if (id_key && id_key_new(id_key, &key, &err) != ERR_OK && ++mistakes)
		fprintf(complaints, "VERIFYD_ID_KEY: %s\n", err.msg);
	id_key_free(key);
	return mistakes + service_settings_check(config, complaints);
}

static int check_journeys(const struct config *config, FILE *complaints)
{
	struct ingress ingress = {.config = config};
	int mistakes = 0;
	enum err_code code = open_journeys(config, complaints, &ingress, &mistakes);
	if (code != ERR_OK && code != ERR_INVALID && ++mistakes)
		fprintf(complaints, "VERIFYD_PUBLIC_URL: journeys: %s\n", err_text(code));
	close_journeys(&ingress);
	return mistakes;
}

int ingress_check(const struct config *config, bool open, FILE *complaints)
{
	struct auth *auth = NULL;
	struct tls_files *tls = NULL;
	int mistakes = auth_new(config, open, complaints, &auth) + tls_files_new(config, complaints, &tls) +
	               otlp_export_check(config, complaints);
	tls_files_free(tls);
	auth_free(auth);
	return mistakes + check_listen(config, open, complaints) + check_drain(config, complaints) +
	       check_keys(config, complaints) + check_journeys(config, complaints);
}
