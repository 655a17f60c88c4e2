/* otlp_json: spans as the body of an OTLP/HTTP request with JSON (https://opentelemetry.io/docs/specs/otlp/,
 * ExportTraceServiceRequest in the JSON mapping of protocol buffers: ids in hex, 64-bit numbers as text). Pure. */
#ifndef VERIFYD_OTLP_JSON_H
#define VERIFYD_OTLP_JSON_H

#include "common/base/buf.h"
#include "common/base/trace.h"

/* Who tells. Texts are not copied. */
struct otlp_resource {
	const char *service, *version, *instance;
};

/* Appends the whole body. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code otlp_encode(const struct otlp_resource *resource, const struct span *spans, size_t count,
			  struct buf *out) WARN_UNUSED;

/* How many of the spans that were sent the collector says that it did not take (partialSuccess of its answer); 0 for an
 * answer that does not say so, or that is none. */
int64_t otlp_rejected(const char *answer, size_t len);

/* Reads "name=value,name=value", values percent-encoded, as OTEL_EXPORTER_OTLP_HEADERS, and calls fn (NULL: nobody) with each
 * as "name: value", valid for the call; fn returns false when it has no memory. Returns: ERR_OK; ERR_INVALID (err says
 * what, without the values); ERR_LIMIT; ERR_NO_MEMORY. */
enum { OTLP_MAX_HEADERS = 8, OTLP_HEADER_MAX_BYTES = 4096 };
enum err_code otlp_headers(const char *text, bool (*fn)(void *ctx, const char *line), void *ctx,
			   struct err *err) WARN_UNUSED;

#endif
