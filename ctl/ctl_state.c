/* ctl_state: the state of one verification, from wherever it is known. What stands is the highest one in the order of
 * verification_compare; among equal completed ones the first, because a partition is read in the order of offsets. */
#include "ctl/ctl.h"
#include <string.h>

void ctl_state_fini(struct ctl_state *state)
{
	verification_texts_fini(&state->texts);
}

void ctl_state_take(struct ctl_state *state, const char *id, const char *value, size_t len)
{
	struct ctl_state found = {.there = true};
	if (verification_decode(value, len, &found.verification, &found.texts, NULL) != ERR_OK)
		return;
	if (verification_decision_decode(value, len, &found.decision, NULL) != ERR_OK)
		found.decision = (struct verification_decision){"", ""};
	bool good = strcmp(found.verification.id, id) == 0;
	if (good && (!state->there || verification_compare(&found.verification, &state->verification) > 0)) {
		ctl_state_fini(state);
		*state = found;
	} else {
		ctl_state_fini(&found);
	}
}

struct taking {
	const char *id;
	struct ctl_state *state;
};

static void on_redis(void *ctx, size_t index, const char *value, size_t len)
{
	struct taking *taking = ctx;
	(void)index;
	if (value)
		ctl_state_take(taking->state, taking->id, value, len);
}

static void on_result(void *ctx, const char *id, const char *value, size_t len)
{
	struct taking *taking = ctx;
	ctl_state_take(taking->state, id, value, len);
}

enum err_code ctl_find_state(const struct ctl_call *call, const char *id, struct ctl_state *ret_state,
                             bool *ret_from_redis, struct err *ret_redis_err, struct err *err)
{
	struct taking taking = {.id = id, .state = ret_state};
	*ret_redis_err = (struct err){0};
	*ret_from_redis = false;
	enum err_code code = ctl_redis_each(call, &id, 1, on_redis, &taking, ret_redis_err);
	if (code != ERR_OK && !ret_redis_err->msg[0])
		err_set(ret_redis_err, code, "%s", err_text(code));
	*ret_from_redis = ret_state->there;
	return ret_state->there ? ERR_OK : ctl_results_each(call, id, on_result, &taking, err);
}
