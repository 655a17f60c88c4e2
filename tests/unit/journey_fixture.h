/* journey_fixture: /start, /wait and /return as a browser asks for them, on ingress_fixture's service; and what a page must
 * be. */
#ifndef VERIFYD_JOURNEY_FIXTURE_H
#define VERIFYD_JOURNEY_FIXTURE_H

#include "ingress/browser_cookie.h"
#include "ingress/pages.h"
#include "ingress/revisit.h"
#include "tests/unit/ingress_fixture.h"

#define ID   "vAAAAAAAAAAAAAAAAAAAAAA"
#define LINK "https://capture.example/web?authorizationToken=T"

static inline int start(void **state)
{
	(void)state;
	start_service(true, (const char *const[]){
	                            "VERIFYD_APPLICATION_NAMES=client&1=Fjord & Sons;b2c=Harbour;*=Every <App>", NULL});
	return 0;
}

/* PATH/ticket, as a browser asks for it. Lives until the next call. */
static inline const char *target_of(enum ticket_use use, int64_t made_ms, int64_t ends_s)
{
	static char target[256];
	struct ticket ticket = {.id = ID, .made_ms = made_ms, .ends_s = ends_s};
	char text[TICKET_BYTES];
	assert_int_equal(ticket_make(service.ingress.journeys->tickets, use, &ticket, text), ERR_OK);
	(void)snprintf(target, sizeof target, "/%s/%s", use == TICKET_START ? "start" : "return", text);
	return target;
}

static inline const char *fresh(enum ticket_use use)
{
	int64_t now = clock_unix_ms();
	return target_of(use, now, now / 1000 + 60);
}

static inline const char *own_cookie(char header[256], char hash[BROWSER_BYTES])
{
	char value[COOKIE_VALUE_BYTES], name[COOKIE_NAME_BYTES];
	cookie_name(ID, name);
	assert_int_equal(cookie_make(service.ingress.journeys->tickets, ID, value), ERR_OK);
	assert_int_equal(cookie_hash(value, hash), ERR_OK);
	(void)snprintf(header, 256, "Cookie: a=b; %s=%s\r\n", name, value);
	return header;
}

/* An HTML page of this title, protected as every page is. */
static inline void expect_page_in(enum language language, int status, enum page page)
{
	struct buf heading;
	buf_init(&heading, 512);
	assert_int_equal(buf_printf(&heading, "<h1>%s</h1>", page_words(page, language)->title), ERR_OK);
	assert_int_equal(reply.status, status);
	assert_non_null(strstr(reply.body, heading.data));
	assert_string_equal(replied("Content-Type"), "text/html; charset=utf-8");
	bool opens_again = strstr(reply.body, "http-equiv=\"refresh\"") != NULL;
	assert_string_equal(replied("Content-Security-Policy"), opens_again ? PAGE_CSP_LIVE : PAGE_CSP);
	assert_string_equal(replied("Referrer-Policy"), "no-referrer");
	assert_string_equal(replied("Cache-Control"), "no-store");
	assert_string_equal(replied("X-Content-Type-Options"), "nosniff");
	buf_fini(&heading);
}

static inline void expect_page(int status, enum page page)
{
	expect_page_in(LANGUAGE_EN, status, page);
}

static inline void expect_refresh(const char *content)
{
	const char *meta = strstr(reply.body, "http-equiv=\"refresh\"");
	assert_int_equal(meta != NULL, content != NULL);
	if (content)
		assert_int_equal(strncmp(meta + 29, content, strlen(content)), 0);
}

static inline void person_is(struct person *person, const char *policy, const char *return_url)
{
	*person = (struct person){.field[REQUEST_FIELD_SUBJECT] = OBJECT_ID,
	                          .field[REQUEST_FIELD_CLIENT] = "client&1",
	                          .field[REQUEST_FIELD_REDIRECT] = "https://app.example/cb?a=b",
	                          .field[REQUEST_FIELD_SCOPE] = "openid profile",
	                          .field[REQUEST_FIELD_POLICY] = policy,
	                          .field[REQUEST_FIELD_RETURN_URL] = return_url};
}

#endif
