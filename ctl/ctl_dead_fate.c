/* ctl_dead_fate: what is to become of a dead letter in a replay. Pure. */
#include "ctl/ctl_dead_index.h"
#include <stdio.h>
#include <string.h>

void dead_entry_note(struct dead_entry *entry, const struct verification *state)
{
	const struct verification noted = {.state = entry->state == STATE_COUNT ? STATE_QUEUED
	                                                                        : (enum state)entry->state,
	                                   .rev = entry->rev,
	                                   .attempts = entry->now_attempts};
	if (entry->state != STATE_COUNT && verification_compare(state, &noted) <= 0)
		return;
	entry->state = (uint8_t)state->state;
	entry->rev = state->rev;
	entry->now_attempts = state->attempts;
	entry->now_replays = state->replays;
}

int dead_entry_next_replay(const struct dead_entry *entry)
{
	return (entry->replays > entry->now_replays ? entry->replays : entry->now_replays) + 1;
}

/* An id of which no state is known counts as dead: the letter says so. */
enum dead_fate dead_entry_fate(const struct dead_entry *entry, const struct dead_rules *rules)
{
	if (entry->is_unknown)
		return FATE_UNKNOWN;
	if (entry->state != STATE_COUNT && entry->state != STATE_DEAD)
		return FATE_ALIVE;
	if (entry->kind == KIND_COUNT || !*entry->id)
		return FATE_POISON;
	if (entry->is_waiting)
		return FATE_WAITING;
	if (dead_entry_next_replay(entry) > rules->max_replays)
		return FATE_LOOPING;
	bool stale = entry->deadline_ms != 0 && entry->deadline_ms <= rules->now_ms;
	return stale && !rules->include_stale ? FATE_STALE : FATE_REPLAY;
}

static const struct {
	const char *name, *why;
} fates[FATE_COUNT] = {
        [FATE_REPLAY] = {"replay", ""},
        [FATE_ALIVE] = {"alive", "not dead any more"},
        [FATE_WAITING] = {"waiting", "replayed already, and not worked on yet"},
        [FATE_STALE] = {"stale", "stale: its deadline has passed, nobody waits (--include-stale replays it)"},
        [FATE_LOOPING] = {"looping", "replayed as often as is allowed (--max-replays allows more)"},
        [FATE_POISON] = {"poison", "poison: the record cannot be read"},
        [FATE_UNKNOWN] = {"unknown", "its present state is not known"},
        [FATE_LATER] = {"later", "left for later by --limit"},
};

const char *dead_fate_name(enum dead_fate fate)
{
	return fates[fate].name;
}

void dead_entry_why(const struct dead_entry *entry, char *out, size_t cap)
{
	if (entry->fate == FATE_ALIVE && entry->state < STATE_COUNT)
		(void)snprintf(out, cap, "it is %s, not dead", state_name((enum state)entry->state));
	else
		(void)snprintf(out, cap, "%s", fates[entry->fate].why);
}
