/* sim_jumio_control: what tests ask of Jumio's stand-in under /control/jumio/: its transactions, a finish without a
 * browser, a callback now. Answers are written by jansson, which has null. */
#include "common/base/json_in.h"
#include "tests/sim/sim_jumio_internal.h"
#include "tests/sim/sim_query.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BYTES = 64 };

static json_t *transaction_json(const struct jumio_transaction *transaction, const struct jumio_outcome *outcome)
{
	json_t *finished = transaction->finished_ms > 0 ? json_integer(transaction->finished_ms) : json_null();
	return json_pack(
	        "{ss,ss,ss,ss,ss,ss,ss,ss,sI,sI,so,ss?,sI,sI,sI,sI}", "reference", transaction->reference, "user",
	        transaction->user, "customer_reference", transaction->customer_reference, "token", transaction->token,
	        "success_url", transaction->success_url, "error_url", transaction->error_url, "callback_url",
	        transaction->callback_url, "locale", transaction->locale, "workflow", (json_int_t)transaction->workflow,
	        "initiated_ms", (json_int_t)transaction->initiated_ms, "finished_ms", finished, "outcome",
	        outcome ? outcome->word : NULL, "status_calls", (json_int_t)transaction->status_calls, "data_calls",
	        (json_int_t)transaction->data_calls, "callbacks", (json_int_t)transaction->callbacks, "callback_status",
	        (json_int_t)transaction->callback_status);
}

static enum err_code append_json(struct buf *out, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	enum err_code code = text ? buf_append_str(out, text) : ERR_NO_MEMORY;
	free(text);
	json_decref(object);
	return code;
}

/* Call with the lock held. */
static enum err_code list_locked(const struct jumio *jumio, const char *user, struct buf *out)
{
	struct sim_setting set[JUMIO_KNOB_COUNT];
	enum err_code code = buf_append_str(out, "[");
	const struct list *all = &jumio->ledger.all;
	for (struct list *at = all->next; code == ERR_OK && at != all; at = at->next) {
		const struct jumio_transaction *one = LIST_ENTRY(at, struct jumio_transaction, by_age);
		if (user && strcmp(one->user, user) != 0)
			continue;
		code = jumio_settings(jumio, one->user, set, NULL);
		if (code == ERR_OK && out->len > 1)
			code = buf_append_str(out, ",");
		if (code == ERR_OK)
			code = append_json(out, transaction_json(one, jumio_outcome_now(one, set)));
	}
	return code == ERR_OK ? buf_append_str(out, "]") : code;
}

static void control_transactions(struct jumio *jumio, const struct sim_request *request, struct sim_reply *reply)
{
	char user[SIM_ID_BYTES];
	enum err_code named = sim_query_get(request->query, "user", user, sizeof(user));
	if (named != ERR_OK && named != ERR_NOT_FOUND) {
		sim_reply_fault(reply, 400, "user: too long, or a broken escape");
		return;
	}
	pthread_mutex_lock(&jumio->lock);
	enum err_code code = list_locked(jumio, named == ERR_OK ? user : NULL, &reply->body);
	reply->dropped = jumio->ledger.dropped;
	pthread_mutex_unlock(&jumio->lock);
	if (code != ERR_OK)
		sim_reply_fault(reply, 500, "too much for one answer; ask for one user");
}

/* The body of a POST. */
struct wish {
	char reference[JUMIO_REFERENCE_BYTES];
	char outcome[WORD_BYTES]; /* "" when it is not named */
};

static enum err_code read_wish(const struct sim_request *request, struct wish *ret_wish, struct err *err)
{
	struct json_in *root = NULL;
	enum err_code code = json_in_parse(request->body, request->body_len, &root, err);
	ret_wish->outcome[0] = '\0';
	if (code == ERR_OK)
		code = json_in_str(root, "reference", ret_wish->reference, sizeof(ret_wish->reference), err);
	if (code == ERR_OK && json_in_get(root, "outcome"))
		code = json_in_str(root, "outcome", ret_wish->outcome, sizeof(ret_wish->outcome), err);
	if (code == ERR_OK && *ret_wish->outcome && !jumio_outcome_find(ret_wish->outcome))
		code = err_set(err, ERR_INVALID, "outcome: there is none of this name");
	json_in_free(root);
	return code;
}

/* Call with the lock held. */
static void finish_locked(struct jumio *jumio, struct jumio_transaction *transaction, const struct wish *wish,
                          struct sim_reply *reply)
{
	struct buf location;
	buf_init(&location, SIM_LOCATION_BYTES);
	enum err_code code = jumio_finish(jumio, transaction, jumio_outcome_find(wish->outcome), reply);
	if (code == ERR_NOT_FOUND) {
		sim_reply_fault(reply, 409, "its life is over");
		return;
	}
	if (code == ERR_OK)
		code = jumio_write_way_back(&location, transaction);
	if (code == ERR_OK)
		code = append_json(&reply->body,
		                   json_pack("{ss?}", "location", location.len > 0 ? location.data : NULL));
	if (code != ERR_OK)
		sim_reply_fault(reply, 500, "vendorsim has no room for this callback");
	buf_fini(&location);
}

/* Call with the lock held. */
static void callback_locked(struct jumio *jumio, struct jumio_transaction *transaction, const struct wish *wish,
                            struct sim_reply *reply)
{
	(void)wish;
	if (!*transaction->callback_url)
		sim_reply_fault(reply, 409, "the initiate gave no callbackUrl");
	else if (jumio_notice_attach(jumio, transaction->reference, true, reply) != ERR_OK)
		sim_reply_fault(reply, 500, "vendorsim has no room for this callback");
}

static void control_one(struct jumio *jumio, const struct sim_request *request, struct sim_reply *reply,
                        void (*handle)(struct jumio *jumio, struct jumio_transaction *transaction,
                                       const struct wish *wish, struct sim_reply *reply))
{
	struct wish wish;
	struct err err = {0};
	if (read_wish(request, &wish, &err) != ERR_OK) {
		sim_reply_fault(reply, 400, err.msg);
		return;
	}
	pthread_mutex_lock(&jumio->lock);
	struct jumio_transaction *found = jumio_ledger_by_reference(&jumio->ledger, wish.reference);
	if (found)
		handle(jumio, found, &wish, reply);
	else
		sim_reply_fault(reply, 404, "there is no such transaction");
	pthread_mutex_unlock(&jumio->lock);
}

static void control_finish(struct jumio *jumio, const struct sim_request *request, struct sim_reply *reply)
{
	control_one(jumio, request, reply, finish_locked);
}

static void control_callback(struct jumio *jumio, const struct sim_request *request, struct sim_reply *reply)
{
	control_one(jumio, request, reply, callback_locked);
}

bool jumio_control(void *state, const char *what, const struct sim_request *request, struct sim_reply *reply)
{
	static const struct {
		const char *what;
		const char *method;
		void (*handle)(struct jumio *jumio, const struct sim_request *request, struct sim_reply *reply);
	} routes[] = {
	        {"transactions", "GET", control_transactions},
	        {"finish", "POST", control_finish},
	        {"callback", "POST", control_callback},
	};
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(what, routes[i].what) != 0)
			continue;
		if (strcmp(request->method, routes[i].method) == 0)
			routes[i].handle(state, request, reply);
		else
			sim_reply_wrong_method(reply, routes[i].method);
		return true;
	}
	return false;
}
