/* decimal: one loop, bounded by the number of digits. */
#include "common/base/decimal.h"

enum err_code decimal_parse(const char *text, size_t len, int64_t max, int64_t *ret_number)
{
	int64_t number = 0;
	if (len == 0)
		return ERR_INVALID;
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return ERR_INVALID;
	if (len > DECIMAL_MAX_DIGITS)
		return ERR_LIMIT;
	for (size_t i = 0; i < len; i++)
		number = number * 10 + (text[i] - '0');
	if (number > max)
		return ERR_LIMIT;
	*ret_number = number;
	return ERR_OK;
}
