/* otlp_export: a queue behind a lock, and the thread that empties it. libcurl runs in that thread alone, by its multi
 * interface, since that can be woken when the process ends. */
#include "common/adapters/otlp_export.h"
#include "common/adapters/http_way.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/otlp_json.h"
#include "common/base/span_queue.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	BACK_OFF_MS = 500, /* after the first failed try; twice as long after each further one */
	RETRY_AFTER_MAX_MS = 5000,
	CONNECT_TIMEOUT_MS = 2000,
	POLL_MS = 1000,
	LOG_INTERVAL_MS = 10000,
	THREAD_STACK_BYTES = 256 * 1024,
};

struct otlp_export {
	struct tracer tracer;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct span_queue *queue; /* guarded by the lock, as the next two */
	bool stopping;
	int64_t stop_by_ms; /* monotonic */
	/* the thread's own */
	struct span *batch;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	char *url;
	char instance[TOKEN_BYTES];
	struct otlp_resource resource;
	struct buf body, answer;
	struct log_limit log_limit;
	struct metric *exported, *full, *failed, *rejected;
};

/* ---- telling ---- */

static void on_told(void *ctx, const struct span *span)
{
	struct otlp_export *export = ctx;
	int64_t now = clock_mono_ms();
	pthread_mutex_lock(&export->lock);
	bool kept = span_queue_add(export->queue, span, now);
	size_t count = span_queue_count(export->queue);
	pthread_mutex_unlock(&export->lock);
	if (!kept)
		metric_add(export->full, 1);
	else if (count == 1 || count == OTLP_BATCH_SPANS)
		pthread_cond_signal(&export->changed);
}

/* ---- the thread: waiting ---- */

/* With the lock held; wait_ms -1: until something happens. */
static void await_change(struct otlp_export *export, int64_t wait_ms)
{
	int64_t until = clock_mono_ms() + wait_ms;
	const struct timespec time = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
	if (wait_ms < 0)
		pthread_cond_wait(&export->changed, &export->lock);
	else
		pthread_cond_timedwait(&export->changed, &export->lock, &time);
}

/* What of the time to stop is left; a request's own time while nobody wants that. */
static int64_t time_left(struct otlp_export *export, int64_t usual_ms)
{
	pthread_mutex_lock(&export->lock);
	int64_t left = export->stopping ? export->stop_by_ms - clock_mono_ms() : usual_ms;
	pthread_mutex_unlock(&export->lock);
	return left < usual_ms ? left : usual_ms;
}

/* Waits for spans that are due, into export->batch. Returns: how many; 0: the end. */
static size_t take_batch(struct otlp_export *export)
{
	size_t count;
	pthread_mutex_lock(&export->lock);
	while ((count = span_queue_due(export->queue, clock_mono_ms(), export->stopping)) == 0 && !export->stopping)
		await_change(export, span_queue_wait_ms(export->queue, clock_mono_ms()));
	if (export->stopping && clock_mono_ms() >= export->stop_by_ms) {
		metric_add(export->failed, (int64_t)span_queue_count(export->queue));
		count = 0;
	}
	span_queue_take(export->queue, count, export->batch);
	pthread_mutex_unlock(&export->lock);
	return count;
}

/* Between two tries. */
static void back_off(struct otlp_export *export, int64_t wait_ms)
{
	int64_t until = clock_mono_ms() + wait_ms;
	pthread_mutex_lock(&export->lock);
	for (int64_t left = wait_ms; left > 0 && !export->stopping; left = until - clock_mono_ms())
		await_change(export, left);
	pthread_mutex_unlock(&export->lock);
}

/* ---- the thread: one request ---- */

static size_t on_answer(char *data, size_t size, size_t count, void *ctx)
{
	struct otlp_export *export = ctx;
	return buf_append(&export->answer, data, size * count) == ERR_OK ? size * count : 0;
}

/* Lets libcurl work until the transfer has ended or there is no time left. */
static CURLcode transfer(struct otlp_export *export)
{
	int running = 1, left;
	CURLcode code = CURLE_OPERATION_TIMEDOUT;
	if (curl_multi_add_handle(export->multi, export->easy) != CURLM_OK)
		return CURLE_OUT_OF_MEMORY;
	while (running > 0 && curl_multi_perform(export->multi, &running) == CURLM_OK && running > 0) {
		int64_t wait = time_left(export, POLL_MS);
		if (wait <= 0 || curl_multi_poll(export->multi, NULL, 0, (int)wait, NULL) != CURLM_OK)
			break;
	}
	for (const CURLMsg *told; (told = curl_multi_info_read(export->multi, &left));)
		if (told->msg == CURLMSG_DONE)
			code = told->data.result;
	(void)curl_multi_remove_handle(export->multi, export->easy);
	return code;
}

struct outcome {
	bool taken, again;
	const char *why; /* constant */
	long status;     /* 0: there was no answer */
	int64_t retry_after_ms;
};

