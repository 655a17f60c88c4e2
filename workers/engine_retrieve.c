/* engine_retrieve: the flow of looking whether the vendor has decided. Looking is free of effects, so it may be done
 * twice; what must not happen is that the ladder runs twice: a rung counts only under the number that the state
 * expects. */
#include "common/base/clock.h"
#include "workers/engine_internal.h"
#include <string.h>

/* Takes the ladder's next rung, or notes what was seen between two. When the ladder has ended, a person has to decide.
 */
static void pending(struct job *job, enum reason reason)
{
	const struct engine_options *options = &job->engine->options;
	int64_t elapsed = clock_unix_ms() - job->state.checking_ms;
	bool rung = job->climbs || job->state.poll == 0;
	if (reason == REASON_UNKNOWN_STATUS) {
		metric_add(job->engine->metric.unknown, 1);
		log_warn("unknown_vendor_status", LOG_STR("id", job->request.id), LOG_INT("polls", job->state.polls));
	}
	if (rung && options->vendor->next_poll_ms(options->vendor_self, elapsed) < 0)
		job_die(job, reason == REASON_NONE ? REASON_STILL_PENDING : reason, NULL);
	else
		job_apply(job, (struct event){.type = EVENT_PENDING, .reason = reason, .is_rung = rung});
}

static void answered(struct job *job, struct vendor_answer *answer)
{
	if (answer->event.type == EVENT_PENDING)
		pending(job, answer->event.reason);
	else if (answer->event.type == EVENT_DIED)
		job_die(job, answer->event.reason, NULL);
	else
		job_apply(job, answer->event);
}

/* The vendor is away for longer than the tries last: the ladder goes on, and looks again at its next rung. */
static bool exhausted(struct job *job, enum failure failure)
{
	if (failure == FAILURE_REFUSED || job->state.state != STATE_CHECKING)
		return false;
	pending(job, job->reason);
	return true;
}

/* Who begins to check and cannot look begins the ladder, which tries again: a state that is saved as checking always
 * has a rung that will come. */
static bool failed(struct job *job, enum failure failure, const struct retry_decision *decision)
{
	(void)decision;
	if (!job->unsaved || failure == FAILURE_REFUSED)
		return false;
	pending(job, job->reason);
	return true;
}

/* What is to be done about a record. */
enum plan {
	PLAN_NOTHING,
	PLAN_STALE, /* nothing: a rung of a ladder that has moved on */
	PLAN_NOTE,  /* the person is back: the ladder begins to look */
	PLAN_LOOK,
	PLAN_STEP, /* moves the state in memory and looks; what is found is written together with it */
};

static enum plan step_if_placed(const struct job *job, enum event_type type, enum event_type *ret_event)
{
	*ret_event = type;
	return job_can_step(job, type) ? PLAN_STEP : PLAN_NOTHING;
}

static enum plan on_nothing(const struct job *job, enum event_type *ret_event)
{
	(void)job, (void)ret_event;
	return PLAN_NOTHING;
}

static enum plan on_returned(const struct job *job, enum event_type *ret_event)
{
	(void)job;
	*ret_event = EVENT_RETURNED;
	return PLAN_NOTE;
}

static enum plan on_callback(const struct job *job, enum event_type *ret_event)
{
	return step_if_placed(job, EVENT_CALLED_BACK, ret_event);
}

/* A reference that lost in a crash has a watchdog too, and says nothing about the one that stands. */
static enum plan on_watchdog(const struct job *job, enum event_type *ret_event)
{
	bool is_its_own = strcmp(job->brought, job->state.reference) == 0;
	return is_its_own ? step_if_placed(job, EVENT_OVERDUE, ret_event) : PLAN_NOTHING;
}

/* A rung behind the state is of no use. One ahead of it proves that the ladder stood there: the state is from before
 * (two jobs without Redis made one revision each, and the other one stands). */
static enum plan on_poll(const struct job *job, enum event_type *ret_event)
{
	bool stands = job->state.state == STATE_CHECKING || job->state.state == STATE_AWAITING_USER;
	if (!stands || job->request.poll < job->state.poll)
		return PLAN_STALE;
	if (job->state.state == STATE_CHECKING)
		return PLAN_LOOK;
	return step_if_placed(job, EVENT_OVERDUE, ret_event);
}

static enum plan on_adopted(const struct job *job, enum event_type *ret_event)
{
	(void)ret_event;
	return job->state.state == STATE_CHECKING && job->state.adopted ? PLAN_LOOK : PLAN_NOTHING;
}

static enum plan plan_of(const struct job *job, enum event_type *ret_event)
{
	static enum plan (*const by_cause[CAUSE_COUNT])(const struct job *job, enum event_type *ret_event) = {
	        [CAUSE_NONE] = on_nothing, [CAUSE_RETURNED] = on_returned, [CAUSE_CALLBACK] = on_callback,
	        [CAUSE_POLL] = on_poll,    [CAUSE_WATCHDOG] = on_watchdog, [CAUSE_ADOPTED] = on_adopted,
	};
	bool replay = job->state.state == STATE_DEAD && job->request.replays > job->state.replays;
	if (state_rank(job->state.state) > 0 || !job->state.reference[0])
		return PLAN_NOTHING;
	if (replay && verification_died_checking(&job->state))
		return step_if_placed(job, EVENT_REVIVED, ret_event);
	return by_cause[job->request.cause](job, ret_event);
}

static bool calls(const struct job *job)
{
	enum event_type event;
	enum plan plan = plan_of(job, &event);
	return plan == PLAN_LOOK || plan == PLAN_STEP;
}

static void step_and_look(struct job *job, enum event_type type)
{
	job->climbs = job->climbs || job->state.state == STATE_DEAD;
	if (job_step(job, (struct event){.type = type}))
		job_call_vendor(job);
	else
		job_no_use(job);
}

static void begin(struct job *job)
{
	enum event_type event = EVENT_COUNT;
	enum plan plan = plan_of(job, &event);
	bool is_of_use = plan == PLAN_LOOK || plan == PLAN_STEP;
	job->climbs =
	        job->climbs || (is_of_use && job->request.cause == CAUSE_POLL && state_rank(job->state.state) == 0);
	metric_add(job->engine->metric.stale, plan == PLAN_STALE);
	if (plan == PLAN_NOTE)
		job_apply(job, (struct event){.type = event});
	else if (plan == PLAN_LOOK)
		job_call_vendor(job);
	else if (plan == PLAN_STEP)
		step_and_look(job, event);
	else
		job_no_use(job);
}

const struct flow flow_retrieve = {
        .keeps = STATE_COMPLETED,
        .calls = calls,
        .begin = begin,
        .answered = answered,
        .failed = failed,
        .exhausted = exhausted,
};
