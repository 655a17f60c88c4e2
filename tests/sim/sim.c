/* sim: routes a request to a vendor's stand-in or to the control interface, and records it in between.
 * A further vendor is one more row of `vendors`. */
#include "tests/sim/sim.h"
#include "tests/sim/sim_biocatch.h"
#include "tests/sim/sim_control.h"
#include "tests/sim/sim_jumio.h"
#include <stdlib.h>
#include <string.h>

static const struct sim_vendor *const vendors[] = {&sim_vendor_biocatch, &sim_vendor_jumio};
enum { VENDOR_COUNT = sizeof(vendors) / sizeof(vendors[0]) };

struct sim {
	struct sim_records *records;
	void *states[VENDOR_COUNT]; /* by the row of `vendors` */
};

enum err_code sim_new(struct sim **ret_sim, struct err *err)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	if (!sim)
		return err_set(err, ERR_NO_MEMORY, "no memory for the simulator");
	enum err_code code = sim_records_new(&sim->records, err);
	for (size_t i = 0; code == ERR_OK && i < VENDOR_COUNT; i++)
		code = vendors[i]->state_new(&sim->states[i], err);
	if (code != ERR_OK) {
		sim_free(sim);
		return code;
	}
	*ret_sim = sim;
	return ERR_OK;
}

void sim_stop(struct sim *sim)
{
	for (size_t i = 0; i < VENDOR_COUNT; i++) {
		if (vendors[i]->stop)
			vendors[i]->stop(sim->states[i]);
	}
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	for (size_t i = 0; i < VENDOR_COUNT; i++)
		vendors[i]->state_free(sim->states[i]);
	sim_records_free(sim->records);
	free(sim);
}

struct sim_records *sim_records_of(struct sim *sim)
{
	return sim->records;
}

const struct sim_vendor *sim_vendor_find(struct sim *sim, const char *name, size_t len, void **ret_state)
{
	for (size_t i = 0; i < VENDOR_COUNT; i++) {
		if (strlen(vendors[i]->name) == len && memcmp(vendors[i]->name, name, len) == 0) {
			*ret_state = sim->states[i];
			return vendors[i];
		}
	}
	return NULL;
}

void sim_reset(struct sim *sim)
{
	sim_records_reset(sim->records);
	for (size_t i = 0; i < VENDOR_COUNT; i++)
		vendors[i]->reset(sim->states[i]);
}

void sim_reply_init(struct sim_reply *reply)
{
	*reply = (struct sim_reply){.act = SIM_ANSWER, .status = 200, .content_type = "application/json"};
	reply->retry_after_s = -1;
	reply->dropped = -1;
	buf_init(&reply->location, SIM_LOCATION_BYTES);
	buf_init(&reply->body, SIM_REPLY_BODY_BYTES);
}

void sim_reply_fini(struct sim_reply *reply)
{
	buf_fini(&reply->location);
	buf_fini(&reply->body);
}

void sim_reply_fault(struct sim_reply *reply, unsigned status, const char *text)
{
	struct json_out out;
	buf_clear(&reply->body);
	json_out_begin(&out, &reply->body);
	json_out_object(&out, NULL);
	json_out_str(&out, "message", text);
	json_out_object_end(&out);
	reply->status = status;
	reply->content_type = "application/json";
	if (json_out_end(&out) != ERR_OK)
		buf_clear(&reply->body); /* no memory: the status alone has to do */
}

void sim_reply_wrong_method(struct sim_reply *reply, const char *allow)
{
	sim_reply_fault(reply, 405, "another method is needed");
	reply->allow = allow;
}

static void vendor_handle(struct sim *sim, size_t row, const struct sim_request *request, struct sim_reply *reply)
{
	struct sim_question question = {0};
	int64_t call = 0;
	vendors[row]->read(sim->states[row], request, &question);
	if (request->is_cut) {
		question.fault = "the body is too long";
		question.fault_status = 413;
	}
	struct sim_entry entry = {
	        .method = request->method,
	        .path = request->path,
	        .session = question.session,
	        .uuid = question.uuid,
	        .traceparent = request->traceparent,
	        .is_body = request->body_len > 0,
	};
	entry.payload = entry.is_body ? request->body : request->query;
	entry.payload_len = entry.is_body ? request->body_len : strlen(request->query);
	if (sim_records_add(sim->records, &entry, &call) != ERR_OK) {
		sim_reply_fault(reply, 500, "vendorsim has no room for this session; POST /control/reset");
		return;
	}
	if (question.fault) {
		sim_reply_fault(reply, question.fault_status, question.fault);
		reply->allow = question.allow;
		return;
	}
	if (vendors[row]->answer(sim->states[row], request, &question, call, reply) != ERR_OK)
		sim_reply_fault(reply, 500, "vendorsim could not make this answer");
}

bool sim_handle(struct sim *sim, const struct sim_request *request, struct sim_reply *reply)
{
	for (size_t i = 0; i < VENDOR_COUNT; i++) {
		if (strncmp(request->path, vendors[i]->prefix, strlen(vendors[i]->prefix)) == 0) {
			sim_records_begin(sim->records);
			vendor_handle(sim, i, request, reply);
			return true;
		}
	}
	sim_control_handle(sim, request, reply);
	return false;
}

void sim_done(struct sim *sim)
{
	sim_records_done(sim->records);
}
