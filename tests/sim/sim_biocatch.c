/* sim_biocatch: GET and POST /biocatch/api/v6/score, strict about what a request must carry.
 * Where public sources say nothing (the status and shape of a refusal), README.md says what was chosen.
 * It scores nobody: every number comes from a marker or a default. */
#include "tests/sim/sim_biocatch.h"
#include "common/base/clock.h"
#include "tests/sim/sim_break.h"
#include "tests/sim/sim_knob.h"
#include "tests/sim/sim_query.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum knob_id {
#define KNOB(id, marker, member, kind, min, max) KNOB_##id,
#include "tests/sim/sim_biocatch_knobs.def"
#undef KNOB
	KNOB_COUNT
};

static const struct sim_knob knobs[KNOB_COUNT] = {
#define KNOB(id, marker, member, kind, min, max) {marker, member, SIM_KNOB_##kind, min, max},
#include "tests/sim/sim_biocatch_knobs.def"
#undef KNOB
};

enum { DEFAULT_SCORE = 87, NUMBER_OF_WUPS = 14, FIELD_BYTES = 256 };

struct biocatch {
	pthread_mutex_t lock; /* defaults */
	struct sim_setting defaults[KNOB_COUNT];
};

static enum err_code biocatch_new(void **ret_state, struct err *err)
{
	struct biocatch *state = calloc(1, sizeof(*state));
	if (!state)
		return err_set(err, ERR_NO_MEMORY, "no memory for the BioCatch stand-in");
	if (pthread_mutex_init(&state->lock, NULL) != 0) {
		free(state);
		return err_set(err, ERR_INTERNAL, "no lock for the BioCatch stand-in");
	}
	*ret_state = state;
	return ERR_OK;
}

static void biocatch_free(void *arg)
{
	struct biocatch *state = arg;
	if (!state)
		return;
	pthread_mutex_destroy(&state->lock);
	free(state);
}

/* Where a request keeps its fields. */
struct fields {
	const char *query; /* of a GET, else NULL */
	const struct json_in *object;
};

static enum err_code field_get(const struct fields *fields, const char *name, char *out, size_t cap)
{
	if (fields->query)
		return sim_query_get(fields->query, name, out, cap);
	return json_in_str(fields->object, name, out, cap, NULL);
}

static void refuse(struct sim_question *question, unsigned status, const char *text)
{
	if (question->fault)
		return; /* the first one stands */
	question->fault = text;
	question->fault_status = status;
}

static void read_fields(const struct fields *fields, struct sim_question *question)
{
	const struct {
		const char *name;
		char *out;
		size_t cap;
		const char *fault;
	} needed[] = {
	        {"customerID", (char[FIELD_BYTES]){0}, FIELD_BYTES, "missing customer id"},
	        {"uuid", question->uuid, sizeof(question->uuid), "missing uuid"},
	        {"customerSessionID", question->session, sizeof(question->session), "invalid customerSessionId value"},
	        {"action", (char[FIELD_BYTES]){0}, FIELD_BYTES, "invalid action"},
	};
	const size_t action = sizeof(needed) / sizeof(needed[0]) - 1;
	for (size_t i = 0; i <= action; i++) {
		if (field_get(fields, needed[i].name, needed[i].out, needed[i].cap) != ERR_OK || *needed[i].out == '\0')
			refuse(question, 400, needed[i].fault);
	}
	if (strcmp(needed[action].out, "getScore") != 0)
		refuse(question, 400, needed[action].fault);
}

static void read_get(const struct sim_request *request, struct sim_question *question)
{
	const struct fields fields = {.query = request->query};
	if (*request->query == '\0')
		refuse(question, 400, "empty request");
	read_fields(&fields, question);
}

static void read_post(const struct sim_request *request, struct sim_question *question)
{
	static const char json_type[] = "application/json";
	struct json_in *root = NULL;
	if (strncasecmp(request->content_type, json_type, sizeof(json_type) - 1) != 0)
		refuse(question, 415, "content-type must be application/json");
	if (request->body_len == 0) {
		refuse(question, 400, "empty request");
	} else if (json_in_parse(request->body, request->body_len, &root, NULL) != ERR_OK) {
		refuse(question, 400, "the body is not JSON");
	} else {
		const struct fields fields = {.object = root};
		if (json_in_type(root) == JSON_IN_OBJECT)
			read_fields(&fields, question);
		else
			refuse(question, 400, "the body is not a JSON object");
		json_in_free(root);
	}
}

static void biocatch_read(void *state, const struct sim_request *request, struct sim_question *ret_question)
{
	(void)state;
	if (strcmp(request->path, "/biocatch/api/v6/score") != 0)
		refuse(ret_question, 404, "no such path");
	if (strcmp(request->method, "GET") == 0) {
		read_get(request, ret_question);
	} else if (strcmp(request->method, "POST") == 0) {
		read_post(request, ret_question);
	} else {
		refuse(ret_question, 405, "GET or POST");
		ret_question->allow = "GET, POST";
	}
}

