/* ctl_policy: Azure AD B2C's custom policies: made from the templates of deploy/b2c/policies and a settings file, and
 * checked. No network; nothing here is secret: policies name policy keys, they do not hold their values.
 *
 * A template is XML with two more things. {Settings:NAME} becomes the setting's value; besides the settings there are
 * PolicyId, ParentPolicy, ReturnPolicy and Order (the number of an orchestration step, counted here).
 * <?when NAME?>...<?end?> and <?when NAME=VALUE?>...<?end?> stay only where the setting has a value, or that value. */
#ifndef VERIFYD_CTL_POLICY_H
#define VERIFYD_CTL_POLICY_H

#include "common/base/buf.h"
#include <stdbool.h>
#include <stdio.h>

enum policy_setting {
#define SETTING(symbol, name, shape, needed, fallback, help) POLICY_##symbol,
#include "ctl/policy_settings.def"
#undef SETTING
	POLICY_SETTING_COUNT
};

enum {
	POLICY_SETTINGS_MAX_BYTES = 64 * 1024, /* of a settings file */
	POLICY_VALUE_BYTES = 512,              /* of a value, with its closing '\0' */
	POLICY_MAX_BYTES = 4 * 1024 * 1024,    /* of a policy */
	POLICY_FILES_MAX = 200,                /* in the folders of one check */
	POLICY_ID_BYTES = 2 * POLICY_VALUE_BYTES,
	POLICY_PARTS_MAX = 8, /* policies of a set */
};

struct policy_settings {
	char value[POLICY_SETTING_COUNT][POLICY_VALUE_BYTES]; /* "": none */
};

/* Reads a settings file: NAME = VALUE a line; '#' begins a comment line. Every mistake is a line on `complaints`.
 * loopback_http: whether http:// is taken for a loopback address, for trials on one machine.
 * Returns: ERR_OK; ERR_INVALID after complaints, *ret_settings as far as it was read. */
enum err_code policy_settings_read(const char *text, bool loopback_http, FILE *complaints,
				   struct policy_settings *ret_settings) WARN_UNUSED;
void policy_settings_help(FILE *out);

/* Whether url is https://HOST..., without blanks, quotes and angle brackets; or, loopback_http, http:// to a loopback address. */
bool policy_url_is_good(const char *url, bool loopback_http);

struct policy_part { /* one policy of a set */
	const char *template, *part, *parent;
};
/* Returns: how many ret_parts were filled, in the order of upload; 0: no such set. */
size_t policy_parts(const char *set, const struct policy_part *ret_parts[POLICY_PARTS_MAX]);
void policy_id(const struct policy_settings *settings, const char *part, char ret_id[POLICY_ID_BYTES]);
void policy_print_keys(const struct policy_settings *settings, FILE *out);

/* Fills a template in. Returns: ERR_OK; ERR_INVALID: an unknown name, or a directive that does not close (err tells);
 * ERR_NOT_FOUND: no such template; ERR_LIMIT, ERR_NO_MEMORY. */
enum err_code policy_render(const struct policy_settings *settings, const struct policy_part *part, struct buf *out,
			    struct err *err) WARN_UNUSED;
enum err_code policy_render_text(const struct policy_settings *settings, const struct policy_part *part,
				 const char *template, size_t len, struct buf *out, struct err *err) WARN_UNUSED;

/* What is checked, and against what. */
struct policy_check;
struct policy_check_options {
	bool loopback_http;
	const char *schema; /* path of Microsoft's XSD; NULL: not checked against it */
	FILE *complaints;
};
/* Returns: ERR_OK and *ret_check, ended by policy_check_free; ERR_NO_MEMORY. Not for two threads at once (libxml2). */
enum err_code policy_check_new(const struct policy_check_options *options, struct policy_check **ret_check) WARN_UNUSED;
void policy_check_free(struct policy_check *check); /* accepts NULL */
/* Takes every *.xml of a folder. base: it belongs to the tenant: only what ours build on is looked at. A file that the check
 * has already is left out. Returns: ERR_OK, also when there were complaints; ERR_IO, ERR_LIMIT, ERR_NO_MEMORY with *err. */
enum err_code policy_check_add(struct policy_check *check, const char *folder, bool base, struct err *err) WARN_UNUSED;
/* Looks at all that was added. Returns: how many mistakes there are, those of adding included; *ret_policies: of how many
 * policies that are not the base's. */
size_t policy_check_run(struct policy_check *check, size_t *ret_policies);

#endif
