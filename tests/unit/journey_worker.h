/* journey_worker: a worker of the journey's model, effect by effect: lease, count, call, follower, result, Redis.
 * Between two effects it may die or stand still. Belongs to journey_sim_test.c. */
#ifndef VERIFYD_JOURNEY_WORKER_H
#define VERIFYD_JOURNEY_WORKER_H

#include "tests/unit/journey_model.h"

static struct record *record_of(struct sim *sim, const struct worker *worker)
{
	return &sim->records[worker->record];
}

/* Counts for the watermark only while the partition is still ours. */
static void record_done(struct sim *sim, const struct worker *worker)
{
	struct record *record = record_of(sim, worker);
	if (record->delivery != worker->delivery)
		return;
	record->done = true;
	record->holder = -1;
}

static bool step(struct sim *sim, struct worker *worker, struct event event)
{
	const struct verification before = worker->state;
	event.at_ms = sim->now_ms;
	event.attempts = worker->attempts;
	event.replays = record_of(sim, worker)->replays;
	event.answered_ms = worker->answered_ms;
	if (!verification_step(&worker->state, &event, &worker->state, &worker->effects)) {
		check(sim, memcmp(&before, &worker->state, sizeof before) == 0, "a refused event changed the state");
		return false;
	}
	check(sim, worker->state.rev == before.rev + (event.type != EVENT_RETRIED), "a step is not one revision");
	check(sim, before.state != STATE_COMPLETED, "a completed state was stepped on");
	worker->unsaved = true;
	return true;
}

static void apply(struct sim *sim, struct worker *worker, struct event event)
{
	if (!step(sim, worker, event)) {
		worker->phase = PHASE_DONE;
		return;
	}
	worker->phase = PHASE_EFFECTS;
	bool is_answer = event.type == EVENT_INITIATED || event.type == EVENT_JUDGED || event.type == EVENT_DIED;
	if (worker->answered_ms && is_answer)
		keep_answer(sim, worker);
}

static void wait_for(struct sim *sim, struct worker *worker, int64_t ms)
{
	worker->phase = PHASE_WAIT;
	worker->wait_until_ms = sim->now_ms + ms;
}

static void retry_later(struct worker *worker, int64_t ms)
{
	worker->retry_ms = ms;
	worker->phase = worker->unsaved ? PHASE_SAVE : PHASE_HOP;
}

/* ---- after a call ---- */

static void pending(struct sim *sim, struct worker *worker, enum reason reason)
{
	bool rung = worker->climbs || worker->state.poll == 0;
	if (rung && next_poll_ms(sim->now_ms - worker->state.checking_ms) < 0)
		apply(sim, worker, (struct event){.type = EVENT_DIED, .reason = REASON_STILL_PENDING});
	else
		apply(sim, worker, (struct event){.type = EVENT_PENDING, .reason = reason, .is_rung = rung});
}

/* What was counted is kept before it is waited for the next try; one that hops takes it along. */
static void retry(struct sim *sim, struct worker *worker, const struct retry_decision *decision)
{
	bool counted = decision->attempts > worker->state.attempts;
	if (decision->verdict == RETRY_IN_MEMORY && counted)
		check(sim, step(sim, worker, (struct event){.type = EVENT_RETRIED, .reason = decision->reason}),
		      "a try was not counted");
	retry_later(worker, decision->wait_ms);
}

static void failed(struct sim *sim, struct worker *worker, enum failure failure)
{
	const struct record *record = record_of(sim, worker);
	const struct retry_input input = {.failure = failure,
	                                  .flow = record->initiate ? FLOW_INITIATE : FLOW_RETRIEVE,
	                                  .bytes_sent = true,
	                                  .sends = worker->state.sends,
	                                  .first_failure_ms = worker->first_failure_ms,
	                                  .attempts = worker->attempts,
	                                  .max_attempts = MAX_ATTEMPTS,
	                                  .now_ms = sim->now_ms,
	                                  .deadline_ms = record->deadline_ms,
	                                  .random_bits = roll(sim, UINT32_MAX)};
	const struct retry_decision decision = retry_decide(&input);
	check(sim, decision.attempts <= MAX_ATTEMPTS, "more attempts than allowed");
	worker->attempts = decision.attempts;
	if (!worker->first_failure_ms)
		worker->first_failure_ms = sim->now_ms;
	if (record->initiate && !decision.acted)
		check(sim, step(sim, worker, (struct event){.type = EVENT_UNSENT, .reason = decision.reason}),
		      "a send could not be taken back");
	if (!record->initiate && worker->unsaved && failure != FAILURE_REFUSED) {
		pending(sim, worker, decision.reason); /* who begins to check and cannot look begins the ladder */
		return;
	}
	if (decision.verdict == RETRY_IN_MEMORY || decision.verdict == RETRY_DELAYED)
		retry(sim, worker, &decision);
	else if (decision.verdict == RETRY_EXPIRED)
		apply(sim, worker, (struct event){.type = EVENT_EXPIRED, .reason = REASON_EXPIRED});
	else if (!record->initiate && failure != FAILURE_REFUSED && worker->state.state == STATE_CHECKING)
		pending(sim, worker, decision.reason);
	else
		apply(sim, worker, (struct event){.type = EVENT_DIED, .reason = decision.reason});
}

