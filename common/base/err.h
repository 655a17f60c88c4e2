/* err: a failure as a value. The only error type of the tree.
 *
 * A function that can fail returns an err_code and takes a `struct err *` (NULL allowed) last, filled only on failure.
 * Nothing here logs; whoever stops an error's way upwards logs it once. */
#ifndef VERIFYD_ERR_H
#define VERIFYD_ERR_H

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_FMT(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_code {
#define ERR(name, text) ERR_##name,
#include "common/base/err_codes.def"
#undef ERR
	ERR_COUNT
};

#define ERR_MSG_BYTES 200

struct err {
	enum err_code code;
	char msg[ERR_MSG_BYTES]; /* for people and logs; never parsed; never holds a person's data or a secret */
};

/* Fills *err when it is not NULL; a longer message is cut.
 * Returns: code, so that a failing function can end in `return err_set(...)`. */
enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_FMT(3, 4);

/* Returns: a short lower-case text that never changes its meaning; "unknown error" for a value out of range. */
const char *err_text(enum err_code code);

#endif
