/* key_watch: when it fetches, and what it has meanwhile. The issuer is a script. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "ingress/key_watch.h"
#include "tests/unit/jws_fixture.h"
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_MS = 3600 * 1000, PATIENCE_MS = 20000, QUIET_MS = 150 };

static struct script {
	atomic_int fetches;
	atomic_int kid; /* what the key is called: k<kid>; -1: the issuer is away, -2: it says nothing of use */
	atomic_bool hangs;
	char jwk[1024]; /* with %d for its kid */
} script;

static enum err_code fetch(void *ctx, const atomic_bool *stop, struct buf *out, struct err *err)
{
	int kid = atomic_load(&script.kid);
	assert_ptr_equal(ctx, &script);
	atomic_fetch_add(&script.fetches, 1);
	while (atomic_load(&script.hangs) && !atomic_load(stop))
		usleep(1000);
	if (kid == -1)
		return err_set(err, ERR_UNAVAILABLE, "away");
	if (kid == -2)
		return buf_append_str(out, "{\"keys\":[]}");
	return buf_printf(out, "{\"keys\":[{\"kid\":\"k%d\",%s]}", kid, script.jwk);
}

static int prepare(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct buf text;
	(void)state;
	log_init("test", LOG_ERROR);
	buf_init(&text, sizeof script.jwk);
	jws_put_jwk(&text, key, "x", "");
	(void)snprintf(script.jwk, sizeof script.jwk, "%s", text.data + strlen("{\"kid\":\"x\","));
	buf_fini(&text);
	EVP_PKEY_free(key);
	return 0;
}

static struct key_watch *begin(struct metrics **metrics, int kid, int64_t refresh_ms, int64_t miss_ms)
{
	struct key_watch *watch = NULL;
	atomic_store(&script.fetches, 0);
	atomic_store(&script.kid, kid);
	atomic_store(&script.hangs, false);
	assert_int_equal(metrics_new(metrics), ERR_OK);
	const struct key_watch_options options = {fetch, &script, refresh_ms, miss_ms, 5, *metrics};
	assert_int_equal(key_watch_new(&options, &watch), ERR_OK);
	return watch;
}

static void end(struct key_watch *watch, struct metrics *metrics)
{
	key_watch_free(watch);
	metrics_free(metrics);
}

static bool has(struct key_watch *watch, const char *kid)
{
	struct key_set *set = key_watch_take(watch);
	bool found = set && key_set_has(set, kid, KEY_ES256);
	key_set_free(set);
	return found;
}

static void wait_for(struct key_watch *watch, const char *kid)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	while (!has(watch, kid) && clock_mono_ms() < until)
		usleep(1000);
	assert_true(has(watch, kid));
}

static void wait_fetches(int count)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	while (atomic_load(&script.fetches) < count && clock_mono_ms() < until)
		usleep(1000);
	assert_true(atomic_load(&script.fetches) >= count);
}

static void keys_that_are_not_to_be_had_are_asked_for_again_until_they_are(void **state)
{
	struct metrics *metrics;
	struct key_watch *watch = begin(&metrics, -1, LONG_MS, LONG_MS);
	(void)state;
	wait_fetches(3);
	assert_int_equal(key_watch_state(watch), KEY_WATCH_NONE);
	assert_null(key_watch_take(watch));
	atomic_store(&script.kid, 1);
	wait_for(watch, "k1");
	assert_int_equal(key_watch_state(watch), KEY_WATCH_GOOD);
	assert_int_equal(metric_value(metrics_gauge(metrics, "verifyd_dependency_up", "dependency=\"oauth_keys\"", "")),
	                 1);
	end(watch, metrics);
}

static void an_unknown_key_is_looked_for_but_not_as_often_as_strangers_like(void **state)
{
	struct metrics *metrics;
	struct key_watch *watch = begin(&metrics, 1, LONG_MS, LONG_MS);
	(void)state;
	wait_for(watch, "k1");
	atomic_store(&script.kid, 2);
	for (int i = 0; i < 1000; i++)
		key_watch_miss(watch);
	usleep(QUIET_MS * 1000);
	assert_int_equal(atomic_load(&script.fetches), 1); /* a minute has not passed */
	end(watch, metrics);

	watch = begin(&metrics, 1, LONG_MS, 1);
	wait_for(watch, "k1");
	atomic_store(&script.kid, 2);
	usleep(2000);
	key_watch_miss(watch);
	wait_for(watch, "k2");
	assert_false(has(watch, "k1")); /* what the issuer has taken back counts no more */
	end(watch, metrics);
}

static void a_fetch_that_fails_leaves_the_keys_that_are_there(void **state)
{
	struct metrics *metrics;
	struct key_watch *watch = begin(&metrics, 1, 20, LONG_MS);
	(void)state;
	wait_for(watch, "k1");
	for (int kid = -1; kid >= -2; kid--) {
		atomic_store(&script.kid, kid);
		wait_fetches(atomic_load(&script.fetches) + 3);
		assert_int_equal(key_watch_state(watch), KEY_WATCH_STALE);
		assert_true(has(watch, "k1"));
	}
	atomic_store(&script.kid, 3);
	wait_for(watch, "k3");
	assert_int_equal(key_watch_state(watch), KEY_WATCH_GOOD);
	end(watch, metrics);
}

static void an_end_does_not_wait_for_an_issuer_that_hangs(void **state)
{
	struct metrics *metrics;
	struct key_watch *watch = begin(&metrics, 1, LONG_MS, LONG_MS);
	(void)state;
	wait_for(watch, "k1");
	struct key_set *kept = key_watch_take(watch);
	end(watch, metrics);
	assert_true(key_set_has(kept, "k1", KEY_ES256)); /* its owner may finish */
	key_set_free(kept);
	watch = begin(&metrics, 1, LONG_MS, LONG_MS);
	atomic_store(&script.hangs, true);
	end(watch, metrics);
	key_watch_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(keys_that_are_not_to_be_had_are_asked_for_again_until_they_are),
	        cmocka_unit_test(an_unknown_key_is_looked_for_but_not_as_often_as_strangers_like),
	        cmocka_unit_test(a_fetch_that_fails_leaves_the_keys_that_are_there),
	        cmocka_unit_test(an_end_does_not_wait_for_an_issuer_that_hangs),
	};
	return cmocka_run_group_tests(tests, prepare, NULL);
}
