/* sim_checks: the rules that must hold while a story runs and when it has ended. */
#include "tests/unit/engine/sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void sim_check(struct sim *sim, bool holds, const char *rule)
{
	if (!holds && !sim->broken) {
		sim->broken = rule;
		if (sim->world->prints)
			printf("%8lld BROKEN: %s\n", (long long)sim->world->now_ms, rule);
	}
}

bool sim_fault(struct sim *sim, enum fault fault, uint32_t one_in)
{
	return !sim->is_healing && (sim->weather & fault) && world_roll(sim->world, one_in) == 0;
}

struct item *sim_item(struct sim *sim, const char *id)
{
	for (int i = 0; i < sim->item_count; i++)
		if (strncmp(sim->items[i].id, id, ID_BYTES - 1) == 0)
			return &sim->items[i];
	return NULL;
}

static bool has_same_answer(const struct verification *a, const struct verification *b)
{
	return a->risk == b->risk && a->score == b->score && a->verdict == b->verdict && a->reason == b->reason;
}

/* ---- the log ---- */

static bool has_follower(const struct world *world, const char *id, const char *header, const char *value)
{
	const char *const topics[] = {operation_info(OPERATION_JUMIO_RETRIEVE)->topic, delay_tiers()[0].topic,
	                              delay_tiers()[1].topic, delay_tiers()[2].topic, delay_tiers()[3].topic};
	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
		const struct log_record *record;
		for (int nth = 0; (record = kafka_of(world, topics[i], id, nth)); nth++) {
			const char *has = kafka_header_of(record, header);
			if (has && strcmp(has, value) == 0)
				return true;
		}
	}
	return false;
}

static void check_completion(struct sim *sim, struct item *item, const struct verification *state)
{
	if (!item->is_completed) {
		item->is_completed = true;
		item->first = *state;
		item->completions = 1;
	} else if (!has_same_answer(&item->first, state)) {
		item->completions++;
	}
	sim_check(sim, (sim->weather & FAULTS_OF_LEASES) || item->completions <= 1 + item->excuses,
	          "two different answers were published");
}

static void on_append(void *ctx, const struct log_record *record)
{
	struct sim *sim = ctx;
	struct verification state;
	char rung[24];
	if (strcmp(record->topic, "results") != 0)
		return;
	struct item *item = sim_item(sim, record->key);
	bool is_good = verification_decode(record->value, record->value_len, &state, NULL, NULL) == ERR_OK;
	sim_check(sim, is_good && item, "a result that cannot be read, or that nobody asked for");
	if (!is_good || !item)
		return;
	if (state.state == STATE_COMPLETED)
		check_completion(sim, item, &state);
	sim_check(sim, state.state != STATE_DEAD || kafka_count(sim->world, "dead", item->id) > 0,
	          "a death was published before its dead letter");
	sim_check(sim,
	          state.state != STATE_AWAITING_USER ||
	                  has_follower(sim->world, item->id, HEADER_CAUSE, cause_name(CAUSE_WATCHDOG)),
	          "a page was published before its watchdog");
	snprintf(rung, sizeof rung, "%lld", (long long)state.poll);
	sim_check(sim, state.poll == 0 || has_follower(sim->world, item->id, HEADER_POLL, rung),
	          "a rung was published before its record");
	sim_check(sim, state.sends <= SENDS_MAX, "more sends than allowed");
}

static bool is_logged(const struct world *world, const struct verification *state)
{
	const struct log_record *record;
	struct verification logged;
	for (int nth = 0; (record = kafka_of(world, "results", state->id, nth)); nth++)
		if (verification_decode(record->value, record->value_len, &logged, NULL, NULL) == ERR_OK &&
		    logged.state == state->state && logged.rev == state->rev)
			return true;
	return false;
}

/* ---- Redis ---- */

static void on_put(void *ctx, struct pod *pod, const struct verification *state)
{
	struct sim *sim = ctx;
	struct item *item = sim_item(sim, state->id);
	(void)pod;
	bool counts =
	        state->state == STATE_COMPLETED || state->state == STATE_DEAD || state->state == STATE_AWAITING_USER;
	sim_check(sim, !counts || is_logged(sim->world, state), "Redis shows what the log does not have");
	if (!item || state->state != STATE_COMPLETED)
		return;
	if (item->is_shown && !has_same_answer(&item->shown, state)) {
		sim->changed_answers++;
		sim_check(sim, sim->has_flushed && item->completions > 1, "a completed answer changed");
	}
	item->is_shown = true;
	item->shown = *state;
}

