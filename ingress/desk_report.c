/* desk_report: writes once a second to Redis what this ingress does (common/domain/ingress_status.h). While Redis is
 * away it is skipped: nothing is queued, and nobody waits for it. The totals are those of /metrics. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/domain/ingress_status.h"
#include "ingress/desk_internal.h"
#include <stdio.h>

enum { REPORT_MS = 1000, LATE_EVERY_MS = 100 };

static void write_now(struct desk *desk)
{
	struct metrics *metrics = desk->options.metrics;
	struct ingress_status status = {
	        .at_ms = clock_unix_ms(),
	        .started_ms = desk->report.started_ms,
	        .version = VERIFYD_VERSION,
	        .draining = desk->draining,
	        .kafka_up = atomic_load(&desk->kafka_up),
	        .redis_up = atomic_load(&desk->redis_up),
	        .loop_lag_ms = desk->report.worst_ms,
	        .held = metric_value(desk->metric.waiting),
	        .answered = metrics_sum(metrics, "verifyd_http_requests", ""),
	        .failed = metrics_sum(metrics, "verifyd_http_requests", "status=\"5xx\""),
	        .accepted = metric_value(desk->metric.produced),
	        .joined = metric_value(desk->metric.joined),
	        .refused = metric_value(desk->metric.refused),
	        .limited = metrics_sum(metrics, "verifyd_calls_limited", ""),
	};
	struct buf text;
	desk->report.worst_ms = 0;
	if (!desk->store || !redis_store_is_up(desk->store))
		return;
	buf_init(&text, INGRESS_STATUS_MAX_BYTES);
	enum err_code code = ingress_status_encode(&status, &text);
	if (code == ERR_OK)
		redis_store_put_ingress(desk->store, desk->report.name, text.data, text.len);
	else
		log_debug("status_not_written", LOG_STR("why", err_text(code)));
	buf_fini(&text);
}

/* What the timer is late by, everything else is late by, too. */
static void on_timer(uv_timer_t *timer)
{
	struct desk *desk = timer->data;
	int64_t now = clock_mono_ms(), late = now - desk->report.due_ms;
	desk->report.due_ms = now + LATE_EVERY_MS;
	if (late > desk->report.worst_ms)
		desk->report.worst_ms = late;
	if (now - desk->report.written_ms < REPORT_MS)
		return;
	desk->report.written_ms = now;
	write_now(desk);
}

enum err_code desk_report_start(struct desk *desk)
{
	const char *instance = config_str(desk->options.config, CONFIG_INSTANCE_ID);
	enum err_code code = instance_name(instance, desk->report.name);
	if (code != ERR_OK)
		return code;
	int64_t now = clock_mono_ms();
	desk->report.started_ms = clock_unix_ms();
	desk->report.due_ms = now + LATE_EVERY_MS;
	desk->report.written_ms = now;
	(void)uv_timer_init(&desk->loop, &desk->report.timer); /* these cannot fail */
	desk->report.timer.data = desk;
	(void)uv_timer_start(&desk->report.timer, on_timer, LATE_EVERY_MS, LATE_EVERY_MS);
	return ERR_OK;
}

void desk_report_drain(struct desk *desk)
{
	write_now(desk);
}

void desk_report_close(struct desk *desk)
{
	uv_close((uv_handle_t *)&desk->report.timer, NULL);
	redis_store_remove_ingress(desk->store, desk->report.name);
}
