/* applications: one copy of the setting, cut in pieces. */
#include "ingress/applications.h"
#include "common/base/utf8.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EVERYBODY_ELSE "*"

struct applications {
	char *text; /* owned; rows point into it */
	size_t count;
	struct application {
		const char *key, *name;
	} rows[APPLICATIONS_MAX];
};

/* Cuts blanks off both ends, in place. */
static char *trimmed(char *text)
{
	text += strspn(text, " \t");
	size_t len = strlen(text);
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		text[--len] = '\0';
	return text;
}

static const struct application *row_of(const struct applications *applications, const char *key)
{
	for (size_t i = 0; key && *key && i < applications->count; i++)
		if (strcasecmp(applications->rows[i].key, key) == 0)
			return &applications->rows[i];
	return NULL;
}

static enum err_code add_row(struct applications *applications, char *row, struct err *err)
{
	size_t number = applications->count + 1;
	char *equals = strchr(row, '=');
	if (number > APPLICATIONS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d names", APPLICATIONS_MAX);
	if (!equals)
		return err_set(err, ERR_INVALID, "entry %zu is not CLIENT-ID=Name", number);
	*equals = '\0';
	const char *key = trimmed(row), *name = trimmed(equals + 1);
	if (!*key || !*name)
		return err_set(err, ERR_INVALID, "entry %zu has no %s", number, *key ? "name" : "CLIENT-ID");
	if (strlen(name) > APPLICATION_NAME_MAX || !utf8_is_valid(name, strlen(name)))
		return err_set(err, ERR_INVALID, "the name of entry %zu is not UTF-8 or has more than %d bytes", number,
		               APPLICATION_NAME_MAX);
	if (row_of(applications, key))
		return err_set(err, ERR_INVALID, "the CLIENT-ID of entry %zu stands there twice", number);
	applications->rows[applications->count++] = (struct application){key, name};
	return ERR_OK;
}

enum err_code applications_new(const char *text, struct applications **ret_applications, struct err *err)
{
	struct applications *applications = calloc(1, sizeof *applications);
	enum err_code code = ERR_OK;
	if (!applications || !(applications->text = strdup(text ? text : ""))) {
		free(applications);
		return err_set(err, ERR_NO_MEMORY, "names of applications");
	}
	for (char *row = applications->text, *next; row && code == ERR_OK; row = next) {
		next = strchr(row, ';');
		if (next)
			*next++ = '\0';
		row = trimmed(row);
		if (*row) /* a closing ; is no entry */
			code = add_row(applications, row, err);
	}
	if (code == ERR_OK)
		*ret_applications = applications;
	else
		applications_free(applications);
	return code;
}

void applications_free(struct applications *applications)
{
	if (!applications)
		return;
	free(applications->text);
	free(applications);
}

const char *application_name(const struct applications *applications, const char *client_id, const char *caller)
{
	if (!applications)
		return NULL;
	const struct application *row = row_of(applications, client_id);
	if (!row)
		row = row_of(applications, caller);
	if (!row)
		row = row_of(applications, EVERYBODY_ELSE);
	return row ? row->name : NULL;
}
