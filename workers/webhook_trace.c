/* webhook_trace: a notice's spans: the call to the caller's callback_url, and the records that it sends on. Of the URL
 * only the host is told. */
#include "common/base/clock.h"
#include "common/base/http_url.h"
#include "workers/webhook_internal.h"
#include <stdio.h>
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
	notice->call_us = 0;
	notice->from = notice->call_context = from;
	if (notice->webhook->ports.tracer && from.sampled && trace_follow(&from, &notice->call_context))
		notice->call_us = clock_unix_us();
	trace_write(&notice->call_context, traceparent);
	if (traceparent[0] && http_request_header(&notice->http, HEADER_TRACEPARENT, traceparent) != ERR_OK)
		log_debug("traceparent_left_out", LOG_STR("id", notice->request.id));
}

void notice_trace_answered(struct notice *notice, int status, enum reason reason)
{
	struct http_url url;
	struct span span = {.context = notice->call_context,
	                    .kind = SPAN_CLIENT,
	                    .name = "POST callback_url",
	                    .begin_us = notice->call_us,
	                    .failed = reason != REASON_NONE};
	if (!notice->call_us)
		return;
	notice->call_us = 0;
	memcpy(span.parent_id, notice->from.span_id, sizeof span.parent_id);
	span_text(&span, "http.request.method", "POST");
	if (http_url_read(notice->http.url.data, notice->http.url.len, false, &url)) {
		span_text(&span, "server.address", url.host);
		span_number(&span, "server.port", url.port);
	}
	if (status > 0)
		span_number(&span, "http.response.status_code", status);
	if (notice->request.attempts > 0)
		span_number(&span, "http.request.resend_count", notice->request.attempts);
	span_text(&span, "error.type", reason_name(reason));
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
