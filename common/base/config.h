/* config: settings from environment variables VERIFYD_<NAME>, or for secrets and long values from the file that
 * VERIFYD_<NAME>_FILE names. One table, config_options.def, feeds parsing, --help, --print-config and the docs.
 *
 * All mistakes are collected, so that an operator mends a file once, not once per restart. */
#ifndef VERIFYD_CONFIG_H
#define VERIFYD_CONFIG_H

#include "common/base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum config_option {
#define OPTION(name, type, fallback, min, max, unit, flags, programs, help) CONFIG_##name,
#include "common/base/config_options.def"
#undef OPTION
	CONFIG_OPTION_COUNT
};

/* Which programs read an option. A program refuses nothing that belongs to another one. */
enum config_program { CONFIG_INGRESS = 1, CONFIG_WORKER = 2, CONFIG_CTL = 4 };

enum config_type {
	CONFIG_TEXT,     /* min..max bytes; no type takes control characters */
	CONFIG_NUMBER,   /* min..max */
	CONFIG_FLAG,     /* yes or no (also true/false, 1/0) */
	CONFIG_CHOICE,   /* `unit` lists the words, separated by |; any case is taken, the table's is kept */
	CONFIG_ADDRESS,  /* HOST:PORT or [V6]:PORT; port 0 = any free one */
	CONFIG_VENDOR_URL, /* https://...; http:// only to a loopback address; no user, query or fragment; kept without closing / */
	CONFIG_PROXY_URL,  /* http:// or https://[USER:PASSWORD@]HOST:PORT, percent-encoded; no path */
	CONFIG_DURATION, /* 500ms, 30s, 15m, 12h, 7d; min..max in ms; read with config_int as ms */
	CONFIG_RATE,     /* 75/5s, 200/500ms: at most so many in any such time; 1 to 1,000,000 in 100 ms to 1 h; config_rate */
	CONFIG_SHARE,    /* 0 to 1 with up to six decimals: 0.05; read with config_int as millionths */
	CONFIG_FILE,     /* a readable file of at most max bytes */
};

enum config_flags {
	CONFIG_SECRET = 1,   /* masked in --print-config; may come from NAME_FILE; no default */
	CONFIG_REQUIRED = 2, /* must be set for every program in `programs` */
};

struct config;

/* Reads and checks every option of `program`. Every mistake is written to `complaints` (NULL: nowhere), one line each:
 * "VERIFYD_NAME: what is wrong and what is allowed". Secrets are never part of a line. Unknown VERIFYD_* variables get
 * a line that starts with "note:" and are no mistake (Kubernetes makes such names itself).
 * A trailing newline of a NAME_FILE is dropped; both NAME and NAME_FILE set is a mistake.
 * Returns: ERR_OK and *ret_config, ended by config_free; ERR_INVALID when there was a mistake; ERR_NO_MEMORY. */
enum err_code config_load(enum config_program program, char *const *environment, FILE *complaints,
			  struct config **ret_config) WARN_UNUSED;
/* As config_load, but a mistake is no failure: an option with one counts as not set, so that what the program checks
 * beyond single settings can be told in the same go. Such a config is for checking, not for running.
 * Returns: ERR_OK, *ret_config and how many mistakes there were; ERR_NO_MEMORY. */
enum err_code config_read(enum config_program program, char *const *environment, FILE *complaints,
			  struct config **ret_config, int *ret_mistakes) WARN_UNUSED;
void config_free(struct config *config); /* overwrites secrets; accepts NULL */

/* Asking for an option that this program does not read, or as the wrong type, is a programmer's error (assert).
 * Not set and no default: NULL, -1, false. config_str is for every type that is text, and a choice's word. */
const char *config_str(const struct config *config, enum config_option option);
int64_t config_int(const struct config *config, enum config_option option);     /* CONFIG_NUMBER, CONFIG_DURATION (ms), CONFIG_SHARE */
bool config_flag(const struct config *config, enum config_option option);
/* CONFIG_RATE. Not set: both are 0. */
struct config_rate {
	int64_t count, period_ms;
};
struct config_rate config_rate(const struct config *config, enum config_option option);
int config_choice(const struct config *config, enum config_option option); /* index into the option's words */

/* --help: name, meaning, range, default of this program's options, in the table's order. */
void config_print_help(enum config_program program, FILE *out);
/* --print-config: NAME=value  # default | environment | file PATH; secrets as "(set, masked)". */
void config_print(const struct config *config, FILE *out);
/* A row of a help page: name, beside it text wrapped within 100 columns, then facts (or NULL), unbroken where it fits. */
void config_print_row(FILE *out, const char *name, const char *text, const char *facts);

#endif
