/* instance_name: how a process is called where the fleet is looked at. */
#ifndef VERIFYD_INSTANCE_NAME_H
#define VERIFYD_INSTANCE_NAME_H

#include "common/base/err.h"

enum { INSTANCE_NAME_BYTES = 192 }; /* with its '\0' */

/* instance: VERIFYD_INSTANCE_ID, or NULL: the name is made of host, pid and chance. Returns: ERR_OK; ERR_CRYPTO (no
 * randomness). */
enum err_code instance_name(const char *instance, char ret_name[INSTANCE_NAME_BYTES]) WARN_UNUSED;

#endif
