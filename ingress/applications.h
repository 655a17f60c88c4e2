/* applications: what the apps are called that people come from: VERIFYD_APPLICATION_NAMES. Read-only after it was made; any
 * thread. */
#ifndef VERIFYD_APPLICATIONS_H
#define VERIFYD_APPLICATIONS_H

#include "common/base/err.h"

enum { APPLICATIONS_MAX = 256, APPLICATION_NAME_MAX = 80 /* bytes of a name */ };

struct applications;

/* text: "CLIENT-ID=Name;CLIENT-ID=Name": a ClientId of InitializeTransaction, or the name of a credential for who comes
 * by way of /v1, or * for everybody else. NULL: none has a name.
 * Returns: ERR_OK, *ret_applications ended by applications_free; ERR_INVALID (err says which rule is broken, never a name);
 * ERR_LIMIT (too many); ERR_NO_MEMORY. */
enum err_code applications_new(const char *text, struct applications **ret_applications, struct err *err) WARN_UNUSED;
void applications_free(struct applications *applications); /* accepts NULL */

/* The name for this ClientId (any case; NULL or "": none is known), else for this caller (likewise), else that of *.
 * Returns: a text that lives as long as the table; NULL when it has none. Accepts NULL. */
const char *application_name(const struct applications *applications, const char *client_id, const char *caller);

#endif
