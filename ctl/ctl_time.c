/* ctl_time: RFC 3339 and spans, read strictly: what is half a time is none. */
#include "ctl/ctl_time.h"
#include <stddef.h>
#include <string.h>
#include <time.h>

enum { SPAN_MAX_DIGITS = 9 };

/* Reads exactly `digits` digits, then the character `then` ('\0': whatever follows). Returns: false when they are not
 * there. */
static bool read_part(const char **text, int digits, char then, int *ret_number)
{
	int number = 0;
	for (int i = 0; i < digits; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		number = 10 * number + (**text - '0');
	}
	if (then && *(*text)++ != then)
		return false;
	*ret_number = number;
	return true;
}

static bool read_span(const char *text, int64_t now_ms, int64_t *ret_unix_ms)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 3600 * 1000}, {'d', 24 * 3600 * 1000}};
	size_t digits = strspn(text, "0123456789");
	int64_t number = 0;
	if (digits == 0 || digits > SPAN_MAX_DIGITS || !text[digits] || text[digits + 1])
		return false;
	for (size_t i = 0; i < digits; i++)
		number = 10 * number + (text[i] - '0');
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (units[i].unit != text[digits])
			continue;
		int64_t at = now_ms - number * units[i].ms;
		*ret_unix_ms = at > 0 ? at : 0;
		return true;
	}
	return false;
}

static bool read_date(const char **text, struct tm *date)
{
	if (!read_part(text, 4, '-', &date->tm_year) || !read_part(text, 2, '-', &date->tm_mon) ||
	    !read_part(text, 2, '\0', &date->tm_mday))
		return false;
	date->tm_year -= 1900;
	date->tm_mon -= 1;
	const struct tm given = *date;
	(void)timegm(date); /* a day that there is not becomes another one */
	return date->tm_year >= 70 && date->tm_mday == given.tm_mday && date->tm_mon == given.tm_mon;
}

static bool read_fraction(const char **text, int *ret_ms)
{
	int ms = 0, digits = 0;
	for (; **text >= '0' && **text <= '9'; (*text)++, digits++)
		if (digits < 3)
			ms = 10 * ms + (**text - '0');
	for (int i = digits; i < 3; i++)
		ms *= 10;
	*ret_ms = ms;
	return digits > 0;
}

static bool read_zone(const char **text, int *ret_minutes)
{
	int hours, minutes;
	char sign = *(*text)++;
	*ret_minutes = 0;
	if (sign == 'Z' || sign == 'z')
		return true;
	if ((sign != '+' && sign != '-') || !read_part(text, 2, ':', &hours) || !read_part(text, 2, '\0', &minutes) ||
	    hours > 23 || minutes > 59)
		return false;
	*ret_minutes = (sign == '-' ? -1 : 1) * (60 * hours + minutes);
	return true;
}

bool ctl_time_parse(const char *text, int64_t now_ms, int64_t *ret_unix_ms)
{
	struct tm date = {0};
	int ms = 0, zone = 0;
	if (read_span(text, now_ms, ret_unix_ms))
		return true;
	if (!read_date(&text, &date))
		return false;
	if (*text) {
		if ((*text != 'T' && *text != 't' && *text != ' ') || !*++text ||
		    !read_part(&text, 2, ':', &date.tm_hour) || !read_part(&text, 2, '\0', &date.tm_min))
			return false;
		if (*text == ':' && (text++, !read_part(&text, 2, '\0', &date.tm_sec)))
			return false;
		if (*text == '.' && (text++, !read_fraction(&text, &ms)))
			return false;
		if (date.tm_hour > 23 || date.tm_min > 59 || date.tm_sec > 60 || !read_zone(&text, &zone) || *text)
			return false;
	}
	int64_t at = ((int64_t)timegm(&date) - (int64_t)zone * 60) * 1000 + ms;
	*ret_unix_ms = at > 0 ? at : 0;
	return true;
}
