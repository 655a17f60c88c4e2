/* Which addresses a listener takes, how they are written back, and which of them only this machine can reach. */
#include "common/adapters/listen_address.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void a_good_address_is_written_back_in_its_plain_form(void **state)
{
	static const struct {
		const char *text;
		const char *plain;
		bool loopback;
	} cases[] = {
	        {"127.0.0.1:9090", "127.0.0.1:9090", true},
	        {"127.8.9.1:1", "127.8.9.1:1", true},
	        {"localhost:0", "127.0.0.1:0", true},
	        {"0.0.0.0:8080", "0.0.0.0:8080", false},
	        {"10.1.2.3:65535", "10.1.2.3:65535", false},
	        {"[::1]:09090", "[::1]:9090", true},
	        {"[::]:8080", "[::]:8080", false},
	        {"[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", true},
	        {"[::ffff:10.0.0.1]:80", "[::ffff:10.0.0.1]:80", false},
	        {"[2001:DB8::127]:80", "[2001:db8::127]:80", false},
	        {"[1111:2222:3333:4444:5555:6666:7777:8888]:65535", "[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
	         false},
	};
	struct listen_address address;
	char text[LISTEN_ADDRESS_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(listen_address_parse(cases[i].text, &address, NULL), ERR_OK);
		listen_address_format(&address, text);
		assert_string_equal(text, cases[i].plain);
		assert_int_equal(listen_address_is_loopback(&address), cases[i].loopback);
	}
}

static void anything_else_is_refused(void **state)
{
	static const char *const texts[] = {
	        "",
	        ":",
	        "8080",
	        ":8080",
	        "127.0.0.1",
	        "127.0.0.1:",
	        "127.0.0.1:x",
	        "127.0.0.1:-1",
	        "127.0.0.1:+1",
	        "127.0.0.1: 1",
	        "127.0.0.1:1 ",
	        "127.0.0.1:65536",
	        "127.0.0.1:000080",
	        "127.1:80",
	        "256.0.0.1:80",
	        "example.org:80",
	        "::1:80",
	        "[::1]80",
	        "[::1:80",
	        "[]:80",
	        "[127.0.0.1]:80",
	        "[fe80::1%lo]:80",
	        "[::1]]:80",
	        "localhost",
	        "[11111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222:3333]:80",
	};
	struct listen_address address = {.len = 77};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		err = (struct err){0};
		assert_int_equal(listen_address_parse(texts[i], &address, &err), ERR_INVALID);
		assert_true(strlen(err.msg) > 0);
	}
	assert_int_equal(address.len, 77);
}

static void a_bound_socket_tells_the_port_it_was_given(void **state)
{
	struct listen_address asked;
	struct listen_address bound;
	char text[LISTEN_ADDRESS_TEXT_BYTES];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(listen_address_parse("127.0.0.1:0", &asked, NULL), ERR_OK);
	assert_int_equal(bind(fd, (const struct sockaddr *)&asked.addr, asked.len), 0);
	assert_int_equal(listen_address_of_socket(fd, &bound, NULL), ERR_OK);
	listen_address_format(&bound, text);
	assert_true(strncmp(text, "127.0.0.1:", 10) == 0);
	assert_string_not_equal(text, "127.0.0.1:0");
	close(fd);
	assert_int_equal(listen_address_of_socket(-1, &bound, NULL), ERR_IO);
}

static void what_stands_against_a_listener_is_told(void **state)
{
	struct listen_address any;
	struct listen_address taken;
	struct listen_address foreign;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(listen_address_parse("127.0.0.1:0", &any, NULL), ERR_OK);
	assert_int_equal(listen_address_parse("192.0.2.1:0", &foreign, NULL), ERR_OK);
	assert_int_equal(listen_address_obstacle(&any), 0);
	assert_int_equal(listen_address_obstacle(&foreign), EADDRNOTAVAIL);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&any.addr, any.len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(listen_address_of_socket(fd, &taken, NULL), ERR_OK);
	assert_int_equal(listen_address_obstacle(&taken), EADDRINUSE);
	close(fd);
	assert_int_equal(listen_address_obstacle(&taken), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_good_address_is_written_back_in_its_plain_form),
	        cmocka_unit_test(anything_else_is_refused),
	        cmocka_unit_test(a_bound_socket_tells_the_port_it_was_given),
	        cmocka_unit_test(what_stands_against_a_listener_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
