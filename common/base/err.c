/* err: fills a failure and names its code. The messages are made here once, so that all of them are cut the same way.
 */
#include "common/base/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[ERR_COUNT] = {
#define ERR(name, text) [ERR_##name] = (text),
#include "common/base/err_codes.def"
#undef ERR
};

enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	if (!err)
		return code;

	/* By way of a second buffer, because an argument may well be err->msg itself. */
	char msg[ERR_MSG_BYTES];
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(msg, sizeof(msg), fmt, args);
	va_end(args);
	if (len < 0)
		msg[0] = '\0';

	err->code = code;
	memcpy(err->msg, msg, strlen(msg) + 1);
	return code;
}

const char *err_text(enum err_code code)
{
	if ((unsigned)code >= ERR_COUNT)
		return "unknown error";
	return texts[code];
}
