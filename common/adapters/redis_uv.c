/* redis_uv: hiredis's event hooks over one uv_poll_t. */
#include "common/adapters/redis_uv.h"
#include <stdlib.h>

/* The poll handle of one hiredis context; outlives it until libuv has closed it. */
struct poll {
	uv_poll_t handle;
	redisAsyncContext *context; /* NULL once hiredis has let go */
	int events;
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

static void add_write(void *privdata)
{
	poll_change(privdata, UV_WRITABLE, 0);
}

static void del_write(void *privdata)
{
	poll_change(privdata, 0, UV_WRITABLE);
}

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void poll_cleanup(void *privdata)
{
	struct poll *poll = privdata;
	poll->context = NULL;
	if (!uv_is_closing((uv_handle_t *)&poll->handle))
		uv_close((uv_handle_t *)&poll->handle, on_poll_closed);
}

enum err_code redis_uv_attach(redisAsyncContext *context, uv_loop_t *loop)
{
	struct poll *poll = calloc(1, sizeof *poll);
	if (!poll || uv_poll_init(loop, &poll->handle, context->c.fd) != 0) {
		free(poll);
		return ERR_NO_MEMORY;
	}
	poll->handle.data = poll;
	poll->context = context;
	context->ev.data = poll;
	context->ev.addRead = add_read;
	context->ev.delRead = del_read;
	context->ev.addWrite = add_write;
	context->ev.delWrite = del_write;
	context->ev.cleanup = poll_cleanup;
	return ERR_OK;
}
