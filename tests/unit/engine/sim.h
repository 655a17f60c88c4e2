/* sim: one story of the engine simulation: its weather, its questions, and what must hold of each. Belongs to
 * engine_sim_test.c. */
#ifndef VERIFYD_ENGINE_SIM_H
#define VERIFYD_ENGINE_SIM_H

#include "tests/unit/engine/world.h"

enum { SIM_PODS = 3, SIM_ITEMS = 10, SIM_KEY_BYTES = 24 };

/* What may go wrong; a seed's weather is a set of these. */
enum fault {
	FAULT_KILL = 1,      /* SIGKILL between two events */
	FAULT_POINT = 2,     /* SIGKILL at a crash point, or before or after what an adapter does */
	FAULT_DRAIN = 4,     /* SIGTERM, now and then with too little time */
	FAULT_BALANCE = 8,   /* a rebalance */
	FAULT_FREEZE = 16,   /* SIGSTOP, for a moment or for longer than a session and a lease */
	FAULT_AWAY = 32,     /* Redis restarts with what it held */
	FAULT_LOSS = 64,     /* FLUSHALL */
	FAULT_SLOW = 128,    /* Redis is slow, or swallows an answer */
	FAULT_VENDOR = 256,  /* 5xx, 429, resets, silence, garbage */
	FAULT_KAFKA = 512,   /* slow acks, failed deliveries that arrived or did not, an outage */
	FAULT_CLOCK = 1024,  /* a pod's wall clock steps */
	FAULT_REPEAT = 2048, /* records, returns and callbacks come more than once */
	FAULT_REPLAY = 4096,
	FAULT_POISON = 8192,
	FAULT_ALL = 16383,
	/* Any of these can end or outlive a lease while its holder lives: then a score may be bought twice. */
	FAULTS_OF_LEASES = FAULT_AWAY | FAULT_LOSS | FAULT_SLOW | FAULT_FREEZE,
};

/* A question that was accepted, and what is known of it from outside. */
struct item {
	char id[ID_BYTES];
	enum kind kind;
	int person;
	int lives;                      /* 1 and its replays */
	int excuses;                    /* windows in which an answer was bought and lost: each may cost one more */
	int calling;                    /* the pod whose call, or answer that is not kept yet, this is; -1 */
	uint64_t open[OPERATION_COUNT]; /* pods with a call of it on its way, as bits */
	uint64_t publishing;            /* pods with a result of it on its way, as bits */
	bool is_completed;              /* in the log */
	int completions;                /* different ones */
	struct verification first;      /* the one with the lowest offset */
	bool is_shown;                  /* Redis showed it completed */
	struct verification shown;
};

struct sim {
	struct world *world;
	uint32_t weather;
	bool is_healing, has_flushed;
	const char *broken; /* the rule that was broken first; NULL: none */
	struct pod *pods[SIM_PODS];
	struct item items[SIM_ITEMS];
	int item_count;
	int poisons;
	int met_quota; /* how often a quota was used up */
	int second_scores, second_initiates, changed_answers; /* what the admitted windows cost */
};

void sim_hook(struct sim *sim); /* sets the world's hooks: the checks, and the plans of what goes wrong */
void sim_check(struct sim *sim, bool holds, const char *rule);
bool sim_fault(struct sim *sim, enum fault fault, uint32_t one_in);
struct item *sim_item(struct sim *sim, const char *id); /* NULL */
void sim_poison_key(int number, char out[SIM_KEY_BYTES]);
bool sim_is_at_rest(struct sim *sim);
void sim_check_end(struct sim *sim);

#endif
