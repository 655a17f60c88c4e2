/* http_resolve: at most one lookup at a time; an old answer stands until a new one is there. */
#include "workers/http_resolve.h"
#include "common/base/buf.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES = 1024 };

struct http_resolve {
	struct http_resolve_options options;
	uv_getaddrinfo_t lookup;
	bool looking, closing;
	bool failed; /* the last lookup */
	unsigned version;
	uint64_t answered_ms, tried_ms; /* of the loop's clock; answered_ms counts where version > 0 */
	struct buf answer;
	uint16_t port;
	char name[]; /* with its '\0' */
};

enum err_code http_resolve_new(const struct http_resolve_options *options, const char *name, uint16_t port,
                               struct http_resolve **ret_resolve)
{
	size_t size = strlen(name) + 1;
	struct http_resolve *resolve = calloc(1, sizeof(*resolve) + size);

	if (!resolve)
		return ERR_NO_MEMORY;
	resolve->options = *options;
	resolve->port = port;
	memcpy(resolve->name, name, size);
	buf_init(&resolve->answer, ANSWER_BYTES);
	*ret_resolve = resolve;
	return ERR_OK;
}

static void end(struct http_resolve *resolve)
{
	const struct http_resolve_options options = resolve->options;

	buf_fini(&resolve->answer);
	free(resolve);
	options.closed(options.closed_ctx);
}

void http_resolve_close(struct http_resolve *resolve)
{
	if (!resolve)
		return;
	resolve->closing = true;
	if (!resolve->looking)
		end(resolve);
	else
		(void)uv_cancel((uv_req_t *)&resolve->lookup); /* helps while it has not begun */
}

/* ",192.0.2.1" or ",[2001:db8::1]"; families that libcurl does not know are left out. */
static enum err_code put_address(struct buf *out, const struct sockaddr *address, bool first)
{
	char text[INET6_ADDRSTRLEN];
	bool v6 = address->sa_family == AF_INET6;
	const void *bytes = v6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr
	                       : (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;

	if (!inet_ntop(address->sa_family, bytes, text, sizeof(text)))
		return ERR_INVALID;
	return buf_printf(out, v6 ? "%s[%s]" : "%s%s", first ? "" : ",", text);
}

/* Returns: ERR_OK; ERR_INVALID when no address can be used; ERR_NO_MEMORY. */
static enum err_code write_answer(const struct http_resolve *resolve, const struct addrinfo *found, struct buf *out)
{
	int count = 0;
	enum err_code code = buf_printf(out, "%s:%u:", resolve->name, resolve->port);

	for (; found && code == ERR_OK && count < HTTP_NAME_MAX_ADDRESSES; found = found->ai_next) {
		if (found->ai_family != AF_INET && found->ai_family != AF_INET6)
			continue;
		code = put_address(out, found->ai_addr, count == 0);
		count++;
	}
	return code == ERR_OK && count == 0 ? ERR_INVALID : code;
}

/* Takes an answer over. Returns: false when there is none in it. */
static bool take_answer(struct http_resolve *resolve, const struct addrinfo *found)
{
	struct buf answer;

	buf_init(&answer, ANSWER_BYTES);
	if (write_answer(resolve, found, &answer) != ERR_OK) {
		buf_fini(&answer);
		return false;
	}
	if (strcmp(answer.data, resolve->answer.data) != 0)
		resolve->version++;
	buf_fini(&resolve->answer);
	resolve->answer = answer;
	resolve->answered_ms = uv_now(resolve->options.loop);
	return true;
}

static void on_looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
	struct http_resolve *resolve = lookup->data;

	resolve->looking = false;
	if (resolve->closing) {
		uv_freeaddrinfo(found);
		end(resolve);
		return;
	}
	resolve->tried_ms = uv_now(resolve->options.loop);
	resolve->failed = status != 0 || !take_answer(resolve, found);
	uv_freeaddrinfo(found);
	resolve->options.resolved(resolve->options.ctx);
}

/* Returns: false when it could not be begun. */
static bool begin(struct http_resolve *resolve)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

	resolve->lookup.data = resolve;
	resolve->looking = resolve->options.lookup(resolve->options.loop, &resolve->lookup, on_looked_up, resolve->name,
	                                           NULL, &hints) == 0;
	if (!resolve->looking)
		resolve->tried_ms = uv_now(resolve->options.loop);
	return resolve->looking;
}

enum http_name http_resolve_state(struct http_resolve *resolve)
{
	uint64_t now = uv_now(resolve->options.loop);
	bool known = resolve->version > 0 && now - resolve->answered_ms < HTTP_NAME_STALE_MS;

	if (known && now - resolve->answered_ms < HTTP_NAME_FRESH_MS)
		return HTTP_NAME_KNOWN;
	if (!resolve->looking && (!resolve->failed || now - resolve->tried_ms >= HTTP_NAME_AGAIN_MS))
		resolve->failed = !begin(resolve);
	if (known)
		return HTTP_NAME_KNOWN;
	return resolve->looking ? HTTP_NAME_AWAITED : HTTP_NAME_FAILED;
}

const char *http_resolve_answer(const struct http_resolve *resolve)
{
	return resolve->answer.data;
}

unsigned http_resolve_version(const struct http_resolve *resolve)
{
	return resolve->version;
}
