/* fuzz_query_score_body: what callers put into GetScore's query and body, into /v1's, and into those of the /api/Jumio
 * calls. The first byte chooses; the HTTP server's part of an exchange is played here. Every input is answered or
 * asked, never both, and well formed. */
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

enum err_code exchange_header_list(const struct exchange *exchange, const char *name, struct buf *out)
{
	(void)exchange, (void)name, (void)out;
	return ERR_OK;
}

void exchange_ask(struct exchange *exchange, void (*render)(struct exchange *exchange))
{
	exchange->render = render;
	exchange->asking = true;
}

static void check_answer(const struct exchange *exchange)
{
	struct json_in *root = NULL;
	FUZZ_RULE(exchange->status >= 200 && exchange->status < 600 && exchange->content_type);
	FUZZ_RULE(json_in_parse(exchange->answer.data, exchange->answer.len, &root, NULL) == ERR_OK);
	FUZZ_RULE(json_in_type(root) == JSON_IN_OBJECT);
	json_in_free(root);
}

static void check_ask(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	const struct kind_info *kind = kind_info(ask->request.kind);
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT && ask->type != ASK_READ; i++) {
		const char *text = ask->person.field[i];
		FUZZ_RULE(!text || (*text && strlen(text) <= request_field_info((enum request_field)i)->max_bytes));
		FUZZ_RULE(text || !(kind->must & (1u << i)) || ask->type == ASK_ADOPT);
	}
	FUZZ_RULE(id_is_valid(ask->request.id, strlen(ask->request.id)));
	FUZZ_RULE(ask->type == ASK_READ || strlen(ask->request.question) == QUESTION_BYTES - 1);
	FUZZ_RULE((ask->type == ASK_JOURNEY) ==
	          (kind_is_journey(ask->request.kind) && ask->person.field[REQUEST_FIELD_BACK_URL]));
	verification_queued(&ask->request, &exchange->ask.state);
	exchange->render(exchange);
	check_answer(exchange);
}

static const struct {
	void (*handle)(struct exchange *exchange, enum method method);
	enum method method;
	enum dialect dialect;
} handlers[] = {
        {biocatch_score, METHOD_GET, DIALECT_B2C},
        {biocatch_score, METHOD_POST, DIALECT_B2C},
        {verifications_create, METHOD_POST, DIALECT_PROBLEM},
        {jumio_initialize_transaction, METHOD_POST, DIALECT_B2C},
        {jumio_initialize_verification, METHOD_POST, DIALECT_B2C},
        {jumio_verify_status, METHOD_POST, DIALECT_B2C},
        {jumio_validate_token, METHOD_POST, DIALECT_B2C},
};
enum { HANDLERS = sizeof handlers / sizeof *handlers };

#define ID_KEY "0123456789abcdef0123456789abcdef"

static void open_ingress(struct ingress *ingress)
{
	static struct journeys journeys = {
	        .public_url = "https://idv.example",
	        .b2c_base_url = "https://t.b2clogin.com/t",
	        .callback_secret = "secret",
	        .ticket_life_ms = 60000,
	        .adopt_until_ms = INT64_MAX,
	        .max_a_day = 3,
	};
	const struct tokens_options tokens = {
	        .signing_keys = ID_KEY "0123456789abcdef0123456789abcdef",
	        .encryption_keys = ID_KEY "fedcba9876543210fedcba9876543210",
	        .issuer = "https://idv.example",
	        .audience = "fuzz",
	};
	FUZZ_RULE(id_key_new(ID_KEY, &ingress->id_key, NULL) == ERR_OK &&
	          tickets_new(ID_KEY, &journeys.tickets, NULL) == ERR_OK &&
	          tokens_new(&tokens, NULL, &journeys.tokens) == ERR_OK);
	ingress->journeys = &journeys;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ingress ingress = {.sync_budget_ms = 8500, .request_deadline_ms = 20000};
	struct exchange exchange = {.caller = "fuzz", .request_id = "0"};
	if (size == 0 || size > 64 * 1024)
		return 0;
	if (!ingress.id_key)
		open_ingress(&ingress);
	exchange_init(&exchange, &ingress, 64 * 1024);
	FUZZ_RULE(buf_append(&exchange.body, data + 1, size - 1) == ERR_OK);
	unsigned chosen = data[0] % HANDLERS;
	exchange.dialect = handlers[chosen].dialect;
	handlers[chosen].handle(&exchange, handlers[chosen].method);
	FUZZ_RULE(exchange.asking == (exchange.status == 0));
	if (exchange.asking)
		check_ask(&exchange);
	else
		check_answer(&exchange);
	exchange_fini(&exchange);
	return 0;
}