/* ---- offsets ---- */

static bool has_hopped(const struct world *world, const struct log_record *record)
{
	for (int i = 0; i < DELAY_TIER_COUNT; i++)
		for (int32_t partition = 0; partition < WORLD_PARTITIONS; partition++)
			for (size_t at = kafka_partition_len(world, delay_tiers()[i].topic, partition); at > 0; at--) {
				const struct log_record *copy =
				        kafka_at(world, delay_tiers()[i].topic, partition, at - 1);
				if (copy->value_len == record->value_len &&
				    memcmp(copy->value, record->value, record->value_len) == 0)
					return true;
			}
	return false;
}

/* An offset is done only when the log knows what became of its record. */
static void on_done(void *ctx, struct pod *pod, const struct log_record *record)
{
	struct sim *sim = ctx;
	enum operation operation = operation_by_topic(record->topic, strlen(record->topic));
	(void)pod;
	if (operation == OPERATION_COUNT || operation_info(operation)->flow == FLOW_RETRIEVE)
		return;
	bool is_known = kafka_count(sim->world, "dead", record->key) > 0 || has_hopped(sim->world, record);
	const struct log_record *result;
	struct verification state;
	for (int nth = 0; !is_known && (result = kafka_of(sim->world, "results", record->key, nth)); nth++)
		is_known = verification_decode(result->value, result->value_len, &state, NULL, NULL) == ERR_OK &&
		           state.state != STATE_QUEUED;
	sim_check(sim, is_known, "an offset was done before anything was durable");
}

/* ---- the vendor ---- */

static enum operation operation_of(const char *name)
{
	unsigned operation = 0;
	while (operation < OPERATION_COUNT && strcmp(operation_info((enum operation)operation)->name, name) != 0)
		operation++;
	return (enum operation)operation;
}

static void on_call(struct sim *sim, struct item *item, const struct noted *noted)
{
	uint64_t bit = UINT64_C(1) << noted->pod;
	enum operation operation = operation_of(noted->topic);
	sim_check(sim, !(item->open[operation] & bit), "a worker had two calls of one id on their way");
	sim_check(sim, (sim->weather & FAULTS_OF_LEASES) || !item->open[operation],
	          "two workers had a call of one id on their way");
	item->open[operation] |= bit;
	item->calling = noted->pod;
}

/* Where the fleet's window is lost or out of reach, nobody can keep it exactly. */
static void check_quota(struct sim *sim, const struct noted *noted)
{
	const struct world *world = sim->world;
	const struct config_rate *rate = &world->rate[operation_of(noted->topic)];
	int64_t count = 0;
	for (size_t i = world->note_count; i > 0 && world->notes[i - 1].at_ms > noted->at_ms - rate->period_ms; i--)
		count += world->notes[i - 1].note == NOTE_ARRIVED &&
		         strcmp(world->notes[i - 1].topic, noted->topic) == 0;
	bool is_known = !(sim->weather & (FAULT_AWAY | FAULT_LOSS | FAULT_SLOW));
	sim_check(sim, rate->count == 0 || !is_known || count <= rate->count,
	          "more calls than the quota allows arrived within its time");
	sim->met_quota += rate->count > 0 && count == rate->count;
}

static void on_arrived(struct sim *sim, struct item *item)
{
	const struct vendor_case *seen = vendor_case_of(sim->world, item->id);
	sim_check(sim, (sim->weather & FAULTS_OF_LEASES) || seen->scores <= 1 + item->excuses,
	          "a score was bought again, and no answer had been lost");
	sim_check(sim, seen->sent <= SENDS_MAX * item->lives, "an initiate was sent more than twice");
}

/* Who ends before its result has arrived leaves it to the next, who may not see it in time. */
static void note_publishing(struct item *item, const struct noted *noted)
{
	uint64_t bit = UINT64_C(1) << noted->pod;
	bool is_result = strcmp(noted->topic, "results") == 0;
	if (is_result && noted->note == NOTE_SENT)
		item->publishing |= bit;
	else if (is_result && (noted->note == NOTE_ACKED || noted->note == NOTE_UNACKED))
		item->publishing &= ~bit;
	else if (!is_result && noted->note == NOTE_DROPPED && (item->publishing & bit))
		item->excuses++;
}

