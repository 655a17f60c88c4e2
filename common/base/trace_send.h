/* trace_send: the span of a record that is sent to Kafka, from the send to the broker's word; its name travels in the record's
 * traceparent, so that whoever takes the record goes on from there. Attributes: OpenTelemetry's conventions for Kafka. */
#ifndef VERIFYD_TRACE_SEND_H
#define VERIFYD_TRACE_SEND_H

#include "common/base/trace.h"

/* All zeroes: nothing is under way. */
struct trace_send {
	struct trace_step step;
	const char *topic; /* without prefix; constant */
};

/* Begins the span below `from`. Where none is to be told (no tracer, not sampled) ret_traceparent is `from` itself. */
void trace_send_begin(struct trace_send *send, const struct tracer *tracer, const struct trace_context *from,
		      const char *topic, char ret_traceparent[TRACE_PARENT_BYTES]);
/* The broker has it, or not. id: the verification's. Does nothing when nothing is under way. */
void trace_send_end(struct trace_send *send, const struct tracer *tracer, const char *id, bool taken);

#endif
