/* lost_rung: who lacks one, and the record that stands for it. */
#include "workers/lost_rung.h"
#include "workers/job.h"

/* Before the first rung there is no ladder: the watchdog looks after it. */
static bool is_lost(const struct verification *state, int64_t now_ms)
{
	return state->state == STATE_CHECKING && state->poll > 0 && now_ms - state->updated_ms > LOST_RUNG_AFTER_MS;
}

bool lost_rung_send(struct kafka_producer *producer, const struct restore *item, int64_t now_ms)
{
	struct verification state;
	struct verification_texts texts = {NULL, NULL};
	if (!is_lost(&item->state, now_ms) ||
	    verification_decode(item->value, item->len, &state, &texts, NULL) != ERR_OK)
		return false;
	const struct retrieval retrieval = {.state = &state, .texts = &texts, .cause = CAUSE_POLL, .wait_ms = 0};
	bool sent = texts.sealed && retrieval_send(producer, &retrieval, NULL) == ERR_OK;
	verification_texts_fini(&texts);
	return sent;
}
