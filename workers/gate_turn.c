/* gate_turn: the gate's turns. One question to the fleet is on its way at a time; whatever comes meanwhile goes into
 * the next one. Without Redis a turn is this worker's own. */
#include "common/base/clock.h"
#include "workers/gate_internal.h"

enum {
	BUSY_MS = 200,  /* how often the fleet is asked at least: with calls going on, */
	IDLE_MS = 1000, /* without them */
	/* Permits end soon: no more are asked for at once than calls can be begun with before that. */
	MOST_ASKED = 32,
};

/* ---- the next question ---- */

void gate_arm(struct gate *gate, int64_t delay_ms)
{
	int64_t due_ms = clock_mono_ms() + (delay_ms > 0 ? delay_ms : 0);
	if (gate->closing || (gate->due_ms != 0 && gate->due_ms <= due_ms))
		return;
	gate->due_ms = due_ms;
	uv_timer_start(&gate->timer, gate_on_timer, (uint64_t)(delay_ms > 0 ? delay_ms : 0), 0);
}

void gate_arm_for_waiting(struct gate *gate)
{
	int64_t wait_ms = gate->hold_until_ms - clock_mono_ms();
	gate_arm(gate, wait_ms < BUSY_MS ? wait_ms : BUSY_MS);
}

static void arm_next(struct gate *gate)
{
	if (gate_waiting_count(gate) > 0)
		gate_arm_for_waiting(gate);
	else
		gate_arm(gate, gate->is_active || gate->alone ? BUSY_MS : IDLE_MS);
}

static void hold(struct gate *gate, int64_t for_ms)
{
	gate->hold_until_ms = clock_mono_ms() + for_ms;
}

/* ---- without Redis ---- */

/* What the fleet has used until now is not known, so at first nothing goes. */
static int64_t local_grants(struct gate *gate, int64_t now, bool *ret_probe)
{
	int64_t wanted = gate_waiting_count(gate), members = gate->members > 0 ? gate->members : 1;
	int64_t share = gate->options.rate.count / (2 * members), used = quota_used(&gate->mine, now);
	int64_t free = gate_has_quota(gate) ? (share > 0 ? share : 1) - used : wanted;
	*ret_probe = false;
	bool is_quiet = gate_has_quota(gate) && now - gate->alone_since_ms < gate->mine.span_ms;
	if (free <= 0 || wanted == 0 || is_quiet || now < gate->closed_until_ms)
		return 0;
	if (gate->is_open) {
		*ret_probe = breaker_take_probe(&gate->local, now);
		return *ret_probe ? 1 : 0;
	}
	return gate_has_quota(gate) ? (free < wanted ? free : wanted) : 0;
}

static void begin_alone(struct gate *gate, int64_t now)
{
	gate->alone = true;
	gate->alone_since_ms = now;
	breaker_init(&gate->local, gate->options.breaker_failures, gate->options.probe_ms);
	if (gate->is_open)
		breaker_open(&gate->local, gate->why, now);
}

/* Goes on by itself: nobody knows what the others do, so it takes half of its part. */
static void local_turn(struct gate *gate)
{
	int64_t now = clock_mono_ms();
	bool probe;
	if (!gate->alone)
		begin_alone(gate, now);
	if (gate->seen.probe != PROBE_NONE)
		breaker_probed(&gate->local, gate->seen.probe == PROBE_WORKED);
	(void)breaker_count(&gate->local, gate->seen.ok, gate->seen.failed, gate->seen.barred, gate->reason, now);
	gate->seen = (struct seen){.ok = 0};
	gate->is_active = false;
	gate_set_open(gate, gate->local.is_open, gate->local.reason);
	hold(gate, BUSY_MS);
	if (gate->options.needs_fleet) {
		gate_tell_the_rest(gate);
		return;
	}
	int64_t grants = local_grants(gate, now, &probe);
	quota_add(&gate->mine, now, grants);
	gate->untold += grants;
	gate->spare = grants;
	gate->spare_until_ms = now + (gate_has_quota(gate) ? gate->guard_ms / 2 : gate->options.probe_ms);
	gate->spare_is_probe = probe;
	metric_add(gate->metric.probes, probe);
	if (quota_next_ms(&gate->mine, now) > 0)
		hold(gate, quota_next_ms(&gate->mine, now));
	gate_pour(gate);
	gate_tell_the_rest(gate);
}

/* ---- the fleet ---- */

