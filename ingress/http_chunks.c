/* http_chunks: a table says which step follows on which kind of byte; data is handed out in place. */
#include "ingress/http_chunks.h"
#include "common/base/hex.h"

enum kind { KIND_CONTROL, KIND_TEXT, KIND_DIGIT, KIND_SEMICOLON, KIND_CR, KIND_LF, KINDS };

enum { MAX_DIGITS = 16 };

static const unsigned char next_step[CHUNK_WHOLE][KINDS] = {
#define NO CHUNK_BROKEN
        /*                       control, text, digit, semicolon, CR, LF */
        [CHUNK_SIZE] = {NO, NO, CHUNK_SIZE_NEXT, NO, NO, NO},
        [CHUNK_SIZE_NEXT] = {NO, NO, CHUNK_SIZE_NEXT, CHUNK_EXTENSION, CHUNK_SIZE_LF, NO},
        [CHUNK_EXTENSION] = {NO, CHUNK_EXTENSION, CHUNK_EXTENSION, CHUNK_EXTENSION, CHUNK_SIZE_LF, NO},
        [CHUNK_SIZE_LF] = {NO, NO, NO, NO, NO, CHUNK_DATA},
        [CHUNK_DATA] = {NO, NO, NO, NO, NO, NO}, /* is not looked at byte by byte */
        [CHUNK_DATA_CR] = {NO, NO, NO, NO, CHUNK_DATA_LF, NO},
        [CHUNK_DATA_LF] = {NO, NO, NO, NO, NO, CHUNK_SIZE},
        [CHUNK_TRAILER] = {NO, CHUNK_TRAILER_REST, CHUNK_TRAILER_REST, CHUNK_TRAILER_REST, CHUNK_LAST_LF, NO},
        [CHUNK_TRAILER_REST] = {NO, CHUNK_TRAILER_REST, CHUNK_TRAILER_REST, CHUNK_TRAILER_REST, CHUNK_TRAILER_LF, NO},
        [CHUNK_TRAILER_LF] = {NO, NO, NO, NO, NO, CHUNK_TRAILER},
        [CHUNK_LAST_LF] = {NO, NO, NO, NO, NO, CHUNK_WHOLE},
#undef NO
};

static enum kind kind_of(unsigned char c)
{
	switch (c) {
	case '\r':
		return KIND_CR;
	case '\n':
		return KIND_LF;
	case ';':
		return KIND_SEMICOLON;
	case '\t':
		return KIND_TEXT;
	default:
		if (c < 0x20 || c == 0x7f)
			return KIND_CONTROL;
		return hex_digit((char)c) >= 0 ? KIND_DIGIT : KIND_TEXT;
	}
}

/* Takes one byte that is no data. */
static enum http_chunk_step step_over(struct http_chunks *chunks, unsigned char c)
{
	enum http_chunk_step next = (enum http_chunk_step)next_step[chunks->step][kind_of(c)];
	if (++chunks->line > HTTP_CHUNK_LINE_MAX_BYTES)
		return CHUNK_BROKEN;
	switch (next) {
	case CHUNK_SIZE_NEXT: /* the line holds digits alone up to here */
		if (chunks->line > MAX_DIGITS || chunks->left > INT64_MAX / 16)
			return CHUNK_BROKEN;
		chunks->left = chunks->left * 16 + (uint64_t)hex_digit((char)c);
		return next;
	case CHUNK_DATA: /* a size's line is over */
		chunks->line = 0;
		return chunks->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
	case CHUNK_SIZE:
		chunks->line = 0;
		return next;
	default:
		return next;
	}
}

enum http_chunks_answer http_chunks_take(struct http_chunks *chunks, const char *data, size_t len, size_t *ret_taken,
                                         const char **ret_data, size_t *ret_len)
{
	size_t at = 0;
	while (at < len && chunks->step < CHUNK_WHOLE && chunks->step != CHUNK_DATA)
		chunks->step = step_over(chunks, (unsigned char)data[at++]);
	*ret_taken = at;
	if (chunks->step == CHUNK_WHOLE)
		return HTTP_CHUNKS_WHOLE;
	if (chunks->step == CHUNK_BROKEN)
		return HTTP_CHUNKS_BROKEN;
	if (chunks->step != CHUNK_DATA || at == len)
		return HTTP_CHUNKS_MORE;
	size_t piece = chunks->left < len - at ? (size_t)chunks->left : len - at;
	chunks->left -= piece;
	if (chunks->left == 0)
		chunks->step = CHUNK_DATA_CR;
	*ret_taken = at + piece;
	*ret_data = data + at;
	*ret_len = piece;
	return HTTP_CHUNKS_DATA;
}
