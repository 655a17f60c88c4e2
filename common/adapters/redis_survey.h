/* redis_survey: what a Redis says of itself, its clock, and with which keys the people's data in it are sealed. For checks.
 * Blocking, over a connection of its own; changes nothing. */
#ifndef VERIFYD_REDIS_SURVEY_H
#define VERIFYD_REDIS_SURVEY_H

#include "common/adapters/redis_url.h"
#include <stddef.h>
#include <stdint.h>

enum {
	REDIS_WORD_BYTES = 33,
	REDIS_SEALS_MAX = 16,        /* keys that are told apart */
	REDIS_SEAL_BYTES = 17,       /* a key's id, as in VERIFYD_SEAL_KEYS */
	REDIS_SEALED_READ = 2000,    /* states that are looked into, at most */
};

struct redis_survey {
	bool info_told;                 /* a managed Redis may hide it; then all of this is empty */
	char version[REDIS_WORD_BYTES]; /* "7.0.15" */
	char role[REDIS_WORD_BYTES];    /* "master", "slave" */
	char policy[REDIS_WORD_BYTES];  /* maxmemory_policy */
	int64_t maxmemory, used_memory; /* bytes; maxmemory 0: none */
	int replicas;                   /* that are connected */
	bool aof;                       /* append-only file */
	bool loading;
	int64_t ahead_ms;   /* its clock against this host's; half of the round trip is taken off */
	int64_t rtt_ms;     /* the measurement may be wrong by half of it */
	size_t states_read; /* REDIS_SEALED_READ at most, wherever Redis's SCAN begins */
	size_t seal_count;
	struct {
		char id[REDIS_SEAL_BYTES];
		size_t states; /* that are not final: what is over needs its key no more */
	} seals[REDIS_SEALS_MAX];
};

/* Blocks: each step up to timeout_ms, and a name as long as the system's resolver takes. Returns: ERR_OK and *ret_survey;
 * ERR_UNAVAILABLE; ERR_INVALID (password or ACL: err has Redis's word); ERR_NO_MEMORY. */
enum err_code redis_survey_look(const struct redis_url *url, int timeout_ms, struct redis_survey *ret_survey,
				struct err *err) WARN_UNUSED;

/* ---- readers of its texts: pure ---- */

/* Reads an INFO reply (lines of "name:value"). */
void redis_survey_read_info(const char *text, size_t len, struct redis_survey *survey);
/* Notes which key sealed a state that is not final, of the JSON text of common/domain/verification.h. */
void redis_survey_note_state(const char *text, size_t len, struct redis_survey *survey);

#endif
