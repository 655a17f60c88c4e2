/* client_address: only what trusted proxies say counts, and one lie on the way is the end of it. */
#include "ingress/client_address.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int make_proxies(void **state)
{
	return cidr_list_new("10.0.0.0/8, 2001:db8:f::/48", (struct cidr_list **)state, NULL) == ERR_OK ? 0 : -1;
}

static int free_proxies(void **state)
{
	cidr_list_free(*state);
	return 0;
}

static struct sockaddr_storage address_of(const char *text)
{
	struct sockaddr_storage address;
	assert_int_equal(cidr_address(text, strlen(text), &address), ERR_OK);
	return address;
}

/* Returns: the client as text; "refused". */
static const char *client_of(const struct cidr_list *proxies, const char *peer, const char *forwarded,
                             char text[INET6_ADDRSTRLEN])
{
	struct sockaddr_storage from = address_of(peer), client;
	const void *bytes = &((struct sockaddr_in *)&client)->sin_addr;
	if (!client_address(proxies, (struct sockaddr *)&from, forwarded, &client))
		return "refused";
	if (client.ss_family == AF_INET6)
		bytes = &((struct sockaddr_in6 *)&client)->sin6_addr;
	return inet_ntop(client.ss_family, bytes, text, INET6_ADDRSTRLEN);
}

static void the_rightmost_address_that_is_no_trusted_proxy_is_the_client(void **state)
{
	static const struct {
		const char *peer, *forwarded, *client;
	} rows[] = {
	        {"192.0.2.1", NULL, "192.0.2.1"},
	        {"192.0.2.1", "198.51.100.7", "192.0.2.1"}, /* who is no proxy is not believed */
	        {"10.1.1.1", "198.51.100.7", "198.51.100.7"},
	        {"10.1.1.1", "198.51.100.7:4711", "198.51.100.7"},
	        {"10.1.1.1", "203.0.113.9, 198.51.100.7",
	         "198.51.100.7"}, /* what the caller itself wrote stands left */
	        {"10.1.1.1", "198.51.100.7, 10.2.2.2", "198.51.100.7"},
	        {"10.1.1.1", "198.51.100.7,10.2.2.2\t,  10.3.3.3", "198.51.100.7"},
	        {"10.1.1.1", "garbage, 198.51.100.7", "198.51.100.7"},
	        {"10.1.1.1", "198.51.100.7, garbage", "refused"},
	        {"10.1.1.1", "198.51.100.7, garbage, 10.2.2.2", "refused"},
	        {"10.1.1.1", "198.51.100.7,", "refused"},
	        {"10.1.1.1", " ", "refused"},
	        {"10.1.1.1", "unknown", "refused"},
	        {"10.1.1.1", "[2001:db8::7", "refused"},
	        {"10.1.1.1", "[2001:db8::7]x", "refused"},
	        {"10.1.1.1", "198.51.100.300", "refused"},
	        {"10.1.1.1", "", "10.1.1.1"},
	        {"10.1.1.1", NULL, "10.1.1.1"},
	        {"10.1.1.1", "10.2.2.2", "10.2.2.2"},
	        {"10.1.1.1", ",10.2.2.2", "10.2.2.2"},
	        {"2001:db8:f::1", "2001:db8::7", "2001:db8::7"},
	        {"2001:db8:f::1", "[2001:db8::7]:443, [2001:db8:f::2]", "2001:db8::7"},
	        {"::ffff:10.1.1.1", "198.51.100.7", "198.51.100.7"}, /* as a dual-stack listener sees it */
	};
	char text[INET6_ADDRSTRLEN];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(client_of(*state, rows[i].peer, rows[i].forwarded, text), rows[i].client);
}

static void without_trusted_proxies_the_peer_is_the_client(void **state)
{
	char text[INET6_ADDRSTRLEN];
	(void)state;
	assert_string_equal(client_of(NULL, "10.1.1.1", "198.51.100.7", text), "10.1.1.1");
}

static void a_peer_without_an_ip_address_is_nobody(void **state)
{
	struct sockaddr local = {.sa_family = AF_UNIX};
	struct sockaddr_storage client;
	assert_false(client_address(*state, NULL, "198.51.100.7", &client));
	assert_false(client_address(*state, &local, "198.51.100.7", &client));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_rightmost_address_that_is_no_trusted_proxy_is_the_client),
	        cmocka_unit_test(without_trusted_proxies_the_peer_is_the_client),
	        cmocka_unit_test(a_peer_without_an_ip_address_is_nobody),
	};
	return cmocka_run_group_tests(tests, make_proxies, free_proxies);
}
