/* restore: one state, by the same compare-and-set that the engine uses. */
#include "workers/restore.h"

/* A journey that never sent an initiate stands in nobody's way: it is not put back as its person's newest. */
static void restore_pointers(struct redis_store *store, const struct verification *state)
{
	bool was_sent = state->sends > 0 || state->reference[0];
	if (state->question[0] && was_sent && !state->adopted)
		redis_store_note_subject(store, state->question, state->id, state->created_ms);
	if (state->reference[0] && !state->adopted)
		redis_store_name_reference(store, kind_info(state->kind)->vendor, state->reference, state->id);
}

enum err_code restore_state(struct redis_store *store, const char *value, size_t len, store_put_fn fn, void *ctx,
                            struct err *err)
{
	struct verification state;
	enum err_code code = verification_decode(value, len, &state, NULL, err);
	if (code != ERR_OK)
		return ERR_INVALID;
	code = redis_store_put(store, &state, value, len, operation_info(kind_first_operation(state.kind))->name, NULL,
	                       NULL, fn, ctx);
	if (code == ERR_OK)
		restore_pointers(store, &state);
	return code;
}

enum err_code restore_request(struct redis_store *store, const char *value, size_t len, store_done_fn fn, void *ctx,
                              struct err *err)
{
	struct request request;
	struct verification state;
	struct verification_texts texts = {NULL, NULL};
	struct buf queued;
	if (request_decode(value, len, &request, err) != ERR_OK)
		return ERR_INVALID;
	buf_init(&queued, VERIFICATION_MAX_BYTES);
	verification_queued(&request, &state);
	if (kind_is_journey(request.kind))
		texts.sealed = request.sealed; /* borrowed */
	enum err_code code = verification_encode(&state, &texts, &queued);
	if (code == ERR_OK)
		code = redis_store_put_first(store, state.id, queued.data, queued.len, fn, ctx);
	buf_fini(&queued);
	request_fini(&request);
	return code;
}
