/* loopback: sockets and ports of a test's own on 127.0.0.1. What fails ends the test program. */
#ifndef VERIFYD_LOOPBACK_H
#define VERIFYD_LOOPBACK_H

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Returns: a socket with a port that nobody else has, not listening yet; closed by the caller. flags: of socket(), beside SOCK_STREAM. */
static inline int loopback_bind(int flags, int *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		abort();
	*ret_port = ntohs(address.sin_port);
	return fd;
}

/* The same, listening. */
static inline int loopback_listen(int backlog, int *ret_port)
{
	int fd = loopback_bind(SOCK_CLOEXEC, ret_port);
	if (listen(fd, backlog) != 0)
		abort();
	return fd;
}

/* For who listens by itself. */
static inline int loopback_free_port(void)
{
	int port;
	int fd = loopback_bind(0, &port);
	close(fd);
	return port;
}

/* All of it, or as much as the other side still takes. */
static inline void loopback_send(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		data += sent;
		len -= (size_t)sent;
	}
}

#endif
