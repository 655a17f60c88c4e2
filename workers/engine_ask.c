/* engine_ask: the flow of a question that one call answers: a score. */
#include "common/base/clock.h"
#include "workers/engine_internal.h"

/* An operator's replay of a dead job starts it afresh; the same replay delivered twice does nothing. */
static bool revive(struct job *job)
{
	if (!job_step(job, (struct event){.type = EVENT_REVIVED}))
		return false;
	if (job_encode(job) == ERR_OK)
		job_show(job); /* only so that it is seen: the state that counts is written when the job ends */
	return true;
}

static bool calls(const struct job *job)
{
	return (!state_is_final(job->state.state) || job_can_step(job, EVENT_REVIVED)) && !job->expiring &&
	       !job_deadline_passed(job);
}

static void begin(struct job *job)
{
	if (state_is_final(job->state.state) && !revive(job))
		job_no_use(job);
	else if (job->expiring || job_deadline_passed(job))
		job_expire(job);
	else
		job_call_vendor(job);
}

static void answered(struct job *job, struct vendor_answer *answer)
{
	job_apply(job, answer->event);
}

const struct flow flow_ask = {
        .opens = true, .keeps = STATE_COMPLETED, .calls = calls, .begin = begin, .answered = answered};
