/* config_check: one check for each type of setting, chosen by the table `types`. Addresses and URLs are taken apart by
 * hand and strictly: what different programs would read in different ways is refused. */
#include "common/base/config_check.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOST_BYTES = 254, DIGITS_MAX = 18, LIMIT_BYTES = 32 };
enum { RATE_MAX_COUNT = 1000000, RATE_MIN_PERIOD_MS = 100, RATE_MAX_PERIOD_MS = 3600 * 1000 };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const struct setting config_settings[CONFIG_OPTION_COUNT] = {
#define OPTION(name, type, fallback, min, max, unit, flags, programs, help)                                            \
	[CONFIG_##name] = {#name, (type), (fallback), (min), (max), (unit), (flags), (programs), (help)},
#include "common/base/config_options.def"
#undef OPTION
};

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

/* Reads decimal digits. Returns: what follows them; NULL when there are none or too many. */
static const char *read_digits(const char *text, int64_t *ret_number)
{
	int64_t number = 0;
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > DIGITS_MAX)
		return NULL;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (text[i] - '0');
	*ret_number = number;
	return text + digits;
}

static const char *range_fault(const struct setting *setting, int64_t number, const char *below, const char *above)
{
	if (number < setting->min)
		return below;
	return number > setting->max ? above : NULL;
}

static const char *check_text(const struct setting *setting, char *text, int64_t *ret_number)
{
	(void)ret_number;
	return range_fault(setting, (int64_t)strlen(text), "too short", "too long");
}

static const char *check_number(const struct setting *setting, char *text, int64_t *ret_number)
{
	const char *rest = read_digits(text, ret_number);
	if (!rest || *rest)
		return "not a whole number";
	return range_fault(setting, *ret_number, "too small", "too large");
}

static const char *check_duration(const struct setting *setting, char *text, int64_t *ret_number)
{
	int64_t count = 0;
	const char *rest = read_digits(text, &count);
	for (size_t i = 0; rest && i < COUNT_OF(units); i++) {
		if (strcmp(rest, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(count, units[i].ms, ret_number))
			*ret_number = INT64_MAX;
		return range_fault(setting, *ret_number, "too short", "too long");
	}
	return "not a number with a unit (ms, s, m, h or d)";
}

/* N/Ts or N/Tms. Both numbers fit into one: config_rate takes them apart again. */
static const char *check_rate(const struct setting *setting, char *text, int64_t *ret_number)
{
	int64_t count = 0, period = 0;
	const char *rest = read_digits(text, &count);
	(void)setting;
	rest = rest && *rest == '/' ? read_digits(rest + 1, &period) : NULL;
	bool seconds = rest && strcmp(rest, "s") == 0;
	if (!seconds && !(rest && strcmp(rest, "ms") == 0))
		return "not a number, a slash and a time in s or ms";
	if (count < 1 || count > RATE_MAX_COUNT)
		return count < 1 ? "too few" : "too many";
	if (period > RATE_MAX_PERIOD_MS || (period *= seconds ? 1000 : 1) > RATE_MAX_PERIOD_MS)
		return "too long a time";
	if (period < RATE_MIN_PERIOD_MS)
		return "too short a time";
	*ret_number = count << CONFIG_RATE_SHIFT | period;
	return NULL;
}

/* 0, 1, 0.25: millionths, of which all digits count. */
static const char *check_share(const struct setting *setting, char *text, int64_t *ret_number)
{
	static const int64_t whole = 1000000;
	int64_t ones = 0, number = 0;
	const char *rest = read_digits(text, &ones);
	(void)setting;
	if (rest && *rest == '.') {
		int64_t digit = whole / 10;
		for (rest++; *rest >= '0' && *rest <= '9' && digit > 0; digit /= 10)
			number += (*rest++ - '0') * digit;
		if (digit == whole / 10)
			return "no digit follows the point";
	}
	if (!rest || *rest)
		return "not a number with at most six decimals";
	if (ones > 1 || (ones == 1 && number > 0))
		return "too large";
	*ret_number = ones * whole + number;
	return NULL;
}

static const char *check_flag(const struct setting *setting, char *text, int64_t *ret_number)
{
	static const char *const words[] = {"no", "yes", "false", "true", "0", "1"}; /* every second one means yes */
	(void)setting;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*ret_number = (int64_t)(i % 2);
			return NULL;
		}
	}
	return "neither yes nor no";
}

