/* cors: a short list, compared one by one. */
#include "ingress/cors.h"
#include "ingress/urls.h"
#include <stdlib.h>
#include <string.h>

struct cors {
	size_t count;
	char origins[CORS_MAX_ORIGINS][URL_ORIGIN_BYTES];
};

/* Returns: NULL; or what is wrong with the item. */
static const char *add(struct cors *cors, const char *item)
{
	const char *rest;
	if (strchr(item, '*'))
		return "a wildcard would let any page ask; name the origins";
	if (cors->count == CORS_MAX_ORIGINS)
		return "too many origins";
	if (!url_is_web(item) || url_origin(item, cors->origins[cors->count], &rest) != ERR_OK || *rest)
		return "not an origin: https://HOST[:PORT] without anything behind it (http:// for a loopback address "
		       "only)";
	cors->count++;
	return NULL;
}

static int add_all(struct cors *cors, char *list, FILE *complaints)
{
	int mistakes = 0;
	for (char *item; (item = strsep(&list, ","));) {
		item += strspn(item, " \t");
		item[strcspn(item, " \t")] = '\0';
		const char *broken = *item ? add(cors, item) : NULL;
		if (broken)
			mistakes++;
		if (broken && complaints)
			fprintf(complaints, "VERIFYD_CORS_ORIGINS: %s\n", broken);
	}
	if (cors->count > 0 || mistakes > 0)
		return mistakes;
	if (complaints)
		fputs("VERIFYD_CORS_ORIGINS: names no origin\n", complaints);
	return 1;
}

enum err_code cors_new(const char *origins, const char *page_url, FILE *complaints, struct cors **ret_cors,
                       int *ret_mistakes)
{
	char page[URL_ORIGIN_BYTES] = "";
	struct cors *cors = calloc(1, sizeof *cors);
	if (!origins && page_url && url_origin(page_url, page, NULL) != ERR_OK)
		page[0] = '\0';
	char *list = strdup(origins ? origins : page);
	if (!cors || !list) {
		free(list);
		free(cors);
		return ERR_NO_MEMORY;
	}
	int mistakes = add_all(cors, list, complaints);
	free(list);
	if (mistakes == 0) {
		*ret_cors = cors;
		return ERR_OK;
	}
	free(cors);
	*ret_mistakes = mistakes;
	return ERR_INVALID;
}

void cors_free(struct cors *cors)
{
	free(cors);
}

const char *cors_allowed(const struct cors *cors, const char *origin)
{
	char asked[URL_ORIGIN_BYTES];
	const char *rest;
	if (!cors || !origin || url_origin(origin, asked, &rest) != ERR_OK || *rest)
		return NULL;
	for (size_t i = 0; i < cors->count; i++)
		if (strcmp(cors->origins[i], asked) == 0)
			return cors->origins[i];
	return NULL;
}
