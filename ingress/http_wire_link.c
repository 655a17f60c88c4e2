/* http_wire_link: one connection, step by step: a head, its body, the answer, and again. */
#include "ingress/http_wire_internal.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	STEPS = 64, /* in one turn: then others have theirs */
	IN_BYTES = HTTP_HEAD_MAX_BYTES + HTTP_ROOM_BYTES +
	           1, /* a head that has not ended, and what was read on top of it */
	WAITS = -1,
	OVER = 0,
};

/* ---- bytes ---- */

/* Into the wire's room. Returns: how many; WAITS; OVER. */
static ssize_t receive(struct http_link *link)
{
	char *room = link->wire->room;
	ssize_t got;
	if (!link->readable)
		return WAITS;
	if (link->tls)
		got = http_tls_read(link->tls, room, HTTP_ROOM_BYTES);
	else
		do
			got = recv(link->fd, room, HTTP_ROOM_BYTES, 0);
		while (got < 0 && errno == EINTR);
	bool waits = got < 0 && (link->tls || errno == EAGAIN);
	if (waits || (got > 0 && got < HTTP_ROOM_BYTES && !link->tls && !link->over))
		link->readable = false; /* the next byte makes an event (epoll(7), question 9) */
	return waits ? WAITS : got > 0 ? got : OVER;
}

/* Returns: how many; WAITS; OVER. */
static ssize_t transmit(const struct http_link *link, const char *data, size_t len)
{
	ssize_t sent;
	if (link->tls)
		return http_tls_write(link->tls, data, len);
	do
		sent = send(link->fd, data, len, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent >= 0 ? sent : errno == EAGAIN ? WAITS : OVER;
}

/* ---- the answer ---- */

/* Returns: false: it waits. */
static bool send_rest(struct http_link *link)
{
	while (link->step == LINK_SENDING && link->out_sent < link->out.len) {
		ssize_t sent = transmit(link, link->out.data + link->out_sent, link->out.len - link->out_sent);
		if (sent == WAITS)
			return false;
		if (sent == OVER)
			link->step = LINK_LOST;
		else
			link->out_sent += (size_t)sent;
	}
	if (link->step == LINK_SENDING)
		link->step = LINK_SENT;
	return true;
}

/* What does not go out at once is kept. step: when all is out. */
static void send_out(struct http_link *link, const struct buf *out, enum link_step step)
{
	ssize_t sent = transmit(link, out->data, out->len);
	if (sent == WAITS)
		sent = 0;
	else if (sent == OVER)
		link->step = LINK_LOST;
	if (link->step == LINK_LOST)
		return;
	if ((size_t)sent == out->len) {
		link->step = step;
		return;
	}
	link->out_sent = 0;
	link->step = LINK_SENDING;
	buf_init(&link->out, out->max);
	if (buf_append(&link->out, out->data + sent, out->len - (size_t)sent) != ERR_OK)
		link->step = LINK_LOST;
}

void http_link_answer(struct http_link *link, const struct http_answer *answer)
{
	struct http_wire *wire = link->wire;
	const struct http_head *head = link->head;
	if (link->step == LINK_LOST)
		return;
	link->closes = answer->closes || !head || !head->keeps || link->step == LINK_BODY;
	buf_clear(&wire->out);
	if (http_answer_write(wire, answer, link->closes, head && strcmp(head->method, "HEAD") == 0) != ERR_OK)
		link->step = LINK_LOST;
	else
		send_out(link, &wire->out, LINK_SENT);
}

void http_link_cut(struct http_link *link)
{
	link->step = LINK_LOST;
}

/* RFC 9110 section 10.1.1: a body that is there already needs no invitation. */
static void invite_body(struct http_link *link)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	link->head->expects = false;
	if (transmit(link, text, sizeof text - 1) != (ssize_t)(sizeof text - 1))
		link->step = LINK_LOST; /* so little finds room unless the caller reads nothing at all */
}

/* ---- the request ---- */

static void hand_over(struct http_link *link)
{
	link->step = LINK_HELD; /* before: it may be resumed at once */
	link->wire->options.calls->whole(link->wire->options.ctx, link);
}

static void take_head(struct http_link *link, const char *data, size_t len)
{
	const struct http_wire_options *options = &link->wire->options;
	struct http_head *head = http_head_new(data, len, link->scan.lines);
	if (!head) {
		link->step = LINK_LOST;
		return;
	}
	link->head = head;
	link->step = LINK_BODY;
	link->body_left = head->has_length ? head->length : 0;
	link->chunks = (struct http_chunks){.step = CHUNK_SIZE};
	options->calls->head(options->ctx, link);
	if (link->step == LINK_BODY && !head->chunked && link->body_left == 0)
		hand_over(link);
}

