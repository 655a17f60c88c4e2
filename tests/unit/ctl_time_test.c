/* ctl_time: spans and times of RFC 3339, and what looks like one. */
#include "ctl/ctl_time.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t NOW_MS = 1790000000000; /* 2026-09-21T14:13:20Z */

static void spans_and_times_are_read_to_the_millisecond(void **state)
{
	static const struct {
		const char *text;
		int64_t unix_ms;
	} rows[] = {
	        {"0s", 1790000000000},
	        {"90s", 1789999910000},
	        {"30m", 1789998200000},
	        {"2h", 1789992800000},
	        {"3d", 1789740800000},
	        {"999999999d", 0}, /* before 1970 */
	        {"2026-09-21T14:13:20Z", 1790000000000},
	        {"2026-09-21t14:13:20z", 1790000000000},
	        {"2026-09-21 14:13:20Z", 1790000000000},
	        {"2026-09-21T14:13Z", 1789999980000},
	        {"2026-09-21T14:13:20.5Z", 1790000000500},
	        {"2026-09-21T14:13:20.123456Z", 1790000000123},
	        {"2026-09-21T16:13:20+02:00", 1790000000000},
	        {"2026-09-21T08:43:20-05:30", 1790000000000},
	        {"2026-09-21", 1789948800000},
	        {"2024-02-29", 1709164800000},
	        {"1970-01-01", 0},
	        {"1970-01-01T00:00+01:00", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t got = -1;
		if (!ctl_time_parse(rows[i].text, NOW_MS, &got) || got != rows[i].unix_ms)
			print_error("%s: %lld\n", rows[i].text, (long long)got);
		assert_int_equal(got, rows[i].unix_ms);
	}
}

static void what_is_half_a_time_is_none(void **state)
{
	static const char *const texts[] = {
	        "",
	        "2",
	        "h",
	        "2 h",
	        "2H",
	        "-2h",
	        "1.5h",
	        "2h3m",
	        "1000000000s",
	        "2026",
	        "2026-09",
	        "2026-9-21",
	        "2026-02-30",
	        "2026-13-01",
	        "2026-00-01",
	        "2026-09-00",
	        "1969-12-31",
	        "2026-09-21T",
	        "2026-09-21T14",
	        "2026-09-21T14:13",
	        "2026-09-21T14:13:20",
	        "2026-09-21T24:00Z",
	        "2026-09-21T14:60Z",
	        "2026-09-21T14:13:61Z",
	        "2026-09-21T14:13:20.Z",
	        "2026-09-21T14:13Zx",
	        "2026-09-21T14:13+1:00",
	        "2026-09-21T14:13+0100",
	        "2026-09-21T14:13+24:00",
	        "2026-09-21x",
	        "yesterday",
	};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int64_t got = -1;
		if (ctl_time_parse(texts[i], NOW_MS, &got))
			print_error("%s was taken for %lld\n", texts[i], (long long)got);
		assert_int_equal(got, -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(spans_and_times_are_read_to_the_millisecond),
	        cmocka_unit_test(what_is_half_a_time_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
