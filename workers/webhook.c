/* webhook: one notice's way: its time, what stands, the call, and what becomes of it. */
#include "common/base/clock.h"
#include "common/base/decimal.h"
#include "common/base/host_list.h"
#include "common/base/log.h"
#include "workers/headers.h"
#include "workers/webhook_internal.h"
#include "workers/webhook_message.h"
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUSY_WAIT_MS = 30000, /* for whom there is no room now */
	LOG_INTERVAL_MS = 1000,
	STATUS_GONE = 410, /* the caller does not want to hear of it any more */
	KEY_BYTES = ID_BYTES + sizeof "!webhook",
};

/* How long to wait after each failed try: 16 hours in all, up to a tenth more each. */
static const int64_t waits_ms[WEBHOOK_TRIES - 1] = {5000,    30000,   120000,   600000,  1800000,
                                                    3600000, 7200000, 14400000, 28800000};

/* ---- the end of a notice ---- */

static void free_notice(struct notice *notice)
{
	notice_leave_caller(notice);
	list_remove(&notice->node);
	if (notice->built)
		http_request_fini(&notice->http);
	request_fini(&notice->request);
	buf_fini(&notice->value);
	free(notice);
}

static void pump(struct webhook *webhook);

/* is_done: its record is not needed any more; else it comes again. */
static void finish(struct notice *notice, bool is_done)
{
	struct webhook *webhook = notice->webhook;
	struct delay_end *end = notice->end;
	if (is_done)
		metric_add(webhook->ended[notice->outcome], 1);
	free_notice(notice);
	end->ended(end, is_done);
	pump(webhook);
}

static void drop(struct notice *notice)
{
	notice->outcome = END_DROPPED;
	finish(notice, true);
}

/* ---- on through Kafka ---- */

static void on_delivered(struct kafka_delivery *delivery, enum err_code result, int32_t partition, int64_t offset)
{
	struct notice *notice = (struct notice *)(void *)((char *)delivery - offsetof(struct notice, delivery));
	(void)partition;
	(void)offset;
	notice_trace_acked(notice, result == ERR_OK);
	finish(notice, result == ERR_OK);
}

/* Returns: whether it is on its way; then on_delivered follows. */
static bool send_on(struct notice *notice, const char *topic, const char *key, struct headers *headers,
                    enum notice_end outcome)
{
	const struct kafka_message message = {
	        .topic = topic,
	        .key = key,
	        .value = notice->value.data,
	        .value_len = notice->value.len,
	        .headers = headers->list,
	        .header_count = headers->count,
	        .delivery = &notice->delivery,
	};
	notice_leave_caller(notice); /* the next one need not wait for Kafka */
	notice->outcome = outcome;
	return kafka_producer_send(notice->webhook->ports.producer, &message, NULL) == ERR_OK;
}

static void add_common(const struct notice *notice, struct headers *headers)
{
	headers_number(headers, HEADER_SCHEMA, REQUEST_SCHEMA);
	headers_text(headers, HEADER_OP, WEBHOOK_TARGET);
	headers_text(headers, HEADER_TRACEPARENT, notice->request.traceparent);
}

static bool send_hop(struct notice *notice, int64_t wait_ms)
{
	const struct request *request = &notice->request;
	const char *topic = delay_tier_for(wait_ms)->topic;
	struct headers headers = {.count = 0};
	notice_trace_send(notice, topic);
	add_common(notice, &headers);
	headers_number(&headers, HEADER_ATTEMPT, request->attempts);
	if (request->first_failure_ms)
		headers_number(&headers, HEADER_FIRST_FAILURE, request->first_failure_ms);
	headers_number(&headers, HEADER_NOT_BEFORE, clock_unix_ms() + wait_ms);
	headers_text(&headers, HEADER_TARGET, WEBHOOK_TARGET);
	return send_on(notice, topic, request->id, &headers, END_RETRIED);
}

/* Under a key of its own: a replay of the verification must not take it for its request. */
static bool send_dead_letter(struct notice *notice, enum reason reason)
{
	const struct request *request = &notice->request;
	struct headers headers = {.count = 0};
	char key[KEY_BYTES];
	const struct failure_note note = {
	        .class = WEBHOOK_TARGET,
	        .reason = reason,
	        .message = "the caller's callback_url did not take what it was to be told",
	        .attempts = request->attempts,
	        .replays = request->replays,
	        .first_ms = request->first_failure_ms,
	};
	snprintf(key, sizeof key, "%s!webhook", request->id);
	notice_trace_send(notice, "dead");
	add_common(notice, &headers);
	headers_failure(&headers, &note);
	return send_on(notice, "dead", key, &headers, END_DEAD);
}

