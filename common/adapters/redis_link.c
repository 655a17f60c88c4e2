/* redis_link: connection life over hiredis's async context. */
#include "common/adapters/redis_link.h"
#include "common/adapters/redis_command.h"
#include "common/adapters/redis_uv.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

enum link_state { LINK_WAITING, LINK_RESOLVING, LINK_CONNECTING, LINK_UP };
enum { TICK_MS = 100, RETRY_BASE_MS = 50, WARN_INTERVAL_MS = 5000, KEEP_BYTES = 64 * 1024 };

/* One command on its way. Freed ones are kept for the next. */
struct op {
	struct redis_link *link;
	redis_reply_fn fn;
	void *ctx;
	int64_t sent_tick;
	struct list node; /* in link->ops, oldest first, or in link->spare */
};

struct redis_link {
	struct redis_link_options options;
	uv_loop_t *loop;
	uv_timer_t timer; /* ticks: command time-outs, handshake time-out, reconnects */
	uv_getaddrinfo_t resolver;
	enum link_state state;
	redisAsyncContext *context; /* NULL while waiting and resolving */
	int64_t ticks; /* of TICK_MS; none while the loop, or the whole process, stands still: then nobody reads, and
	                  what is unread is no sign that Redis is silent */
	int64_t state_since_tick, retry_at_ms;
	int failures;      /* in a row */
	struct list ops;   /* of struct op: on their way, oldest first */
	struct list spare; /* of struct op: used, kept for the next */
	size_t pending;
	struct buf out;      /* the command that is being sent; its memory is kept for the next, up to KEEP_BYTES */
	const char *refused; /* why the handshake failed; NULL so far */
	redis_reply_fn message_fn;
	void *message_ctx;
	bool closing, resolving, timer_closed;
	struct log_limit warn_limit;
};

/* The link goes when its timer has closed and no name is being resolved any more. */
static void free_when_closed(struct redis_link *link)
{
	if (!link->timer_closed || link->resolving)
		return;
	while (!list_is_empty(&link->spare)) {
		struct op *op = LIST_ENTRY(link->spare.next, struct op, node);
		list_remove(&op->node);
		free(op);
	}
	redis_url_fini(&link->options.url);
	buf_fini_secret(&link->out);
	free(link);
}

/* ---- commands on their way ---- */

static struct op *op_take(struct redis_link *link)
{
	if (list_is_empty(&link->spare))
		return malloc(sizeof(struct op));
	struct op *op = LIST_ENTRY(link->spare.next, struct op, node);
	list_remove(&op->node);
	return op;
}

static void op_append(struct redis_link *link, struct op *op)
{
	list_insert(&link->ops, &op->node);
	link->pending++;
}

static void op_remove(struct op *op)
{
	list_remove(&op->node);
	list_insert(op->link->spare.next, &op->node);
	op->link->pending--;
}

static void on_reply(redisAsyncContext *context, void *reply, void *privdata)
{
	(void)context;
	struct op *op = privdata;
	redis_reply_fn fn = op->fn;
	void *ctx = op->ctx;
	op_remove(op);
	if (fn)
		fn(ctx, reply);
}

/* hiredis copies it. It looks one byte further, for another argument: there stands buf's '\0'. */
static enum err_code hand_over(struct redis_link *link, redisCallbackFn *fn, void *ctx, int argc, const char **argv,
                               const size_t *argv_len)
{
	struct buf *out = &link->out;
	enum err_code code = redis_command_write(out, argc, argv, argv_len);
	if (code == ERR_OK && redisAsyncFormattedCommand(link->context, fn, ctx, out->data, out->len) != REDIS_OK)
		code = ERR_UNAVAILABLE;
	if (out->cap > KEEP_BYTES)
		buf_fini_secret(out);
	else
		buf_clear(out);
	return code;
}

static enum err_code send_now(struct redis_link *link, redis_reply_fn fn, void *ctx, int argc, const char **argv,
                              const size_t *argv_len)
{
	struct op *op = op_take(link);
	if (!op)
		return ERR_NO_MEMORY;
	*op = (struct op){.link = link, .fn = fn, .ctx = ctx, .sent_tick = link->ticks};
	op_append(link, op);
	enum err_code code = hand_over(link, on_reply, op, argc, argv, argv_len);
	if (code != ERR_OK)
		op_remove(op);
	return code;
}

enum err_code redis_link_send(struct redis_link *link, redis_reply_fn fn, void *ctx, int argc, const char **argv,
                              const size_t *argv_len)
{
	if (link->state != LINK_UP)
		return ERR_UNAVAILABLE;
	if (link->pending >= REDIS_MAX_PENDING)
		return ERR_LIMIT;
	return send_now(link, fn, ctx, argc, argv, argv_len);
}