static void on_crash(struct sim *sim, int pod)
{
	uint64_t bit = UINT64_C(1) << pod;
	for (int i = 0; i < sim->item_count; i++) {
		struct item *item = &sim->items[i];
		item->excuses += item->calling == pod || (item->publishing & bit);
		item->publishing &= ~bit;
		for (unsigned operation = 0; operation < OPERATION_COUNT; operation++)
			item->open[operation] &= ~bit;
	}
}

static void on_note(void *ctx, const struct noted *noted)
{
	struct sim *sim = ctx;
	struct item *item = noted->id[0] ? sim_item(sim, noted->id) : NULL;
	if (noted->note == NOTE_CRASHED)
		on_crash(sim, noted->pod);
	if (!item || noted->pod < 0)
		return;
	if (noted->note == NOTE_CALL)
		on_call(sim, item, noted);
	else if (noted->note == NOTE_ARRIVED) {
		on_arrived(sim, item);
		check_quota(sim, noted);
	} else if (noted->note == NOTE_ANSWERED)
		item->open[operation_of(noted->topic)] &= ~(UINT64_C(1) << noted->pod);
	if (noted->note == NOTE_ANSWERED && noted->number == -1)
		item->excuses++; /* a drain that was cut short */
	note_publishing(item, noted);
	if (noted->note == NOTE_KEPT && item->calling == noted->pod)
		item->calling = -1;
}

/* ---- what goes wrong ---- */

static void plan_send(void *ctx, struct pod *pod, const struct kafka_message *message, struct send_plan *plan)
{
	struct sim *sim = ctx;
	(void)pod, (void)message;
	plan->append_ms = 1 + world_roll(sim->world, 4);
	plan->tell_ms = plan->append_ms + 1 + world_roll(sim->world, 4);
	if (sim_fault(sim, FAULT_KAFKA, 12)) {
		plan->append_ms += world_roll(sim->world, 4000);
		plan->tell_ms = plan->append_ms + world_roll(sim->world, 4000);
	}
	if (sim_fault(sim, FAULT_KAFKA, 20))
		plan->fails = true;
	if (sim_fault(sim, FAULT_KAFKA, 20))
		plan->is_lost = true;
	if (sim_fault(sim, FAULT_KAFKA, 25))
		plan->refused = ERR_LIMIT;
}

static void plan_command(void *ctx, struct pod *pod, const char *what, const char *id, struct command_plan *plan)
{
	struct sim *sim = ctx;
	(void)pod, (void)what, (void)id;
	plan->execute_ms = world_roll(sim->world, 3);
	plan->answer_ms = plan->execute_ms + 1 + world_roll(sim->world, 3);
	if (sim_fault(sim, FAULT_SLOW, 20)) {
		plan->execute_ms += world_roll(sim->world, 700);
		plan->answer_ms = plan->execute_ms + world_roll(sim->world, 700);
	}
	if (sim_fault(sim, FAULT_SLOW, 60))
		plan->is_silent = true;
	if (sim_fault(sim, FAULT_SLOW, 120))
		plan->is_silent = plan->is_lost = true;
}

static void plan_call(void *ctx, struct pod *pod, const char *op, const struct vendor_case *seen,
                      struct call_plan *plan)
{
	static const struct {
		enum call_end end;
		int status;
		int64_t retry_after_ms;
		const char *body;
	} bad[] = {{CALL_STATUS, 503, 0, NULL},    {CALL_STATUS, 429, 1500, NULL},
	           {CALL_STATUS, 429, 6000, NULL}, {CALL_STATUS, 401, 0, NULL},
	           {CALL_RESET, 0, 0, NULL},       {CALL_REFUSED, 0, 0, NULL},
	           {CALL_SILENT, 0, 0, NULL},      {CALL_ANSWERED, 0, 0, "<html>"},
	           {CALL_STATUS, 400, 0, NULL},    {CALL_ANSWERED, 0, 0, "scored 77777"}};
	struct sim *sim = ctx;
	(void)pod, (void)op;
	plan->arrive_ms = 1 + world_roll(sim->world, 50);
	uint32_t longest_ms = (uint32_t)sim->world->vendor_timeout_ms - 100;
	plan->end_ms = plan->arrive_ms + 1 + world_roll(sim->world, world_roll(sim->world, 5) ? 200 : longest_ms);
	if (!sim_fault(sim, FAULT_VENDOR, 3))
		return;
	size_t which = world_roll(sim->world, (uint32_t)(sizeof bad / sizeof *bad) - 1);
	plan->end = bad[which].end;
	plan->status = bad[which].status;
	plan->retry_after_ms = bad[which].retry_after_ms;
	plan->body = bad[which].body;
	bool may_act = plan->end == CALL_RESET || plan->end == CALL_SILENT || plan->status == 503;
	plan->acts = may_act && world_roll(sim->world, 2);
	struct item *item = sim_item(sim, seen->id);
	if (item && (plan->acts || plan->body))
		item->excuses++; /* bought, and the answer is lost */
}

