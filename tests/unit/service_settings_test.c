/* Tests of service_settings: every mistake is one line that names its setting and not its text. */
#include "common/adapters/service_settings.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOOD_KEYS "VERIFYD_SEAL_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define GOOD_URL  "VERIFYD_REDIS_URL=redis://:hush@127.0.0.1:1"

static void each_setting_that_cannot_be_used_is_one_line_without_its_text(void **state)
{
	static const struct {
		const char *keys, *url;
		int mistakes;
		const char *named[2];
	} rows[] = {
	        {GOOD_KEYS, GOOD_URL, 0, {NULL}},
	        {"VERIFYD_SEAL_KEYS=k1:hush", GOOD_URL, 1, {"VERIFYD_SEAL_KEYS: "}},
	        {GOOD_KEYS, "VERIFYD_REDIS_URL=http://:hush@h", 1, {"VERIFYD_REDIS_URL: "}},
	        {"VERIFYD_SEAL_KEYS=k1:hush",
	         "VERIFYD_REDIS_URL=http://:hush@h",
	         2,
	         {"VERIFYD_SEAL_KEYS: ", "VERIFYD_REDIS_URL: "}},
	        {"UNUSED=1", "UNUSED=2", 0, {NULL}}, /* that they are missing has been said already */
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char keys[96], url[64], *text = NULL;
		size_t len = 0;
		struct config *config = NULL;
		strcpy(keys, rows[i].keys);
		strcpy(url, rows[i].url);
		int ignored;
		assert_int_equal(config_read(CONFIG_WORKER, (char *const[]){keys, url, NULL}, NULL, &config, &ignored),
		                 ERR_OK);
		FILE *complaints = open_memstream(&text, &len);
		assert_non_null(complaints);
		assert_int_equal(service_settings_check(config, complaints), rows[i].mistakes);
		assert_int_equal(fclose(complaints), 0);
		int lines = 0;
		for (const char *at = text; (at = strchr(at, '\n')); at++)
			lines++;
		assert_int_equal(lines, rows[i].mistakes);
		for (int n = 0; n < 2 && rows[i].named[n]; n++)
			assert_non_null(strstr(text, rows[i].named[n]));
		assert_null(strstr(text, "hush"));
		free(text);
		config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_setting_that_cannot_be_used_is_one_line_without_its_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
