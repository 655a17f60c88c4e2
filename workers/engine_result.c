/* engine_result: how a job's outcome becomes durable: dead letter, ladder or watchdog, result, each acked before the
 * next; then the offset, then Redis. A crash anywhere in between makes the record come again, and what was done twice
 * is harmless. */
#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "workers/engine_internal.h"
#include <string.h>

static void on_kept(void *ctx, enum err_code code)
{
	struct job *job = ctx;
	(void)code; /* where Redis could not keep it, the result's record is next all the same */
	job->held = false;
	if (job->abandoned)
		job_end(job);
	else
		job_confirm(job);
}

void job_keep_answer(struct job *job)
{
	job->held = true;
	enum err_code code = ERR_UNAVAILABLE;
	if (job->leased)
		code = redis_store_keep_answer(job->ports->store, job->request.id, job->engine->lease, job->token,
		                               job->value.data, job->value.len, on_kept, job);
	CRASH_POINT(worker.kept);
	if (code != ERR_OK)
		on_kept(job, code);
}

void job_show(struct job *job)
{
	if (redis_store_put(job->ports->store, &job->state, job->value.data, job->value.len, job->engine->lease, NULL,
	                    NULL, NULL, NULL) != ERR_OK)
		log_debug("state_not_shown",
		          LOG_STR("id", job->request.id)); /* the projector does it, a little later */
}

static void dead_letter_acked(struct job *job)
{
	bool poison = job->request.kind == KIND_COUNT;
	CRASH_POINT(worker.dead_letter_acked);
	if (poison)
		job_finish(job);
	else
		job_do_effects(job);
}

static void send_dead_letter(struct job *job)
{
	job->decided = true;
	enum err_code sent = job_send_dead_letter(job, NULL);
	CRASH_POINT(worker.dead_letter_sent);
	job_await_ack(job, sent, dead_letter_acked, send_dead_letter);
}

void job_note_published(struct job *job)
{
	job->unsaved = false;
	job->published = true;
}

void job_note_orphan(struct job *job, const char *reference, const struct verification *stands)
{
	if (!reference[0] || strcmp(stands->reference, reference) == 0)
		return;
	metric_add(job->engine->metric.orphaned, 1);
	log_warn("orphaned_reference", LOG_STR("id", job->request.id), LOG_STR("reference", reference));
}

static void on_standing(void *ctx, enum err_code code, const char *value, size_t len)
{
	struct job *job = ctx;
	struct verification stands;
	job->held = false;
	if (code == ERR_OK && value && verification_decode(value, len, &stands, NULL, NULL) == ERR_OK)
		job_note_orphan(job, job->state.reference, &stands);
	job_end(job);
}

static void on_settled(void *ctx, enum err_code code, bool written)
{
	struct job *job = ctx;
	job->held = false;
	if (code == ERR_OK)
		projector_note_settled(job->engine->options.projector, job->acked_partition, job->acked_offset);
	CRASH_POINT(worker.settled);
	bool look = code == ERR_OK && !written && job->orphans;
	if (look && redis_store_get(job->ports->store, job->request.id, on_standing, job) == ERR_OK)
		job->held = true;
	else
		job_end(job);
}

static void settle(struct job *job)
{
	const char *drop = job->effects & EFFECT_DROP_POINTER ? job->request.question : NULL;
	const char *token = job->leased ? job->token : NULL;
	const struct verification *state = &job->state;
	CRASH_POINT(worker.result_acked);
	job_record_done(job);
	CRASH_POINT(worker.offset_stored);
	job->held = true;
	if (state->reference[0] && job->orphans)
		redis_store_name_reference(job->ports->store, job->engine->kind->vendor, state->reference, state->id);
	enum err_code code = redis_store_put(job->ports->store, state, job->value.data, job->value.len,
	                                     job->engine->lease, token, drop, on_settled, job);
	CRASH_POINT(worker.state_sent);
	if (code == ERR_OK)
		return;
	job->held = false;
	job_end(job); /* Redis is away: the projector writes it when it is back */
}

static void publish(struct job *job)
{
	enum err_code sent = job_send_result(job, NULL);
	CRASH_POINT(worker.result_sent);
	job_await_ack(job, sent, settle, publish);
}

static void follower_acked(struct job *job)
{
	CRASH_POINT(worker.follower_acked);
	job_do_effects(job);
}

/* The ladder's next rung, or who looks after a person who never comes back: acked before the state that counts on it.
 */
static void send_follower(struct job *job)
{
	const struct engine_options *options = &job->engine->options;
	const struct vendor *vendor = options->vendor;
	int64_t now = clock_unix_ms();
	bool climbs = job->effects & EFFECT_CLIMB;
	int64_t wait = climbs ? vendor->next_poll_ms(options->vendor_self, now - job->state.checking_ms) -
	                                (now - job->state.checking_ms)
	                      : vendor->watchdog_ms(options->vendor_self);
	enum cause cause = climbs ? CAUSE_POLL : CAUSE_WATCHDOG;
	enum err_code sent = job_send_retrieval(job, cause, wait > 0 ? wait : 0, NULL);
	CRASH_POINT(worker.follower_sent);
	job_await_ack(job, sent, follower_acked, send_follower);
}

static void notice_acked(struct job *job)
{
	CRASH_POINT(worker.notice_acked);
	job_do_effects(job);
}

static void send_notice(struct job *job)
{
	enum err_code sent = job_send_notice(job, NULL);
	CRASH_POINT(worker.notice_sent);
	job_await_ack(job, sent, notice_acked, send_notice);
}

/* One effect after the other, each acked before the next; PUBLISH is the last. Called again after each. */
void job_do_effects(struct job *job)
{
	static const struct {
		unsigned effect;
		void (*send)(struct job *job);
	} first[] = {{EFFECT_DEAD_LETTER, send_dead_letter},
	             {EFFECT_WATCH, send_follower},
	             {EFFECT_CLIMB, send_follower},
	             {EFFECT_NOTIFY, send_notice}};
	job_leave_gate(job);
	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		if (job->sent_effects & first[i].effect)
			continue;
		job->sent_effects |= first[i].effect;
		if (job->effects & first[i].effect) {
			first[i].send(job);
			return;
		}
	}
	publish(job);
}
