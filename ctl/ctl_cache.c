/* ctl_cache: `cache rebuild`: has Redis filled again from `results`, and shows how far it is.
 *
 * The filling is the workers': they have the code, the way to both servers and the right of which there is one, and
 * they go on when this command is ended. It takes the epoch away, as a worker does that finds another Redis, and
 * watches. */
#include "common/adapters/redis_store.h"
#include "common/base/clock.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "ctl/ctl.h"
#include <string.h>
#include <unistd.h>

enum {
	LOOK_MS = 200,
	LINE_MS = 2000,      /* between two lines in a pipe */
	NOBODY_MS = 5000,    /* after that it is said that nobody has begun */
	LAST_WORD_MS = 1000, /* how long the worker's own figures are waited for when Redis is whole */
	DEFAULT_TIMEOUT_MS = 30 * 60 * 1000,
	NAME_BYTES = 128,
	BAR_CELLS = 30,
	DOCUMENT_MAX_BYTES = 1024,
};

/* What a worker says of the rebuild. */
struct progress {
	char by[NAME_BYTES];
	char phase[16];
	int64_t began_ms, read, to_read, states, written;
};

enum step { STEP_LOOK, STEP_DROP, STEP_FOLLOW, STEP_WHOLE, STEP_FAILED };

struct rebuilding {
	const struct ctl_call *call;
	const struct redis_url *url;
	struct redis_store *store;
	uv_timer_t timer;
	enum step step;
	bool asking, joined, was_up, told_nobody, is_terminal;
	int64_t began_ms, deadline_ms, line_ms, whole_ms; /* clock_mono_ms */
	int64_t old_began_ms;                             /* of the rebuild before this one: its figures are not ours */
	struct progress progress;                         /* phase "": nobody has said anything yet */
};

/* ---- what is said ---- */

static bool read_progress(const char *text, struct progress *ret_progress)
{
	struct json_in *root = NULL;
	struct progress found = {.phase = ""};
	if (json_in_parse(text, strlen(text), &root, NULL) != ERR_OK)
		return false;
	bool good = json_in_type(root) == JSON_IN_OBJECT &&
	            json_in_str(root, "by", found.by, sizeof found.by, NULL) == ERR_OK &&
	            json_in_str(root, "phase", found.phase, sizeof found.phase, NULL) == ERR_OK &&
	            json_in_int(root, "began_ms", 0, INT64_MAX, &found.began_ms, NULL) == ERR_OK &&
	            json_in_int(root, "read", 0, INT64_MAX, &found.read, NULL) == ERR_OK &&
	            json_in_int(root, "to_read", 0, INT64_MAX, &found.to_read, NULL) == ERR_OK &&
	            json_in_int(root, "states", 0, INT64_MAX, &found.states, NULL) == ERR_OK &&
	            json_in_int(root, "written", 0, INT64_MAX, &found.written, NULL) == ERR_OK;
	json_in_free(root);
	if (good)
		*ret_progress = found;
	return good;
}

static int percent_of(const struct progress *progress)
{
	if (progress->to_read == 0)
		return 0;
	int64_t share = progress->read >= progress->to_read ? 100 : progress->read * 100 / progress->to_read;
	return (int)share;
}

static void print_document(const struct rebuilding *rebuilding, const char *event)
{
	const struct progress *progress = &rebuilding->progress;
	struct buf text;
	struct json_out json;
	buf_init(&text, DOCUMENT_MAX_BYTES);
	json_out_begin(&json, &text);
	json_out_object(&json, NULL);
	json_out_str(&json, "event", event);
	json_out_int(&json, "after_ms", clock_mono_ms() - rebuilding->began_ms);
	json_out_bool(&json, "was_running", rebuilding->joined);
	if (progress->phase[0]) {
		json_out_str(&json, "by", progress->by);
		json_out_int(&json, "read", progress->read);
		json_out_int(&json, "to_read", progress->to_read);
		json_out_int(&json, "states", progress->states);
		json_out_int(&json, "written", progress->written);
	}
	json_out_object_end(&json);
	if (json_out_end(&json) == ERR_OK)
		(void)puts(text.data);
	buf_fini(&text);
}

