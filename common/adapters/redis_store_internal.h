/* redis_store_internal: what redis_store.c (connection, states, leases), redis_store_claim.c (questions),
 * redis_store_fill.c (many at once), redis_store_journeys.c (a person's journeys), redis_store_fleet.c (the workers),
 * redis_store_gate.c (quota and breaker), redis_store_keys.c (idempotency keys) and redis_store_epoch.c (is the cache
 * whole?) share. */
#ifndef VERIFYD_REDIS_STORE_INTERNAL_H
#define VERIFYD_REDIS_STORE_INTERNAL_H

#include "common/adapters/redis_link.h"
#include "common/adapters/redis_scripts.h"
#include "common/adapters/redis_store.h"
#include "common/adapters/redis_store_gate.h"
#include "common/base/decimal.h"
#include "common/base/spares.h"

enum {
	KEY_BYTES = 128,
	SHA_BYTES = 41,
	NUMBER_BYTES = DECIMAL_BYTES,
	CHANNEL_BYTES = 40, /* "verifyd:wake:<shard>" */
	REPLICATION_ID_BYTES = 65, /* Redis's have 40 characters */
	RIGHT_BYTES = TOKEN_BYTES + REPLICATION_ID_BYTES,
	SCRIPT_MAX_ARGUMENTS = 28, /* keys included */
};

extern const int64_t store_names_ttl_ms; /* of the pointers of a person and of a vendor's reference */

#define KEY_EPOCH    "verifyd:epoch"
#define KEY_REBUILD  "verifyd:rebuild"
#define KEY_MISSED   "verifyd:rebuild:missed" /* counts who came back and could not write for a while */
#define KEY_PROGRESS "verifyd:rebuild:progress"

struct redis_store {
	struct redis_link *link;
	int64_t retention_ms;
	void (*on_change)(void *ctx, bool up);
	void *ctx;
	char sha[SCRIPT_COUNT][SHA_BYTES];
	int loaded; /* scripts loaded on this connection */
	bool up, policy_good, identified;
	bool was_up;     /* once */
	int64_t opened_ms;
	int64_t away_since_ms; /* clock_mono_ms; of this connection's predecessor's end, 0: there was none */
	int64_t back_ms; /* when it came up last, but for the first time */
	bool lost; /* an answer never came: the connection is ending, on_link_down has not been called yet */
	/* of this connection's Redis: its replication id, and the epoch that was read just before */
	char replication_id[REPLICATION_ID_BYTES], epoch[REPLICATION_ID_BYTES];
	bool unnamed;                    /* it hides its replication id; said once */
	char rebuild_token[TOKEN_BYTES]; /* whose claim_rebuild was granted last; "": nobody's */
	struct spares claims;            /* redis_store_claim.c */
	char missed[NUMBER_BYTES];       /* the count of outages up to which what was missed has been, or is being, read */
};

/* What a caller waits for: one per command, freed with its answer. */
struct store_call {
	struct redis_store *store;
	union {
		store_get_fn get;
		store_each_fn each;
		store_done_fn done;
		store_lease_fn lease;
		store_put_fn put;
		store_fill_fn fill;
		store_subject_fn subject;
		store_browser_fn browser;
		store_place_fn place;
		store_whole_fn whole;
		store_key_fn key;
		store_worker_fn worker;
		store_epoch_fn epoch;
		store_look_fn look;
		store_gate_fn gate;
		store_breaker_fn breaker;
		store_time_fn time;
	} fn;
	store_done_fn done; /* after every fn.worker or fn.breaker */
	void *ctx;
	char token[TOKEN_BYTES]; /* claim_rebuild */
	bool prolongs;           /* likewise */
	size_t count;
	char ids[][ID_BYTES];
};

/* Joins texts (the last one: NULL) to a key; what is too long for one is cut. */
void store_key(char out[KEY_BYTES], const char *const *parts);

/* Names of keys, and what goes with a state. */
void store_key_of_state(char out[KEY_BYTES], const char *id);
void store_key_of_question(char out[KEY_BYTES], const char *question);
void store_key_of_subject(char out[KEY_BYTES], const char *question);
void store_key_of_reference(char out[KEY_BYTES], const char *vendor, const char *reference);
void store_channel_of(char out[CHANNEL_BYTES], const char *id);
int64_t store_ttl_of_state(const struct redis_store *store, enum state state);

void store_claims_init(struct redis_store *store); /* redis_store_claim.c; ended by spares_fini */

/* Returns: a call of fn.* still to be set, with room for `ids` ids; NULL: out of memory. */
struct store_call *store_call_new(struct redis_store *store, void *ctx, size_t ids);

/* Sends for a call (NULL: ERR_NO_MEMORY), and frees it when it could not be sent. argv_len: NULL for '\0'-terminated.
 */
enum err_code store_send(struct store_call *call, redis_reply_fn fn, int argc, const char **argv,
                         const size_t *argv_len) WARN_UNUSED;

/* Runs a script for a call; argv: `keys` keys, then the arguments, at most SCRIPT_MAX_ARGUMENTS; ends with NULL. */
enum err_code store_send_script(struct store_call *call, redis_reply_fn fn, enum redis_script script, int keys,
                                const char *const *argv) WARN_UNUSED;

/* Sends a command that nobody waits for. `what` names it in the log when it could not be sent. */
void store_send_idly(struct redis_store *store, const char *what, int argc, const char **argv);

/* Deletes a key while it holds that value. Best effort: what is not deleted runs out by itself. */
void store_delete_if(struct redis_store *store, const char *key, const char *value);

/* A reply that cannot be used: gone, or an error. A lost script (SCRIPT FLUSH, a failover) heals by reconnecting. */
bool store_reply_failed(struct redis_store *store, const struct redisReply *reply) WARN_UNUSED;

/* Answers of one text or nil: calls call->fn.get. */
void store_on_text(void *ctx, const struct redisReply *reply);

/* Asks for epoch and replication id; call NULL: for the store itself, which then is identified. */
enum err_code store_ask_epoch(struct redis_store *store, struct store_call *call) WARN_UNUSED;

/* Whether all that has to be known of a new connection is known: then the store is up. */
void store_check_up(struct redis_store *store);

#endif
