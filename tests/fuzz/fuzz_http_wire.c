/* fuzz_http_wire: any bytes to a wire, on a connection over loopback, in pieces. Every request that begins ends once
 * and is answered once at most, the connection ends when its caller has sent all, and what it hears are answers. */
#include "common/base/clock.h"
#include "ingress/http_wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/loopback.h"
#include <errno.h>
#include <string.h>

enum { PATIENCE_MS = 20000, HEARD_BYTES = 64 * 1024 };

static struct {
	struct http_wire *wire;
	int port;
	int open, began, ended;
	struct http_link *held; /* NULL: none */
	bool answered, is_over; /* the request that began */
	size_t body;
	bool has_heard; /* the caller */
} world;

static void answer(struct http_link *link)
{
	FUZZ_RULE(!world.answered && !world.is_over);
	world.answered = true;
	http_link_answer(link, &(struct http_answer){.status = 200, .body = "ok", .len = 2});
}

/* What happens to a request is in its target's second byte. */
static bool asks(const struct http_link *link, char what)
{
	const struct http_head *head = http_link_head(link);
	return !head->broken && head->target[0] && head->target[1] == what;
}

static void *on_opened(void *ctx, int fd, const struct sockaddr *peer)
{
	(void)fd, (void)peer;
	world.open++;
	return ctx;
}

static void on_closed(void *ctx, void *own)
{
	FUZZ_RULE(ctx == own && world.began == world.ended);
	world.open--;
}

static void on_began(void *ctx, struct http_link *link)
{
	(void)ctx, (void)link;
	FUZZ_RULE(world.began == world.ended && !world.held);
	world.began++;
	world.answered = world.is_over = false;
	world.body = 0;
}

static void on_head(void *ctx, struct http_link *link)
{
	(void)ctx;
	if (http_link_head(link)->broken || asks(link, 'h'))
		answer(link);
	else if ((world.is_over = asks(link, 'c')))
		http_link_cut(link);
}

static void on_body(void *ctx, struct http_link *link, const char *data, size_t len)
{
	(void)ctx;
	FUZZ_RULE(len > 0 && data && !world.answered && !world.is_over);
	world.body += len;
	FUZZ_RULE(!http_link_head(link)->has_length || world.body <= http_link_head(link)->length);
	if (asks(link, 'b'))
		answer(link);
}

static void on_broken(void *ctx, struct http_link *link, const char *rule)
{
	(void)ctx;
	FUZZ_RULE(rule && http_link_head(link)->chunked);
	answer(link);
}

static void on_whole(void *ctx, struct http_link *link)
{
	(void)ctx;
	FUZZ_RULE(!world.answered && !world.is_over);
	FUZZ_RULE(http_link_head(link)->chunked || world.body == http_link_head(link)->length);
	if (asks(link, 'r'))
		world.held = link;
	else
		answer(link);
}

static void on_resumed(void *ctx, struct http_link *link)
{
	(void)ctx;
	FUZZ_RULE(asks(link, 'r') && !world.held);
	answer(link);
}

static void on_ended(void *ctx, struct http_link *link, enum http_end how)
{
	(void)ctx, (void)link;
	world.ended++;
	FUZZ_RULE(world.began == world.ended && !world.held && (world.answered || how == HTTP_END_LOST));
}

static void start(void)
{
	static const struct http_wire_calls calls = {on_opened, on_closed, on_began,   on_head, on_body,
	                                             on_broken, on_whole,  on_resumed, on_ended};
	struct http_wire_options options = {.capacity = 4, .calls = &calls, .ctx = &world};
	options.listener = loopback_bind(SOCK_CLOEXEC | SOCK_NONBLOCK, &world.port);
	FUZZ_RULE(listen(options.listener, 4) == 0 && http_wire_new(&options, &world.wire) == ERR_OK);
}

static void turn(int wait_ms)
{
	struct http_link *held = world.held;
	world.held = NULL;
	if (held)
		http_link_resume(held);
	(void)http_wire_run(world.wire, held ? 0 : wait_ms);
}

/* Returns: whether the connection is over. */
static bool hear(int fd)
{
	static const char begins[] = "HTTP/1.1 ";
	static char heard[HEARD_BYTES];
	ssize_t got = recv(fd, heard, sizeof heard, MSG_DONTWAIT);
	size_t len = got < (ssize_t)sizeof begins - 1 && got > 0 ? (size_t)got : sizeof begins - 1;
	FUZZ_RULE(got <= 0 || world.has_heard || memcmp(heard, begins, len) == 0);
	world.has_heard = world.has_heard || got > 0;
	return got == 0 || (got < 0 && errno != EAGAIN);
}

static void send_all(int fd, const char *data, size_t size)
{
	size_t piece = size ? 1 + (unsigned char)data[size - 1] % 97 * (size / 97 + 1) : 1;
	bool over = false;
	for (size_t at = 0; at < size && !over;) {
		size_t len = piece < size - at ? piece : size - at;
		ssize_t sent = send(fd, data + at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		at += sent > 0 ? (size_t)sent : 0;
		over = sent < 0 && errno != EAGAIN;
		turn(0);
		(void)hear(fd);
	}
	(void)shutdown(fd, SHUT_WR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (!world.wire)
		start();
	address.sin_port = htons((uint16_t)world.port);
	int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_RULE(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	world.has_heard = false;
	while (world.open == 0)
		turn(1);
	send_all(fd, size ? (const char *)data : "", size);
	while (!hear(fd)) {
		FUZZ_RULE(clock_mono_ms() < until_ms);
		turn(1);
	}
	FUZZ_RULE(close(fd) == 0);
	while (world.open > 0) {
		FUZZ_RULE(clock_mono_ms() < until_ms);
		turn(1);
	}
	FUZZ_RULE(world.began == world.ended);
	return 0;
}
