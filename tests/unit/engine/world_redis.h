/* world_redis: what the world's Redis and the pods' connections to it share. */
#ifndef VERIFYD_ENGINE_WORLD_REDIS_H
#define VERIFYD_ENGINE_WORLD_REDIS_H

#include "common/adapters/redis_store_gate.h"
#include "tests/unit/engine/world.h"
#include "workers/breaker.h"
#include "workers/quota.h"

enum { PERSONS = 16, JOURNEYS = 24 };

/* One id's keys: verifyd:v and verifyd:lease. */
struct entry {
	char id[ID_BYTES];
	char *state; /* NULL: none */
	size_t state_len;
	char token[TOKEN_BYTES]; /* "": no lease */
	int64_t lease_until_ms;
	char *answer; /* kept beside the lease; NULL: none */
	size_t answer_len;
	struct entry *next;
};

/* verifyd:s */
struct person_pointer {
	char question[QUESTION_BYTES];
	struct {
		char id[ID_BYTES];
		int64_t created_ms;
	} journey[JOURNEYS];
	size_t count;
};

/* verifyd:quota, verifyd:gate and verifyd:breaker of a class. */
struct gate_class {
	char op[16];
	int64_t born_ms, given, closed_until_ms;
	struct quota window;
	struct breaker breaker;
	struct store_gate_ask asked; /* the last question; without what it points to */
	int questions;
};

struct redis {
	struct entry *entries;
	struct gate_class gates[OPERATION_COUNT];
	struct person_pointer persons[PERSONS];
	size_t person_count;
	struct list wire; /* commands on their way, also of pods that are gone */
	bool is_down, is_whole, is_filling;
	uint64_t life; /* of what it holds: counts losses and outages */
};

void store_shut(struct redis *redis);
struct entry *redis_entry(struct redis *redis, const char *id, bool make);

/* A command on its way. */
struct command {
	struct pod *pod;
	const char *what;
	void (*execute)(struct redis *redis, struct command *command);
	void (*answer)(struct command *command); /* code is set; NULL: nobody waits */
	void *ctx;
	union {
		store_get_fn get;
		store_done_fn done;
		store_lease_fn lease;
		store_put_fn put;
		store_subject_fn subject;
		store_gate_fn gate;
	} fn;
	struct moment *executing, *answering;
	bool is_listed;
	struct list node; /* its pod's */
	struct list wire; /* the world's */
	/* what is asked */
	char id[ID_BYTES], token[TOKEN_BYTES], question[QUESTION_BYTES], over[ID_BYTES];
	struct verification state;
	char *value;
	size_t len;
	int64_t ttl_ms, created_ms;
	int max_a_day;
	bool whole;
	struct store_gate_ask ask;
	char reason[STORE_GATE_REASON_BYTES];
	/* what is answered */
	struct store_gate_reply gate;
	enum err_code code;
	enum lease lease;
	enum subject_claim claim;
	char holder[ID_BYTES], holder_token[TOKEN_BYTES];
	char *found;
	size_t found_len;
	bool written;
};

void execute_get(struct redis *redis, struct command *command);
void execute_put_first(struct redis *redis, struct command *command);
void execute_put(struct redis *redis, struct command *command);
void execute_lease(struct redis *redis, struct command *command);
void execute_keep(struct redis *redis, struct command *command);
void execute_release(struct redis *redis, struct command *command);
void execute_claim(struct redis *redis, struct command *command);
void execute_note_subject(struct redis *redis, struct command *command);
void execute_gate(struct redis *redis, struct command *command);
void execute_nothing(struct redis *redis, struct command *command);

#endif