static void on_message(redisAsyncContext *context, void *reply, void *privdata)
{
	(void)context;
	struct redis_link *link = privdata;
	if (reply && link->message_fn)
		link->message_fn(link->message_ctx, reply);
}

enum err_code redis_link_subscribe(struct redis_link *link, redis_reply_fn fn, void *ctx, int argc, const char **argv,
                                   const size_t *argv_len)
{
	if (link->state != LINK_UP)
		return ERR_UNAVAILABLE;
	link->message_fn = fn;
	link->message_ctx = ctx;
	return hand_over(link, on_message, link, argc, argv, argv_len);
}

/* ---- up and down ---- */

static void enter(struct redis_link *link, enum link_state state)
{
	link->state = state;
	link->state_since_tick = link->ticks;
}

static void wait_for_retry(struct redis_link *link, bool was_up, const char *why)
{
	int64_t now = clock_mono_ms(), dropped;
	uint32_t random_bits = 0;
	(void)uv_random(NULL, NULL, &random_bits, sizeof random_bits, 0, NULL);
	link->failures++;
	enter(link, LINK_WAITING);
	link->retry_at_ms = now + backoff_ms(RETRY_BASE_MS, REDIS_RETRY_CAP_MS, link->failures, random_bits);
	if (!link->closing && log_limit_pass(&link->warn_limit, now, WARN_INTERVAL_MS, &dropped))
		log_warn("redis_down", LOG_STR("role", link->options.role), LOG_STR("why", why),
		         LOG_INT("tries", link->failures), LOG_STR("doing", "trying again until it answers"));
	if (was_up && link->options.on_down)
		link->options.on_down(link->options.ctx);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
	struct redis_link *link = context->data;
	if (!link || link->context != context)
		return;
	(void)status;
	link->context = NULL;
	wait_for_retry(link, link->state == LINK_UP, "connection lost");
}

/* Ends the present connection, whatever its state; hiredis answers what is pending with NULL, and those callbacks must
 * find the link down. */
static void link_fail(struct redis_link *link, const char *why)
{
	redisAsyncContext *context = link->context;
	bool was_up = link->state == LINK_UP;
	link->context = NULL;
	enter(link, LINK_WAITING);
	if (context) {
		context->data = NULL;
		redisAsyncFree(context);
	}
	wait_for_retry(link, was_up, why);
}

static void link_up(struct redis_link *link)
{
	enter(link, LINK_UP);
	link->failures = 0;
	log_info("redis_up", LOG_STR("role", link->options.role));
	if (link->options.on_up)
		link->options.on_up(link->options.ctx);
}

static void on_handshake_step(void *ctx, const struct redisReply *reply)
{
	struct redis_link *link = ctx;
	if (reply && reply->type == REDIS_REPLY_ERROR && link->state == LINK_CONNECTING && link->context) {
		/* not inside hiredis's own callback: the timer ends it */
		link->refused = strncmp(reply->str, "LOADING", 7) == 0 ? "it is loading its data set"
		                                                       : "it refused AUTH, SELECT or PING";
	}
}

/* A replica shows what the primary was, and takes no writes; at an address that is about to be the primary's it would
 * be taken for it. Whoever hides ROLE is believed. */
static void on_role(void *ctx, const struct redisReply *reply)
{
	struct redis_link *link = ctx;
	bool tells = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
	             reply->element[0]->type == REDIS_REPLY_STRING;
	if (tells && strcmp(reply->element[0]->str, "master") != 0 && link->state == LINK_CONNECTING && link->context)
		link->refused = "it is not the primary";
}

static void on_handshake_end(void *ctx, const struct redisReply *reply)
{
	struct redis_link *link = ctx;
	on_handshake_step(ctx, reply);
	if (reply && reply->type != REDIS_REPLY_ERROR && !link->refused && link->state == LINK_CONNECTING)
		link_up(link);
}

static void handshake(struct redis_link *link)
{
	const struct redis_url *url = &link->options.url;
	enum err_code code = ERR_OK;
	if (url->password[0]) {
		const char *with_user[] = {"AUTH", url->user, url->password};
		const char *without[] = {"AUTH", url->password};
		code = url->user[0] ? send_now(link, on_handshake_step, link, 3, with_user, NULL)
		                    : send_now(link, on_handshake_step, link, 2, without, NULL);
	}
	if (code == ERR_OK && url->db) {
		char db[16];
		snprintf(db, sizeof db, "%d", url->db);
		code = send_now(link, on_handshake_step, link, 2, (const char *[]){"SELECT", db}, NULL);
	}
	if (code == ERR_OK)
		code = send_now(link, on_role, link, 1, (const char *[]){"ROLE"}, NULL);
	if (code == ERR_OK)
		code = send_now(link, on_handshake_end, link, 1, (const char *[]){"PING"}, NULL);
	if (code != ERR_OK)
		link->refused = "out of memory";
	buf_fini_secret(&link->out); /* the password stood in it */
}

