/* b2c_body: the members of a JSON body as B2C sends it: names in any case, more claims than we need, null for a claim
 * without a value. */
#ifndef VERIFYD_B2C_BODY_H
#define VERIFYD_B2C_BODY_H

#include "ingress/exchange.h"

/* Calls take for every member that is not null; value is NULL when it is not a string. take returns NULL, or the rule that the
 * member breaks (a constant text), which ends the reading.
 * Returns: true; false when it answered: bad_json, or bad_field for a broken rule. */
bool b2c_body_read(struct exchange *exchange,
                   const char *(*take)(void *ctx, const char *name, const char *value), void *ctx);

#endif
