/* http_wire_fixture: a wire on loopback, its user as a script, and callers. The user answers by the request's target, and writes down
 * what it was called for; the callers' sockets do not block. What fails ends the test program: callbacks may run in another thread.
 *
 * Targets: /held... is held; /head... is answered when its head is there, /body... at the first piece of its body; /cut... is cut in
 * the callback of world.cut_in; /close... ends the connection; /204, /304, /big have such an answer; all others: 200, their target. */
#ifndef VERIFYD_HTTP_WIRE_FIXTURE_H
#define VERIFYD_HTTP_WIRE_FIXTURE_H

#include "common/base/clock.h"
#include "ingress/http_wire.h"
#include "tests/unit/loopback.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
	WIRE_PATIENCE_MS = 30000,
	WIRE_BIG_BYTES = 200 * 1024,
	WIRE_HEARD_BYTES = 1024 * 1024,
	WIRE_LOG_BYTES = 64 * 1024,
	WIRE_HELD = 64,
	WIRE_BACKLOG = 64,
};

#define WIRE_MUST(condition)                                                                                             \
	do {                                                                                                             \
		if (!(condition)) {                                                                                      \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                             \
			abort();                                                                                         \
		}                                                                                                        \
	} while (0)

static struct wire_world {
	struct http_wire *wire;
	int listener, port;
	bool has_thread, refuses;
	const char *cut_in; /* NULL: in none */
	int64_t started_us;
	pthread_mutex_t lock; /* of the rest, but for what is atomic */
	char log[WIRE_LOG_BYTES];
	size_t logged;
	struct http_link *held[WIRE_HELD];
	size_t held_count;
	atomic_int opened, closed, began, answered, holding, ended[HTTP_END_LOST + 1];
} world = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A caller's bytes as they came. */
struct wire_heard {
	size_t len;
	bool over, reset;
	char data[WIRE_HEARD_BYTES + 1];
};

/* ---- the user ---- */

static inline void wire_log(const char *what, const char *more, size_t len)
{
	pthread_mutex_lock(&world.lock);
	if (world.logged + strlen(what) + len < WIRE_LOG_BYTES) {
		(void)snprintf(world.log + world.logged, WIRE_LOG_BYTES - world.logged, "%s%.*s", what, (int)len, more);
		world.logged += strlen(what) + len;
	}
	pthread_mutex_unlock(&world.lock);
}

static inline bool wire_asks(const struct http_link *link, const char *prefix)
{
	const struct http_head *head = http_link_head(link);
	return head && strncmp(head->target, prefix, strlen(prefix)) == 0;
}

/* Returns: whether it was cut. */
static inline bool wire_cuts(struct http_link *link, const char *callback)
{
	bool cuts = world.cut_in && strcmp(world.cut_in, callback) == 0;
	if (cuts)
		http_link_cut(link);
	return cuts;
}

/* Nothing in it is the same as what stands elsewhere near. */
static inline void wire_big(char out[WIRE_BIG_BYTES])
{
	for (size_t i = 0; i < WIRE_BIG_BYTES; i++)
		out[i] = (char)('a' + (i * 7 + i / 251 + i / 65521) % 26);
}

static inline void wire_answer(struct http_link *link)
{
	static _Thread_local char big[WIRE_BIG_BYTES];
	const struct http_head *head = http_link_head(link);
	const struct http_header headers[] = {{"X-One", "1"}, {"X-Two", "2"}};
	struct http_answer answer = {.status = 200, .headers = headers, .count = 2};
	if (head->broken) {
		answer.status = head->too_large ? 431 : 400;
		answer.body = head->broken;
	} else {
		answer.body = head->target;
	}
	answer.len = strlen(answer.body);
	answer.closes = head->broken || wire_asks(link, "/close");
	if (wire_asks(link, "/204") || wire_asks(link, "/304"))
		answer.status = wire_asks(link, "/204") ? 204 : 304;
	if (wire_asks(link, "/big")) {
		wire_big(big);
		answer.body = big;
		answer.len = sizeof big;
	}
	atomic_fetch_add(&world.answered, 1);
	http_link_answer(link, &answer);
}

static inline void *wire_opened(void *ctx, int fd, const struct sockaddr *peer)
{
	WIRE_MUST(ctx == &world && fd >= 0 && peer->sa_family == AF_INET);
	int *own = world.refuses ? NULL : malloc(sizeof *own);
	if (own)
		*own = fd;
	atomic_fetch_add(&world.opened, 1);
	return own;
}

static inline void wire_closed(void *ctx, void *own)
{
	WIRE_MUST(ctx == &world && own);
	free(own);
	atomic_fetch_add(&world.closed, 1);
}

