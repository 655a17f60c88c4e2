/* ctl_stop: a thread that waits for the signals, since the command's own thread sits in calls that hear of none. */
#include "ctl/ctl_stop.h"
#include "ctl/ctl.h"
#include <unistd.h>

static void signals_of(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGTERM);
}

static void *wait_for_signals(void *ctx)
{
	struct ctl_stop *stop = ctx;
	sigset_t set;
	int signal;
	signals_of(&set);
	while (sigwait(&set, &signal) == 0 && !atomic_load(&stop->over)) {
		if (!atomic_load(&stop->holds) || atomic_exchange(&stop->asked, true))
			_exit(CTL_FAILED);
	}
	return NULL;
}

enum err_code ctl_stop_begin(struct ctl_stop *stop)
{
	sigset_t set;
	atomic_init(&stop->asked, false);
	atomic_init(&stop->holds, false);
	atomic_init(&stop->over, false);
	signals_of(&set);
	if (pthread_sigmask(SIG_BLOCK, &set, &stop->before) != 0)
		return ERR_NO_MEMORY;
	if (pthread_create(&stop->thread, NULL, wait_for_signals, stop) == 0)
		return ERR_OK;
	(void)pthread_sigmask(SIG_SETMASK, &stop->before, NULL);
	return ERR_NO_MEMORY;
}

void ctl_stop_hold(struct ctl_stop *stop)
{
	atomic_store(&stop->holds, true);
}

void ctl_stop_end(struct ctl_stop *stop)
{
	atomic_store(&stop->over, true);
	(void)pthread_kill(stop->thread, SIGTERM); /* wakes it */
	(void)pthread_join(stop->thread, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &stop->before, NULL);
}
