/* Tests of config_check by itself: the form of a proxy's URL. The other types are tested through config (config_test).
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_proxys_url_has_a_scheme_a_host_and_a_port),
	        cmocka_unit_test(what_else_stands_in_a_proxys_url_is_refused),
	        cmocka_unit_test(a_proxys_closing_slash_is_dropped),
	        cmocka_unit_test(a_proxys_url_is_never_shown),
	};
	return cmocka_run_group_tests_name("config_check", tests, NULL, NULL);
}