static void on_connect(const redisAsyncContext *context, int status)
{
	struct redis_link *link = context->data;
	if (!link || link->context != context)
		return;
	if (status != REDIS_OK) {
		link->context = NULL; /* hiredis frees it after this */
		wait_for_retry(link, false, "cannot connect");
		return;
	}
	handshake(link);
}

static void connect_to(struct redis_link *link, const char *address)
{
	redisAsyncContext *context = redisAsyncConnect(address, link->options.url.port);
	if (!context || context->err || redis_uv_attach(context, link->loop) != ERR_OK) {
		if (context)
			redisAsyncFree(context);
		wait_for_retry(link, false, "cannot connect");
		return;
	}
	context->data = link;
	link->context = context;
	link->refused = NULL;
	(void)redisEnableKeepAlive(&context->c);
	enter(link, LINK_CONNECTING);
	redisAsyncSetConnectCallback(context, on_connect);
	redisAsyncSetDisconnectCallback(context, on_disconnect);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct redis_link *link = request->data;
	char address[INET6_ADDRSTRLEN] = "";
	if (status == 0 && found) {
		if (found->ai_family == AF_INET)
			uv_ip4_name((const struct sockaddr_in *)(const void *)found->ai_addr, address, sizeof address);
		else
			uv_ip6_name((const struct sockaddr_in6 *)(const void *)found->ai_addr, address, sizeof address);
	}
	uv_freeaddrinfo(found);
	link->resolving = false;
	if (link->closing)
		free_when_closed(link);
	else if (address[0])
		connect_to(link, address);
	else
		wait_for_retry(link, false, "its name cannot be resolved");
}

static void start_connecting(struct redis_link *link)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
	enter(link, LINK_RESOLVING);
	link->resolver.data = link;
	link->resolving =
	        uv_getaddrinfo(link->loop, &link->resolver, on_resolved, link->options.url.host, NULL, &hints) == 0;
	if (!link->resolving)
		wait_for_retry(link, false, "its name cannot be resolved");
}

/* More than so long, by ticks. */
static bool has_passed(const struct redis_link *link, int64_t since_tick, int64_t ms)
{
	return (link->ticks - since_tick - 1) * TICK_MS >= ms;
}

static bool op_timed_out(const struct redis_link *link)
{
	return !list_is_empty(&link->ops) &&
	       has_passed(link, LIST_ENTRY(link->ops.next, struct op, node)->sent_tick, REDIS_OP_TIMEOUT_MS);
}

static void on_tick(uv_timer_t *timer)
{
	struct redis_link *link = timer->data;
	link->ticks++;
	if (link->state == LINK_WAITING && clock_mono_ms() >= link->retry_at_ms)
		start_connecting(link);
	else if (link->state == LINK_CONNECTING && link->refused)
		link_fail(link, link->refused);
	else if (link->state == LINK_CONNECTING && has_passed(link, link->state_since_tick, REDIS_HANDSHAKE_TIMEOUT_MS))
		link_fail(link, "no answer while connecting");
	else if (link->state == LINK_UP && op_timed_out(link))
		link_fail(link, "a command timed out");
}

enum err_code redis_link_new(uv_loop_t *loop, const struct redis_link_options *options, struct redis_link **ret_link,
                             struct err *err)
{
	struct redis_link *link = calloc(1, sizeof *link);
	if (!link)
		return err_set(err, ERR_NO_MEMORY, "redis link");
	link->options = *options;
	link->loop = loop;
	list_init(&link->ops);
	list_init(&link->spare);
	buf_init(&link->out, REDIS_MAX_COMMAND_BYTES);
	if (uv_timer_init(loop, &link->timer) != 0) {
		free(link);
		return err_set(err, ERR_IO, "timer of the redis link");
	}
	link->timer.data = link;
	uv_timer_start(&link->timer, on_tick, 0, TICK_MS);
	enter(link, LINK_WAITING);
	*ret_link = link;
	return ERR_OK;
}

bool redis_link_is_up(const struct redis_link *link)
{
	return link->state == LINK_UP;
}

void redis_link_reset(struct redis_link *link, const char *why)
{
	if (link->state == LINK_UP)
		link_fail(link, why);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct redis_link *link = handle->data;
	link->timer_closed = true;
	free_when_closed(link);
}

void redis_link_close(struct redis_link *link)
{
	if (!link || link->closing)
		return;
	link->closing = true;
	link->options.on_down = NULL;
	link->options.on_up = NULL;
	link_fail(link, "closing");
	uv_timer_stop(&link->timer);
	uv_close((uv_handle_t *)&link->timer, on_timer_closed);
}
