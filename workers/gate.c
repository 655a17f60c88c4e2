/* gate: who waits, who has a permit, what is shown. What the fleet is asked, and when: gate_turn.c. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "workers/gate_internal.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FAILED_MS = 20,  /* failures that come at once are told at once */
	CALLED_MS = 200, /* and other calls so long after the first of them */
	LABELS_BYTES = 160,
	US_PER_MS = 1000,
	LEAST_CLOSED_MS = 1000, /* a vendor that throttles without saying for how long */
};

_Static_assert((int)GATE_PRIORITIES == (int)STORE_GATE_PRIORITIES, "priorities");
_Static_assert((int)STORE_GATE_REASON_BYTES == (int)BREAKER_REASON_BYTES, "reasons");

bool gate_has_quota(const struct gate *gate)
{
	return gate->options.rate.count > 0;
}

int64_t gate_waiting_count(const struct gate *gate)
{
	int64_t sum = 0;
	for (int i = 0; i < GATE_PRIORITIES; i++)
		sum += gate->count[i];
	return sum;
}

/* Without a quota: whether everybody may call. */
bool gate_is_free(const struct gate *gate, int64_t now)
{
	return !gate_has_quota(gate) && !gate->is_open && now >= gate->closed_until_ms;
}

/* ---- the breaker, as seen from here ---- */

void gate_set_open(struct gate *gate, bool open, const char *reason)
{
	if (gate->is_open == open)
		return;
	gate->is_open = open;
	metric_set(gate->metric.open, open);
	snprintf(gate->why, sizeof gate->why, "%s", reason);
	if (open && !gate->spare_is_probe)
		gate->spare = 0;
	if (open)
		log_warn("breaker_opened", LOG_STR("vendor", gate->options.vendor), LOG_STR("op", gate->options.op),
		         LOG_STR("reason", reason), LOG_STR("known_to", gate->alone ? "this worker" : "the fleet"));
	else
		log_info("breaker_closed", LOG_STR("vendor", gate->options.vendor), LOG_STR("op", gate->options.op));
}

/* ---- who waits ---- */

static struct gate_ticket *first_waiting(struct gate *gate)
{
	for (int i = 0; i < GATE_PRIORITIES; i++)
		if (gate->turn[i].first)
			return HEAP_ENTRY(gate->turn[i].first, struct gate_ticket, place);
	return NULL;
}

static void remove_waiting(struct gate *gate, struct gate_ticket *ticket)
{
	list_remove(&ticket->node);
	heap_remove(&gate->turn[ticket->priority], &ticket->place);
	ticket->waits = false;
	metric_set(gate->metric.waiting[ticket->priority], --gate->count[ticket->priority]);
}

static void give(struct gate_ticket *ticket, int64_t until_ms, bool is_probe)
{
	ticket->has_permit = true;
	ticket->until_ms = until_ms;
	ticket->is_probe = is_probe;
}

/* Hands out what is there. */
void gate_pour(struct gate *gate)
{
	int64_t now = clock_mono_ms();
	struct gate_ticket *ticket;
	if (now > gate->spare_until_ms)
		gate->spare = 0;
	while ((ticket = first_waiting(gate)) && (gate->spare > 0 || gate_is_free(gate, now))) {
		bool counts = gate->spare > 0;
		gate->spare -= counts;
		remove_waiting(gate, ticket);
		give(ticket, counts ? gate->spare_until_ms : GATE_FOREVER, counts && gate->spare_is_probe);
		ticket->told(ticket, GATE_GO);
	}
	if (gate->spare == 0)
		gate->spare_is_probe = false;
}

void gate_tell_the_rest(struct gate *gate)
{
	enum gate_word word = gate->is_open ? GATE_SHUT : GATE_LATER;
	for (int i = 0; i < GATE_PRIORITIES; i++)
		for (struct list *node = gate->waiting[i].next, *next; node != &gate->waiting[i]; node = next) {
			struct gate_ticket *ticket = LIST_ENTRY(node, struct gate_ticket, node);
			next = node->next;
			if (ticket->word != word) {
				ticket->word = word;
				ticket->told(ticket, word);
			}
		}
}

