/* buf: a growing byte buffer. Every one has a maximum, so that no input decides how much memory is used.
 * Growing copies by hand instead of realloc(), which would leave copies of secrets behind in freed memory. */
#include "common/base/buf.h"
#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAP = 64 };

void buf_init(struct buf *buf, size_t max_bytes)
{
	assert(max_bytes < SIZE_MAX / 2);
	*buf = (struct buf){.data = "", .max = max_bytes};
}

void buf_fini(struct buf *buf)
{
	if (!buf)
		return;
	if (buf->cap > 0)
		free(buf->data);
	buf_init(buf, buf->max);
}

void buf_fini_secret(struct buf *buf)
{
	if (buf && buf->cap > 0)
		explicit_bzero(buf->data, buf->cap); /* all of it: buf_clear leaves bytes behind len */
	buf_fini(buf);
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	if (buf->cap > 0)
		buf->data[0] = '\0';
}

static size_t next_cap(const struct buf *buf, size_t need)
{
	size_t cap = buf->cap > 0 ? buf->cap * 2 : FIRST_CAP;
	if (cap > buf->max + 1)
		cap = buf->max + 1;
	return cap < need ? need : cap;
}

enum err_code buf_make_room(struct buf *buf, size_t bytes)
{
	if (bytes > buf->max - buf->len)
		return ERR_LIMIT;
	size_t need = buf->len + bytes + 1; /* with the closing '\0' */
	if (need <= buf->cap)
		return ERR_OK;

	size_t cap = next_cap(buf, need);
	char *data = malloc(cap);
	if (!data)
		return ERR_NO_MEMORY;
	memcpy(data, buf->data, buf->len + 1);
	if (buf->cap > 0) {
		explicit_bzero(buf->data, buf->cap);
		free(buf->data);
	}
	buf->data = data;
	buf->cap = cap;
	return ERR_OK;
}

void buf_expect(struct buf *buf, size_t bytes)
{
	enum err_code code = buf_make_room(buf, bytes);
	(void)code; /* appending says so */
}

enum err_code buf_append_more(struct buf *buf, const void *data, size_t len)
{
	if (len == 0)
		return ERR_OK;
	enum err_code code = buf_make_room(buf, len);
	return code == ERR_OK ? buf_append(buf, data, len) : code;
}

enum err_code buf_append_str(struct buf *buf, const char *text)
{
	return buf_append(buf, text, strlen(text));
}

enum err_code buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	va_list measured;
	va_copy(measured, args);
	int len = vsnprintf(NULL, 0, fmt, measured);
	va_end(measured);

	enum err_code code = len < 0 ? ERR_INVALID : buf_make_room(buf, (size_t)len);
	if (code == ERR_OK && len > 0) {
		(void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
		buf->len += (size_t)len;
	}
	va_end(args);
	return code;
}

enum err_code buf_take(struct buf *buf, char **ret_data, size_t *ret_len)
{
	enum err_code code = buf->cap > 0 ? ERR_OK : buf_make_room(buf, 0);
	if (code != ERR_OK)
		return code;
	*ret_data = buf->data;
	*ret_len = buf->len;
	buf_init(buf, buf->max);
	return ERR_OK;
}
