/* http_watch: what is known of each of libcurl's sockets, by its descriptor, beside one epoll set that holds them all.
 * Transfers are not known here.
 *
 * libcurl 7.88 closes a socket that has not connected yet without calling http_watch_close. The kernel then forgets it
 * too; here it is forgotten when the descriptor's number comes again. */
#include "workers/http_watch.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURN_SOCKETS = 32 }; /* served in one turn of the loop; the others come first in the next one */

struct watch {
	void *owner;
	uint32_t wanted; /* what libcurl waits for; 0: nothing, the connection is idle */
	uint32_t armed;  /* what the kernel tells of; 0: the set does not hold it */
	uint32_t life;   /* counts the sockets that had this descriptor */
	bool is_open;
	bool made; /* the connection: how connecting ended has been told */
};

struct http_watches {
	uv_poll_t poll; /* of the set, which is readable while one of its sockets is ready */
	int set;
	http_ready_fn ready;
	struct watch *by_fd; /* moves when it grows */
	size_t reach;        /* length of by_fd; bounded by the limit on open files */
	bool closed;
};

static void on_ready(uv_poll_t *poll, int status, int events);

struct http_watches *http_watches_new(uv_loop_t *loop, http_ready_fn ready)
{
	struct http_watches *watches = calloc(1, sizeof(*watches));

	if (!watches)
		return NULL;
	watches->set = epoll_create1(EPOLL_CLOEXEC);
	if (watches->set < 0 || uv_poll_init(loop, &watches->poll, watches->set) != 0) {
		if (watches->set >= 0)
			close(watches->set);
		free(watches);
		return NULL;
	}
	watches->ready = ready;
	watches->poll.data = watches;
	(void)uv_poll_start(&watches->poll, UV_READABLE, on_ready); /* fails only for a handle that is closing */
	uv_unref((uv_handle_t *)&watches->poll); /* what keeps the loop turning is the calls' deadlines */
	return watches;
}

static struct watch *find(const struct http_watches *watches, curl_socket_t fd)
{
	return fd >= 0 && (size_t)fd < watches->reach && watches->by_fd[fd].is_open ? &watches->by_fd[fd] : NULL;
}

static bool reach_for(struct http_watches *watches, curl_socket_t fd)
{
	if ((size_t)fd < watches->reach)
		return true;
	size_t reach = ((size_t)fd + 1) * 2;
	struct watch *by_fd = realloc(watches->by_fd, reach * sizeof(*by_fd));
	if (!by_fd)
		return false;
	memset(by_fd + watches->reach, 0, (reach - watches->reach) * sizeof(*by_fd));
	watches->by_fd = by_fd;
	watches->reach = reach;
	return true;
}

/* Fails only on a descriptor that is not ours any more: the call's deadline then ends the wait. */
static void arm(const struct http_watches *watches, curl_socket_t fd, uint32_t events)
{
	struct watch *watch = &watches->by_fd[fd];
	struct epoll_event event = {.events = events, .data.u64 = (uint64_t)watch->life << 32 | (uint32_t)fd};

	if (watch->armed == events)
		return;
	int failed = epoll_ctl(watches->set, watch->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
	watch->armed = failed ? 0 : events;
}

static void disarm(const struct http_watches *watches, curl_socket_t fd)
{
	struct watch *watch = &watches->by_fd[fd];

	if (watch->armed)
		(void)epoll_ctl(watches->set, EPOLL_CTL_DEL, fd, NULL); /* fails when it was closed untold */
	watch->armed = 0;
}

/* The vendor ended an idle connection. libcurl sees that before it uses it again; 7.88 does so only where there is no
 * error left to be read (RST), so it is read here. */
static void note_idle_end(const struct http_watches *watches, curl_socket_t fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	disarm(watches, fd);
}

static void serve(struct http_watches *watches, const struct epoll_event *event)
{
	curl_socket_t fd = (curl_socket_t)(uint32_t)event->data.u64;
	struct watch *watch = find(watches, fd);
	int bits = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) | (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0);

	if (!watch || watch->life != event->data.u64 >> 32) /* closed since the set was asked */
		return;
	if (watch->wanted == 0) {
		note_idle_end(watches, fd);
		return;
	}
	/* a refused connection can be written to as well; to be read from there is nothing before it is made */
	watch->made = watch->made || bits & CURL_CSELECT_IN || !(event->events & EPOLLERR);
	if (event->events & EPOLLERR) { /* told without end otherwise */
		disarm(watches, fd);
		/* beside what can be read: by this bit alone libcurl fails a call whose whole answer is there */
		bits |= CURL_CSELECT_ERR;
	}
	watches->ready(watch->owner, fd, bits);
	watch = find(watches, fd);
	if (watch && watch->wanted != 0)
		arm(watches, fd, watch->wanted);
}

/* The kernel tells of those first that have waited longest, so that nobody is forgotten. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct http_watches *watches = poll->data;
	struct epoll_event ready[TURN_SOCKETS];
	int count = epoll_wait(watches->set, ready, TURN_SOCKETS, 0);

	(void)status, (void)events;
	for (int i = 0; i < count && !watches->closed; i++) /* a call's end may close all of this */
		serve(watches, &ready[i]);
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
		if (watch->made)
			arm(watches, fd, EPOLLIN); /* it mostly is; not when an error came with the answer */
		else
			disarm(watches, fd); /* how connecting ends is for libcurl to read */
		return 0;
	}
	watch->wanted = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
	arm(watches, fd, watch->wanted);
	return 0;
}

curl_socket_t http_watch_open(struct http_watches *watches, const struct curl_sockaddr *address, void *owner)
{
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);

	if (fd < 0)
		return CURL_SOCKET_BAD;
	if (!reach_for(watches, fd)) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	struct watch *watch = &watches->by_fd[fd]; /* maybe of a socket that was closed untold */
	*watch = (struct watch){.owner = owner, .life = watch->life + 1, .is_open = true};
	return fd;
}

int http_watch_close(void *ctx, curl_socket_t fd)
{
	struct http_watches *watches = ctx;
	struct watch *watch = find(watches, fd);

	if (watch)
		watch->is_open = false;
	return close(fd); /* the set forgets it, too */
}

static void on_closed(uv_handle_t *handle)
{
	struct http_watches *watches = handle->data;

	close(watches->set);
	free(watches->by_fd);
	free(watches);
}

void http_watches_close(struct http_watches *watches)
{
	if (!watches)
		return;
	watches->closed = true;
	uv_close((uv_handle_t *)&watches->poll, on_closed);
}
