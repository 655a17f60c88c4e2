/* ctl_doctor_redis: Redis itself, whether the cache in it is whole, the keys that people's data are sealed with, and
 * clocks. */
#include "ctl/ctl_doctor.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	FULL_PERCENT = 85,
	OLDEST_MAJOR = 6,
	SKEW_MS = 1000,
	SKEW_MUCH_MS = 30000,
	WORKERS_AHEAD_MS = 2000,
	KEY_ID_BYTES = 17
};

/* ---- Redis ---- */

static void judge_memory(struct doctor *doctor)
{
	const struct redis_survey *redis = &doctor->redis;
	if (*redis->policy && strcmp(redis->policy, "noeviction") != 0) {
		doctor_say(doctor, DOCTOR_ERROR,
		           "maxmemory-policy is %s: it throws away states that are needed, without a word",
		           redis->policy);
		doctor_fix(doctor, "redis-cli CONFIG SET maxmemory-policy noeviction, and in redis.conf");
	}
	if (redis->maxmemory == 0) {
		doctor_say(doctor, DOCTOR_NOTE,
		           "no maxmemory: %" PRId64 " MB are used, and the machine's memory is the limit",
		           redis->used_memory / 1000000);
	} else {
		int64_t percent = redis->used_memory / (redis->maxmemory / 100 + 1);
		doctor_say(doctor, percent >= FULL_PERCENT ? DOCTOR_ERROR : DOCTOR_GOOD,
		           "%" PRId64 " %% of maxmemory (%" PRId64 " MB) are used", percent,
		           redis->maxmemory / 1000000);
		if (percent >= FULL_PERCENT)
			doctor_fix(doctor, "a larger maxmemory (verifyctl plan says how much), or a shorter "
			                   "VERIFYD_RESULT_RETENTION");
	}
}

void doctor_judge_redis(struct doctor *doctor)
{
	const struct redis_survey *redis = &doctor->redis;
	if (!redis->info_told) {
		doctor_say(doctor, DOCTOR_SKIPPED, "it hides INFO: version, memory and role are not known");
		doctor_fix(doctor, "allow INFO to this user; see that maxmemory-policy is noeviction");
		return;
	}
	bool is_old = strtol(redis->version, NULL, 10) < OLDEST_MAJOR;
	doctor_say(doctor, is_old ? DOCTOR_WARNING : DOCTOR_GOOD, "Redis %s answers, %d replicas", redis->version,
	           redis->replicas);
	if (is_old)
		doctor_fix(doctor, "Redis 7 or 8, with which verifyd is tested");
	if (strcmp(redis->role, "master") != 0) {
		doctor_say(doctor, DOCTOR_ERROR, "it is a %s, which verifyd refuses: nothing can be written",
		           strcmp(redis->role, "slave") == 0 ? "replica" : redis->role);
		doctor_fix(doctor, "VERIFYD_REDIS_URL has to name the primary");
	}
	if (redis->loading)
		doctor_say(doctor, DOCTOR_WARNING, "it is loading its data from disk");
	judge_memory(doctor);
	if (!redis->aof && redis->replicas == 0)
		doctor_say(doctor, DOCTOR_NOTE,
		           "neither an append-only file nor a replica: a restart loses the cache, and "
		           "workers fill it again from Kafka");
}

void doctor_redis(struct doctor *doctor)
{
	struct err err = {ERR_OK, ""};
	const char *host = doctor->url.host;
	enum err_code code = redis_survey_look(&doctor->url, doctor->timeout_ms, &doctor->redis, &err);
	doctor->redis_answers = code == ERR_OK;
	if (code != ERR_OK) {
		doctor_say(doctor, DOCTOR_ERROR, "%.100s:%d: %s", host, doctor->url.port,
		           err.msg[0] ? err.msg : err_text(code));
		doctor_fix(doctor, code == ERR_INVALID ? "user and password in VERIFYD_REDIS_URL, and Redis's ACL"
		                                       : "VERIFYD_REDIS_URL; is Redis running?");
		return;
	}
	doctor_judge_redis(doctor);
	bool is_local = strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
	if (!is_local)
		doctor_say(doctor, DOCTOR_NOTE,
		           "the way to it is not encrypted: keep it in a private network, or use a TLS "
		           "sidecar (people's data are sealed in any case)");
}

/* ---- the cache ---- */

void doctor_cache(struct doctor *doctor)
{
	struct err err = {ERR_OK, ""};
	const struct status_redis *redis = &doctor->picture.redis;
	if (!doctor->redis_answers) {
		doctor_say(doctor, DOCTOR_SKIPPED, "Redis does not answer");
		return;
	}
	if (status_redis_open(doctor->call->config, true, &doctor->link, &err) != ERR_OK) {
		doctor_say(doctor, DOCTOR_ERROR, "%s", err.msg);
		return;
	}
	status_redis_look(doctor->link, &doctor->picture);
	if (!redis->is_up) {
		doctor_say(doctor, DOCTOR_ERROR, "Redis is not taken for the primary: %s", redis->why);
		doctor_fix(doctor, "VERIFYD_REDIS_URL has to name the primary");
	} else if (!redis->whole_known) {
		doctor_say(doctor, DOCTOR_WARNING, "whether it is whole is not known");
	} else if (redis->is_whole) {
		doctor_say(doctor, DOCTOR_GOOD, "whole");
	} else if (redis->is_filled) {
		doctor_say(doctor, DOCTOR_WARNING,
		           "a worker is filling Redis again; until it is whole no initiate is sent");
		doctor_fix(doctor, "verifyctl cache rebuild follows it");
	} else {
		doctor_say(doctor, DOCTOR_WARNING, "Redis is not whole, and nobody fills it");
		doctor_fix(doctor, "start a worker: it does");
	}
}

