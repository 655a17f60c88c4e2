/* redis_uv: hiredis's event hooks over one uv_poll_t. What was put together in one turn of the loop is written at its
 * end, without asking first whether the socket takes it: it nearly always does, and asking costs three system calls. */
#include "common/adapters/redis_uv.h"
#include <stdbool.h>
#include <stdlib.h>

/* The handles of one hiredis context; outlive it until libuv has closed them. */
struct poll {
	uv_poll_t handle;
	uv_prepare_t turn_end;
	redisAsyncContext *context; /* NULL once hiredis has let go */
	int events, open_handles;
	bool is_flushing;
};

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct poll *poll = handle->data;
	/* An error is read: hiredis then sees it and disconnects. */
	if (poll->context && (status < 0 || (events & UV_READABLE)))
		redisAsyncHandleRead(poll->context);
	if (poll->context && (status < 0 || (events & UV_WRITABLE)))
		redisAsyncHandleWrite(poll->context);
}

static void poll_change(struct poll *poll, int add, int remove)
{
	int events = (poll->events | add) & ~remove;
	if (events == poll->events)
		return;
	poll->events = events;
	if (events)
		uv_poll_start(&poll->handle, events, on_poll);
	else
		uv_poll_stop(&poll->handle);
}

static void add_read(void *privdata)
{
	poll_change(privdata, UV_READABLE, 0);
}

static void del_read(void *privdata)
{
	poll_change(privdata, 0, UV_READABLE);
}

static void on_turn_end(uv_prepare_t *turn_end)
{
	struct poll *poll = turn_end->data;
	uv_prepare_stop(turn_end);
	poll->is_flushing = true;
	redisAsyncHandleWrite(poll->context);
	poll->is_flushing = false;
}

/* A connection that is still being made is writable when it is there. */
static void add_write(void *privdata)
{
	struct poll *poll = privdata;
	if (poll->is_flushing || !(poll->context->c.flags & REDIS_CONNECTED))
		poll_change(poll, UV_WRITABLE, 0);
	else if (!(poll->events & UV_WRITABLE))
		uv_prepare_start(&poll->turn_end, on_turn_end);
}

static void del_write(void *privdata)
{
	poll_change(privdata, 0, UV_WRITABLE);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct poll *poll = handle->data;
	if (--poll->open_handles == 0)
		free(poll);
}

static void poll_cleanup(void *privdata)
{
	struct poll *poll = privdata;
	poll->context = NULL;
	if (uv_is_closing((uv_handle_t *)&poll->handle))
		return;
	uv_close((uv_handle_t *)&poll->handle, on_handle_closed);
	uv_close((uv_handle_t *)&poll->turn_end, on_handle_closed);
}

enum err_code redis_uv_attach(redisAsyncContext *context, uv_loop_t *loop)
{
	struct poll *poll = calloc(1, sizeof *poll);
	if (!poll || uv_poll_init(loop, &poll->handle, context->c.fd) != 0) {
		free(poll);
		return ERR_NO_MEMORY;
	}
	(void)uv_prepare_init(loop, &poll->turn_end); /* cannot fail */
	poll->handle.data = poll->turn_end.data = poll;
	poll->open_handles = 2;
	poll->context = context;
	context->ev.data = poll;
	context->ev.addRead = add_read;
	context->ev.delRead = del_read;
	context->ev.addWrite = add_write;
	context->ev.delWrite = del_write;
	context->ev.cleanup = poll_cleanup;
	return ERR_OK;
}
