/* hints_internal: what hints_file.c finds in a file and hints.c signs with. */
#ifndef VERIFYD_HINTS_INTERNAL_H
#define VERIFYD_HINTS_INTERNAL_H

#include "ingress/hints.h"
#include <openssl/types.h>

struct hint_pair {
	EVP_PKEY *key;
	X509 *certificate;
};

struct hint_pairs {
	size_t count;
	struct hint_pair list[HINT_MAX_KEYS]; /* in the order of the keys in the file */
};

/* Reads PEM or PFX, matches keys with certificates, and checks that every key is RSA of enough bits. password NULL: none.
 * Returns: ERR_OK, *ret_pairs (one at least) ended by hint_pairs_fini; ERR_IO; ERR_INVALID; ERR_NO_MEMORY. */
enum err_code hint_pairs_read(const char *file, const char *password, struct hint_pairs *ret_pairs,
                              struct err *err) WARN_UNUSED;
void hint_pairs_fini(struct hint_pairs *pairs);

#endif
