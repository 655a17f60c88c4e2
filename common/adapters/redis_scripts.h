/* redis_scripts: the Lua of redis_store; each header line says KEYS, ARGV and the reply. */
#ifndef VERIFYD_REDIS_SCRIPTS_H
#define VERIFYD_REDIS_SCRIPTS_H

enum redis_script {
	/* KEYS state, lease; ARGV rank, rev, value, ttl ms, channel, lease token or "". Sets the state when it is
	 * higher than what is there (verification_compare), publishes it, gives the lease back. Reply: 1 written, 0
	 * not. */
	SCRIPT_PUT,
	/* KEYS lease, state; ARGV token, ttl ms. Takes or prolongs the lease. Reply: {1 granted or 0 another's, state
	 * or nil}, or {2, "<token> <kept answer>"}. A lease's value is its token, then perhaps a blank and the kept
	 * answer. */
	SCRIPT_LEASE,
	/* KEYS lease; ARGV token, answer, ttl ms. Keeps an answer beside our own lease. Reply: 1 kept, 0 not ours. */
	SCRIPT_KEEP,
	/* KEYS key; ARGV value. Deletes the key while it holds that value. Reply: 1 deleted, 0 not. */
	SCRIPT_DELETE_IF,
	SCRIPT_COUNT
};

/* Returns: the script's constant text. */
const char *redis_script(enum redis_script script);

#endif
