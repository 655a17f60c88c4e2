/* log: one JSON line an event, made on the stack and written by one write(2): no lock, no allocation, so a line can be
 * logged from any thread and when memory is out. A line that cannot be written is lost; there is nobody to tell. */
#include "common/base/log.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include <errno.h>
#include <unistd.h>

enum { LINE_BYTES = 4096, LINE_END_BYTES = 2 }; /* the end is "}\n" */

static const char *const level_names[LOG_LEVEL_COUNT] = {"debug", "info", "warn", "error"};

/* Set once at start, before there are threads; only read afterwards. */
static const char *log_program = "verifyd";
static enum log_level log_least = LOG_INFO;

void log_init(const char *program, enum log_level least)
{
	log_program = program;
	log_least = least;
}

bool log_enabled(enum log_level level)
{
	return level >= log_least;
}

/* A field that does not fit is taken back whole. Returns: false for that one. */
static bool put_field(struct json_out *json, const struct log_field *field)
{
	size_t before = json->buf->len;
	if (field->type == LOG_TYPE_INT)
		json_out_int(json, field->name, field->num);
	else
		json_out_str(json, field->name, field->str);
	if (json->failed == ERR_OK)
		return true;
	json->failed = ERR_OK;
	json->buf->len = before;
	return false;
}

static void write_line(const char *line, size_t len)
{
	while (len > 0) {
		ssize_t written = write(STDERR_FILENO, line, len);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		line += written;
		len -= (size_t)written;
	}
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t field_count)
{
	if (!log_enabled(level))
		return;
	int saved_errno = errno; /* logging a failure must not change what the caller reports next */
	char time[CLOCK_TEXT_BYTES];
	clock_text(clock_unix_ms(), time);

	/* A buf on the stack: cap is max + 1, so that it never grows and is never freed. The end stands behind it. */
	char line[LINE_BYTES + 1];
	line[0] = '\0';
	struct buf buf = {.data = line, .cap = sizeof(line) - LINE_END_BYTES, .max = LINE_BYTES - LINE_END_BYTES};
	struct json_out json;
	json_out_begin(&json, &buf);
	json_out_object(&json, NULL);
	const struct log_field head[] = {LOG_STR("time", time), LOG_STR("level", level_names[level]),
	                                 LOG_STR("program", log_program), LOG_STR("event", event)};
	bool fits = true;
	for (size_t i = 0; fits && i < sizeof(head) / sizeof(head[0]); i++)
		fits = put_field(&json, &head[i]);
	for (size_t i = 0; fits && i < field_count; i++)
		fits = put_field(&json, &fields[i]);

	buf.data[buf.len++] = '}';
	buf.data[buf.len++] = '\n';
	write_line(buf.data, buf.len);
	errno = saved_errno;
}

bool log_limit_pass(struct log_limit *limit, int64_t now_mono_ms, int64_t interval_ms, int64_t *ret_dropped)
{
	if (limit->last_ms != 0 && now_mono_ms - limit->last_ms < interval_ms) {
		limit->dropped++;
		return false;
	}
	*ret_dropped = limit->dropped;
	limit->dropped = 0;
	limit->last_ms = now_mono_ms;
	return true;
}
