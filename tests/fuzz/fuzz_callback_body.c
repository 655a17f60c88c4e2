/* fuzz_callback_body: what anybody may put into a callback's form, and into X-Forwarded-For before it. The bytes up to
 * the first line break are that header; the rest is the body. Whatever it is: 200 and empty, 403 as a problem, or one
 * ask that holds nothing but an id and a reference of the right shape. */
#include "ingress/answers.h"
#include "ingress/ingress.h"
#include "ingress/routes/routes.h"
#include "tests/fuzz/fuzz.h"
#include <netinet/in.h>
#include <string.h>

static struct {
	struct sockaddr_storage peer;
	const char *forwarded;
} from;

const char *exchange_header(const struct exchange *exchange, const char *name)
{
	(void)exchange;
	return strcmp(name, "Content-Type") == 0 ? "application/x-www-form-urlencoded" : NULL;
}

enum err_code exchange_header_list(const struct exchange *exchange, const char *name, struct buf *out)
{
	(void)exchange, (void)name;
	return buf_append_str(out, from.forwarded);
}

const struct sockaddr *exchange_peer(const struct exchange *exchange)
{
	(void)exchange;
	return (const struct sockaddr *)&from.peer;
}

void exchange_ask(struct exchange *exchange, void (*render)(struct exchange *exchange))
{
	exchange->render = render;
	exchange->asking = true;
}

static void check_ask(struct exchange *exchange)
{
	const struct ask *ask = &exchange->ask;
	size_t id_len = strlen(ask->request.id), len = strlen(ask->reference);
	FUZZ_RULE(ask->type == ASK_CALLBACK && !ask->request.caller[0]);
	FUZZ_RULE(id_len > 0 || len > 0);
	FUZZ_RULE(id_len == 0 || id_is_valid(ask->request.id, id_len));
	for (size_t i = 0; i < len; i++)
		FUZZ_RULE(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-", ask->reference[i]));
	exchange->render(exchange);
}

static void open_journeys(struct ingress *ingress)
{
	static struct journeys journeys = {.callback_secret = "secret"};
	FUZZ_RULE(cidr_list_new("198.51.100.0/24, 10.0.0.0/8", &journeys.callback_from, NULL) == ERR_OK &&
	          cidr_list_new("10.0.0.0/8, 2001:db8::/32", &ingress->proxies, NULL) == ERR_OK &&
	          cidr_address("10.1.1.1", 8, &from.peer) == ERR_OK);
	ingress->journeys = &journeys;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ingress ingress;
	struct exchange exchange = {.request_id = "0"};
	if (!ingress.journeys)
		open_journeys(&ingress);
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	size_t header_len = line ? (size_t)(line - data) : 0;
	char *forwarded = fuzz_text(data, header_len);
	exchange_init(&exchange, &ingress, 64 * 1024);
	exchange.tail = "secret";
	from.forwarded = forwarded;
	const uint8_t *body = line ? line + 1 : data;
	size_t body_len = size - (line ? header_len + 1 : 0);
	if (body_len == 0 || buf_append(&exchange.body, body, body_len) == ERR_OK) {
		callbacks_jumio(&exchange, METHOD_POST);
		FUZZ_RULE(exchange.asking == (exchange.status == 0));
		if (exchange.asking)
			check_ask(&exchange);
		FUZZ_RULE(exchange.status == 403 || (exchange.status == 200 && exchange.answer.len == 0));
	}
	exchange_fini(&exchange);
	free(forwarded);
	return 0;
}