/* Which answers are worth another try: OTLP's specification says so. */
static bool is_passing(long status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

static struct outcome post(struct otlp_export *export)
{
	int64_t timeout = time_left(export, OTLP_TIMEOUT_MS);
	struct outcome outcome = {.why = "no time was left"};
	curl_off_t retry_after = 0;
	if (timeout <= 0)
		return outcome;
	buf_clear(&export->answer);
	if (curl_easy_setopt(export->easy, CURLOPT_TIMEOUT_MS, (long)timeout) != CURLE_OK ||
	    curl_easy_setopt(export->easy, CURLOPT_POSTFIELDS, export->body.data) != CURLE_OK ||
	    curl_easy_setopt(export->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) export->body.len) != CURLE_OK)
		return (struct outcome){.why = "out of memory"};
	CURLcode code = transfer(export);
	if (code != CURLE_OK)
		return (struct outcome){.again = true, .why = curl_easy_strerror(code)};
	(void)curl_easy_getinfo(export->easy, CURLINFO_RESPONSE_CODE, &outcome.status);
	(void)curl_easy_getinfo(export->easy, CURLINFO_RETRY_AFTER, &retry_after);
	outcome.taken = outcome.status >= 200 && outcome.status < 300;
	outcome.again = is_passing(outcome.status);
	outcome.why = "its status is no success";
	if (retry_after > 0)
		outcome.retry_after_ms =
		        retry_after < RETRY_AFTER_MAX_MS / 1000 ? retry_after * 1000 : RETRY_AFTER_MAX_MS;
	return outcome;
}

/* ---- the thread: one batch ---- */

static void give_up(struct otlp_export *export, size_t count, const struct outcome *outcome)
{
	int64_t others = 0;
	metric_add(export->failed, (int64_t)count);
	if (log_limit_pass(&export->log_limit, clock_mono_ms(), LOG_INTERVAL_MS, &others))
		log_warn("traces_not_exported", LOG_STR("why", outcome->why), LOG_INT("status", outcome->status),
		         LOG_INT("spans", count), LOG_INT("others_not_logged", others));
}

static void send_batch(struct otlp_export *export, size_t count)
{
	struct outcome outcome = {.why = "the batch is too large"};
	buf_clear(&export->body);
	if (otlp_encode(&export->resource, export->batch, count, &export->body) != ERR_OK) {
		give_up(export, count, &outcome);
		return;
	}
	for (int try = 1; try <= OTLP_TRIES; try++) {
		outcome = post(export);
		if (outcome.taken || !outcome.again || try == OTLP_TRIES || time_left(export, POLL_MS) <= 0)
			break;
		int64_t wait = (int64_t)BACK_OFF_MS << (try - 1);
		back_off(export, wait > outcome.retry_after_ms ? wait : outcome.retry_after_ms);
	}
	if (!outcome.taken) {
		give_up(export, count, &outcome);
		return;
	}
	int64_t rejected = otlp_rejected(export->answer.data, export->answer.len);
	if (rejected > (int64_t)count)
		rejected = (int64_t)count;
	metric_add(export->rejected, rejected);
	metric_add(export->exported, (int64_t)count - rejected);
}

static void *run(void *ctx)
{
	struct otlp_export *export = ctx;
	for (size_t count; (count = take_batch(export)) > 0;)
		send_batch(export, count);
	return NULL;
}

/* ---- life ---- */

static bool add_header(void *ctx, const char *line)
{
	struct otlp_export *export = ctx;
	struct curl_slist *longer = curl_slist_append(export->headers, line);
	if (longer)
		export->headers = longer;
	return longer != NULL;
}

#define SET(option, value) (curl_easy_setopt(export->easy, (option), (value)) == CURLE_OK)

static enum err_code open_curl(struct otlp_export *export, const struct config *config, struct err *err)
{
	const char *headers = config_str(config, CONFIG_OTLP_HEADERS);
	export->multi = curl_multi_init();
	export->easy = curl_easy_init();
	if (!export->multi || !export->easy || !add_header(export, "Content-Type: application/json") ||
	    !add_header(export, "Expect:"))
		return err_set(err, ERR_NO_MEMORY, "libcurl");
	enum err_code code = headers ? otlp_headers(headers, add_header, export, err) : ERR_OK;
	if (code != ERR_OK)
		return code;
	const struct http_way way = {.url = export->url, .ca_file = config_str(config, CONFIG_OTLP_CA_FILE)};
	bool set = http_way_set(export->easy, &way) && SET(CURLOPT_HTTPHEADER, export->headers) &&
	           SET(CURLOPT_QUICK_EXIT, 1L) && SET(CURLOPT_POST, 1L) &&
	           SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS) && SET(CURLOPT_WRITEFUNCTION, on_answer) &&
	           SET(CURLOPT_WRITEDATA, export) && SET(CURLOPT_USERAGENT, "verifyd/" VERIFYD_VERSION);
	return set ? ERR_OK : err_set(err, ERR_INTERNAL, "libcurl refused an option");
}

