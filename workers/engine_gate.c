/* engine_gate: a job at the gate (workers/gate.h). It waits there without its lease, so that a long queue holds nothing
 * up, and takes the lease anew when it is its turn; but one that waits within its flow keeps it. */
#include "common/base/clock.h"
#include "workers/engine_internal.h"
#include "workers/job_trace.h"
#include <stddef.h>

/* So long after the person came back, somebody is likely to sit before a page that waits for the verdict. */
enum { ATTENDED_MS = 120 * 1000 };

static enum gate_priority priority_of(const struct job *job)
{
	const struct operation_info *operation = job->engine->operation;
	if (job->request.replays > 0)
		return GATE_REPLAY;
	if (operation->flow == FLOW_INITIATE)
		return GATE_PERSON;
	if (operation->flow == FLOW_ASK)
		return job->request.deadline_ms != 0 ? GATE_PERSON : GATE_REST;
	bool is_attended = job->state.checking_ms != 0 && clock_unix_ms() - job->state.checking_ms < ATTENDED_MS;
	return is_attended ? GATE_PERSON : GATE_LOOK;
}

/* Who comes first. A question counts from when it was accepted, also by way of a delay topic; a look from when it is
 * due, or one verification's looks would always go before those of another that was accepted later. */
static int64_t since_ms_of(const struct job *job)
{
	bool is_look = job->engine->operation->flow == FLOW_RETRIEVE;
	return is_look && job->record ? job->record->timestamp_ms : job->request.created_ms;
}

/* Its deadline has passed: it goes on without a permit, and is told so by its flow. */
static void expire(struct job *job)
{
	job_leave_gate(job);
	job_take_lease(job);
}

static void wait_for_permit(struct job *job)
{
	bool has_deadline = job->request.deadline_ms != 0 && job->engine->operation->flow != FLOW_RETRIEVE;
	if (job->engine->leaving && !job->decided) {
		job_hand_back(job);
		return;
	}
	if (has_deadline)
		job_wait(job, job->request.deadline_ms - clock_unix_ms(), expire);
	job_trace_wait(job);
	bool is_near = gate_wait(job->engine->gate, &job->ticket, priority_of(job), since_ms_of(job));
	if (!is_near)
		job_release_lease(job);
}

void job_pass_gate(struct job *job)
{
	const struct flow *flow = job->engine->flow;
	if (!flow->calls(job) || gate_take(job->engine->gate, &job->ticket))
		flow->begin(job);
	else
		wait_for_permit(job);
}

bool job_may_call(struct job *job)
{
	struct gate *gate = job->engine->gate;
	if (gate_use(gate, &job->ticket))
		return true;
	job->continues = true;
	job_trace_wait(job);
	if (job->engine->leaving || gate_is_open(gate))
		job_stop_waiting(job);
	else
		(void)gate_wait(gate, &job->ticket, GATE_PERSON, GATE_FIRST);
	return false;
}

void job_leave_gate(struct job *job)
{
	job->continues = false;
	gate_leave(job->engine->gate, &job->ticket);
}

void job_stop_waiting(struct job *job)
{
	const struct flow *flow = job->engine->flow;
	const struct retry_decision unsent = {
	        .verdict = RETRY_IN_MEMORY, .reason = job->reason, .attempts = job->request.attempts};
	job_leave_gate(job);
	job->step = 0;
	if (!flow->failed || !flow->failed(job, FAILURE_CONNECT, &unsent))
		job_retry_later(job, 0);
}

static void go_on(struct job *job)
{
	job->continues = false;
	if (job_lease_is_fresh(job) || !job->engine->flow->needs_cache)
		job_call_vendor(job);
	else
		job_take_lease(job);
}

static void go(struct job *job)
{
	if (job->timer_runs)
		uv_timer_stop(&job->timer);
	job->timer_runs = false;
	if (job->continues)
		go_on(job);
	else if (job->leased)
		job_pass_gate(job);
	else
		job_take_lease(job);
}

void job_on_told(struct gate_ticket *ticket, enum gate_word word)
{
	struct job *job = (struct job *)(void *)((char *)ticket - offsetof(struct job, ticket));
	if (word == GATE_GO)
		go(job);
	else if (!job->continues)
		job_release_lease(job);
	else if (word == GATE_SHUT)
		job_stop_waiting(job);
}
