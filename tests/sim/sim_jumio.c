/* sim_jumio: POST /jumio/api/v4/initiate, GET /jumio/api/netverify/v2/scans/{reference}[/data], strict as Jumio's
 * guide. Where the guide says nothing (most refusals), README.md says what was chosen. It judges nobody: every outcome
 * comes from a button, a marker or a default. */
#include "tests/sim/sim_jumio.h"
#include "common/base/clock.h"
#include "tests/sim/sim_break.h"
#include "tests/sim/sim_jumio_check.h"
#include "tests/sim/sim_jumio_internal.h"
#include "tests/sim/sim_query.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sim_knob knobs[JUMIO_KNOB_COUNT] = {
#define KNOB(id, marker, member, kind, min, max) {marker, member, SIM_KNOB_##kind, min, max},
#include "tests/sim/sim_jumio_knobs.def"
#undef KNOB
};

static const char scans_path[] = "/jumio/api/netverify/v2/scans/";

/* ---- state ---- */

static void jumio_free(void *arg)
{
	struct jumio *jumio = arg;
	if (!jumio)
		return;
	jumio->stopped = true;
	sim_delay_free(jumio->later);
	sim_sender_free(jumio->sender);
	jumio_ledger_clear(&jumio->ledger);
	sim_tally_fini(&jumio->initiates);
	pthread_mutex_destroy(&jumio->lock);
	free(jumio);
}

static enum err_code jumio_new(void **ret_state, struct err *err)
{
	struct jumio *jumio = calloc(1, sizeof(*jumio));
	if (!jumio)
		return err_set(err, ERR_NO_MEMORY, "no memory for the Jumio stand-in");
	if (pthread_mutex_init(&jumio->lock, NULL) != 0) {
		free(jumio);
		return err_set(err, ERR_INTERNAL, "no lock for the Jumio stand-in");
	}
	jumio_ledger_init(&jumio->ledger);
	enum err_code code = sim_delay_new(jumio_notice_on_due, &jumio->later, err);
	if (code == ERR_OK)
		code = sim_sender_new(&jumio->sender, err);
	if (code != ERR_OK) {
		jumio_free(jumio);
		return code;
	}
	*ret_state = jumio;
	return ERR_OK;
}

static void jumio_stop(void *arg)
{
	struct jumio *jumio = arg;
	pthread_mutex_lock(&jumio->lock);
	jumio->stopped = true;
	pthread_mutex_unlock(&jumio->lock);
	sim_delay_stop(jumio->later); /* hands back what waits, which is no longer sent */
	sim_sender_stop(jumio->sender);
}

static void jumio_reset(void *arg)
{
	struct jumio *jumio = arg;
	pthread_mutex_lock(&jumio->lock);
	memset(jumio->defaults, 0, sizeof(jumio->defaults));
	jumio_ledger_clear(&jumio->ledger);
	sim_tally_fini(&jumio->initiates);
	pthread_mutex_unlock(&jumio->lock);
}

/* ---- settings ---- */

/* What the table of knobs cannot say: which words and codes there are. */
static enum err_code check_settings(const struct sim_setting *set, struct err *err)
{
	if (set[JUMIO_KNOB_OUTCOME].set && !jumio_outcome_find(set[JUMIO_KNOB_OUTCOME].word))
		return err_set(err, ERR_INVALID, "outcome: there is none of this name");
	if (set[JUMIO_KNOB_REJECT].set && !jumio_reject_find((int)set[JUMIO_KNOB_REJECT].num))
		return err_set(err, ERR_INVALID, "reject: there is no such code");
	return ERR_OK;
}

enum err_code jumio_settings(const struct jumio *jumio, const char *user, struct sim_setting *settings, struct err *err)
{
	memcpy(settings, jumio->defaults, sizeof(jumio->defaults));
	enum err_code code = sim_knobs_read_markers(knobs, JUMIO_KNOB_COUNT, user, settings, err);
	return code == ERR_OK ? check_settings(settings, err) : code;
}

static enum err_code jumio_configure(void *arg, const struct json_in *defaults, struct err *err)
{
	struct jumio *jumio = arg;
	struct sim_setting read[JUMIO_KNOB_COUNT];
	pthread_mutex_lock(&jumio->lock);
	memcpy(read, jumio->defaults, sizeof(read));
	enum err_code code = sim_knobs_read_json(knobs, JUMIO_KNOB_COUNT, defaults, read, err);
	if (code == ERR_OK)
		code = check_settings(read, err);
	if (code == ERR_OK)
		memcpy(jumio->defaults, read, sizeof(read));
	pthread_mutex_unlock(&jumio->lock);
	return code;
}