static void initiate(struct sim *sim, struct worker *worker)
{
	bool fails = fault(sim, FAULT_VENDOR, 3);
	enum failure failure = (enum failure)roll(sim, FAILURE_COUNT);
	bool acted = !fails || failure_may_have_acted(failure, FLOW_INITIATE);
	worker->counted = false;
	int page = acted && (!fails || roll(sim, 2)) ? open_page(sim, worker->state.replays) : 0;
	worker->answered_ms = sim->now_ms;
	if (fails) {
		failed(sim, worker, failure);
		return;
	}
	struct event event = {.type = EVENT_INITIATED, .until_ms = sim->pages[page].until_ms};
	(void)snprintf(event.reference, sizeof event.reference, "r%d", page);
	apply(sim, worker, event);
}

static void call_vendor(struct sim *sim, struct worker *worker)
{
	if (record_of(sim, worker)->initiate) {
		initiate(sim, worker);
		return;
	}
	worker->answered_ms = sim->now_ms;
	if (fault(sim, FAULT_VENDOR, 3)) {
		failed(sim, worker, (enum failure)roll(sim, FAILURE_COUNT));
		return;
	}
	const struct event event = look(sim, &worker->state);
	if (event.type == EVENT_PENDING)
		pending(sim, worker, event.reason);
	else
		apply(sim, worker, event);
}

/* ---- how an operation begins ---- */

static void begin_initiate(struct sim *sim, struct worker *worker)
{
	const struct record *record = record_of(sim, worker);
	struct verification *state = &worker->state;
	worker->phase = PHASE_DONE;
	if (state->state == STATE_AWAITING_USER || state->state == STATE_CHECKING) {
		if (record->created_ms > state->created_ms && record->created_ms > state->resumed_ms)
			apply(sim, worker, (struct event){.type = EVENT_RESUMED, .made_ms = record->created_ms});
		return;
	}
	if (state->state == STATE_DEAD && !verification_died_checking(state) &&
	    !step(sim, worker, (struct event){.type = EVENT_REVIVED}))
		return;
	if (state->state != STATE_QUEUED)
		return;
	if (record->deadline_ms && sim->now_ms >= record->deadline_ms)
		apply(sim, worker, (struct event){.type = EVENT_EXPIRED, .reason = REASON_EXPIRED});
	else if (worker->counted && memcmp(state, &worker->saved, sizeof *state) == 0)
		worker->phase = PHASE_CALL; /* what stands is our count, not another's of that revision, and the lease
		                               is ours */
	else if (state->sends >= SENDS_MAX)
		apply(sim, worker, (struct event){.type = EVENT_DIED, .reason = REASON_SENT});
	else if (step(sim, worker, (struct event){.type = EVENT_SENDING}))
		worker->phase = PHASE_COUNT;
}

static void step_and_look(struct sim *sim, struct worker *worker, enum event_type type)
{
	worker->climbs = worker->climbs || worker->state.state == STATE_DEAD;
	worker->phase = step(sim, worker, (struct event){.type = type}) ? PHASE_CALL : PHASE_DONE;
}

/* A rung behind the state is of no use. One ahead of it proves that the ladder stood there: the state is from before.
 */
static void poll(struct sim *sim, struct worker *worker)
{
	const struct verification *state = &worker->state;
	bool stands = state->state == STATE_CHECKING || state->state == STATE_AWAITING_USER;
	worker->climbs = stands && record_of(sim, worker)->poll >= state->poll;
	worker->phase = PHASE_DONE;
	if (worker->climbs && state->state == STATE_AWAITING_USER)
		step_and_look(sim, worker, EVENT_OVERDUE);
	else if (worker->climbs)
		worker->phase = PHASE_CALL;
}

