/* desk_key: a question that came with an Idempotency-Key. Redis keeps for a day which body the key came with, and which
 * verification it led to. Without a whole cache nobody knows, so such a question is refused: who sends a key would
 * rather ask again than ask twice. */
#include "ingress/desk_internal.h"
#include <string.h>

enum { KEY_TTL_MS = 24 * 3600 * 1000 };

static void go_on(struct ask *ask)
{
	if (ask->type == ASK_JOURNEY)
		desk_new_journey(ask);
	else
		desk_new_question(ask);
}

/* What the key led to: known, then that is the answer; else its record may be lost, and this one is as good. */
static void on_state(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct ask *ask = ctx;
	if (code != ERR_OK) {
		desk_finish(ask, OUTCOME_KEY_AWAY);
		return;
	}
	if (value || ask->type == ASK_NEW)
		memcpy(ask->request.id, ask->key_id, ID_BYTES);
	enum outcome outcome = value ? desk_take_state(ask, value, len) : OUTCOME_STATE;
	if (outcome != OUTCOME_STATE)
		desk_finish(ask, outcome);
	else if (value)
		desk_wait_or_finish(ask);
	else
		go_on(ask);
}

static void on_key(void *ctx, enum err_code code, bool same_body, const char *id)
{
	struct ask *ask = ctx;
	if (code != ERR_OK || !same_body) {
		desk_finish(ask, code != ERR_OK ? OUTCOME_KEY_AWAY : OUTCOME_KEY_REUSED);
		return;
	}
	memcpy(ask->key_id, id, ID_BYTES);
	bool is_own_journey = ask->type == ASK_JOURNEY && strcmp(id, ask->request.id) == 0;
	if (is_own_journey)
		go_on(ask); /* looks at its own state itself */
	else if (redis_store_get(ask->desk->store, id, on_state, ask) != ERR_OK)
		desk_finish(ask, OUTCOME_KEY_AWAY);
}

void desk_new_with_key(struct ask *ask)
{
	if (redis_store_claim_key(ask->desk->store, ask->key, ask->key_body, ask->request.id, KEY_TTL_MS, on_key,
	                          ask) != ERR_OK)
		desk_finish(ask, OUTCOME_KEY_AWAY);
}

void desk_note_key(const struct ask *ask)
{
	if (ask->key_id[0] && ask->desk->store && strcmp(ask->key_id, ask->request.id) != 0)
		redis_store_name_key(ask->desk->store, ask->key, ask->key_body, ask->request.id);
}
