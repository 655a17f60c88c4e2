/* Tests of config_check by itself: the form of a proxy's URL, and of a rate. The other types are tested through config
 * (config_test).
 */
#include "common/base/config_check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Returns: what is wrong; NULL: nothing, and ret_text is what is kept. */
static const char *fault_of(const char *proxy, char ret_text[256])
{
	int64_t number = 0;

	(void)snprintf(ret_text, 256, "%s", proxy);
	return config_check(&config_settings[CONFIG_VENDOR_PROXY], ret_text, &number);
}

static void a_proxys_url_has_a_scheme_a_host_and_a_port(void **state)
{
	static const char *const taken[] = {"http://proxy:3128",          "HTTPS://proxy.example.com:443",
	                                    "http://10.0.0.1:8080",       "http://[::1]:1",
	                                    "http://u:p%40ss@proxy:3128", "http://u@proxy:3128",
	                                    "http://u:p:q@h-1.x:80",      "https://u:@proxy:65535"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		const char *fault = fault_of(taken[i], text);
		if (fault)
			fail_msg("%s: %s", taken[i], fault);
		assert_string_equal(text, taken[i]);
	}
}

static void what_else_stands_in_a_proxys_url_is_refused(void **state)
{
	static const char *const refused[] = {"",
	                                      "proxy:3128",
	                                      "socks5://proxy:1080",
	                                      "http://",
	                                      "http://proxy",
	                                      "http://proxy:",
	                                      "http://proxy:0",
	                                      "http://proxy:99999",
	                                      "http://:3128",
	                                      "http://@proxy:3128",
	                                      "http://u:p@ss@proxy:3128",
	                                      "http://u:p/w@proxy:3128",
	                                      "http://proxy:3128/x",
	                                      "http://proxy:3128//",
	                                      "http://proxy:3128?x",
	                                      "http://proxy:3128#x",
	                                      "http://pro xy:3128",
	                                      "http://u\\@proxy:3128",
	                                      "http://127.1:3128",
	                                      "http://proxy.:3128",
	                                      "http://u@proxy:3128\r\nX: y"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (!fault_of(refused[i], text))
			fail_msg("taken: %s", refused[i]);
}

static void a_proxys_closing_slash_is_dropped(void **state)
{
	char text[256];

	(void)state;
	assert_null(fault_of("http://u:p@proxy:3128/", text));
	assert_string_equal(text, "http://u:p@proxy:3128");
}

static void a_proxys_url_is_never_shown(void **state)
{
	(void)state;
	assert_true(config_settings[CONFIG_VENDOR_PROXY].flags & CONFIG_SECRET);
	assert_false(config_may_show(&config_settings[CONFIG_VENDOR_PROXY]));
}

static const char *rate_fault(const char *rate, int64_t *ret_number)
{
	const struct setting setting = {.name = "RATE", .type = CONFIG_RATE};
	char text[64];

	(void)snprintf(text, sizeof(text), "%s", rate);
	return config_check(&setting, text, ret_number);
}

static void a_rate_is_a_number_in_a_time(void **state)
{
	static const struct {
		const char *text;
		int64_t count, period_ms;
	} rows[] = {{"75/5s", 75, 5000},
	            {"200/500ms", 200, 500},
	            {"1/100ms", 1, 100},
	            {"1000000/3600s", 1000000, 3600000},
	            {"1/3600000ms", 1, 3600000}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t number = -1;
		if (rate_fault(rows[i].text, &number))
			fail_msg("refused: %s", rows[i].text);
		assert_int_equal(number >> CONFIG_RATE_SHIFT, rows[i].count);
		assert_int_equal(number & ((INT64_C(1) << CONFIG_RATE_SHIFT) - 1), rows[i].period_ms);
	}
}

static void what_is_no_rate_is_refused(void **state)
{
	static const char *const refused[] = {"",
	                                      "75",
	                                      "75/",
	                                      "75/s",
	                                      "/5s",
	                                      "75/5",
	                                      "75/5m",
	                                      "75/5 s",
	                                      "75 /5s",
	                                      "-1/5s",
	                                      "0/5s",
	                                      "1/0s",
	                                      "1000001/5s",
	                                      "1/99ms",
	                                      "1/3601s",
	                                      "1/5s/5s",
	                                      "1.5/5s",
	                                      "1/3600001ms",
	                                      "1/999999999999999999s"};
	int64_t number = -1;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (!rate_fault(refused[i], &number))
			fail_msg("taken: %s", refused[i]);
	assert_int_equal(number, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_proxys_url_has_a_scheme_a_host_and_a_port),
	        cmocka_unit_test(what_else_stands_in_a_proxys_url_is_refused),
	        cmocka_unit_test(a_proxys_closing_slash_is_dropped),
	        cmocka_unit_test(a_proxys_url_is_never_shown),
	        cmocka_unit_test(a_rate_is_a_number_in_a_time),
	        cmocka_unit_test(what_is_no_rate_is_refused),
	};
	return cmocka_run_group_tests_name("config_check", tests, NULL, NULL);
}
