/* trace_send: one span of the kind PRODUCER. */
#include "common/base/trace_send.h"
#include <stdio.h>

void trace_send_begin(struct trace_send *send, const struct tracer *tracer, const struct trace_context *from,
                      const char *topic, char ret_traceparent[TRACE_PARENT_BYTES])
{
	send->topic = topic;
	trace_step_begin(&send->step, tracer, from, ret_traceparent);
}

void trace_send_end(struct trace_send *send, const struct tracer *tracer, const char *id, bool taken)
{
	struct span span;
	if (!trace_step_end(&send->step, SPAN_PRODUCER, !taken, &span))
		return;
	const char *prefix = tracer->topic_prefix ? tracer->topic_prefix : "";
	char topic[SPAN_TEXT_BYTES];
	(void)snprintf(topic, sizeof topic, "%s%s", prefix, send->topic);
	(void)snprintf(span.name, sizeof span.name, "send %s", topic);
	span_text(&span, "messaging.system", "kafka");
	span_text(&span, "messaging.operation.name", "send");
	span_text(&span, "messaging.operation.type", "send");
	span_text(&span, "messaging.destination.name", topic);
	span_text(&span, "verifyd.verification.id", id);
	if (!taken)
		span_text(&span, "error.type", "not_acked");
	tracer_tell(tracer, &span);
}
