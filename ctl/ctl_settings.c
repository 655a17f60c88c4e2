/* ctl_settings: loads the settings that a command needs, no more: topics are made where no Redis is configured yet. */
#include "ctl/ctl.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNUSED_REDIS "VERIFYD_REDIS_URL=redis://not-used"

static bool is_set(const char *name)
{
	const char *value = getenv(name);
	return value && *value;
}

/* The environment with one entry in front of it. Returns: NULL without memory; ended by free(). */
static char **environment_with(char *entry)
{
	size_t count = 0;
	while (environ[count])
		count++;
	char **all = calloc(count + 2, sizeof *all);
	if (!all)
		return NULL;
	all[0] = entry;
	memcpy(all + 1, environ, count * sizeof *all);
	return all;
}

/* Notes are about names that are nobody's setting: a matter for `config check`. */
static void print_complaints(char *text)
{
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "note:", 5) != 0)
			(void)ctl_fail("%s", line);
}

int ctl_settings_load(unsigned needs, struct config **ret_config)
{
	char unused[] = UNUSED_REDIS;
	bool add = !(needs & CTL_NEEDS_REDIS) && !is_set("VERIFYD_REDIS_URL") && !is_set("VERIFYD_REDIS_URL_FILE");
	char **all = add ? environment_with(unused) : environ;
	char *text = NULL;
	size_t len = 0;
	FILE *complaints = open_memstream(&text, &len);
	enum err_code code = ERR_NO_MEMORY;
	struct config *config = NULL;
	if (all && complaints)
		code = config_load(CONFIG_CTL, all, complaints, &config);
	if (complaints && fclose(complaints) != 0)
		code = ERR_NO_MEMORY;
	if (code == ERR_INVALID)
		print_complaints(text);
	else if (code != ERR_OK)
		(void)ctl_fail("%s", err_text(code));
	free(text);
	if (add)
		free(all);
	if (code != ERR_OK) {
		config_free(config);
		return code == ERR_INVALID ? CTL_USAGE : CTL_FAILED;
	}
	*ret_config = config;
	return CTL_OK;
}
