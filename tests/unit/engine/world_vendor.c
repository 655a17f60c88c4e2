/* world_vendor: a vendor for every operation, both ends of it: what the engine links in place of a real one (its words
 * are plain text), the service that answers, and http_curl between them. */
#include "tests/unit/engine/world.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARRIVE_MS = 20, END_MS = 100, SCORE_STEP = 37 };

/* ---- the engine's end ---- */

static enum err_code configure(const struct config *config, FILE *complaints, void **ret_self)
{
	(void)config, (void)complaints, (void)ret_self;
	return ERR_INVALID;
}

static void free_self(void *self)
{
	(void)self;
}

static enum err_code build(const void *self, const struct vendor_job *job, struct http_request *ret_http,
                           struct err *err)
{
	http_request_init(ret_http);
	ret_http->timeout_ms = ((const struct world *)self)->vendor_timeout_ms;
	if (strcmp(job->person->field[REQUEST_FIELD_SUBJECT], "refused") == 0)
		return err_set(err, ERR_INVALID, "not a person");
	return buf_printf(&ret_http->url, "%s %s %d %s", operation_info(job->operation)->name, job->request->id,
	                  job->step, job->state->reference[0] ? job->state->reference : "-");
}

static void read_words(const struct vendor_job *job, const char *words, struct vendor_answer *answer)
{
	char reference[REFERENCE_BYTES] = "";
	int number = 0;
	struct event *event = &answer->event;
	answer->failed = false;
	event->score = SCORE_NONE;
	if (sscanf(words, "scored %d", &number) == 1) {
		*event = (struct event){.type = EVENT_SCORED, .risk = RISK_LOW, .score = number};
	} else if (sscanf(words, "initiated %64s", reference) == 1) {
		event->type = EVENT_INITIATED;
		event->until_ms = job->now_ms + VENDOR_TOKEN_MS;
		memcpy(event->reference, reference, sizeof reference);
		answer->failed = buf_append_str(&answer->link, "https://vendor/page") != ERR_OK;
	} else if (strcmp(words, "decided") == 0) {
		answer->next_step = 1;
	} else if (strcmp(words, "pending") == 0) {
		event->type = EVENT_PENDING;
	} else if (strcmp(words, "approved") == 0) {
		*event = (struct event){.type = EVENT_JUDGED, .verdict = VERDICT_VERIFIED};
	} else if (strcmp(words, "rejected") == 0) {
		*event = (struct event){.type = EVENT_JUDGED, .verdict = VERDICT_DENIED};
	} else if (strcmp(words, "nobody came") == 0) {
		*event = (struct event){.type = EVENT_JUDGED, .verdict = VERDICT_NO_DOCUMENT};
	} else {
		answer->failed = true;
	}
}

static void read_response(const void *self, const struct vendor_job *job, const struct http_response *response,
                          struct vendor_answer *answer)
{
	(void)self;
	answer->retry_after_ms = response->retry_after_ms;
	if (response->status == 200)
		read_words(job, response->body, answer);
	else
		answer->failure = failure_of_status(response->status);
}

static int64_t next_poll_ms(const void *self, int64_t elapsed_ms)
{
	static const int64_t rungs[] = {1000, 5000, 12000, 30000};
	(void)self;
	for (size_t i = 0; i < sizeof rungs / sizeof *rungs; i++)
		if (rungs[i] > elapsed_ms)
			return rungs[i];
	return -1;
}

static int64_t watchdog_ms(const void *self)
{
	(void)self;
	return VENDOR_WATCHDOG_MS;
}

static int max_a_day(const void *self)
{
	(void)self;
	return VENDOR_MAX_A_DAY;
}

static struct config_rate rate(const void *self, enum operation operation)
{
	return ((const struct world *)self)->rate[operation];
}

static int timeout_ms(const void *self, enum operation operation)
{
	(void)operation;
	return ((const struct world *)self)->vendor_timeout_ms;
}

