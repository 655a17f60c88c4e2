/* sim_jumio_internal: what the parts of Jumio's stand-in share: sim_jumio.c has its state and API, sim_jumio_reply.c what
 * it tells, sim_jumio_page.c the pages, sim_jumio_notice.c the callbacks, sim_jumio_control.c what tests ask. */
#ifndef SIM_JUMIO_INTERNAL_H
#define SIM_JUMIO_INTERNAL_H

#include "tests/sim/sim.h"
#include "tests/sim/sim_delay.h"
#include "tests/sim/sim_jumio_ledger.h"
#include "tests/sim/sim_knob.h"
#include "tests/sim/sim_sender.h"
#include "tests/sim/sim_tally.h"
#include <pthread.h>

enum jumio_knob {
#define KNOB(id, marker, member, kind, min, max) JUMIO_KNOB_##id,
#include "tests/sim/sim_jumio_knobs.def"
#undef KNOB
	JUMIO_KNOB_COUNT
};

enum {
	JUMIO_NOTICES_MAX = 100000, /* callbacks that wait for their time, or for an answer */
	JUMIO_FORM_BYTES = 65536    /* of a callback */
};

struct jumio {
	struct sim_delay *later;   /* callbacks whose time has not come */
	struct sim_sender *sender; /* those whose time has */
	pthread_mutex_t lock;
	/* below: under the lock */
	struct sim_setting defaults[JUMIO_KNOB_COUNT];
	struct jumio_ledger ledger;
	struct sim_tally initiates; /* good ones, by userReference */
	int64_t notices;
	bool stopped;
};

/* ---- sim_jumio.c ---- */

/* Copies the defaults with the user's markers over them. Returns: ERR_OK; ERR_INVALID. Call with the lock held. */
enum err_code jumio_settings(const struct jumio *jumio, const char *user, struct sim_setting *settings,
                             struct err *err) WARN_UNUSED;

/* Returns: how it ended: jumio_outcome_expired when its life is over and nobody finished; NULL while it is open. Call with
 * the lock held, with the settings of its user. */
const struct jumio_outcome *jumio_outcome_now(const struct jumio_transaction *transaction,
                                              const struct sim_setting *settings);

/* Finishes it, unless it has finished already, and sees to its callback: one that is to be over before reply leaves
 * becomes reply's errand. wanted: NULL: what the settings say.
 * Returns: ERR_OK; ERR_NOT_FOUND (its life is over); ERR_LIMIT; ERR_NO_MEMORY. Call with the lock held. */
enum err_code jumio_finish(struct jumio *jumio, struct jumio_transaction *transaction,
                           const struct jumio_outcome *wanted, struct sim_reply *reply) WARN_UNUSED;

/* ---- sim_jumio_reply.c: all append to out; call with the lock held ---- */

/* Makes reply Jumio's error, {"httpStatus","message","requestURI"}. */
void jumio_reply_fault(struct sim_reply *reply, unsigned status, const char *text, const char *path);
enum err_code jumio_write_initiated(struct buf *out, const struct jumio_transaction *transaction,
                                    const char *host) WARN_UNUSED;
enum err_code jumio_write_status(struct buf *out, const struct jumio_transaction *transaction,
                                 const char *status) WARN_UNUSED;
enum err_code jumio_write_data(struct buf *out, const struct jumio_transaction *transaction,
                               const struct jumio_outcome *outcome, const struct sim_setting *settings) WARN_UNUSED;
/* outcome NULL: not finished, told as no document. */
enum err_code jumio_write_callback(struct buf *out, const struct jumio_transaction *transaction,
                                   const struct jumio_outcome *outcome, const struct sim_setting *settings) WARN_UNUSED;
/* Where the browser of a finished one goes; nothing when the initiate gave no URL for it. */
enum err_code jumio_write_way_back(struct buf *out, const struct jumio_transaction *transaction) WARN_UNUSED;

/* ---- sim_jumio_page.c ---- */

/* Answers GET /jumio/capture and POST /jumio/capture/finish. Takes the lock. */
enum err_code jumio_page_show(struct jumio *jumio, const struct sim_request *request, struct sim_reply *reply) WARN_UNUSED;
enum err_code jumio_page_finish(struct jumio *jumio, const struct sim_request *request,
                                struct sim_reply *reply) WARN_UNUSED;

/* ---- sim_jumio_notice.c: call with the lock held ---- */

/* Sends a callback in after_ms. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY; ERR_UNAVAILABLE (stopping). */
enum err_code jumio_notice_later(struct jumio *jumio, const char *reference, int64_t after_ms) WARN_UNUSED;
/* Sends one before reply leaves. tells: reply's body becomes {"status": of the answer}. Returns: as above. */
enum err_code jumio_notice_attach(struct jumio *jumio, const char *reference, bool tells,
                                  struct sim_reply *reply) WARN_UNUSED;
void jumio_notice_on_due(void *item); /* of struct jumio's `later` */

/* ---- sim_jumio_control.c ---- */

bool jumio_control(void *state, const char *what, const struct sim_request *request, struct sim_reply *reply);

#endif