/* No request begins so, and none that does may ever end: other protocols. */
static bool is_hopeless(char first)
{
	return first <= 0x20 || first >= 0x7f;
}

static void begin(struct http_link *link)
{
	const struct http_wire_options *options = &link->wire->options;
	link->has_begun = true;
	link->began_us = link->wire->now_us;
	options->calls->began(options->ctx, link);
}

/* Returns: how many bytes were taken; 0: more have to come. */
static size_t look_for_head(struct http_link *link, const char *data, size_t len)
{
	size_t skipped = http_head_skip(data, len);
	if (skipped > 0)
		return skipped;
	if (len == 1 && *data == '\r')
		return 0;
	if (!link->has_begun)
		begin(link);
	if (link->step != LINK_HEAD)
		return 0; /* cut, or answered */
	size_t end = is_hopeless(*data) ? 1 : http_head_end(&link->scan, data, len);
	if (end == 0 && (len > HTTP_HEAD_MAX_BYTES || link->scan.lines > HTTP_HEAD_MAX_LINES))
		end = len; /* it is not waited for its end, and refused as it is */
	if (end > 0)
		take_head(link, data, end);
	return end;
}

static size_t take_chunks(struct http_link *link, const char *data, size_t len)
{
	const struct http_wire_options *options = &link->wire->options;
	const char *piece;
	size_t piece_len, taken;
	switch (http_chunks_take(&link->chunks, data, len, &taken, &piece, &piece_len)) {
	case HTTP_CHUNKS_DATA:
		options->calls->body(options->ctx, link, piece, piece_len);
		break;
	case HTTP_CHUNKS_WHOLE:
		hand_over(link);
		break;
	case HTTP_CHUNKS_BROKEN:
		options->calls->broken(options->ctx, link, "a chunk is malformed");
		return len;
	case HTTP_CHUNKS_MORE:
		break;
	}
	return taken;
}

static size_t take_body(struct http_link *link, const char *data, size_t len)
{
	const struct http_wire_options *options = &link->wire->options;
	if (link->head->chunked)
		return take_chunks(link, data, len);
	size_t taken = len < link->body_left ? len : (size_t)link->body_left;
	link->body_left -= taken;
	options->calls->body(options->ctx, link, data, taken);
	if (link->step == LINK_BODY && link->body_left == 0)
		hand_over(link);
	return taken;
}

/* Takes what belongs to the request. Returns: how many bytes. */
static size_t take(struct http_link *link, const char *data, size_t len)
{
	size_t all = 0, taken = 1;
	while (taken > 0 && all < len && (link->step == LINK_HEAD || link->step == LINK_BODY)) {
		taken = link->step == LINK_HEAD ? look_for_head(link, data + all, len - all)
		                                : take_body(link, data + all, len - all);
		all += taken;
	}
	link->needs_more = taken == 0;
	if (link->step == LINK_BODY && all == len && link->head->expects)
		invite_body(link);
	return all;
}

/* ---- reading ---- */

static void take_kept(struct http_link *link)
{
	size_t taken = take(link, link->in.data, link->in.len);
	link->in.len -= taken;
	memmove(link->in.data, link->in.data + taken, link->in.len + 1);
}

static void take_new(struct http_link *link, size_t len)
{
	const char *room = link->wire->room;
	size_t taken = 0;
	if (link->in.len == 0)
		taken = take(link, room, len);
	else
		link->needs_more = false; /* the two together may do */
	if (taken < len && buf_append(&link->in, room + taken, len - taken) != ERR_OK)
		link->step = LINK_LOST;
}

/* Of the request. Returns: false: it waits. */
static bool read_on(struct http_link *link)
{
	if (link->in.len > 0 && !link->needs_more) {
		take_kept(link);
		return true;
	}
	ssize_t got = receive(link);
	if (got == OVER)
		link->step = LINK_LOST;
	else if (got != WAITS)
		take_new(link, (size_t)got);
	return got != WAITS;
}

/* A socket that is closed with something unread in it resets the connection, and the answer may be lost. */
static bool throw_away(struct http_link *link)
{
	ssize_t got = receive(link);
	if (got == OVER)
		link->step = LINK_LOST;
	return got != WAITS;
}

/* ---- its life ---- */

