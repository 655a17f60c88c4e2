/* http_wire: the epoll set: connections that come, those that have something to say, those that are resumed. */
#include "common/base/clock.h"
#include "ingress/http_wire_internal.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	EVENTS = 256,           /* looked at in one run */
	ACCEPTS = 64,           /* in one run */
	PAUSE_MS = 50,          /* when nobody can be accepted: no place, no descriptor, no memory */
	OUT_BYTES = 256 * 1024, /* more than any answer has (exchange.h) */
};

/* ---- who comes ---- */

static void start_accepting(struct http_wire *wire)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	wire->accepts = epoll_ctl(wire->epoll_fd, EPOLL_CTL_ADD, wire->options.listener, &event) == 0;
}

static void stop_accepting(struct http_wire *wire)
{
	if (wire->accepts)
		(void)epoll_ctl(wire->epoll_fd, EPOLL_CTL_DEL, wire->options.listener, NULL);
	wire->accepts = false;
}

static void pause_accepting(struct http_wire *wire)
{
	const struct itimerspec soon = {.it_value.tv_nsec = PAUSE_MS * 1000000L};
	stop_accepting(wire);
	(void)timerfd_settime(wire->timer_fd, 0, &soon, NULL); /* cannot fail with these */
}

/* Of one connection's own: another one may come all the same. */
static bool is_passing(int error)
{
	return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM || error == ENETDOWN ||
	       error == EHOSTUNREACH || error == ENETUNREACH;
}

static void accept_some(struct http_wire *wire)
{
	struct sockaddr_storage peer;
	if (atomic_load(&wire->quiet))
		stop_accepting(wire);
	for (int i = 0; i < ACCEPTS && wire->accepts; i++) {
		socklen_t len = sizeof peer;
		int fd = -1;
		errno = EMFILE; /* no place is like no descriptor */
		if (wire->count < wire->options.capacity)
			fd = accept4(wire->options.listener, (struct sockaddr *)&peer, &len,
			             SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			http_link_opened(wire, fd, &peer);
		else if (errno == EAGAIN)
			return;
		else if (!is_passing(errno))
			pause_accepting(wire);
	}
}

void http_wire_quiesce(struct http_wire *wire)
{
	atomic_store(&wire->quiet, true); /* the set is the wire's thread's own: accept_some sees it */
}

/* ---- turns ---- */

void http_wire_turn(struct http_wire *wire, struct http_link *link)
{
	struct http_link *first = atomic_load_explicit(&wire->turns, memory_order_relaxed);
	do
		link->next_turn = first;
	while (!atomic_compare_exchange_weak_explicit(&wire->turns, &first, link, memory_order_release,
	                                              memory_order_relaxed));
	if (!first && wire->bell_fd >= 0)
		(void)eventfd_write(wire->bell_fd, 1);
}

/* Those who came to stand there first have their turn first. */
static void take_turns(struct http_wire *wire)
{
	struct http_link *last = atomic_exchange_explicit(&wire->turns, NULL, memory_order_acquire), *first = NULL;
	while (last) {
		struct http_link *before = last->next_turn;
		last->next_turn = first;
		first = last;
		last = before;
	}
	while (first) {
		struct http_link *link = first;
		first = link->next_turn;
		http_link_turn(link);
	}
}

static void heed(struct http_wire *wire, const struct epoll_event *event)
{
	eventfd_t rings;
	uint64_t times;
	if (!event->data.ptr) {
		accept_some(wire);
	} else if (event->data.ptr == &wire->timer_fd) {
		(void)!read(wire->timer_fd, &times, sizeof times);
		start_accepting(wire);
		if (!wire->accepts)
			pause_accepting(wire); /* no memory */
	} else if (event->data.ptr == &wire->bell_fd) {
		(void)eventfd_read(wire->bell_fd, &rings);
	} else {
		http_link_event(event->data.ptr, event->events);
	}
}

bool http_wire_run(struct http_wire *wire, int wait_ms)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(wire->epoll_fd, events, EVENTS, wait_ms); /* below 0: it was interrupted */
	wire->now_us = clock_mono_us();
	for (int i = 0; i < count; i++)
		heed(wire, &events[i]);
	take_turns(wire);
	return atomic_load_explicit(&wire->turns, memory_order_relaxed) != NULL;
}

static void *run(void *ctx)
{
	struct http_wire *wire = ctx;
	bool more = false;
	while (!atomic_load(&wire->stopping))
		more = http_wire_run(wire, more ? 0 : -1);
	return NULL;
}

int http_wire_fd(const struct http_wire *wire)
{
	return wire->epoll_fd;
}

/* ---- life ---- */

static bool watch(const struct http_wire *wire, int fd, const int *which)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = (void *)(uintptr_t)which};
	return fd >= 0 && epoll_ctl(wire->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static enum err_code open_all(struct http_wire *wire)
{
	bool has_thread = wire->options.has_thread;
	wire->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	wire->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (has_thread)
		wire->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wire->epoll_fd < 0 || !watch(wire, wire->timer_fd, &wire->timer_fd) ||
	    (has_thread && !watch(wire, wire->bell_fd, &wire->bell_fd)))
		return ERR_IO;
	start_accepting(wire);
	if (!wire->accepts)
		return ERR_IO;
	wire->has_begun = has_thread && pthread_create(&wire->thread, NULL, run, wire) == 0;
	return wire->has_begun == has_thread ? ERR_OK : ERR_NO_MEMORY;
}

enum err_code http_wire_new(const struct http_wire_options *options, struct http_wire **ret_wire)
{
	struct http_wire *wire = calloc(1, sizeof *wire);
	if (!wire)
		return ERR_NO_MEMORY;
	wire->options = *options;
	wire->epoll_fd = wire->timer_fd = wire->bell_fd = -1;
	buf_init(&wire->out, OUT_BYTES);
	enum err_code code = open_all(wire);
	if (code != ERR_OK)
		http_wire_free(wire);
	else
		*ret_wire = wire;
	return code;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

void http_wire_free(struct http_wire *wire)
{
	if (!wire)
		return;
	if (wire->has_begun) {
		atomic_store(&wire->stopping, true);
		(void)eventfd_write(wire->bell_fd, 1);
		pthread_join(wire->thread, NULL);
	}
	while (wire->links)
		http_link_close(wire->links);
	close_fd(wire->bell_fd);
	close_fd(wire->timer_fd);
	close_fd(wire->epoll_fd);
	buf_fini_secret(&wire->out);
	explicit_bzero(wire->room, sizeof wire->room); /* heads and bodies */
	free(wire);
}
