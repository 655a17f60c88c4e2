/* ctl_stop: SIGINT and SIGTERM as a wish to end in good order, for the part of a command that must not be cut off. */
#ifndef VERIFYD_CTL_STOP_H
#define VERIFYD_CTL_STOP_H

#include "common/base/err.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

struct ctl_stop {
	atomic_bool asked; /* readable from any thread */
	atomic_bool holds, over;
	pthread_t thread;
	sigset_t before;
};

/* To be called while there is one thread: a signal goes to any thread that takes it, so no other one may. A signal still ends
 * the program at once, with CTL_FAILED. Returns: ERR_OK, ended by ctl_stop_end; ERR_NO_MEMORY. */
enum err_code ctl_stop_begin(struct ctl_stop *stop) WARN_UNUSED;
/* From now on a signal sets `asked`, and only a second one ends the program at once. */
void ctl_stop_hold(struct ctl_stop *stop);
void ctl_stop_end(struct ctl_stop *stop);

#endif
