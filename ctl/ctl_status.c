/* ctl_status: `status`: looks, sums up, shows; once, or again and again. Rates come from two looks at what the workers
 * have counted, two of their seconds apart. */
#include "ctl/ctl_status.h"
#include "common/base/clock.h"
#include "ctl/ctl.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RATES_MS = 2200 }; /* workers write once a second */

struct status_run {
	const struct ctl_call *call;
	struct status_link *link;
	struct status_reader *reader;
	struct status_picture picture;
	bool on_terminal, colours, again;
};

static void look_for_terminal(struct status_run *run)
{
	const char *terminal = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	run->on_terminal = isatty(STDOUT_FILENO) == 1 && terminal && strcmp(terminal, "dumb") != 0;
	run->colours = run->on_terminal && !(no_colour && *no_colour);
}

static bool anybody_is_fresh(const struct status_workers *workers)
{
	for (size_t i = 0; i < workers->count; i++)
		if (workers->list[i].is_fresh)
			return true;
	return false;
}

/* Returns: false when somebody wants it to end. */
static bool look(struct status_run *run)
{
	int64_t began_ms = clock_mono_ms();
	bool goes_on = true;
	status_redis_look(run->link, &run->picture);
	status_kafka_look(run->reader, run->picture.redis.now_ms, STATUS_KAFKA_MS, &run->picture.kafka);
	if (!run->again && anybody_is_fresh(&run->picture.workers)) {
		int64_t left_ms = began_ms + RATES_MS - clock_mono_ms();
		goes_on = status_redis_wait(run->link, left_ms > 0 ? (int)left_ms : 0);
		if (goes_on)
			status_redis_look(run->link, &run->picture);
	}
	status_sum_up(&run->picture);
	return goes_on;
}

/* On a terminal each picture takes the place of the one before; elsewhere they follow each other. */
static int show(const struct status_run *run)
{
	bool as_json = run->call->given & CTL_FLAG_JSON, watches = run->call->given & CTL_FLAG_WATCH;
	struct buf text;
	buf_init(&text, STATUS_TEXT_MAX_BYTES);
	enum err_code code = ERR_OK;
	if (watches && run->on_terminal && !as_json)
		code = buf_append_str(&text, "\033[H\033[2J");
	else if (run->again && !as_json)
		code = buf_append_str(&text, "\n");
	if (code == ERR_OK)
		code = as_json ? status_json(&run->picture, &text) : status_print(&run->picture, run->colours, &text);
	if (code == ERR_OK && as_json)
		code = buf_append_str(&text, "\n");
	if (code == ERR_OK && (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout) != 0))
		code = ERR_IO;
	buf_fini(&text);
	if (code != ERR_OK)
		return ctl_fail("%s", code == ERR_IO ? "standard output could not be written" : err_text(code));
	return run->picture.sum.finding_count == 0 ? CTL_OK : CTL_FAILED;
}

static int run_all(struct status_run *run)
{
	bool watches = run->call->given & CTL_FLAG_WATCH;
	int status = CTL_OK;
	do {
		if (!look(run))
			break;
		status = show(run);
		run->again = true;
	} while (watches && !ferror(stdout) && status_redis_wait(run->link, run->call->watch_s * 1000));
	return status;
}

int ctl_status(const struct ctl_call *call)
{
	struct err err = {ERR_OK, ""};
	int status = CTL_FAILED;
	struct status_run *run = calloc(1, sizeof *run);
	if (!run)
		return ctl_fail("%s", err_text(ERR_NO_MEMORY));
	run->call = call;
	look_for_terminal(run);
	enum err_code code = status_redis_open(call->config, true, &run->link, &err);
	if (code == ERR_OK)
		code = status_kafka_open(call->kafka, &run->reader, &err);
	if (code == ERR_OK)
		status = run_all(run);
	else
		status = ctl_fail("%s", err.msg[0] ? err.msg : err_text(code));
	status_kafka_close(run->reader);
	status_redis_close(run->link);
	status_workers_fini(&run->picture.workers);
	status_ingresses_fini(&run->picture.ingresses);
	free(run);
	return status;
}
