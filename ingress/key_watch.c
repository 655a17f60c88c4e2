/* key_watch: one thread, one lock, and the time of the next fetch. */
#include "ingress/key_watch.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { REFRESH_MS = 3600 * 1000, MISS_MS = 60 * 1000, RETRY_MS = 1000, RETRY_MAX_MS = 60 * 1000, MS_PER_S = 1000 };

struct key_watch {
	struct key_watch_options options;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct key_set *set;
	enum key_watch_state state;
	int64_t begun_ms, due_ms, pause_ms; /* the last fetch, the next one; after the next failure */
	atomic_bool stop;
	struct metric *fetched, *failed, *up;
};

struct key_set *key_watch_take(struct key_watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	struct key_set *set = watch->set ? key_set_share(watch->set) : NULL;
	pthread_mutex_unlock(&watch->lock);
	return set;
}

void key_watch_miss(struct key_watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	int64_t from_ms = watch->begun_ms + watch->options.miss_ms;
	if (watch->due_ms > from_ms) {
		watch->due_ms = from_ms;
		pthread_cond_signal(&watch->wake);
	}
	pthread_mutex_unlock(&watch->lock);
}

enum key_watch_state key_watch_state(struct key_watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	enum key_watch_state state = watch->state;
	pthread_mutex_unlock(&watch->lock);
	return state;
}

/* ---- the thread ---- */

static enum err_code read_keys(const struct key_watch *watch, struct key_set **ret_set, struct err *err)
{
	struct buf text;
	buf_init(&text, KEY_SET_MAX_BYTES);
	enum err_code code = watch->options.fetch(watch->options.ctx, &watch->stop, &text, err);
	if (code == ERR_OK)
		code = key_set_parse(text.data, text.len, ret_set, err);
	buf_fini(&text);
	return code;
}

/* The lock is held. */
static void keep(struct key_watch *watch, struct key_set *set)
{
	key_set_free(watch->set);
	watch->set = set;
	watch->state = KEY_WATCH_GOOD;
	metric_set(watch->up, 1);
	watch->pause_ms = watch->options.retry_ms;
	watch->due_ms = clock_mono_ms() + watch->options.refresh_ms;
}

static void keep_the_old(struct key_watch *watch)
{
	metric_set(watch->up, 0);
	watch->state = watch->set ? KEY_WATCH_STALE : KEY_WATCH_NONE;
	watch->due_ms = clock_mono_ms() + watch->pause_ms;
	watch->pause_ms = watch->pause_ms * 2 < RETRY_MAX_MS ? watch->pause_ms * 2 : RETRY_MAX_MS;
}

/* The lock is held, but not while it fetches. */
static void fetch(struct key_watch *watch)
{
	struct key_set *set = NULL;
	struct err err = {ERR_OK, ""};
	enum key_watch_state before = watch->state;
	watch->begun_ms = clock_mono_ms();
	pthread_mutex_unlock(&watch->lock);
	enum err_code code = read_keys(watch, &set, &err);
	metric_add(code == ERR_OK ? watch->fetched : watch->failed, 1);
	if (code == ERR_OK && before != KEY_WATCH_GOOD)
		log_info("oauth_keys_read", LOG_INT("keys", key_set_count(set)));
	else if (code != ERR_OK && !atomic_load(&watch->stop))
		log_warn("oauth_keys_failed", LOG_STR("error", err_text(code)), LOG_STR("why", err.msg));
	pthread_mutex_lock(&watch->lock);
	if (code == ERR_OK)
		keep(watch, set);
	else
		keep_the_old(watch);
}

static void *run(void *ctx)
{
	struct key_watch *watch = ctx;
	pthread_mutex_lock(&watch->lock);
	while (!atomic_load(&watch->stop)) {
		int64_t due = watch->due_ms;
		const struct timespec until = {.tv_sec = due / MS_PER_S, .tv_nsec = due % MS_PER_S * 1000000};
		if (clock_mono_ms() >= due)
			fetch(watch);
		else
			pthread_cond_timedwait(&watch->wake, &watch->lock, &until);
	}
	pthread_mutex_unlock(&watch->lock);
	return NULL;
}

/* Returns: false when there is no memory. */
static bool begin(struct key_watch *watch)
{
	pthread_condattr_t monotonic;
	if (pthread_condattr_init(&monotonic) != 0)
		return false;
	bool good = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
	            pthread_cond_init(&watch->wake, &monotonic) == 0;
	pthread_condattr_destroy(&monotonic);
	if (!good)
		return false;
	good = pthread_mutex_init(&watch->lock, NULL) == 0;
	if (good && pthread_create(&watch->thread, NULL, run, watch) == 0)
		return true;
	if (good)
		pthread_mutex_destroy(&watch->lock);
	pthread_cond_destroy(&watch->wake);
	return false;
}

enum err_code key_watch_new(const struct key_watch_options *options, struct key_watch **ret_watch)
{
	struct key_watch *watch = calloc(1, sizeof *watch);
	if (!watch)
		return ERR_NO_MEMORY;
	watch->options = *options;
	if (!watch->options.refresh_ms)
		watch->options.refresh_ms = REFRESH_MS;
	if (!watch->options.miss_ms)
		watch->options.miss_ms = MISS_MS;
	if (!watch->options.retry_ms)
		watch->options.retry_ms = RETRY_MS;
	watch->pause_ms = watch->options.retry_ms;
	watch->fetched = metrics_counter(options->metrics, "verifyd_oauth_key_fetches", "result=\"good\"",
	                                 "reads of the issuer's keys");
	watch->failed = metrics_counter(options->metrics, "verifyd_oauth_key_fetches", "result=\"failed\"", "");
	watch->up = metrics_gauge(options->metrics, "verifyd_dependency_up", "dependency=\"oauth_keys\"",
	                          "1 while it is there; a vendor: no breaker is open");
	if (!begin(watch)) {
		free(watch);
		return ERR_NO_MEMORY;
	}
	*ret_watch = watch;
	return ERR_OK;
}

void key_watch_free(struct key_watch *watch)
{
	if (!watch)
		return;
	pthread_mutex_lock(&watch->lock);
	atomic_store(&watch->stop, true);
	pthread_cond_signal(&watch->wake);
	pthread_mutex_unlock(&watch->lock);
	pthread_join(watch->thread, NULL);
	pthread_mutex_destroy(&watch->lock);
	pthread_cond_destroy(&watch->wake);
	key_set_free(watch->set);
	free(watch);
}
