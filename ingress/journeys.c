/* journeys: the settings of journeys checked as a whole, and what is made of them. VERIFYD_PUBLIC_URL turns journeys
 * on. */
#include "ingress/journeys.h"
#include "ingress/urls.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define CALLBACK_PATH "/v1/callbacks/jumio/"
#define RETURN_PATH   "/return/"

enum {
	MINUTE_MS = 60 * 1000,
	TICKET_EXTRA_MIN = 60, /* above the vendor token's lifetime */
	VENDOR_URL_MAX = 255,  /* callbackUrl and errorUrl (contracts 1.2) */
	FIRST_YEAR = 2000,
};

static const char callback_sources[] =
#define CALLBACK_SOURCE(centre, address) "," address
#include "ingress/callback_sources.def"
#undef CALLBACK_SOURCE
        ;

static const struct {
	enum config_option option;
	const char *name;
} required[] = {
        {CONFIG_B2C_BASE_REDIRECT_URL, "VERIFYD_B2C_BASE_REDIRECT_URL"},
        {CONFIG_SIGNING_CERT_FILE, "VERIFYD_SIGNING_CERT_FILE"},
        {CONFIG_TOKEN_SIGNING_KEY, "VERIFYD_TOKEN_SIGNING_KEY"},
        {CONFIG_TOKEN_ENCRYPTION_KEY, "VERIFYD_TOKEN_ENCRYPTION_KEY"},
        {CONFIG_TOKEN_ISSUER, "VERIFYD_TOKEN_ISSUER"},
        {CONFIG_TOKEN_AUDIENCE, "VERIFYD_TOKEN_AUDIENCE"},
        {CONFIG_CALLBACK_SECRET, "VERIFYD_CALLBACK_SECRET"},
};

struct making {
	const struct config *config;
	FILE *complaints; /* NULL: nowhere */
	struct journeys *journeys;
	int mistakes;
	enum err_code failed; /* what is no mistake of the settings: memory, cryptography */
};

static void complain(struct making *making, const char *fmt, ...) PRINTF_FMT(2, 3);
static void complain(struct making *making, const char *fmt, ...)
{
	va_list arguments;
	making->mistakes++;
	if (!making->complaints)
		return;
	va_start(arguments, fmt);
	(void)vfprintf(making->complaints, fmt, arguments);
	va_end(arguments);
	(void)fputc('\n', making->complaints);
}

/* A failure of one part: a mistake of its setting, or none of the operator's. */
static void failed(struct making *making, const char *setting, enum err_code code, const struct err *err)
{
	if (code == ERR_NO_MEMORY || code == ERR_CRYPTO)
		making->failed = code;
	else
		complain(making, "%s: %s", setting, err->msg);
}

static const char *text(const struct making *making, enum config_option option)
{
	return config_str(making->config, option);
}

/* "" for one that is missing, which was complained of: so that the rest is checked in the same go. */
static const char *text_or_empty(const struct making *making, enum config_option option)
{
	const char *value = text(making, option);
	return value ? value : "";
}

static void check_required(struct making *making)
{
	for (size_t i = 0; i < COUNT_OF(required); i++)
		if (!text(making, required[i].option))
			complain(making, "%s: must be set, because VERIFYD_PUBLIC_URL is", required[i].name);
}

/* ---- addresses ---- */

/* Jumio takes no port and no address in place of a name (contracts 1.2). A loopback address is for trying things out.
 */
static void check_host(struct making *making, const char *url)
{
	static const char https[] = "https://";
	if (strncmp(url, https, sizeof https - 1) != 0 || url_is_loopback(url))
		return; /* http:// is taken for loopback only */
	const char *host = url + sizeof https - 1;
	size_t len = strcspn(host, "/");
	if (memchr(host, ':', len) || strspn(host, "0123456789.") == len)
		complain(making,
		         "VERIFYD_PUBLIC_URL: a port or an address instead of a name: Jumio refuses both in the "
		         "addresses that are made of it");
}

