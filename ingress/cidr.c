/* cidr: a flat table of networks, each as the bytes of an address and the count of bits that decide. */
#include "ingress/cidr.h"
#include "common/base/decimal.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = V6_BITS - V4_BITS, SHOWN_BYTES = 64 };

static const char blanks[] = " \t\r\n";

struct network {
	int family;
	unsigned bits; /* of the prefix */
	unsigned char bytes[V6_BITS / 8];
};

struct cidr_list {
	size_t count;
	struct network networks[CIDR_MAX];
};

enum err_code cidr_address(const char *text, size_t len, struct sockaddr_storage *ret_address)
{
	char copy[INET6_ADDRSTRLEN];
	struct sockaddr_storage address = {0};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	if (len >= sizeof copy || memchr(text, '\0', len))
		return ERR_INVALID;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, &v4.sin_addr) == 1)
		memcpy(&address, &v4, sizeof v4);
	else if (inet_pton(AF_INET6, copy, &v6.sin6_addr) == 1)
		memcpy(&address, &v6, sizeof v6);
	else
		return ERR_INVALID;
	*ret_address = address;
	return ERR_OK;
}

/* The network that holds this address alone. False for a family that is neither. */
static bool network_of(const struct sockaddr *address, struct network *ret_network)
{
	struct network network = {.family = AF_INET, .bits = V4_BITS};
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof v4);
		memcpy(network.bytes, &v4.sin_addr, V4_BITS / 8);
	} else if (address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof v6);
		bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
		size_t skip = mapped ? MAPPED_BITS / 8 : 0;
		memcpy(network.bytes, v6.sin6_addr.s6_addr + skip, V6_BITS / 8 - skip);
		network.family = mapped ? AF_INET : AF_INET6;
		network.bits = mapped ? V4_BITS : V6_BITS;
	} else {
		return false;
	}
	*ret_network = network;
	return true;
}

/* The bits behind the slash. A mapped address is counted as it is written, of 128. */
static bool read_bits(const char *text, size_t len, bool mapped, struct network *network)
{
	int64_t bits, skipped = mapped ? MAPPED_BITS : 0;
	if (decimal_parse(text, len, network->bits + skipped, &bits) != ERR_OK || bits < skipped)
		return false;
	network->bits = (unsigned)(bits - skipped);
	return true;
}

static bool network_parse(const char *item, size_t len, struct network *ret_network)
{
	const char *slash = memchr(item, '/', len);
	size_t address_len = slash ? (size_t)(slash - item) : len;
	struct sockaddr_storage address;
	if (cidr_address(item, address_len, &address) != ERR_OK ||
	    !network_of((const struct sockaddr *)&address, ret_network))
		return false;
	bool mapped = address.ss_family == AF_INET6 && ret_network->family == AF_INET;
	return !slash || read_bits(slash + 1, len - address_len - 1, mapped, ret_network);
}

static enum err_code add(struct cidr_list *list, const char *item, size_t len, struct err *err)
{
	if (list->count == CIDR_MAX)
		return err_set(err, ERR_LIMIT, "more than %d addresses", CIDR_MAX);
	if (!network_parse(item, len, &list->networks[list->count]))
		return err_set(err, ERR_INVALID, "item %zu, \"%.*s\": not an address or address/bits", list->count + 1,
		               (int)(len < SHOWN_BYTES ? len : SHOWN_BYTES), item);
	list->count++;
	return ERR_OK;
}

enum err_code cidr_list_new(const char *text, struct cidr_list **ret_list, struct err *err)
{
	struct cidr_list *list = calloc(1, sizeof *list);
	enum err_code code = ERR_OK;
	if (!list)
		return err_set(err, ERR_NO_MEMORY, "addresses");
	for (bool more = true; more && code == ERR_OK;) {
		text += strspn(text, blanks);
		size_t whole = strcspn(text, ","), len = whole;
		while (len > 0 && strchr(blanks, text[len - 1]))
			len--;
		code = add(list, text, len, err);
		more = text[whole] == ',';
		text += whole + more;
	}
	if (code == ERR_OK)
		*ret_list = list;
	else
		cidr_list_free(list);
	return code;
}

void cidr_list_free(struct cidr_list *list)
{
	free(list);
}

static bool holds(const struct network *network, const struct network *host)
{
	size_t whole = network->bits / 8;
	unsigned rest = network->bits % 8;
	if (network->family != host->family || memcmp(network->bytes, host->bytes, whole) != 0)
		return false;
	return rest == 0 || (network->bytes[whole] ^ host->bytes[whole]) >> (8 - rest) == 0;
}

bool cidr_list_has(const struct cidr_list *list, const struct sockaddr *address)
{
	struct network host;
	if (!list || !network_of(address, &host))
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (holds(&list->networks[i], &host))
			return true;
	return false;
}
