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

char *decimal_write(int64_t number, char out[DECIMAL_BYTES])
{
	char digits[DECIMAL_BYTES];
	size_t count = 0;
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	do {
		digits[count++] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (number < 0)
		*out++ = '-';
	while (count > 0)
		*out++ = digits[--count];
	*out = '\0';
	return out;
}
