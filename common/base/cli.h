/* cli: what all programs answer the same way: --help, --version, --check-config, --print-config, and clear refusals. */
#ifndef VERIFYD_CLI_H
#define VERIFYD_CLI_H

#include "common/base/config.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* A flag of one program, in addition to the common ones. */
struct cli_flag {
	const char *name;   /* "--vendor" */
	const char *value;  /* what its value is called in the help, or NULL for a switch */
	const char *help;   /* one line */
	const char **ret;   /* the value, or "" for a switch that was given; untouched when it was not */
};

struct cli_spec {
	const char *program; /* "verifyd-ingress" */
	const char *summary; /* one line */
	enum config_program reads;
	const struct cli_flag *flags;
	size_t flag_count;
	/* Checks between options (any of which may be unset, also a required one: its own mistake was told already), or of what needs the whole (keys that must differ, an auth setting that is missing).
	 * Writes one line per mistake to complaints. Returns how many. May be NULL. */
	int (*check)(const struct config *config, FILE *complaints, void *ctx);
	void *check_ctx;
};

/* Parses the command line, loads and checks the configuration, answers the common flags.
 * Returns: true when the program should go on, with *ret_config (ended by config_free) and logging initialised with
 * VERIFYD_LOG_LEVEL; false when it should exit with *ret_status (0 after --help, --version and a good --check-config;
 * 2 after a mistake, each of which is one line on stderr). */
bool cli_start(const struct cli_spec *spec, int argc, char **argv, struct config **ret_config, int *ret_status);

#endif