static inline void wire_began(void *ctx, struct http_link *link)
{
	WIRE_MUST(ctx == &world && http_link_own(link) && !http_link_head(link) && !http_link_request(link));
	void *request = malloc(1); /* `ended` has to come for it */
	WIRE_MUST(request);
	int64_t began_us = http_link_began_us(link);
	WIRE_MUST(began_us == http_link_now_us(link) && began_us >= world.started_us && began_us <= clock_mono_us());
	http_link_set_request(link, request);
	wire_log("began ", "", 0);
	atomic_fetch_add(&world.began, 1);
	(void)wire_cuts(link, "began");
}

static inline void wire_head(void *ctx, struct http_link *link)
{
	const struct http_head *head = http_link_head(link);
	WIRE_MUST(ctx == &world && http_link_request(link));
	wire_log(head->broken ? "broken head" : "head ", head->target, strlen(head->target));
	wire_log(" ", "", 0);
	if (!wire_cuts(link, "head") && (head->broken || wire_asks(link, "/head")))
		wire_answer(link);
}

static inline void wire_body(void *ctx, struct http_link *link, const char *data, size_t len)
{
	WIRE_MUST(ctx == &world && http_link_request(link) && len > 0);
	wire_log("", data, len < 64 ? len : 1);
	if (!wire_cuts(link, "body") && wire_asks(link, "/body"))
		wire_answer(link);
}

static inline void wire_broken(void *ctx, struct http_link *link, const char *rule)
{
	WIRE_MUST(ctx == &world && http_link_request(link) && rule);
	wire_log(" broken ", "", 0);
	if (!wire_cuts(link, "broken"))
		wire_answer(link);
}

static inline void wire_whole(void *ctx, struct http_link *link)
{
	WIRE_MUST(ctx == &world && http_link_request(link));
	wire_log(" whole ", "", 0);
	if (wire_cuts(link, "whole"))
		return;
	if (!wire_asks(link, "/held")) {
		wire_answer(link);
		return;
	}
	pthread_mutex_lock(&world.lock);
	WIRE_MUST(world.held_count < WIRE_HELD);
	world.held[world.held_count++] = link;
	pthread_mutex_unlock(&world.lock);
	atomic_fetch_add(&world.holding, 1);
}

static inline void wire_resumed(void *ctx, struct http_link *link)
{
	WIRE_MUST(ctx == &world && http_link_request(link) && wire_asks(link, "/held"));
	wire_log("resumed ", http_link_head(link)->target, strlen(http_link_head(link)->target));
	wire_log(" ", "", 0);
	if (!wire_cuts(link, "resumed"))
		wire_answer(link);
}

static inline void wire_ended(void *ctx, struct http_link *link, enum http_end how)
{
	static const char *const names[] = {"kept ", "leaves ", "lost "};
	WIRE_MUST(ctx == &world && http_link_own(link) && http_link_request(link));
	free(http_link_request(link));
	wire_log(names[how], "", 0);
	atomic_fetch_add(&world.ended[how], 1);
	(void)wire_cuts(link, "ended");
}

static const struct http_wire_calls wire_calls = {
	.opened = wire_opened,
	.closed = wire_closed,
	.began = wire_began,
	.head = wire_head,
	.body = wire_body,
	.broken = wire_broken,
	.whole = wire_whole,
	.resumed = wire_resumed,
	.ended = wire_ended,
};

/* The first that is held goes on. */
static inline void wire_resume(void)
{
	pthread_mutex_lock(&world.lock);
	WIRE_MUST(world.held_count > 0);
	struct http_link *link = world.held[0];
	world.held_count--;
	memmove(world.held, world.held + 1, world.held_count * sizeof *world.held);
	pthread_mutex_unlock(&world.lock);
	http_link_resume(link);
}

/* ---- the world ---- */

static inline int wire_ended_all(void)
{
	return world.ended[HTTP_END_KEPT] + world.ended[HTTP_END_LEAVES] + world.ended[HTTP_END_LOST];
}

/* buffer_bytes: of the connections' sockets; 0: the system's. */
static inline void wire_start_with(size_t capacity, bool has_thread, struct http_tls *tls, int buffer_bytes)
{
	world.listener = loopback_bind(SOCK_CLOEXEC | SOCK_NONBLOCK, &world.port);
	WIRE_MUST(buffer_bytes == 0 ||
	          setsockopt(world.listener, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes) == 0);
	WIRE_MUST(listen(world.listener, WIRE_BACKLOG) == 0);
	world.has_thread = has_thread;
	world.started_us = clock_mono_us();
	world.refuses = false;
	world.cut_in = NULL;
	world.logged = world.held_count = 0;
	world.log[0] = '\0';
	world.opened = world.closed = world.began = world.answered = world.holding = 0;
	for (int i = 0; i <= HTTP_END_LOST; i++)
		world.ended[i] = 0;
	const struct http_wire_options options = {world.listener, capacity, has_thread, tls, &wire_calls, &world};
	WIRE_MUST(http_wire_new(&options, &world.wire) == ERR_OK);
}

