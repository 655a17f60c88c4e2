/* client_address: the walk from the right. */
#include "ingress/client_address.h"
#include <netinet/in.h>
#include <string.h>

static bool copy_address(const struct sockaddr *address, struct sockaddr_storage *ret)
{
	size_t len = address->sa_family == AF_INET    ? sizeof(struct sockaddr_in)
	             : address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
	                                              : 0;
	memset(ret, 0, sizeof *ret);
	memcpy(ret, address, len);
	return len > 0;
}

/* One item: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1] or [2001:db8::1]:80. */
static bool read_item(const char *text, size_t len, struct sockaddr_storage *ret)
{
	const char *colon = memchr(text, ':', len);
	if (len > 0 && *text == '[') {
		const char *end = memchr(text, ']', len);
		if (!end || (end + 1 < text + len && end[1] != ':'))
			return false;
		len = (size_t)(end - ++text);
	} else if (colon && !memchr(colon + 1, ':', len - (size_t)(colon + 1 - text))) {
		len = (size_t)(colon - text);
	}
	return cidr_address(text, len, ret) == ERR_OK;
}

bool client_address(const struct cidr_list *proxies, const struct sockaddr *peer, const char *forwarded_for,
                    struct sockaddr_storage *ret_client)
{
	struct sockaddr_storage client;
	size_t end = forwarded_for ? strlen(forwarded_for) : 0;
	if (!peer || !copy_address(peer, &client))
		return false;
	while (end > 0 && cidr_list_has(proxies, (const struct sockaddr *)&client)) {
		size_t begin = end;
		while (begin > 0 && forwarded_for[begin - 1] != ',')
			begin--;
		size_t from = begin, to = end;
		while (from < to && strchr(" \t", forwarded_for[from]))
			from++;
		while (to > from && strchr(" \t", forwarded_for[to - 1]))
			to--;
		if (!read_item(forwarded_for + from, to - from, &client))
			return false;
		end = begin > 0 ? begin - 1 : 0;
	}
	*ret_client = client;
	return true;
}
