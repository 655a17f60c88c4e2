/* ctl_plan_sum: the arithmetic of `plan`. Pure; docs/capacity.md has the formulas in words, and where the constants are
 * from. */
#include "ctl/ctl_plan.h"

static const double day_s = 86400, week_s = 7 * 86400;
static const double quota_use = 0.95;        /* of a contract: the sliding window keeps a guard time for the network */
static const double full = 0.5;              /* a pod's core, and its places for calls, are planned to be half full */
static const double held_calls = 5000;       /* VERIFYD_MAX_WAITERS */
static const double calls_in_flight = 666;   /* VERIFYD_MAX_IN_FLIGHT of 2000, an operation's share of three */
static const double initiate_held_s = 3;     /* VERIFYD_INITIATE_WAIT_MS */
static const double score_overhead_s = 0.05; /* ours, beside the vendor's time: ten times the measured p99 */
static const double wait_calls_s = 0.13, wait_call_s = 60e-6; /* a waiting page's looks a second, and the CPU of one */
static const double partition_records_s = 500;
static const double partitions_least = 12; /* of `topics create` */
static const double redis_empty_bytes = 2e6;

static const double each[PLAN_EACH_COUNT][PLAN_KIND_COUNT] = {
#define PLAN_EACH(symbol, name, score, signup) {[PLAN_SCORE] = (score), [PLAN_SIGNUP] = (signup)},
#include "ctl/plan_each.def"
#undef PLAN_EACH
};

double plan_each(enum plan_each what, enum plan_kind kind)
{
	return each[what][kind];
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

static double smaller(double a, double b)
{
	return a < b ? a : b;
}

/* Rounded up; what a double is off by is no further one. */
static int64_t whole(double x)
{
	int64_t floor = (int64_t)x;
	return floor + (x - (double)floor > 1e-9);
}

/* What a contract lets through; 0: everything. */
static double through(double wanted, double quota)
{
	return quota > 0 ? smaller(wanted, quota * quota_use) : wanted;
}

static double used(double wanted, double quota)
{
	return quota > 0 ? wanted / (quota * quota_use) : 0;
}

/* Those who come faster than their quota queue up during the burst, and are served after it. */
static void queue_up(const struct plan_input *input, struct plan *plan)
{
	const double *quotas = input->quotas;
	double served_s = through(input->signups_s, quotas[PLAN_QUOTA_INITIATE]);
	double looks = each[PLAN_EACH_RETRIEVES][PLAN_SIGNUP];
	plan->waiting_most = (input->signups_s - served_s) * input->burst_s;
	plan->drain_s = served_s > 0 ? plan->waiting_most / served_s : 0;
	plan->longest_wait_s = input->signups_s > 0 ? plan->drain_s + input->latency_s : 0;
	double wanted = served_s * looks, got = through(wanted, quotas[PLAN_QUOTA_RETRIEVE]);
	if (got < wanted)
		plan->verdict_delay_s = (wanted - got) * (input->burst_s + plan->drain_s) / got;
	if (input->scores_s > 0)
		plan->scores_unknown = 1 - through(input->scores_s, quotas[PLAN_QUOTA_SCORE]) / input->scores_s;
	plan->used[PLAN_OF_INITIATES] = used(input->signups_s, quotas[PLAN_QUOTA_INITIATE]);
	plan->used[PLAN_OF_RETRIEVES] = used(wanted, quotas[PLAN_QUOTA_RETRIEVE]);
	plan->used[PLAN_OF_SCORES] = used(input->scores_s, quotas[PLAN_QUOTA_SCORE]);
}

static double cpu_s(const struct plan_input *input, enum plan_each what)
{
	return (each[what][PLAN_SCORE] * input->scores_s + each[what][PLAN_SIGNUP] * input->signups_s) / 1e6;
}

/* One pod more than the load needs, so that any one may be away. */
static void size_pods(const struct plan_input *input, struct plan *plan)
{
	double scores_held = input->scores_s * (input->latency_s + score_overhead_s);
	double held = scores_held + input->signups_s * initiate_held_s;
	double retrieves_s = input->signups_s * each[PLAN_EACH_RETRIEVES][PLAN_SIGNUP];
	double calls = larger(input->scores_s, retrieves_s) * input->latency_s;
	plan->cores_ingress = cpu_s(input, PLAN_EACH_CPU_INGRESS) + plan->waiting_most * wait_calls_s * wait_call_s;
	plan->cores_worker = cpu_s(input, PLAN_EACH_CPU_WORKER);
	plan->used[PLAN_OF_REDIS] = cpu_s(input, PLAN_EACH_CPU_REDIS);
	plan->ingress_pods = 1 + whole(larger(plan->cores_ingress, held / held_calls) / full);
	plan->worker_pods = 1 + whole(larger(plan->cores_worker, calls / calls_in_flight) / full);
	double partitions = larger(partitions_least, 2 * (double)plan->worker_pods);
	plan->partitions = whole(larger(partitions, larger(input->scores_s, input->signups_s) / partition_records_s));
}

static void size_stores(const struct plan_input *input, struct plan *plan)
{
	double counts[PLAN_KIND_COUNT] = {
	        [PLAN_SCORE] = input->scores_s * input->burst_s, [PLAN_SIGNUP] = input->signups_s * input->burst_s};
	double kept_s = larger(input->retention_s, day_s); /* a day's burst is there at least once */
	plan->redis_bytes = redis_empty_bytes;
	plan->scores_day = counts[PLAN_SCORE];
	plan->signups_day = counts[PLAN_SIGNUP];
	for (int kind = 0; kind < PLAN_KIND_COUNT; kind++) {
		double week = each[PLAN_EACH_KAFKA_WEEK][kind] * counts[kind];
		double results = each[PLAN_EACH_KAFKA_RESULTS][kind] * counts[kind];
		plan->redis_bytes += each[PLAN_EACH_REDIS][kind] * counts[kind] * kept_s / day_s;
		plan->kafka_day_bytes += week + results;
		plan->kafka_bytes += (week * week_s + results * kept_s) / day_s;
	}
	double bought = counts[PLAN_SCORE] * (1 - plan->scores_unknown);
	plan->cost_day = bought * input->prices[PLAN_SCORE] + counts[PLAN_SIGNUP] * input->prices[PLAN_SIGNUP];
}

struct plan plan_of(const struct plan_input *input)
{
	struct plan plan = {0};
	queue_up(input, &plan);
	size_pods(input, &plan);
	size_stores(input, &plan);
	for (int i = 1; i < PLAN_BOTTLENECK_COUNT; i++)
		if (plan.used[i] > plan.used[plan.bottleneck])
			plan.bottleneck = (enum plan_bottleneck)i;
	return plan;
}
