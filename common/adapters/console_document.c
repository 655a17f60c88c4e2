/* console_document: one document, nothing from elsewhere. */
#include "common/adapters/console_document.h"
#include "console_files.inc"
#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define AGAIN_S "5"

enum { DIGEST_BYTES = 32, HASH_BYTES = 4 * ((DIGEST_BYTES + 2) / 3) + 1 };

static const struct file {
	const char *name, *data;
	size_t len;
} files[] = {EMBEDDED_ROWS};

static const struct file *file_named(const char *name)
{
	size_t i = 0;
	while (i < sizeof files / sizeof *files && strcmp(files[i].name, name) != 0)
		i++;
	assert(i < sizeof files / sizeof *files);
	return &files[i];
}

static enum err_code hash_of(const struct file *file, char ret_hash[HASH_BYTES])
{
	unsigned char digest[DIGEST_BYTES];
	if (EVP_Digest(file->data, file->len, digest, NULL, EVP_sha256(), NULL) != 1)
		return ERR_CRYPTO;
	(void)EVP_EncodeBlock((unsigned char *)ret_hash, digest, DIGEST_BYTES);
	return ERR_OK;
}

enum err_code console_document_csp(char ret_csp[CONSOLE_CSP_BYTES])
{
	char style[HASH_BYTES], script[HASH_BYTES];
	enum err_code code = hash_of(file_named("console.css"), style);
	if (code == ERR_OK)
		code = hash_of(file_named("console.js"), script);
	if (code == ERR_OK)
		(void)snprintf(ret_csp, CONSOLE_CSP_BYTES,
		               "default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; connect-src 'self'; "
		               "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		               style, script);
	return code;
}

static enum err_code put_file(struct buf *out, const char *name)
{
	const struct file *file = file_named(name);
	return buf_append(out, file->data, file->len);
}

enum err_code console_document_write(const char *main, struct buf *out)
{
	enum err_code code = buf_append_str(
	        out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	             "<meta name=\"robots\" content=\"noindex\">\n<title>verifyd console</title>\n"
	             "<noscript><meta http-equiv=\"refresh\" content=\"" AGAIN_S "\"></noscript>\n<style>");
	if (code == ERR_OK)
		code = put_file(out, "console.css");
	if (code == ERR_OK)
		code = buf_append_str(
		        out, "</style>\n</head>\n<body class=\"no-script\">\n<header><p class=\"brand\">verifyd "
		             "<span>console</span></p><p id=\"link\" role=\"status\"><noscript>opens itself "
		             "again every " AGAIN_S " s</noscript></p></header>\n");
	if (code == ERR_OK)
		code = buf_append_str(out, main);
	if (code == ERR_OK)
		code = buf_append_str(out, "\n<script>");
	if (code == ERR_OK)
		code = put_file(out, "console.js");
	return code == ERR_OK ? buf_append_str(out, "</script>\n</body>\n</html>\n") : code;
}