static void draw_bar(const struct progress *progress)
{
	char bar[BAR_CELLS + 1];
	int percent = percent_of(progress), full = percent * BAR_CELLS / 100;
	memset(bar, '.', BAR_CELLS);
	memset(bar, '#', (size_t)full);
	bar[BAR_CELLS] = '\0';
	(void)fprintf(stderr, "\r[%s] %3d %%  %lld of %lld records read\033[K", bar, percent, (long long)progress->read,
	              (long long)progress->to_read);
}

static void print_line(const struct rebuilding *rebuilding)
{
	const struct progress *progress = &rebuilding->progress;
	(void)printf("%3d %%  %lld of %lld records read, %lld states set\n", percent_of(progress),
	             (long long)progress->read, (long long)progress->to_read, (long long)progress->written);
}

static void show(struct rebuilding *rebuilding)
{
	bool as_json = rebuilding->call->given & CTL_FLAG_JSON;
	if (rebuilding->is_terminal && !as_json) {
		draw_bar(&rebuilding->progress);
		return;
	}
	if (clock_mono_ms() - rebuilding->line_ms < LINE_MS)
		return;
	rebuilding->line_ms = clock_mono_ms();
	if (as_json)
		print_document(rebuilding, "progress");
	else
		print_line(rebuilding);
	(void)fflush(stdout);
}

/* The first words of whoever fills it. */
static void show_who(struct rebuilding *rebuilding)
{
	char by[NAME_BYTES];
	if (rebuilding->call->given & CTL_FLAG_JSON)
		return;
	ctl_printable(rebuilding->progress.by, by, sizeof by);
	(void)printf(rebuilding->joined ? "already being filled, by %s: following it\n" : "being filled by %s\n", by);
	(void)fflush(stdout);
}

static void clear_bar(const struct rebuilding *rebuilding)
{
	if (rebuilding->is_terminal)
		(void)fputs("\r\033[K", stderr);
}

static int report(const struct rebuilding *rebuilding)
{
	const struct progress *progress = &rebuilding->progress;
	bool is_whole = rebuilding->step == STEP_WHOLE;
	clear_bar(rebuilding);
	if (rebuilding->call->given & CTL_FLAG_JSON)
		print_document(rebuilding, is_whole ? "whole" : "given_up");
	if (!is_whole && !rebuilding->was_up)
		return ctl_fail("Redis at %.100s:%d is away", rebuilding->url->host, rebuilding->url->port);
	if (!is_whole)
		return ctl_fail("not whole yet after %.1f s: the worker goes on by itself",
		                (double)(clock_mono_ms() - rebuilding->began_ms) / 1000);
	if (!(rebuilding->call->given & CTL_FLAG_JSON))
		(void)printf("whole again after %.1f s: %lld states looked at, %lld of them were lacking\n",
		             (double)(rebuilding->whole_ms - rebuilding->began_ms) / 1000, (long long)progress->states,
		             (long long)progress->written);
	return CTL_OK;
}

/* ---- what is done ---- */

static void take_progress(struct rebuilding *rebuilding, const char *text)
{
	struct progress found;
	if (!read_progress(text, &found))
		return;
	if (rebuilding->step == STEP_LOOK && !rebuilding->joined)
		rebuilding->old_began_ms = found.began_ms;
	if (found.began_ms == rebuilding->old_began_ms)
		return;
	bool is_first = !rebuilding->progress.phase[0];
	rebuilding->progress = found;
	if (is_first)
		show_who(rebuilding);
	show(rebuilding);
}

static void warn_when_nobody_begins(struct rebuilding *rebuilding, bool is_held)
{
	bool is_begun = is_held || rebuilding->progress.phase[0];
	if (is_begun || rebuilding->told_nobody || clock_mono_ms() - rebuilding->began_ms < NOBODY_MS)
		return;
	rebuilding->told_nobody = true;
	(void)ctl_fail("no worker has begun yet: does one run, and reach this Redis and Kafka?");
}

static void on_checked(void *ctx, enum err_code code, bool whole)
{
	struct rebuilding *rebuilding = ctx;
	rebuilding->asking = false;
	if (code != ERR_OK || !whole)
		return;
	if (rebuilding->whole_ms == 0)
		rebuilding->whole_ms = clock_mono_ms();
	if (strcmp(rebuilding->progress.phase, "done") == 0 || clock_mono_ms() - rebuilding->whole_ms >= LAST_WORD_MS)
		rebuilding->step = STEP_WHOLE;
}

