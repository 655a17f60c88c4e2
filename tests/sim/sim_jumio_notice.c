/* sim_jumio_notice: callbacks, now or later. What one says is decided as it leaves, so that a late one tells the truth
 * of that moment; one whose transaction is forgotten by then is not sent. */
#include "common/base/clock.h"
#include "tests/sim/sim_jumio_internal.h"
#include <stdlib.h>
#include <string.h>

struct notice {
	struct sim_errand errand;
	struct sim_post post;
	struct jumio *jumio;
	char reference[JUMIO_REFERENCE_BYTES];
	struct sim_reply *reply; /* that gets the status; NULL: none does */
	void (*done)(void *cls); /* NULL: nobody waits */
	void *done_cls;
	char *url;
	struct buf form;
	bool is_sent;
};

/* Call without the lock. Frees the notice. */
static void notice_end(struct notice *notice, long status)
{
	struct jumio *jumio = notice->jumio;
	struct json_out out;
	pthread_mutex_lock(&jumio->lock);
	struct jumio_transaction *found = jumio_ledger_by_reference(&jumio->ledger, notice->reference);
	if (found && notice->is_sent)
		found->callback_status = status;
	jumio->notices--;
	pthread_mutex_unlock(&jumio->lock);
	if (notice->reply) {
		json_out_begin(&out, &notice->reply->body);
		json_out_object(&out, NULL);
		json_out_int(&out, "status", status);
		json_out_object_end(&out);
		if (json_out_end(&out) != ERR_OK)
			sim_reply_fault(notice->reply, 500, "no memory for this answer");
	}
	void (*done)(void *cls) = notice->done;
	void *done_cls = notice->done_cls;
	buf_fini(&notice->form);
	free(notice->url);
	free(notice);
	if (done)
		done(done_cls);
}

static void on_answer(struct sim_post *post, long status)
{
	notice_end(LIST_ENTRY(post, struct notice, post), status);
}

/* Call with the lock held. */
static enum err_code send_locked(struct notice *notice)
{
	struct jumio *jumio = notice->jumio;
	struct sim_setting set[JUMIO_KNOB_COUNT];
	struct jumio_transaction *found = jumio_ledger_by_reference(&jumio->ledger, notice->reference);
	if (!found || !*found->callback_url)
		return ERR_NOT_FOUND;
	enum err_code code = jumio_settings(jumio, found->user, set, NULL);
	if (code == ERR_OK)
		code = jumio_write_callback(&notice->form, found, jumio_outcome_now(found, set), set);
	notice->url = code == ERR_OK ? strdup(found->callback_url) : NULL;
	if (code == ERR_OK && !notice->url)
		code = ERR_NO_MEMORY;
	if (code != ERR_OK)
		return code;
	notice->post = (struct sim_post){
	        .url = notice->url,
	        .form = notice->form.data,
	        .form_len = notice->form.len,
	        .on_done = on_answer,
	};
	notice->is_sent = true; /* before it is: then it is the sender's */
	code = sim_sender_send(jumio->sender, &notice->post);
	if (code == ERR_OK)
		found->callbacks++; /* its answer waits for the lock */
	else
		notice->is_sent = false;
	return code;
}

/* Call without the lock. */
static void notice_send(struct notice *notice)
{
	struct jumio *jumio = notice->jumio;
	pthread_mutex_lock(&jumio->lock);
	enum err_code code = jumio->stopped ? ERR_UNAVAILABLE : send_locked(notice);
	pthread_mutex_unlock(&jumio->lock);
	if (code != ERR_OK)
		notice_end(notice, 0);
}

void jumio_notice_on_due(void *item)
{
	notice_send(item);
}

static void run(struct sim_errand *errand, void (*done)(void *cls), void *cls)
{
	struct notice *notice = LIST_ENTRY(errand, struct notice, errand);
	notice->done = done;
	notice->done_cls = cls;
	notice_send(notice);
}

static enum err_code notice_new(struct jumio *jumio, const char *reference, struct notice **ret_notice)
{
	if (jumio->notices == JUMIO_NOTICES_MAX)
		return ERR_LIMIT;
	struct notice *notice = calloc(1, sizeof(*notice));
	if (!notice)
		return ERR_NO_MEMORY;
	notice->errand.run = run;
	notice->jumio = jumio;
	memcpy(notice->reference, reference, sizeof(notice->reference));
	buf_init(&notice->form, JUMIO_FORM_BYTES);
	jumio->notices++;
	*ret_notice = notice;
	return ERR_OK;
}

enum err_code jumio_notice_later(struct jumio *jumio, const char *reference, int64_t after_ms)
{
	struct notice *notice = NULL;
	enum err_code code = notice_new(jumio, reference, &notice);
	if (code != ERR_OK)
		return code;
	code = sim_delay_add(jumio->later, clock_mono_ms() + after_ms + 1, notice);
	if (code == ERR_OK)
		return ERR_OK;
	jumio->notices--;
	free(notice);
	return code;
}

enum err_code jumio_notice_attach(struct jumio *jumio, const char *reference, bool tells, struct sim_reply *reply)
{
	struct notice *notice = NULL;
	enum err_code code = notice_new(jumio, reference, &notice);
	if (code != ERR_OK)
		return code;
	notice->reply = tells ? reply : NULL;
	reply->errand = &notice->errand;
	return ERR_OK;
}
