/* exchange: what may become a header of an answer, and that nothing of a person stays behind. */
#include "ingress/exchange.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct exchange *new_exchange(void)
{
	static struct exchange exchange;
	exchange = (struct exchange){.status = 0};
	exchange_init(&exchange, NULL, 1024);
	return &exchange;
}

static void headers_are_kept_as_copies_in_order(void **state)
{
	struct exchange *exchange = new_exchange();
	char value[] = "first";
	(void)state;
	assert_true(exchange_add_header(exchange, "A", value));
	value[0] = 'F';
	assert_true(exchange_add_header(exchange, "B", ""));
	assert_int_equal(exchange->header_count, 2);
	assert_string_equal(exchange->headers[0].value, "first");
	assert_string_equal(exchange->headers[1].name, "B");
	exchange_fini(exchange);
}

static void a_value_takes_its_limit_and_not_a_byte_more(void **state)
{
	static char value[EXCHANGE_HEADER_MAX_BYTES + 2];
	struct exchange *exchange = new_exchange();
	(void)state;
	memset(value, 'x', sizeof value - 1);
	assert_false(exchange_add_header(exchange, "Location", value));
	value[EXCHANGE_HEADER_MAX_BYTES] = '\0';
	assert_true(exchange_add_header(exchange, "Location", value));
	exchange_fini(exchange);
}

static void a_control_character_in_a_value_keeps_it_out(void **state)
{
	struct exchange *exchange = new_exchange();
	char value[] = "a?b";
	(void)state;
	for (int c = 1; c < 0x20; c++) {
		value[1] = (char)c;
		assert_false(exchange_add_header(exchange, "Location", value));
	}
	assert_false(exchange_add_header(exchange, "Location", "a\x7f"));
	assert_int_equal(exchange->header_count, 0);
	exchange_fini(exchange);
}

static void there_are_no_more_headers_than_the_limit(void **state)
{
	struct exchange *exchange = new_exchange();
	(void)state;
	for (int i = 0; i < EXCHANGE_MAX_HEADERS; i++)
		assert_true(exchange_add_header(exchange, "A", "b"));
	assert_false(exchange_add_header(exchange, "A", "b"));
	exchange_fini(exchange);
}

static void afterwards_nothing_of_it_is_left(void **state)
{
	static const struct exchange zero;
	struct exchange *exchange = new_exchange();
	(void)state;
	strcpy(exchange->kept.subject, "a person");
	assert_int_equal(buf_append_str(&exchange->kept.token, "a token"), ERR_OK);
	assert_int_equal(buf_append_str(&exchange->body, "a body"), ERR_OK);
	assert_true(exchange_add_header(exchange, "Location", "https://a/?hint=b"));
	exchange_fini(exchange);
	assert_memory_equal(exchange, &zero, sizeof zero);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(headers_are_kept_as_copies_in_order),
	        cmocka_unit_test(a_value_takes_its_limit_and_not_a_byte_more),
	        cmocka_unit_test(a_control_character_in_a_value_keeps_it_out),
	        cmocka_unit_test(there_are_no_more_headers_than_the_limit),
	        cmocka_unit_test(afterwards_nothing_of_it_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
