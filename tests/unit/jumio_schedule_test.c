/* Tests of Jumio's schedule: the poll ladder, the watchdog, the limits that the engine asks for. */
#include "workers/vendors/vendor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S(seconds) ((int64_t)(seconds)*1000)
#define DAY_MS     S(86400)

enum { MAX_MORE = 4 };

static const struct vendor *jumio(void)
{
	const struct vendor *vendor = vendor_by_name("jumio", 5);

	assert_non_null(vendor);
	return vendor;
}

/* more: further settings; ends with NULL. Returns: what the vendor's `free` ends. */
static void *configured(const char *const *more)
{
	static const char *const common[] = {
	        "VERIFYD_KAFKA_BROKERS=127.0.0.1:1",
	        "VERIFYD_REDIS_URL=redis://127.0.0.1:1",
	        "VERIFYD_SEAL_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	        "VERIFYD_JUMIO_REGION=eu",
	        "VERIFYD_JUMIO_AUTH_USERNAME=token",
	        "VERIFYD_JUMIO_AUTH_PASSWORD=secret",
	        "VERIFYD_JUMIO_USER_AGENT=Contoso App/1",
	};
	enum { COMMON = sizeof(common) / sizeof(common[0]) };
	char *environment[COMMON + MAX_MORE + 1] = {NULL};
	size_t count = 0;
	struct config *config = NULL;
	void *self = NULL;

	for (size_t i = 0; i < COMMON; i++)
		environment[count++] = strdup(common[i]);
	for (size_t i = 0; i < MAX_MORE && more[i]; i++)
		environment[count++] = strdup(more[i]);
	assert_int_equal(config_load(CONFIG_WORKER, environment, stderr, &config), ERR_OK);
	assert_int_equal(jumio()->configure(config, stderr, &self), ERR_OK);
	config_free(config);
	while (count > 0)
		free(environment[--count]);
	return self;
}

static int64_t after(const void *self, int64_t elapsed_ms)
{
	return jumio()->next_poll_ms(self, elapsed_ms);
}

static void ladder_is_the_one_of_jumios_guide_after_an_early_look(void **state)
{
	static const int64_t rungs_s[] = {5, 40, 60, 100, 160, 240, 340, 460, 600, 760, 940};
	void *self = configured((const char *const[]){NULL});
	int64_t elapsed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rungs_s) / sizeof(rungs_s[0]); i++) {
		assert_int_equal(after(self, elapsed), S(rungs_s[i]));
		elapsed = S(rungs_s[i]);
	}
	jumio()->free(self);
}

static void rung_lies_strictly_after_what_has_passed(void **state)
{
	void *self = configured((const char *const[]){"VERIFYD_JUMIO_POLL_S=10,20", NULL});

	(void)state;
	assert_int_equal(after(self, 0), S(10));
	assert_int_equal(after(self, S(10) - 1), S(10));
	assert_int_equal(after(self, S(10)), S(20));
	assert_int_equal(after(self, S(20) - 1), S(20));
	jumio()->free(self);
}

static void rungs_that_were_missed_are_not_made_up_for(void **state)
{
	void *self = configured((const char *const[]){"VERIFYD_JUMIO_POLL_S=10,20,30,40", NULL});

	(void)state;
	assert_int_equal(after(self, S(35)), S(40));
	jumio()->free(self);
}

static void after_the_ladder_it_is_once_a_day_for_a_week_then_never(void **state)
{
	void *self = configured((const char *const[]){"VERIFYD_JUMIO_POLL_S=10,20", NULL});

	(void)state;
	for (int64_t day = 0; day < 7; day++) {
		assert_int_equal(after(self, S(20) + day * DAY_MS), S(20) + (day + 1) * DAY_MS);
		assert_int_equal(after(self, S(20) + (day + 1) * DAY_MS - 1), S(20) + (day + 1) * DAY_MS);
	}
	assert_int_equal(after(self, S(20) + 7 * DAY_MS), -1);
	assert_int_equal(after(self, S(20) + 7 * DAY_MS + 1), -1);
	assert_int_equal(after(self, INT64_MAX / 2), -1);
	jumio()->free(self);
}

