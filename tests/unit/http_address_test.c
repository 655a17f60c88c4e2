/* Tests of http_address: which addresses count as public, and which as loopback. */
#include "workers/http_address.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

enum what { PUBLIC, SPECIAL, LOOPBACK }; /* a loopback address is special too */

static const struct {
	const char *text;
	enum what what;
} addresses[] = {
        /* IPv4: each special range's first and last address, and its neighbours */
        {"0.0.0.0", SPECIAL},
        {"0.255.255.255", SPECIAL},
        {"1.0.0.0", PUBLIC},
        {"9.255.255.255", PUBLIC},
        {"10.0.0.0", SPECIAL},
        {"10.255.255.255", SPECIAL},
        {"11.0.0.0", PUBLIC},
        {"100.63.255.255", PUBLIC},
        {"100.64.0.0", SPECIAL},
        {"100.127.255.255", SPECIAL},
        {"100.128.0.0", PUBLIC},
        {"126.255.255.255", PUBLIC},
        {"127.0.0.0", LOOPBACK},
        {"127.0.0.1", LOOPBACK},
        {"127.255.255.255", LOOPBACK},
        {"128.0.0.0", PUBLIC},
        {"169.253.255.255", PUBLIC},
        {"169.254.0.0", SPECIAL},
        {"169.254.169.254", SPECIAL},
        {"169.254.255.255", SPECIAL},
        {"169.255.0.0", PUBLIC},
        {"172.15.255.255", PUBLIC},
        {"172.16.0.0", SPECIAL},
        {"172.31.255.255", SPECIAL},
        {"172.32.0.0", PUBLIC},
        {"191.255.255.255", PUBLIC},
        {"192.0.0.0", SPECIAL},
        {"192.0.0.255", SPECIAL},
        {"192.0.1.0", PUBLIC},
        {"192.0.2.0", SPECIAL},
        {"192.0.2.255", SPECIAL},
        {"192.0.3.0", PUBLIC},
        {"192.88.98.255", PUBLIC},
        {"192.88.99.1", SPECIAL},
        {"192.88.100.0", PUBLIC},
        {"192.167.255.255", PUBLIC},
        {"192.168.0.0", SPECIAL},
        {"192.168.255.255", SPECIAL},
        {"192.169.0.0", PUBLIC},
        {"198.17.255.255", PUBLIC},
        {"198.18.0.0", SPECIAL},
        {"198.19.255.255", SPECIAL},
        {"198.20.0.0", PUBLIC},
        {"198.51.99.255", PUBLIC},
        {"198.51.100.0", SPECIAL},
        {"198.51.101.0", PUBLIC},
        {"203.0.112.255", PUBLIC},
        {"203.0.113.255", SPECIAL},
        {"203.0.114.0", PUBLIC},
        {"223.255.255.255", PUBLIC},
        {"224.0.0.0", SPECIAL},
        {"239.255.255.255", SPECIAL},
        {"240.0.0.0", SPECIAL},
        {"255.255.255.255", SPECIAL},
        {"8.8.8.8", PUBLIC},
        /* IPv6 outside of what is given out */
        {"::", SPECIAL},
        {"::1", LOOPBACK},
        {"::2", SPECIAL},
        {"::7f00:1", SPECIAL}, /* IPv4-compatible, given up */
        {"::8.8.8.8", SPECIAL},
        {"100::1", SPECIAL}, /* discard-only */
        {"1fff:ffff::1", SPECIAL},
        {"4000::1", SPECIAL},
        {"5f00::1", SPECIAL}, /* segment routing */
        {"fc00::1", SPECIAL}, /* unique local */
        {"fdff:ffff::1", SPECIAL},
        {"fe80::1", SPECIAL}, /* link-local */
        {"fec0::1", SPECIAL}, /* site-local, given up */
        {"ff02::1", SPECIAL}, /* multicast */
        {"ff0e::1", SPECIAL},
        /* IPv6 within it */
        {"2000::1", PUBLIC},
        {"2001::1", SPECIAL},    /* Teredo */
        {"2001:2::1", SPECIAL},  /* benchmarks */
        {"2001:20::1", SPECIAL}, /* ORCHIDv2 */
        {"2001:1ff:ffff::1", SPECIAL},
        {"2001:200::1", PUBLIC},
        {"2001:db7:ffff::1", PUBLIC},
        {"2001:db8::1", SPECIAL},
        {"2001:db8:ffff::1", SPECIAL},
        {"2001:db9::1", PUBLIC},
        {"2606:4700::1111", PUBLIC},
        {"2a00:1450::8a", PUBLIC},
        {"3ffe:ffff::1", PUBLIC},
        {"3fff::1", SPECIAL},
        {"3fff:fff:ffff::1", SPECIAL},
        {"3fff:1000::1", PUBLIC},
        /* IPv4 inside IPv6 */
        {"::ffff:127.0.0.1", LOOPBACK},
        {"::ffff:127.255.0.9", LOOPBACK},
        {"::ffff:10.0.0.1", SPECIAL},
        {"::ffff:169.254.169.254", SPECIAL},
        {"::ffff:0.0.0.0", SPECIAL},
        {"::ffff:8.8.8.8", PUBLIC},
        {"::ffff:0:8.8.8.8", SPECIAL}, /* the translated form, given up */
        {"64:ff9b::10.0.0.1", SPECIAL},
        {"64:ff9b::127.0.0.1", SPECIAL},
        {"64:ff9b::192.168.1.1", SPECIAL},
        {"64:ff9b::8.8.8.8", PUBLIC},
        {"64:ff9b::1:8.8.8.8", SPECIAL},
        {"64:ff9b:1::8.8.8.8", SPECIAL}, /* local-use NAT64 */
        {"2002:a00:1::1", SPECIAL},
        {"2002:7f00:1::1", SPECIAL},
        {"2002:c0a8:101::1", SPECIAL},
        {"2002:a9fe:a9fe::1", SPECIAL},
        {"2002:808:808::1", PUBLIC},
};

static const struct sockaddr *address_of(const char *text, struct sockaddr_storage *storage)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;

	memset(storage, 0, sizeof(*storage));
	if (strchr(text, ':')) {
		v6->sin6_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	} else {
		v4->sin_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
	}
	return (const struct sockaddr *)storage;
}

static void only_what_the_registries_call_reachable_is_public(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct sockaddr_storage storage;
		bool public = http_address_is_public(address_of(addresses[i].text, &storage));
		if (public != (addresses[i].what == PUBLIC))
			fail_msg("%s", addresses[i].text);
	}
}

static void only_loopback_addresses_count_as_loopback(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct sockaddr_storage storage;
		bool loopback = http_address_is_loopback(address_of(addresses[i].text, &storage));
		if (loopback != (addresses[i].what == LOOPBACK))
			fail_msg("%s", addresses[i].text);
	}
}

static void other_families_are_neither(void **state)
{
	const struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/tmp/x"};

	(void)state;
	assert_false(http_address_is_public((const struct sockaddr *)&path));
	assert_false(http_address_is_loopback((const struct sockaddr *)&path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_what_the_registries_call_reachable_is_public),
	        cmocka_unit_test(only_loopback_addresses_count_as_loopback),
	        cmocka_unit_test(other_families_are_neither),
	};
	return cmocka_run_group_tests_name("http_address", tests, NULL, NULL);
}
