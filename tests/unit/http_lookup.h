/* http_lookup: a resolver for tests. It answers when it is told to, with what it is told, and counts what it was asked.
 * One at a time: lookups of a test are answered in the order in which they came. */
#ifndef VERIFYD_TEST_HTTP_LOOKUP_H
#define VERIFYD_TEST_HTTP_LOOKUP_H

#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

enum { LOOKUP_MAX = 512 };

static struct {
	uv_getaddrinfo_t *lookup;
	uv_getaddrinfo_cb done;
	char name[256];
} lookups[LOOKUP_MAX]; /* a test program's own: what uv_getaddrinfo keeps in its thread pool */
static size_t lookup_count, lookup_answered;

/* An http_lookup_fn. */
static inline int lookup_begin(uv_loop_t *loop, uv_getaddrinfo_t *lookup, uv_getaddrinfo_cb done, const char *name,
                        const char *service, const struct addrinfo *hints)
{
	(void)loop;
	assert_null(service);
	assert_int_equal(hints->ai_socktype, SOCK_STREAM);
	assert_true(lookup_count < LOOKUP_MAX);
	lookups[lookup_count].lookup = lookup;
	lookups[lookup_count].done = done;
	snprintf(lookups[lookup_count].name, sizeof(lookups[0].name), "%s", name);
	lookup_count++;
	return 0;
}

/* An http_lookup_fn that fails at once. */
static inline int lookup_refuse(uv_loop_t *loop, uv_getaddrinfo_t *lookup, uv_getaddrinfo_cb done, const char *name,
                         const char *service, const struct addrinfo *hints)
{
	(void)lookup_begin(loop, lookup, done, name, service, hints);
	lookup_answered = lookup_count;
	return UV_EAI_AGAIN;
}

static inline size_t lookups_open(void)
{
	return lookup_count - lookup_answered;
}

static inline void lookups_reset(void)
{
	assert_int_equal(lookups_open(), 0);
	lookup_count = lookup_answered = 0;
}

/* Answers the oldest lookup: with "192.0.2.1,2001:db8::1", or NULL: the name is not known. */
static inline void lookup_answer(const char *addresses)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *first = NULL, **end = &first;
	char copy[512], *rest = NULL;

	assert_true(lookups_open() > 0);
	snprintf(copy, sizeof(copy), "%s", addresses ? addresses : "");
	for (char *at = strtok_r(copy, ",", &rest); at; at = strtok_r(NULL, ",", &rest)) {
		assert_int_equal(getaddrinfo(at, NULL, &hints, end), 0);
		end = &(*end)->ai_next;
	}
	size_t index = lookup_answered++;
	lookups[index].done(lookups[index].lookup, addresses ? 0 : UV_EAI_NONAME, first);
}

#endif
