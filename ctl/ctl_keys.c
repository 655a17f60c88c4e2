/* ctl_keys: `keys new`: fresh keys and a certificate in files that only their owner can read, and a file that sets the
 * variables naming them. Makes all or nothing, and never overwrites: a lost id key or seal key makes stored requests
 * unreadable. */
#include "common/base/ids.h"
#include "ctl/ctl.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RANDOM_MAX_BYTES = 64, TEXT_MAX_BYTES = 256, KEY_FILE_MAX_BYTES = 16 * 1024, ENV_MAX_BYTES = 8 * PATH_MAX * 4 };

/* How long the certificate lives, and how far back it begins: another machine's clock may be behind. */
enum { RSA_BITS = 2048, SERIAL_BITS = 127, HOUR_S = 3600, YEAR_S = 365 * 24 * HOUR_S, CERT_LIFE_S = 2 * YEAR_S };

#define CERT_NAME "verifyd id_token_hint"

enum content { BASE64, BASE64URL, CERTIFICATE };

static const struct key_file {
	const char *name;
	const char *variable;
	const char *before; /* the random text */
	int random_bytes;
	enum content content;
	const char *purpose;
} key_files[] = {
        {"id-key", "VERIFYD_ID_KEY_FILE", "", 48, BASE64,
         "names questions; for the ingress: the same on every one of them, never changed"},
        {"seal-keys", "VERIFYD_SEAL_KEYS_FILE", "k1:", 32, BASE64,
         "seals what identifies a person; for the ingress and the worker"},
        {"api-keys", "VERIFYD_AUTH_API_KEYS_FILE", "demo=", 32, BASE64URL,
         "key of the caller \"demo\"; for the ingress, and for whoever calls it"},
        {"signing-cert.pem", "VERIFYD_SIGNING_CERT_FILE", "", 0, CERTIFICATE,
         "RSA key and certificate of two years that sign id_token_hint; for the ingress"},
        {"token-signing-key", "VERIFYD_TOKEN_SIGNING_KEY_FILE", "", 64, BASE64URL,
         "signs verification tokens; for the ingress"},
        {"token-encryption-key", "VERIFYD_TOKEN_ENCRYPTION_KEY_FILE", "", 64, BASE64URL,
         "encrypts verification tokens; for the ingress"},
        {"callback-secret", "VERIFYD_CALLBACK_SECRET_FILE", "", 32, BASE64URL,
         "part of the address that Jumio calls back; for the ingress"},
};

#define ENV_NAME "env"

enum { KEY_FILE_COUNT = sizeof(key_files) / sizeof(key_files[0]) };

static enum err_code random_text(const struct key_file *file, struct buf *out)
{
	unsigned char bytes[RANDOM_MAX_BYTES];
	char text[TEXT_MAX_BYTES];
	if (RAND_priv_bytes(bytes, file->random_bytes) != 1)
		return ERR_CRYPTO;
	if (file->content == BASE64)
		(void)EVP_EncodeBlock((unsigned char *)text, bytes, file->random_bytes);
	else
		base64url_encode(bytes, (size_t)file->random_bytes, text);
	enum err_code code = buf_printf(out, "%s%s\n", file->before, text);
	explicit_bzero(bytes, sizeof bytes);
	explicit_bzero(text, sizeof text);
	return code;
}

static bool name_self(X509 *certificate)
{
	X509_NAME *name = X509_get_subject_name(certificate);
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)CERT_NAME, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, name) == 1;
}

static bool number_randomly(X509 *certificate)
{
	BIGNUM *serial = BN_new();
	bool good = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
	            BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL;
	BN_free(serial);
	return good;
}

/* An RSA key, and a certificate that it signed itself: B2C trusts it by the address it is published at, not by who
 * issued it. */
static enum err_code certificate_pem(struct buf *out)
{
	time_t now_s = time(NULL);
	EVP_PKEY *key = EVP_RSA_gen(RSA_BITS);
	X509 *certificate = X509_new();
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text = NULL;
	enum err_code code = ERR_CRYPTO;
	if (key && certificate && bio && X509_set_version(certificate, X509_VERSION_3) == 1 &&
	    number_randomly(certificate) && name_self(certificate) && X509_set_pubkey(certificate, key) == 1 &&
	    X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -HOUR_S, &now_s) &&
	    X509_time_adj_ex(X509_getm_notAfter(certificate), 0, CERT_LIFE_S, &now_s) &&
	    X509_sign(certificate, key, EVP_sha256()) > 0 &&
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	    PEM_write_bio_X509(bio, certificate) == 1) {
		long len = BIO_get_mem_data(bio, &text);
		code = buf_append(out, text, (size_t)len);
	}
	BIO_free(bio);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return code;
}

/* Returns: 0; the errno of what failed. */
static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, data, len);
		if (written < 0 && errno != EINTR)
			return errno;
		if (written > 0) {
			data += written;
			len -= (size_t)written;
		}
	}
	return fsync(fd) == 0 ? 0 : errno;
}

