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

/* Moves the state in memory and looks; what is found is written together with it. */
static void step_and_look(struct job *job, enum event_type type)
{
	job->climbs = job->climbs || job->state.state == STATE_DEAD;
	if (job_step(job, (struct event){.type = type}))
		job_call_vendor(job);
	else
		job_no_use(job);
}

static void on_returned(struct job *job)
{
	job_apply(job, (struct event){.type = EVENT_RETURNED});
}

static void on_callback(struct job *job)
{
	step_and_look(job, EVENT_CALLED_BACK);
}

/* A reference that lost in a crash has a watchdog too, and says nothing about the one that stands. */
static void on_watchdog(struct job *job)
{
	if (strcmp(job->brought, job->state.reference) == 0)
		step_and_look(job, EVENT_OVERDUE);
	else
		job_no_use(job);
}

/* A rung behind the state is of no use. One ahead of it proves that the ladder stood there: the state is from before
 * (two jobs without Redis made one revision each, and the other one stands). */
static void on_poll(struct job *job)
{
	bool stands = job->state.state == STATE_CHECKING || job->state.state == STATE_AWAITING_USER;
	if (!stands || job->request.poll < job->state.poll) {
		metric_add(job->engine->metric.stale, 1);
		job_no_use(job);
		return;
	}
	job->climbs = true;
	if (job->state.state == STATE_AWAITING_USER)
		step_and_look(job, EVENT_OVERDUE);
	else
		job_call_vendor(job);
}

static void on_adopted(struct job *job)
{
	if (job->state.state == STATE_CHECKING && job->state.adopted)
		job_call_vendor(job);
	else
		job_no_use(job);
}

static void begin(struct job *job)
{
	static void (*const by_cause[CAUSE_COUNT])(struct job * job) = {
	        [CAUSE_NONE] = job_no_use, [CAUSE_RETURNED] = on_returned, [CAUSE_CALLBACK] = on_callback,
	        [CAUSE_POLL] = on_poll,    [CAUSE_WATCHDOG] = on_watchdog, [CAUSE_ADOPTED] = on_adopted,
	};
	bool replay = job->state.state == STATE_DEAD && job->request.replays > job->state.replays;
	if (state_rank(job->state.state) > 0 || !job->state.reference[0])
		job_no_use(job);
	else if (replay && verification_died_checking(&job->state))
		step_and_look(job, EVENT_REVIVED);
	else
		by_cause[job->request.cause](job);
}

const struct flow flow_retrieve = {
        .keeps = STATE_COMPLETED,
        .begin = begin,
        .answered = answered,
        .failed = failed,
        .exhausted = exhausted,
};
