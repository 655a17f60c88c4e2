/* ctl_config: `config check`: would each program accept this environment? Also reads what only looks like text to the
 * settings table: URLs, key rings, Kafka's file. Reaches no server, shows no secret. */
#include "common/adapters/redis_url.h"
#include "common/base/seal.h"
#include "ctl/ctl.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct checked {
	enum config_program program;
	const char *name;
};

static const struct checked programs[] = {{CONFIG_INGRESS, "ingress"}, {CONFIG_WORKER, "worker"}, {CONFIG_CTL, "ctl"}};

static int check_redis(const struct config *config, struct err *err)
{
	struct redis_url url;
	if (redis_url_parse(config_str(config, CONFIG_REDIS_URL), &url, err) != ERR_OK)
		return 1;
	redis_url_fini(&url);
	return 0;
}

static int check_kafka(const struct config *config, struct err *err)
{
	struct kafka_client *client;
	if (kafka_client_new(config, "verifyctl", &client, err) != ERR_OK)
		return 1;
	kafka_client_free(client);
	return 0;
}

static int check_seal_keys(const struct config *config, struct err *err)
{
	struct seal_ring *ring;
	if (seal_ring_new(config_str(config, CONFIG_SEAL_KEYS), &ring, err) != ERR_OK)
		return 1;
	seal_ring_free(ring);
	return 0;
}

static int check_id_key(const struct config *config, struct err *err)
{
	struct id_key *key;
	if (id_key_new(config_str(config, CONFIG_ID_KEY), &key, err) != ERR_OK)
		return 1;
	id_key_free(key);
	return 0;
}

static const struct {
	unsigned programs;
	enum config_option option; /* that is not set, or was complained about already: nothing to check */
	const char *setting;
	int (*check)(const struct config *config, struct err *err);
} checks[] = {
        {CONFIG_INGRESS | CONFIG_WORKER | CONFIG_CTL, CONFIG_REDIS_URL, "VERIFYD_REDIS_URL", check_redis},
        {CONFIG_INGRESS | CONFIG_WORKER | CONFIG_CTL, CONFIG_KAFKA_BROKERS, "VERIFYD_KAFKA_CONFIG_FILE", check_kafka},
        {CONFIG_INGRESS | CONFIG_WORKER, CONFIG_SEAL_KEYS, "VERIFYD_SEAL_KEYS", check_seal_keys},
        {CONFIG_INGRESS, CONFIG_ID_KEY, "VERIFYD_ID_KEY", check_id_key},
};

/* Whether the ingress would know anybody. */
static bool names_a_credential(const struct config *config)
{
	static const enum config_option options[] = {CONFIG_AUTH_API_KEYS,      CONFIG_AUTH_BASIC_USERS,
	                                             CONFIG_AUTH_BEARER_TOKENS, CONFIG_OAUTH_CLIENTS,
	                                             CONFIG_TLS_CLIENT_SPKI,    CONFIG_TLS_CLIENT_CA_FILE};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (config_str(config, options[i]))
			return true;
	return false;
}

/* What the table cannot see. Returns: how many mistakes. */
static int check_values(enum config_program program, const struct config *config, FILE *lines)
{
	int mistakes = 0;
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
		struct err err = {0};
		if (!(checks[i].programs & program) || !config_str(config, checks[i].option) ||
		    checks[i].check(config, &err) == 0)
			continue;
		(void)fprintf(lines, "%s: %s\n", checks[i].setting, err.msg);
		mistakes++;
	}
	if (program == CONFIG_INGRESS && !names_a_credential(config))
		(void)fputs(
		        "note: no caller's credential is set (VERIFYD_AUTH_API_KEYS and its like): the ingress starts "
		        "only with --insecure-no-auth\n",
		        lines);
	return mistakes;
}

enum err_code ctl_config_examine(enum config_program program, FILE *lines, struct config **ret_config,
                                 int *ret_mistakes)
{
	struct config *config;
	int mistakes;
	enum err_code code = config_read(program, environ, lines, &config, &mistakes);
	if (code != ERR_OK)
		return code;
	*ret_mistakes = mistakes + check_values(program, config, lines);
	*ret_config = config;
	return ERR_OK;
}

/* Notes are the same for every program: once is enough. */
static void print_lines(const struct checked *checked, char *text, bool with_notes)
{
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		bool is_note = strncmp(line, "note:", 5) == 0;
		if (!is_note)
			(void)printf("%s: %s\n", checked->name, line);
		else if (with_notes)
			(void)puts(line);
	}
}

static int check_program(const struct checked *checked, bool with_notes)
{
	char *text = NULL;
	size_t len = 0;
	int mistakes = 0;
	struct config *config = NULL;
	FILE *complaints = open_memstream(&text, &len);
	if (!complaints)
		return ctl_fail("%s", err_text(ERR_NO_MEMORY));
	enum err_code code = ctl_config_examine(checked->program, complaints, &config, &mistakes);
	if (fclose(complaints) != 0)
		code = ERR_NO_MEMORY;
	int status = code == ERR_OK ? CTL_OK : ctl_fail("%s", err_text(code));
	if (status == CTL_OK)
		print_lines(checked, text, with_notes);
	if (status == CTL_OK && mistakes > 0)
		status = CTL_USAGE;
	if (status == CTL_OK)
		(void)printf("%s: ok\n", checked->name);
	config_free(config);
	free(text);
	return status;
}

int ctl_config_check(const struct ctl_call *call)
{
	(void)call;
	int worst = CTL_OK;
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		int status = check_program(&programs[i], i == 0);
		worst = status > worst ? status : worst;
	}
	return worst;
}
