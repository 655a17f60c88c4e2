/* tls_files: read once, and looked at one by one, so that a mistake is told by the name of the setting that it is in.
 */
#include "ingress/tls_files.h"
#include "common/base/asn1_time.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* Returns: the text, ended by '\0'; NULL, and why in *ret_why. */
static char *read_text(const char *path, const char **ret_why)
{
	FILE *file = fopen(path, "rbe");
	char *text = file ? malloc(TLS_FILE_MAX_BYTES + 1) : NULL;
	*ret_why = file ? "out of memory" : strerror(errno);
	if (text) {
		setvbuf(file, NULL, _IONBF, 0); /* no second copy of the key */
		size_t len = fread(text, 1, TLS_FILE_MAX_BYTES + 1, file);
		bool whole = !ferror(file) && len <= TLS_FILE_MAX_BYTES && !memchr(text, '\0', len);
		text[whole ? len : 0] = '\0';
		if (!whole) {
			free(text);
			text = NULL;
			*ret_why = "cannot be read, is too large, or is no PEM";
		}
	}
	if (file)
		(void)fclose(file);
	return text;
}

static char *read_setting(const struct config *config, enum config_option option, const char *name, FILE *complaints,
                          int *mistakes)
{
	const char *path = config_str(config, option), *why;
	char *text = path ? read_text(path, &why) : NULL;
	if (path && !text) {
		fprintf(complaints, "%s: %s\n", name, why);
		(*mistakes)++;
	}
	return text;
}

int tls_no_password(char *out, int size, int writing, void *ctx)
{
	(void)out, (void)size, (void)writing, (void)ctx;
	return -1;
}

static int check_pair(struct tls_files *files, FILE *complaints)
{
	BIO *from = BIO_new_mem_buf(files->certificate, -1), *of_key = BIO_new_mem_buf(files->key, -1);
	X509 *certificate = from ? PEM_read_bio_X509(from, NULL, tls_no_password, NULL) : NULL;
	EVP_PKEY *key = of_key ? PEM_read_bio_PrivateKey(of_key, NULL, tls_no_password, NULL) : NULL;
	const char *wrong = NULL;
	if (!certificate)
		wrong = "VERIFYD_TLS_CERT_FILE: holds no certificate that can be read (PEM)";
	else if (!key)
		wrong = "VERIFYD_TLS_KEY_FILE: holds no key that can be read (PEM, not encrypted)";
	else if (X509_check_private_key(certificate, key) != 1)
		wrong = "VERIFYD_TLS_KEY_FILE: is not the key of the first certificate in VERIFYD_TLS_CERT_FILE";
	if (wrong)
		fprintf(complaints, "%s\n", wrong);
	else
		(void)asn1_time_read(X509_get0_notAfter(certificate), &files->until_s); /* else 0 */
	EVP_PKEY_free(key);
	X509_free(certificate);
	BIO_free(of_key);
	BIO_free(from);
	ERR_clear_error();
	return wrong != NULL;
}

int tls_files_new(const struct config *config, FILE *complaints, struct tls_files **ret_files)
{
	bool certificate = config_str(config, CONFIG_TLS_CERT_FILE) != NULL;
	bool key = config_str(config, CONFIG_TLS_KEY_FILE) != NULL;
	int mistakes = 0;
	*ret_files = NULL;
	if (certificate != key) {
		fprintf(complaints, "%s: missing beside %s\n", key ? "VERIFYD_TLS_CERT_FILE" : "VERIFYD_TLS_KEY_FILE",
		        key ? "VERIFYD_TLS_KEY_FILE" : "VERIFYD_TLS_CERT_FILE");
		return 1;
	}
	if (!certificate)
		return 0;
	struct tls_files *files = calloc(1, sizeof *files);
	if (!files) {
		fputs("VERIFYD_TLS_CERT_FILE: out of memory\n", complaints);
		return 1;
	}
	files->certificate = read_setting(config, CONFIG_TLS_CERT_FILE, "VERIFYD_TLS_CERT_FILE", complaints, &mistakes);
	files->key = read_setting(config, CONFIG_TLS_KEY_FILE, "VERIFYD_TLS_KEY_FILE", complaints, &mistakes);
	files->authorities =
	        read_setting(config, CONFIG_TLS_CLIENT_CA_FILE, "VERIFYD_TLS_CLIENT_CA_FILE", complaints, &mistakes);
	if (mistakes == 0)
		mistakes += check_pair(files, complaints);
	if (mistakes == 0)
		*ret_files = files;
	else
		tls_files_free(files);
	return mistakes;
}

void tls_files_free(struct tls_files *files)
{
	if (!files)
		return;
	if (files->key)
		OPENSSL_cleanse(files->key, strlen(files->key));
	free(files->key);
	free(files->certificate);
	free(files->authorities);
	free(files);
}
