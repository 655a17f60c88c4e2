/* status_report: gathers the engines' figures, and writes them. */
#include "workers/status_report.h"
#include "common/base/clock.h"
#include "common/base/log.h"

void status_report_now(struct status_report *report)
{
	struct worker_status status = {
	        .at_ms = clock_unix_ms(),
	        .started_ms = report->started_ms,
	        .version = VERIFYD_VERSION,
	        .draining = report->draining,
	        .loop_lag_ms = loop_lag_take_worst_us(report->loop_lag) / 1000,
	        .class_count = report->engine_count,
	};
	struct buf text;
	if (!report->store || !redis_store_is_up(report->store))
		return;
	for (size_t i = 0; i < report->engine_count; i++)
		engine_status(report->engines[i], &status.classes[i]);
	buf_init(&text, WORKER_STATUS_MAX_BYTES);
	enum err_code code = worker_status_encode(&status, &text);
	if (code == ERR_OK)
		redis_store_put_worker(report->store, report->name, text.data, text.len);
	else
		log_debug("status_not_written", LOG_STR("why", err_text(code)));
	buf_fini(&text);
}

static void on_timer(uv_timer_t *timer)
{
	status_report_now(timer->data);
}

enum err_code status_report_start(struct status_report *report, const struct ports *ports, const char *instance,
                                  struct engine *const *engines, size_t engine_count, struct loop_lag *loop_lag)
{
	*report = (struct status_report){
	        .store = ports->store,
	        .engines = engines,
	        .engine_count = engine_count,
	        .loop_lag = loop_lag,
	        .started_ms = clock_unix_ms(),
	};
	enum err_code code = instance_name(instance, report->name);
	if (code != ERR_OK)
		return code;
	(void)uv_timer_init(ports->loop, &report->timer); /* cannot fail */
	report->timer.data = report;
	(void)uv_timer_start(&report->timer, on_timer, STATUS_REPORT_MS, STATUS_REPORT_MS);
	return ERR_OK;
}

void status_report_drain(struct status_report *report)
{
	report->draining = true;
	status_report_now(report);
}

void status_report_close(struct status_report *report)
{
	uv_close((uv_handle_t *)&report->timer, NULL);
	redis_store_remove_worker(report->store, report->name);
	/* Redis may come up while the rest is closed; by then the engines have no consumers any more. */
	report->store = NULL;
}
