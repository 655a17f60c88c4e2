/* redis_survey: a few commands over hiredis's blocking connection: AUTH, SELECT, INFO, TIME, and SCAN with MGET in
 * portions. */
#include "common/adapters/redis_survey.h"
#include "common/base/clock.h"
#include "common/base/decimal.h"
#include "common/domain/verification.h"
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { LINE_BYTES = 128, SCAN_COUNT = 200, SCAN_TURNS = 200 };

/* ---- texts ---- */

static void take_line(const char *name, const char *value, struct redis_survey *survey)
{
	const struct {
		const char *name;
		char *word;
		int64_t *number;
	} rows[] = {
	        {"redis_version", survey->version, NULL},    {"role", survey->role, NULL},
	        {"maxmemory_policy", survey->policy, NULL},  {"maxmemory", NULL, &survey->maxmemory},
	        {"used_memory", NULL, &survey->used_memory},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		if (rows[i].word)
			(void)snprintf(rows[i].word, REDIS_WORD_BYTES, "%s", value);
		else if (decimal_parse(value, strlen(value), INT64_MAX, rows[i].number) != ERR_OK)
			*rows[i].number = 0;
	}
	int64_t replicas;
	if (strcmp(name, "connected_slaves") == 0 && decimal_parse(value, strlen(value), 1000, &replicas) == ERR_OK)
		survey->replicas = (int)replicas;
	if (strcmp(name, "aof_enabled") == 0)
		survey->aof = strcmp(value, "1") == 0;
	if (strcmp(name, "loading") == 0)
		survey->loading = strcmp(value, "1") == 0;
}

void redis_survey_read_info(const char *text, size_t len, struct redis_survey *survey)
{
	const char *end = text + len;
	for (const char *at = text; at < end;) {
		const char *next = memchr(at, '\n', (size_t)(end - at));
		size_t line_len = (size_t)((next ? next : end) - at);
		char line[LINE_BYTES];
		if (line_len > 0 && at[line_len - 1] == '\r')
			line_len--;
		if (line_len > 0 && line_len < sizeof line && at[0] != '#') {
			memcpy(line, at, line_len);
			line[line_len] = '\0';
			char *colon = strchr(line, ':');
			if (colon) {
				*colon = '\0';
				survey->info_told = true;
				take_line(line, colon + 1, survey);
			}
		}
		at = next ? next + 1 : end;
	}
}

/* Nothing more comes of it by itself, so its key is not needed. One that cannot be told is taken for an open one. */
static bool is_final(const char *text, size_t len)
{
	static const char member[] = "\"state\":\"";
	char word[REDIS_WORD_BYTES] = "";
	const char *at = memmem(text, len, member, sizeof member - 1);
	if (!at)
		return false;
	at += sizeof member - 1;
	size_t left = len - (size_t)(at - text);
	for (size_t i = 0; i < left && i < sizeof word - 1 && at[i] != '"'; i++)
		word[i] = at[i];
	enum state state = state_by_name(word);
	return state != STATE_COUNT && state_is_final(state);
}

void redis_survey_note_state(const char *text, size_t len, struct redis_survey *survey)
{
	static const char member[] = "\"sealed\":\"";
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	char id[REDIS_SEAL_BYTES] = "";
	survey->states_read++;
	const char *at = memmem(text, len, member, sizeof member - 1);
	if (!at || is_final(text, len))
		return;
	at += sizeof member - 1;
	size_t left = len - (size_t)(at - text), id_len = 0;
	while (id_len < left && id_len < sizeof id - 1 && at[id_len] && strchr(allowed, at[id_len]))
		id_len++;
	if (id_len == 0 || id_len == left || at[id_len] != '.')
		return;
	memcpy(id, at, id_len);
	size_t i = 0;
	while (i < survey->seal_count && strcmp(survey->seals[i].id, id) != 0)
		i++;
	if (i == REDIS_SEALS_MAX)
		return;
	if (i == survey->seal_count)
		memcpy(survey->seals[survey->seal_count++].id, id, sizeof id);
	survey->seals[i].states++;
}

/* ---- commands ---- */

/* Returns: a reply that is no error, ended by freeReplyObject; NULL with err filled. */
static redisReply *ask(redisContext *redis, int argc, const char **argv, enum err_code *ret_code, struct err *err)
{
	redisReply *reply = redisCommandArgv(redis, argc, argv, NULL);
	if (!reply) {
		*ret_code = err_set(err, ERR_UNAVAILABLE, "%.100s", redis->errstr);
		return NULL;
	}
	if (reply->type == REDIS_REPLY_ERROR) {
		*ret_code = err_set(err, ERR_INVALID, "%.100s", reply->str);
		freeReplyObject(reply);
		return NULL;
	}
	*ret_code = ERR_OK;
	return reply;
}

static enum err_code do_it(redisContext *redis, int argc, const char **argv, struct err *err)
{
	enum err_code code;
	redisReply *reply = ask(redis, argc, argv, &code, err);
	if (reply)
		freeReplyObject(reply);
	return code;
}

