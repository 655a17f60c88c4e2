/* trace: which trace a piece of work belongs to (W3C Trace Context, https://www.w3.org/TR/trace-context/), and what is told
 * of it when it has ended: a span (OpenTelemetry). Where spans go is the tracer's to say; without one nothing is made.
 *
 * Nothing about a person is ever part of a span: ids of verifications, vendors, operations, codes and numbers only. */
#ifndef VERIFYD_TRACE_H
#define VERIFYD_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TRACE_ID_BYTES = 33,    /* 32 hex digits and '\0' */
	SPAN_ID_BYTES = 17,     /* 16 hex digits and '\0' */
	TRACE_PARENT_BYTES = 56, /* "00-<trace id>-<span id>-<flags>" and '\0' */
	TRACE_PARENT_MAX = 512, /* of a version that is not known yet; a longer one is none */
	SPAN_NAME_BYTES = 64,
	SPAN_TEXT_BYTES = 56,   /* of an attribute; a longer text is cut */
	SPAN_MAX_ATTRIBUTES = 10,
	TRACE_SHARE_ALL = 1000000, /* parts per million: every trace */
};

/* A span's place: its trace and its own name in there. All zeroes: none. */
struct trace_context {
	char trace_id[TRACE_ID_BYTES];
	char span_id[SPAN_ID_BYTES];
	bool sampled; /* its spans are told */
};

/* Reads a traceparent as strictly as the standard says: lower-case digits, no id of zeroes, version 00 of exactly 55
 * characters, of a later version the part that is known. Returns: false when it is none; *ret is then untouched. */
bool trace_read(const char *text, size_t len, struct trace_context *ret);
/* Writes it as version 00; "" for none. */
void trace_write(const struct trace_context *context, char ret_text[TRACE_PARENT_BYTES]);

/* A new trace, sampled with the probability share_ppm / TRACE_SHARE_ALL. Returns: false when the system has no randomness;
 * *ret is then none. */
bool trace_begin(int64_t share_ppm, struct trace_context *ret);
/* A new span of the same trace. Of one that is not sampled, the same: nobody will hear of the new one. Returns: as trace_begin. */
bool trace_follow(const struct trace_context *parent, struct trace_context *ret);

/* As OTLP numbers them. */
enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3, SPAN_PRODUCER = 4, SPAN_CONSUMER = 5 };

struct span_attribute {
	const char *name; /* constant */
	bool is_text;
	char text[SPAN_TEXT_BYTES];
	int64_t number;
};

/* A span that is under way. All zeroes: none is. */
struct trace_step {
	struct trace_context context;
	char parent_id[SPAN_ID_BYTES];
	int64_t begin_us;
};

/* What is told when something has ended. By value: it is copied to whoever exports it. */
struct span {
	struct trace_context context;
	char parent_id[SPAN_ID_BYTES]; /* "": the trace's first */
	struct trace_context link;     /* of another trace that led to this one; none: zeroes */
	enum span_kind kind;
	char name[SPAN_NAME_BYTES];
	int64_t begin_us, end_us; /* unix microseconds */
	bool failed;
	size_t attribute_count;
	struct span_attribute attributes[SPAN_MAX_ATTRIBUTES];
};

/* What is beyond SPAN_MAX_ATTRIBUTES, and a text that is NULL or "", is left out. name is constant. */
void span_text(struct span *span, const char *name, const char *text);
void span_number(struct span *span, const char *name, int64_t number);

/* Where spans go. */
struct tracer {
	int64_t share_ppm; /* of traces that begin here; who came with a traceparent has decided already */
	const char *topic_prefix; /* NULL: none */
	/* Takes a copy. Thread: any. Never blocks but for a lock that is held for a copy's time. */
	void (*told)(void *ctx, const struct span *span);
	void *ctx;
};

/* Tells a span, where its trace is sampled. end_us 0: it ends now; never before begin_us. tracer may be NULL. */
void tracer_tell(const struct tracer *tracer, struct span *span);

/* Begins a span below `from`. Where none is to be told (no tracer, not sampled) ret_traceparent is `from` itself, else the span. */
void trace_step_begin(struct trace_step *step, const struct tracer *tracer, const struct trace_context *from,
		      char ret_traceparent[TRACE_PARENT_BYTES]);
/* It has ended: *ret_span is its span, to be named, described and told. Returns: false when nothing is under way. */
bool trace_step_end(struct trace_step *step, enum span_kind kind, bool failed, struct span *ret_span);

#endif
