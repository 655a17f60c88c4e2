/* sim_control: statistics, the recorded requests, defaults and reset. No authentication: keep it on loopback. */
#include "tests/sim/sim_control.h"
#include "tests/sim/sim_query.h"
#include <string.h>

static void finish(struct json_out *out, struct sim_reply *reply)
{
	json_out_object_end(out);
	if (json_out_end(out) != ERR_OK)
		sim_reply_fault(reply, 500, "no memory for this answer");
}

static void control_stats(struct sim *sim, const struct sim_request *request, struct sim_reply *reply)
{
	struct sim_stats stats;
	struct json_out out;
	(void)request;
	sim_records_stats(sim_records_of(sim), &stats);
	json_out_begin(&out, &reply->body);
	json_out_object(&out, NULL);
	json_out_int(&out, "requests", stats.requests);
	json_out_int(&out, "distinct", stats.distinct);
	json_out_int(&out, "in_flight", stats.in_flight);
	json_out_int(&out, "max_in_flight", stats.max_in_flight);
	json_out_int(&out, "dropped", stats.dropped);
	finish(&out, reply);
}

static void control_requests(struct sim *sim, const struct sim_request *request, struct sim_reply *reply)
{
	char session[SIM_ID_BYTES];
	enum err_code code = sim_query_get(request->query, "session", session, sizeof(session));
	if (code != ERR_OK && code != ERR_NOT_FOUND) {
		sim_reply_fault(reply, 400, "session: too long, or a broken escape");
		return;
	}
	code = sim_records_list(sim_records_of(sim), code == ERR_OK ? session : NULL, &reply->body, &reply->dropped);
	if (code != ERR_OK)
		sim_reply_fault(reply, 500, "too much for one answer; ask for one session");
}

static void control_reset(struct sim *sim, const struct sim_request *request, struct sim_reply *reply)
{
	(void)request;
	sim_reset(sim);
	if (buf_append_str(&reply->body, "{}") != ERR_OK)
		reply->status = 500;
}

static void control_release(struct sim *sim, const struct sim_request *request, struct sim_reply *reply)
{
	(void)sim, (void)request;
	reply->releases = true;
	if (buf_append_str(&reply->body, "{}") != ERR_OK)
		reply->status = 500;
}

static const struct {
	const char *path;
	const char *method;
	void (*handle)(struct sim *sim, const struct sim_request *request, struct sim_reply *reply);
} routes[] = {
        {"/control/stats", "GET", control_stats},
        {"/control/requests", "GET", control_requests},
        {"/control/reset", "POST", control_reset},
        {"/control/release", "POST", control_release},
};

static void control_vendor(const struct sim_vendor *vendor, void *state, const struct sim_request *request,
                           struct sim_reply *reply)
{
	struct err err = {0};
	struct json_out out;
	struct json_in *root = NULL;
	enum err_code code = json_in_parse(request->body, request->body_len, &root, &err);
	if (code == ERR_OK)
		code = vendor->configure(state, root, &err);
	json_in_free(root);
	if (code != ERR_OK) {
		sim_reply_fault(reply, 400, err.msg);
		return;
	}
	json_out_begin(&out, &reply->body);
	json_out_object(&out, NULL);
	vendor->show(state, &out);
	finish(&out, reply);
}

void sim_control_handle(struct sim *sim, const struct sim_request *request, struct sim_reply *reply)
{
	static const char prefix[] = "/control/";
	const size_t prefix_len = sizeof(prefix) - 1;
	void *state = NULL;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(request->path, routes[i].path) != 0)
			continue;
		if (strcmp(request->method, routes[i].method) == 0)
			routes[i].handle(sim, request, reply);
		else
			sim_reply_wrong_method(reply, routes[i].method);
		return;
	}
	const char *name = strncmp(request->path, prefix, prefix_len) == 0 ? request->path + prefix_len : "";
	size_t len = strcspn(name, "/");
	const struct sim_vendor *vendor = sim_vendor_find(sim, name, len, &state);
	bool is_found = vendor != NULL;
	if (is_found && name[len] == '/')
		is_found = vendor->control && vendor->control(state, name + len + 1, request, reply);
	else if (is_found && strcmp(request->method, "POST") != 0)
		sim_reply_wrong_method(reply, "POST");
	else if (is_found)
		control_vendor(vendor, state, request, reply);
	if (!is_found)
		sim_reply_fault(reply, 404, "no such path");
}