static void log_failure(struct notice *notice, enum reason reason, const char *detail, bool is_last)
{
	int64_t dropped = 0;
	if (!is_last && !log_limit_pass(&notice->webhook->failure_limit, clock_mono_ms(), LOG_INTERVAL_MS, &dropped))
		return;
	log_warn("webhook_failed", LOG_STR("id", notice->request.id), LOG_STR("caller", notice->request.caller),
	         LOG_STR("reason", reason_name(reason)), LOG_STR("detail", detail),
	         LOG_INT("attempts", notice->request.attempts), LOG_STR("next", is_last ? "dead" : "again"),
	         LOG_INT("others_not_logged", dropped));
}

/* One more try has failed. Returns: whether what follows is on its way. */
static bool fail(struct notice *notice, enum reason reason, const char *detail, int64_t retry_after_ms, bool is_last)
{
	struct request *request = &notice->request;
	if (!request->first_failure_ms)
		request->first_failure_ms = clock_unix_ms();
	request->attempts++;
	is_last = is_last || request->attempts >= WEBHOOK_TRIES;
	log_failure(notice, reason, detail, is_last);
	if (is_last)
		return send_dead_letter(notice, reason);
	int64_t wait = waits_ms[request->attempts - 1];
	if (wait < retry_after_ms)
		wait = retry_after_ms < RETRY_AFTER_MAX_MS ? retry_after_ms : RETRY_AFTER_MAX_MS;
	return send_hop(notice, wait + wait / 10 * (jitter_bits() % 1024) / 1024);
}

static void fail_or_finish(struct notice *notice, enum reason reason, const char *detail, int64_t retry_after_ms,
                           bool is_last)
{
	if (!fail(notice, reason, detail, retry_after_ms, is_last))
		finish(notice, false);
}

/* ---- the call ---- */

static void on_answer(void *ctx, const struct http_result *result)
{
	struct notice *notice = ctx;
	int status = result->ok ? result->response.status : 0;
	notice->call = NULL;
	if (status >= 200 && status < 300) {
		notice_trace_answered(notice, status, REASON_NONE);
		notice->outcome = END_DELIVERED;
		finish(notice, true);
	} else {
		enum failure failure = result->ok ? failure_of_status(status) : result->failure;
		notice_trace_answered(notice, status, failure_reason(failure));
		fail_or_finish(notice, failure_reason(failure),
		               result->ok ? "its status is no success" : result->detail,
		               result->ok ? result->response.retry_after_ms : 0, status == STATUS_GONE);
	}
}

static void call(struct notice *notice, const struct verification *stands, const char *url)
{
	struct webhook *webhook = notice->webhook;
	enum host_verdict verdict = host_list_judge(webhook->hosts, url);
	if (verdict == HOST_REFUSED) {
		fail_or_finish(notice, REASON_REFUSED, "its host is not in VERIFYD_WEBHOOK_ALLOW", 0, true);
		return;
	}
	http_request_init(&notice->http);
	notice->built = true;
	notice->http.timeout_ms = WEBHOOK_TIMEOUT_MS;
	notice->http.is_foreign = verdict == HOST_FOREIGN;
	enum err_code code = webhook_message_build(webhook->keys, stands, url, clock_unix_ms(), &notice->http);
	if (code == ERR_OK)
		notice_trace_call(notice);
	if (code == ERR_OK)
		code = http_curl_start(webhook->http, &notice->http, on_answer, notice, &notice->call, NULL);
	if (code == ERR_NOT_FOUND)
		fail_or_finish(notice, REASON_CREDENTIALS, "VERIFYD_WEBHOOK_KEY has no key for this caller", 0, false);
	else if (code != ERR_OK)
		fail_or_finish(notice, REASON_REFUSED, err_text(code), 0, code == ERR_INVALID);
}

/* ---- what stands ---- */

static void tell(struct notice *notice, const struct verification *stands)
{
	struct webhook *webhook = notice->webhook;
	const struct request *request = &notice->request;
	struct person person = {.memory = NULL};
	if (request_open(request, webhook->ports.ring, &person, NULL) != ERR_OK)
		fail_or_finish(notice, REASON_UNREADABLE_SEAL, "its sealed part", 0, false);
	else if (!person.field[REQUEST_FIELD_CALLBACK_URL])
		drop(notice);
	else
		call(notice, stands, person.field[REQUEST_FIELD_CALLBACK_URL]);
	person_fini(&person);
}

