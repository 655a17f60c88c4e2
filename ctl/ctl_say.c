/* ctl_say: lines on stderr, what may be shown on a terminal, and how much of its time a command has left. */
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "ctl/ctl.h"
#include <stdarg.h>
#include <string.h>

PRINTF_FMT(1, 0)
static void complain(const char *fmt, va_list args, const char *end)
{
	(void)fflush(stdout);
	(void)fputs(CTL_PROGRAM ": ", stderr);
	(void)vfprintf(stderr, fmt, args);
	(void)fputs(end, stderr);
}

int ctl_fail(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	complain(fmt, args, "\n");
	va_end(args);
	return CTL_FAILED;
}

int ctl_refuse(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	complain(fmt, args, " (see " CTL_PROGRAM " --help)\n");
	va_end(args);
	return CTL_USAGE;
}

int ctl_fail_kafka(const struct ctl_call *call, const char *what, enum err_code code, const struct err *err)
{
	char brokers[120];
	ctl_printable(config_str(call->config, CONFIG_KAFKA_BROKERS), brokers, sizeof brokers);
	const char *why = err->msg[0] ? err->msg : err_text(code);
	if (code != ERR_UNAVAILABLE && code != ERR_TIMEOUT)
		return ctl_fail("%s: %s", what, why);
	return ctl_fail("%s: %s (VERIFYD_KAFKA_BROKERS: %s)", what, why, brokers);
}

struct ctl_call ctl_renewed(const struct ctl_call *call)
{
	struct ctl_call renewed = *call;
	renewed.deadline_ms = clock_mono_ms() + (int64_t)call->timeout_s * 1000;
	return renewed;
}

int ctl_left_ms(const struct ctl_call *call)
{
	int64_t left = call->deadline_ms - clock_mono_ms();
	return left > 1 ? (int)left : 1;
}

void ctl_printable(const char *text, char *out, size_t cap)
{
	size_t i = 0;
	for (; text[i] && i + 1 < cap; i++) {
		out[i] = text[i];
		if (text[i] < ' ' || text[i] > '~')
			out[i] = '?';
	}
	out[i] = '\0';
}

int ctl_check_ids(const struct ctl_call *call)
{
	for (size_t i = 0; i < call->argument_count; i++) {
		char shown[2 * ID_BYTES];
		ctl_printable(call->arguments[i], shown, sizeof shown);
		if (!id_is_valid(call->arguments[i], strlen(call->arguments[i])))
			return ctl_refuse("%s: not an id: 'v' and 22 characters of base64url", shown);
	}
	return CTL_OK;
}

int ctl_print_json(struct json_out *json, struct buf *text)
{
	enum err_code code = json_out_end(json);
	if (code == ERR_OK)
		(void)puts(text->data);
	buf_fini(text);
	return code == ERR_OK ? CTL_OK : ctl_fail("%s", err_text(code));
}
