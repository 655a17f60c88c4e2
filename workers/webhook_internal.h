/* webhook_internal: what webhook.c (a notice's way), webhook_turns.c (whose turn it is) and
 * webhook_trace.c (what is told of it) share. */
#ifndef VERIFYD_WEBHOOK_INTERNAL_H
#define VERIFYD_WEBHOOK_INTERNAL_H

#include "common/base/host_list.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/trace_send.h"
#include "workers/webhook.h"

enum notice_end { END_DELIVERED, END_RETRIED, END_DEAD, END_DROPPED, END_COUNT };

struct caller {
	char name[CALLER_BYTES];
	size_t calling, waiting;
	struct list queue; /* of struct notice: those that wait, oldest first */
	struct list node;
};

struct notice {
	struct kafka_delivery delivery;
	struct webhook *webhook;
	struct caller *caller; /* whose room it takes or waits for; NULL: nobody's */
	struct delay_end *end;
	struct request request;
	struct verification told; /* what the record says */
	int64_t not_before_ms;
	struct buf value; /* the record's, to be sent on */
	struct http_request http;
	struct http_call *call;
	bool built, calling, waiting;
	struct trace_step traced; /* its call */
	struct trace_send send;
	enum notice_end outcome; /* of what is on its way to Kafka */
	struct list node;
	struct list queued; /* in its caller's queue, while it waits */
};

struct webhook {
	struct ports ports;
	struct http_curl *http;
	struct host_list *hosts;   /* NULL: nobody is called */
	struct webhook_keys *keys; /* NULL: none */
	struct list notices, callers;
	size_t calling;
	bool leaving, pumping;
	struct log_limit failure_limit;
	struct metric *ended[END_COUNT], *in_hand;
};

/* webhook_turns.c */
struct caller *webhook_caller(struct webhook *webhook, const char *name); /* made when it is not there; NULL: out of memory */
bool webhook_has_room(const struct webhook *webhook, const struct caller *caller);
/* Of notice->caller, which must be set. */
void notice_take_room(struct notice *notice);
void notice_wait_for_room(struct notice *notice);
void notice_stop_waiting(struct notice *notice);
/* Gives back what it has taken or waits for; a caller of whom nothing is left is freed. */
void notice_leave_caller(struct notice *notice);

/* webhook_trace.c */
void notice_trace_call(struct notice *notice); /* notice->http is built; adds the traceparent */
void notice_trace_answered(struct notice *notice, int status, enum reason reason); /* status 0: there was no answer */
void notice_trace_send(struct notice *notice, const char *topic); /* sets request.traceparent for the record */
void notice_trace_acked(struct notice *notice, bool taken);

#endif
