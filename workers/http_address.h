/* http_address: what kind of address a connection would go to. Pure: no socket, no name.
 *
 * Decided on the address that is connected to, not on a name: a name may lead anywhere, and elsewhere a moment later. */
#ifndef VERIFYD_HTTP_ADDRESS_H
#define VERIFYD_HTTP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* 127.0.0.0/8, ::1, and the first mapped into IPv6. */
bool http_address_is_loopback(const struct sockaddr *address);

/* Whether an address is of the public Internet: none of those that the IANA special-purpose registries (RFC 6890) call
 * not globally reachable, no multicast, nothing reserved; and where IPv6 carries an IPv4 address, that one too. Any
 * family but IPv4 and IPv6: false. */
bool http_address_is_public(const struct sockaddr *address);

#endif
