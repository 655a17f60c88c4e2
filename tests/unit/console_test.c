/* The console without a Kafka and a Redis: it looks only while somebody watches, says what is away, and ends when told.
 */
#include "common/adapters/console.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { PATIENCE_MS = 40000 };

static char *environment[] = {
        "VERIFYD_KAFKA_BROKERS=127.0.0.1:1", "VERIFYD_REDIS_URL=redis://127.0.0.1:1",
        "VERIFYD_SEAL_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "VERIFYD_INSTANCE_ID=pod-7", NULL};

struct watcher {
	struct config *config;
	struct console *console;
	atomic_int editions;
};

static bool health(void *ctx, struct buf *out)
{
	(void)ctx;
	return buf_append_str(out, "{\"redis\":\"down\"}") == ERR_OK;
}

static void on_edition(void *ctx)
{
	atomic_fetch_add(&((struct watcher *)ctx)->editions, 1);
}

static void begin(struct watcher *watcher)
{
	*watcher = (struct watcher){.config = NULL};
	assert_int_equal(config_load(CONFIG_WORKER, environment, stderr, &watcher->config), ERR_OK);
	const struct console_options options = {.config = watcher->config,
	                                        .program = "a-program",
	                                        .health = health,
	                                        .on_edition = on_edition,
	                                        .ctx = watcher};
	assert_int_equal(console_new(&options, &watcher->console), ERR_OK);
}

static void end(struct watcher *watcher)
{
	console_free(watcher->console);
	config_free(watcher->config);
}

static void pause_ms(long ms)
{
	const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&pause, NULL);
}

static void nothing_is_looked_at_until_somebody_watches(void **state)
{
	struct watcher watcher;
	struct buf text;
	(void)state;
	begin(&watcher);
	pause_ms(200);
	buf_init(&text, 1000);
	assert_int_equal(atomic_load(&watcher.editions), 0);
	assert_int_equal(console_edition(watcher.console), 0);
	assert_int_equal(console_read(watcher.console, &text), 0);
	assert_int_equal(text.len, 0);
	end(&watcher);
}

static void with_everything_away_it_says_so_and_goes_on(void **state)
{
	struct watcher watcher;
	struct buf text;
	int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
	(void)state;
	begin(&watcher);
	while (atomic_load(&watcher.editions) < 2 && clock_mono_ms() < until_ms) {
		assert_true(console_watch(watcher.console));
		pause_ms(50);
	}
	buf_init(&text, 1 << 20);
	assert_true(console_read(watcher.console, &text) >= 2);
	assert_non_null(strstr(text.data, "Redis is not to be seen"));
	assert_non_null(strstr(text.data, "Kafka is not to be seen"));
	assert_non_null(strstr(text.data, "seen by a-program pod-7"));
	buf_fini(&text);
	buf_init(&text, 10);
	assert_int_equal(console_read(watcher.console, &text), 0);
	buf_fini(&text);
	end(&watcher);
}

static void it_ends_while_it_looks(void **state)
{
	struct watcher watcher;
	(void)state;
	begin(&watcher);
	assert_true(console_watch(watcher.console));
	pause_ms(100);
	int64_t begin_ms = clock_mono_ms();
	end(&watcher);
	assert_true(clock_mono_ms() - begin_ms < PATIENCE_MS);
	console_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_is_looked_at_until_somebody_watches),
	        cmocka_unit_test(with_everything_away_it_says_so_and_goes_on),
	        cmocka_unit_test(it_ends_while_it_looks),
	};
	log_init("console_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