static void begin_by_cause(struct sim *sim, struct worker *worker)
{
	const struct record *record = record_of(sim, worker);
	const struct verification *state = &worker->state;
	switch (record->cause) {
	case CAUSE_RETURNED:
		apply(sim, worker, (struct event){.type = EVENT_RETURNED});
		break;
	case CAUSE_CALLBACK:
		step_and_look(sim, worker, EVENT_CALLED_BACK);
		break;
	case CAUSE_WATCHDOG: /* not that of a reference that was lost */
		worker->phase = PHASE_DONE;
		if (strcmp(state->reference, record->state.reference) == 0)
			step_and_look(sim, worker, EVENT_OVERDUE);
		break;
	case CAUSE_POLL:
		poll(sim, worker);
		break;
	default:
		worker->phase = state->state == STATE_CHECKING && state->adopted ? PHASE_CALL : PHASE_DONE;
		break;
	}
}

/* How often it was tried: by this record, or by whoever worked on the state and died. */
static void count_from(struct sim *sim, struct worker *worker)
{
	const struct record *record = record_of(sim, worker);
	const struct request request = {.attempts = worker->attempts, .replays = record->replays};
	worker->attempts =
	        verification_attempts(&worker->state, &request, record->initiate ? FLOW_INITIATE : FLOW_RETRIEVE);
}

static void begin(struct sim *sim, struct worker *worker)
{
	const struct record *record = record_of(sim, worker);
	const struct verification *state = &worker->state;
	bool replay = state->state == STATE_DEAD && record->replays > state->replays;
	worker->unsaved = false;
	count_from(sim, worker);
	if (record->initiate)
		begin_initiate(sim, worker);
	else if (state_rank(state->state) > 0 || !state->reference[0])
		worker->phase = PHASE_DONE;
	else if (replay && verification_died_checking(state))
		step_and_look(sim, worker, EVENT_REVIVED);
	else
		begin_by_cause(sim, worker);
}

/* ---- lease and state ---- */

/* What Redis says; what the record brought along; or, of a new question, that it is queued. Returns: false when nothing
 * is known. */
static bool read_what_is_told(struct sim *sim, struct worker *worker, const struct verification *found)
{
	const struct record *record = record_of(sim, worker);
	if (found)
		worker->state = *found;
	if (record->initiate && !found) {
		sim->request.replays = record->replays;
		verification_queued(&sim->request, &worker->state);
		return true;
	}
	if (!record->initiate && record->carries &&
	    (!found || verification_compare(&record->state, &worker->state) > 0)) {
		worker->state = record->state;
		return true;
	}
	return found != NULL;
}

/* Redis may have been away when the worker published, and not be told yet: what it said itself it knows all the same.
 */
static bool read_state(struct sim *sim, struct worker *worker, const struct verification *found)
{
	bool said = worker->saved.kind != KIND_COUNT;
	bool told = read_what_is_told(sim, worker, found);
	if (said && (!told || verification_compare(&worker->saved, &worker->state) > 0))
		worker->state = worker->saved;
	return told || said;
}

/* Another worker got the answer and died, or is about to write it: its work is finished under its token. */
static bool adopt_answer(const struct sim *sim, struct worker *worker, const struct record *record)
{
	enum state kept = worker->state.state;
	bool ours = kept == STATE_DEAD ? record->replays <= worker->state.replays
	                               : kept == (record->initiate ? STATE_AWAITING_USER : STATE_COMPLETED);
	if (!ours)
		return false;
	worker->token = sim->lease_token;
	worker->leased = true;
	worker->attempts = worker->state.attempts;
	worker->effects = EFFECT_PUBLISH | (kept == STATE_DEAD ? EFFECT_DEAD_LETTER : 0u) |
	                  (kept == STATE_AWAITING_USER ? EFFECT_WATCH : 0u);
	worker->phase = PHASE_EFFECTS;
	return true;
}

/* A watchdog is in no hurry, and one whose reference was lost must not judge another one's. */
static bool needs_cache(const struct record *record)
{
	return record->initiate || record->cause == CAUSE_WATCHDOG;
}

static void take_lease(struct sim *sim, struct worker *worker)
{
	const struct record *record = record_of(sim, worker);
	worker->leased_ms = sim->now_ms;
	worker->leased = false;
	worker->climbs = false;
	if (!sim->cache_up) {
		if (needs_cache(record) || !read_state(sim, worker, NULL))
			wait_for(sim, worker, LEASE_POLL_MS);
		else
			begin(sim, worker);
		return;
	}
	if (!lease_is_anothers(sim, worker) && needs_cache(record) && !sim->whole) {
		wait_for(sim, worker, LEASE_POLL_MS);
		return;
	}
	worker->leased = grant_lease(sim, worker);
	bool answered = !worker->leased && sim->kept;
	const struct verification *found = answered ? &sim->kept_answer : sim->cached ? &sim->cache : NULL;
	if (!read_state(sim, worker, found))
		worker->phase = PHASE_DONE;
	else if (answered && adopt_answer(sim, worker, record))
		return;
	else if (!worker->leased && state_rank(worker->state.state) == 0)
		wait_for(sim, worker, LEASE_POLL_MS);
	else
		begin(sim, worker);
}