static const char *check_choice(const struct setting *setting, char *text, int64_t *ret_number)
{
	size_t len = strlen(text);
	const char *word = setting->unit;
	for (int64_t index = 0; *word; index++) {
		size_t word_len = strcspn(word, "|");
		if (word_len == len && strncasecmp(word, text, len) == 0) {
			memcpy(text, word, len);
			*ret_number = index;
			return NULL;
		}
		word += word_len + (word[word_len] == '|');
	}
	return "not one of the words";
}

struct endpoint {
	char host[HOST_BYTES]; /* without the brackets of [v6] */
	bool v6;
	int64_t port; /* -1: none was given */
};

static bool host_is_valid(const struct endpoint *endpoint)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	const char *host = endpoint->host;
	struct in6_addr v6;
	struct in_addr v4;
	if (endpoint->v6)
		return inet_pton(AF_INET6, host, &v6) == 1;
	if (!*host || host[strspn(host, allowed)] || *host == '.' || strstr(host, "..") ||
	    host[strlen(host) - 1] == '.')
		return false;
	/* Digits and dots alone are an IPv4 address in full; 127.1 or 2130706433 would be read by some and not by
	 * others. */
	return host[strspn(host, "0123456789.")] || inet_pton(AF_INET, host, &v4) == 1;
}

/* Takes HOST, HOST:PORT, [V6] or [V6]:PORT apart: text[0..len), which something else than a digit follows. */
static bool endpoint_parse(const char *text, size_t len, struct endpoint *ret_endpoint)
{
	struct endpoint endpoint = {.v6 = len > 0 && text[0] == '[', .port = -1};
	const char *end = text + len;
	const char *host = endpoint.v6 ? text + 1 : text;
	const char *host_end = memchr(text, endpoint.v6 ? ']' : ':', len);
	if (!host_end && endpoint.v6)
		return false;
	if (!host_end)
		host_end = end;
	size_t host_len = (size_t)(host_end - host);
	if (host_len >= sizeof(endpoint.host))
		return false;
	memcpy(endpoint.host, host, host_len);

	const char *rest = endpoint.v6 ? host_end + 1 : host_end;
	if (rest != end && (*rest != ':' || read_digits(rest + 1, &endpoint.port) != end))
		return false;
	if (endpoint.port > UINT16_MAX || !host_is_valid(&endpoint))
		return false;
	*ret_endpoint = endpoint;
	return true;
}

