/* Tests of http_resolve with a resolver that answers when it is told to, and a loop whose clock is set by hand. */
#include "http_lookup.h"
#include "workers/http_resolve.h"
#include <time.h>

struct fixture {
	uv_loop_t loop;
	struct http_resolve *name;
	int resolved, closed;
};

static void on_resolved(void *ctx)
{
	((struct fixture *)ctx)->resolved++;
}

static void on_closed(void *ctx)
{
	((struct fixture *)ctx)->closed++;
}

static void make(struct fixture *fixture, http_lookup_fn lookup)
{
	const struct http_resolve_options options = {&fixture->loop, lookup, on_resolved, fixture, on_closed, fixture};

	memset(fixture, 0, sizeof(*fixture));
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	assert_int_equal(http_resolve_new(&options, "vendor.test", 443, &fixture->name), ERR_OK);
}

static void end(struct fixture *fixture)
{
	http_resolve_close(fixture->name);
	assert_int_equal(fixture->closed, 1);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	lookups_reset();
}

static enum http_name state_of(struct fixture *fixture)
{
	return http_resolve_state(fixture->name);
}

/* The loop's clock is what uv_now says; it moves only where the loop is told to look at the time. */
static void pass(struct fixture *fixture, uint64_t ms)
{
	fixture->loop.time += ms;
}

static void a_name_is_looked_up_once_for_all_who_ask(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, lookup_begin);
	assert_int_equal(http_resolve_version(fixture.name), 0);
	assert_string_equal(http_resolve_answer(fixture.name), "");
	assert_int_equal(lookup_count, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(state_of(&fixture), HTTP_NAME_AWAITED);
	assert_int_equal(lookup_count, 1);
	assert_string_equal(lookups[0].name, "vendor.test");
	lookup_answer("192.0.2.1,2001:db8::1");
	assert_int_equal(fixture.resolved, 1);
	assert_int_equal(state_of(&fixture), HTTP_NAME_KNOWN);
	assert_string_equal(http_resolve_answer(fixture.name), "vendor.test:443:192.0.2.1,[2001:db8::1]");
	assert_int_equal(http_resolve_version(fixture.name), 1);
	end(&fixture);
}

static void a_fresh_answer_is_not_looked_up_again(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, lookup_begin);
	(void)state_of(&fixture);
	lookup_answer("192.0.2.1");
	pass(&fixture, HTTP_NAME_FRESH_MS - 1);
	assert_int_equal(state_of(&fixture), HTTP_NAME_KNOWN);
	assert_int_equal(lookup_count, 1);
	end(&fixture);
}

static void an_old_answer_is_used_while_it_is_looked_up_again(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, lookup_begin);
	(void)state_of(&fixture);
	lookup_answer("192.0.2.1");
	pass(&fixture, HTTP_NAME_FRESH_MS);
	for (int i = 0; i < 10; i++)
		assert_int_equal(state_of(&fixture), HTTP_NAME_KNOWN);
	assert_int_equal(lookup_count, 2);
	assert_string_equal(http_resolve_answer(fixture.name), "vendor.test:443:192.0.2.1");
	lookup_answer("192.0.2.1");
	assert_int_equal(http_resolve_version(fixture.name), 1); /* nothing to tell anybody */
	pass(&fixture, HTTP_NAME_FRESH_MS);
	(void)state_of(&fixture);
	lookup_answer("192.0.2.2");
	assert_int_equal(http_resolve_version(fixture.name), 2);
	assert_string_equal(http_resolve_answer(fixture.name), "vendor.test:443:192.0.2.2");
	end(&fixture);
}

static void an_old_answer_outlives_lookups_that_fail_for_a_day(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, lookup_begin);
	(void)state_of(&fixture);
	lookup_answer("192.0.2.1");
	pass(&fixture, HTTP_NAME_FRESH_MS);
	assert_int_equal(state_of(&fixture), HTTP_NAME_KNOWN);
	lookup_answer(NULL);
	pass(&fixture, HTTP_NAME_AGAIN_MS - 1);
	assert_int_equal(state_of(&fixture), HTTP_NAME_KNOWN);
	assert_int_equal(lookup_count, 2); /* not again at once */
	pass(&fixture, 1);
	assert_int_equal(state_of(&fixture), HTTP_NAME_KNOWN);
	assert_int_equal(lookup_count, 3);
	lookup_answer(NULL);
	pass(&fixture, HTTP_NAME_STALE_MS - HTTP_NAME_FRESH_MS - HTTP_NAME_AGAIN_MS);
	assert_int_equal(state_of(&fixture), HTTP_NAME_AWAITED); /* too old now: nobody may use it */
	lookup_answer(NULL);
	assert_int_equal(state_of(&fixture), HTTP_NAME_FAILED);
	end(&fixture);
}

