/* desk_visit: what is known of a verification: read by its caller, by the person who comes and goes, and by the
 * vendor's callback; the last two ask a worker to look. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "ingress/desk_internal.h"
#include <string.h>
#include <strings.h>

enum { UNSAVED_MS = 10 * 1000 };

/* ---- reading ---- */

/* What was accepted while Redis was away is in Kafka, and in the memory of an ingress that may be gone since: until a
 * worker has taken it up, Redis cannot tell it from what never was. */
static bool may_be_unsaved(const struct desk *desk)
{
	int64_t back_ms = redis_store_back_ms(desk->store);
	return back_ms != 0 && clock_mono_ms() - back_ms < UNSAVED_MS;
}

static void on_read(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct ask *ask = ctx;
	bool knows = code == ERR_OK && (value || !may_be_unsaved(ask->desk));
	enum outcome outcome = knows ? desk_take_state(ask, value, len) : OUTCOME_CACHE_AWAY;
	if (outcome == OUTCOME_STATE)
		desk_find_place(ask);
	else if (outcome == OUTCOME_CACHE_AWAY && ask->type == ASK_READ)
		desk_wait_for_cache(ask);
	else
		desk_finish(ask, outcome);
}

static void read_then(struct ask *ask, store_get_fn fn)
{
	if (redis_store_get(ask->desk->store, ask->request.id, fn, ask) != ERR_OK)
		desk_finish(ask, OUTCOME_CACHE_AWAY);
}

void desk_read(struct ask *ask)
{
	if (redis_store_get(ask->desk->store, ask->request.id, on_read, ask) != ERR_OK)
		on_read(ask, ERR_UNAVAILABLE, NULL, 0);
}

/* ---- the person comes and goes ---- */

static void on_start(void *ctx, enum err_code code, enum browser browser)
{
	struct ask *ask = ctx;
	if (code == ERR_OK && browser != BROWSER_ANOTHER)
		desk_read(ask);
	else
		desk_finish(ask, code == ERR_OK ? OUTCOME_OTHER_BROWSER : OUTCOME_CACHE_AWAY);
}

void desk_start(struct ask *ask)
{
	if (redis_store_browser(ask->desk->store, ask->request.id, ask->browser, ask->ticket_ms, ask->browser_ttl_ms,
	                        on_start, ask) != ERR_OK)
		desk_finish(ask, OUTCOME_CACHE_AWAY);
}

/* A callback may have been there first. */
static bool is_news(const struct verification *state)
{
	return state->state == STATE_AWAITING_USER || (state->state == STATE_CHECKING && state->returned_ms == 0);
}

static void on_returned_state(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct ask *ask = ctx;
	enum outcome outcome = code == ERR_OK ? desk_take_state(ask, value, len) : OUTCOME_CACHE_AWAY;
	if (outcome == OUTCOME_STATE && is_news(&ask->state))
		desk_retrieve(ask, CAUSE_RETURNED, &ask->texts, THEN_FINISH);
	else
		desk_finish(ask, outcome);
}

/* A browser that nobody knows is let in: its cookie was proved ours before it came here, and Redis may have forgotten
 * it. */
static void on_return(void *ctx, enum err_code code, enum browser browser)
{
	struct ask *ask = ctx;
	if (code == ERR_OK && browser != BROWSER_ANOTHER)
		read_then(ask, on_returned_state);
	else
		desk_finish(ask, code == ERR_OK ? OUTCOME_OTHER_BROWSER : OUTCOME_CACHE_AWAY);
}

void desk_return(struct ask *ask)
{
	if (redis_store_browser(ask->desk->store, ask->request.id, ask->browser, 0, 0, on_return, ask) != ERR_OK)
		desk_finish(ask, OUTCOME_CACHE_AWAY);
}

/* ---- the vendor calls back ---- */

static void on_called_back(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct ask *ask = ctx;
	const struct verification *state = &ask->state;
	enum outcome outcome = code == ERR_OK ? desk_take_state(ask, value, len) : OUTCOME_CACHE_AWAY;
	if (outcome == OUTCOME_STATE && !kind_is_journey(state->kind))
		outcome = OUTCOME_NOT_FOUND;
	if (outcome != OUTCOME_STATE) {
		desk_finish(ask, outcome);
		return;
	}
	ask->is_orphan = ask->reference[0] && state->reference[0] && strcasecmp(ask->reference, state->reference) != 0;
	if (ask->is_orphan)
		log_warn("orphaned_reference", LOG_STR("id", state->id), LOG_STR("reference", ask->reference));
	if (ask->is_orphan || state_rank(state->state) > 0)
		desk_finish(ask, OUTCOME_STATE);
	else
		desk_retrieve(ask, CAUSE_CALLBACK, &ask->texts, THEN_FINISH);
}

/* Takes over the id that a reference led to. Returns: false when it led nowhere. */
static bool take_id(struct ask *ask, const char *value, size_t len)
{
	if (!value || !id_is_valid(value, len))
		return false;
	memcpy(ask->request.id, value, len);
	ask->request.id[len] = '\0';
	return true;
}

static void on_called_back_about(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct ask *ask = ctx;
	if (code == ERR_OK && take_id(ask, value, len))
		read_then(ask, on_called_back);
	else
		desk_finish(ask, code == ERR_OK ? OUTCOME_NOT_FOUND : OUTCOME_CACHE_AWAY);
}

void desk_callback(struct ask *ask)
{
	const char *vendor = kind_info(KIND_JUMIO_IDENTITY)->vendor;
	if (ask->request.id[0])
		read_then(ask, on_called_back);
	else if (redis_store_by_reference(ask->desk->store, vendor, ask->reference, on_called_back_about, ask) !=
	         ERR_OK)
		desk_finish(ask, OUTCOME_CACHE_AWAY);
}

/* ---- a reference from before our time ---- */

/* The vendor has it, and the person has been there: what is left is to look. */
static void begin_check(struct ask *ask)
{
	struct verification *state = &ask->state;
	if (!desk_seal(ask))
		return;
	verification_queued(&ask->request, state);
	state->state = STATE_CHECKING;
	state->adopted = true;
	state->checking_ms = state->created_ms;
	memcpy(state->reference, ask->reference, sizeof state->reference);
	const struct verification_texts texts = {.sealed = ask->request.sealed};
	desk_retrieve(ask, CAUSE_ADOPTED, &texts, THEN_SAVE);
}

static void on_adopted_state(void *ctx, enum err_code code, const char *value, size_t len)
{
	if (code == ERR_OK && !value)
		begin_check(ctx);
	else
		on_read(ctx, code, value, len);
}

static void on_adopted(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct ask *ask = ctx;
	if (code != ERR_OK)
		desk_finish(ask, OUTCOME_CACHE_AWAY);
	else if (take_id(ask, value, len))
		desk_read(ask);
	else
		read_then(ask, on_adopted_state);
}

void desk_adopt(struct ask *ask)
{
	const char *vendor = kind_info(ask->request.kind)->vendor;
	if (redis_store_by_reference(ask->desk->store, vendor, ask->reference, on_adopted, ask) != ERR_OK)
		desk_finish(ask, OUTCOME_CACHE_AWAY);
}