static void forget_told(struct gate *gate)
{
	gate->seen.ok -= gate->told.ok;
	gate->seen.failed -= gate->told.failed;
	gate->seen.barred = gate->seen.barred && !gate->told.barred;
	if (gate->told.probe == gate->seen.probe)
		gate->seen.probe = PROBE_NONE;
	gate->untold -= gate->told_untold;
}

static void take_reply(struct gate *gate, const struct store_gate_reply *reply, int64_t now)
{
	int64_t grants = 0;
	for (int i = 0; i < STORE_GATE_PRIORITIES; i++)
		grants += reply->grants[i];
	gate->alone = false;
	gate->fleet_used = reply->used;
	gate->used_ms = now;
	gate->members = reply->members;
	gate->born_ms = reply->born_ms;
	gate->given = reply->given;
	int64_t closed_until_ms = now + reply->closed_ms;
	if (reply->closed_ms > 0 && closed_until_ms > gate->closed_until_ms)
		gate->closed_until_ms = gate->close_told_ms = closed_until_ms;
	if (reply->is_open || !gate->seen.barred) /* else: the fleet hears of it with the next question */
		gate_set_open(gate, reply->is_open, reply->reason);
	metric_add(gate->metric.probes, reply->probe);
	if (gate_has_quota(gate))
		quota_add(&gate->mine, now, grants);
	if (grants > 0) {
		gate->spare = grants;
		gate->spare_is_probe = reply->probe;
		gate->spare_until_ms =
		        gate->asked_ms + (gate_has_quota(gate) ? gate->guard_ms / 2 : gate->options.probe_ms);
	}
	hold(gate, grants < gate->wanted ? reply->again_ms : 0);
}

static void on_reply(void *ctx, enum err_code code, const struct store_gate_reply *reply)
{
	struct gate *gate = ctx;
	gate->asking = false;
	if (gate->closing)
		return;
	if (code == ERR_OK) {
		forget_told(gate);
		take_reply(gate, reply, clock_mono_ms());
		gate_pour(gate);
		gate_tell_the_rest(gate);
	} else {
		gate->close_told_ms = 0;
		local_turn(gate);
	}
	arm_next(gate);
}

static bool ask(struct gate *gate)
{
	int64_t now = clock_mono_ms();
	struct store_gate_ask ask = {
	        .vendor = gate->options.vendor,
	        .op = gate->options.op,
	        .member = gate->member,
	        .limit = gate->options.rate.count,
	        .span_ms = gate->options.rate.period_ms + gate->guard_ms,
	        .used = gate_has_quota(gate) ? quota_used(&gate->mine, now) : 0,
	        .untold = gate->untold,
	        .born_ms = gate->born_ms,
	        .given = gate->given,
	        .ok = gate->seen.ok,
	        .failed = gate->seen.failed,
	        .barred = gate->seen.barred,
	        .reason = gate->reason,
	        .probe = gate->seen.probe,
	        .probe_ms = gate->options.probe_ms,
	        .breaker_failures = gate->options.breaker_failures,
	};
	gate->wanted = 0;
	for (int i = 0; i < GATE_PRIORITIES && !gate_is_free(gate, now); i++) {
		int64_t left = MOST_ASKED - gate->wanted;
		ask.wants[i] = gate->count[i] < left ? gate->count[i] : left;
		gate->wanted += ask.wants[i];
		if (ask.wants[i] > 0)
			ask.since_ms[i] = gate->turn[i].first->key > 1 ? gate->turn[i].first->key : 1;
	}
	if (gate->closed_until_ms > now && gate->closed_until_ms != gate->close_told_ms)
		ask.close_ms = gate->closed_until_ms - now;
	if (redis_store_gate(gate->store, &ask, on_reply, gate) != ERR_OK)
		return false;
	gate->told = gate->seen;
	gate->told_untold = gate->untold;
	gate->close_told_ms = gate->closed_until_ms;
	gate->asked_ms = now;
	gate->is_active = false;
	gate->asking = true;
	return true;
}

void gate_on_timer(uv_timer_t *timer)
{
	struct gate *gate = timer->data;
	gate->due_ms = 0;
	gate_pour(gate);
	if (gate->asking)
		return; /* its answer arms the timer */
	if (!redis_store_is_up(gate->store) || !ask(gate))
		local_turn(gate);
	if (!gate->asking)
		arm_next(gate);
}
