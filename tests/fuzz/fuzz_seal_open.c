/* fuzz_seal_open: any text as a sealed part, and any text as a list of keys (when it begins with '!'). Nothing opens
 * but what was sealed: a forged text that opens would be a broken seal. */
#include "common/base/seal.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define RING "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void fuzz_keys(const char *data, size_t size)
{
	char *spec = fuzz_text(data, size);
	struct seal_ring *ring = NULL;
	struct err err = {ERR_OK, ""};
	FUZZ_RULE(spec);
	enum err_code code = seal_ring_new(spec, &ring, &err);
	FUZZ_RULE((code == ERR_OK) == (ring != NULL) && (ring || err.msg[0]));
	seal_ring_free(ring);
	free(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seal_ring *ring;                                                 /* for the life of the process */
	static const char known[] = "k1.AAECAwQFBgcICQoLL2e6d6pVlsX18fSJNfZ47Bfbnkqt"; /* "hello" of vABC */
	struct buf out;
	if (!ring)
		FUZZ_RULE(seal_ring_new(RING, &ring, NULL) == ERR_OK);
	if (size > 0 && data[0] == '!') {
		fuzz_keys((const char *)data + 1, size - 1);
		return 0;
	}
	buf_init(&out, SEAL_MAX_PLAIN_BYTES);
	enum err_code code = seal_open(ring, "vABC", (const char *)data, size, &out, NULL);
	FUZZ_RULE(code != ERR_OK || (size == sizeof known - 1 && memcmp(data, known, size) == 0));
	FUZZ_RULE(code == ERR_OK || out.len == 0);
	buf_fini_secret(&out);
	return 0;
}
