/* http_chunks: a body in chunks (RFC 9112 section 7.1), strictly: sizes are hexadecimal digits alone, lines end in CRLF, extensions
 * and trailers are read over and thrown away. Pure.
 *
 * Limits: HTTP_CHUNK_LINE_MAX_BYTES for the line of a chunk's size and for the trailers together, line ends included. */
#ifndef VERIFYD_HTTP_CHUNKS_H
#define VERIFYD_HTTP_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_CHUNK_LINE_MAX_BYTES = 1024 };

/* Where in the coding the next byte stands; of zeroes at the beginning. */
struct http_chunks {
	enum http_chunk_step {
		CHUNK_SIZE,
		CHUNK_SIZE_NEXT, /* a digit was there */
		CHUNK_EXTENSION,
		CHUNK_SIZE_LF,
		CHUNK_DATA,
		CHUNK_DATA_CR,
		CHUNK_DATA_LF,
		CHUNK_TRAILER, /* at the beginning of a line */
		CHUNK_TRAILER_REST,
		CHUNK_TRAILER_LF,
		CHUNK_LAST_LF,
		CHUNK_WHOLE,
		CHUNK_BROKEN, /* and stays so */
	} step;
	uint64_t left; /* of the chunk's data */
	size_t line;   /* bytes of the size's line, or of the trailers */
};

enum http_chunks_answer {
	HTTP_CHUNKS_MORE,   /* all was taken; more has to come */
	HTTP_CHUNKS_DATA,   /* *ret_data is a piece of the body, inside of what was given; go on behind *ret_taken */
	HTTP_CHUNKS_WHOLE,  /* the body is over; what stands behind *ret_taken is not of it */
	HTTP_CHUNKS_BROKEN, /* it is no such coding */
};

/* Takes bytes off data. *ret_taken: how many, 1 at least unless len is 0 or it is over. */
enum http_chunks_answer http_chunks_take(struct http_chunks *chunks, const char *data, size_t len, size_t *ret_taken,
                                         const char **ret_data, size_t *ret_len);

#endif