static void clock_that_went_back_gives_the_first_rung(void **state)
{
	void *self = configured((const char *const[]){"VERIFYD_JUMIO_POLL_S=0,20", NULL});

	(void)state;
	assert_int_equal(after(self, -1), 0);
	assert_int_equal(after(self, -S(3600)), 0);
	assert_int_equal(after(self, 0), S(20));
	jumio()->free(self);
}

static void ladder_may_have_one_rung_and_may_have_32(void **state)
{
	static const char longest[] = "VERIFYD_JUMIO_POLL_S=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
	                              "23,24,25,26,27,28,29,30,31,86400";
	void *one = configured((const char *const[]){"VERIFYD_JUMIO_POLL_S=1", NULL});
	void *many = configured((const char *const[]){longest, NULL});

	(void)state;
	assert_int_equal(after(one, 0), S(1));
	assert_int_equal(after(one, S(1)), S(1) + DAY_MS);
	assert_int_equal(after(many, S(30)), S(31));
	assert_int_equal(after(many, S(31)), S(86400));
	assert_int_equal(after(many, S(86400)), 2 * S(86400));
	jumio()->free(one);
	jumio()->free(many);
}

static void watchdog_looks_20_minutes_after_the_pages_token_ended(void **state)
{
	static const struct {
		const char *setting;
		int64_t minutes;
	} rows[] = {
	        {"VERIFYD_JUMIO_TOKEN_LIFETIME_MIN=30", 50},
	        {"VERIFYD_JUMIO_TOKEN_LIFETIME_MIN=5", 25},
	        {"VERIFYD_JUMIO_TOKEN_LIFETIME_MIN=86400", 86420},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *self = configured((const char *const[]){rows[i].setting, NULL});
		assert_int_equal(jumio()->watchdog_ms(self), S(rows[i].minutes * 60));
		jumio()->free(self);
	}
}

static void watchdogs_setting_wins_over_the_lifetime(void **state)
{
	void *self = configured(
	        (const char *const[]){"VERIFYD_JUMIO_TOKEN_LIFETIME_MIN=60", "VERIFYD_JUMIO_WATCHDOG_AFTER=3s", NULL});

	(void)state;
	assert_int_equal(jumio()->watchdog_ms(self), S(3));
	jumio()->free(self);
}

static void limits_are_the_settings(void **state)
{
	void *standard = configured((const char *const[]){NULL});
	void *set =
	        configured((const char *const[]){"VERIFYD_JUMIO_MAX_ATTEMPTS=7", "VERIFYD_JUMIO_TIMEOUT_MS=750", NULL});

	(void)state;
	assert_int_equal(jumio()->max_a_day(standard), 3);
	assert_int_equal(jumio()->max_a_day(set), 7);
	assert_int_equal(jumio()->timeout_ms(standard, OPERATION_JUMIO_INITIATE), 15000);
	assert_int_equal(jumio()->timeout_ms(set, OPERATION_JUMIO_INITIATE), 750);
	assert_int_equal(jumio()->timeout_ms(set, OPERATION_JUMIO_RETRIEVE), 750);
	jumio()->free(standard);
	jumio()->free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ladder_is_the_one_of_jumios_guide_after_an_early_look),
	        cmocka_unit_test(rung_lies_strictly_after_what_has_passed),
	        cmocka_unit_test(rungs_that_were_missed_are_not_made_up_for),
	        cmocka_unit_test(after_the_ladder_it_is_once_a_day_for_a_week_then_never),
	        cmocka_unit_test(clock_that_went_back_gives_the_first_rung),
	        cmocka_unit_test(ladder_may_have_one_rung_and_may_have_32),
	        cmocka_unit_test(watchdog_looks_20_minutes_after_the_pages_token_ended),
	        cmocka_unit_test(watchdogs_setting_wins_over_the_lifetime),
	        cmocka_unit_test(limits_are_the_settings),
	};
	return cmocka_run_group_tests_name("jumio_schedule", tests, NULL, NULL);
}