static void a_failed_name_is_looked_up_again_after_a_while(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, lookup_begin);
	(void)state_of(&fixture);
	lookup_answer(NULL);
	assert_int_equal(fixture.resolved, 1);
	assert_int_equal(state_of(&fixture), HTTP_NAME_FAILED);
	assert_int_equal(lookup_count, 1);
	pass(&fixture, HTTP_NAME_AGAIN_MS);
	assert_int_equal(state_of(&fixture), HTTP_NAME_AWAITED);
	lookup_answer("192.0.2.1");
	assert_int_equal(state_of(&fixture), HTTP_NAME_KNOWN);
	end(&fixture);
}

static void a_lookup_that_cannot_begin_is_a_failed_one(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, lookup_refuse);
	for (int i = 0; i < 10; i++)
		assert_int_equal(state_of(&fixture), HTTP_NAME_FAILED);
	assert_int_equal(lookup_count, 1);
	assert_int_equal(fixture.resolved, 0);
	end(&fixture);
}

static void at_most_eight_addresses_are_kept(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, lookup_begin);
	(void)state_of(&fixture);
	lookup_answer("192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4,192.0.2.5,192.0.2.6,192.0.2.7,192.0.2.8,192.0.2.9");
	assert_string_equal(http_resolve_answer(fixture.name),
	                    "vendor.test:443:192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4,192.0.2.5,192.0.2.6,192.0.2.7,"
	                    "192.0.2.8");
	end(&fixture);
}

static void close_waits_for_a_lookup_under_way_and_tells_nobody(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, lookup_begin);
	(void)state_of(&fixture);
	http_resolve_close(fixture.name);
	assert_int_equal(fixture.closed, 0);
	lookup_answer("192.0.2.1");
	assert_int_equal(fixture.closed, 1);
	assert_int_equal(fixture.resolved, 0);
	assert_int_equal(uv_loop_close(&fixture.loop), 0);
	lookups_reset();
}

/* Without another resolver: uv_getaddrinfo, of an address, so that no network is asked. */
static void the_systems_resolver_answers_in_the_loop(void **state)
{
	struct fixture fixture;
	const struct http_resolve_options options = {&fixture.loop, uv_getaddrinfo, on_resolved,
	                                             &fixture,      on_closed,      &fixture};

	(void)state;
	memset(&fixture, 0, sizeof(fixture));
	assert_int_equal(uv_loop_init(&fixture.loop), 0);
	assert_int_equal(http_resolve_new(&options, "192.0.2.7", 8443, &fixture.name), ERR_OK);
	assert_int_equal(state_of(&fixture), HTTP_NAME_AWAITED);
	assert_int_equal(fixture.resolved, 0);
	while (fixture.resolved == 0)
		uv_run(&fixture.loop, UV_RUN_ONCE);
	assert_string_equal(http_resolve_answer(fixture.name), "192.0.2.7:8443:192.0.2.7");
	end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_name_is_looked_up_once_for_all_who_ask),
	        cmocka_unit_test(a_fresh_answer_is_not_looked_up_again),
	        cmocka_unit_test(an_old_answer_is_used_while_it_is_looked_up_again),
	        cmocka_unit_test(an_old_answer_outlives_lookups_that_fail_for_a_day),
	        cmocka_unit_test(a_failed_name_is_looked_up_again_after_a_while),
	        cmocka_unit_test(a_lookup_that_cannot_begin_is_a_failed_one),
	        cmocka_unit_test(at_most_eight_addresses_are_kept),
	        cmocka_unit_test(close_waits_for_a_lookup_under_way_and_tells_nobody),
	        cmocka_unit_test(the_systems_resolver_answers_in_the_loop),
	};
	return cmocka_run_group_tests_name("http_resolve", tests, NULL, NULL);
}