static enum err_code prepare(struct otlp_export *export, const struct config *config, struct err *err)
{
	const char *endpoint = config_str(config, CONFIG_OTLP_ENDPOINT);
	buf_init(&export->body, OTLP_BODY_MAX_BYTES);
	buf_init(&export->answer, OTLP_ANSWER_MAX_BYTES);
	export->batch = calloc(OTLP_BATCH_SPANS, sizeof *export->batch);
	if (!export->batch || asprintf(&export->url, "%s/v1/traces", endpoint) < 0) {
		export->url = NULL;
		return err_set(err, ERR_NO_MEMORY, "spans");
	}
	enum err_code code = span_queue_new(OTLP_QUEUE_SPANS, OTLP_BATCH_SPANS, OTLP_LINGER_MS, &export->queue);
	if (code == ERR_OK)
		code = id_token(export->instance);
	return code == ERR_OK ? open_curl(export, config, err) : err_set(err, code, "spans");
}

static void release(struct otlp_export *export)
{
	curl_easy_cleanup(export->easy);
	if (export->multi)
		curl_multi_cleanup(export->multi);
	curl_slist_free_all(export->headers);
	curl_global_cleanup();
	buf_fini(&export->body);
	buf_fini(&export->answer);
	span_queue_free(export->queue);
	free(export->batch);
	free(export->url);
	free(export);
}

static void make_metrics(struct otlp_export *export, struct metrics *metrics)
{
	static const char dropped[] = "verifyd_spans_dropped";
	export->exported = metrics_counter(metrics, "verifyd_spans_exported", "", "spans that the collector took");
	export->full = metrics_counter(metrics, dropped, "why=\"queue\"",
	                               "spans that were not exported: the queue was full, the collector failed, or it "
	                               "refused them");
	export->failed = metrics_counter(metrics, dropped, "why=\"collector\"", "");
	export->rejected = metrics_counter(metrics, dropped, "why=\"refused\"", "");
}

/* The clock of its waits is the monotonic one. */
static bool start_thread(struct otlp_export *export)
{
	pthread_condattr_t monotonic;
	pthread_attr_t small;
	pthread_mutex_init(&export->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&export->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, THREAD_STACK_BYTES);
	bool started = pthread_create(&export->thread, &small, run, export) == 0;
	pthread_attr_destroy(&small);
	return started;
}

enum err_code otlp_export_start(const struct config *config, const char *service, struct metrics *metrics,
                                struct otlp_export **ret_export, struct err *err)
{
	const char *instance = config_str(config, CONFIG_INSTANCE_ID);
	if (!config_str(config, CONFIG_OTLP_ENDPOINT)) {
		*ret_export = NULL;
		return ERR_OK;
	}
	struct otlp_export *export = calloc(1, sizeof *export);
	if (!export || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(export);
		return err_set(err, ERR_NO_MEMORY, "traces");
	}
	export->tracer = (struct tracer){.share_ppm = config_int(config, CONFIG_OTLP_SAMPLE),
	                                 .topic_prefix = config_str(config, CONFIG_TOPIC_PREFIX),
	                                 .told = on_told,
	                                 .ctx = export};
	enum err_code code = prepare(export, config, err);
	if (code == ERR_OK) {
		export->resource =
		        (struct otlp_resource){service, VERIFYD_VERSION, instance ? instance : export->instance};
		make_metrics(export, metrics);
	}
	if (code == ERR_OK && !start_thread(export))
		code = err_set(err, ERR_NO_MEMORY, "no thread for traces");
	if (code == ERR_OK)
		*ret_export = export;
	else
		release(export);
	return code;
}

const struct tracer *otlp_export_tracer(const struct otlp_export *export)
{
	return export ? &export->tracer : NULL;
}

void otlp_export_stop(struct otlp_export *export, int64_t flush_ms)
{
	if (!export)
		return;
	pthread_mutex_lock(&export->lock);
	export->stopping = true;
	export->stop_by_ms = clock_mono_ms() + flush_ms;
	pthread_mutex_unlock(&export->lock);
	pthread_cond_signal(&export->changed);
	(void)curl_multi_wakeup(export->multi); /* best effort: it looks up once a second */
	pthread_join(export->thread, NULL);
	pthread_cond_destroy(&export->changed);
	pthread_mutex_destroy(&export->lock);
	release(export);
}

int otlp_export_check(const struct config *config, FILE *complaints)
{
	const char *headers = config_str(config, CONFIG_OTLP_HEADERS);
	struct err err;
	if (!headers || otlp_headers(headers, NULL, NULL, &err) == ERR_OK)
		return 0;
	fprintf(complaints, "VERIFYD_OTLP_HEADERS: %s\n", err.msg);
	return 1;
}
