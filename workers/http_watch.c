/* http_watch: one libuv poll handle per socket of libcurl, found by its descriptor. Transfers are not known here.
 *
 * libcurl 7.88 closes a socket that has not connected yet without calling http_watch_close. Its watch must then not be
 * polled for any more, and is ended when the descriptor's number comes again. */
#include "workers/http_watch.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct watch {
	uv_poll_t poll;
	struct http_watches *watches;
	void *owner;
	curl_socket_t fd;
	int wanted; /* what libcurl waits for; 0: nothing, the connection is idle */
	int armed;  /* what libuv polls for */
	bool read;  /* something came in: the connection was made, and http_watch_close will be called for it */
};

struct http_watches {
	uv_loop_t *loop;
	http_ready_fn ready;
	struct watch **by_fd;
	size_t reach;   /* length of by_fd; bounded by the limit on open files */
	size_t handles; /* that have not closed yet */
	bool closed;
};

static void free_when_over(struct http_watches *watches)
{
	if (!watches->closed || watches->handles > 0)
		return;
	free(watches->by_fd);
	free(watches);
}

static void on_watch_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;
	struct http_watches *watches = watch->watches;

	free(watch);
	watches->handles--;
	free_when_over(watches);
}

struct http_watches *http_watches_new(uv_loop_t *loop, http_ready_fn ready)
{
	struct http_watches *watches = calloc(1, sizeof(*watches));

	if (!watches)
		return NULL;
	watches->loop = loop;
	watches->ready = ready;
	return watches;
}

static struct watch *find(const struct http_watches *watches, curl_socket_t fd)
{
	return fd >= 0 && (size_t)fd < watches->reach ? watches->by_fd[fd] : NULL;
}

static bool reach_for(struct http_watches *watches, curl_socket_t fd)
{
	if ((size_t)fd < watches->reach)
		return true;
	size_t reach = ((size_t)fd + 1) * 2;
	struct watch **by_fd = realloc(watches->by_fd, reach * sizeof(struct watch *));
	if (!by_fd)
		return false;
	memset(by_fd + watches->reach, 0, (reach - watches->reach) * sizeof(struct watch *));
	watches->by_fd = by_fd;
	watches->reach = reach;
	return true;
}

static struct watch *watch_new(struct http_watches *watches, curl_socket_t fd, void *owner)
{
	if (!reach_for(watches, fd))
		return NULL;
	struct watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return NULL;
	if (uv_poll_init(watches->loop, &watch->poll, fd) != 0) {
		free(watch);
		return NULL;
	}
	watch->poll.data = watch;
	watch->watches = watches;
	watch->fd = fd;
	watch->owner = owner;
	watches->by_fd[fd] = watch;
	watches->handles++;
	return watch;
}

static void watch_end(struct watch *watch)
{
	watch->watches->by_fd[watch->fd] = NULL;
	watch->wanted = 0;
	watch->armed = 0;
	uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void arm(struct watch *watch, int events)
{
	if (watch->armed == events)
		return;
	/* fails only on a descriptor that is not ours any more: the call's deadline then ends the wait */
	watch->armed = uv_poll_start(&watch->poll, events, on_poll) == 0 ? events : 0;
}

static void disarm(struct watch *watch)
{
	(void)uv_poll_stop(&watch->poll); /* never fails */
	watch->armed = 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	int bits = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);

	if (watch->wanted == 0) {
		/* The vendor ended an idle connection. libcurl sees that before it uses it again; 7.88 does so only
		 * where there is no error left to be read (RST), so it is read here. */
		int error = 0;
		socklen_t len = sizeof(error);
		(void)getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		disarm(watch);
		return;
	}
	watch->read = watch->read || bits & CURL_CSELECT_IN;
	if (status < 0) { /* libuv has stopped polling */
		watch->armed = 0;
		bits = CURL_CSELECT_ERR;
	}
	watch->watches->ready(watch->owner, watch->fd, bits);
	if (watch->wanted != 0) /* one that was ended meanwhile is still in memory, and wants nothing */
		arm(watch, watch->wanted);
}

int http_watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct http_watches *watches = ctx;
	struct watch *watch = find(watches, fd);

	(void)easy;
	(void)socket_ctx;
	if (!watch) /* every socket is opened below: libcurl resolves no names, and so has none of its own */
		return 0;
	if (what == CURL_POLL_REMOVE) {
		watch->wanted = 0;
		if (!watch->read)
			disarm(watch);
		return 0;
	}
	watch->wanted = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	arm(watch, watch->wanted);
	return 0;
}

curl_socket_t http_watch_open(struct http_watches *watches, const struct curl_sockaddr *address, void *owner)
{
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);

	if (fd < 0)
		return CURL_SOCKET_BAD;
	struct watch *old = find(watches, fd);
	if (old) /* its socket was closed untold */
		watch_end(old);
	if (watch_new(watches, fd, owner))
		return fd;
	close(fd);
	return CURL_SOCKET_BAD;
}

int http_watch_close(void *ctx, curl_socket_t fd)
{
	struct watch *watch = find(ctx, fd);

	if (watch)
		watch_end(watch);
	return close(fd);
}

void http_watches_close(struct http_watches *watches)
{
	if (!watches)
		return;
	for (size_t fd = 0; fd < watches->reach; fd++)
		if (watches->by_fd[fd])
			watch_end(watches->by_fd[fd]);
	watches->closed = true;
	free_when_over(watches);
}
