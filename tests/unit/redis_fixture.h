/* redis_fixture: a real redis-server of the test's own, on a free port, and a store that is connected to it. Where the
 * program is not installed, the tests that need it are skipped. */
#ifndef VERIFYD_REDIS_FIXTURE_H
#define VERIFYD_REDIS_FIXTURE_H

#include "common/adapters/redis_store.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "loopback.h"
#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { RETENTION_MS = 3600 * 1000, AWAIT_MS = 15000, VALUE_BYTES = 2048 };

struct redis_bench {
	char folder[64];
	char port[8];
	pid_t server; /* 0: not running */
	redisContext *raw;
	uv_loop_t loop;
	struct redis_store *store;
};

/* What a callback of the store said; every one of them counts its calls. */
struct said {
	int calls;
	enum err_code code;
	int what; /* enum lease, subject_claim or browser; or a bool */
	bool there, was_up;
	char token[TOKEN_BYTES];
	char text[VALUE_BYTES]; /* value or holder */
	struct redis_store *store;
};

static inline redisReply *redis_command(struct redis_bench *bench, const char *format, va_list arguments)
{
	redisReply *reply = redisvCommand(bench->raw, format, arguments);
	assert_non_null(reply);
	assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
	return reply;
}

/* Runs a command for its effect, or for the integer that it answers. */
static inline long long redis_do(struct redis_bench *bench, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	redisReply *reply = redis_command(bench, format, arguments);
	va_end(arguments);
	long long integer = reply->integer;
	freeReplyObject(reply);
	return integer;
}

/* Runs a command for its text; "" when it answers nil. */
static inline void redis_text(struct redis_bench *bench, char out[VALUE_BYTES], const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	redisReply *reply = redis_command(bench, format, arguments);
	va_end(arguments);
	snprintf(out, VALUE_BYTES, "%s", reply->str ? reply->str : "");
	freeReplyObject(reply);
}

/* The replication id of the server that runs now. */
static inline void redis_identity(struct redis_bench *bench, char out[41])
{
	static const char name[] = "master_replid:";
	char info[VALUE_BYTES];
	redis_text(bench, info, "INFO replication");
	const char *line = strstr(info, name);
	assert_non_null(line);
	snprintf(out, 41, "%.40s", line + strlen(name));
}

/* Starts the server in its folder and waits until it answers; what it saved there is loaded. */
static inline void redis_start(struct redis_bench *bench)
{
	int64_t until = clock_mono_ms() + AWAIT_MS;
	fflush(NULL);
	bench->server = fork();
	if (bench->server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen("/dev/null", "w", stdout))
			_exit(126);
		execlp("redis-server", "redis-server", "--port", bench->port, "--bind", "127.0.0.1", "--save", "",
		       "--dir", bench->folder, "--maxmemory-policy", "noeviction", (char *)NULL);
		_exit(127);
	}
	for (;;) {
		bench->raw = redisConnect("127.0.0.1", atoi(bench->port));
		redisReply *reply = bench->raw && !bench->raw->err ? redisCommand(bench->raw, "PING") : NULL;
		bool answers = reply && reply->type == REDIS_REPLY_STATUS;
		if (reply)
			freeReplyObject(reply);
		if (answers)
			return;
		redisFree(bench->raw);
		bench->raw = NULL;
		if (clock_mono_ms() > until)
			fail_msg("redis-server does not answer on port %s", bench->port);
		usleep(10000);
	}
}

static inline void redis_kill(struct redis_bench *bench)
{
	if (bench->raw)
		redisFree(bench->raw);
	bench->raw = NULL;
	if (bench->server > 0) {
		kill(bench->server, SIGKILL);
		waitpid(bench->server, NULL, 0);
	}
	bench->server = 0;
}

/* Runs the loop until *value is at least `least`. */
static inline void await_count(struct redis_bench *bench, const int *value, int least)
{
	int64_t until = clock_mono_ms() + AWAIT_MS;
	while (*value < least) {
		if (clock_mono_ms() > until)
			fail_msg("no answer");
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	}
}

static inline void await_up(struct redis_bench *bench, bool up)
{
	int64_t until = clock_mono_ms() + AWAIT_MS;
	while (redis_store_is_up(bench->store) != up) {
		if (clock_mono_ms() > until)
			fail_msg("the store does not go %s", up ? "up" : "down");
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	}
}

static inline void open_store(struct redis_bench *bench)
{
	struct redis_url url = {.host = "127.0.0.1", .port = atoi(bench->port)};
	assert_int_equal(redis_store_new(&bench->loop, &url, RETENTION_MS, NULL, NULL, &bench->store, NULL), ERR_OK);
}

/* One server for a program's tests. */
static inline int start_server(void **state)
{
	struct redis_bench *bench = calloc(1, sizeof *bench);
	log_init("test", LOG_LEVEL_COUNT);
	if (system("command -v redis-server >/dev/null 2>&1") != 0) {
		free(bench);
		*state = NULL;
		return 0;
	}
	snprintf(bench->folder, sizeof bench->folder, "/tmp/verifyd-redis-XXXXXX");
	if (!mkdtemp(bench->folder) || uv_loop_init(&bench->loop) != 0)
		return -1;
	snprintf(bench->port, sizeof bench->port, "%d", loopback_free_port());
	redis_start(bench);
	*state = bench;
	return 0;
}

static inline int stop_server(void **state)
{
	struct redis_bench *bench = *state;
	char file[96];
	if (!bench)
		return 0;
	redis_kill(bench);
	snprintf(file, sizeof file, "%s/dump.rdb", bench->folder);
	(void)unlink(file);
	(void)rmdir(bench->folder);
	int left_open = uv_loop_close(&bench->loop);
	free(bench);
	return left_open;
}

/* Each test finds Redis empty but for an epoch that names it, and a store that is up. */
static inline int begin(void **state)
{
	struct redis_bench *bench = *state;
	if (!bench)
		return 0;
	if (!bench->server)
		redis_start(bench);
	redis_do(bench, "CONFIG SET maxmemory-policy noeviction");
	redis_do(bench, "FLUSHALL");
	char identity[41];
	redis_identity(bench, identity);
	redis_do(bench, "SET verifyd:epoch %s", identity);
	open_store(bench);
	await_up(bench, true);
	return 0;
}

static inline int end(void **state)
{
	struct redis_bench *bench = *state;
	if (!bench)
		return 0;
	redis_store_close(bench->store);
	bench->store = NULL;
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	return 0;
}

static inline struct redis_bench *bench_of(void **state)
{
	if (!*state)
		skip();
	return *state;
}

#define WITH_REDIS(test) cmocka_unit_test_setup_teardown(test, begin, end)

/* ---- callbacks ---- */

static inline void note(struct said *said, enum err_code code, const char *text, size_t len)
{
	said->calls++;
	said->code = code;
	said->there = text != NULL;
	said->was_up = said->store && redis_store_is_up(said->store);
	snprintf(said->text, sizeof said->text, "%.*s", (int)len, text ? text : "");
}

static inline void on_value(void *ctx, enum err_code code, const char *value, size_t len)
{
	note(ctx, code, value, len);
}

/* ctx: struct said, or NULL: nobody asks. what: how many were written. */
static inline void on_filled(void *ctx, enum err_code code, size_t written)
{
	struct said *said = ctx;
	if (!said)
		return;
	note(said, code, NULL, 0);
	said->what = (int)written;
}

static inline void on_bool(void *ctx, enum err_code code, bool what)
{
	struct said *said = ctx;
	note(said, code, NULL, 0);
	said->what = what;
}

#endif
