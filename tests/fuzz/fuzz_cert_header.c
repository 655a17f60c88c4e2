/* fuzz_cert_header: any text as a proxy's certificate header, and what comes out of it as a certificate. */
#include "ingress/cert_header.h"
#include "ingress/client_cert.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	unsigned char der[CERT_MAX_BYTES];
	size_t len = sizeof der + 1;
	struct client_cert cert;
	FUZZ_RULE(text);
	if (cert_header_read(text, der, sizeof der, &len) == ERR_OK) {
		FUZZ_RULE(len > 0 && len <= sizeof der);
		const struct cert_chain chain = {1, {{der, len}}};
		(void)client_cert_check(NULL, &chain, 1790000000, &cert);
	} else {
		FUZZ_RULE(len == sizeof der + 1);
	}
	free(text);
	return 0;
}