static void jumio_show(void *arg, struct json_out *out)
{
	struct jumio *jumio = arg;
	pthread_mutex_lock(&jumio->lock);
	sim_knobs_write(knobs, JUMIO_KNOB_COUNT, jumio->defaults, out);
	pthread_mutex_unlock(&jumio->lock);
}

/* ---- a transaction's life ---- */

const struct jumio_outcome *jumio_outcome_now(const struct jumio_transaction *transaction,
                                              const struct sim_setting *settings)
{
	const struct sim_setting *life = &settings[JUMIO_KNOB_LIFE];
	int64_t life_ms = life->set ? life->num : transaction->life_ms;
	if (transaction->outcome)
		return transaction->outcome;
	return clock_mono_ms() - transaction->initiated_mono_ms >= life_ms ? &jumio_outcome_expired : NULL;
}

enum err_code jumio_finish(struct jumio *jumio, struct jumio_transaction *transaction,
                           const struct jumio_outcome *wanted, struct sim_reply *reply)
{
	struct sim_setting set[JUMIO_KNOB_COUNT];
	enum err_code code = jumio_settings(jumio, transaction->user, set, NULL);
	if (code != ERR_OK)
		return code;
	const struct jumio_outcome *now = jumio_outcome_now(transaction, set);
	if (now)
		return now == &jumio_outcome_expired ? ERR_NOT_FOUND : ERR_OK;
	if (!wanted && set[JUMIO_KNOB_OUTCOME].set)
		wanted = jumio_outcome_find(set[JUMIO_KNOB_OUTCOME].word);
	const struct sim_setting *callback = &set[JUMIO_KNOB_CALLBACK];
	if (callback->set && *transaction->callback_url)
		code = callback->num > 0 ? jumio_notice_later(jumio, transaction->reference, callback->num)
		                         : jumio_notice_attach(jumio, transaction->reference, false, reply);
	if (code == ERR_OK)
		jumio_ledger_finish(&jumio->ledger, transaction, wanted ? wanted : &jumio_outcomes[JUMIO_APPROVED]);
	return code;
}

/* ---- the API ---- */

enum route { ROUTE_NONE, ROUTE_INITIATE, ROUTE_STATUS, ROUTE_DATA, ROUTE_PAGE, ROUTE_FINISH };

struct target {
	enum route route;
	const char *method;
	char reference[SIM_ID_BYTES]; /* of a retrieval */
};

static void read_scan(const char *rest, struct target *target)
{
	size_t len = strcspn(rest, "/");
	if (len == 0 || len >= sizeof(target->reference))
		return;
	memcpy(target->reference, rest, len);
	target->reference[len] = '\0';
	if (rest[len] == '\0')
		target->route = ROUTE_STATUS;
	else if (strcmp(rest + len, "/data") == 0)
		target->route = ROUTE_DATA;
}

static void read_target(const char *path, struct target *target)
{
	static const struct {
		const char *path;
		enum route route;
		const char *method;
	} routes[] = {
	        {"/jumio/api/v4/initiate", ROUTE_INITIATE, "POST"},
	        {"/jumio/capture", ROUTE_PAGE, "GET"},
	        {"/jumio/capture/finish", ROUTE_FINISH, "POST"},
	};
	*target = (struct target){.route = ROUTE_NONE, .method = "GET"};
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(path, routes[i].path) == 0) {
			target->route = routes[i].route;
			target->method = routes[i].method;
			return;
		}
	}
	if (strncmp(path, scans_path, sizeof(scans_path) - 1) == 0)
		read_scan(path + sizeof(scans_path) - 1, target);
}