/* ---- for the engine ---- */

bool gate_take(struct gate *gate, struct gate_ticket *ticket)
{
	int64_t now = clock_mono_ms();
	bool stale = now > ticket->until_ms || (gate->is_open && !ticket->is_probe);
	if (ticket->has_permit && stale)
		ticket->has_permit = ticket->is_probe = false;
	if (ticket->has_permit)
		return true;
	if (gate_is_free(gate, now)) {
		give(ticket, GATE_FOREVER, false);
	} else if (gate->spare > 0 && now <= gate->spare_until_ms && gate_waiting_count(gate) == 0) {
		gate->spare--;
		give(ticket, gate->spare_until_ms, gate->spare_is_probe);
		gate->spare_is_probe = gate->spare_is_probe && gate->spare > 0;
	}
	return ticket->has_permit;
}

bool gate_wait(struct gate *gate, struct gate_ticket *ticket, enum gate_priority priority, int64_t since_ms)
{
	assert(!ticket->waits && !ticket->has_permit);
	ticket->waits = true;
	ticket->priority = priority;
	ticket->word = GATE_UNTOLD;
	list_insert(&gate->waiting[priority], &ticket->node);
	heap_add(&gate->turn[priority], &ticket->place, since_ms);
	metric_set(gate->metric.waiting[priority], ++gate->count[priority]);
	if (!gate->asking)
		gate_arm_for_waiting(gate);
	return !gate->is_open && gate->hold_until_ms <= clock_mono_ms();
}

void gate_leave(struct gate *gate, struct gate_ticket *ticket)
{
	if (ticket->waits)
		remove_waiting(gate, ticket);
	if (!ticket->has_permit)
		return;
	ticket->has_permit = false;
	if (ticket->until_ms != GATE_FOREVER && clock_mono_ms() <= ticket->until_ms &&
	    (!gate->is_open || ticket->is_probe)) {
		bool alone = gate->spare == 0;
		gate->spare_until_ms =
		        alone || ticket->until_ms < gate->spare_until_ms ? ticket->until_ms : gate->spare_until_ms;
		gate->spare++;
		gate->spare_is_probe = ticket->is_probe;
		if (gate_waiting_count(gate) > 0)
			gate_arm(gate, 0);
	}
	ticket->is_probe = false;
}

bool gate_use(struct gate *gate, struct gate_ticket *ticket)
{
	if (!gate_take(gate, ticket))
		return false;
	ticket->has_permit = false;
	return true;
}

static void close_for(struct gate *gate, int64_t retry_after_ms)
{
	int64_t period_ms = gate->options.rate.period_ms;
	int64_t least_ms = period_ms > LEAST_CLOSED_MS ? period_ms : LEAST_CLOSED_MS;
	int64_t for_ms = retry_after_ms > 0 ? retry_after_ms : least_ms;
	int64_t until_ms = clock_mono_ms() + (for_ms < RETRY_AFTER_MAX_MS ? for_ms : RETRY_AFTER_MAX_MS);
	if (until_ms > gate->closed_until_ms)
		gate->closed_until_ms = until_ms;
	gate->spare = 0;
}

void gate_note_end(struct gate *gate, struct gate_ticket *ticket, bool ok, enum failure failure, int64_t retry_after_ms)
{
	enum breaker_sign sign = ok ? BREAKER_WORKS : breaker_sign(failure);
	bool failed = sign == BREAKER_FAILS || sign == BREAKER_BARRED, was_probe = ticket->is_probe;
	gate->seen.ok += sign == BREAKER_WORKS;
	gate->seen.failed += failed;
	if (failed)
		snprintf(gate->reason, sizeof gate->reason, "%s", reason_name(failure_reason(failure)));
	if (ticket->is_probe)
		gate->seen.probe = failed ? PROBE_FAILED : PROBE_WORKED;
	ticket->is_probe = false;
	if (!ok && failure == FAILURE_THROTTLED)
		close_for(gate, retry_after_ms);
	if (sign == BREAKER_BARRED && !gate->is_open) {
		gate->seen.barred = true;
		gate_set_open(gate, true, gate->reason);
	}
	bool is_news = was_probe || sign == BREAKER_BARRED || sign == BREAKER_NOTHING;
	bool was_active = gate->is_active;
	gate->is_active = true;
	if (is_news || failed || !was_active)
		gate_arm(gate, is_news ? 0 : failed ? FAILED_MS : CALLED_MS);
}

