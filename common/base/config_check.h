/* config_check: the settings table, and whether a text is a value that one of its rows takes. For config.c only; it
 * touches neither the environment nor, but for CONFIG_FILE, the file system. */
#ifndef VERIFYD_CONFIG_CHECK_H
#define VERIFYD_CONFIG_CHECK_H

#include "common/base/config.h"
#include <stddef.h>

/* One row of config_options.def. */
struct setting {
	const char *name; /* without VERIFYD_ */
	enum config_type type;
	const char *fallback;
	int64_t min, max;
	const char *unit;
	unsigned flags;
	unsigned programs;
	const char *help;
};

extern const struct setting config_settings[CONFIG_OPTION_COUNT];

/* The number of a CONFIG_RATE: its count above these bits, its period in ms below. */
enum { CONFIG_RATE_SHIFT = 32 };

/* Checks text and puts it into its usual form in place: a choice as the table spells it, a URL without closing slashes.
 * Returns: NULL and *ret_number (number, milliseconds, 0 or 1, index of the choice; 0 for the other types); else what is
 * wrong, a text that never holds the value (and may be strerror's: use it at once). */
const char *config_check(const struct setting *setting, char *text, int64_t *ret_number) WARN_UNUSED;

/* Writes what the setting takes, for people: "1 to 64 threads", "yes or no". */
void config_allowed(const struct setting *setting, char *out, size_t cap);

/* True when a wrong value may stand in a complaint: a number or a word is hardly a secret in the wrong place. */
bool config_may_show(const struct setting *setting);

#endif
