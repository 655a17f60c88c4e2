/* http_wire_internal: what http_wire.c (the epoll set, its turns), http_wire_link.c (a connection) and http_wire_answer.c (an
 * answer's bytes) share. */
#ifndef VERIFYD_HTTP_WIRE_INTERNAL_H
#define VERIFYD_HTTP_WIRE_INTERNAL_H

#include "common/base/buf.h"
#include "ingress/http_chunks.h"
#include "ingress/http_wire.h"
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
	HTTP_DATE_BYTES = 80, /* takes 30; a compiler that does not optimise counts each number at its longest */
	HTTP_ROOM_BYTES = 32 * 1024,
};

struct http_wire {
	struct http_wire_options options;
	int epoll_fd, timer_fd, bell_fd; /* bell_fd: of a wire with a thread */
	bool accepts;                    /* the listener is in the epoll set */
	atomic_bool quiet, stopping;
	pthread_t thread;
	bool has_begun; /* the thread */
	size_t count;
	struct http_link *links;           /* all */
	_Atomic(struct http_link *) turns; /* to be looked at in the next run, the last one first */
	int64_t now_us;
	struct buf out; /* of the answer that is being written */
	struct {
		time_t at;
		char text[HTTP_DATE_BYTES];
	} date;
	char room[HTTP_ROOM_BYTES]; /* what was just read */
};

enum link_step {
	LINK_HEAD,    /* idle, or its head is not whole */
	LINK_BODY,    /* its body is not */
	LINK_HELD,    /* until it is resumed */
	LINK_SENDING, /* the rest of its answer is in `out` */
	LINK_SENT,
	LINK_LEAVING, /* answered for the last time; what still comes is thrown away until the caller has closed */
	LINK_LOST,
};

struct http_link {
	struct http_wire *wire;
	struct http_link *next, *previous, *next_turn;
	int fd;
	enum link_step step;
	bool readable;   /* reading may bring something */
	bool over;       /* the caller has closed its side: reading says so, if all before it is read */
	bool is_queued;  /* in the wire's turns, though not held */
	bool needs_more; /* what is in `in` was looked at */
	bool has_begun;  /* of the request something is there */
	bool closes;
	void *own, *request;
	int64_t began_us;
	struct http_tls_link *tls;
	struct http_head *head;
	struct http_head_scan scan;
	struct http_chunks chunks;
	uint64_t body_left; /* of one with a length */
	struct buf in;      /* what was read and is not taken yet: the beginning of a head, or what follows the request */
	struct buf out;
	size_t out_sent;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} peer;
};

/* http_wire_link.c */
void http_link_opened(struct http_wire *wire, int fd, const struct sockaddr_storage *peer);
void http_link_event(struct http_link *link, unsigned events);
void http_link_turn(struct http_link *link); /* it stood in the wire's turns */
void http_link_close(struct http_link *link);

/* http_wire.c: it is looked at in the next run. Thread: any. */
void http_wire_turn(struct http_wire *wire, struct http_link *link);

/* http_wire_answer.c: appends an answer's bytes to wire->out. Returns: ERR_OK; ERR_NO_MEMORY; ERR_LIMIT. */
enum err_code http_answer_write(struct http_wire *wire, const struct http_answer *answer, bool closes,
                                bool without_body) WARN_UNUSED;

#endif
