/* jumio: settings and schedule of the Jumio adapter. What is sent and how replies are read is in netverify_*.c. */
#include "common/base/decimal.h"
#include "workers/vendors/jumio/jumio_internal.h"
#include <assert.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (86400 * (int64_t)1000)

enum {
	CREDENTIAL_BYTES = 520, /* user:password */
	POLL_MAX_S = 86400,
	POLL_DAYS = 7,           /* after the ladder's last rung, once a day */
	WATCHDOG_EXTRA_MIN = 20, /* a person may sit before the page for 15 min after its token ended */
};

/* ---- settings ---- */

struct check {
	const struct config *config;
	FILE *complaints; /* NULL: nowhere */
	bool wrong;
};

static void complain(struct check *check, const char *name, const char *fmt, ...) PRINTF_FMT(3, 4);
static void complain(struct check *check, const char *name, const char *fmt, ...)
{
	va_list args;

	check->wrong = true;
	if (!check->complaints)
		return;
	va_start(args, fmt);
	(void)fprintf(check->complaints, "VERIFYD_%s: ", name);
	(void)vfprintf(check->complaints, fmt, args);
	(void)fputc('\n', check->complaints);
	va_end(args);
}

/* Returns: the setting; "" after a complaint that it is missing. */
static const char *needed(struct check *check, enum config_option option, const char *name)
{
	const char *text = config_str(check->config, option);

	if (!text)
		complain(check, name, "not set; the worker needs it for vendor jumio");
	return text ? text : "";
}

static void take_address(struct check *check, struct jumio *self)
{
	/* In the order of the setting's words. */
	static const char *const regions[] = {"https://netverify.com", "https://lon.netverify.com",
	                                      "https://core-sgp.jumio.com"};
	const char *url = config_str(check->config, CONFIG_JUMIO_BASE_URL);
	int region = config_choice(check->config, CONFIG_JUMIO_REGION);

	if (url && region >= 0)
		complain(check, "JUMIO_REGION", "set together with VERIFYD_JUMIO_BASE_URL; only one of them may be");
	else if (!url && region < 0)
		complain(check, "JUMIO_BASE_URL", "not set; vendor jumio needs it or VERIFYD_JUMIO_REGION");
	else
		(void)snprintf(self->base_url, sizeof(self->base_url), "%s", url ? url : regions[region]);
}

/* RFC 7617: the name ends at the first colon. */
static void take_credential(struct check *check, struct jumio *self)
{
	char plain[CREDENTIAL_BYTES], encoded[JUMIO_AUTHORIZATION_BYTES - sizeof("Basic ")];
	const char *name = needed(check, CONFIG_JUMIO_AUTH_USERNAME, "JUMIO_AUTH_USERNAME");

	if (strchr(name, ':'))
		complain(check, "JUMIO_AUTH_USERNAME", "holds a colon, which ends a name in HTTP Basic");
	const char *password = needed(check, CONFIG_JUMIO_AUTH_PASSWORD, "JUMIO_AUTH_PASSWORD");
	int len = snprintf(plain, sizeof(plain), "%s:%s", name, password);
	assert(len > 0 && (size_t)len < sizeof(plain)); /* by the table of settings */
	(void)EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)plain, len);
	(void)snprintf(self->authorization, sizeof(self->authorization), "Basic %s", encoded);
	explicit_bzero(plain, sizeof(plain));
	explicit_bzero(encoded, sizeof(encoded));
}

/* "<Company> <App>/<version>"; a company's name may be several words. */
static bool is_user_agent(const char *text)
{
	const char *product = strrchr(text, ' ');
	const char *slash = product ? strchr(product, '/') : NULL;

	for (const char *at = text; *at; at++)
		if (*at < ' ' || *at > '~' || (*at == ' ' && (at == text || at[1] == ' ')))
			return false;
	return slash && slash > product + 1 && slash[1] != '\0';
}

static void take_user_agent(struct check *check, struct jumio *self)
{
	const char *text = needed(check, CONFIG_JUMIO_USER_AGENT, "JUMIO_USER_AGENT");

	if (text[0] && !is_user_agent(text))
		complain(check, "JUMIO_USER_AGENT",
		         "not of the form \"Company App/version\", without which Jumio refuses calls");
	(void)snprintf(self->user_agent, sizeof(self->user_agent), "%s", text);
}

static void take_workflow(struct check *check, struct jumio *self)
{
	enum { FACES_AUTO, FACES_YES }; /* the setting's words */
	int workflow = (int)config_int(check->config, CONFIG_JUMIO_WORKFLOW);
	int faces = config_choice(check->config, CONFIG_JUMIO_REQUIRE_FACE_MATCH);
	bool compares = workflow >= 200 && workflow <= 202;

	if (!compares && (workflow < 100 || workflow > 102))
		complain(check, "JUMIO_WORKFLOW", "not one of 100, 101, 102, 200, 201, 202");
	else if (!compares && faces == FACES_YES)
		complain(check, "JUMIO_REQUIRE_FACE_MATCH",
		         "yes, but workflow %d compares no faces: nobody could be verified", workflow);
	self->workflow = workflow;
	self->needs_faces = faces == FACES_YES || (faces == FACES_AUTO && compares);
}

