/* sim_break: how an answer fails as a test told it to: the same for every vendor that has these knobs. */
#ifndef SIM_BREAK_H
#define SIM_BREAK_H

#include "tests/sim/sim.h"
#include "tests/sim/sim_knob.h"

/* The settings that break an answer, in one place; none is NULL. */
struct sim_break {
	const struct sim_setting *status;
	const struct sim_setting *retry_after;
	const struct sim_setting *html;
	const struct sim_setting *truncated;
	const struct sim_setting *reset;
	const struct sim_setting *fail_first;
};

enum sim_break_body {
	SIM_BODY_GOOD,  /* the caller writes the good answer, of which perhaps only half is sent */
	SIM_BODY_FAULT, /* the caller writes an error of reply->status */
	SIM_BODY_DONE   /* there is nothing left to write: a reset or a page */
};

/* Lays over reply what the settings break. call: which call this is, from 1; after the first N ~fail-first=N heals all.
 * Returns: ERR_OK and what the body is to be; ERR_NO_MEMORY. */
enum err_code sim_break_apply(const struct sim_break *how, int64_t call, struct sim_reply *reply,
                              enum sim_break_body *ret_body) WARN_UNUSED;

#endif
