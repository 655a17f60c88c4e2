/* engine_lease: the right to work on a verification, and what is known of it: the state in Redis, what the record
 * brought along, what this job has published itself; the highest stands. A holder that died may have left its answer.
 */
#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "workers/engine_internal.h"
#include "workers/job_trace.h"
#include <stdlib.h>
#include <string.h>

enum {
	LEASE_MARGIN_MS = 5000, /* the lease outlives the longest call by this */
	LEASE_FRESH_MS = 2500,  /* well within that margin */
	LEASE_POLL_MS = 500,    /* how often a lease that another one holds is asked for */
	COMING_POLL_MS = 20,    /* how often it is looked whether a Redis that was not up yet is there */
	/* What was published while Redis was away is set by the projectors when it is back; until then its states are
	 * old, and one of them may say that nothing was sent. */
	CATCH_UP_MS = PROJECTOR_LAG_MS + 2000,
};

/* ---- what is known ---- */

/* A state and its texts as Redis has them. Returns: ERR_OK; ERR_NOT_FOUND (there is none, or nobody can read it);
 * ERR_NEWER. */
static enum err_code decode_state(const struct job *job, const char *value, size_t len, struct verification *ret,
                                  struct verification_texts *ret_texts)
{
	struct err err;
	if (!value)
		return ERR_NOT_FOUND;
	enum err_code code = verification_decode(value, len, ret, ret_texts, &err);
	if (code == ERR_OK)
		return ERR_OK;
	log_error("state_unreadable", LOG_STR("id", job->request.id), LOG_STR("why", err.msg));
	return code == ERR_NEWER ? ERR_NEWER : ERR_NOT_FOUND;
}

/* texts: become the job's; an empty one leaves those that it has. */
static void take_state(struct job *job, const struct verification *state, struct verification_texts *texts)
{
	job->state = *state;
	job->unsaved = false;
	if (texts->sealed || texts->link) {
		verification_texts_fini(&job->texts);
		job->texts = *texts;
		*texts = (struct verification_texts){NULL, NULL};
	}
}

/* The state in Redis, what a retrieval's record brought along, or, of a new question, that it is queued; but what this
 * job has reached itself stands above what is older (Redis was away). Returns: ERR_OK; ERR_NOT_FOUND when nothing is
 * known; ERR_NEWER when a newer version has moved the state to where this one cannot follow. */
