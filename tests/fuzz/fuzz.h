/* fuzz: what every target shares. A target is one function that must survive any bytes; under the preset `fuzz`
 * libFuzzer calls it, elsewhere corpus_main.c feeds it the files of its corpus. */
#ifndef VERIFYD_FUZZ_H
#define VERIFYD_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes up to the first NUL as a string of the heap, freed by the caller. (strndup reads on, as strict sanitizers see it.) */
static inline char *fuzz_text(const void *data, size_t size)
{
	const void *end = size ? memchr(data, '\0', size) : NULL;
	size_t len = end ? (size_t)((const char *)end - (const char *)data) : size;
	char *text = malloc(len + 1);
	if (!text)
		abort();
	if (len)
		memcpy(text, data, len);
	text[len] = '\0';
	return text;
}

/* A rule that holds whatever the bytes are; active in every build. */
#define FUZZ_RULE(holds)                                                                                               \
	do {                                                                                                           \
		if (!(holds))                                                                                          \
			abort();                                                                                       \
	} while (0)

#endif