static bool endpoint_is_loopback(const struct endpoint *endpoint)
{
	struct in6_addr v6;
	struct in_addr v4;
	if (endpoint->v6)
		return inet_pton(AF_INET6, endpoint->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
	if (inet_pton(AF_INET, endpoint->host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	return strcasecmp(endpoint->host, "localhost") == 0;
}

static const char *check_address(const struct setting *setting, char *text, int64_t *ret_number)
{
	struct endpoint endpoint;
	(void)setting;
	(void)ret_number;
	if (endpoint_parse(text, strlen(text), &endpoint) && endpoint.port >= 0)
		return NULL;
	return "not an address with a port";
}

static bool may_stand_in_url(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!isgraph((unsigned char)*c) || strchr("\\\"<>^`{|}", *c))
			return false;
	return true;
}

static const char *url_fault(const char *url)
{
	bool https = strncasecmp(url, "https://", 8) == 0;
	if (!https && strncasecmp(url, "http://", 7) != 0)
		return "not an https:// URL";
	const char *authority = url + (https ? 8 : 7);
	size_t len = strcspn(authority, "/?#");
	struct endpoint endpoint;
	if (!may_stand_in_url(url))
		return "it holds a character that no URL may hold";
	if (memchr(authority, '@', len))
		return "a user name or password must not stand in it";
	if (strpbrk(url, "?#"))
		return "a query or fragment must not stand in it";
	if (!endpoint_parse(authority, len, &endpoint) || endpoint.port == 0)
		return "its host or port is not valid";
	return https || endpoint_is_loopback(&endpoint) ? NULL : "http:// is taken for a loopback address only";
}

static const char *check_vendor_url(const struct setting *setting, char *text, int64_t *ret_number)
{
	const char *fault = check_text(setting, text, ret_number);
	if (!fault)
		fault = url_fault(text);
	for (size_t len = strlen(text); !fault && text[len - 1] == '/'; len--)
		text[len - 1] = '\0';
	return fault;
}

/* The port must be given: what is meant without one differs from program to program. */
static const char *check_proxy_url(const struct setting *setting, char *text, int64_t *ret_number)
{
	struct endpoint endpoint;
	const char *fault = check_text(setting, text, ret_number);
	bool https = strncasecmp(text, "https://", 8) == 0;
	if (fault)
		return fault;
	if (!https && strncasecmp(text, "http://", 7) != 0)
		return "not an http:// or https:// URL";
	if (!may_stand_in_url(text))
		return "it holds a character that no URL may hold";
	char *authority = text + (https ? 8 : 7);
	size_t len = strcspn(authority, "/?#");
	if (strcmp(authority + len, "/") == 0)
		authority[len] = '\0';
	if (authority[len])
		return "a path must not stand in it";
	char *user_end = memrchr(authority, '@', len);
	char *host = user_end ? user_end + 1 : authority;
	if (user_end && (user_end == authority || memchr(authority, '@', (size_t)(user_end - authority))))
		return "its user name or password is not valid; percent-encode them";
	if (!endpoint_parse(host, strlen(host), &endpoint) || endpoint.port <= 0)
		return "its host or port is not valid, or there is no port";
	return NULL;
}

static const char *check_file(const struct setting *setting, char *text, int64_t *ret_number)
{
	struct stat info;
	(void)ret_number;
	if (stat(text, &info) != 0 || access(text, R_OK) != 0)
		return strerror(errno);
	if (!S_ISREG(info.st_mode))
		return "not a regular file";
	return info.st_size > setting->max ? "the file is too large" : NULL;
}

static const struct type_info {
	const char *(*check)(const struct setting *setting, char *text, int64_t *ret_number);
	const char *allowed; /* NULL: the setting's own range or words */
	bool may_show;
} types[] = {
        [CONFIG_TEXT] = {check_text, NULL, false},
        [CONFIG_NUMBER] = {check_number, NULL, true},
        [CONFIG_FLAG] = {check_flag, "yes or no", true},
        [CONFIG_CHOICE] = {check_choice, NULL, true},
        [CONFIG_ADDRESS] = {check_address, "HOST:PORT or [V6]:PORT", false},
        [CONFIG_VENDOR_URL] = {check_vendor_url, "https://HOST[:PORT][/PATH]", false},
        [CONFIG_PROXY_URL] = {check_proxy_url, "http[s]://[USER:PASSWORD@]HOST:PORT", false},
        [CONFIG_DURATION] = {check_duration, NULL, true},
        [CONFIG_RATE] = {check_rate, "N/Ts or N/Tms: 1 to 1000000 in 100ms to 3600s", true},
        [CONFIG_SHARE] = {check_share, "0 to 1", true},
        [CONFIG_FILE] = {check_file, "the path of a readable file", false},
};

const char *config_check(const struct setting *setting, char *text, int64_t *ret_number)
{
	int64_t number = 0;
	for (const char *c = text; *c; c++) {
		if (iscntrl((unsigned char)*c))
			return "it holds a line break or another control character";
	}
	const char *fault = types[setting->type].check(setting, text, &number);
	if (!fault)
		*ret_number = number;
	return fault;
}

static void duration_text(int64_t ms, char out[LIMIT_BYTES])
{
	size_t i = 0;
	while (units[i].ms > 1 && (ms == 0 || ms % units[i].ms != 0))
		i++;
	(void)snprintf(out, LIMIT_BYTES, "%lld%s", (long long)(ms / units[i].ms), units[i].name);
}

void config_allowed(const struct setting *setting, char *out, size_t cap)
{
	const char *unit = setting->unit ? setting->unit : "";
	long long min = setting->min, max = setting->max;
	char shortest[LIMIT_BYTES], longest[LIMIT_BYTES];
	if (types[setting->type].allowed) {
		(void)snprintf(out, cap, "%s", types[setting->type].allowed);
	} else if (setting->type == CONFIG_DURATION) {
		duration_text(min, shortest);
		duration_text(max, longest);
		(void)snprintf(out, cap, "%s to %s", shortest, longest);
	} else if (setting->type == CONFIG_NUMBER) {
		(void)snprintf(out, cap, "%lld to %lld%s%s", min, max, *unit ? " " : "", unit);
	} else if (setting->type == CONFIG_CHOICE) {
		(void)snprintf(out, cap, "%s", unit);
	} else if (min > 1) {
		(void)snprintf(out, cap, "%s%s%lld to %lld bytes", unit, *unit ? ", " : "", min, max);
	} else {
		(void)snprintf(out, cap, "%s%sat most %lld bytes", unit, *unit ? ", " : "", max);
	}
}

bool config_may_show(const struct setting *setting)
{
	return types[setting->type].may_show && !(setting->flags & CONFIG_SECRET);
}