/* Returns: false when the text is no list of 1 to JUMIO_POLLS_MAX ascending seconds. */
static bool read_polls(const char *text, struct jumio *self)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		int64_t seconds = 0;
		if (self->poll_count == JUMIO_POLLS_MAX || decimal_parse(text, len, POLL_MAX_S, &seconds) != ERR_OK)
			return false;
		int64_t ms = seconds * 1000;
		if (self->poll_count > 0 && ms <= self->polls_ms[self->poll_count - 1])
			return false;
		self->polls_ms[self->poll_count++] = ms;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

static void take_schedule(struct check *check, struct jumio *self)
{
	int64_t watchdog_ms = config_int(check->config, CONFIG_JUMIO_WATCHDOG_AFTER);

	const char *polls = needed(check, CONFIG_JUMIO_POLL_S, "JUMIO_POLL_S");

	if (polls[0] && !read_polls(polls, self))
		complain(check, "JUMIO_POLL_S", "not a list of 1 to %d ascending seconds, each at most %d",
		         JUMIO_POLLS_MAX, POLL_MAX_S);
	self->lifetime_min = (int)config_int(check->config, CONFIG_JUMIO_TOKEN_LIFETIME_MIN);
	self->watchdog_ms =
	        watchdog_ms >= 0 ? watchdog_ms : ((int64_t)self->lifetime_min + WATCHDOG_EXTRA_MIN) * 60 * 1000;
}

static void jumio_free(void *ctx)
{
	if (!ctx)
		return;
	explicit_bzero(ctx, sizeof(struct jumio));
	free(ctx);
}

static enum err_code configure(const struct config *config, FILE *complaints, void **ret_self)
{
	struct check check = {.config = config, .complaints = complaints};
	struct jumio *self = calloc(1, sizeof(*self));

	if (!self)
		return ERR_NO_MEMORY;
	take_address(&check, self);
	take_credential(&check, self);
	take_user_agent(&check, self);
	take_workflow(&check, self);
	take_schedule(&check, self);
	self->timeout_ms = (int)config_int(config, CONFIG_JUMIO_TIMEOUT_MS);
	self->initiate_rate = config_rate(config, CONFIG_JUMIO_INITIATE_RATE);
	self->retrieve_rate = config_rate(config, CONFIG_JUMIO_RETRIEVE_RATE);
	self->max_a_day = (int)config_int(config, CONFIG_JUMIO_MAX_ATTEMPTS);
	if (check.wrong) {
		jumio_free(self);
		return ERR_INVALID;
	}
	*ret_self = self;
	return ERR_OK;
}

/* ---- the schedule ---- */

static int64_t next_poll_ms(const void *ctx, int64_t elapsed_ms)
{
	const struct jumio *self = ctx;
	int64_t last_ms = self->polls_ms[self->poll_count - 1];

	for (size_t i = 0; i < self->poll_count; i++)
		if (self->polls_ms[i] > elapsed_ms)
			return self->polls_ms[i];
	int64_t days = (elapsed_ms - last_ms) / DAY_MS + 1;
	return days <= POLL_DAYS ? last_ms + days * DAY_MS : -1;
}

static int64_t watchdog_ms(const void *ctx)
{
	return ((const struct jumio *)ctx)->watchdog_ms;
}

static int max_a_day(const void *ctx)
{
	return ((const struct jumio *)ctx)->max_a_day;
}

static struct config_rate rate(const void *ctx, enum operation operation)
{
	const struct jumio *self = ctx;

	return operation == OPERATION_JUMIO_INITIATE ? self->initiate_rate : self->retrieve_rate;
}

static const char *base_url(const void *ctx)
{
	return ((const struct jumio *)ctx)->base_url;
}

static int timeout_ms(const void *ctx, enum operation operation)
{
	(void)operation;
	return ((const struct jumio *)ctx)->timeout_ms;
}

/* ---- the vendor ---- */

static enum err_code build(const void *ctx, const struct vendor_job *job, struct http_request *ret_http,
                           struct err *err)
{
	return netverify_build(ctx, job, ret_http, err);
}

static void read_reply(const void *ctx, const struct vendor_job *job, const struct http_response *response,
                       struct vendor_answer *answer)
{
	netverify_read(ctx, job, response, answer);
}

const struct vendor vendor_jumio = {
        .name = "jumio",
        .configure = configure,
        .free = jumio_free,
        .build = build,
        .read = read_reply,
        .next_poll_ms = next_poll_ms,
        .watchdog_ms = watchdog_ms,
        .max_a_day = max_a_day,
        .rate = rate,
        .base_url = base_url,
        .timeout_ms = timeout_ms,
};
