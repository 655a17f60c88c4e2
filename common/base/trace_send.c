/* trace_send: one span of the kind PRODUCER. */
#include "common/base/trace_send.h"
#include "common/base/clock.h"
#include <stdio.h>
#include <string.h>

void trace_send_begin(struct trace_send *send, const struct tracer *tracer, const struct trace_context *from,
                      const char *topic, char ret_traceparent[TRACE_PARENT_BYTES])
{
	*send = (struct trace_send){.begin_us = 0};
	if (!tracer || !from->sampled || !trace_follow(from, &send->context)) {
		trace_write(from, ret_traceparent);
		return;
	}
	memcpy(send->parent_id, from->span_id, sizeof send->parent_id);
	send->begin_us = clock_unix_us();
	send->topic = topic;
	trace_write(&send->context, ret_traceparent);
}

void trace_send_end(struct trace_send *send, const struct tracer *tracer, const char *id, bool taken)
{
	if (send->begin_us == 0)
		return;
	const char *prefix = tracer->topic_prefix ? tracer->topic_prefix : "";
	char topic[SPAN_TEXT_BYTES];
	struct span span = {
	        .context = send->context, .kind = SPAN_PRODUCER, .begin_us = send->begin_us, .failed = !taken};
	(void)snprintf(topic, sizeof topic, "%s%s", prefix, send->topic);
	(void)snprintf(span.name, sizeof span.name, "send %s", topic);
	memcpy(span.parent_id, send->parent_id, sizeof span.parent_id);
	span_text(&span, "messaging.system", "kafka");
	span_text(&span, "messaging.operation.name", "send");
	span_text(&span, "messaging.operation.type", "send");
	span_text(&span, "messaging.destination.name", topic);
	span_text(&span, "verifyd.verification.id", id);
	if (!taken)
		span_text(&span, "error.type", "not_acked");
	tracer_tell(tracer, &span);
	send->begin_us = 0;
}
