/* asn1_time: by OpenSSL, which reads both forms. */
#include "common/base/asn1_time.h"
#include <openssl/asn1.h>
#include <time.h>

bool asn1_time_read(const ASN1_TIME *time, int64_t *ret_unix_s)
{
	struct tm tm;
	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*ret_unix_s = timegm(&tm);
	return true;
}
