/* sim_listen: opens the socket itself, because libmicrohttpd's own has a short backlog and takes no host name. */
#include "tests/sim/sim_listen.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 8192 }; /* the kernel lowers it to net.core.somaxconn */

static enum err_code split(const char *text, char host[SIM_ADDRESS_BYTES], const char **ret_port, struct err *err)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	if (len == 0 || len >= SIM_ADDRESS_BYTES || colon[1] == '\0')
		return err_set(err, ERR_INVALID, "the address must be HOST:PORT or [V6]:PORT");
	if (text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	*ret_port = colon + 1;
	return ERR_OK;
}

static int open_one(const struct addrinfo *info)
{
	const int on = 1;
	int fd = socket(info->ai_family, info->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, info->ai_protocol);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static enum err_code name_of(int fd, char ret_address[SIM_ADDRESS_BYTES], struct err *err)
{
	struct sockaddr_storage bound;
	socklen_t bound_len = sizeof(bound);
	char host[SIM_ADDRESS_BYTES - 16], port[8];
	if (getsockname(fd, (struct sockaddr *)&bound, &bound_len) != 0)
		return err_set(err, ERR_IO, "getsockname: %s", strerror(errno));
	int failed = getnameinfo((struct sockaddr *)&bound, bound_len, host, sizeof(host), port, sizeof(port),
	                         NI_NUMERICHOST | NI_NUMERICSERV);
	if (failed != 0)
		return err_set(err, ERR_IO, "getnameinfo: %s", gai_strerror(failed));
	snprintf(ret_address, SIM_ADDRESS_BYTES, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return ERR_OK;
}

enum err_code sim_listen_open(const char *listen_text, int *ret_fd, char ret_address[SIM_ADDRESS_BYTES],
                              struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	                               .ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_ADDRCONFIG};
	struct addrinfo *found = NULL;
	char host[SIM_ADDRESS_BYTES];
	const char *port = NULL;
	int fd = -1;
	enum err_code code = split(listen_text, host, &port, err);
	if (code != ERR_OK)
		return code;
	int failed = getaddrinfo(host, port, &hints, &found);
	if (failed != 0)
		return err_set(err, ERR_IO, "cannot listen: %s", gai_strerror(failed));
	for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
		fd = open_one(at);
	if (fd < 0)
		code = err_set(err, ERR_IO, "cannot listen: %s", strerror(errno));
	freeaddrinfo(found);
	if (code == ERR_OK)
		code = name_of(fd, ret_address, err);
	if (code == ERR_OK)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	return code;
}
