/* fuzz: what every target shares. A target is one function that must survive any bytes; under the preset `fuzz`
 * libFuzzer calls it, elsewhere corpus_main.c feeds it the files of its corpus. */
#ifndef VERIFYD_FUZZ_H
#define VERIFYD_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A rule that holds whatever the bytes are; active in every build. */
#define FUZZ_RULE(holds)                                                                                               \
	do {                                                                                                           \
		if (!(holds))                                                                                          \
			abort();                                                                                       \
	} while (0)

#endif
