/* ctl_plan: `plan`: reads the flags, works it out, shows it. */
#include "ctl/ctl_plan.h"
#include "common/adapters/status.h"
#include "common/base/json_out.h"
#include "ctl/ctl.h"
#include <stdio.h>

enum { TEXT_MAX_BYTES = 16 * 1024, SIZE_BYTES = 24 };

static const struct {
	const char *word, *what, *advice;
} bottlenecks[PLAN_BOTTLENECK_COUNT] = {
        [PLAN_OF_INITIATES] = {"initiate_rate", "Jumio's quota of initiates",
                               "only a larger contract helps, no more pods"},
        [PLAN_OF_RETRIEVES] = {"retrieve_rate", "Jumio's quota of retrievals",
                               "only a larger contract helps, no more pods"},
        [PLAN_OF_SCORES] = {"score_rate", "BioCatch's quota", "only a larger contract helps, no more pods"},
        [PLAN_OF_REDIS] = {"redis", "Redis, which has one core", "a faster one helps, no more pods"},
};

/* "1.2 GB": powers of ten. */
static void show_size(double bytes, char out[SIZE_BYTES])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	size_t unit = 0;
	for (; bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]; unit++)
		bytes /= 1000;
	(void)snprintf(out, SIZE_BYTES, "%.*f %s", unit > 0 && bytes < 99.95 ? 1 : 0, bytes, units[unit]);
}

static double maxmemory(const struct plan *plan)
{
	return plan->redis_bytes * (100 + PLAN_REDIS_HEADROOM) / 100;
}

static enum err_code print_people(const struct plan_input *input, const struct plan *plan, struct buf *out)
{
	char wait[STATUS_SPAN_BYTES], drain[STATUS_SPAN_BYTES], delay[STATUS_SPAN_BYTES];
	enum err_code code = ERR_OK;
	status_span((int64_t)(plan->longest_wait_s + 0.5), wait);
	status_span((int64_t)(plan->drain_s + 0.5), drain);
	status_span((int64_t)(plan->verdict_delay_s + 0.5), delay);
	if (input->signups_s > 0 && plan->waiting_most >= 1)
		code = buf_printf(
		        out,
		        "Queue       %.0f people wait at the end of the burst, the last of them %s; it is empty %s "
		        "after the burst\n",
		        plan->waiting_most, wait, drain);
	else if (input->signups_s > 0)
		code = buf_printf(out, "Queue       none: a person waits for the vendor's call, %.1f s\n",
		                  plan->longest_wait_s);
	if (code == ERR_OK && plan->longest_wait_s > PLAN_TICKET_S)
		code = buf_append_str(out,
		                      "            too long: a ticket lives 1h 30m (JUMIO_TOKEN_LIFETIME_MIN and an "
		                      "hour); those people begin anew\n");
	if (code == ERR_OK && plan->verdict_delay_s >= 1)
		code = buf_printf(out, "Verdicts    come up to %s late: the quota of retrievals is too small\n", delay);
	if (code == ERR_OK && plan->scores_unknown > 0)
		code = buf_printf(out, "Scores      %.0f %% are UNKNOWN: the quota does not give them\n",
		                  100 * plan->scores_unknown);
	return code;
}

static enum err_code print_bottleneck(const struct plan *plan, struct buf *out)
{
	double used = plan->used[plan->bottleneck];
	return buf_printf(out, "Bottleneck  %s: %.*f %% used in the burst%s%s\n", bottlenecks[plan->bottleneck].what,
	                  used < 0.0995 ? 1 : 0, 100 * used, used > 1 ? "; " : ", nothing queues",
	                  used > 1 ? bottlenecks[plan->bottleneck].advice : "");
}