/* ---- effects ---- */

static void count(struct sim *sim, struct worker *worker)
{
	publish(sim, &worker->state);
	worker->saved = worker->state;
	worker->unsaved = false;
	worker->counted = true;
	(void)cache_put(sim, &worker->state);
	worker->phase = PHASE_CALL;
}

/* Before the first byte: when Kafka took long, another one may have the lease, so it is asked for again. */
static void call_if_fresh(struct sim *sim, struct worker *worker)
{
	if (!record_of(sim, worker)->initiate || sim->now_ms - worker->leased_ms <= FRESH_MS)
		call_vendor(sim, worker);
	else
		worker->phase = PHASE_LEASE;
}

static void save(struct sim *sim, struct worker *worker)
{
	(void)cache_put(sim, &worker->state);
	publish(sim, &worker->state);
	worker->saved = worker->state;
	worker->unsaved = false;
	worker->phase = PHASE_HOP;
}

static void hop(struct sim *sim, struct worker *worker)
{
	struct record again = *record_of(sim, worker);
	const struct delay_tier *tier = retry_tier(worker->retry_ms, sim->now_ms, again.deadline_ms);
	if (!tier) {
		wait_for(sim, worker, worker->retry_ms);
		return;
	}
	again.attempts = worker->attempts;
	again.first_failure_ms = worker->first_failure_ms;
	again.not_before_ms = sim->now_ms + (worker->retry_ms < tier->wait_ms ? tier->wait_ms : worker->retry_ms);
	produce(sim, again);
	worker->phase = PHASE_DONE;
}

static void send_follower(struct sim *sim, struct worker *worker, enum cause cause)
{
	struct record record = {.cause = cause, .carries = true, .state = worker->state};
	if (cause == CAUSE_POLL) {
		int64_t at = next_poll_ms(sim->now_ms - worker->state.checking_ms);
		record.poll = worker->state.poll;
		record.not_before_ms = at < 0 ? sim->now_ms : worker->state.checking_ms + at;
		sim->climbs++;
	} else {
		record.not_before_ms = sim->now_ms + WATCHDOG_MS;
	}
	produce(sim, record);
}

/* One effect a step; publishing is the last. */
static void do_effect(struct sim *sim, struct worker *worker)
{
	if (worker->effects & EFFECT_DEAD_LETTER) {
		sim->dead_letters++;
		sim->last_dead = *record_of(sim, worker);
		worker->effects &= ~(unsigned)EFFECT_DEAD_LETTER;
	} else if (worker->effects & EFFECT_WATCH) {
		send_follower(sim, worker, CAUSE_WATCHDOG);
		worker->effects &= ~(unsigned)EFFECT_WATCH;
	} else if (worker->effects & EFFECT_CLIMB) {
		send_follower(sim, worker, CAUSE_POLL);
		worker->effects &= ~(unsigned)EFFECT_CLIMB;
	} else {
		publish(sim, &worker->state);
		worker->phase = PHASE_SETTLE;
	}
}

static void settle(struct sim *sim, struct worker *worker)
{
	record_done(sim, worker);
	(void)cache_put(sim, &worker->state);
	release_lease(sim, worker, true);
	worker->phase = PHASE_IDLE;
}

static void step_worker(struct sim *sim, struct worker *worker)
{
	switch (worker->phase) {
	case PHASE_IDLE:
		break;
	case PHASE_LEASE:
		take_lease(sim, worker);
		break;
	case PHASE_WAIT:
		if (sim->now_ms >= worker->wait_until_ms)
			worker->phase = PHASE_LEASE;
		break;
	case PHASE_COUNT:
		count(sim, worker);
		break;
	case PHASE_CALL:
		call_if_fresh(sim, worker);
		break;
	case PHASE_SAVE:
		save(sim, worker);
		break;
	case PHASE_HOP:
		hop(sim, worker);
		break;
	case PHASE_EFFECTS:
		do_effect(sim, worker);
		break;
	case PHASE_SETTLE:
		settle(sim, worker);
		break;
	case PHASE_DONE:
		release_lease(sim, worker, false);
		record_done(sim, worker);
		worker->phase = PHASE_IDLE;
		break;
	}
}

#endif