const struct vendor world_vendor = {
        .name = "world",
        .configure = configure,
        .free = free_self,
        .build = build,
        .read = read_response,
        .next_poll_ms = next_poll_ms,
        .watchdog_ms = watchdog_ms,
        .max_a_day = max_a_day,
        .rate = rate,
        .timeout_ms = timeout_ms,
};

/* ---- the service ---- */

struct vendor_case *vendor_case_of(struct world *world, const char *id)
{
	struct vendor_case *item = world->cases;
	while (item && strcmp(item->id, id) != 0)
		item = item->next;
	if (!item) {
		item = world_alloc(sizeof *item);
		snprintf(item->id, sizeof item->id, "%s", id);
		item->next = world->cases;
		world->cases = item;
	}
	return item;
}

struct http_call {
	struct pod *pod;
	http_done_fn done;
	void *ctx;
	struct call_plan plan;
	struct vendor_case *item;
	char op[16], reference[REFERENCE_BYTES], body[128];
	int step, timeout_ms;
	bool has_arrived, is_listed;
	struct moment *arriving, *ending;
	struct list node; /* its pod's */
	struct list wire; /* the world's */
};

static void free_call(struct http_call *call)
{
	list_remove(&call->wire);
	free(call);
}

void vendor_shut(struct world *world)
{
	while (!list_is_empty(&world->wire))
		free_call(LIST_ENTRY(world->wire.next, struct http_call, wire));
	while (world->cases) {
		struct vendor_case *item = world->cases;
		world->cases = item->next;
		free(item);
	}
}

static const char *operation_name(const char *name)
{
	unsigned operation = 0;
	while (strcmp(operation_info((enum operation)operation)->name, name) != 0)
		operation++;
	return operation_info((enum operation)operation)->name;
}

/* Does what is asked, once more. A second score of one id is another number, so that a changed answer shows. */
static void act(struct world *world, struct http_call *call)
{
	struct vendor_case *item = call->item;
	if (strcmp(call->op, "score") == 0) {
		item->scores++;
		snprintf(call->body, sizeof call->body, "scored %d", item->scores * SCORE_STEP);
	} else if (strcmp(call->op, "initiate") == 0) {
		assert_true(item->initiates < CASE_REFERENCES);
		int at = item->initiates++;
		snprintf(item->reference[at].name, REFERENCE_BYTES, "r%d-%.8s", at, call->item->id);
		item->reference[at].until_ms = world->now_ms + VENDOR_TOKEN_MS;
		snprintf(call->body, sizeof call->body, "initiated %s", item->reference[at].name);
	}
}

static void look(const struct world *world, struct http_call *call)
{
	const struct vendor_case *item = call->item;
	const char *words = "unknown reference";
	for (int i = 0; i < item->initiates; i++) {
		if (strcmp(item->reference[i].name, call->reference) != 0)
			continue;
		bool is_over = item->reference[i].is_finished || item->reference[i].until_ms <= world->now_ms;
		words = !is_over                          ? "pending"
		        : call->step == 0                 ? "decided"
		        : !item->reference[i].is_finished ? "nobody came"
		        : item->reference[i].is_approved  ? "approved"
		                                          : "rejected";
	}
	snprintf(call->body, sizeof call->body, "%s", words);
}

static void on_arrive(void *ctx)
{
	struct http_call *call = ctx;
	struct world *world = call->pod->world;
	call->arriving = NULL;
	call->has_arrived = true;
	bool did_nothing = call->plan.end == CALL_STATUS &&
	                   !failure_may_have_acted(failure_of_status(call->plan.status), FLOW_INITIATE);
	call->item->sent += strcmp(call->op, "initiate") == 0 && !did_nothing;
	if (call->plan.end == CALL_ANSWERED || call->plan.acts)
		act(world, call);
	if (strcmp(call->op, "retrieve") == 0)
		look(world, call);
	if (call->plan.body)
		snprintf(call->body, sizeof call->body, "%s", call->plan.body);
	world_note(world, call->pod, NOTE_ARRIVED, operation_name(call->op), call->item->id, call->step);
	if (!call->is_listed)
		free_call(call);
}

