/* listen_address: where a listener binds: "127.0.0.1:9090", "[::1]:9090", "localhost:0" (port 0: any free one).
 * Addresses only; names are not looked up, so that checking a configuration needs no network. */
#ifndef VERIFYD_LISTEN_ADDRESS_H
#define VERIFYD_LISTEN_ADDRESS_H

#include "common/base/err.h"
#include <stdbool.h>
#include <sys/socket.h>

enum { LISTEN_ADDRESS_TEXT_BYTES = 56 }; /* "[", an IPv6 address, "]:65535" and '\0' */

struct listen_address {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* text: IPv4:PORT, [IPv6]:PORT or localhost:PORT (127.0.0.1). Returns: ERR_OK; ERR_INVALID (err names the rule). */
enum err_code listen_address_parse(const char *text, struct listen_address *ret_address, struct err *err) WARN_UNUSED;

/* True when only this machine can reach it: 127.0.0.0/8, ::1, and 127.0.0.0/8 written as IPv6. */
bool listen_address_is_loopback(const struct listen_address *address);

/* Writes "H:P" or "[H]:P"; "" for any other family. */
void listen_address_format(const struct listen_address *address, char out[LISTEN_ADDRESS_TEXT_BYTES]);

/* The address a socket is really bound to, with the port the system chose. Returns: ERR_OK; ERR_IO. */
enum err_code listen_address_of_socket(int fd, struct listen_address *ret_address, struct err *err) WARN_UNUSED;

/* Why nobody can listen there just now, found by trying: libmicrohttpd 1.0 does not keep the system's reason.
 * Returns: an errno value; 0 when nothing stands against it. */
int listen_address_obstacle(const struct listen_address *address);

#endif