static void on_dropped(void *ctx, enum err_code code, bool there_was_one)
{
	struct rebuilding *rebuilding = ctx;
	(void)there_was_one; /* without one a worker was about to begin anyway */
	rebuilding->asking = false;
	if (code == ERR_OK)
		rebuilding->step = STEP_FOLLOW;
}

static void on_looked(void *ctx, enum err_code code, bool is_held, const char *progress)
{
	struct rebuilding *rebuilding = ctx;
	rebuilding->asking = false;
	if (code != ERR_OK)
		return;
	if (rebuilding->step == STEP_LOOK)
		rebuilding->joined = is_held;
	take_progress(rebuilding, progress);
	if (rebuilding->step == STEP_LOOK) {
		rebuilding->step = is_held ? STEP_FOLLOW : STEP_DROP;
		return;
	}
	warn_when_nobody_begins(rebuilding, is_held);
	rebuilding->asking = redis_store_check_epoch(rebuilding->store, on_checked, rebuilding) == ERR_OK;
}

static void on_tick(uv_timer_t *timer)
{
	struct rebuilding *rebuilding = timer->data;
	int64_t now = clock_mono_ms();
	bool is_away = !rebuilding->was_up && now - rebuilding->began_ms >= CTL_REDIS_WAIT_MS;
	if (is_away || now >= rebuilding->deadline_ms)
		rebuilding->step = STEP_FAILED;
	if (rebuilding->asking || rebuilding->step >= STEP_WHOLE || !redis_store_is_up(rebuilding->store))
		return;
	rebuilding->was_up = true;
	enum err_code code = rebuilding->step == STEP_DROP
	                             ? redis_store_drop_epoch(rebuilding->store, on_dropped, rebuilding)
	                             : redis_store_look_rebuild(rebuilding->store, on_looked, rebuilding);
	rebuilding->asking = code == ERR_OK;
}

static int run(struct rebuilding *rebuilding, uv_loop_t *loop)
{
	struct err err = {0};
	int64_t retention_ms = config_int(rebuilding->call->config, CONFIG_RESULT_RETENTION);
	if (redis_store_new(loop, rebuilding->url, retention_ms, NULL, NULL, &rebuilding->store, &err) != ERR_OK)
		return ctl_fail("%s", err.msg);
	(void)uv_timer_init(loop, &rebuilding->timer); /* cannot fail */
	rebuilding->timer.data = rebuilding;
	(void)uv_timer_start(&rebuilding->timer, on_tick, 0, LOOK_MS);
	while (rebuilding->step < STEP_WHOLE)
		(void)uv_run(loop, UV_RUN_ONCE);
	int status = report(rebuilding);
	redis_store_close(rebuilding->store);
	uv_close((uv_handle_t *)&rebuilding->timer, NULL);
	while (uv_run(loop, UV_RUN_DEFAULT) != 0)
		;
	return status;
}

int ctl_cache_rebuild(const struct ctl_call *call)
{
	struct redis_url url;
	struct err err = {0};
	uv_loop_t loop;
	struct rebuilding rebuilding = {.call = call, .url = &url, .began_ms = clock_mono_ms(), .old_began_ms = -1};
	bool is_limited = call->given & CTL_FLAG_TIMEOUT;
	rebuilding.deadline_ms = is_limited ? call->deadline_ms : rebuilding.began_ms + DEFAULT_TIMEOUT_MS;
	rebuilding.is_terminal = isatty(STDERR_FILENO) && isatty(STDOUT_FILENO);
	if (redis_url_parse(config_str(call->config, CONFIG_REDIS_URL), &url, &err) != ERR_OK)
		return ctl_fail("%s", err.msg);
	int status = CTL_FAILED;
	if (uv_loop_init(&loop) != 0) {
		(void)ctl_fail("no event loop");
	} else {
		status = run(&rebuilding, &loop);
		(void)uv_loop_close(&loop);
	}
	redis_url_fini(&url);
	return status;
}