static bool crash(void *ctx, struct pod *pod, const char *where)
{
	(void)pod, (void)where;
	return sim_fault(ctx, FAULT_POINT, 400);
}

void sim_hook(struct sim *sim)
{
	sim->world->hooks = (struct world_hooks){
	        .ctx = sim,
	        .plan_send = plan_send,
	        .plan_command = plan_command,
	        .plan_call = plan_call,
	        .on_note = on_note,
	        .on_append = on_append,
	        .on_put = on_put,
	        .on_done = on_done,
	        .crash = crash,
	};
}

/* ---- the end ---- */

void sim_poison_key(int number, char out[SIM_KEY_BYTES])
{
	snprintf(out, SIM_KEY_BYTES, "poison-%d-", number);
}

/* Two jobs without a lease may make one revision each. When the one that loses is a death, what stands is a journey
 * whose ladder has ended: then at least its dead letter tells of it. */
static bool has_ended(const struct sim *sim, const struct item *item)
{
	struct verification state;
	bool is_told = (sim->weather & FAULTS_OF_LEASES) && kafka_count(sim->world, "dead", item->id) > 0;
	return redis_state(sim->world, item->id, &state, NULL) &&
	       (state_is_final(state.state) || (is_told && state.state == STATE_CHECKING));
}

bool sim_is_at_rest(struct sim *sim)
{
	bool rests = kafka_all_done(sim->world) && redis_is_whole(sim->world);
	for (int i = 0; rests && i < sim->item_count; i++)
		rests = has_ended(sim, &sim->items[i]);
	return rests;
}

static void check_verdict(struct sim *sim, const struct item *item, const struct verification *end)
{
	const struct vendor_case *seen = vendor_case_of(sim->world, item->id);
	bool is_known = false, is_approved = false, is_rejected = false;
	for (int i = 0; i < seen->initiates; i++) {
		if (strcmp(seen->reference[i].name, end->reference) != 0)
			continue;
		is_known = true;
		is_approved = seen->reference[i].is_finished && seen->reference[i].is_approved;
		is_rejected = seen->reference[i].is_finished && !seen->reference[i].is_approved;
	}
	sim_check(sim, !end->reference[0] || is_known, "a reference that the vendor never gave for this id");
	sim_check(sim, end->verdict != VERDICT_VERIFIED || is_approved, "verified what the vendor did not approve");
	sim_check(sim, end->verdict != VERDICT_DENIED || is_rejected, "denied what the vendor did not reject");
}

static void check_item(struct sim *sim, struct item *item)
{
	struct verification end, logged;
	const struct log_record *record;
	if (!redis_state(sim->world, item->id, &end, NULL))
		return;
	sim_check(sim, is_logged(sim->world, &end), "the end is not in the log");
	sim_check(sim, !item->is_completed || end.state == STATE_COMPLETED, "a published answer is not shown");
	for (int nth = 0; (record = kafka_of(sim->world, "results", item->id, nth)); nth++)
		if (verification_decode(record->value, record->value_len, &logged, NULL, NULL) == ERR_OK)
			sim_check(sim, verification_compare(&logged, &end) <= 0,
			          "the log knows a higher state than Redis");
	if (kind_is_journey(item->kind))
		check_verdict(sim, item, &end);
	const struct vendor_case *seen = vendor_case_of(sim->world, item->id);
	sim->second_scores += seen->scores > 1;
	sim->second_initiates += seen->initiates > 1;
}

void sim_check_end(struct sim *sim)
{
	for (int i = 0; i < sim->item_count; i++)
		sim_check(sim, has_ended(sim, &sim->items[i]), "an accepted request has not ended");
	sim_check(sim, kafka_all_done(sim->world), "records were left although everything healed");
	sim_check(sim, sim_is_at_rest(sim), "no rest although everything healed");
	for (int i = 0; i < sim->item_count; i++)
		check_item(sim, &sim->items[i]);
	for (int i = 0; i < sim->poisons; i++) {
		char key[SIM_KEY_BYTES];
		sim_poison_key(i, key);
		sim_check(sim, kafka_count(sim->world, "dead", key) > 0, "a poison record has no dead letter");
	}
}
