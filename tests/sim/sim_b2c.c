/* sim_b2c: one page, without script. The hint is shown opened, so that a visitor sees what B2C would check. */
#include "tests/sim/sim_b2c.h"
#include "common/base/ids.h"
#include "tests/sim/sim_query.h"
#include "tests/sim/sim_text.h"
#include <string.h>

enum { VALUE_BYTES = 4096 };

static const char opening[] =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Back at B2C – stand-in</title>\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" href=\"data:,\">\n"
        "<style>body{margin:0;background:#eef1f5;color:#1c2733;font:16px/1.5 system-ui,sans-serif}"
        ".note{background:#7a3e00;color:#fff;margin:0;padding:.6rem 1rem;text-align:center}"
        "main{max-width:40rem;margin:2rem auto;padding:2rem;background:#fff;border-radius:.6rem}"
        "dt{color:#5a6877}dd{margin:0 0 .6rem;overflow-wrap:anywhere;font-family:ui-monospace,monospace;"
        "font-size:.9rem}</style></head>\n<body><p class=\"note\">This is vendorsim, in place of Azure AD B2C.</p>"
        "<main><h1>The person is back</h1>\n<p>B2C would now check the hint by verifyd’s published key, compare the "
        "reference, and let its page ask for the verdict.</p>\n<dl>\n";

static enum err_code write_row(struct buf *out, const char *name, const char *value)
{
	enum err_code code = buf_printf(out, "<dt>%s</dt><dd>", name);
	if (code == ERR_OK)
		code = sim_text_html(out, value);
	return code == ERR_OK ? buf_append_str(out, "</dd>\n") : code;
}

/* The payload of a compact JWS, not verified. Returns: "" when there is none. */
static const char *payload_of(const char *token, char out[VALUE_BYTES])
{
	size_t len = 0;
	const char *begin = strchr(token, '.');
	const char *end = begin ? strchr(begin + 1, '.') : NULL;
	if (!end || base64url_decode(begin + 1, (size_t)(end - begin - 1), out, VALUE_BYTES - 1, &len) != ERR_OK)
		len = 0;
	out[len] = '\0';
	return out;
}

void sim_b2c_handle(const struct sim_request *request, struct sim_reply *reply)
{
	static const char *const shown[] = {"transactionReference", "client_id", "redirect_uri", "scope"};
	char value[VALUE_BYTES], payload[VALUE_BYTES];
	enum err_code code = buf_append_str(&reply->body, opening);
	for (size_t i = 0; code == ERR_OK && i < sizeof(shown) / sizeof(shown[0]); i++) {
		if (sim_query_get(request->query, shown[i], value, sizeof(value)) == ERR_OK)
			code = write_row(&reply->body, shown[i], value);
	}
	if (code == ERR_OK && sim_query_get(request->query, "id_token_hint", value, sizeof(value)) == ERR_OK)
		code = write_row(&reply->body, "id_token_hint, opened", payload_of(value, payload));
	if (code == ERR_OK)
		code = buf_append_str(&reply->body, "</dl></main></body></html>\n");
	if (code != ERR_OK)
		sim_reply_fault(reply, 500, "no memory for this page");
	else
		reply->content_type = "text/html; charset=utf-8";
}
