/* host_list: a short table, compared one by one. URLs are read by http_url, which is what the worker calls by. */
#include "common/base/host_list.h"
#include "common/base/decimal.h"
#include "common/base/http_url.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_OF_SCHEME = 0, PORT_ANY = -1, PORT_PLAIN = 80 };

struct host {
	bool below; /* every name that ends in ".host" */
	char host[HTTP_NAME_BYTES];
	int port;
};

struct host_list {
	size_t count;
	struct host hosts[HOST_LIST_MAX];
};

/* Cuts ":PORT" off. Returns: NULL; or what is wrong. */
static const char *take_port(char *item, int *ret_port)
{
	char *bracket = strrchr(item, ']'), *colon = strrchr(item, ':');
	int64_t port = 0;
	*ret_port = PORT_OF_SCHEME;
	if (!colon || (bracket && colon < bracket))
		return NULL;
	*colon++ = '\0';
	if (strcmp(colon, "*") == 0)
		*ret_port = PORT_ANY;
	else if (decimal_parse(colon, strlen(colon), UINT16_MAX, &port) != ERR_OK || port == 0)
		return "its port is no port";
	else
		*ret_port = (int)port;
	return NULL;
}

/* Returns: NULL; or what is wrong with the item. */
static const char *add(struct host_list *list, char *item)
{
	char url[HTTP_NAME_BYTES + 16];
	struct http_url read;
	struct host host = {.below = strncmp(item, "*.", 2) == 0};
	if (list->count == HOST_LIST_MAX)
		return "too many hosts";
	const char *wrong = take_port(item, &host.port);
	if (wrong)
		return wrong;
	item += host.below ? 2 : 0;
	int len = snprintf(url, sizeof url, "https://%s/", item);
	if (len < 0 || (size_t)len >= sizeof url || strpbrk(item, "/?#@") ||
	    !http_url_read(url, (size_t)len, false, &read))
		return "it is no host (HOST, *.SUFFIX, each with :PORT or :* behind it)";
	if (host.below && (!read.named || !strchr(read.host, '.')))
		return "a wildcard stands before two labels at least";
	memcpy(host.host, read.host, sizeof host.host);
	list->hosts[list->count++] = host;
	return NULL;
}

enum err_code host_list_new(const char *text, struct host_list **ret_list, struct err *err)
{
	static const char blank[] = " \t";
	struct host_list *list = calloc(1, sizeof *list);
	char *copy = strdup(text), *rest = copy;
	const char *wrong = NULL;
	int number = 0;
	if (!list || !copy) {
		free(list);
		free(copy);
		return err_set(err, ERR_NO_MEMORY, "list of hosts");
	}
	for (char *item; !wrong && (item = strsep(&rest, ","));) {
		item += strspn(item, blank);
		for (size_t len = strlen(item); len > 0 && strchr(blank, item[len - 1]); len--)
			item[len - 1] = '\0';
		number++;
		wrong = *item ? add(list, item) : NULL;
	}
	free(copy);
	if (!wrong && list->count == 0)
		wrong = "there is none";
	if (!wrong) {
		*ret_list = list;
		return ERR_OK;
	}
	host_list_free(list);
	return err_set(err, ERR_INVALID, "entry %d: %s", number, wrong);
}

void host_list_free(struct host_list *list)
{
	free(list);
}

static bool fits(const struct host *host, const struct http_url *url)
{
	int port = host->port == PORT_OF_SCHEME ? (url->plain ? PORT_PLAIN : HTTP_PORT_TLS) : host->port;
	if (port != PORT_ANY && port != url->port)
		return false;
	size_t len = strlen(host->host), url_len = strlen(url->host);
	if (!host->below)
		return strcmp(host->host, url->host) == 0;
	return url->named && url_len > len + 1 && url->host[url_len - len - 1] == '.' &&
	       strcmp(url->host + url_len - len, host->host) == 0;
}

enum host_verdict host_list_judge(const struct host_list *list, const char *text)
{
	struct http_url url;
	size_t len = strlen(text), at = 0;
	if (!list || strchr(text, '#') || !http_url_read(text, len, false, &url) ||
	    (!url.loopback && !http_url_read(text, len, true, &url)))
		return HOST_REFUSED;
	while (at < list->count && !fits(&list->hosts[at], &url))
		at++;
	if (at == list->count)
		return HOST_REFUSED;
	return url.loopback ? HOST_LOOPBACK : HOST_FOREIGN;
}
