/* http_wire: HTTP/1.1 (RFC 9112) on sockets: accepts connections, reads requests one after the other, writes answers. Knows no
 * route and no limit of time: whoever uses it sees each stage, and may shut a socket down. One thread runs a wire; several wires may
 * share a listening socket.
 *
 * A socket is put into the epoll set once, edge-triggered, and read until it has nothing more: a request costs one recv and one
 * send. While a request is held or its answer is being sent nothing is read from its connection.
 *
 * Limits: the head's (http_head.h), the chunk lines' (http_chunks.h); of a body none: the user counts. */
#ifndef VERIFYD_HTTP_WIRE_H
#define VERIFYD_HTTP_WIRE_H

#include "common/base/err.h"
#include "ingress/http_head.h"
#include "ingress/http_tls.h"
#include <sys/socket.h>

struct http_wire;
struct http_link; /* one connection, and the request that is on it */

enum http_end {
	HTTP_END_KEPT,   /* the answer is with the kernel; the connection goes on */
	HTTP_END_LEAVES, /* so is it, and the connection ends as soon as the caller has seen it */
	HTTP_END_LOST,   /* the connection broke before */
};

/* What a wire calls, in its own thread. From each but the first two http_link_answer may be called once in a request; from then
 * on only `ended` is called for it. */
struct http_wire_calls {
	/* A connection was accepted. Returns: what belongs to it (http_link_own); NULL: it is closed at once. */
	void *(*opened)(void *ctx, int fd, const struct sockaddr *peer);
	/* It is about to be closed. own: not NULL. */
	void (*closed)(void *ctx, void *own);
	/* The first byte of a request is there; an empty line before it is none of its. */
	void (*began)(void *ctx, struct http_link *link);
	/* Line and headers are there, or what is there breaks a rule: head->broken, and then it has to be answered. */
	void (*head)(void *ctx, struct http_link *link);
	/* A piece of the body. */
	void (*body)(void *ctx, struct http_link *link, const char *data, size_t len);
	/* The body's coding breaks a rule: it has to be answered. */
	void (*broken)(void *ctx, struct http_link *link, const char *rule);
	/* The body is whole. Not answered: the call is held until http_link_resume. */
	void (*whole)(void *ctx, struct http_link *link);
	/* It was resumed: it has to be answered. */
	void (*resumed)(void *ctx, struct http_link *link);
	/* The request that began is over. */
	void (*ended)(void *ctx, struct http_link *link, enum http_end how);
};

struct http_wire_options {
	int listener;         /* listens, does not block; closed by the caller after http_wire_free */
	size_t capacity;      /* connections; beyond it they wait to be accepted */
	bool has_thread;      /* it runs in a thread of its own; else http_wire_run has to be called */
	struct http_tls *tls; /* NULL: plain HTTP; outlives the wire */
	const struct http_wire_calls *calls;
	void *ctx;
};

/* Returns: ERR_OK, *ret_wire ended by http_wire_free; ERR_IO; ERR_NO_MEMORY. */
enum err_code http_wire_new(const struct http_wire_options *options, struct http_wire **ret_wire) WARN_UNUSED;

/* Closes all its connections; none may be held, and no http_link_resume be under way. Accepts NULL. Blocks: until its thread has ended. */
void http_wire_free(struct http_wire *wire);

/* Without a thread: becomes readable when http_wire_run has something to do. */
int http_wire_fd(const struct http_wire *wire);
/* Does what there is to do, once; waits for it wait_ms at most. Returns: whether there is more, which http_wire_fd does not show. */
bool http_wire_run(struct http_wire *wire, int wait_ms);

/* Accepts no more. Thread: any. */
void http_wire_quiesce(struct http_wire *wire);

/* ---- of a connection. Thread: the wire's, but for http_link_resume ---- */

void *http_link_own(const struct http_link *link);
const struct http_head *http_link_head(const struct http_link *link);
const struct sockaddr *http_link_peer(const struct http_link *link);
const struct http_tls_link *http_link_tls(const struct http_link *link); /* NULL: plain */
int64_t http_link_now_us(const struct http_link *link);   /* monotonic: when this turn of the wire began */
int64_t http_link_began_us(const struct http_link *link); /* when the turn did that brought the request's first byte */

/* What the user keeps for the request; NULL at its beginning. */
void *http_link_request(const struct http_link *link);
void http_link_set_request(struct http_link *link, void *request);

struct http_header {
	const char *name, *value; /* not checked: no CR, no LF */
};

struct http_answer {
	int status;
	const struct http_header *headers; /* besides Date, Content-Length and Connection */
	size_t count;
	const char *body;
	size_t len;
	bool closes; /* the connection ends with it; it does, too, where the request asks for that or its body was not read */
};

/* What is given is copied. */
void http_link_answer(struct http_link *link, const struct http_answer *answer);

/* No answer: the connection ends. */
void http_link_cut(struct http_link *link);

/* A held call may go on: `resumed` will be called. Once for each held call. Thread: any. */
void http_link_resume(struct http_link *link);

#endif
