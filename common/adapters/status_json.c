/* status_json: the picture as one document for scripts. What is not known is left out. */
#include "common/adapters/status.h"
#include "common/base/json_out.h"

static void put_breaker(struct json_out *json, const struct status_breaker *breaker)
{
	if (!breaker)
		return;
	json_out_object(json, "breaker");
	json_out_str(json, "state", breaker->is_open ? "open" : "closed");
	if (breaker->is_open && breaker->since_ms > 0)
		json_out_int(json, "since_ms", breaker->since_ms);
	if (breaker->is_open && breaker->next_probe_ms > 0)
		json_out_int(json, "next_probe_ms", breaker->next_probe_ms);
	if (breaker->is_open && *breaker->reason)
		json_out_str(json, "reason", breaker->reason);
	json_out_object_end(json);
}

static void put_rates(struct json_out *json, const struct status_class *class)
{
	if (!class->rates_known)
		return;
	json_out_object(json, "per_second");
	json_out_double(json, "taken", class->taken_s);
	json_out_double(json, "calls", class->calls_s);
	json_out_double(json, "completed", class->completed_s);
	json_out_double(json, "retried", class->retried_s);
	json_out_double(json, "dead", class->dead_s);
	json_out_object_end(json);
}

static void put_quota(struct json_out *json, const struct worker_class *sum)
{
	if (!sum->has_quota)
		return;
	json_out_object(json, "quota");
	json_out_int(json, "limit", sum->quota_limit);
	json_out_int(json, "period_ms", sum->quota_period_ms);
	json_out_int(json, "used", sum->quota_used);
	json_out_object_end(json);
}

static void put_class(struct json_out *json, const struct status_picture *picture, const struct status_class *class)
{
	static const char *const drains[] = {[DRAIN_NOTHING] = "nothing",
	                                     [DRAIN_SECONDS] = "seconds",
	                                     [DRAIN_UNKNOWN] = "unknown",
	                                     [DRAIN_STANDS] = "stands"};
	const struct operation_info *operation = operation_info(class->operation);
	json_out_object(json, NULL);
	json_out_str(json, "vendor", kind_info(operation->kind)->vendor);
	json_out_str(json, "op", operation->name);
	json_out_bool(json, "used", class->is_used);
	if (class->lag_known)
		json_out_int(json, "lag", class->lag);
	json_out_str(json, "drain", drains[class->drain]);
	if (class->drain == DRAIN_SECONDS)
		json_out_int(json, "drain_s", class->drain_s);
	if (picture->redis.is_up) {
		json_out_int(json, "workers", (int64_t) class->workers);
		json_out_int(json, "in_flight", class->sum.in_flight);
		json_out_int(json, "max_in_flight", class->sum.max_in_flight);
		json_out_array(json, "waiting");
		for (size_t i = 0; i < WORKER_STATUS_PRIORITIES; i++)
			json_out_int(json, NULL, class->sum.waiting[i]);
		json_out_array_end(json);
	}
	put_rates(json, class);
	put_quota(json, &class->sum);
	put_breaker(json, class->breaker);
	if (picture->kafka.is_up && picture->kafka.dead_known)
		json_out_int(json, "dead_day", picture->kafka.dead_by_class[class->operation]);
	json_out_object_end(json);
}

static void put_worker(struct json_out *json, const struct status_worker *worker)
{
	json_out_object(json, NULL);
	json_out_str(json, "name", worker->name);
	json_out_str(json, "version", worker->now.version);
	json_out_bool(json, "fresh", worker->is_fresh);
	json_out_bool(json, "draining", worker->now.draining);
	json_out_int(json, "at_ms", worker->now.at_ms);
	json_out_int(json, "started_ms", worker->now.started_ms);
	json_out_int(json, "loop_lag_ms", worker->now.loop_lag_ms);
	json_out_array(json, "classes");
	for (size_t i = 0; i < worker->now.class_count; i++) {
		const struct worker_class *class = &worker->now.classes[i];
		json_out_object(json, NULL);
		json_out_str(json, "vendor", kind_info(operation_info(class->operation)->kind)->vendor);
		json_out_str(json, "op", operation_info(class->operation)->name);
		json_out_int(json, "in_flight", class->in_flight);
		json_out_int(json, "lag", class->lag);
		json_out_object_end(json);
	}
	json_out_array_end(json);
	json_out_object_end(json);
}

