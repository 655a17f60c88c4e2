/* cidr: lists of addresses and networks, "203.0.113.7, 198.51.100.0/24, 2001:db8::/32" (RFC 4632, RFC 4291). Bits behind the
 * prefix are passed over; blanks around commas too. */
#ifndef VERIFYD_CIDR_H
#define VERIFYD_CIDR_H

#include "common/base/err.h"
#include <stdbool.h>
#include <sys/socket.h>

struct cidr_list;

enum { CIDR_MAX = 256 };

/* Returns: ERR_OK, *ret_list ended by cidr_list_free; ERR_INVALID (err names the item); ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code cidr_list_new(const char *text, struct cidr_list **ret_list, struct err *err) WARN_UNUSED;
void cidr_list_free(struct cidr_list *list); /* accepts NULL */

/* An IPv4 address mapped into IPv6 counts as IPv4. list NULL: false. */
bool cidr_list_has(const struct cidr_list *list, const struct sockaddr *address);

/* An address as text, without port or brackets. Returns: ERR_OK; ERR_INVALID. */
enum err_code cidr_address(const char *text, size_t len, struct sockaddr_storage *ret_address) WARN_UNUSED;

#endif