static enum err_code log_in(redisContext *redis, const struct redis_url *url, struct err *err)
{
	enum err_code code = ERR_OK;
	char db[16];
	(void)snprintf(db, sizeof db, "%d", url->db);
	if (*url->user)
		code = do_it(redis, 3, (const char *[]){"AUTH", url->user, url->password}, err);
	else if (*url->password)
		code = do_it(redis, 2, (const char *[]){"AUTH", url->password}, err);
	if (code == ERR_OK && url->db > 0)
		code = do_it(redis, 2, (const char *[]){"SELECT", db}, err);
	return code;
}

/* Hidden: what is not told is not known, and that is no failure. */
static enum err_code read_info(redisContext *redis, struct redis_survey *survey, struct err *err)
{
	enum err_code code;
	redisReply *reply = ask(redis, 1, (const char *[]){"INFO"}, &code, err);
	if (!reply)
		return code == ERR_INVALID ? ERR_OK : code;
	if (reply->type == REDIS_REPLY_STRING)
		redis_survey_read_info(reply->str, reply->len, survey);
	freeReplyObject(reply);
	return ERR_OK;
}

static enum err_code read_clock(redisContext *redis, struct redis_survey *survey, struct err *err)
{
	enum err_code code;
	int64_t before_ms = clock_unix_ms(), seconds, micros;
	redisReply *reply = ask(redis, 1, (const char *[]){"TIME"}, &code, err);
	int64_t after_ms = clock_unix_ms();
	if (!reply)
		return code;
	bool fits = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->str &&
	            reply->element[1]->str;
	if (fits &&
	    decimal_parse(reply->element[0]->str, reply->element[0]->len, INT64_MAX / 1000, &seconds) == ERR_OK &&
	    decimal_parse(reply->element[1]->str, reply->element[1]->len, INT64_MAX, &micros) == ERR_OK) {
		survey->rtt_ms = after_ms - before_ms;
		survey->ahead_ms = seconds * 1000 + micros / 1000 - (before_ms + survey->rtt_ms / 2);
	}
	freeReplyObject(reply);
	return ERR_OK;
}

/* A key that went meanwhile is NULL. */
static enum err_code read_states(redisContext *redis, const redisReply *keys, struct redis_survey *survey,
                                 struct err *err)
{
	const char **argv = calloc(keys->elements + 1, sizeof *argv);
	enum err_code code;
	if (!argv)
		return err_set(err, ERR_NO_MEMORY, "redis survey");
	argv[0] = "MGET";
	for (size_t i = 0; i < keys->elements; i++)
		argv[i + 1] = keys->element[i]->str;
	redisReply *reply = ask(redis, (int)keys->elements + 1, argv, &code, err);
	for (size_t i = 0; reply && i < reply->elements; i++)
		if (reply->element[i]->type == REDIS_REPLY_STRING)
			redis_survey_note_state(reply->element[i]->str, reply->element[i]->len, survey);
	if (reply)
		freeReplyObject(reply);
	free(argv);
	return code;
}

static enum err_code read_seals(redisContext *redis, struct redis_survey *survey, struct err *err)
{
	char cursor[REDIS_WORD_BYTES] = "0", count[16];
	enum err_code code = ERR_OK;
	(void)snprintf(count, sizeof count, "%d", SCAN_COUNT);
	for (int turn = 0; turn < SCAN_TURNS && code == ERR_OK && survey->states_read < REDIS_SEALED_READ; turn++) {
		redisReply *reply = ask(
		        redis, 6, (const char *[]){"SCAN", cursor, "MATCH", "verifyd:v:*", "COUNT", count}, &code, err);
		if (!reply)
			break;
		bool fits = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->str &&
		            reply->element[1]->type == REDIS_REPLY_ARRAY;
		(void)snprintf(cursor, sizeof cursor, "%s", fits ? reply->element[0]->str : "0");
		if (fits && reply->element[1]->elements > 0)
			code = read_states(redis, reply->element[1], survey, err);
		freeReplyObject(reply);
		if (strcmp(cursor, "0") == 0)
			break;
	}
	return code;
}

enum err_code redis_survey_look(const struct redis_url *url, int timeout_ms, struct redis_survey *ret_survey,
                                struct err *err)
{
	const struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
	struct redis_survey survey = {.info_told = false};
	redisContext *redis = redisConnectWithTimeout(url->host, url->port, limit);
	if (!redis)
		return err_set(err, ERR_NO_MEMORY, "redis survey");
	enum err_code code = ERR_OK;
	if (redis->err)
		code = err_set(err, ERR_UNAVAILABLE, "%.100s", redis->errstr);
	else if (redisSetTimeout(redis, limit) != REDIS_OK)
		code = err_set(err, ERR_UNAVAILABLE, "no time limit can be set");
	if (code == ERR_OK)
		code = log_in(redis, url, err);
	if (code == ERR_OK)
		code = read_info(redis, &survey, err);
	if (code == ERR_OK && !survey.loading)
		code = read_clock(redis, &survey, err);
	if (code == ERR_OK && !survey.loading)
		code = read_seals(redis, &survey, err);
	redisFree(redis);
	if (code == ERR_OK)
		*ret_survey = survey;
	return code;
}
