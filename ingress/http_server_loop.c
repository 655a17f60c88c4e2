/* http_server_loop: the listener without threads of its own: its wire's epoll set stands in the desk's loop, which
 * so reads and answers calls itself. Nobody has to be woken for a call, and what comes in one turn goes on together: to
 * Redis in one write, back to the callers one after the other. */
#include "ingress/http_server_internal.h"

/* Nothing to do: while it is started, the loop does not wait. */
static void on_again(uv_idle_t *again)
{
	(void)again;
}

void http_server_loop_wake(struct http_server *server)
{
	if (!server->loop.is_joined)
		return;
	server->loop.is_due = true;
	(void)uv_idle_start(&server->loop.again, on_again);
}

static void on_ready(uv_poll_t *ready, int status, int events)
{
	struct http_server *server = ready->data;
	(void)status;
	(void)events;
	server->loop.is_due = true;
}

/* Once in a turn, after Redis and Kafka were heard: the answers that they brought go out in the same turn. */
static void on_turn_end(uv_check_t *turn_end)
{
	struct http_server *server = turn_end->data;
	if (!server->loop.is_due)
		return;
	server->loop.is_due = false;
	(void)uv_idle_stop(&server->loop.again);
	bool more = http_wire_run(server->wires[0], 0);
	desk_serve(server->ingress->desk);
	if (more)
		http_server_loop_wake(server);
}

enum err_code http_server_join_loop(struct http_server *server, uv_loop_t *loop, struct err *err)
{
	if (uv_poll_init(loop, &server->loop.ready, http_wire_fd(server->wires[0])) != 0)
		return err_set(err, ERR_IO, "http listener: its epoll set does not go into the loop");
	(void)uv_check_init(loop, &server->loop.turn_end); /* this and the next cannot fail */
	(void)uv_idle_init(loop, &server->loop.again);
	server->loop.ready.data = server->loop.turn_end.data = server->loop.again.data = server;
	(void)uv_poll_start(&server->loop.ready, UV_READABLE, on_ready); /* fails only for a handle that is closing */
	(void)uv_check_start(&server->loop.turn_end, on_turn_end);
	server->loop.is_joined = true;
	return ERR_OK;
}

void http_server_leave_loop(struct http_server *server)
{
	if (!server->loop.is_joined)
		return;
	server->loop.is_joined = false;
	uv_close((uv_handle_t *)&server->loop.ready, NULL);
	uv_close((uv_handle_t *)&server->loop.turn_end, NULL);
	uv_close((uv_handle_t *)&server->loop.again, NULL);
}

void http_server_loop_run(struct http_server *server, int wait_ms)
{
	(void)http_wire_run(server->wires[0], wait_ms);
}
