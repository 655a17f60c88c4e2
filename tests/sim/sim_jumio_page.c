/* sim_jumio_page: where a person would photograph a document; here a button says how it ends. Pages work without
 * script. */
#include "tests/sim/sim_jumio_internal.h"
#include "tests/sim/sim_query.h"
#include "tests/sim/sim_text.h"
#include <string.h>
#include <strings.h>

enum { OUTCOME_BYTES = 64 };

static const char style[] =
        "*{box-sizing:border-box}body{margin:0;background:#eef1f5;color:#1c2733;font:16px/1.5 system-ui,sans-serif}"
        ".note{background:#7a3e00;color:#fff;margin:0;padding:.6rem 1rem;text-align:center}"
        "main{max-width:40rem;margin:2rem auto;padding:2rem;background:#fff;border-radius:.6rem;"
        "box-shadow:0 1px 4px #0003}h1{margin:0 0 1rem;font-size:1.5rem}"
        "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0 0 1.5rem}"
        "dt{color:#5a6877}dd{margin:0;overflow-wrap:anywhere;font-family:ui-monospace,monospace;font-size:.9rem}"
        "fieldset{border:0;border-top:1px solid #d5dce4;margin:1.2rem 0 0;padding:.6rem 0 0}"
        "legend{padding:0 .6rem 0 0;color:#5a6877;font-size:.9rem}"
        "button{font:inherit;margin:.2rem .3rem .2rem 0;padding:.4rem .8rem;border:1px solid #b4bfcb;"
        "border-radius:.4rem;background:#f7f9fb;color:inherit;cursor:pointer}button:hover{background:#e6ecf2}"
        "button:focus-visible{outline:3px solid #5aa0f2}"
        ".primary{display:block;width:100%;padding:.8rem;background:#1558b0;border-color:#1558b0;color:#fff;"
        "font-weight:600}.primary:hover{background:#0f468e}";

static const char *const group_names[JUMIO_GROUP_COUNT] = {
        [JUMIO_GROUP_GOOD] = "All is well",
        [JUMIO_GROUP_DENIED] = "The document is refused",
        [JUMIO_GROUP_EMPTY] = "There is no document to judge",
        [JUMIO_GROUP_FACE] = "The document is good, the face is not",
        [JUMIO_GROUP_ODD] = "Answers that must not pass for a good one",
};

/* Opens a page up to its heading. */
static enum err_code begin(struct sim_reply *reply, unsigned status, const char *heading)
{
	reply->status = status;
	reply->content_type = "text/html; charset=utf-8";
	reply->is_private = true;
	return buf_printf(
	        &reply->body,
	        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s – Jumio stand-in"
	        "</title>\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	        "<link rel=\"icon\" href=\"data:,\"><style>%s</style></head>\n<body><p class=\"note\">This is "
	        "vendorsim, a stand-in for Jumio. Nothing is photographed and nobody is checked.</p>\n"
	        "<main><h1>%s</h1>\n",
	        heading, style, heading);
}

static enum err_code end(struct sim_reply *reply)
{
	return buf_append_str(&reply->body, "</main></body></html>\n");
}

/* heading and text are constant. */
static enum err_code plain_page(struct sim_reply *reply, unsigned status, const char *heading, const char *text)
{
	enum err_code code = begin(reply, status, heading);
	if (code == ERR_OK)
		code = buf_printf(&reply->body, "<p>%s</p>\n", text);
	return code == ERR_OK ? end(reply) : code;
}

static enum err_code ended_page(struct sim_reply *reply)
{
	return plain_page(reply, 404, "This link is of no use",
	                  "It belongs to no verification, or to one that has ended. Go back to where you came from and "
	                  "begin again.");
}

static enum err_code write_row(struct buf *out, const char *name, const char *value)
{
	enum err_code code = buf_printf(out, "<dt>%s</dt><dd>", name);
	if (code == ERR_OK)
		code = sim_text_html(out, value);
	return code == ERR_OK ? buf_append_str(out, "</dd>\n") : code;
}

static enum err_code write_button(struct buf *out, const struct jumio_outcome *outcome)
{
	return buf_printf(out, "<button name=\"outcome\" value=\"%s\">%s</button>\n", outcome->word, outcome->label);
}

/* All outcomes of the group but the usual one, which has a button of its own; nothing when that was all. */
static enum err_code write_group(struct buf *out, enum jumio_group group, const struct jumio_outcome *usual)
{
	enum err_code code = ERR_OK;
	bool is_open = false;
	for (size_t i = 0; code == ERR_OK && i < JUMIO_OUTCOME_COUNT; i++) {
		const struct jumio_outcome *outcome = &jumio_outcomes[i];
		if (outcome->group != group || outcome == usual)
			continue;
		if (!is_open)
			code = buf_printf(out, "<fieldset><legend>%s</legend>\n", group_names[group]);
		is_open = true;
		if (code == ERR_OK)
			code = write_button(out, outcome);
	}
	return code == ERR_OK && is_open ? buf_append_str(out, "</fieldset>\n") : code;
}

