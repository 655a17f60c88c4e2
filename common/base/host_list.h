/* host_list: which hosts may be called, out of a setting: "hooks.example.com, *.example.org:8443, 127.0.0.1:*". */
#ifndef VERIFYD_HOST_LIST_H
#define VERIFYD_HOST_LIST_H

#include "common/base/err.h"
#include <stdbool.h>

enum { HOST_LIST_MAX = 256 };

struct host_list;

/* Entries are separated by commas, blanks around them ignored: a host or an address ([IPv6] in brackets), or *.SUFFIX for
 * every name below a suffix of two labels at least; behind it a port, or * for any; without one the scheme's own.
 * Returns: ERR_OK and *ret_list, ended by host_list_free; ERR_INVALID (err says which rule, and the entry's number);
 * ERR_NO_MEMORY. */
enum err_code host_list_new(const char *text, struct host_list **ret_list, struct err *err) WARN_UNUSED;
void host_list_free(struct host_list *list); /* accepts NULL */

enum host_verdict {
	HOST_REFUSED,  /* not on the list, or no URL that is called at all */
	HOST_FOREIGN,  /* https to a host of the list: to be called at public addresses only */
	HOST_LOOPBACK, /* a loopback address that the list names: may be http */
};

/* Whether a URL that came from outside may be called; list NULL: none may. It has neither user information nor a
 * fragment. Thread: any. */
enum host_verdict host_list_judge(const struct host_list *list, const char *url);

#endif
