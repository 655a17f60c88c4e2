/* engine_initiate: the flow of a call that must not be made twice: it opens a page at the vendor, and is paid for.
 *
 * The person's pointer is claimed, a state with `sends` + 1 is acked, only then the first byte goes out. What crashes
 * in between leaves a count behind: one more send is allowed, then a person decides. Nothing is sent while the cache is
 * away or being filled again, because then nobody knows what was sent. */
#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "workers/engine_internal.h"
#include <stdlib.h>
#include <string.h>

enum { CLAIM_AGAIN_MS = 500 };

static void claim(struct job *job);

/* ---- the call, counted ---- */

/* The count must be where the next worker looks before the call is made: should this one die in the call, a count that
 * only `results` has may come too late. When all this took long, the lease may be another's by now: it is taken again.
 */
static void on_count_shown(void *ctx, enum err_code code, bool written)
{
	struct job *job = ctx;
	job->held = false;
	job->count_hidden = code != ERR_OK;
	if (job->abandoned)
		job_end(job);
	else if (job->count_hidden)
		job_wait(job, CLAIM_AGAIN_MS, job_take_lease);
	else if (written && job_lease_is_fresh(job))
		job_call_vendor(job);
	else
		job_take_lease(job);
}

static void show_count(struct job *job)
{
	job->held = true;
	enum err_code code = redis_store_put(job->ports->store, &job->state, job->value.data, job->value.len,
	                                     job->engine->lease, NULL, NULL, on_count_shown, job);
	if (code != ERR_OK)
		on_count_shown(job, code, false);
}

static void counted(struct job *job)
{
	CRASH_POINT(worker.counted);
	job_note_published(job);
	job->counted_rev = job->state.rev;
	job->counted_ms = job->state.updated_ms;
	show_count(job);
}

static void count(struct job *job)
{
	job_await_ack(job, job_send_result(job, NULL), counted, count);
}

/* Somebody counted a send and has not said what became of it. Its call may be under way even when its lease is gone
 * (Redis was emptied): it is given the time that a call can take. */
static int64_t quiet_ms(const struct job *job)
{
	if (job->state.sends == 0 || job->called)
		return 0;
	return job->state.updated_ms + job_lease_ms(job) - clock_unix_ms();
}

static void send_counted(struct job *job)
{
	int64_t quiet = quiet_ms(job);
	if (quiet > 0)
		job_wait(job, quiet < CLAIM_AGAIN_MS ? quiet : CLAIM_AGAIN_MS, job_take_lease);
	else if (job->state.sends >= SENDS_MAX)
		job_die(job, REASON_SENT, NULL);
	else if (!job->engine->leaving && job_step(job, (struct event){.type = EVENT_SENDING}) &&
	         job_encode(job) == ERR_OK)
		count(job);
	else
		job_hand_back(job);
}

/* ---- the person's pointer: one unfinished journey at a time ---- */

static void on_holder(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct job *job = ctx;
	struct verification holder;
	job->held = false;
	if (job->abandoned) {
		job_end(job);
		return;
	}
	bool known = code == ERR_OK && value && verification_decode(value, len, &holder, NULL, NULL) == ERR_OK;
	if (code != ERR_OK)
		job_wait(job, CLAIM_AGAIN_MS, job_take_lease);
	else if (!known || state_is_final(holder.state))
		claim(job);
	else
		job_die(job, REASON_SUPERSEDED, NULL);
}

static void on_claim(void *ctx, enum err_code code, enum subject_claim what, const char *holder)
{
	struct job *job = ctx;
	job->held = false;
	if (job->abandoned) {
		job_end(job);
	} else if (code != ERR_OK || what == SUBJECT_REBUILDING) {
		job_wait(job, CLAIM_AGAIN_MS, job_take_lease);
	} else if (what == SUBJECT_OURS) {
		send_counted(job);
	} else if (what == SUBJECT_TOO_MANY) {
		job_die(job, REASON_TOO_MANY, NULL);
	} else {
		memcpy(job->over, holder, ID_BYTES);
		job->held = true;
		code = redis_store_get(job->ports->store, holder, on_holder, job);
		if (code != ERR_OK)
			on_holder(job, code, NULL, 0);
	}
}