bool gate_is_open(const struct gate *gate)
{
	return gate->is_open;
}

void gate_figures(const struct gate *gate, struct gate_figures *ret_figures)
{
	*ret_figures = (struct gate_figures){.rate = gate->options.rate, .breaker_open = gate->is_open};
	if (clock_mono_ms() - gate->used_ms < gate->options.rate.period_ms) /* who wants nothing is told nothing */
		ret_figures->used = gate->fleet_used;
	memcpy(ret_figures->waiting, gate->count, sizeof gate->count);
}

void gate_show(struct gate *gate, struct gate_figures *ret_figures)
{
	gate_figures(gate, ret_figures);
	metric_set(gate->metric.used, ret_figures->used);
}

/* ---- life ---- */

static void make_metrics(struct gate *gate, struct metrics *metrics)
{
	static const char *const priorities[GATE_PRIORITIES] = {"person", "look", "rest", "replay"};
	char labels[LABELS_BYTES], of[LABELS_BYTES];
	snprintf(labels, sizeof labels, "vendor=\"%s\",op=\"%s\"", gate->options.vendor, gate->options.op);
	gate->metric.open =
	        metrics_gauge(metrics, "verifyd_breaker_open", labels, "1: nobody calls this vendor but for probes");
	gate->metric.used = metrics_gauge(metrics, "verifyd_quota_used", labels,
	                                  "calls of the whole fleet within the quota's time");
	gate->metric.limit = metrics_gauge(metrics, "verifyd_quota_limit", labels, "as many are allowed; 0: no quota");
	gate->metric.probes =
	        metrics_counter(metrics, "verifyd_gate_probes", labels, "calls made to see whether the vendor is back");
	metric_set(gate->metric.limit, gate->options.rate.count);
	metric_set(metrics_gauge_us(metrics, "verifyd_quota_period_seconds", labels, "within so long; 0: no quota"),
	           gate->options.rate.period_ms * US_PER_MS);
	for (int i = 0; i < GATE_PRIORITIES; i++) {
		snprintf(of, sizeof of, "vendor=\"%s\",op=\"%s\",priority=\"%s\"", gate->options.vendor,
		         gate->options.op, priorities[i]);
		gate->metric.waiting[i] =
		        metrics_gauge(metrics, "verifyd_gate_waiting", of, "jobs that wait for quota or breaker");
	}
}

enum err_code gate_new(const struct ports *ports, const struct gate_options *options, struct gate **ret_gate,
                       struct err *err)
{
	struct gate *gate = calloc(1, sizeof *gate);
	if (!gate)
		return err_set(err, ERR_NO_MEMORY, "gate");
	enum err_code code = id_token(gate->member);
	if (code != ERR_OK) {
		free(gate);
		return err_set(err, code, "gate");
	}
	gate->options = *options;
	gate->store = ports->store;
	gate->guard_ms = quota_guard_ms(options->rate.period_ms);
	quota_init(&gate->mine, options->rate.period_ms + gate->guard_ms + 1);
	for (int i = 0; i < GATE_PRIORITIES; i++)
		list_init(&gate->waiting[i]);
	make_metrics(gate, ports->metrics);
	(void)uv_timer_init(ports->loop, &gate->timer); /* cannot fail: libuv returns 0 always */
	gate->timer.data = gate;
	gate_arm(gate, 0);
	*ret_gate = gate;
	return ERR_OK;
}

void gate_close(struct gate *gate)
{
	if (!gate || gate->closing)
		return;
	gate->closing = true;
	uv_close((uv_handle_t *)&gate->timer, NULL);
}

void gate_free(struct gate *gate)
{
	assert(!gate || (!gate->asking && gate_waiting_count(gate) == 0));
	free(gate);
}