static enum err_code write_form(struct buf *out, const struct jumio_transaction *transaction,
                                const struct jumio_outcome *usual)
{
	enum err_code code = buf_printf(out,
	                                "<form method=\"post\" action=\"capture/finish\">\n<input type=\"hidden\" "
	                                "name=\"authorizationToken\" value=\"%s\">\n",
	                                transaction->token);
	if (code == ERR_OK)
		code = buf_printf(out, "<button class=\"primary\" name=\"outcome\" value=\"%s\">Finish: %s</button>\n",
		                  usual->word, usual->label);
	for (int group = 0; code == ERR_OK && group < JUMIO_GROUP_COUNT; group++)
		code = write_group(out, (enum jumio_group)group, usual);
	if (code != ERR_OK)
		return code;
	return buf_append_str(out, "<fieldset><legend>Not now</legend>\n<button name=\"outcome\" value=\"leave\">Leave"
	                           "</button>\n</fieldset></form>\n");
}

static enum err_code capture_page(struct sim_reply *reply, const struct jumio_transaction *transaction,
                                  const struct jumio_outcome *usual)
{
	struct buf *out = &reply->body;
	enum err_code code = begin(reply, 200, "Choose how this verification ends");
	if (code == ERR_OK)
		code = buf_append_str(out, "<dl>\n");
	if (code == ERR_OK)
		code = write_row(out, "Jumio’s reference", transaction->reference);
	if (code == ERR_OK)
		code = write_row(out, "Customer’s reference", transaction->customer_reference);
	if (code == ERR_OK && *transaction->locale)
		code = write_row(out, "Language asked for", transaction->locale);
	if (code == ERR_OK)
		code = buf_append_str(out, "</dl>\n");
	if (code == ERR_OK)
		code = write_form(out, transaction, usual);
	return code == ERR_OK ? end(reply) : code;
}

enum err_code jumio_page_show(struct jumio *jumio, const struct sim_request *request, struct sim_reply *reply)
{
	char token[JUMIO_TOKEN_BYTES];
	struct sim_setting set[JUMIO_KNOB_COUNT];
	if (sim_query_get(request->query, "authorizationToken", token, sizeof(token)) != ERR_OK)
		return ended_page(reply);
	pthread_mutex_lock(&jumio->lock);
	struct jumio_transaction *found = jumio_ledger_by_token(&jumio->ledger, token);
	enum err_code code = jumio_settings(jumio, found ? found->user : "", set, NULL);
	if (code == ERR_OK && (!found || jumio_outcome_now(found, set))) {
		code = ended_page(reply);
	} else if (code == ERR_OK) {
		const struct sim_setting *outcome = &set[JUMIO_KNOB_OUTCOME];
		code = capture_page(reply, found,
		                    outcome->set ? jumio_outcome_find(outcome->word) : &jumio_outcomes[JUMIO_APPROVED]);
	}
	pthread_mutex_unlock(&jumio->lock);
	return code;
}

static enum err_code left_page(struct sim_reply *reply, const struct jumio_transaction *transaction)
{
	enum err_code code = begin(reply, 200, "You left");
	if (code == ERR_OK)
		code = buf_printf(&reply->body,
		                  "<p>Nothing was handed in, and nobody is told. As long as the link lives you may <a "
		                  "href=\"../capture?authorizationToken=%s\">go on</a>.</p>\n",
		                  transaction->token);
	return code == ERR_OK ? end(reply) : code;
}

/* Sends the browser back; when the initiate gave no URL for that, says so. */
static enum err_code go_back(struct sim_reply *reply, const struct jumio_transaction *transaction)
{
	enum err_code code = jumio_write_way_back(&reply->location, transaction);
	if (code != ERR_OK)
		return code;
	if (reply->location.len == 0)
		return plain_page(reply, 200, "It has ended",
		                  "The initiate gave no address to go back to. You may close this page.");
	reply->status = 302;
	reply->is_private = true;
	return ERR_OK;
}

/* Call with the lock held. */
static enum err_code finish_locked(struct jumio *jumio, const char *token, const char *word, struct sim_reply *reply)
{
	struct jumio_transaction *found = jumio_ledger_by_token(&jumio->ledger, token);
	const struct jumio_outcome *wanted = jumio_outcome_find(word);
	bool leaves = strcmp(word, "leave") == 0;
	if (!found)
		return ended_page(reply);
	if (*word && !wanted && !leaves)
		return plain_page(reply, 400, "There is no such outcome", "Its name is not one of those on the page.");
	if (leaves && !found->outcome)
		return left_page(reply, found);
	enum err_code code = jumio_finish(jumio, found, wanted, reply);
	if (code == ERR_NOT_FOUND)
		return ended_page(reply);
	return code == ERR_OK ? go_back(reply, found) : code;
}

enum err_code jumio_page_finish(struct jumio *jumio, const struct sim_request *request, struct sim_reply *reply)
{
	static const char form_type[] = "application/x-www-form-urlencoded";
	char token[JUMIO_TOKEN_BYTES], word[OUTCOME_BYTES];
	bool is_form = strncasecmp(request->content_type, form_type, sizeof(form_type) - 1) == 0;
	enum err_code named = sim_query_get(request->body, "outcome", word, sizeof(word));
	if (!is_form || (named != ERR_OK && named != ERR_NOT_FOUND))
		return plain_page(reply, 400, "This is no form of ours", "It must be urlencoded and name an outcome.");
	if (sim_query_get(request->body, "authorizationToken", token, sizeof(token)) != ERR_OK)
		return ended_page(reply);
	pthread_mutex_lock(&jumio->lock);
	enum err_code code = finish_locked(jumio, token, word, reply);
	pthread_mutex_unlock(&jumio->lock);
	return code;
}