static inline void wire_start(void)
{
	wire_start_with(16, false, NULL, 0);
}

/* Every connection was closed, and every request that began has ended. */
static inline void wire_stop(void)
{
	http_wire_free(world.wire);
	WIRE_MUST(close(world.listener) == 0);
	WIRE_MUST(world.closed == (world.refuses ? 0 : world.opened));
	WIRE_MUST(world.began == wire_ended_all());
}

/* A moment. */
static inline void wire_turn(void)
{
	if (world.has_thread)
		(void)poll(NULL, 0, 1);
	else
		(void)http_wire_run(world.wire, 1);
}

#define WIRE_WAIT(condition)                                                                                             \
	do {                                                                                                             \
		int64_t wire_until_ms = clock_mono_ms() + WIRE_PATIENCE_MS;                                              \
		while (!(condition)) {                                                                                   \
			WIRE_MUST(clock_mono_ms() < wire_until_ms);                                                      \
			wire_turn();                                                                                     \
		}                                                                                                        \
	} while (0)

/* Without a thread: until there is nothing to do any more that has reached this side. */
static inline void wire_settle(void)
{
	struct pollfd ready = {http_wire_fd(world.wire), POLLIN, 0};
	while (http_wire_run(world.wire, 0) || poll(&ready, 1, 0) > 0)
		continue;
}

/* Without a thread: it works until one event at least was there. */
static inline void wire_hear_event(void)
{
	struct pollfd ready = {http_wire_fd(world.wire), POLLIN, 0};
	WIRE_MUST(poll(&ready, 1, WIRE_PATIENCE_MS) == 1);
	wire_settle();
}

/* ---- callers ---- */

/* receive_bytes: of its buffer; 0: the system's. Not waited for. */
static inline int wire_connect(int receive_bytes)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	address.sin_port = htons((uint16_t)world.port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	WIRE_MUST(fd >= 0 && (receive_bytes == 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
	                                                       sizeof receive_bytes) == 0));
	WIRE_MUST(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	return fd;
}

/* It was accepted, and nothing is left to be heard of that. */
static inline int wire_call(void)
{
	int before = world.opened, fd = wire_connect(0);
	WIRE_WAIT(world.opened > before);
	if (!world.has_thread)
		wire_settle();
	return fd;
}

/* All of it, while the wire goes on; or as much as is taken before the connection breaks. */
static inline void wire_say(int fd, const char *data, size_t len)
{
	int64_t until_ms = clock_mono_ms() + WIRE_PATIENCE_MS;
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN)
			return;
		WIRE_MUST(clock_mono_ms() < until_ms);
		data += sent > 0 ? sent : 0;
		len -= sent > 0 ? (size_t)sent : 0;
		if (sent < 0)
			wire_turn();
	}
}

static inline void wire_say_text(int fd, const char *text)
{
	wire_say(fd, text, strlen(text));
}

/* Reads until so many bytes came in all, or the connection is over. */
static inline void wire_hear(int fd, struct wire_heard *heard, size_t len)
{
	int64_t until_ms = clock_mono_ms() + WIRE_PATIENCE_MS;
	while (heard->len < len && !heard->over) {
		ssize_t got = recv(fd, heard->data + heard->len, WIRE_HEARD_BYTES - heard->len, MSG_DONTWAIT);
		WIRE_MUST(clock_mono_ms() < until_ms);
		heard->reset = got < 0 && errno != EAGAIN;
		heard->over = got == 0 || heard->reset;
		heard->len += got > 0 ? (size_t)got : 0;
		if (got < 0)
			wire_turn();
	}
	heard->data[heard->len] = '\0';
}

/* Takes the Date headers out of texts. */
static inline void wire_undate(struct wire_heard *heard)
{
	char *at = heard->data, *end;
	while ((at = strstr(at, "Date: ")) && (end = strstr(at, "\r\n"))) {
		memmove(at, end + 2, heard->len + 1 - (size_t)(end + 2 - heard->data));
		heard->len -= (size_t)(end + 2 - at);
	}
}

/* What comes until the connection has ended well, without the dates. */
static inline const char *wire_last_words(int fd)
{
	static struct wire_heard heard;
	heard.len = 0;
	heard.over = false;
	wire_hear(fd, &heard, WIRE_HEARD_BYTES);
	WIRE_MUST(heard.over && !heard.reset);
	wire_undate(&heard);
	WIRE_MUST(close(fd) == 0);
	return heard.data;
}

#define WIRE_HEADERS "X-One: 1\r\nX-Two: 2\r\n\r\n"
#define WIRE_OK(len, body) "HTTP/1.1 200 OK\r\nContent-Length: " #len "\r\n" WIRE_HEADERS body
#define WIRE_LAST_OK(len, body) "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " #len "\r\n" WIRE_HEADERS body
#define WIRE_GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"
#define WIRE_LAST(target) "GET " target " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

#endif
