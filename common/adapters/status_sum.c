/* status_sum: what the single figures mean for each class of the whole fleet, and what of it somebody should look
 * at. Pure. */
#include "common/adapters/status.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const double longest_s = 1e9; /* what takes longer is no figure */

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

void status_span(int64_t seconds, char out[STATUS_SPAN_BYTES])
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < MINUTE)
		(void)snprintf(out, STATUS_SPAN_BYTES, "%" PRId64 "s", seconds);
	else if (seconds < HOUR)
		(void)snprintf(out, STATUS_SPAN_BYTES, "%" PRId64 "m %02" PRId64 "s", seconds / MINUTE,
		               seconds % MINUTE);
	else if (seconds < DAY)
		(void)snprintf(out, STATUS_SPAN_BYTES, "%" PRId64 "h %02" PRId64 "m", seconds / HOUR,
		               seconds % HOUR / MINUTE);
	else
		(void)snprintf(out, STATUS_SPAN_BYTES, "%" PRId64 "d %" PRId64 "h", seconds / DAY,
		               seconds % DAY / HOUR);
}

enum status_drain status_drain(int64_t lag, int64_t limit, int64_t period_ms, double rate, int64_t *ret_seconds)
{
	double a_second = limit > 0 && period_ms > 0 ? (double)limit * 1000 / (double)period_ms : rate;
	if (lag <= 0)
		return DRAIN_NOTHING;
	if (!(a_second > 0) || (double)lag / a_second > longest_s)
		return DRAIN_UNKNOWN;
	double seconds = (double)lag / a_second;
	int64_t whole = (int64_t)seconds;
	*ret_seconds = whole + (seconds > (double)whole); /* rounded up: what is left is never 0 s */
	return DRAIN_SECONDS;
}

/* ---- classes ---- */

static void add_class(struct worker_class *sum, const struct worker_class *class)
{
	sum->in_flight += class->in_flight;
	sum->max_in_flight += class->max_in_flight;
	for (size_t i = 0; i < WORKER_STATUS_PRIORITIES; i++)
		sum->waiting[i] += class->waiting[i];
	sum->lag += class->lag;
	if (class->has_quota) { /* the fleet's, so each worker says the same, but for the moment at which it heard it */
		sum->has_quota = true;
		sum->quota_limit = class->quota_limit;
		sum->quota_period_ms = class->quota_period_ms;
		sum->quota_used = class->quota_used > sum->quota_used ? class->quota_used : sum->quota_used;
	}
	sum->breaker_open = sum->breaker_open || class->breaker_open;
	sum->taken += class->taken;
	sum->calls += class->calls;
	sum->completed += class->completed;
	sum->retried += class->retried;
	sum->dead += class->dead;
}

/* A counter that went back belongs to another start of the worker. */
static double rate(int64_t now, int64_t before, int64_t span_ms)
{
	return now > before ? (double)(now - before) * 1000 / (double)span_ms : 0;
}

static void add_rates(struct status_class *class, const struct worker_class *now, const struct worker_class *before,
                      int64_t span_ms)
{
	class->rates_known = true;
	class->taken_s += rate(now->taken, before->taken, span_ms);
	class->calls_s += rate(now->calls, before->calls, span_ms);
	class->completed_s += rate(now->completed, before->completed, span_ms);
	class->retried_s += rate(now->retried, before->retried, span_ms);
	class->dead_s += rate(now->dead, before->dead, span_ms);
	for (size_t i = 0; i < WORKER_TOOK_BUCKETS; i++)
		class->took[i] += now->took[i] > before->took[i] ? now->took[i] - before->took[i] : 0;
}

static void sum_workers(const struct status_workers *workers, struct status_class *class)
{
	static const struct worker_class nothing; /* of a class that it did not serve before */
	for (size_t i = 0; i < workers->count; i++) {
		const struct status_worker *worker = &workers->list[i];
		const struct worker_class *now = worker_status_class(&worker->now, class->operation);
		if (!worker->is_fresh || !now)
			continue;
		class->workers++;
		add_class(&class->sum, now);
		const struct worker_class *before = worker_status_class(&worker->before, class->operation);
		int64_t span_ms = worker->before.at_ms > 0 ? worker->now.at_ms - worker->before.at_ms : 0;
		if (span_ms > 0)
			add_rates(class, now, before ? before : &nothing, span_ms);
	}
}

static int64_t waiting(const struct status_class *class)
{
	int64_t sum = 0;
	for (size_t i = 0; i < WORKER_STATUS_PRIORITIES; i++)
		sum += class->sum.waiting[i];
	return sum;
}

/* What waits at the gate is in hand, so it is in the lag already; the workers may know of it sooner. */
static void judge_drain(const struct status_picture *picture, struct status_class *class)
{
	int64_t at_gate = waiting(class), lag = class->lag > at_gate ? class->lag : at_gate;
	const struct worker_class *sum = &class->sum;
	class->drain = DRAIN_UNKNOWN;
	if (class->lag_known)
		class->drain = status_drain(lag, sum->has_quota ? sum->quota_limit : 0, sum->quota_period_ms,
		                            class->taken_s, &class->drain_s);
	bool stands = (class->breaker && class->breaker->is_open) || (picture->redis.is_up && class->workers == 0);
	if (stands && (class->drain == DRAIN_SECONDS || class->drain == DRAIN_UNKNOWN))
		class->drain = class->lag_known && lag > 0 ? DRAIN_STANDS : class->drain;
}

