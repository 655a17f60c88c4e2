/* ctl_doctor_certificates: how long certificates hold: those of files that settings name, and those that hosts show. */
#include "common/base/asn1_time.h"
#include "common/base/clock.h"
#include "ctl/ctl_doctor.h"
#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 24 * 3600, SOON_DAYS = 30, FILE_MAX_BYTES = 4 << 20, NAME_BYTES = 80 };

void doctor_judge_certificate(struct doctor *doctor, const char *what, bool is_used, int64_t from_s, int64_t to_s,
                              int64_t now_s)
{
	int64_t days = (to_s - now_s) / DAY_S;
	if (now_s < from_s)
		doctor_say(doctor, is_used ? DOCTOR_ERROR : DOCTOR_NOTE,
		           "%s: its certificate begins in %" PRId64 " days", what,
		           (from_s - now_s + DAY_S - 1) / DAY_S);
	else if (now_s >= to_s)
		doctor_say(doctor, is_used ? DOCTOR_ERROR : DOCTOR_NOTE,
		           "%s: its certificate ended %" PRId64 " days ago", what, (now_s - to_s) / DAY_S);
	else
		doctor_say(doctor, is_used && days < SOON_DAYS ? DOCTOR_WARNING : DOCTOR_GOOD,
		           "%s: its certificate holds for %" PRId64 " days", what, days);
	if (now_s < from_s || days < SOON_DAYS)
		doctor_fix(doctor, is_used ? "renew it" : "take it out, or leave it until what it signed has ended");
}

/* The first is in use; what follows is published only, or of a chain. */
static void judge(struct doctor *doctor, const char *what, size_t at, const X509 *certificate, int64_t now_s)
{
	char name[NAME_BYTES];
	int64_t from_s = 0, to_s = 0; /* a date that cannot be read counts as 1970 */
	(void)asn1_time_read(X509_get0_notBefore(certificate), &from_s);
	(void)asn1_time_read(X509_get0_notAfter(certificate), &to_s);
	(void)snprintf(name, sizeof name, at > 0 ? "%s (number %zu)" : "%s", what, at + 1);
	doctor_judge_certificate(doctor, name, at == 0, from_s, to_s, now_s);
}

static size_t judge_pfx(struct doctor *doctor, const char *what, const void *data, size_t len, const char *password,
                        int64_t now_s)
{
	const unsigned char *at = data;
	PKCS12 *pfx = d2i_PKCS12(NULL, &at, (long)len);
	EVP_PKEY *key = NULL;
	X509 *certificate = NULL;
	size_t count = 0;
	if (pfx && PKCS12_parse(pfx, password ? password : "", &key, &certificate, NULL) == 1 && certificate)
		judge(doctor, what, count++, certificate, now_s);
	X509_free(certificate);
	EVP_PKEY_free(key);
	PKCS12_free(pfx);
	return count;
}

size_t doctor_judge_pem(struct doctor *doctor, const char *what, const void *data, size_t len, const char *password,
                        int64_t now_s)
{
	size_t count = 0;
	X509 *certificate;
	BIO *bio = BIO_new_mem_buf(data, (int)len);
	while (bio && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		judge(doctor, what, count++, certificate, now_s);
		X509_free(certificate);
	}
	BIO_free(bio);
	if (count == 0)
		count = judge_pfx(doctor, what, data, len, password, now_s);
	ERR_clear_error();
	return count;
}

/* ---- files ---- */

static const struct {
	enum config_option file;
	enum config_program program;
	const char *name;
	int password; /* enum config_option, or -1 */
} files[] = {
        {CONFIG_SIGNING_CERT_FILE, CONFIG_INGRESS, "VERIFYD_SIGNING_CERT_FILE", CONFIG_SIGNING_CERT_PASSWORD},
        {CONFIG_TLS_CERT_FILE, CONFIG_INGRESS, "VERIFYD_TLS_CERT_FILE", -1},
        {CONFIG_TLS_CLIENT_CA_FILE, CONFIG_INGRESS, "VERIFYD_TLS_CLIENT_CA_FILE", -1},
        {CONFIG_VENDOR_CA_FILE, CONFIG_WORKER, "VERIFYD_VENDOR_CA_FILE", -1},
};

/* Returns: bytes of the file at *ret_data, ended by free(); 0 when it cannot be read. */
static size_t read_file(const char *path, char **ret_data)
{
	FILE *file = fopen(path, "rbe");
	char *data = malloc(FILE_MAX_BYTES);
	size_t len = file && data ? fread(data, 1, FILE_MAX_BYTES, file) : 0;
	if (file)
		(void)fclose(file);
	*ret_data = data;
	return len;
}

void doctor_certificates(struct doctor *doctor)
{
	size_t looked = 0;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		const struct config *config = files[i].program == CONFIG_INGRESS ? doctor->ingress : doctor->worker;
		const char *path = config ? config_str(config, files[i].file) : NULL;
		const char *password = path && files[i].password >= 0
		                               ? config_str(config, (enum config_option)files[i].password)
		                               : NULL;
		char *data = NULL;
		if (!path)
			continue;
		looked++;
		size_t len = read_file(path, &data);
		if (doctor_judge_pem(doctor, files[i].name, data ? data : "", len, password, clock_unix_ms() / 1000) ==
		    0) {
			doctor_say(doctor, DOCTOR_ERROR, "%s: no certificate can be read from it", files[i].name);
			doctor_fix(doctor, "PEM, or PFX with its password");
		}
		if (data)
			explicit_bzero(data, len);
		free(data);
	}
	if (looked == 0)
		doctor_say(doctor, DOCTOR_SKIPPED, "no setting names a certificate here");
}
