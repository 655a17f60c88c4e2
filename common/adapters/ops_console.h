/* ops_console: /console and /console/events (server-sent events) on the ops listener: hands what the console saw to its
 * viewers, each new edition once. A viewer who is slower than that gets the newest one; one who takes nothing is cut off.
 * For ops_server.c. */
#ifndef VERIFYD_OPS_CONSOLE_H
#define VERIFYD_OPS_CONSOLE_H

#include "common/adapters/console.h"
#include <microhttpd.h>

enum {
	OPS_VIEWERS_MAX = 16,
	OPS_VIEWER_STALLED_S = 10, /* whoever takes nothing for so long is cut off; TCP's own limits may add as much */
	OPS_VIEWER_BUFFER_BYTES = 64 * 1024,
};

struct ops_console;
struct ops_visit; /* one request of a viewer */

/* options: on_edition and ctx are set here. Returns: as console_new. */
enum err_code ops_console_new(const struct console_options *options, struct ops_console **ret_console) WARN_UNUSED;
/* Before the daemon is stopped: lets go of all viewers. Accepts NULL. */
void ops_console_end(struct ops_console *console);
/* After it. Accepts NULL. Blocks: as console_free. */
void ops_console_free(struct ops_console *console);

/* Returns: NULL out of memory. Ended by ops_visit_end when the request is over. */
struct ops_visit *ops_visit_new(struct ops_console *console, struct MHD_Connection *connection) WARN_UNUSED;
void ops_visit_end(struct ops_visit *visit);

/* The page, and the stream. Called by the daemon's thread, for the page perhaps again, once there is something to see. */
enum MHD_Result ops_console_page(struct ops_visit *visit) WARN_UNUSED;
enum MHD_Result ops_console_events(struct ops_visit *visit) WARN_UNUSED;

#endif