static void end_request(struct http_link *link, enum http_end how)
{
	const struct http_wire_options *options = &link->wire->options;
	if (link->has_begun)
		options->calls->ended(options->ctx, link, how);
	http_head_free(link->head);
	buf_fini_secret(&link->out);
	link->head = NULL;
	link->request = NULL;
	link->has_begun = link->needs_more = false;
	link->scan = (struct http_head_scan){.lines = 0};
}

static void go_on(struct http_link *link)
{
	bool closes = link->closes;
	end_request(link, closes ? HTTP_END_LEAVES : HTTP_END_KEPT);
	if (link->step == LINK_LOST)
		return; /* cut */
	link->step = closes ? LINK_LEAVING : LINK_HEAD;
	if (link->in.len == 0 || closes)
		buf_fini_secret(&link->in);
	if (!closes)
		return;
	if (link->tls)
		http_tls_end(link->tls);
	(void)shutdown(link->fd, SHUT_WR);
}

void http_link_close(struct http_link *link)
{
	struct http_wire *wire = link->wire;
	end_request(link, HTTP_END_LOST);
	if (link->own)
		wire->options.calls->closed(wire->options.ctx, link->own);
	http_tls_close(link->tls);
	(void)close(link->fd); /* which takes it out of the epoll set */
	if (link->previous)
		link->previous->next = link->next;
	else
		wire->links = link->next;
	if (link->next)
		link->next->previous = link->previous;
	wire->count--;
	buf_fini_secret(&link->in);
	free(link);
}

/* Until it waits, is held, or others are due. */
static void advance(struct http_link *link)
{
	bool goes = true;
	for (int i = 0; i < STEPS && goes; i++) {
		switch (link->step) {
		case LINK_HEAD:
		case LINK_BODY:
			goes = read_on(link);
			break;
		case LINK_HELD:
			return;
		case LINK_SENDING:
			goes = send_rest(link);
			break;
		case LINK_SENT:
			go_on(link);
			break;
		case LINK_LEAVING:
			goes = throw_away(link);
			break;
		case LINK_LOST:
			http_link_close(link);
			return;
		}
	}
	link->is_queued = goes && link->step != LINK_HELD; /* which is queued when it is resumed */
	if (link->is_queued)
		http_wire_turn(link->wire, link);
}

void http_link_event(struct http_link *link, unsigned events)
{
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		link->over = true;
	link->readable =
	        link->readable || link->over || link->tls || (events & EPOLLIN); /* TLS may wait to write first */
	if (!link->is_queued)
		advance(link);
}

void http_link_turn(struct http_link *link)
{
	const struct http_wire_options *options = &link->wire->options;
	link->is_queued = false;
	if (link->step == LINK_HELD)
		options->calls->resumed(options->ctx, link);
	advance(link);
}

void http_link_resume(struct http_link *link)
{
	http_wire_turn(link->wire, link);
}

static bool join(struct http_wire *wire, struct http_link *link)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = link};
	link->own = wire->options.calls->opened(wire->options.ctx, link->fd, &link->peer.any);
	if (link->own && wire->options.tls)
		link->tls = http_tls_open(wire->options.tls, link->fd);
	return link->own && (link->tls || !wire->options.tls) &&
	       epoll_ctl(wire->epoll_fd, EPOLL_CTL_ADD, link->fd, &event) == 0;
}

void http_link_opened(struct http_wire *wire, int fd, const struct sockaddr_storage *peer)
{
	const int yes = 1;
	struct http_link *link = calloc(1, sizeof *link);
	if (!link) {
		(void)close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* fails for what is no TCP: all the same */
	link->wire = wire;
	link->fd = fd;
	memcpy(&link->peer, peer, sizeof link->peer);
	buf_init(&link->in, IN_BYTES);
	buf_init(&link->out, 0);
	link->next = wire->links;
	if (link->next)
		link->next->previous = link;
	wire->links = link;
	wire->count++;
	if (!join(wire, link))
		http_link_close(link);
}

/* ---- what the user sees ---- */

void *http_link_own(const struct http_link *link)
{
	return link->own;
}

const struct http_head *http_link_head(const struct http_link *link)
{
	return link->head;
}

const struct sockaddr *http_link_peer(const struct http_link *link)
{
	return &link->peer.any;
}

const struct http_tls_link *http_link_tls(const struct http_link *link)
{
	return link->tls;
}

int64_t http_link_now_us(const struct http_link *link)
{
	return link->wire->now_us;
}

int64_t http_link_began_us(const struct http_link *link)
{
	return link->began_us;
}

void *http_link_request(const struct http_link *link)
{
	return link->request;
}

void http_link_set_request(struct http_link *link, void *request)
{
	link->request = request;
}
