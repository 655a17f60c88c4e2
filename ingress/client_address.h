/* client_address: who really calls, where proxies stand in between. Only what a trusted proxy says of its own caller counts. */
#ifndef VERIFYD_CLIENT_ADDRESS_H
#define VERIFYD_CLIENT_ADDRESS_H

#include "ingress/cidr.h"

/* peer: the other end of the connection (NULL: not known). forwarded_for: all X-Forwarded-For headers of the request, joined by
 * commas; NULL or "" when there is none. Walked from the right, as long as each address is a trusted proxy's (proxies NULL: none
 * is); an address may have a port. Returns: true and *ret_client; false when an item on that way is no address. */
bool client_address(const struct cidr_list *proxies, const struct sockaddr *peer, const char *forwarded_for,
                    struct sockaddr_storage *ret_client);

#endif
