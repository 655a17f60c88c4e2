/* console: looks at the whole for the page /console: while somebody watches, once a second at Redis and every two seconds at
 * Kafka, in two threads of its own and over connections of its own. While nobody does it holds no connection and does
 * nothing. What it saw last is one text (console_view), the same for all who watch. */
#ifndef VERIFYD_CONSOLE_H
#define VERIFYD_CONSOLE_H

#include "common/base/buf.h"
#include "common/base/config.h"
#include <stdbool.h>
#include <stdint.h>

struct console;

struct console_options {
	const struct config *config; /* must outlive it */
	const char *program;         /* must outlive it */
	/* As ops_server_options.health; called from a thread of the console's. */
	bool (*health)(void *ctx, struct buf *out);
	void *health_ctx;
	/* There is a new edition. Called from a thread of the console's; must neither block nor call the console. */
	void (*on_edition)(void *ctx);
	void *ctx;
};

enum { CONSOLE_WATCH_MS = 8000, CONSOLE_LOOK_MS = 1000, CONSOLE_FRESH_MS = 3000 };

/* Returns: ERR_OK and *ret_console, ended by console_free; ERR_NO_MEMORY; ERR_CRYPTO (no randomness for a name). */
enum err_code console_new(const struct console_options *options, struct console **ret_console) WARN_UNUSED;
/* Accepts NULL. on_edition does not come any more. Blocks: until both threads have ended; a look at a Kafka that is away takes
 * CONSOLE_KAFKA_MS and a few seconds at most. */
enum { CONSOLE_KAFKA_MS = 3000 };
void console_free(struct console *console);

/* Somebody watches, for CONSOLE_WATCH_MS from now on. Thread: any; does not block. Returns: false when there is no thread to look. */
bool console_watch(struct console *console);

/* The number of the newest edition; 0: there is none that is younger than CONSOLE_FRESH_MS. Thread: any. */
uint64_t console_edition(struct console *console);

/* Appends the newest edition, "" when there was none yet. Returns: its number, 0 when there is none or no room. Thread: any. */
uint64_t console_read(struct console *console, struct buf *out);

#endif
