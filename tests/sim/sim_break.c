/* sim_break: reset goes before truncation, that before a page, that before a status. */
#include "tests/sim/sim_break.h"

enum { FAILED_STATUS = 500 };

static unsigned status_of(const struct sim_break *how)
{
	bool breaks_otherwise = how->reset->set || how->html->set || how->truncated->set;
	if (how->status->set)
		return (unsigned)how->status->num;
	return how->fail_first->set && !breaks_otherwise ? FAILED_STATUS : 200;
}

enum err_code sim_break_apply(const struct sim_break *how, int64_t call, struct sim_reply *reply,
                              enum sim_break_body *ret_body)
{
	static const char page[] = "<html><body><h1>Service unavailable</h1></body></html>\n";
	enum err_code code = ERR_OK;
	enum sim_break_body body = SIM_BODY_DONE;
	bool is_healed = how->fail_first->set && call > how->fail_first->num;
	if (is_healed) {
		body = SIM_BODY_GOOD;
	} else if (how->reset->set) {
		reply->act = SIM_RESET;
	} else {
		reply->status = status_of(how);
		if (how->truncated->set)
			reply->act = SIM_TRUNCATE;
		if (reply->status != 200 && how->retry_after->set)
			reply->retry_after_s = how->retry_after->num;
		if (how->html->set) {
			reply->content_type = "text/html";
			code = buf_append_str(&reply->body, page);
		} else {
			body = reply->status == 200 ? SIM_BODY_GOOD : SIM_BODY_FAULT;
		}
	}
	if (code == ERR_OK)
		*ret_body = body;
	return code;
}