enum err_code plan_print(const struct plan_input *input, const struct plan *plan, struct buf *out)
{
	char span[STATUS_SPAN_BYTES], redis[SIZE_BYTES], limit[SIZE_BYTES], day[SIZE_BYTES], kept[SIZE_BYTES],
	        copies[SIZE_BYTES];
	status_span((int64_t)input->burst_s, span);
	show_size(plan->redis_bytes, redis);
	show_size(maxmemory(plan), limit);
	show_size(plan->kafka_day_bytes, day);
	show_size(plan->kafka_bytes, kept);
	show_size(PLAN_COPIES * plan->kafka_bytes, copies);
	enum err_code code = buf_printf(
	        out,
	        "%.6g sign-ups a minute and %.6g scores a second, for %s once a day: %.0f and %.0f a day\n\n"
	        "Pods        ingress %lld, worker %lld, any one of which may be away; %.2f and %.2f cores are used\n"
	        "Partitions  %lld of each topic\n",
	        input->signups_s * 60, input->scores_s, span, plan->signups_day, plan->scores_day,
	        (long long)plan->ingress_pods, (long long)plan->worker_pods, plan->cores_ingress, plan->cores_worker,
	        (long long)plan->partitions);
	if (code == ERR_OK)
		code = print_people(input, plan, out);
	if (code == ERR_OK)
		code = buf_printf(out,
		                  "Redis       %s in the long run; maxmemory %s, noeviction\n"
		                  "Kafka       %s written a day, %s kept; with %d copies %s\n",
		                  redis, limit, day, kept, PLAN_COPIES, copies);
	if (code == ERR_OK && plan->cost_day > 0)
		code = buf_printf(out, "Vendors     %.2f a day, %.2f in 30 days\n", plan->cost_day,
		                  30 * plan->cost_day);
	return code == ERR_OK ? print_bottleneck(plan, out) : code;
}

static void put_each(struct json_out *json, enum plan_kind kind)
{
	static const char *const names[PLAN_EACH_COUNT] = {
#define PLAN_EACH(symbol, name, score, signup) name,
#include "ctl/plan_each.def"
#undef PLAN_EACH
	};
	json_out_object(json, kind == PLAN_SCORE ? "score" : "signup");
	for (int what = 0; what < PLAN_EACH_COUNT; what++)
		json_out_double(json, names[what], plan_each((enum plan_each)what, kind));
	json_out_object_end(json);
}

static void put_people(struct json_out *json, const struct plan *plan)
{
	json_out_double(json, "waiting_most", plan->waiting_most);
	json_out_double(json, "longest_wait_s", plan->longest_wait_s);
	json_out_double(json, "drain_s", plan->drain_s);
	json_out_double(json, "verdict_delay_s", plan->verdict_delay_s);
	json_out_double(json, "scores_unknown", plan->scores_unknown);
}

enum err_code plan_json(const struct plan_input *input, const struct plan *plan, struct buf *out)
{
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_double(&json, "burst_s", input->burst_s);
	json_out_double(&json, "signups_day", plan->signups_day);
	json_out_double(&json, "scores_day", plan->scores_day);
	json_out_int(&json, "ingress_pods", plan->ingress_pods);
	json_out_int(&json, "worker_pods", plan->worker_pods);
	json_out_double(&json, "ingress_cores", plan->cores_ingress);
	json_out_double(&json, "worker_cores", plan->cores_worker);
	json_out_int(&json, "partitions", plan->partitions);
	put_people(&json, plan);
	json_out_double(&json, "redis_bytes", plan->redis_bytes);
	json_out_double(&json, "redis_maxmemory_bytes", maxmemory(plan));
	json_out_double(&json, "kafka_day_bytes", plan->kafka_day_bytes);
	json_out_double(&json, "kafka_bytes", plan->kafka_bytes);
	json_out_int(&json, "kafka_copies", PLAN_COPIES);
	json_out_double(&json, "cost_day", plan->cost_day);
	json_out_str(&json, "bottleneck", bottlenecks[plan->bottleneck].word);
	json_out_object(&json, "used");
	for (int i = 0; i < PLAN_BOTTLENECK_COUNT; i++)
		json_out_double(&json, bottlenecks[i].word, plan->used[i]);
	json_out_object_end(&json);
	json_out_object(&json, "each");
	for (int kind = 0; kind < PLAN_KIND_COUNT; kind++)
		put_each(&json, (enum plan_kind)kind);
	json_out_object_end(&json);
	json_out_object_end(&json);
	return json_out_end(&json);
}

int ctl_plan(const struct ctl_call *call)
{
	struct plan_input input;
	char text[PLAN_COMPLAINT_BYTES];
	const char *complaint = plan_read(call->plan, &input, text);
	if (complaint)
		return ctl_refuse("%s", complaint);
	const struct plan plan = plan_of(&input);
	struct buf out;
	buf_init(&out, TEXT_MAX_BYTES);
	bool as_json = call->given & CTL_FLAG_JSON;
	enum err_code code = as_json ? plan_json(&input, &plan, &out) : plan_print(&input, &plan, &out);
	if (code == ERR_OK && as_json)
		code = buf_append_str(&out, "\n");
	if (code == ERR_OK)
		(void)fputs(out.data, stdout);
	buf_fini(&out);
	return code == ERR_OK ? CTL_OK : ctl_fail("%s", err_text(code));
}
