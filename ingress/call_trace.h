/* call_trace: the spans of one call at the ingress: "METHOD route" from its line to its end, and below it "answer" from when
 * the desk has handed it back. Its trace goes on in ask.request.traceparent. Of the address only the route's pattern is told:
 * paths hold tickets, queries hold session ids. */
#ifndef VERIFYD_CALL_TRACE_H
#define VERIFYD_CALL_TRACE_H

#include "common/base/trace.h"
#include "common/base/trace_send.h"

struct exchange;
struct ask;

struct call_trace {
	struct trace_context context; /* of the whole call; none: zeroes */
	char parent_id[SPAN_ID_BYTES];
	const char *method;
	int64_t begin_us, back_us; /* unix microseconds; 0: it was not at the desk */
};

/* The headers are there: takes up the caller's trace, or begins one. method: as it stands in the request. */
void call_trace_begin(struct exchange *exchange, const char *method);
/* The desk has handed it back. Thread: the desk's. */
void call_trace_back(struct exchange *exchange);
/* All is over. is_whole: the answer was taken. */
void call_trace_end(const struct exchange *exchange, bool is_whole);

/* A record of the ask goes to Kafka: the header's value. topic: constant. Thread: the desk's. */
void ask_trace_send(const struct ask *ask, struct trace_send *send, const struct tracer *tracer, const char *topic,
		    char ret_traceparent[TRACE_PARENT_BYTES]);
/* The id of an ask's trace for logs; NULL: none. */
const char *ask_trace_id(const struct ask *ask, char out[TRACE_ID_BYTES]);

#endif
