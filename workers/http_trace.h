/* http_trace: what a call to the outside carries of its trace, and what its span tells of it: OpenTelemetry's conventions for
 * HTTP clients. Of the URL only host and port are told. Pure. */
#ifndef VERIFYD_HTTP_TRACE_H
#define VERIFYD_HTTP_TRACE_H

#include "common/base/trace.h"
#include "workers/vendors/vendor.h"

/* Adds the traceparent, if it is one ("": none is). A request that has as many headers as there may be goes without. id: the
 * verification's, for the log. */
void http_trace_carry(struct http_request *request, const char *traceparent, const char *id);

struct http_trace {
	const struct http_request *request; /* NULL: there was none */
	const char *target;                 /* whose it is, for the span's name; never out of the URL */
	int status;                         /* 0: there was no answer */
	int64_t resends;                    /* how often it was sent before */
	const char *error;                  /* a code; "": it has not failed */
};

void http_trace_describe(const struct http_trace *trace, struct span *span);

#endif