/* ---- keys ---- */

static bool is_in_ring(const char *seal_keys, const char *id)
{
	size_t len = strlen(id);
	for (const char *at = seal_keys; at; at = strchr(at, ',')) {
		at += *at == ',';
		at += strspn(at, " ");
		if (strncmp(at, id, len) == 0 && at[len] == ':')
			return true;
	}
	return false;
}

void doctor_judge_seals(struct doctor *doctor, const char *seal_keys)
{
	const struct redis_survey *redis = &doctor->redis;
	char first[KEY_ID_BYTES];
	(void)snprintf(first, sizeof first, "%.*s", (int)strcspn(seal_keys, ":"), seal_keys);
	size_t lacking = 0;
	for (size_t i = 0; i < redis->seal_count; i++) {
		const char *id = redis->seals[i].id;
		if (!is_in_ring(seal_keys, id)) {
			lacking++;
			doctor_say(doctor, DOCTOR_ERROR,
			           "key %s sealed %zu that are under way and is not in VERIFYD_SEAL_KEYS: those people "
			           "cannot go on",
			           id, redis->seals[i].states);
			doctor_fix(doctor, "put it behind the others in VERIFYD_SEAL_KEYS, everywhere");
		} else if (strcmp(id, first) != 0) {
			doctor_say(doctor, DOCTOR_NOTE,
			           "key %s, no longer the first, sealed %zu that are under way: leave it in "
			           "VERIFYD_SEAL_KEYS",
			           id, redis->seals[i].states);
		}
	}
	if (lacking == 0)
		doctor_say(doctor, DOCTOR_GOOD,
		           "VERIFYD_SEAL_KEYS opens what is sealed in those that are under way, of %zu states in Redis",
		           redis->states_read);
}

void doctor_keys(struct doctor *doctor)
{
	const struct config *config = doctor->worker ? doctor->worker : doctor->ingress;
	const char *seal_keys = config ? config_str(config, CONFIG_SEAL_KEYS) : NULL;
	if (!seal_keys || !doctor->redis_answers)
		doctor_say(doctor, DOCTOR_SKIPPED,
		           seal_keys ? "Redis does not answer" : "VERIFYD_SEAL_KEYS is not in this environment");
	else
		doctor_judge_seals(doctor, seal_keys);
}

/* ---- clocks ---- */

static void judge_workers_clocks(struct doctor *doctor)
{
	const struct status_picture *picture = &doctor->picture;
	for (size_t i = 0; i < picture->workers.count; i++) {
		const struct status_worker *worker = &picture->workers.list[i];
		int64_t ahead_ms = worker->now.at_ms - picture->redis.now_ms;
		if (ahead_ms <= WORKERS_AHEAD_MS)
			continue;
		doctor_say(doctor, ahead_ms > SKEW_MUCH_MS ? DOCTOR_ERROR : DOCTOR_WARNING,
		           "worker %s: its clock is %" PRId64 " ms ahead of Redis's", worker->name, ahead_ms);
		doctor_fix(doctor, "NTP on its host: chronyc tracking");
	}
}

void doctor_judge_clocks(struct doctor *doctor)
{
	int64_t ahead_ms = doctor->redis.ahead_ms, off_ms = ahead_ms < 0 ? -ahead_ms : ahead_ms;
	int64_t doubt_ms = doctor->redis.rtt_ms / 2;
	enum doctor_severity severity = DOCTOR_GOOD;
	if (off_ms > SKEW_MUCH_MS + doubt_ms)
		severity = DOCTOR_ERROR;
	else if (off_ms > SKEW_MS + doubt_ms)
		severity = DOCTOR_WARNING;
	doctor_say(doctor, severity, "Redis's clock is %" PRId64 " ms %s this host's (+-%" PRId64 ")", off_ms,
	           ahead_ms < 0 ? "behind" : "ahead of", doubt_ms);
	if (severity != DOCTOR_GOOD)
		doctor_fix(doctor, "NTP on both hosts: chronyc tracking");
	judge_workers_clocks(doctor);
}

void doctor_clocks(struct doctor *doctor)
{
	if (doctor->redis_answers)
		doctor_judge_clocks(doctor);
	else
		doctor_say(doctor, DOCTOR_SKIPPED, "Redis does not answer");
	doctor_say(doctor, DOCTOR_SKIPPED,
	           "Kafka's clocks show only in records that are written, and doctor writes none; the "
	           "delay topics count from them");
}