static void on_state(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct notice *notice = ctx;
	struct verification stands;
	if (notice->webhook->leaving) {
		finish(notice, false);
		return;
	}
	bool is_known = code == ERR_OK && value && verification_decode(value, len, &stands, NULL, NULL) == ERR_OK;
	if (!is_known || verification_compare(&stands, &notice->told) < 0)
		fail_or_finish(notice, REASON_STILL_PENDING, "what it tells of does not stand yet", 0, false);
	else if (stands.state == STATE_COMPLETED || stands.state == STATE_DEAD)
		tell(notice, &stands);
	else
		drop(notice); /* erased, or on its way again: its next end is told */
}

/* ---- intake ---- */

static enum err_code read_headers(const struct kafka_record *record, struct notice *notice)
{
	const char *name, *value;
	size_t len;
	enum err_code code = ERR_OK;
	for (size_t i = 0; code == ERR_OK && kafka_record_header_at(record, i, &name, &value, &len); i++)
		code = request_set_header(&notice->request, name, value, len, NULL);
	value = kafka_record_header(record, HEADER_NOT_BEFORE, &len);
	if (code == ERR_OK && value)
		code = decimal_parse(value, len, INT64_MAX, &notice->not_before_ms);
	return code;
}

static enum err_code read_record(const struct kafka_record *record, struct notice *notice)
{
	enum err_code code = request_decode(record->value, record->value_len, &notice->request, NULL);
	if (code == ERR_OK)
		code = retrieval_decode_state(record->value, record->value_len, &notice->told, NULL);
	if (code == ERR_OK && strcmp(notice->told.id, notice->request.id) != 0)
		code = ERR_INVALID;
	if (code == ERR_OK)
		code = read_headers(record, notice);
	if (code == ERR_OK)
		code = buf_append(&notice->value, record->value, record->value_len);
	return code;
}

/* It has room. Returns: whether something is on its way. */
static bool start(struct notice *notice)
{
	struct redis_store *store = notice->webhook->ports.store;
	notice_take_room(notice);
	return redis_store_get(store, notice->request.id, on_state, notice) == ERR_OK ||
	       fail(notice, REASON_STILL_PENDING, "Redis is away", 0, false);
}

/* Those that wait go on as far as there is room, one of each caller in turn. */
static void pump(struct webhook *webhook)
{
	if (webhook->pumping || webhook->leaving)
		return;
	webhook->pumping = true;
	for (bool more = true; more;) {
		more = false;
		for (struct list *node = webhook->callers.next, *next; node != &webhook->callers; node = next) {
			struct caller *caller = LIST_ENTRY(node, struct caller, node);
			next = node->next;
			if (caller->waiting == 0 || !webhook_has_room(webhook, caller))
				continue;
			struct notice *notice = LIST_ENTRY(caller->queue.next, struct notice, queued);
			notice_stop_waiting(notice);
			list_remove(&caller->node); /* the others first, next time */
			list_insert(&webhook->callers, &caller->node);
			if (!start(notice))
				finish(notice, false);
			more = true;
			break; /* the list may have changed */
		}
	}
	webhook->pumping = false;
}

/* Never ends a notice by itself: whoever hands it over is in the middle of doing so. */
static bool begin(struct notice *notice)
{
	struct webhook *webhook = notice->webhook;
	int64_t left = notice->not_before_ms - clock_unix_ms();
	if (left > RETRY_HOP_MARGIN_MS)
		return send_hop(notice, left);
	notice->caller = webhook_caller(webhook, notice->request.caller);
	if (!notice->caller)
		return false;
	if (notice->caller->waiting == 0 && webhook_has_room(webhook, notice->caller))
		return start(notice);
	if (notice->caller->waiting >= WEBHOOK_MAX_WAITING)
		return send_hop(notice, BUSY_WAIT_MS);
	notice_wait_for_room(notice);
	return true;
}

static enum delay_taken take(void *ctx, const struct kafka_record *record, struct delay_end *end)
{
	struct webhook *webhook = ctx;
	struct notice *notice = calloc(1, sizeof *notice);
	if (!notice)
		return DELAY_LATER;
	notice->webhook = webhook;
	notice->end = end;
	notice->delivery.delivered = on_delivered;
	buf_init(&notice->value, REQUEST_MAX_BYTES);
	list_insert(&webhook->notices, &notice->node);
	enum err_code code = read_record(record, notice);
	if (code == ERR_OK && begin(notice))
		return DELAY_TAKEN;
	free_notice(notice);
	return code == ERR_OK || code == ERR_NO_MEMORY ? DELAY_LATER : DELAY_POISON;
}

