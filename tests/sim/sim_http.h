/* sim_http: carries requests to sim.c and its replies back, each at its time: a delayed connection is suspended and
 * costs no thread. Ten thousand of them may wait at once. */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "tests/sim/sim.h"

enum {
	SIM_CONNECTIONS_MAX = 16384,
	SIM_CONNECTIONS_WANTED = 12000, /* below this the start logs a warning: raise the limit of open files */
	SIM_IDLE_S = 75                 /* a connection without a request is closed then */
};

struct sim_http;

/* Serves listen_fd, which it closes in the end. Returns: ERR_OK and *ret_http, ended by sim_http_stop; ERR_IO;
 * ERR_NO_MEMORY; ERR_INTERNAL. */
enum err_code sim_http_start(struct sim *sim, int listen_fd, unsigned connections, struct sim_http **ret_http,
                             struct err *err) WARN_UNUSED;

/* Ends all connections, also those that wait for their time. Accepts NULL. Blocks: until all threads have ended. */
void sim_http_stop(struct sim_http *http);

#endif
