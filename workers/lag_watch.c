/* lag_watch: a timer, and a question at a time. */
#include "workers/lag_watch.h"
#include "common/adapters/kafka_backlog.h"
#include "common/base/log.h"
#include <stdlib.h>

enum { LOOK_MS = 1000 };

struct lag_watch {
	uv_timer_t timer;
	uv_work_t work;
	struct kafka_backlogs *backlogs;
	struct engine *const *engines;
	size_t count;
	enum err_code code; /* of the last question; the thread's while busy */
	bool busy, stopped;
};

static void ask(uv_work_t *work)
{
	struct lag_watch *watch = work->data;
	struct err err = {ERR_OK, ""};
	watch->code = kafka_backlogs_read(watch->backlogs, LAG_WATCH_TIMEOUT_MS, &err);
	if (watch->code != ERR_OK)
		log_debug("lag_unknown", LOG_STR("why", err.msg));
}

static void on_answer(uv_work_t *work, int status)
{
	struct lag_watch *watch = work->data;
	watch->busy = false;
	if (status != 0 || watch->code != ERR_OK)
		return; /* what is known stands; the outage itself is told by others */
	for (size_t i = 0; i < watch->count; i++) {
		const struct kafka_backlog backlog = kafka_backlogs_get(watch->backlogs, i);
		engine_learn_backlog(watch->engines[i], &backlog);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct lag_watch *watch = timer->data;
	if (!watch->busy && !watch->stopped)
		watch->busy = uv_queue_work(timer->loop, &watch->work, ask, on_answer) == 0;
}

enum err_code lag_watch_new(const struct ports *ports, struct engine *const *engines, size_t count,
                            struct lag_watch **ret_watch, struct err *err)
{
	struct kafka_backlog_of of[KAFKA_BACKLOG_MAX];
	struct lag_watch *watch = count <= KAFKA_BACKLOG_MAX ? calloc(1, sizeof *watch) : NULL;
	if (!watch)
		return err_set(err, ERR_NO_MEMORY, "lag watch");
	for (size_t i = 0; i < count; i++)
		of[i] = engine_backlog_of(engines[i]);
	enum err_code code = kafka_backlogs_new(ports->kafka, of, count, &watch->backlogs, err);
	if (code != ERR_OK) {
		free(watch);
		return code;
	}
	watch->engines = engines;
	watch->count = count;
	(void)uv_timer_init(ports->loop, &watch->timer); /* cannot fail */
	watch->timer.data = watch->work.data = watch;
	(void)uv_timer_start(&watch->timer, on_timer, 1, LOOK_MS); /* fails only while closing */
	*ret_watch = watch;
	return ERR_OK;
}

void lag_watch_stop(struct lag_watch *watch)
{
	if (watch)
		watch->stopped = true;
}

void lag_watch_await(struct lag_watch *watch)
{
	while (watch && watch->busy)
		(void)uv_run(watch->timer.loop, UV_RUN_ONCE);
}

void lag_watch_close(struct lag_watch *watch)
{
	if (!watch)
		return;
	kafka_backlogs_free(watch->backlogs);
	watch->backlogs = NULL;
	uv_close((uv_handle_t *)&watch->timer, NULL);
}

void lag_watch_free(struct lag_watch *watch)
{
	free(watch);
}
