/* otlp_export: hands spans to an OpenTelemetry collector by OTLP/HTTP with JSON. A thread of its own sends them in batches;
 * whoever tells a span only copies it. A collector that is away, slow or unwilling costs spans, which are counted, and
 * nothing else. */
#ifndef VERIFYD_OTLP_EXPORT_H
#define VERIFYD_OTLP_EXPORT_H

#include "common/base/config.h"
#include "common/base/metrics.h"
#include "common/base/trace.h"

struct otlp_export;

enum {
	OTLP_QUEUE_SPANS = 4096,    /* that wait; 4 MB when all are there */
	OTLP_BATCH_SPANS = 512,     /* of one request */
	OTLP_LINGER_MS = 500,       /* a smaller batch is sent after this */
	OTLP_TIMEOUT_MS = 5000,     /* of one request */
	OTLP_TRIES = 3,             /* of one batch: for 429, 502, 503, 504 and what is no answer */
	OTLP_BODY_MAX_BYTES = 2 * 1024 * 1024,
	OTLP_ANSWER_MAX_BYTES = 16 * 1024,
	OTLP_FLUSH_MS = 500,        /* for what is left at the end */
};

/* VERIFYD_OTLP_ENDPOINT, _HEADERS, _CA_FILE, _SAMPLE. service: service.name. metrics and config outlive it.
 * Returns: ERR_OK and *ret_export, NULL where no endpoint is set; ERR_INVALID (a setting); ERR_NO_MEMORY; ERR_INTERNAL.
 * Blocks: no. */
enum err_code otlp_export_start(const struct config *config, const char *service, struct metrics *metrics,
				struct otlp_export **ret_export, struct err *err) WARN_UNUSED;

/* Whom to tell spans; lives as long as the export. Returns: NULL for NULL: nothing is traced. */
const struct tracer *otlp_export_tracer(const struct otlp_export *export);

/* Sends what is left for flush_ms at most, and ends. Nobody may tell spans any more. Accepts NULL. Blocks: until then. */
void otlp_export_stop(struct otlp_export *export, int64_t flush_ms);

/* Writes a line for each mistake in the settings that config_load cannot see. Returns: how many. */
int otlp_export_check(const struct config *config, FILE *complaints);

#endif
