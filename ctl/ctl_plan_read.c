/* ctl_plan_read: the flags of `plan` as numbers, each within its bounds. Pure. */
#include "common/base/config_check.h"
#include "common/base/decimal.h"
#include "ctl/ctl_plan.h"
#include <stdio.h>
#include <string.h>

enum kind { COUNT, DECIMAL, RATE, DURATION };
enum { MILLION = 1000000, FRACTION_DIGITS = 6, TEXT_BYTES = 64 };

static const struct {
	const char *name;
	enum kind kind;
	const char *fallback;
	int64_t min, max;
} rows[PLAN_FLAG_COUNT] = {
#define PLAN_FLAG(symbol, name, kind, value, fallback, min, max, help) {name, kind, fallback, min, max},
#include "ctl/plan_flags.def"
#undef PLAN_FLAG
};

/* "12", "0.75", ".5" is none. In millionths. */
static bool read_decimal(const char *text, int64_t max, int64_t *ret_millionths)
{
	size_t whole_len = strcspn(text, "."), fraction_len = text[whole_len] ? strlen(text + whole_len + 1) : 0;
	char digits[FRACTION_DIGITS + 1] = "000000";
	int64_t whole, fraction;
	if (fraction_len > FRACTION_DIGITS || (text[whole_len] && fraction_len == 0))
		return false;
	memcpy(digits, text + whole_len + (fraction_len > 0), fraction_len);
	if (decimal_parse(text, whole_len, max, &whole) != ERR_OK ||
	    decimal_parse(digits, FRACTION_DIGITS, MILLION - 1, &fraction) != ERR_OK || (whole == max && fraction > 0))
		return false;
	*ret_millionths = whole * MILLION + fraction;
	return true;
}

/* As the settings table reads its own. */
static bool read_as_setting(enum config_type type, size_t at, const char *text, int64_t *ret_number)
{
	const struct setting setting = {.name = rows[at].name, .type = type, .min = rows[at].min, .max = rows[at].max};
	char copy[TEXT_BYTES];
	if (strlen(text) >= sizeof copy)
		return false;
	(void)snprintf(copy, sizeof copy, "%s", text);
	return config_check(&setting, copy, ret_number) == NULL;
}

static bool read_one(size_t at, const char *text, int64_t *ret_number)
{
	switch (rows[at].kind) {
	case DECIMAL:
		return read_decimal(text, rows[at].max, ret_number);
	case RATE:
		return read_as_setting(CONFIG_RATE, at, text, ret_number);
	case DURATION:
		return read_as_setting(CONFIG_DURATION, at, text, ret_number);
	case COUNT:
		break;
	}
	return read_as_setting(CONFIG_NUMBER, at, text, ret_number);
}

static const char *complain(size_t at, char complaint[PLAN_COMPLAINT_BYTES])
{
	const char *name = rows[at].name;
	long long min = rows[at].min, max = rows[at].max;
	switch (rows[at].kind) {
	case DECIMAL:
		(void)snprintf(complaint, PLAN_COMPLAINT_BYTES,
		               "%s: not a number from %lld to %lld, with six digits behind the point at most", name,
		               min, max);
		break;
	case RATE:
		(void)snprintf(complaint, PLAN_COMPLAINT_BYTES,
		               "%s: not a rate as 75/5s or 200/500ms: 1 to 1000000 in 100 ms to 1 h", name);
		break;
	case DURATION:
		(void)snprintf(complaint, PLAN_COMPLAINT_BYTES, "%s: not a time from 1h to 3650d", name);
		break;
	case COUNT:
		(void)snprintf(complaint, PLAN_COMPLAINT_BYTES, "%s: not a whole number from %lld to %lld", name, min,
		               max);
		break;
	}
	return complaint;
}

static double rate_of(int64_t number)
{
	const int64_t period_ms = number & ((INT64_C(1) << CONFIG_RATE_SHIFT) - 1);
	return number > 0 ? (double)(number >> CONFIG_RATE_SHIFT) * 1000 / (double)period_ms : 0;
}

const char *plan_read(const char *const texts[PLAN_FLAG_COUNT], struct plan_input *ret_input,
                      char complaint[PLAN_COMPLAINT_BYTES])
{
	int64_t numbers[PLAN_FLAG_COUNT];
	for (size_t i = 0; i < PLAN_FLAG_COUNT; i++) {
		const char *text = texts[i] ? texts[i] : rows[i].fallback;
		numbers[i] = -1;
		if (text && !read_one(i, text, &numbers[i]))
			return complain(i, complaint);
	}
	if (texts[PLAN_MINUTES] && texts[PLAN_HOURS])
		return "--hours and --minutes: only one of them";
	if (numbers[PLAN_SIGNUPS] == 0 && numbers[PLAN_SCORES] == 0)
		return "needs --signups-per-minute or --scores-per-second above 0";
	double minutes = texts[PLAN_HOURS] ? (double)numbers[PLAN_HOURS] * 60 : 60;
	if (texts[PLAN_MINUTES])
		minutes = (double)numbers[PLAN_MINUTES];
	*ret_input = (struct plan_input){
	        .signups_s = (double)numbers[PLAN_SIGNUPS] / MILLION / 60,
	        .scores_s = (double)numbers[PLAN_SCORES] / MILLION,
	        .burst_s = minutes * 60,
	        .quotas = {[PLAN_QUOTA_INITIATE] = rate_of(numbers[PLAN_INITIATE_RATE]),
	                   [PLAN_QUOTA_RETRIEVE] = rate_of(numbers[PLAN_RETRIEVE_RATE]),
	                   [PLAN_QUOTA_SCORE] = rate_of(numbers[PLAN_SCORE_RATE])},
	        .latency_s = (double)numbers[PLAN_LATENCY] / 1000,
	        .retention_s = (double)numbers[PLAN_RETENTION] / 1000,
	        .prices = {[PLAN_SCORE] = (double)numbers[PLAN_PRICE_SCORE] / MILLION,
	                   [PLAN_SIGNUP] = (double)numbers[PLAN_PRICE_INITIATE] / MILLION},
	};
	return NULL;
}
