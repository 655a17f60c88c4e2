/* fuzz_http_chunks: any bytes as a body in chunks. However they are cut, the body and what becomes of it are the same,
 * and no more of it comes out than went in. */
#include "ingress/http_chunks.h"
#include "tests/fuzz/fuzz.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
	enum http_chunks_answer answer;
	size_t taken, len;
	char *body; /* of the input's size */
};

static struct outcome take(const char *bytes, size_t size, size_t piece)
{
	struct http_chunks chunks = {0};
	struct outcome outcome = {.answer = HTTP_CHUNKS_MORE, .body = malloc(size + 1)};
	FUZZ_RULE(outcome.body);
	while (outcome.taken < size) {
		const char *at = bytes + outcome.taken, *data = NULL;
		size_t given = size - outcome.taken < piece ? size - outcome.taken : piece, taken = 0, len = 0;
		outcome.answer = http_chunks_take(&chunks, at, given, &taken, &data, &len);
		FUZZ_RULE(taken >= 1 && taken <= given);
		FUZZ_RULE((outcome.answer == HTTP_CHUNKS_DATA) == (len > 0) &&
		          (outcome.answer != HTTP_CHUNKS_MORE || taken == given));
		FUZZ_RULE(len == 0 || (data >= at && data + len == at + taken));
		if (len > 0)
			memcpy(outcome.body + outcome.len, data, len);
		outcome.len += len;
		outcome.taken += taken;
		if (outcome.answer == HTTP_CHUNKS_WHOLE || outcome.answer == HTTP_CHUNKS_BROKEN)
			break;
	}
	if (outcome.answer == HTTP_CHUNKS_DATA) /* whether data or its end came last depends on the cut */
		outcome.answer = HTTP_CHUNKS_MORE;
	return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = {1, 2, 3, 5, 7, 16, 61};
	const char *bytes = size ? (const char *)data : "";
	struct outcome whole = take(bytes, size, size + 1);
	FUZZ_RULE(whole.len < whole.taken || whole.taken == 0);
	FUZZ_RULE(whole.answer != HTTP_CHUNKS_MORE || whole.taken == size);
	FUZZ_RULE(whole.answer != HTTP_CHUNKS_WHOLE ||
	          (whole.taken >= 5 && memcmp(bytes + whole.taken - 2, "\r\n", 2) == 0));
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct outcome cut = take(bytes, size, pieces[i]);
		FUZZ_RULE(cut.answer == whole.answer && cut.taken == whole.taken && cut.len == whole.len);
		FUZZ_RULE(cut.len == 0 || memcmp(cut.body, whole.body, cut.len) == 0);
		free(cut.body);
	}
	free(whole.body);
	return 0;
}
