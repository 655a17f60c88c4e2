/* desk_report: writes once a second to Redis what this ingress does (common/domain/ingress_status.h). While Redis is
 * away it is skipped: nothing is queued, and nobody waits for it. The totals are those of /metrics. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/domain/ingress_status.h"
#include "ingress/desk_internal.h"
#include <stdio.h>

enum { REPORT_MS = 1000 };

void desk_report_now(struct desk *desk)
{
	struct metrics *metrics = desk->options.metrics;
	struct ingress_status status = {
	        .at_ms = clock_unix_ms(),
	        .started_ms = desk->report.started_ms,
	        .version = VERIFYD_VERSION,
	        .draining = desk->draining,
	        .kafka_up = atomic_load(&desk->kafka_up),
	        .redis_up = atomic_load(&desk->redis_up),
	        .loop_lag_ms = loop_lag_take_worst_us(&desk->lag) / 1000,
	        .held = metric_value(desk->metric.waiting),
	        .answered = metrics_sum(metrics, "verifyd_http_requests", ""),
	        .failed = metrics_sum(metrics, "verifyd_http_requests", "status=\"5xx\""),
	        .accepted = metrics_sum(metrics, "verifyd_questions", "how=\"accepted\""),
	        .joined = metrics_sum(metrics, "verifyd_questions", "how=\"joined\""),
	        .refused = metrics_sum(metrics, "verifyd_questions", "how=\"refused\""),
	        .limited = metrics_sum(metrics, "verifyd_calls_limited", ""),
	};
	struct buf text;
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

static void on_timer(uv_timer_t *timer)
{
	desk_report_now(timer->data);
}

enum err_code desk_report_start(struct desk *desk)
{
	const char *instance = config_str(desk->options.config, CONFIG_INSTANCE_ID);
	enum err_code code = instance_name(instance, desk->report.name);
	if (code != ERR_OK)
		return code;
	desk->report.started_ms = clock_unix_ms();
	(void)uv_timer_init(&desk->loop, &desk->report.timer); /* these cannot fail */
	desk->report.timer.data = desk;
	(void)uv_timer_start(&desk->report.timer, on_timer, REPORT_MS, REPORT_MS);
	return ERR_OK;
}

void desk_report_close(struct desk *desk)
{
	uv_close((uv_handle_t *)&desk->report.timer, NULL);
	redis_store_remove_ingress(desk->store, desk->report.name);
}
