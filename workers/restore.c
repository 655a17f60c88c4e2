/* restore: states by the same compare-and-set that the engine uses, many in one step. */
#include "workers/restore.h"
#include <assert.h>

enum err_code restore_read(const char *value, size_t len, struct restore *ret_item, struct err *err)
{
	enum err_code code = verification_decode(value, len, &ret_item->state, NULL, err);
	if (code != ERR_OK)
		return code;
	ret_item->value = value;
	ret_item->len = len;
	return ERR_OK;
}

enum err_code restore_read_request(const char *value, size_t len, struct buf *text, struct restore *ret_item,
                                   struct err *err)
{
	struct request request;
	struct verification_texts texts = {NULL, NULL};
	enum err_code code = request_decode(value, len, &request, err);
	if (code != ERR_OK)
		return code;
	verification_queued(&request, &ret_item->state);
	if (kind_is_journey(request.kind))
		texts.sealed = request.sealed; /* borrowed */
	code = verification_encode(&ret_item->state, &texts, text);
	request_fini(&request);
	if (code != ERR_OK)
		return err_set(err, code, "state of a request: %s", err_text(code));
	ret_item->value = text->data;
	ret_item->len = text->len;
	return ERR_OK;
}

/* A journey that never sent an initiate stands in nobody's way: it is not put back as its person's newest. */
static struct store_fill fill_of(const struct restore *item)
{
	const struct verification *state = &item->state;
	bool is_ours = !state->adopted, was_sent = state->sends > 0 || state->reference[0];
	return (struct store_fill){
	        .state = state,
	        .value = item->value,
	        .len = item->len,
	        .subject = is_ours && was_sent && state->question[0],
	        .reference = is_ours && state->reference[0],
	};
}

enum err_code restore_write(struct redis_store *store, const struct restore *const *items, size_t count, bool wake,
                            store_fill_fn fn, void *ctx)
{
	struct store_fill fills[RESTORE_MAX];
	assert(count <= RESTORE_MAX);
	for (size_t i = 0; i < count; i++)
		fills[i] = fill_of(items[i]);
	return redis_store_fill(store, fills, count, wake, fn, ctx);
}