static void check_length(struct making *making, const char *what, size_t len)
{
	if (len > VENDOR_URL_MAX)
		complain(making,
		         "VERIFYD_PUBLIC_URL: too long: the %s has %zu characters, Jumio takes %d (Netverify Web "
		         "implementation guide, v4 initiate)",
		         what, len, VENDOR_URL_MAX);
}

static void take_urls(struct making *making)
{
	struct journeys *journeys = making->journeys;
	const char *public_url = text(making, CONFIG_PUBLIC_URL),
	           *b2c = text_or_empty(making, CONFIG_B2C_BASE_REDIRECT_URL);
	const char *secret = journeys->callback_secret;
	size_t len = strlen(public_url);
	(void)snprintf(journeys->public_url, sizeof journeys->public_url, "%s", public_url);
	(void)snprintf(journeys->b2c_base_url, sizeof journeys->b2c_base_url, "%s", b2c);
	check_host(making, public_url);
	check_length(making, "return address (errorUrl)", len + strlen(RETURN_PATH) + TICKET_BYTES - 1);
	if (secret)
		check_length(making, "callback address (callbackUrl)", len + strlen(CALLBACK_PATH) + strlen(secret));
}

static void take_callback(struct making *making)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *secret = text(making, CONFIG_CALLBACK_SECRET), *from = text(making, CONFIG_CALLBACK_ALLOW_FROM);
	struct err err = {ERR_OK, ""};
	if (secret && secret[strspn(secret, allowed)])
		complain(making, "VERIFYD_CALLBACK_SECRET: only letters, digits, - and _ may stand in it, because it "
		                 "becomes part of an address");
	making->journeys->callback_secret = secret;
	enum err_code code = cidr_list_new(from ? from : callback_sources + 1, &making->journeys->callback_from, &err);
	if (code != ERR_OK)
		failed(making, "VERIFYD_CALLBACK_ALLOW_FROM", code, &err);
}

/* ---- numbers ---- */

/* YYYY-MM-DD: the end of that day in UTC, as the first millisecond after it. */
static bool end_of_day(const char *date, int64_t *ret_ms)
{
	static const char shape[] = "dddd-dd-dd";
	struct tm day = {0};
	if (strlen(date) != sizeof shape - 1)
		return false;
	for (size_t i = 0; i < sizeof shape - 1; i++)
		if (shape[i] == 'd' ? date[i] < '0' || date[i] > '9' : date[i] != shape[i])
			return false;
	int year = (int)strtol(date, NULL, 10), month = (int)strtol(date + 5, NULL, 10);
	int of_month = (int)strtol(date + 8, NULL, 10);
	day.tm_year = year - 1900;
	day.tm_mon = month - 1;
	day.tm_mday = of_month;
	int64_t begin_s = timegm(&day); /* turns 31 February into 3 March */
	if (year < FIRST_YEAR || day.tm_mon != month - 1 || day.tm_mday != of_month)
		return false;
	*ret_ms = (begin_s + (int64_t)24 * 3600) * 1000;
	return true;
}

static void take_numbers(struct making *making)
{
	struct journeys *journeys = making->journeys;
	const char *until = text(making, CONFIG_JUMIO_ADOPT_UNTIL);
	int64_t lifetime_min = config_int(making->config, CONFIG_JUMIO_TOKEN_LIFETIME_MIN);
	journeys->ticket_life_ms = (lifetime_min + TICKET_EXTRA_MIN) * MINUTE_MS;
	journeys->initiate_wait_ms = config_int(making->config, CONFIG_INITIATE_WAIT_MS);
	journeys->max_a_day = (int)config_int(making->config, CONFIG_JUMIO_MAX_ATTEMPTS);
	if (until && !end_of_day(until, &journeys->adopt_until_ms))
		complain(making, "VERIFYD_JUMIO_ADOPT_UNTIL: \"%s\" is no date of the form YYYY-MM-DD", until);
}

