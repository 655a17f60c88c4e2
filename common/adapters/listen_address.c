/* listen_address: text to socket address and back. It keeps no socket; the HTTP libraries bind the listeners. */
#include "common/adapters/listen_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HOST_BYTES = INET6_ADDRSTRLEN };

/* 1-5 digits up to 65535; nothing else, so neither signs nor spaces. */
static bool parse_port(const char *text, in_port_t *ret_port)
{
	unsigned port = 0;
	size_t len = strlen(text);

	if (len < 1 || len > 5)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		port = port * 10 + (unsigned)(*text - '0');
	}
	if (port > 65535)
		return false;
	*ret_port = htons((in_port_t)port);
	return true;
}

static bool parse_v4(const char *host, in_port_t port, struct listen_address *out)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = port};

	if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &in.sin_addr) != 1)
		return false;
	memcpy(&out->addr, &in, sizeof(in));
	out->len = sizeof(in);
	return true;
}

static bool parse_v6(const char *host, in_port_t port, struct listen_address *out)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};

	if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1)
		return false;
	memcpy(&out->addr, &in6, sizeof(in6));
	out->len = sizeof(in6);
	return true;
}

enum err_code listen_address_parse(const char *text, struct listen_address *ret_address, struct err *err)
{
	const char *colon = strrchr(text, ':');
	bool v6 = text[0] == '[' && colon && colon > text && colon[-1] == ']';
	size_t len = colon ? (size_t)(colon - text) - (v6 ? 2 : 0) : 0;
	struct listen_address address = {0};
	char host[HOST_BYTES] = "";
	in_port_t port;

	if (!colon || !parse_port(colon + 1, &port))
		return err_set(err, ERR_INVALID, "a listener's address must end in :PORT, 0 to 65535");
	if (len < sizeof(host))
		memcpy(host, text + (v6 ? 1 : 0), len);
	if (!(v6 ? parse_v6 : parse_v4)(host, port, &address))
		return err_set(err, ERR_INVALID,
		               "a listener's host must be an IPv4 address, an [IPv6] address or localhost");
	*ret_address = address;
	return ERR_OK;
}

bool listen_address_is_loopback(const struct listen_address *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (address->addr.ss_family == AF_INET) {
		memcpy(&in, &address->addr, sizeof(in));
		return ntohl(in.sin_addr.s_addr) >> 24 == 127;
	}
	if (address->addr.ss_family == AF_INET6) {
		memcpy(&in6, &address->addr, sizeof(in6));
		return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && in6.sin6_addr.s6_addr[12] == 127);
	}
	return false;
}

void listen_address_format(const struct listen_address *address, char out[LISTEN_ADDRESS_TEXT_BYTES])
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	char host[HOST_BYTES];

	out[0] = '\0';
	if (address->addr.ss_family == AF_INET) {
		memcpy(&in, &address->addr, sizeof(in));
		if (inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host)))
			snprintf(out, LISTEN_ADDRESS_TEXT_BYTES, "%s:%u", host, (unsigned)ntohs(in.sin_port));
	} else if (address->addr.ss_family == AF_INET6) {
		memcpy(&in6, &address->addr, sizeof(in6));
		if (inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host)))
			snprintf(out, LISTEN_ADDRESS_TEXT_BYTES, "[%s]:%u", host, (unsigned)ntohs(in6.sin6_port));
	}
}

enum err_code listen_address_of_socket(int fd, struct listen_address *ret_address, struct err *err)
{
	struct listen_address address = {.len = sizeof(address.addr)};

	if (getsockname(fd, (struct sockaddr *)&address.addr, &address.len) != 0)
		return err_set(err, ERR_IO, "the listener's address cannot be read");
	*ret_address = address;
	return ERR_OK;
}

int listen_address_obstacle(const struct listen_address *address)
{
	const int yes = 1;
	int obstacle = 0;
	int fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
	    bind(fd, (const struct sockaddr *)&address->addr, address->len) != 0 || listen(fd, 1) != 0)
		obstacle = errno;
	close(fd);
	return obstacle;
}
