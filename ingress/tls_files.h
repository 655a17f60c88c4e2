/* tls_files: the certificate and key of the public listener's own TLS, as PEM for http_tls. */
#ifndef VERIFYD_TLS_FILES_H
#define VERIFYD_TLS_FILES_H

#include "common/base/config.h"
#include <stdio.h>

enum { TLS_FILE_MAX_BYTES = 256 * 1024 };

struct tls_files {
	char *certificate, *key; /* PEM; the certificate's chain behind it */
	char *authorities;       /* PEM; NULL: callers are not told whose certificates are wanted */
	int64_t until_s;         /* when the certificate is over, unix s; 0: its date cannot be read */
};

/* Reads TLS_CERT_FILE, TLS_KEY_FILE and TLS_CLIENT_CA_FILE. One line in complaints for every mistake: one of the first two without the other, no PEM, an
 * encrypted key, a key of another certificate. Returns: how many; none: *ret_files, ended by tls_files_free; NULL when TLS is not wanted. */
int tls_files_new(const struct config *config, FILE *complaints, struct tls_files **ret_files);
void tls_files_free(struct tls_files *files); /* overwrites; accepts NULL */

/* For OpenSSL's readers of PEM, in place of its own pem_password_cb, which asks at a terminal. Returns: -1, there is none. */
int tls_no_password(char *out, int size, int writing, void *ctx);

#endif