static void take_applications(struct making *making)
{
	struct err err = {ERR_OK, ""};
	const char *names = text(making, CONFIG_APPLICATION_NAMES);
	enum err_code code = applications_new(names, &making->journeys->applications, &err);
	if (code != ERR_OK)
		failed(making, "VERIFYD_APPLICATION_NAMES", code, &err);
}

/* ---- keys ---- */

static void open_tickets(struct making *making)
{
	struct err err = {ERR_OK, ""};
	const char *id_key = text(making, CONFIG_ID_KEY);
	enum err_code code = id_key ? tickets_new(id_key, &making->journeys->tickets, &err) : ERR_OK;
	if (code != ERR_OK)
		failed(making, "VERIFYD_ID_KEY", code, &err);
}

static void open_tokens(struct making *making)
{
	const struct tokens_options options = {
	        .signing_keys = text(making, CONFIG_TOKEN_SIGNING_KEY),
	        .encryption_keys = text(making, CONFIG_TOKEN_ENCRYPTION_KEY),
	        .issuer = text_or_empty(making, CONFIG_TOKEN_ISSUER),
	        .audience = text_or_empty(making, CONFIG_TOKEN_AUDIENCE),
	};
	if (!options.signing_keys || !options.encryption_keys)
		return; /* complained of already */
	enum err_code code = tokens_new(&options, making->complaints, &making->journeys->tokens);
	if (code == ERR_INVALID)
		making->mistakes++; /* it has complained itself */
	else if (code != ERR_OK)
		making->failed = code;
}

static void open_hints(struct making *making, int64_t now_ms)
{
	struct err err = {ERR_OK, ""};
	const struct hints_options options = {
	        .file = text(making, CONFIG_SIGNING_CERT_FILE),
	        .password = text(making, CONFIG_SIGNING_CERT_PASSWORD),
	        .issuer = text_or_empty(making, CONFIG_TOKEN_ISSUER),
	        .audience = text_or_empty(making, CONFIG_TOKEN_AUDIENCE),
	        .public_url = making->journeys->public_url,
	};
	if (!options.file)
		return;
	enum err_code code = hints_new(&options, now_ms / 1000, &making->journeys->hints, &err);
	if (code != ERR_OK)
		failed(making, "VERIFYD_SIGNING_CERT_FILE", code, &err);
}

enum err_code journeys_new(const struct config *config, int64_t now_ms, FILE *complaints,
                           struct journeys **ret_journeys, int *ret_mistakes)
{
	struct making making = {.config = config, .complaints = complaints};
	*ret_mistakes = 0;
	if (!config_str(config, CONFIG_PUBLIC_URL)) {
		*ret_journeys = NULL;
		return ERR_OK;
	}
	making.journeys = calloc(1, sizeof *making.journeys);
	if (!making.journeys)
		return ERR_NO_MEMORY;
	check_required(&making);
	take_callback(&making);
	take_urls(&making);
	take_numbers(&making);
	take_applications(&making);
	open_tickets(&making);
	open_tokens(&making);
	open_hints(&making, now_ms);
	*ret_mistakes = making.mistakes;
	bool whole = making.journeys->tickets && making.journeys->tokens && making.journeys->hints;
	if (making.failed == ERR_OK && making.mistakes == 0 && whole) {
		*ret_journeys = making.journeys;
		return ERR_OK;
	}
	journeys_free(making.journeys);
	return making.failed != ERR_OK ? making.failed : ERR_INVALID;
}

void journeys_free(struct journeys *journeys)
{
	if (!journeys)
		return;
	tickets_free(journeys->tickets);
	tokens_free(journeys->tokens);
	hints_free(journeys->hints);
	cidr_list_free(journeys->callback_from);
	applications_free(journeys->applications);
	free(journeys);
}
