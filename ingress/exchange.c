/* exchange: its life, and the headers of its answer. What needs the connection is in http_server.c. */
#include "ingress/exchange.h"
#include "common/base/ascii.h"
#include <stdlib.h>
#include <string.h>

void exchange_init(struct exchange *exchange, struct ingress *ingress, size_t max_body_bytes)
{
	exchange->ingress = ingress;
	exchange->tail = "";
	exchange->prefer_wait_s = -1;
	buf_init(&exchange->body, max_body_bytes);
	buf_init(&exchange->answer, ANSWER_MAX_BYTES);
	buf_init(&exchange->kept.token, TOKEN_MAX_BYTES);
	buf_init(&exchange->known, EXCHANGE_LIST_MAX_BYTES);
}

void exchange_fini(struct exchange *exchange)
{
	for (size_t i = 0; i < exchange->header_count; i++) {
		explicit_bzero(exchange->headers[i].value, strlen(exchange->headers[i].value));
		free(exchange->headers[i].value);
	}
	ask_fini(&exchange->ask);
	buf_fini_secret(&exchange->body);
	buf_fini_secret(&exchange->answer);
	buf_fini_secret(&exchange->kept.token);
	buf_fini(&exchange->known);
	explicit_bzero(exchange, sizeof *exchange);
}

bool exchange_add_header(struct exchange *exchange, const char *name, const char *value)
{
	size_t len = strlen(value);
	if (exchange->header_count == EXCHANGE_MAX_HEADERS || len > EXCHANGE_HEADER_MAX_BYTES)
		return false;
	bool is_ascii = ascii_is_printable(value, len);
	for (size_t i = 0; i < len && !is_ascii; i++)
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			return false;
	char *copy = malloc(len + 1);
	if (!copy)
		return false;
	memcpy(copy, value, len + 1);
	exchange->headers[exchange->header_count++] = (struct exchange_header){name, copy};
	return true;
}