static void claim(struct job *job)
{
	const struct engine_options *options = &job->engine->options;
	const char *over = job->over[0] ? job->over : NULL;
	job->held = true;
	enum err_code code = redis_store_claim_subject(job->ports->store, job->state.question, job->request.id,
	                                               job->request.created_ms, over,
	                                               options->vendor->max_a_day(options->vendor_self), on_claim, job);
	if (code != ERR_OK)
		on_claim(job, code, SUBJECT_REBUILDING, NULL);
}

/* ---- the flow ---- */

/* A further journey of the person, which joins this one: from now on its fields count. */
static void resume(struct job *job)
{
	int64_t made_ms = job->request.created_ms;
	char *sealed = strndup(job->request.sealed, job->request.sealed_len);
	bool newer = made_ms > job->state.created_ms && made_ms > job->state.resumed_ms;
	if (!newer || !sealed) {
		free(sealed);
		job_no_use(job);
		return;
	}
	free(job->texts.sealed);
	job->texts.sealed = sealed;
	job_apply(job, (struct event){.type = EVENT_RESUMED, .made_ms = made_ms, .notify = job->request.notify});
}

/* Queued, or dead and revived by a replay. */
static bool is_open(struct job *job)
{
	if (job->state.state == STATE_DEAD && !verification_died_checking(&job->state))
		return job_step(job, (struct event){.type = EVENT_REVIVED});
	return job->state.state == STATE_QUEUED;
}

/* Its own count, and not another worker's of the same revision. */
static bool count_stands(const struct job *job)
{
	return job->counted_rev != 0 && job->state.rev == job->counted_rev && job->state.state == STATE_QUEUED &&
	       job->state.updated_ms == job->counted_ms;
}

static bool calls(const struct job *job)
{
	bool revives = job->state.state == STATE_DEAD && !verification_died_checking(&job->state) &&
	               job_can_step(job, EVENT_REVIVED);
	return count_stands(job) || ((job->state.state == STATE_QUEUED || revives) && !job_deadline_passed(job));
}

static void begin(struct job *job)
{
	bool stands = count_stands(job);
	if (stands && job->count_hidden) {
		show_count(job);
		return;
	}
	job->counted_rev = 0;
	if (stands)
		job_call_vendor(job);
	else if (job->state.state == STATE_AWAITING_USER || job->state.state == STATE_CHECKING)
		resume(job);
	else if (!is_open(job))
		job_no_use(job);
	else if (job_deadline_passed(job))
		job_expire(job);
	else
		claim(job);
}

/* The page's address is a secret: whoever has it can act for the person. */
static bool seal_link(struct job *job, const struct buf *link)
{
	struct buf sealed;
	size_t len;
	char *text;
	buf_init(&sealed, (size_t)2 * HTTP_MAX_URL_BYTES);
	enum err_code code = seal_text(job->ports->ring, job->request.id, link->data, link->len, &sealed, NULL);
	if (code == ERR_OK)
		code = buf_take(&sealed, &text, &len);
	buf_fini(&sealed);
	if (code != ERR_OK)
		return false;
	free(job->texts.link);
	job->texts.link = text;
	return true;
}

static void answered(struct job *job, struct vendor_answer *answer)
{
	bool opened = answer->event.type == EVENT_INITIATED;
	if (opened && !seal_link(job, &answer->link)) {
		log_error("link_not_sealed", LOG_STR("id", job->request.id));
		job_hand_back(job); /* counted as sent: it comes again once */
		return;
	}
	job->orphans = opened;
	if (opened && job->state.sends > 1) { /* the vendor may have, and bill, one that nobody will use */
		metric_add(job->engine->metric.orphaned, 1);
		log_warn("orphaned_reference", LOG_STR("id", job->request.id), LOG_STR("reference", "unknown"),
		         LOG_INT("sends", job->state.sends));
	}
	job_apply(job, answer->event);
}

/* A send that is known to have done nothing is taken back; one that may have done something counts, and two are the
 * end: retry_decide says so. */
static bool failed(struct job *job, enum failure failure, const struct retry_decision *decision)
{
	(void)failure;
	job->called = true;
	job->counted_rev = 0;
	if (decision->acted || job_step(job, (struct event){.type = EVENT_UNSENT, .reason = job->reason}))
		return false;
	job_hand_back(job);
	return true;
}

const struct flow flow_initiate = {
        .needs_cache = true,
        .opens = true,
        .keeps = STATE_AWAITING_USER,
        .calls = calls,
        .begin = begin,
        .answered = answered,
        .failed = failed,
};
