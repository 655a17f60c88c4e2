/* call_trace: one span of the kind SERVER for each call, one of its answer. */
#include "ingress/call_trace.h"
#include "common/base/clock.h"
#include "ingress/ingress.h"
#include "ingress/routes/routes.h"
#include <stdio.h>
#include <string.h>

/* Names of spans must be few: what is no method that a route knows has one for all, as the conventions say. */
static const char *known_method(const char *name)
{
	static const char *const methods[] = {"GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH"};
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (strcmp(name, methods[i]) == 0)
			return methods[i];
	return "_OTHER";
}

/* Several headers of the name are read as one, which then is none. */
static bool read_callers(const struct exchange *exchange, struct trace_context *ret)
{
	struct buf text;
	if (!exchange_header(exchange, HEADER_TRACEPARENT))
		return false;
	buf_init(&text, TRACE_PARENT_MAX);
	bool known = exchange_header_list(exchange, HEADER_TRACEPARENT, &text) == ERR_OK &&
	             trace_read(text.data, text.len, ret);
	buf_fini(&text);
	return known;
}

void call_trace_begin(struct exchange *exchange, const char *method)
{
	struct call_trace *trace = &exchange->trace;
	const struct tracer *tracer = exchange->ingress->tracer;
	struct trace_context from;
	bool known = read_callers(exchange, &from);
	if (known && !tracer)
		trace->context = from; /* passed on as it came */
	else if (known && trace_follow(&from, &trace->context))
		memcpy(trace->parent_id, from.span_id, sizeof trace->parent_id);
	else if (tracer)
		(void)trace_begin(tracer->share_ppm, &trace->context);
	trace_write(&trace->context, exchange->ask.request.traceparent);
	if (!tracer || !trace->context.sampled)
		return;
	trace->method = known_method(method);
	trace->begin_us = clock_unix_us() - (clock_mono_us() - exchange->accepted_us);
}

void call_trace_back(struct exchange *exchange)
{
	if (exchange->trace.begin_us)
		exchange->trace.back_us = clock_unix_us();
}

static void tell_answer(const struct exchange *exchange, int64_t end_us)
{
	const struct call_trace *trace = &exchange->trace;
	struct span span = {.kind = SPAN_INTERNAL, .name = "answer", .begin_us = trace->back_us, .end_us = end_us};
	if (!trace_follow(&trace->context, &span.context))
		return;
	memcpy(span.parent_id, trace->context.span_id, sizeof span.parent_id);
	span_text(&span, "verifyd.verification.id", exchange->ask.request.id);
	tracer_tell(exchange->ingress->tracer, &span);
}

void call_trace_end(const struct exchange *exchange, bool is_whole)
{
	const struct call_trace *trace = &exchange->trace;
	const struct route *route = exchange->route;
	char status[SPAN_ID_BYTES];
	if (!trace->begin_us)
		return;
	struct span span = {.context = trace->context,
	                    .kind = SPAN_SERVER,
	                    .begin_us = trace->begin_us,
	                    .end_us = clock_unix_us(),
	                    .failed = exchange->status >= 500 || !is_whole};
	memcpy(span.parent_id, trace->parent_id, sizeof span.parent_id);
	(void)snprintf(span.name, sizeof span.name, "%s%s%s%s", trace->method, route ? " " : "",
	               route ? route->path : "", route && (route->flags & ROUTE_PREFIX) ? "{…}" : "");
	span_text(&span, "http.request.method", trace->method);
	span_text(&span, "http.route", route ? span.name + strlen(trace->method) + 1 : NULL);
	span_text(&span, "url.scheme", "http");
	if (exchange->status)
		span_number(&span, "http.response.status_code", exchange->status);
	(void)snprintf(status, sizeof status, "%d", exchange->status);
	if (span.failed)
		span_text(&span, "error.type", is_whole ? status : "caller_left");
	span_text(&span, "verifyd.request.id", exchange->request_id);
	if (exchange->asking)
		span_text(&span, "verifyd.verification.id", exchange->ask.request.id);
	if (trace->back_us)
		tell_answer(exchange, span.end_us);
	tracer_tell(exchange->ingress->tracer, &span);
}

/* ---- at the desk ---- */

void ask_trace_send(const struct ask *ask, struct trace_send *send, const struct tracer *tracer, const char *topic,
                    char ret_traceparent[TRACE_PARENT_BYTES])
{
	struct trace_context from = {.sampled = false};
	(void)trace_read(ask->request.traceparent, strlen(ask->request.traceparent), &from);
	trace_send_begin(send, tracer, &from, topic, ret_traceparent);
}

const char *ask_trace_id(const struct ask *ask, char out[TRACE_ID_BYTES])
{
	struct trace_context from = {.sampled = false};
	(void)trace_read(ask->request.traceparent, strlen(ask->request.traceparent), &from);
	memcpy(out, from.trace_id, TRACE_ID_BYTES);
	return out[0] ? out : NULL;
}