/* Whose call it is: the initiate says so itself, for all others the transaction does. */
static void jumio_read(void *arg, const struct sim_request *request, struct sim_question *ret_question)
{
	struct jumio *jumio = arg;
	struct target target;
	char token[JUMIO_TOKEN_BYTES] = "";
	struct jumio_transaction *found = NULL;
	enum err_code code = ERR_NOT_FOUND;
	read_target(request->path, &target);
	if (target.route == ROUTE_INITIATE)
		jumio_read_names(request, ret_question->session, ret_question->uuid, SIM_ID_BYTES);
	else if (target.route == ROUTE_PAGE)
		code = sim_query_get(request->query, "authorizationToken", token, sizeof(token));
	else if (target.route == ROUTE_FINISH)
		code = sim_query_get(request->body, "authorizationToken", token, sizeof(token));
	pthread_mutex_lock(&jumio->lock);
	if (code == ERR_OK)
		found = jumio_ledger_by_token(&jumio->ledger, token);
	else if (*target.reference)
		found = jumio_ledger_by_reference(&jumio->ledger, target.reference);
	if (found) {
		snprintf(ret_question->session, SIM_ID_BYTES, "%s", found->user);
		snprintf(ret_question->uuid, SIM_ID_BYTES, "%s", found->customer_reference);
	}
	pthread_mutex_unlock(&jumio->lock);
}

/* True for what can stand in a URL as host and port. */
static bool is_authority(const char *host)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:[]";
	return *host && host[strspn(host, allowed)] == '\0';
}

/* Call with the lock held. Every call that is not refused and not answered with an error makes a transaction. */
static enum err_code initiate_locked(struct jumio *jumio, const struct sim_request *request,
                                     const struct jumio_order *order, struct sim_reply *reply)
{
	struct sim_setting set[JUMIO_KNOB_COUNT];
	struct err err = {0};
	enum sim_break_body body = SIM_BODY_DONE;
	struct jumio_transaction *made = NULL;
	int64_t call = 0;
	if (jumio_settings(jumio, order->user, set, &err) != ERR_OK) {
		jumio_reply_fault(reply, 400, err.msg, request->path);
		return ERR_OK;
	}
	enum err_code code = sim_tally_add(&jumio->initiates, sim_tally_hash(SIM_TALLY_SEED, order->user), &call);
	if (code != ERR_OK)
		return code;
	reply->delay_ms = set[JUMIO_KNOB_DELAY].num;
	if (set[JUMIO_KNOB_DOWN].set) {
		reply->act = SIM_RESET;
		return ERR_OK;
	}
	const struct sim_break how = {
	        .status = &set[JUMIO_KNOB_STATUS],
	        .retry_after = &set[JUMIO_KNOB_RETRY_AFTER],
	        .html = &set[JUMIO_KNOB_HTML],
	        .truncated = &set[JUMIO_KNOB_TRUNCATED],
	        .reset = &set[JUMIO_KNOB_RESET],
	        .fail_first = &set[JUMIO_KNOB_FAIL_FIRST],
	};
	code = sim_break_apply(&how, call, reply, &body);
	if (code == ERR_OK && reply->status == 200)
		code = jumio_ledger_add(&jumio->ledger, order, &made);
	if (code == ERR_OK && body == SIM_BODY_GOOD)
		code = jumio_write_initiated(&reply->body, made, request->host);
	else if (code == ERR_OK && body == SIM_BODY_FAULT)
		jumio_reply_fault(reply, reply->status, "simulated failure", request->path);
	return code;
}

static enum err_code answer_initiate(struct jumio *jumio, const struct sim_request *request, struct sim_reply *reply)
{
	struct jumio_order order;
	struct err err = {0};
	enum err_code code = jumio_read_order(request, &order, &err);
	if (code == ERR_OK && !is_authority(request->host))
		code = err_set(&err, ERR_INVALID, "the Host header is missing or wrong");
	if (code != ERR_OK) {
		jumio_reply_fault(reply, 400, err.msg, request->path);
		return ERR_OK;
	}
	pthread_mutex_lock(&jumio->lock);
	code = initiate_locked(jumio, request, &order, reply);
	pthread_mutex_unlock(&jumio->lock);
	return code;
}

static enum err_code write_scan(struct jumio_transaction *transaction, const struct sim_setting *set, enum route route,
                                const char *path, struct sim_reply *reply)
{
	const struct jumio_outcome *outcome = jumio_outcome_now(transaction, set);
	bool is_pending = !outcome || (transaction->outcome && transaction->pending_told < set[JUMIO_KNOB_PENDING].num);
	if (route == ROUTE_STATUS) {
		transaction->pending_told += is_pending && outcome;
		return jumio_write_status(&reply->body, transaction, is_pending ? "PENDING" : outcome->scan_status);
	}
	if (!is_pending)
		return jumio_write_data(&reply->body, transaction, outcome, set);
	jumio_reply_fault(reply, 404, "the scan is pending", path);
	return ERR_OK;
}

