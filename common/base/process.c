/* process: limits and signals. */
#include "common/base/process.h"
#include "common/base/log.h"
#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>

void process_prepare(void)
{
	struct rlimit files;
	const struct rlimit no_core = {0, 0};
	signal(SIGPIPE, SIG_IGN);
	json_object_seed(0);
	if (setrlimit(RLIMIT_CORE, &no_core) != 0)
		log_warn("core_dumps_not_forbidden", LOG_STR("why", "setrlimit refused it"));
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		log_warn("open_files_not_raised", LOG_STR("why", "setrlimit refused it"));
}

void process_ignore_stops(void)
{
	(void)signal(SIGTERM, SIG_IGN); /* cannot fail for these */
	(void)signal(SIGINT, SIG_IGN);
}
