/* decimal: loops bounded by the number of digits; two of them are written at a time. */
#include "common/base/decimal.h"
#include <string.h>

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

/* A number's bits tell how many digits it has, but for one more. */
static unsigned count_digits(uint64_t number)
{
	static const uint64_t powers[] = {0,
	                                  10,
	                                  100,
	                                  1000,
	                                  10000,
	                                  100000,
	                                  1000000,
	                                  10000000,
	                                  100000000,
	                                  1000000000,
	                                  10000000000,
	                                  100000000000,
	                                  1000000000000,
	                                  10000000000000,
	                                  100000000000000,
	                                  1000000000000000,
	                                  10000000000000000,
	                                  100000000000000000,
	                                  1000000000000000000,
	                                  10000000000000000000U};
	unsigned bits = 64 - (unsigned)__builtin_clzll(number | 1);
	unsigned count = bits * 1233 >> 12; /* 1233 / 4096 is log10(2), to four places */
	return count + (number >= powers[count]);
}

char *decimal_write(int64_t number, char out[DECIMAL_BYTES])
{
	static const char pairs[] =
	        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
	        "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
	if (number >= 0 && number < 10) { /* most are */
		out[0] = (char)('0' + number);
		out[1] = '\0';
		return out + 1;
	}
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	if (number < 0)
		*out++ = '-';
	char *end = out + count_digits(left), *at = end;
	*end = '\0';
	for (; left >= 10; left /= 100) /* what is left of two digits may be one of 0 to 9, or nothing */
		memcpy(at -= 2, pairs + left % 100 * 2, 2);
	if (at > out)
		*out = (char)('0' + left);
	return end;
}
