/* fuzz_query_score_body: what callers put into GetScore's query and body and into /v1's. The first byte chooses; the
 * HTTP server's part of an exchange is played here. Every input is answered or asked, never both, and well formed. */
#include "common/base/json_in.h"
#include "ingress/ingress.h"
#include "ingress/routes/routes.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

/* The query in this target: name=value&name=value, without percent-encoding. It stands where a body would. */
bool exchange_each_parameter(const struct exchange *exchange,
                             bool (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
	char *query = strndup(exchange->body.data, exchange->body.len), *rest = query, *name;
	bool good = query != NULL;
	while (good && (name = strsep(&rest, "&"))) {
		char *value = name;
		(void)strsep(&value, "=");
		good = fn(ctx, name, value ? value : "");
	}
	free(query);
	return good;
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
	(void)exchange, (void)name;
	return NULL;
}

void exchange_add_header(struct exchange *exchange, const char *name, const char *value)
{
	(void)name;
	FUZZ_RULE(exchange->header_count < EXCHANGE_MAX_HEADERS && !strpbrk(value, "\r\n"));
	exchange->header_count++;
}

void exchange_ask(struct exchange *exchange, void (*render)(struct exchange *exchange))
{
	exchange->render = render;
	exchange->asking = true;
}

static void check_answer(const struct exchange *exchange)
{
	json_t *root = NULL;
	FUZZ_RULE(exchange->status >= 200 && exchange->status < 600 && exchange->content_type);
	FUZZ_RULE(json_in_parse(exchange->answer.data, exchange->answer.len, &root, NULL) == ERR_OK);
	FUZZ_RULE(json_is_object(root));
	json_decref(root);
}

static void check_ask(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	const struct kind_info *kind = kind_info(ask->request.kind);
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++) {
		const char *text = ask->person.field[i];
		FUZZ_RULE(!text || (*text && strlen(text) <= request_field_info((enum request_field)i)->max_bytes));
		FUZZ_RULE(text || !(kind->must & (1u << i)));
	}
	FUZZ_RULE(id_is_valid(ask->request.id, strlen(ask->request.id)));
	FUZZ_RULE(strlen(ask->request.question) == QUESTION_BYTES - 1);
	verification_queued(&ask->request, &exchange->ask.state);
	exchange->render(exchange);
	check_answer(exchange);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ingress ingress = {.sync_budget_ms = 8500, .request_deadline_ms = 20000};
	struct exchange exchange = {
	        .ingress = &ingress, .caller = "fuzz", .request_id = "0", .prefer_wait_s = -1, .tail = ""};
	if (size == 0 || size > 64 * 1024)
		return 0;
	if (!ingress.id_key)
		FUZZ_RULE(id_key_new("0123456789abcdef0123456789abcdef", &ingress.id_key, NULL) == ERR_OK);
	buf_init(&exchange.body, 64 * 1024);
	buf_init(&exchange.answer, ANSWER_MAX_BYTES);
	FUZZ_RULE(buf_append(&exchange.body, data + 1, size - 1) == ERR_OK);
	exchange.dialect = data[0] % 3 == 2 ? DIALECT_PROBLEM : DIALECT_B2C;
	if (data[0] % 3 == 2)
		verifications_create(&exchange, METHOD_POST);
	else
		biocatch_score(&exchange, data[0] % 3 ? METHOD_POST : METHOD_GET);
	FUZZ_RULE(exchange.asking == (exchange.status == 0));
	if (exchange.asking)
		check_ask(&exchange);
	else
		check_answer(&exchange);
	ask_fini(&exchange.ask);
	buf_fini(&exchange.body);
	buf_fini(&exchange.answer);
	return 0;
}
