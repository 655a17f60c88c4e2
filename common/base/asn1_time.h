/* asn1_time: the times that stand in certificates (RFC 5280, 4.1.2.5) as unix seconds. Pure. */
#ifndef VERIFYD_ASN1_TIME_H
#define VERIFYD_ASN1_TIME_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

/* time: not NULL. Returns: false when it cannot be read; *ret_unix_s is then untouched. */
bool asn1_time_read(const ASN1_TIME *time, int64_t *ret_unix_s);

#endif