static enum err_code scan_locked(struct jumio *jumio, const struct sim_request *request, const struct target *target,
                                 struct sim_reply *reply)
{
	struct jumio_transaction *found = jumio_ledger_by_reference(&jumio->ledger, target->reference);
	struct sim_setting set[JUMIO_KNOB_COUNT];
	enum sim_break_body body = SIM_BODY_DONE;
	enum err_code code = jumio_settings(jumio, found ? found->user : "", set, NULL);
	if (code != ERR_OK)
		return code;
	reply->delay_ms = set[JUMIO_KNOB_SCAN_DELAY].num;
	if (found)
		*(target->route == ROUTE_DATA ? &found->data_calls : &found->status_calls) += 1;
	if (set[JUMIO_KNOB_DOWN].set) {
		reply->act = SIM_RESET;
		return ERR_OK;
	}
	const struct sim_break how = {
	        .status = &set[JUMIO_KNOB_SCAN_STATUS],
	        .retry_after = &set[JUMIO_KNOB_SCAN_RETRY_AFTER],
	        .html = &set[JUMIO_KNOB_SCAN_HTML],
	        .truncated = &set[JUMIO_KNOB_SCAN_TRUNCATED],
	        .reset = &set[JUMIO_KNOB_SCAN_RESET],
	        .fail_first = &set[JUMIO_KNOB_SCAN_FAIL_FIRST],
	};
	code = sim_break_apply(&how, found ? found->status_calls + found->data_calls : 1, reply, &body);
	if (code != ERR_OK || body == SIM_BODY_DONE)
		return code;
	if (body == SIM_BODY_FAULT)
		jumio_reply_fault(reply, reply->status, "simulated failure", request->path);
	else if (!found)
		jumio_reply_fault(reply, 404, "there is no such scan", request->path);
	else
		return write_scan(found, set, target->route, request->path, reply);
	return ERR_OK;
}

/* What only programs call: their headers are looked at first. */
static enum err_code answer_api(struct jumio *jumio, const struct sim_request *request, const struct target *target,
                                struct sim_reply *reply)
{
	struct err err = {0};
	unsigned status = jumio_check_headers(request, target->route == ROUTE_INITIATE, &err);
	if (status == 403) {
		reply->status = 403;
		reply->content_type = "text/html";
		return buf_printf(&reply->body,
		                  "<html><head><title>Forbidden</title></head><body><p>%s</p></body></html>\n",
		                  "Access denied: &lt;Company&gt; &lt;App&gt;/&lt;version&gt; is not in User-Agent.");
	}
	if (status != 200) {
		jumio_reply_fault(reply, status, err.msg, request->path);
		reply->challenge = status == 401 ? "Basic realm=\"vendorsim\"" : NULL;
		return ERR_OK;
	}
	if (target->route == ROUTE_INITIATE)
		return answer_initiate(jumio, request, reply);
	pthread_mutex_lock(&jumio->lock);
	enum err_code code = scan_locked(jumio, request, target, reply);
	pthread_mutex_unlock(&jumio->lock);
	return code;
}

static enum err_code jumio_answer(void *arg, const struct sim_request *request, const struct sim_question *question,
                                  int64_t call, struct sim_reply *reply)
{
	struct jumio *jumio = arg;
	struct target target;
	(void)question, (void)call;
	read_target(request->path, &target);
	if (target.route == ROUTE_NONE) {
		jumio_reply_fault(reply, 404, "there is no such path", request->path);
	} else if (strcmp(request->method, target.method) != 0) {
		jumio_reply_fault(reply, 405, "another method is needed", request->path);
		reply->allow = target.method;
	} else if (target.route == ROUTE_PAGE) {
		return jumio_page_show(jumio, request, reply);
	} else if (target.route == ROUTE_FINISH) {
		return jumio_page_finish(jumio, request, reply);
	} else {
		return answer_api(jumio, request, &target, reply);
	}
	return ERR_OK;
}

const struct sim_vendor sim_vendor_jumio = {
        .name = "jumio",
        .prefix = "/jumio/",
        .state_new = jumio_new,
        .state_free = jumio_free,
        .read = jumio_read,
        .answer = jumio_answer,
        .configure = jumio_configure,
        .show = jumio_show,
        .reset = jumio_reset,
        .control = jumio_control,
        .stop = jumio_stop,
};
