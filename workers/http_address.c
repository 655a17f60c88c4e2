/* http_address: tables of prefixes. IPv4 is public but for the rows of `v4_special`; IPv6 only within 2000::/3, the one
 * part that IANA gives out, but for `v6_special`. Rows follow the IANA special-purpose address registries (RFC 6890 and
 * what has been entered since) where "globally reachable" is false, and the multicast registries. */
#include "workers/http_address.h"
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { V4_BYTES = 4, V6_BYTES = 16 };

struct prefix {
	uint8_t bytes[V6_BYTES]; /* IPv4: the first four */
	unsigned bits;
};

static const struct prefix v4_special[] = {
        {{0}, 8},             /* this network: RFC 791 */
        {{10}, 8},            /* private: RFC 1918 */
        {{100, 64}, 10},      /* shared, of carriers' NAT: RFC 6598 */
        {{127}, 8},           /* loopback: RFC 1122 */
        {{169, 254}, 16},     /* link-local: RFC 3927; clouds' metadata services */
        {{172, 16}, 12},      /* private: RFC 1918 */
        {{192, 0, 0}, 24},    /* IETF protocol assignments: RFC 6890 */
        {{192, 0, 2}, 24},    /* documentation: RFC 5737 */
        {{192, 88, 99}, 24},  /* relays of 6to4, given up: RFC 7526 */
        {{192, 168}, 16},     /* private: RFC 1918 */
        {{198, 18}, 15},      /* benchmarks: RFC 2544 */
        {{198, 51, 100}, 24}, /* documentation: RFC 5737 */
        {{203, 0, 113}, 24},  /* documentation: RFC 5737 */
        {{224}, 4},           /* multicast: RFC 5771 */
        {{240}, 4},           /* reserved: RFC 1112; 255.255.255.255: RFC 919 */
};

static const struct prefix v6_unicast = {{0x20}, 3}; /* RFC 4291: what has been given out so far */

static const struct prefix v6_special[] = {
        {{0x20, 0x01}, 23},             /* IETF protocol assignments: RFC 2928; Teredo, benchmarks, ORCHID in it */
        {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation: RFC 3849 */
        {{0x3f, 0xff}, 20},             /* documentation: RFC 9637 */
};

/* IPv6 addresses that stand for an IPv4 address, and where in them it is. */
static const struct {
	struct prefix prefix;
	size_t at;
} carriers[] = {
        {{{[10] = 0xff, [11] = 0xff}, 96}, 12}, /* ::ffff:0:0/96, mapped: RFC 4291 */
        {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},   /* 64:ff9b::/96, NAT64: RFC 6052 */
        {{{0x20, 0x02}, 16}, 2},                /* 2002::/16, 6to4: RFC 3056 */
};

static bool has_prefix(const uint8_t *address, const struct prefix *prefix)
{
	size_t whole = prefix->bits / 8;
	unsigned rest = prefix->bits % 8;

	if (memcmp(address, prefix->bytes, whole) != 0)
		return false;
	return rest == 0 || (address[whole] ^ prefix->bytes[whole]) >> (8 - rest) == 0;
}

static bool any_prefix(const uint8_t *address, const struct prefix *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (has_prefix(address, &list[i]))
			return true;
	return false;
}

#define ANY(address, list) any_prefix((address), (list), sizeof(list) / sizeof((list)[0]))

static bool v4_is_public(const uint8_t address[V4_BYTES])
{
	return !ANY(address, v4_special);
}

static bool v6_is_public(const uint8_t address[V6_BYTES])
{
	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++)
		if (has_prefix(address, &carriers[i].prefix))
			return v4_is_public(address + carriers[i].at);
	return has_prefix(address, &v6_unicast) && !ANY(address, v6_special);
}

/* Returns: the address's bytes, *ret_v6 whether there are 16 of them; NULL for another family. */
static const uint8_t *bytes_of(const struct sockaddr *address, bool *ret_v6)
{
	*ret_v6 = address->sa_family == AF_INET6;
	if (*ret_v6)
		return ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
	if (address->sa_family == AF_INET)
		return (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
	return NULL;
}

bool http_address_is_public(const struct sockaddr *address)
{
	bool v6 = false;
	const uint8_t *bytes = bytes_of(address, &v6);

	if (!bytes)
		return false;
	return v6 ? v6_is_public(bytes) : v4_is_public(bytes);
}

bool http_address_is_loopback(const struct sockaddr *address)
{
	static const struct prefix v4 = {{127}, 8};
	static const struct prefix v6[] = {
	        {{[15] = 1}, 128},                             /* ::1: RFC 4291 */
	        {{[10] = 0xff, [11] = 0xff, [12] = 127}, 104}, /* ::ffff:127.0.0.0/104 */
	};
	bool is_v6 = false;
	const uint8_t *bytes = bytes_of(address, &is_v6);

	if (!bytes)
		return false;
	return is_v6 ? ANY(bytes, v6) : has_prefix(bytes, &v4);
}