static void put_callers(struct json_out *json, const struct status_callers *callers)
{
	json_out_object(json, "callers");
	json_out_int(json, "ingresses", (int64_t)callers->ingresses);
	json_out_int(json, "held", callers->held);
	if (callers->rates_known) {
		json_out_object(json, "per_second");
		json_out_double(json, "answered", callers->answered_s);
		json_out_double(json, "failed", callers->failed_s);
		json_out_double(json, "accepted", callers->accepted_s);
		json_out_double(json, "joined", callers->joined_s);
		json_out_double(json, "refused", callers->refused_s);
		json_out_double(json, "limited", callers->limited_s);
		json_out_object_end(json);
	}
	json_out_object_end(json);
}

static void put_ingress(struct json_out *json, const struct status_ingress *ingress)
{
	json_out_object(json, NULL);
	json_out_str(json, "name", ingress->name);
	json_out_str(json, "version", ingress->now.version);
	json_out_bool(json, "fresh", ingress->is_fresh);
	json_out_bool(json, "draining", ingress->now.draining);
	json_out_int(json, "at_ms", ingress->now.at_ms);
	json_out_int(json, "started_ms", ingress->now.started_ms);
	json_out_int(json, "loop_lag_ms", ingress->now.loop_lag_ms);
	json_out_int(json, "held", ingress->now.held);
	json_out_object_end(json);
}

/* Those who said something, in Redis. */
static void put_fleet(struct json_out *json, const struct status_picture *picture)
{
	put_callers(json, &picture->sum.callers);
	json_out_array(json, "ingresses");
	for (size_t i = 0; i < picture->ingresses.count; i++)
		put_ingress(json, &picture->ingresses.list[i]);
	json_out_array_end(json);
	json_out_array(json, "workers");
	for (size_t i = 0; i < picture->workers.count; i++)
		put_worker(json, &picture->workers.list[i]);
	json_out_array_end(json);
}

static void put_stores(struct json_out *json, const struct status_redis *redis, const struct status_kafka *kafka)
{
	json_out_object(json, "redis");
	json_out_bool(json, "up", redis->is_up);
	if (redis->is_up && redis->whole_known)
		json_out_bool(json, "whole", redis->is_whole);
	if (redis->is_up && redis->is_filled) {
		json_out_int(json, "filled", redis->filled);
		json_out_int(json, "to_fill", redis->to_fill);
	}
	json_out_object_end(json);
	json_out_object(json, "kafka");
	json_out_bool(json, "up", kafka->is_up);
	if (kafka->is_up) {
		json_out_int(json, "delayed", kafka->delayed);
		json_out_int(json, "projector_lag", kafka->projector_lag);
	}
	json_out_object_end(json);
	if (!kafka->is_up || !kafka->dead_known)
		return;
	json_out_object(json, "dead");
	json_out_int(json, "hour", kafka->dead_hour);
	json_out_int(json, "day", kafka->dead_day);
	json_out_int(json, "day_read", kafka->dead_read);
	json_out_int(json, "day_unreadable", kafka->dead_by_class[OPERATION_COUNT]);
	json_out_object_end(json);
}

enum err_code status_json(const struct status_picture *picture, struct buf *out)
{
	const struct status_sum *sum = &picture->sum;
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_int(&json, "at_ms", picture->redis.now_ms);
	json_out_bool(&json, "healthy", sum->finding_count == 0);
	json_out_array(&json, "attention");
	for (size_t i = 0; i < sum->finding_count; i++) {
		json_out_object(&json, NULL);
		json_out_str(&json, "code", sum->findings[i].code);
		json_out_str(&json, "text", sum->findings[i].text);
		json_out_object_end(&json);
	}
	json_out_array_end(&json);
	put_stores(&json, &picture->redis, &picture->kafka);
	json_out_array(&json, "classes");
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		put_class(&json, picture, &sum->classes[i]);
	json_out_array_end(&json);
	if (picture->redis.is_up)
		put_fleet(&json, picture);
	json_out_object_end(&json);
	return json_out_end(&json);
}
