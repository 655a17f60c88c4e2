/* webhook_trace: a notice's spans: the call to the caller's callback_url, and the records that it sends on. Of the URL
 * only the host is told. */
#include "workers/http_trace.h"
#include "workers/webhook_internal.h"
#include <string.h>

/* Where the notice belongs; none: zeroes. What cannot be read goes no further. */
static struct trace_context place_of(struct notice *notice)
{
	struct trace_context from = {.sampled = false};
	const char *text = notice->request.traceparent;
	if (!trace_read(text, strlen(text), &from))
		notice->request.traceparent[0] = '\0';
	return from;
}

void notice_trace_call(struct notice *notice)
{
	const struct trace_context from = place_of(notice);
	char traceparent[TRACE_PARENT_BYTES];
	trace_step_begin(&notice->traced, notice->webhook->ports.tracer, &from, traceparent);
	http_trace_carry(&notice->http, traceparent, notice->request.id);
}

void notice_trace_answered(struct notice *notice, int status, enum reason reason)
{
	struct span span;
	if (!trace_step_end(&notice->traced, SPAN_CLIENT, reason != REASON_NONE, &span))
		return;
	const struct http_trace call = {
	        .request = &notice->http,
	        .target = "callback_url",
	        .status = status,
	        .resends = notice->request.attempts,
	        .error = reason_name(reason),
	};
	http_trace_describe(&call, &span);
	span_text(&span, "verifyd.verification.id", notice->request.id);
	tracer_tell(notice->webhook->ports.tracer, &span);
}

void notice_trace_send(struct notice *notice, const char *topic)
{
	const struct trace_context from = place_of(notice);
	trace_send_begin(&notice->send, notice->webhook->ports.tracer, &from, topic, notice->request.traceparent);
}

void notice_trace_acked(struct notice *notice, bool taken)
{
	trace_send_end(&notice->send, notice->webhook->ports.tracer, notice->request.id, taken);
}