static struct status_class sum_class(const struct status_picture *picture, enum operation operation)
{
	struct status_class class = {.operation = operation};
	const struct status_kafka *kafka = &picture->kafka;
	sum_workers(&picture->workers, &class);
	class.lag_known = kafka->is_up || class.workers > 0;
	class.lag = kafka->is_up ? kafka->classes[operation].lag : class.sum.lag;
	class.breaker = picture->redis.is_up ? &picture->redis.breakers[operation] : NULL;
	class.is_used = !kafka->is_up || class.workers > 0 || class.lag > 0 ||
	                kafka->classes[operation].has_committed || (class.breaker && class.breaker->is_open) ||
	                kafka->dead_by_class[operation] > 0;
	judge_drain(picture, &class);
	return class;
}

/* ---- findings ---- */

PRINTF_FMT(4, 5)
static void find(struct status_sum *sum, enum operation operation, const char *code, const char *fmt, ...)
{
	va_list args;
	if (sum->finding_count == STATUS_FINDINGS_MAX)
		return;
	struct status_finding *finding = &sum->findings[sum->finding_count++];
	finding->code = code;
	finding->operation = operation;
	va_start(args, fmt);
	(void)vsnprintf(finding->text, sizeof finding->text, fmt, args);
	va_end(args);
}

static void look_at_breaker(const struct status_picture *picture, struct status_sum *sum, enum operation operation,
                            const char *name, const struct status_breaker *breaker)
{
	char since[STATUS_SPAN_BYTES] = "", next[STATUS_SPAN_BYTES] = "";
	int64_t now = picture->redis.now_ms;
	if (!breaker || !breaker->is_open)
		return;
	status_span(breaker->since_ms > 0 ? (now - breaker->since_ms) / 1000 : 0, since);
	status_span(breaker->next_probe_ms > now ? (breaker->next_probe_ms - now) / 1000 : 0, next);
	find(sum, operation, "breaker_open", "%s: the breaker is open%s%s%s%s%s%s", name,
	     breaker->since_ms > 0 ? " for " : "", breaker->since_ms > 0 ? since : "", *breaker->reason ? ": " : "",
	     breaker->reason, breaker->next_probe_ms > 0 ? "; next probe in " : "",
	     breaker->next_probe_ms > 0 ? next : "");
}

static void look_at_class(const struct status_picture *picture, struct status_sum *sum,
                          const struct status_class *class)
{
	const struct operation_info *operation = operation_info(class->operation);
	char name[STATUS_WHY_BYTES / 2];
	(void)snprintf(name, sizeof name, "%s %s", kind_info(operation->kind)->vendor, operation->name);
	look_at_breaker(picture, sum, class->operation, name, class->breaker);
	if (picture->redis.is_up && picture->kafka.is_up && class->is_used && class->workers == 0)
		find(sum, class->operation, "no_worker", "%s: no worker serves it; %" PRId64 " wait", name, class->lag);
}

static void look_at_redis(const struct status_redis *redis, struct status_sum *sum)
{
	if (!redis->is_up)
		find(sum, OPERATION_COUNT, "redis_away",
		     "Redis is not to be seen, nor what is in it (workers, breakers): %.80s", redis->why);
	else if (redis->whole_known && !redis->is_whole && redis->is_filled && redis->to_fill == 0)
		find(sum, OPERATION_COUNT, "cache_not_whole", "Redis is being filled again");
	else if (redis->whole_known && !redis->is_whole && redis->is_filled)
		find(sum, OPERATION_COUNT, "cache_not_whole",
		     "Redis is being filled again: %" PRId64 " of %" PRId64 " records read", redis->filled,
		     redis->to_fill);
	else if (redis->whole_known && !redis->is_whole)
		find(sum, OPERATION_COUNT, "cache_not_whole",
		     "Redis is not whole, and nobody fills it: a worker does as soon as one runs");
}

static void look_at_dead(const struct status_kafka *kafka, struct status_sum *sum)
{
	if (!kafka->is_up)
		find(sum, OPERATION_COUNT, "kafka_away",
		     "Kafka is not to be seen, nor what is in it (lag, dead letters): %.80s", kafka->why);
	else if (!kafka->dead_known)
		find(sum, OPERATION_COUNT, "dead_unknown", "the dead letters cannot be read: %.100s", kafka->dead_why);
	else if (kafka->dead_hour > 0)
		find(sum, OPERATION_COUNT, "dead_letters",
		     "%s%" PRId64 " dead letters in the last hour (verifyctl dead list)",
		     kafka->dead_read < kafka->dead_day && kafka->dead_hour == kafka->dead_read ? "at least " : "",
		     kafka->dead_hour);
}

void status_sum_up(struct status_picture *picture)
{
	struct status_sum *sum = &picture->sum;
	*sum = (struct status_sum){.finding_count = 0};
	status_sum_ingresses(&picture->ingresses, &sum->callers);
	look_at_redis(&picture->redis, sum);
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		sum->classes[i] = sum_class(picture, (enum operation)i);
		look_at_class(picture, sum, &sum->classes[i]);
	}
	look_at_dead(&picture->kafka, sum);
}
