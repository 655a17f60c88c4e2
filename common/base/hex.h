/* hex: what a hexadecimal digit stands for. */
#ifndef VERIFYD_HEX_H
#define VERIFYD_HEX_H

/* Returns: 0 to 15, of either case; -1: it is none. Independent of locales. */
static inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
