/* buf: a growing byte buffer with a stated maximum. data[len] is always '\0', so it can be read as a string. */
#ifndef VERIFYD_BUF_H
#define VERIFYD_BUF_H

#include "common/base/err.h"
#include <stddef.h>
#include <string.h>

struct buf {
	char *data; /* "" (static) until the first append */
	size_t len; /* bytes in use, without the closing '\0' */
	size_t cap; /* bytes allocated, max + 1 at most; 0 while data is the static "" */
	size_t max; /* len never passes this */
};

/* Makes an empty buffer in place; allocates nothing yet. */
void buf_init(struct buf *buf, size_t max_bytes);

/* Frees the memory and leaves an empty buffer that may be used again. Accepts NULL. */
void buf_fini(struct buf *buf);

/* As buf_fini, but overwrites the content first: for secrets and people's data. */
void buf_fini_secret(struct buf *buf);

/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *buf);

/* Makes room for `bytes` more at once, so that what is appended bit by bit grows it no further. Best effort: without memory, or
 * beyond max, appending says so. */
void buf_expect(struct buf *buf, size_t bytes);

/* Makes room for `bytes` more. Returns: ERR_OK; ERR_LIMIT when they would pass max; ERR_NO_MEMORY. On failure nothing changed. */
enum err_code buf_make_room(struct buf *buf, size_t bytes) WARN_UNUSED;

/* For what is put together in place: *ret_at is where `bytes` more may be written; buf_wrote then says up to where they were.
 * Returns: what buf_make_room returns. */
static inline WARN_UNUSED enum err_code buf_room(struct buf *buf, size_t bytes, char **ret_at)
{
	enum err_code code = bytes < buf->cap - buf->len ? ERR_OK : buf_make_room(buf, bytes);
	*ret_at = buf->data + buf->len;
	return code;
}

/* end: within the room that buf_room gave last, nothing having been appended since. */
static inline void buf_wrote(struct buf *buf, char *end)
{
	*end = '\0';
	buf->len = (size_t)(end - buf->data);
}

/* What buf_append does without room: it makes room. */
enum err_code buf_append_more(struct buf *buf, const void *data, size_t len) WARN_UNUSED;

/* Appends a copy. Returns: ERR_OK; ERR_LIMIT when len would pass max; ERR_NO_MEMORY. On failure nothing changed. */
static inline WARN_UNUSED enum err_code buf_append(struct buf *buf, const void *data, size_t len)
{
	if (len == 0 || len >= buf->cap - buf->len)
		return buf_append_more(buf, data, len);
	char *end = buf->data + buf->len;
	memcpy(end, data, len);
	end[len] = '\0';
	buf->len += len;
	return ERR_OK;
}

enum err_code buf_append_str(struct buf *buf, const char *text) WARN_UNUSED;
/* buf_printf besides: ERR_INVALID when the arguments cannot be formatted. */
enum err_code buf_printf(struct buf *buf, const char *fmt, ...) WARN_UNUSED PRINTF_FMT(2, 3);

/* Hands the bytes over: the caller frees *ret_data with free(). The buffer is empty afterwards.
 * Returns: ERR_OK; ERR_NO_MEMORY. */
enum err_code buf_take(struct buf *buf, char **ret_data, size_t *ret_len) WARN_UNUSED;

#endif
