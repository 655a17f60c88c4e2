/* cidr: which addresses a list holds, and what is no list. */
#include "ingress/cidr.h"
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool has(const char *list_text, const char *address_text)
{
	struct cidr_list *list = NULL;
	struct sockaddr_storage address;
	assert_int_equal(cidr_list_new(list_text, &list, NULL), ERR_OK);
	assert_int_equal(cidr_address(address_text, strlen(address_text), &address), ERR_OK);
	bool found = cidr_list_has(list, (const struct sockaddr *)&address);
	cidr_list_free(list);
	return found;
}

static void a_list_holds_its_networks_and_nothing_beside_them(void **state)
{
	static const struct {
		const char *list, *in, *out;
	} cases[] = {
	        {"203.0.113.7", "203.0.113.7", "203.0.113.6"},
	        {"203.0.113.7/32", "203.0.113.7", "203.0.113.8"},
	        {"198.51.100.0/24", "198.51.100.255", "198.51.101.0"},
	        {"198.51.100.77/24", "198.51.100.0", "198.51.99.255"}, /* bits behind the prefix */
	        {"10.0.0.0/9", "10.127.255.255", "10.128.0.0"},
	        {"10.1.2.128/25", "10.1.2.128", "10.1.2.127"},
	        {"10.1.2.4/31", "10.1.2.5", "10.1.2.6"},
	        {"0.0.0.0/0", "255.255.255.255", "::1"},
	        {"::/0", "ffff::1", "0.0.0.0"}, /* the other family is another world */
	        {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
	        {"2001:db8::1", "2001:db8::1", "2001:db8::2"},
	        {"2001:db8::/127", "2001:db8::1", "2001:db8::2"},
	        {"fe80::/10", "febf::1", "fec0::1"},
	        {"203.0.113.7", "::ffff:203.0.113.7", "::203.0.113.7"}, /* mapped counts as IPv4 */
	        {"::ffff:203.0.113.0/120", "203.0.113.9", "203.0.114.9"},
	        {"::ffff:0:0/96", "8.8.8.8", "::1"},
	        {" 203.0.113.7 ,\t198.51.100.0/24 , 2001:db8::/32\n", "2001:db8::5", "203.0.113.8"},
	        {"203.0.113.7,198.51.100.0/24", "203.0.113.7", "203.0.113.70"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (!has(cases[i].list, cases[i].in) || has(cases[i].list, cases[i].out))
			fail_msg("%s: %s must be in, %s must not", cases[i].list, cases[i].in, cases[i].out);
	}
}

static void what_is_no_list_is_refused_by_the_item(void **state)
{
	static const struct {
		const char *text, *item;
	} cases[] = {
	        {"", "item 1"},
	        {" ", "item 1"},
	        {",", "item 1"},
	        {"1.2.3.4,", "item 2"},
	        {"1.2.3.4,,5.6.7.8", "item 2"},
	        {"1.2.3", "\"1.2.3\""},
	        {"1.2.3.4.5", "\"1.2.3.4.5\""},
	        {"01.2.3.4", "\"01.2.3.4\""}, /* octal to some */
	        {"1.2.3.256", "\"1.2.3.256\""},
	        {"1.2.3.4/33", "\"1.2.3.4/33\""},
	        {"1.2.3.4/-1", "item 1"},
	        {"1.2.3.4/", "item 1"},
	        {"1.2.3.4/ 8", "item 1"},
	        {"1.2.3.4 /8", "item 1"},
	        {"1.2.3.4/8/8", "item 1"},
	        {"1.2.3.4 5.6.7.8", "item 1"},
	        {"::1/129", "item 1"},
	        {"::ffff:1.2.3.4/95", "item 1"}, /* neither IPv4 nor wholly IPv6 */
	        {"fe80::1%eth0", "item 1"},
	        {"[::1]", "item 1"},
	        {"1.2.3.4:80", "item 1"},
	        {"callback.jumio.com", "callback.jumio.com"},
	        {"0123456789012345678901234567890123456789012345678901234567890123456789", "item 1"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cidr_list *list = NULL;
		struct err err = {ERR_OK, ""};
		if (cidr_list_new(cases[i].text, &list, &err) != ERR_INVALID || list || !strstr(err.msg, cases[i].item))
			fail_msg("\"%s\": %s", cases[i].text, err.msg);
	}
}

static void a_list_has_a_limit(void **state)
{
	char text[(CIDR_MAX + 1) * 8 + 1] = "";
	struct cidr_list *list = NULL;
	(void)state;
	for (size_t i = 0; i < CIDR_MAX; i++)
		memcpy(text + i * 8, "1.2.3.4,", 9);
	text[CIDR_MAX * 8 - 1] = '\0';
	assert_int_equal(cidr_list_new(text, &list, NULL), ERR_OK);
	cidr_list_free(list);
	list = NULL;
	memcpy(text + CIDR_MAX * 8 - 1, ",5.6.7.8", 9);
	assert_int_equal(cidr_list_new(text, &list, NULL), ERR_LIMIT);
	assert_null(list);
}

static void an_address_is_read_by_its_length(void **state)
{
	struct sockaddr_storage address;
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	(void)state;
	assert_int_equal(cidr_address("1.2.3.45, proxy", 7, &address), ERR_OK);
	assert_int_equal(address.ss_family, AF_INET);
	memcpy(&v4, &address, sizeof v4);
	assert_int_equal(ntohl(v4.sin_addr.s_addr), 0x01020304);
	assert_int_equal(cidr_address("2001:db8::9", 11, &address), ERR_OK);
	assert_int_equal(address.ss_family, AF_INET6);
	memcpy(&v6, &address, sizeof v6);
	assert_int_equal(v6.sin6_addr.s6_addr[15], 9);
	struct sockaddr_storage before = address;
	assert_int_equal(cidr_address("", 0, &address), ERR_INVALID);
	assert_int_equal(cidr_address("1.2.3.4\0", 8, &address), ERR_INVALID);
	assert_int_equal(cidr_address("1.2.3.4 ", 8, &address), ERR_INVALID);
	assert_int_equal(cidr_address("[::1]", 5, &address), ERR_INVALID);
	assert_int_equal(cidr_address("unknown", 7, &address), ERR_INVALID);
	assert_memory_equal(&address, &before, sizeof address);
}

static void no_list_and_no_internet_address_hold_nothing(void **state)
{
	struct cidr_list *list = NULL;
	struct sockaddr_storage address = {.ss_family = AF_UNIX};
	(void)state;
	assert_int_equal(cidr_list_new("0.0.0.0/0, ::/0", &list, NULL), ERR_OK);
	assert_false(cidr_list_has(list, (const struct sockaddr *)&address));
	address.ss_family = AF_INET;
	assert_true(cidr_list_has(list, (const struct sockaddr *)&address));
	assert_false(cidr_list_has(NULL, (const struct sockaddr *)&address));
	cidr_list_free(list);
	cidr_list_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_list_holds_its_networks_and_nothing_beside_them),
	        cmocka_unit_test(what_is_no_list_is_refused_by_the_item),
	        cmocka_unit_test(a_list_has_a_limit),
	        cmocka_unit_test(an_address_is_read_by_its_length),
	        cmocka_unit_test(no_list_and_no_internet_address_hold_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
