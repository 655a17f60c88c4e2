/* host_list: what the setting may say, and which URLs it lets through. */
#include "common/base/host_list.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LIST "hooks.example.com, *.example.org:8443,127.0.0.1:*,[::1]:9000 ,Upper.Example.net:*,203.0.113.7, localhost"

static void only_what_is_listed_may_be_called(void **state)
{
	static const struct {
		const char *url;
		enum host_verdict verdict;
	} rows[] = {
	        {"https://hooks.example.com", HOST_FOREIGN},
	        {"https://hooks.example.com/", HOST_FOREIGN},
	        {"https://hooks.example.com/a/b?token=x%20y", HOST_FOREIGN},
	        {"HTTPS://HOOKS.EXAMPLE.COM/", HOST_FOREIGN},
	        {"https://hooks.example.com:443/", HOST_FOREIGN},
	        {"https://hooks.example.com:8443/", HOST_REFUSED},
	        {"http://hooks.example.com/", HOST_REFUSED},
	        {"https://x.hooks.example.com/", HOST_REFUSED},
	        {"https://hooks.example.com.evil.test/", HOST_REFUSED},
	        {"https://evil.test/hooks.example.com", HOST_REFUSED},
	        {"https://evil.test?hooks.example.com", HOST_REFUSED},
	        {"https://hooks.example.com@evil.test/", HOST_REFUSED},
	        {"https://evil.test@hooks.example.com/", HOST_REFUSED},
	        {"https://hooks.example.com\\@evil.test/", HOST_REFUSED},
	        {"https://hooks.example.com/#fragment", HOST_REFUSED},
	        {"https://hooks.example.com/ blank", HOST_REFUSED},
	        {"https:/hooks.example.com/", HOST_REFUSED},
	        {"//hooks.example.com/", HOST_REFUSED},
	        {"ftp://hooks.example.com/", HOST_REFUSED},
	        {"", HOST_REFUSED},
	        {"https://a.example.org:8443/", HOST_FOREIGN},
	        {"https://a.b.example.org:8443/", HOST_FOREIGN},
	        {"https://example.org:8443/", HOST_REFUSED},
	        {"https://.example.org:8443/", HOST_REFUSED},
	        {"https://badexample.org:8443/", HOST_REFUSED},
	        {"https://a.example.org/", HOST_REFUSED},
	        {"http://127.0.0.1:8080/hook", HOST_LOOPBACK},
	        {"https://127.0.0.1/hook", HOST_LOOPBACK},
	        {"http://127.0.0.2:8080/hook", HOST_REFUSED},
	        {"http://127.1:8080/hook", HOST_REFUSED},
	        {"http://[::1]:9000/", HOST_LOOPBACK},
	        {"http://[::1]:9001/", HOST_REFUSED},
	        {"http://localhost/", HOST_LOOPBACK},
	        {"http://localhost:8080/", HOST_REFUSED},
	        {"https://upper.example.net:1024/", HOST_FOREIGN},
	        {"https://upper.example.net:22/", HOST_REFUSED}, /* where system services listen */
	        {"https://203.0.113.7/", HOST_FOREIGN},
	};
	struct host_list *list = NULL;
	(void)state;
	assert_int_equal(host_list_new(LIST, &list, NULL), ERR_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (host_list_judge(list, rows[i].url) != rows[i].verdict)
			fail_msg("%s", rows[i].url);
		assert_int_equal(host_list_judge(NULL, rows[i].url), HOST_REFUSED);
	}
	host_list_free(list);
	host_list_free(NULL);
}

static void what_is_no_list_of_hosts_is_refused_by_the_entrys_number(void **state)
{
	static const struct {
		const char *text, *told;
	} rows[] = {
	        {"", "none"},
	        {" , ", "none"},
	        {"*", "entry 1"},
	        {"a.example,*.com", "entry 2"},
	        {"*.127.0.0.1", "entry 1"},
	        {"a.example,b.example:0", "entry 2"},
	        {"a.example:65536", "port"},
	        {"a.example:x", "port"},
	        {"a.example:", "port"},
	        {"https://a.example", "entry 1"},
	        {"a.example/path", "no host"},
	        {"u@a.example", "no host"},
	        {"a.*.example", "no host"},
	        {"127.1", "no host"},
	        {"[::1", "entry 1"},
	        {"a b", "no host"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct host_list *list = NULL;
		struct err err = {ERR_OK, ""};
		if (host_list_new(rows[i].text, &list, &err) != ERR_INVALID || !strstr(err.msg, rows[i].told))
			fail_msg("%s: %s", rows[i].text, err.msg);
		assert_null(list);
	}
}

static void a_list_has_an_end(void **state)
{
	char text[(HOST_LIST_MAX + 1) * 4 + 1] = "";
	struct host_list *list = NULL;
	(void)state;
	for (int i = 0; i <= HOST_LIST_MAX; i++)
		strcat(text, "a.b,");
	assert_int_equal(host_list_new(text, &list, NULL), ERR_INVALID);
	text[(size_t)HOST_LIST_MAX * 4] = '\0';
	assert_int_equal(host_list_new(text, &list, NULL), ERR_OK);
	host_list_free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_what_is_listed_may_be_called),
	        cmocka_unit_test(what_is_no_list_of_hosts_is_refused_by_the_entrys_number),
	        cmocka_unit_test(a_list_has_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
