/* console: two threads that sleep until somebody watches. The one for Redis sums up and writes; the one for Kafka,
 * whose questions may take seconds, only leaves what it saw. */
#include "common/adapters/console.h"
#include "common/adapters/console_view.h"
#include "common/adapters/status.h"
#include "common/base/clock.h"
#include "common/base/instance_name.h"
#include "common/base/log.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KAFKA_EVERY_MS = 2000, HEALTH_MAX_BYTES = 8192 };

struct console {
	struct console_options options;
	char name[INSTANCE_NAME_BYTES];
	pthread_t redis_thread, kafka_thread;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* somebody watches, or it ends */
	/* under the lock */
	bool runs, stopping;
	int64_t watched_until_ms;
	struct status_link *link; /* while it looks */
	struct status_kafka kafka;
	bool kafka_seen; /* since somebody began to watch */
	struct buf text; /* the newest edition */
	uint64_t edition;
	int64_t edition_ms; /* 0: never */
	/* of the Redis thread */
	struct status_picture picture;
	struct console_past past;
};

/* ---- sleeping ---- */

/* Waits at most wait_ms, -1: without end, as long as it does not end. Called with the lock held. */
static void wait_for_change(struct console *console, int64_t wait_ms)
{
	struct timespec until;
	if (wait_ms < 0) {
		pthread_cond_wait(&console->changed, &console->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&console->changed, &console->lock, &until);
}

static bool is_watched(const struct console *console)
{
	return clock_mono_ms() < console->watched_until_ms;
}

/* Returns: whether somebody watches; false: nobody did for a moment, or it ends. */
static bool rest_until(struct console *console, int64_t until_ms)
{
	pthread_mutex_lock(&console->lock);
	for (int64_t now; !console->stopping && (now = clock_mono_ms()) < until_ms;)
		wait_for_change(console, until_ms - now);
	bool goes_on = !console->stopping && is_watched(console);
	pthread_mutex_unlock(&console->lock);
	return goes_on;
}

/* Returns: false when it ends. */
static bool sleep_until_watched(struct console *console)
{
	pthread_mutex_lock(&console->lock);
	while (!console->stopping && !is_watched(console))
		wait_for_change(console, -1);
	bool goes_on = !console->stopping;
	pthread_mutex_unlock(&console->lock);
	return goes_on;
}

/* ---- Kafka ---- */

static void look_at_kafka(struct console *console)
{
	struct kafka_client *client = NULL;
	struct status_reader *reader = NULL;
	struct status_kafka kafka = {.is_up = false};
	struct err err = {ERR_OK, ""};
	int64_t next_ms;
	enum err_code code = kafka_client_new(console->options.config, "verifyd-console", &client, &err);
	if (code == ERR_OK)
		code = status_kafka_open(client, &reader, &err);
	do {
		next_ms = clock_mono_ms() + KAFKA_EVERY_MS;
		if (code == ERR_OK)
			status_kafka_look(reader, clock_unix_ms(), CONSOLE_KAFKA_MS, &kafka);
		else
			(void)snprintf(kafka.why, sizeof kafka.why, "%.150s", err.msg);
		pthread_mutex_lock(&console->lock);
		console->kafka = kafka;
		console->kafka_seen = true;
		pthread_cond_broadcast(&console->changed);
		pthread_mutex_unlock(&console->lock);
	} while (rest_until(console, next_ms));
	status_kafka_close(reader);
	kafka_client_free(client);
	pthread_mutex_lock(&console->lock);
	console->kafka_seen = false;
	pthread_mutex_unlock(&console->lock);
}

static void *run_kafka(void *ctx)
{
	struct console *console = ctx;
	while (sleep_until_watched(console))
		look_at_kafka(console);
	return NULL;
}

/* ---- Redis, and the text ---- */

static void publish(struct console *console, struct buf *text)
{
	pthread_mutex_lock(&console->lock);
	struct buf old = console->text;
	console->text = *text;
	*text = old;
	console->edition++;
	console->edition_ms = clock_mono_ms();
	bool stopping = console->stopping;
	pthread_mutex_unlock(&console->lock);
	buf_fini(text);
	if (!stopping)
		console->options.on_edition(console->options.ctx);
}

static void write_edition(struct console *console)
{
	struct buf text, health;
	buf_init(&health, HEALTH_MAX_BYTES);
	buf_init(&text, CONSOLE_VIEW_MAX_BYTES);
	(void)console->options.health(console->options.health_ctx, &health);
	const struct console_view view = {.picture = &console->picture,
	                                  .past = &console->past,
	                                  .program = console->options.program,
	                                  .instance = console->name,
	                                  .health = health.data};
	enum err_code code = console_view_write(&view, &text);
	if (code == ERR_OK)
		publish(console, &text);
	else
		log_error("console_not_written", LOG_STR("why", err_text(code)));
	buf_fini(&text);
	buf_fini(&health);
}

static void look(struct console *console, struct status_link *link)
{
	struct status_picture *picture = &console->picture;
	status_redis_look(link, picture);
	int64_t until_ms = clock_mono_ms() + CONSOLE_KAFKA_MS;
	pthread_mutex_lock(&console->lock);
	for (int64_t now; !console->kafka_seen && !console->stopping && (now = clock_mono_ms()) < until_ms;)
		wait_for_change(console, until_ms - now);
	picture->kafka = console->kafka;
	if (!console->kafka_seen)
		(void)snprintf(picture->kafka.why, sizeof picture->kafka.why, "it has not answered yet");
	pthread_mutex_unlock(&console->lock);
	status_sum_up(picture);
	console_past_add(&console->past, &picture->sum);
	write_edition(console);
}

static void set_link(struct console *console, struct status_link *link)
{
	pthread_mutex_lock(&console->lock);
	console->link = link;
	pthread_mutex_unlock(&console->lock);
}

static void look_at_all(struct console *console)
{
	struct status_link *link = NULL;
	struct err err = {ERR_OK, ""};
	enum err_code code = status_redis_open(console->options.config, false, &link, &err);
	if (code != ERR_OK) {
		log_error("console_cannot_look", LOG_STR("error", err_text(code)), LOG_STR("why", err.msg));
		(void)rest_until(console, clock_mono_ms() + CONSOLE_WATCH_MS);
		return;
	}
	set_link(console, link);
	memset(&console->past, 0, sizeof console->past);
	int64_t next_ms;
	do {
		next_ms = clock_mono_ms() + CONSOLE_LOOK_MS;
		look(console, link);
	} while (rest_until(console, next_ms));
	set_link(console, NULL);
	status_redis_close(link);
	status_workers_fini(&console->picture.workers);
	status_ingresses_fini(&console->picture.ingresses);
}

static void *run_redis(void *ctx)
{
	struct console *console = ctx;
	while (sleep_until_watched(console))
		look_at_all(console);
	return NULL;
}

/* ---- life ---- */

enum err_code console_new(const struct console_options *options, struct console **ret_console)
{
	pthread_condattr_t monotonic;
	struct console *console = calloc(1, sizeof *console);
	if (!console)
		return ERR_NO_MEMORY;
	console->options = *options;
	enum err_code code = instance_name(config_str(options->config, CONFIG_INSTANCE_ID), console->name);
	if (code != ERR_OK) {
		free(console);
		return code;
	}
	buf_init(&console->text, CONSOLE_VIEW_MAX_BYTES);
	pthread_mutex_init(&console->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&console->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	*ret_console = console;
	return ERR_OK;
}

/* The threads are made when somebody watches for the first time. Called with the lock held. */
static bool start_threads(struct console *console)
{
	if (console->runs || console->stopping)
		return console->runs;
	if (pthread_create(&console->kafka_thread, NULL, run_kafka, console) != 0)
		return false;
	if (pthread_create(&console->redis_thread, NULL, run_redis, console) == 0) {
		console->runs = true;
		return true;
	}
	console->stopping = true; /* the first one ends, and nobody watches here any more */
	pthread_cond_broadcast(&console->changed);
	pthread_mutex_unlock(&console->lock);
	pthread_join(console->kafka_thread, NULL);
	pthread_mutex_lock(&console->lock);
	return false;
}

bool console_watch(struct console *console)
{
	pthread_mutex_lock(&console->lock);
	console->watched_until_ms = clock_mono_ms() + CONSOLE_WATCH_MS;
	bool looks = start_threads(console);
	pthread_cond_broadcast(&console->changed);
	pthread_mutex_unlock(&console->lock);
	return looks;
}

void console_free(struct console *console)
{
	if (!console)
		return;
	pthread_mutex_lock(&console->lock);
	console->stopping = true;
	if (console->link)
		status_redis_stop(console->link);
	pthread_cond_broadcast(&console->changed);
	pthread_mutex_unlock(&console->lock);
	if (console->runs) {
		pthread_join(console->redis_thread, NULL);
		pthread_join(console->kafka_thread, NULL);
	}
	buf_fini(&console->text);
	pthread_cond_destroy(&console->changed);
	pthread_mutex_destroy(&console->lock);
	free(console);
}

/* ---- reading ---- */

uint64_t console_edition(struct console *console)
{
	pthread_mutex_lock(&console->lock);
	bool fresh = console->edition_ms > 0 && clock_mono_ms() - console->edition_ms < CONSOLE_FRESH_MS;
	uint64_t edition = fresh ? console->edition : 0;
	pthread_mutex_unlock(&console->lock);
	return edition;
}

uint64_t console_read(struct console *console, struct buf *out)
{
	pthread_mutex_lock(&console->lock);
	uint64_t edition = console->edition;
	if (buf_append(out, console->text.data, console->text.len) != ERR_OK)
		edition = 0;
	pthread_mutex_unlock(&console->lock);
	return edition;
}
