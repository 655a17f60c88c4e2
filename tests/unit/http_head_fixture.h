/* http_head_fixture: heads for the tests of http_head. */
#ifndef VERIFYD_HTTP_HEAD_FIXTURE_H
#define VERIFYD_HTTP_HEAD_FIXTURE_H

#include "ingress/http_head.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOST "Host: h\r\n"
#define GET "GET /v1/x HTTP/1.1\r\n"
#define OLD "GET /v1/x HTTP/1.0\r\n"

/* The head in bytes that have come at once, in memory of its very size. */
static inline struct http_head *read_at_once(const char *bytes, size_t len)
{
	struct http_head_scan scan = {0};
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	size_t end = http_head_end(&scan, copy, len);
	assert_in_range(end, 1, len);
	struct http_head *head = http_head_new(copy, end, scan.lines);
	free(copy);
	assert_non_null(head);
	return head;
}

#endif