/* What merely waits is given back. */
static void revoked(void *ctx)
{
	struct webhook *webhook = ctx;
	bool pumping = webhook->pumping;
	webhook->pumping = true; /* nobody goes on meanwhile */
	for (struct list *node = webhook->notices.next, *next; node != &webhook->notices; node = next) {
		struct notice *notice = LIST_ENTRY(node, struct notice, node);
		next = node->next;
		if (notice->waiting)
			finish(notice, false);
	}
	webhook->pumping = pumping;
}

struct delay_taker webhook_taker(struct webhook *webhook)
{
	return (struct delay_taker){.target = WEBHOOK_TARGET, .take = take, .revoked = revoked, .ctx = webhook};
}

/* ---- life ---- */

static enum err_code read_settings(const struct config *config, FILE *complaints, struct webhook *webhook)
{
	const char *hosts = config_str(config, CONFIG_WEBHOOK_ALLOW), *keys = config_str(config, CONFIG_WEBHOOK_KEY);
	struct err err = {ERR_OK, ""};
	enum err_code listed = hosts ? host_list_new(hosts, &webhook->hosts, &err) : ERR_OK;
	if (listed != ERR_OK)
		fprintf(complaints, "VERIFYD_WEBHOOK_ALLOW: %s\n", err.msg);
	enum err_code keyed = keys ? webhook_keys_new(keys, &webhook->keys, &err) : ERR_OK;
	if (keyed != ERR_OK)
		fprintf(complaints, "VERIFYD_WEBHOOK_KEY: %s\n", err.msg);
	if (hosts && !keys) {
		fputs("VERIFYD_WEBHOOK_KEY: not set, but required where VERIFYD_WEBHOOK_ALLOW is\n", complaints);
		keyed = ERR_INVALID;
	}
	return listed != ERR_OK ? listed : keyed;
}

static enum err_code open_http(struct webhook *webhook, struct err *err)
{
	const struct http_curl_options options =
	        http_curl_settings(webhook->ports.config, WEBHOOK_MAX, WEBHOOK_MAX_OF_CALLER);
	return http_curl_new(webhook->ports.loop, &options, &webhook->http, err);
}

static void make_metrics(struct webhook *webhook)
{
	static const char *const labels[END_COUNT] = {"outcome=\"delivered\"", "outcome=\"again\"", "outcome=\"dead\"",
	                                              "outcome=\"dropped\""};
	struct metrics *metrics = webhook->ports.metrics;
	for (int i = 0; i < END_COUNT; i++)
		webhook->ended[i] = metrics_counter(metrics, "verifyd_webhooks", labels[i],
		                                    "notices to callback_url, by what became of them");
	webhook->in_hand = metrics_gauge(metrics, "verifyd_webhooks_in_hand", "", "notices that are being sent now");
}

enum err_code webhook_new(const struct ports *ports, struct webhook **ret_webhook, struct err *err)
{
	struct webhook *webhook = calloc(1, sizeof *webhook);
	if (!webhook)
		return err_set(err, ERR_NO_MEMORY, "webhook");
	webhook->ports = *ports;
	list_init(&webhook->notices);
	list_init(&webhook->callers);
	enum err_code code = read_settings(ports->config, stderr, webhook);
	if (code != ERR_OK)
		code = err_set(err, code, "VERIFYD_WEBHOOK_ALLOW, VERIFYD_WEBHOOK_KEY");
	if (code == ERR_OK)
		code = open_http(webhook, err);
	if (code != ERR_OK) {
		webhook_free(webhook);
		return code;
	}
	make_metrics(webhook);
	*ret_webhook = webhook;
	return ERR_OK;
}

void webhook_abandon(struct webhook *webhook)
{
	webhook->leaving = true;
	revoked(webhook);
	for (struct list *node = webhook->notices.next, *next; node != &webhook->notices; node = next) {
		struct notice *notice = LIST_ENTRY(node, struct notice, node);
		next = node->next;
		if (!notice->call)
			continue; /* what it waits for comes when its port is closed */
		http_curl_cancel(webhook->http, notice->call);
		finish(notice, false);
	}
}

void webhook_close(struct webhook *webhook)
{
	http_curl_close(webhook->http);
	webhook->http = NULL;
}

void webhook_free(struct webhook *webhook)
{
	if (!webhook)
		return;
	assert(!webhook->http && list_is_empty(&webhook->notices));
	host_list_free(webhook->hosts);
	webhook_keys_free(webhook->keys);
	free(webhook);
}

int webhook_check(const struct config *config, FILE *complaints)
{
	struct webhook webhook = {.hosts = NULL};
	int mistakes = read_settings(config, complaints, &webhook) != ERR_OK;
	host_list_free(webhook.hosts);
	webhook_keys_free(webhook.keys);
	return mistakes;
}
