/* redis_scripts: the Lua of redis_store; each header line says KEYS, ARGV and the reply. */
#ifndef VERIFYD_REDIS_SCRIPTS_H
#define VERIFYD_REDIS_SCRIPTS_H

enum redis_script {
	/* KEYS state, lease; ARGV rank, rev, value, ttl ms, channel, lease token or "". Sets the state when it is
	 * higher than what is there (verification_compare), publishes it, gives the lease back. Reply: 1 written, 0
	 * not. */
	SCRIPT_PUT,
	/* KEYS of each state: it, its subject, its reference (the state itself: none); ARGV ttl ms of names, then of each
	 * state rank, rev, attempts, value, ttl ms, channel or "" (nobody is woken), id, created ms. Sets each state when it
	 * is higher than what is there; adds the names. Reply: how many states were written. */
	SCRIPT_FILL,
	/* KEYS state, epoch. Reply: the state; nil: there is none; 1: there is none, and the cache is not whole. */
	SCRIPT_GET,
	/* KEYS lease, state, epoch; ARGV token, ttl ms, "whole" (only while the cache is) or "any". Takes or prolongs
	 * the lease. Reply: {enum lease, state or nil}, for LEASE_ANSWERED {it, "<token> <kept answer>"}. A lease's
	 * value is its token, then perhaps a blank and the kept answer. */
	SCRIPT_LEASE,
	/* KEYS lease; ARGV token, answer, ttl ms. Keeps an answer beside our own lease. Reply: 1 kept, 0 not ours. */
	SCRIPT_KEEP,
	/* KEYS key; ARGV value. Deletes the key while it holds that value. Reply: 1 deleted, 0 not. */
	SCRIPT_DELETE_IF,
	/* KEYS subject, epoch; ARGV id, created ms, over or "", most a day, how old (ms) entries are forgotten, ttl ms.
	 * Reply: {enum subject_claim, holder or nil}. */
	SCRIPT_SUBJECT,
	/* KEYS browser; ARGV hash, ticket ms (0: only look), ttl ms. Reply: enum browser. */
	SCRIPT_BROWSER,
	/* KEYS rebuild, missed; ARGV token, right (token, blank, replication id), ttl ms, "take" or "prolong". A right to
	 * prolong that is not there, or is of another Redis, is given up. Reply: {1 granted or 0, missed}. */
	SCRIPT_REBUILD,
	/* KEYS rebuild, epoch, missed; ARGV right, replication id, missed. Reply: {enum epoch_set, missed}; EPOCH_SET: the
	 * right is given back. */
	SCRIPT_EPOCH,
	/* KEYS key, epoch; ARGV "<body> <id>", ttl ms. Sets it when it is not there. Reply: what stands; 1: the cache is not
	 * whole. */
	SCRIPT_KEY,
	/* KEYS window, gate, breaker; ARGV member, limit, span ms, 4 wants, used, untold, born, given, ok, failed,
	 * "barred" or "", probe ("worked", "failed" or ""), close ms, probe ms, failures that open, op, reason, how long
	 * wants count ms, how long a new window allows nothing ms. Reply: {4 grants, probe, again ms, closed ms, used,
	 * members, born, given, reason or nil}: struct store_gate_reply. */
	SCRIPT_GATE,
	SCRIPT_COUNT
};

/* Returns: the script's constant text. */
const char *redis_script(enum redis_script script);

#endif
