/* callbacks: a vendor says that there is news. A hint to look, never a verdict: whoever knows the address can send
 * anything. So nothing is read but which verification it is about, and the answer never tells what became of it. */
#include "ingress/answers.h"
#include "ingress/client_address.h"
#include "ingress/form.h"
#include "ingress/ingress.h"
#include "ingress/media_type.h"
#include "ingress/routes/routes.h"
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

/* For Kafka to take it. The vendor is told 200 in any case, and soon; what was not taken the ladder finds. */
enum { ANSWER_MS = 500 };

static bool is_our_secret(const struct journeys *journeys, const char *secret)
{
	size_t len = strlen(journeys->callback_secret);
	return strlen(secret) == len && CRYPTO_memcmp(secret, journeys->callback_secret, len) == 0;
}

static bool may_call_back(const struct exchange *exchange)
{
	const struct ingress *ingress = exchange->ingress;
	struct sockaddr_storage client;
	struct buf forwarded;
	buf_init(&forwarded, EXCHANGE_LIST_MAX_BYTES);
	bool may = exchange_header_list(exchange, "X-Forwarded-For", &forwarded) == ERR_OK &&
	           client_address(ingress->proxies, exchange_peer(exchange), forwarded.data, &client) &&
	           cidr_list_has(ingress->journeys->callback_from, (const struct sockaddr *)&client);
	buf_fini(&forwarded);
	return may;
}

static bool is_reference(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
	size_t len = strlen(text);
	return len > 0 && len < REFERENCE_BYTES && strspn(text, allowed) == len;
}

/* Contracts 1.5; names in any case, as they are spelled in two ways there already. */
static bool read_member(void *ctx, const char *name, const char *value)
{
	struct ask *ask = ctx;
	if (strcasecmp(name, "jumioIdScanReference") == 0 && is_reference(value))
		memcpy(ask->reference, value, strlen(value) + 1);
	else if (strcasecmp(name, "merchantIdScanReference") == 0 && id_is_valid(value, strlen(value)))
		memcpy(ask->request.id, value, strlen(value) + 1);
	return true;
}

static void render(struct exchange *exchange)
{
	answer_empty(exchange, 200);
}

void callbacks_jumio(struct exchange *exchange, enum method method)
{
	struct ask *ask = &exchange->ask;
	(void)method;
	if (!is_our_secret(exchange->ingress->journeys, exchange->tail)) {
		answer_problem(exchange, PROBLEM_NOT_FOUND, NULL);
		return;
	}
	if (!may_call_back(exchange)) {
		answer_problem(exchange, PROBLEM_FORBIDDEN, NULL);
		return;
	}
	if (media_type_is(exchange_header(exchange, "Content-Type"), "application/x-www-form-urlencoded"))
		(void)form_each(exchange->body.data, exchange->body.len, read_member, ask);
	ask->type = ASK_CALLBACK;
	ask->wait_until_ms = exchange->accepted_ms + ANSWER_MS;
	ask->request.kind = KIND_JUMIO_IDENTITY;
	if (ask->request.id[0] || ask->reference[0])
		exchange_ask(exchange, render);
	else
		render(exchange);
}
