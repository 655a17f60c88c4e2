/* fuzz_traceparent: any text as a caller's traceparent. What is taken is written as version 00 and read back the same;
 * so is what the header's setting for the collector makes of any text. */
#include "common/base/otlp_json.h"
#include "common/base/trace.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

static bool on_line(void *ctx, const char *line)
{
	(void)ctx;
	const char *colon = strchr(line, ':');
	FUZZ_RULE(colon && colon > line && colon[1] == ' ' && colon[2] != '\0');
	for (; *line; line++)
		FUZZ_RULE((unsigned char)*line >= 0x20 && (unsigned char)*line < 0x7f);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), again[TRACE_PARENT_BYTES];
	struct trace_context context = {.sampled = false}, back = {.sampled = false};
	if (trace_read(text, strlen(text), &context)) {
		trace_write(&context, again);
		FUZZ_RULE(strlen(again) == TRACE_PARENT_BYTES - 1 && strncmp(text + 3, again + 3, 49) == 0);
		FUZZ_RULE(trace_read(again, strlen(again), &back));
		FUZZ_RULE(strcmp(back.trace_id, context.trace_id) == 0 && strcmp(back.span_id, context.span_id) == 0);
		FUZZ_RULE(back.sampled == context.sampled && strlen(context.trace_id) == 32);
	} else {
		FUZZ_RULE(context.trace_id[0] == '\0');
	}
	(void)(otlp_headers(text, on_line, NULL, NULL) == ERR_OK);
	FUZZ_RULE(otlp_rejected(text, strlen(text)) >= 0);
	free(text);
	return 0;
}