/* ---- http_curl.h ---- */

static void close_call(struct http_call *call)
{
	list_remove(&call->node);
	call->is_listed = false;
	call->item->open--;
	if (call->arriving && world_roll(call->pod->world, 2))
		return; /* its bytes are on their way: it arrives, and nobody hears the answer */
	world_cancel(call->arriving);
	free_call(call);
}

static void on_end(void *ctx)
{
	static const enum failure failures[] = {
	        [CALL_RESET] = FAILURE_RESET, [CALL_REFUSED] = FAILURE_CONNECT, [CALL_SILENT] = FAILURE_TIMEOUT};
	struct http_call *call = ctx;
	bool is_ok = call->plan.end == CALL_ANSWERED || call->plan.end == CALL_STATUS;
	struct http_result result = {.ok = is_ok,
	                             .failure = FAILURE_GARBAGE,
	                             .detail = "as planned",
	                             .bytes_sent = call->plan.end != CALL_REFUSED};
	if (is_ok)
		result.response = (struct http_response){
		        .status = call->plan.end == CALL_ANSWERED ? 200 : call->plan.status,
		        .content_type = "text/plain",
		        .body = call->body,
		        .body_len = strlen(call->body),
		        .retry_after_ms = call->plan.retry_after_ms,
		};
	else
		result.failure = failures[call->plan.end];
	world_note(call->pod->world, call->pod, NOTE_ANSWERED, operation_name(call->op), call->item->id,
	           call->plan.end);
	call->done(call->ctx, &result);
	close_call(call);
}

static void schedule(struct http_call *call)
{
	struct world *world = call->pod->world;
	call->plan = (struct call_plan){.arrive_ms = ARRIVE_MS, .end_ms = END_MS};
	if (world->hooks.plan_call)
		world->hooks.plan_call(world->hooks.ctx, call->pod, call->op, call->item, &call->plan);
	if (call->plan.end == CALL_SILENT || call->plan.end_ms > call->timeout_ms) {
		call->plan.acts = call->plan.acts || call->plan.end == CALL_ANSWERED;
		call->plan.end = CALL_SILENT;
		call->plan.end_ms = call->timeout_ms;
	}
	if (call->plan.end != CALL_REFUSED)
		call->arriving = world_at(world, call->plan.arrive_ms, NULL, on_arrive, call);
	call->ending = world_at(world, call->plan.end_ms, call->pod, on_end, call);
	world_note(world, call->pod, NOTE_CALL, operation_name(call->op), call->item->id, call->step);
	(void)world_passes(call->pod, "in call");
}

enum err_code http_curl_start(struct http_curl *http, const struct http_request *request, http_done_fn done, void *ctx,
                              struct http_call **ret_call, struct err *err)
{
	struct pod *pod = (struct pod *)(void *)http;
	struct http_call *call = world_alloc(sizeof *call);
	char id[ID_BYTES];
	(void)err;
	call->pod = pod;
	call->done = done;
	call->ctx = ctx;
	call->timeout_ms = request->timeout_ms;
	assert_int_equal(sscanf(request->url.data, "%15s %23s %d %64s", call->op, id, &call->step, call->reference), 4);
	call->item = vendor_case_of(pod->world, id);
	call->item->open++;
	call->is_listed = true;
	list_insert(&pod->calls, &call->node);
	list_insert(&pod->world->wire, &call->wire);
	*ret_call = call;
	if (world_passes(pod, "before call"))
		schedule(call);
	return ERR_OK;
}

void http_curl_cancel(struct http_curl *http, struct http_call *call)
{
	(void)http;
	world_note(call->pod->world, call->pod, NOTE_ANSWERED, operation_name(call->op), call->item->id, -1);
	world_cancel(call->ending);
	close_call(call);
}

void vendor_hang_up(struct pod *pod)
{
	while (!list_is_empty(&pod->calls)) {
		struct http_call *call = LIST_ENTRY(pod->calls.next, struct http_call, node);
		world_cancel(call->ending);
		close_call(call);
	}
}