static enum err_code read_state(struct job *job, const char *value, size_t len)
{
	struct verification found, brought;
	struct verification_texts texts = {NULL, NULL};
	const struct flow *flow = job->engine->flow;
	enum err_code code = decode_state(job, value, len, &found, &texts);
	bool known = code == ERR_OK;
	if (code == ERR_NEWER)
		return code;
	if (flow->opens && !known) {
		verification_queued(&job->request, &found);
		known = true;
	} else if (!flow->opens &&
	           retrieval_decode_state(job->record->value, job->record->value_len, &brought, NULL) == ERR_OK) {
		memcpy(job->brought, brought.reference, sizeof job->brought);
		if (!known || verification_compare(&brought, &found) > 0)
			found = brought;
		known = true;
	}
	bool own_stands = job->has_state && (!known || verification_compare(&job->state, &found) > 0);
	if (known && !own_stands)
		take_state(job, &found, &texts);
	verification_texts_fini(&texts);
	job->has_state = job->has_state || known;
	if (job->has_state)
		job->request.attempts = verification_attempts(&job->state, &job->request, job->engine->operation->flow);
	if (kind_is_journey(job->request.kind) && !job->texts.sealed)
		job->texts.sealed = strndup(job->request.sealed, job->request.sealed_len);
	return job->has_state ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- an answer that its buyer left behind ---- */

/* A kept death is older than a replay of it: to adopt it would swallow the replay, so that one waits. */
static bool can_adopt(const struct job *job, const struct verification *kept)
{
	if (kept->state == STATE_DEAD)
		return job->request.replays <= kept->replays;
	return kept->state == job->engine->flow->keeps;
}

/* Whether the kept answer goes on from what stands; that may have moved while Redis was away, to the same revision. */
static bool goes_on_from(const struct verification *kept, const struct verification *stands)
{
	int rank = state_rank(stands->state);
	if (state_rank(kept->state) != rank)
		return state_rank(kept->state) > rank;
	return rank == 0 && (kept->rev > stands->rev || stands->state == STATE_QUEUED);
}

/* Finishes the work of who bought the answer, under its token, without a call. */
static void adopt(struct job *job, struct kept_answer *kept)
{
	metric_add(job->engine->metric.adopted, 1);
	job_note(job, DECISION_ADOPTED, REASON_NONE);
	take_state(job, &kept->state, &kept->texts);
	memcpy(job->token, kept->token, TOKEN_BYTES);
	job->leased = true;
	job->decided = true;
	job->published = false; /* the answer is not in `results` yet, whatever this job has published before */
	job->sent_effects = 0;
	job->reason = job->state.reason;
	job->request.attempts = job->state.attempts;
	job->orphans = job->state.state == STATE_AWAITING_USER;
	job->effects = EFFECT_PUBLISH;
	if (job->state.state == STATE_DEAD)
		job->effects |= EFFECT_DEAD_LETTER;
	if (job->state.state == STATE_AWAITING_USER)
		job->effects |= EFFECT_WATCH;
	if (verification_is_told(&job->state))
		job->effects |= EFFECT_NOTIFY; /* perhaps a second time, under the same webhook-id */
	if (job_encode(job) == ERR_OK)
		job_do_effects(job);
	else
		job_hand_back(job);
}

/* What was kept has been overtaken: its lease, which would stand for minutes, is given back for whoever kept it. */
static void drop_kept(struct job *job, const struct kept_answer *kept, const struct verification *stands,
                      const char *value, size_t len)
{
	job_note_orphan(job, kept->state.reference, stands);
	if (redis_store_put(job->ports->store, stands, value, len, job->engine->lease, kept->token, NULL, NULL, NULL) !=
	    ERR_OK)
		log_debug("kept_answer_not_dropped", LOG_STR("id", job->request.id));
	job_take_lease(job);
}

static void decide_on_kept(struct job *job, struct kept_answer *kept, const char *value, size_t len)
{
	struct verification stands;
	bool known = decode_state(job, value, len, &stands, NULL) == ERR_OK;
	bool is_next = (!known || goes_on_from(&kept->state, &stands)) &&
	               (!job->has_state || goes_on_from(&kept->state, &job->state));
	if (is_next && can_adopt(job, &kept->state)) {
		int64_t above = known ? stands.rev : 0;
		above = job->has_state && job->state.rev > above ? job->state.rev : above;
		if (kept->state.rev <= above)
			kept->state.rev = above + 1;
		adopt(job, kept);
	} else if (known && verification_compare(&stands, &kept->state) >= 0) {
		drop_kept(job, kept, &stands, value, len);
	} else {
		job_wait(job, LEASE_POLL_MS, job_take_lease); /* another's to finish: its record will come, too */
	}
}

void job_forget_kept(struct job *job)
{
	if (job->kept)
		verification_texts_fini(&job->kept->texts);
	free(job->kept);
	job->kept = NULL;
}

static void on_standing(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct job *job = ctx;
	struct kept_answer kept = *job->kept; /* the job may be gone before this is over */
	job->kept->texts = (struct verification_texts){NULL, NULL};
	job_forget_kept(job);
	job->held = false;
	if (job->abandoned)
		job_end(job);
	else if (code == ERR_OK ||
	         redis_store_is_up(job->ports->store)) /* else: it is being filled, nothing stands there yet */
		decide_on_kept(job, &kept, code == ERR_OK ? value : NULL, len);
	else
		job_wait(job, LEASE_POLL_MS, job_take_lease);
	verification_texts_fini(&kept.texts);
}

/* Another worker got the answer and died, or is about to write it. */
static void on_answered(struct job *job, const char *token, const char *value, size_t len)
{
	struct kept_answer *kept = job->kept = calloc(1, sizeof *kept);
	if (!kept || decode_state(job, value, len, &kept->state, &kept->texts) != ERR_OK) {
		job_forget_kept(job);
		job_wait(job, LEASE_POLL_MS, job_take_lease);
		return;
	}
	memcpy(kept->token, token, TOKEN_BYTES);
	job->held = true;
	if (redis_store_get(job->ports->store, job->request.id, on_standing, job) != ERR_OK)
		on_standing(job, ERR_UNAVAILABLE, NULL, 0);
}

/* ---- the lease ---- */

/* A watchdog judges a person by what it does not see: it must see all that is known. */
static bool needs_cache(const struct job *job)
{
	return job->engine->flow->needs_cache || job->request.cause == CAUSE_WATCHDOG || job->expiring;
}

/* Waits for Redis, or for what it is being filled with; where nobody waits for the job, not in memory. */
static void wait_for_cache(struct job *job)
{
	if (job->expiring)
		job_retry_later(job, delay_tiers()[0].wait_ms);
	else
		job_wait(job, LEASE_POLL_MS, job_take_lease);
}

static void without_cache(struct job *job)
{
	/* A worker that has just begun: what one before it has bought is known to Redis only. */
	if (redis_store_is_coming(job->ports->store)) {
		job_wait(job, COMING_POLL_MS, job_take_lease);
		return;
	}
	if (needs_cache(job) || read_state(job, NULL, 0) != ERR_OK) {
		wait_for_cache(job);
		return;
	}
	metric_add(job->engine->metric.without_lease, 1);
	job_pass_gate(job);
}

static void on_lease(void *ctx, enum err_code code, enum lease lease, const char *token, const char *value, size_t len)
{
	struct job *job = ctx;
	enum err_code read;
	job->held = false;
	if (job->abandoned) {
		job_end(job);
		return;
	}
	CRASH_POINT(worker.leased);
	job->leased = code == ERR_OK && lease == LEASE_GRANTED;
	if (code != ERR_OK) {
		without_cache(job);
	} else if (job->leased && !job_lease_is_fresh(job)) {
		job_take_lease(job); /* this process stood still, and another may have bought the answer meanwhile */
	} else if (lease == LEASE_ANSWERED) {
		on_answered(job, token, value, len);
	} else if (lease == LEASE_REBUILDING) {
		wait_for_cache(job);
	} else if ((read = read_state(job, value, len)) == ERR_NEWER) {
		job_retry_later(job, delay_tiers()[0].wait_ms); /* to begin anew would be to buy twice */
	} else if (read != ERR_OK) {
		job_no_use(job); /* a retrieval of something that nobody knows: erased, or of another age */
	} else if (lease == LEASE_ANOTHERS && state_rank(job->state.state) == 0) {
		/* another worker is at it, or died and its lease runs out */
		job_wait(job, LEASE_POLL_MS, job_take_lease);
	} else {
		job_pass_gate(job);
	}
}

int64_t job_lease_ms(const struct job *job)
{
	const struct engine_options *options = &job->engine->options;
	return options->vendor->timeout_ms(options->vendor_self, job->operation) + LEASE_MARGIN_MS;
}

bool job_lease_is_fresh(const struct job *job)
{
	return clock_mono_ms() - job->leased_ms <= LEASE_FRESH_MS;
}

static int64_t catching_up_ms(const struct job *job, int64_t now)
{
	int64_t back = redis_store_back_ms(job->ports->store);
	return needs_cache(job) && back != 0 ? back + CATCH_UP_MS - now : 0;
}

void job_take_lease(struct job *job)
{
	struct engine *engine = job->engine;
	int64_t now = clock_mono_ms(), catching_up = catching_up_ms(job, now);
	if (catching_up > 0) {
		job_wait(job, catching_up, job_take_lease);
		return;
	}
	job->leased_ms = now;
	job->held = true; /* the store holds a pointer to the job until it answers */
	enum err_code code = redis_store_lease(job->ports->store, job->request.id, engine->lease, job->token,
	                                       job_lease_ms(job), needs_cache(job), on_lease, job);
	if (code != ERR_OK)
		on_lease(job, ERR_UNAVAILABLE, LEASE_ANOTHERS, "", NULL, 0);
}

/* ---- was it ours all the time? ---- */

static void on_confirmed(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct job *job = ctx;
	struct verification stands;
	enum err_code read = code == ERR_OK ? decode_state(job, value, len, &stands, NULL) : code;
	job->held = false;
	if (job->abandoned) {
		job_end(job);
	} else if (read == ERR_NEWER) {
		job_no_use(job); /* overtaken by a newer version */
	} else if (read == ERR_OK && state_rank(stands.state) > 0 &&
	           verification_compare(&stands, &job->state) >=
	                   0) { /* what is lower may be shown and not yet durable */
		job_note_orphan(job, job->state.reference, &stands);
		job_no_use(job);
	} else {
		job_do_effects(job);
	}
}

/* A process that stood still may wake up with a step that another worker has overtaken; so may one whose lease was lost
 * with a Redis that came back empty. */
void job_confirm(struct job *job)
{
	bool lasts = clock_mono_ms() - job->leased_ms < job_lease_ms(job);
	if (lasts && redis_store_back_ms(job->ports->store) <= job->leased_ms) {
		job_do_effects(job);
		return;
	}
	job->held = true;
	enum err_code code = redis_store_get(job->ports->store, job->request.id, on_confirmed, job);
	if (code != ERR_OK)
		on_confirmed(job, code, NULL, 0); /* nobody can say: of two completed results the first one stands */
}