static enum err_code write_score(const struct sim_question *question, const struct sim_setting *set, struct buf *body)
{
	int64_t score = set[KNOB_SCORE].set ? set[KNOB_SCORE].num : DEFAULT_SCORE;
	bool is_unknown = set[KNOB_NOT_COLLECTED].set;
	char digits[24];
	struct json_out out;
	json_out_begin(&out, body);
	json_out_object(&out, NULL);
	if (!set[KNOB_NO_STATUS].set)
		json_out_str(&out, "bcStatus", is_unknown ? "client_data_not_collected" : "tested");
	json_out_str(&out, "customerSessionID", question->session);
	json_out_int(&out, "requestTime", clock_unix_ms());
	snprintf(digits, sizeof(digits), "%lld", (long long)score);
	if (set[KNOB_STRING_SCORE].set)
		json_out_str(&out, "score", digits);
	else if (!is_unknown || set[KNOB_SCORE].set)
		json_out_int(&out, "score", score);
	if (set[KNOB_RISK].set)
		json_out_str(&out, "riskLevel", set[KNOB_RISK].word);
	json_out_bool(&out, "isBot", set[KNOB_BOT].set);
	json_out_bool(&out, "isRat", false);
	json_out_bool(&out, "isMalware", false);
	json_out_int(&out, "numberOfWups", is_unknown ? 0 : NUMBER_OF_WUPS);
	json_out_object_end(&out);
	return json_out_end(&out);
}

/* After the first N calls, ~fail-first=N switches off what the session's markers break; a vendor that is down stays so.
 */
static enum err_code score_or_break(const struct sim_question *question, int64_t call, const struct sim_setting *set,
                                    struct sim_reply *reply)
{
	const struct sim_break how = {
	        .status = &set[KNOB_STATUS],
	        .retry_after = &set[KNOB_RETRY_AFTER],
	        .html = &set[KNOB_HTML],
	        .truncated = &set[KNOB_TRUNCATED],
	        .reset = &set[KNOB_RESET],
	        .fail_first = &set[KNOB_FAIL_FIRST],
	};
	enum sim_break_body body = SIM_BODY_DONE;
	enum err_code code = sim_break_apply(&how, call, reply, &body);
	if (code == ERR_OK && body == SIM_BODY_GOOD)
		code = write_score(question, set, &reply->body);
	else if (code == ERR_OK && body == SIM_BODY_FAULT)
		sim_reply_fault(reply, reply->status, "simulated failure");
	return code;
}

static enum err_code biocatch_answer(void *arg, const struct sim_request *request, const struct sim_question *question,
                                     int64_t call, struct sim_reply *reply)
{
	struct biocatch *state = arg;
	struct sim_setting set[KNOB_COUNT];
	struct err err = {0};
	(void)request;
	pthread_mutex_lock(&state->lock);
	memcpy(set, state->defaults, sizeof(set));
	pthread_mutex_unlock(&state->lock);
	if (sim_knobs_read_markers(knobs, KNOB_COUNT, question->session, set, &err) != ERR_OK) {
		sim_reply_fault(reply, 400, err.msg);
		return ERR_OK;
	}
	reply->delay_ms = set[KNOB_DELAY].num;
	if (set[KNOB_DOWN].set) {
		reply->act = SIM_RESET;
		return ERR_OK;
	}
	return score_or_break(question, call, set, reply);
}

static enum err_code biocatch_configure(void *arg, const struct json_in *defaults, struct err *err)
{
	struct biocatch *state = arg;
	pthread_mutex_lock(&state->lock);
	enum err_code code = sim_knobs_read_json(knobs, KNOB_COUNT, defaults, state->defaults, err);
	pthread_mutex_unlock(&state->lock);
	return code;
}

static void biocatch_show(void *arg, struct json_out *out)
{
	struct biocatch *state = arg;
	pthread_mutex_lock(&state->lock);
	sim_knobs_write(knobs, KNOB_COUNT, state->defaults, out);
	pthread_mutex_unlock(&state->lock);
}

static void biocatch_reset(void *arg)
{
	struct biocatch *state = arg;
	pthread_mutex_lock(&state->lock);
	memset(state->defaults, 0, sizeof(state->defaults));
	pthread_mutex_unlock(&state->lock);
}

const struct sim_vendor sim_vendor_biocatch = {
        .name = "biocatch",
        .prefix = "/biocatch/",
        .state_new = biocatch_new,
        .state_free = biocatch_free,
        .read = biocatch_read,
        .answer = biocatch_answer,
        .configure = biocatch_configure,
        .show = biocatch_show,
        .reset = biocatch_reset,
        .control = NULL,
        .stop = NULL,
};
