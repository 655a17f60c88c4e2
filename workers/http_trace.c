/* http_trace: one header, five attributes. */
#include "workers/http_trace.h"
#include "common/base/http_url.h"
#include "common/base/log.h"
#include "common/domain/request.h"
#include <stdio.h>

void http_trace_carry(struct http_request *request, const char *traceparent, const char *id)
{
	if (traceparent[0] && http_request_header(request, HEADER_TRACEPARENT, traceparent) != ERR_OK)
		log_debug("traceparent_left_out", LOG_STR("id", id));
}

void http_trace_describe(const struct http_trace *trace, struct span *span)
{
	const struct http_request *request = trace->request;
	const char *method = request ? request->method : "HTTP";
	struct http_url url;
	(void)snprintf(span->name, sizeof span->name, "%s %s", method, trace->target);
	span_text(span, "http.request.method", method);
	if (request && http_url_read(request->url.data, request->url.len, false, &url)) {
		span_text(span, "server.address", url.host);
		span_number(span, "server.port", url.port);
	}
	if (trace->status > 0)
		span_number(span, "http.response.status_code", trace->status);
	if (trace->resends > 0)
		span_number(span, "http.request.resend_count", trace->resends);
	span_text(span, "error.type", trace->error);
}