/* Makes one file; nothing of it stays after a failure. */
static int make_file(int dir, const char *name, const struct buf *content)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return ctl_fail("%s cannot be made: %s", name, strerror(errno));
	int fault = write_all(fd, content->data, content->len);
	if (close(fd) != 0 && fault == 0)
		fault = errno;
	if (fault == 0)
		return CTL_OK;
	(void)unlinkat(dir, name, 0);
	return ctl_fail("%s cannot be written: %s", name, strerror(fault));
}

static int make_key(int dir, const struct key_file *file)
{
	struct buf text;
	buf_init(&text, KEY_FILE_MAX_BYTES);
	enum err_code code = file->content == CERTIFICATE ? certificate_pem(&text) : random_text(file, &text);
	int status =
	        code == ERR_OK ? make_file(dir, file->name, &text) : ctl_fail("%s: %s", file->name, err_text(code));
	buf_fini_secret(&text);
	return status;
}

/* In single quotes where a shell would see more than a word. */
static enum err_code put_quoted(struct buf *out, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%,:";
	if (!path[strspn(path, plain)])
		return buf_append_str(out, path);
	enum err_code code = buf_append_str(out, "'");
	for (; *path && code == ERR_OK; path++)
		code = *path == '\'' ? buf_append_str(out, "'\\''") : buf_append(out, path, 1);
	return code == ERR_OK ? buf_append_str(out, "'") : code;
}

static int make_env(int dir, const char *path)
{
	char file_path[PATH_MAX + 16];
	struct buf text;
	buf_init(&text, ENV_MAX_BYTES);
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < KEY_FILE_COUNT && code == ERR_OK; i++) {
		(void)snprintf(file_path, sizeof file_path, "%s/%s", path, key_files[i].name);
		code = buf_printf(&text, "%s=", key_files[i].variable);
		if (code == ERR_OK)
			code = put_quoted(&text, file_path);
		if (code == ERR_OK)
			code = buf_append_str(&text, "\n");
	}
	int status = code == ERR_OK ? make_file(dir, ENV_NAME, &text) : ctl_fail(ENV_NAME ": %s", err_text(code));
	buf_fini(&text);
	return status;
}

static bool is_there(int dir, const char *name)
{
	struct stat info;
	return fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Names every file that would have to be overwritten. */
static int check_free(int dir, const char *path)
{
	struct buf names;
	buf_init(&names, TEXT_MAX_BYTES);
	enum err_code code = ERR_OK;
	for (size_t i = 0; i <= KEY_FILE_COUNT && code == ERR_OK; i++) {
		const char *name = i < KEY_FILE_COUNT ? key_files[i].name : ENV_NAME;
		if (is_there(dir, name))
			code = buf_printf(&names, " %s", name);
	}
	int status = CTL_OK;
	if (code != ERR_OK)
		status = ctl_fail("%s", err_text(code));
	else if (names.len > 0)
		status = ctl_fail("already in %s, and never overwritten:%s", path, names.data);
	buf_fini(&names);
	return status;
}

static int make_all(int dir, const char *path)
{
	size_t made = 0;
	int status = check_free(dir, path);
	if (status != CTL_OK)
		return status;
	for (; made < KEY_FILE_COUNT && status == CTL_OK; made += status == CTL_OK)
		status = make_key(dir, &key_files[made]);
	if (status == CTL_OK && fsync(dir) != 0)
		status = ctl_fail("%s cannot be synced: %s", path, strerror(errno));
	if (status == CTL_OK)
		status = make_env(dir, path);
	for (size_t i = 0; status != CTL_OK && i < made; i++)
		(void)unlinkat(dir, key_files[i].name, 0);
	return status;
}

static void print_made(const char *path)
{
	(void)printf("made in %s, readable by its owner only:\n", path);
	for (size_t i = 0; i < KEY_FILE_COUNT; i++)
		(void)printf("  %-20s %s\n", key_files[i].name, key_files[i].purpose);
	(void)printf("  %-20s sets the variables that name these files: set -a; . %s/" ENV_NAME "; set +a\n", ENV_NAME,
	             path);
}

int ctl_keys_new(const struct ctl_call *call)
{
	if (!call->out)
		return ctl_refuse("keys new: needs --out DIR");
	if (mkdir(call->out, S_IRWXU) != 0 && errno != EEXIST)
		return ctl_fail("the folder cannot be made: %s", strerror(errno));
	int dir = open(call->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return ctl_fail("the folder cannot be used: %s", strerror(errno));
	char *path = realpath(call->out, NULL);
	int status;
	if (!path)
		status = ctl_fail("the folder has no absolute path: %s", strerror(errno));
	else if (strchr(path, '\n'))
		status = ctl_refuse("the folder's path holds a line break");
	else
		status = make_all(dir, path);
	if (status == CTL_OK)
		print_made(path);
	free(path);
	(void)close(dir);
	return status;
}
