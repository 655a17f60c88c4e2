/* retry: each class of failure in each flow, the count of attempts, what the vendor asked for, the deadline, where a
 * wait is spent; then what holds for any input. What is expected is written from ARCHITECTURE section 7, not from the
 * policy. */
#include "common/domain/retry.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1000000, MAX_ATTEMPTS = 5, FLOWS = 3, INPUTS = 100000 };
_Static_assert(FAILURE_COUNT == 10, "write down below what is expected of the new failure");

enum end { COUNTS, WAITS, DIES };

static const enum flow_kind flows[FLOWS] = {FLOW_ASK, FLOW_INITIATE, FLOW_RETRIEVE};

/* end: "retry while idempotent", "attempts are not burned", "dead at once". first_ms: the longest first wait in each
 * flow; cap_ms: the longest ever. arrived: the vendor may have worked on it, so an initiate has an unknown outcome. */
static const struct {
	enum reason reason;
	enum end end;
	int64_t first_ms[FLOWS], cap_ms;
	bool arrived;
} expected[FAILURE_COUNT] = {
        [FAILURE_TIMEOUT] = {REASON_TIMEOUT, COUNTS, {500, 2000, 500}, 30000, true},
        [FAILURE_CONNECT] = {REASON_CONNECT, COUNTS, {500, 500, 500}, 30000, false},
        [FAILURE_RESET] = {REASON_RESET, COUNTS, {250, 2000, 250}, 30000, true},
        [FAILURE_TLS] = {REASON_TLS, WAITS, {5000, 5000, 5000}, 60000, false},
        [FAILURE_SERVER_ERROR] = {REASON_SERVER_ERROR, COUNTS, {500, 2000, 500}, 30000, true},
        [FAILURE_THROTTLED] = {REASON_THROTTLED, WAITS, {1000, 1000, 1000}, 60000, false},
        [FAILURE_CREDENTIALS] = {REASON_CREDENTIALS, WAITS, {5000, 5000, 5000}, 60000, false},
        [FAILURE_GARBAGE] = {REASON_GARBAGE, COUNTS, {500, 2000, 500}, 30000, true},
        [FAILURE_TOO_LARGE] = {REASON_TOO_LARGE, COUNTS, {500, 2000, 500}, 30000, true},
        [FAILURE_REFUSED] = {REASON_REFUSED, DIES, {0, 0, 0}, 0, false},
};

/* A look has no effects; a send of the other two has, when it arrived. */
static bool acts(enum failure failure, enum flow_kind flow)
{
	return expected[failure].arrived && flow != FLOW_RETRIEVE;
}

static struct retry_input input_of(enum failure failure, enum flow_kind flow)
{
	return (struct retry_input){.failure = failure,
	                            .flow = flow,
	                            .bytes_sent = true,
	                            .sends = flow == FLOW_INITIATE,
	                            .max_attempts = MAX_ATTEMPTS,
	                            .now_ms = NOW,
	                            .random_bits = UINT32_MAX};
}

static bool is_again(const struct retry_decision *decision)
{
	return decision->verdict == RETRY_IN_MEMORY || decision->verdict == RETRY_DELAYED;
}

/* ---- each rule by itself ---- */

static void every_failure_of_every_flow_is_tried_again_as_the_specification_says(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAILURE_COUNT; i++)
		for (int j = 0; j < FLOWS; j++) {
			struct retry_input input = input_of((enum failure)i, flows[j]);
			const struct retry_decision decision = retry_decide(&input);
			assert_int_equal(failure_reason((enum failure)i), expected[i].reason);
			assert_int_equal(decision.reason, expected[i].reason);
			assert_int_equal(decision.acted, acts((enum failure)i, flows[j]));
			assert_int_equal(failure_may_have_acted((enum failure)i, flows[j]), decision.acted);
			assert_int_equal(decision.attempts, expected[i].end == WAITS ? 0 : 1);
			assert_int_equal(is_again(&decision), expected[i].end != DIES);
			assert_int_equal(decision.verdict == RETRY_DEAD, expected[i].end == DIES);
			assert_int_equal(decision.wait_ms, expected[i].first_ms[j]);
		}
}

static void what_counts_is_jittered_from_nothing_to_a_ceiling_that_doubles_up_to_its_cap(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAILURE_COUNT * FLOWS; i++) {
		enum failure failure = (enum failure)(i / FLOWS);
		int64_t ceiling = expected[failure].first_ms[i % FLOWS];
		struct retry_input input = input_of(failure, flows[i % FLOWS]);
		input.max_attempts = 100;
		for (int attempts = 0; expected[failure].end == COUNTS && attempts < 40; attempts++) {
			input.attempts = attempts;
			input.random_bits = UINT32_MAX;
			assert_int_equal(retry_decide(&input).wait_ms, ceiling);
			input.random_bits = 0;
			assert_int_equal(retry_decide(&input).wait_ms, 0);
			input.random_bits = UINT32_C(1) << 31;
			assert_in_range(retry_decide(&input).wait_ms, ceiling / 2 - 1, ceiling / 2 + 1);
			ceiling = ceiling * 2 < expected[failure].cap_ms ? ceiling * 2 : expected[failure].cap_ms;
		}
	}
}

static void what_does_not_count_is_waited_for_the_longer_the_longer_it_has_lasted(void **state)
{
	static const struct {
		int64_t since_ms, ceiling_ms; /* of a refused credential */
	} rows[] = {{-90000, 5000}, {0, 5000},      {4999, 5000},   {5000, 5000},
	            {5001, 5001},   {60000, 60000}, {60001, 60000}, {NOW - 1, 60000}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct retry_input input = input_of(FAILURE_CREDENTIALS, FLOW_RETRIEVE);
		input.first_failure_ms = NOW - rows[i].since_ms;
		input.attempts = 3; /* of other failures: they say nothing of this one */
		assert_int_equal(retry_decide(&input).wait_ms, rows[i].ceiling_ms);
		input.random_bits = 0;
		assert_int_equal(retry_decide(&input).wait_ms, 0);
	}
	struct retry_input input = input_of(FAILURE_CREDENTIALS, FLOW_RETRIEVE);
	input.now_ms = INT64_MAX; /* none has been yet: not since 1970 */
	assert_int_equal(retry_decide(&input).wait_ms, 5000);
}

static void a_job_dies_with_its_last_attempt_and_not_before(void **state)
{
	(void)state;
	for (int attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
		struct retry_input input = input_of(FAILURE_SERVER_ERROR, FLOW_ASK);
		input.attempts = attempts;
		struct retry_decision decision = retry_decide(&input);
		assert_int_equal(decision.attempts, attempts + 1);
		assert_int_equal(decision.verdict == RETRY_DEAD, attempts + 1 == MAX_ATTEMPTS);
	}
	struct retry_input input = input_of(FAILURE_SERVER_ERROR, FLOW_ASK);
	input.attempts = INT_MAX; /* a header may say so */
	assert_int_equal(retry_decide(&input).attempts, INT_MAX);
	assert_int_equal(retry_decide(&input).verdict, RETRY_DEAD);
}

static void what_is_not_the_jobs_fault_never_kills_it(void **state)
{
	static const int attempts[] = {0, MAX_ATTEMPTS - 1, MAX_ATTEMPTS,
	                               INT_MAX}; /* the limit may have been lowered */
	(void)state;
	for (unsigned i = 0; i < FAILURE_COUNT; i++)
		for (size_t j = 0; expected[i].end == WAITS && j < sizeof attempts / sizeof *attempts; j++) {
			struct retry_input input = input_of((enum failure)i, FLOW_ASK);
			input.attempts = attempts[j];
			const struct retry_decision decision = retry_decide(&input);
			assert_true(is_again(&decision));
			assert_int_equal(decision.attempts, attempts[j]);
		}
}

static void two_initiates_that_may_have_acted_are_the_end_and_only_they(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAILURE_COUNT; i++)
		for (int sends = 0; sends <= SENDS_MAX + 1; sends++)
			for (int bytes_sent = 0; bytes_sent < 2; bytes_sent++) {
				struct retry_input input = input_of((enum failure)i, FLOW_INITIATE);
				input.sends = sends;
				input.bytes_sent = bytes_sent;
				const struct retry_decision decision = retry_decide(&input);
				bool acted = expected[i].arrived && bytes_sent;
				bool sent_out = acted && sends >= 2;
				assert_int_equal(decision.acted, acted);
				assert_int_equal(decision.verdict == RETRY_DEAD, sent_out || expected[i].end == DIES);
				assert_int_equal(decision.reason, sent_out ? REASON_SENT : expected[i].reason);
			}
	struct retry_input input = input_of(FAILURE_TIMEOUT, FLOW_INITIATE); /* even where every limit is met at once */
	input.sends = SENDS_MAX;
	input.attempts = MAX_ATTEMPTS - 1;
	input.deadline_ms = NOW;
	assert_int_equal(retry_decide(&input).reason, REASON_SENT);
	assert_int_equal(retry_decide(&input).attempts, MAX_ATTEMPTS);
}

static void what_the_vendor_asked_for_is_waited_within_an_hour(void **state)
{
	static const struct {
		int64_t asked, want;
	} rows[] = {
	        {0, 1000},          {1, 1000},          {999, 1000},          {1001, 1001}, {60000, 60000},
	        {3600000, 3600000}, {3600001, 3600000}, {INT64_MAX, 3600000}, {-5, 1000},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct retry_input input = input_of(FAILURE_THROTTLED, FLOW_INITIATE);
		input.retry_after_ms = rows[i].asked;
		assert_int_equal(retry_decide(&input).wait_ms, rows[i].want);
		assert_int_equal(retry_decide(&input).attempts, 0);
	}
	struct retry_input input = input_of(FAILURE_SERVER_ERROR, FLOW_ASK); /* a 503 may say so too */
	input.retry_after_ms = 7000;
	assert_int_equal(retry_decide(&input).wait_ms, 7000);
}

static void a_call_that_would_come_at_or_after_the_deadline_is_not_made(void **state)
{
	static const struct {
		int64_t left_ms;
		bool expires;
	} rows[] = {{5001, false}, {5000, true}, {1, true}, {0, true}, {-1, true}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int j = 0; j < FLOWS; j++) {
			struct retry_input input = input_of(FAILURE_THROTTLED, flows[j]);
			input.retry_after_ms = 5000;
			input.deadline_ms = NOW + rows[i].left_ms;
			const struct retry_decision decision = retry_decide(&input);
			bool expires =
			        rows[i].expires && flows[j] != FLOW_RETRIEVE; /* a verdict is looked for at any time */
			assert_int_equal(decision.verdict, expires ? RETRY_EXPIRED : RETRY_DELAYED);
			assert_int_equal(decision.wait_ms, expires ? 0 : 5000);
		}
	struct retry_input input = input_of(FAILURE_THROTTLED, FLOW_ASK);
	assert_true(retry_decide(&input).verdict != RETRY_EXPIRED); /* no deadline */
	input = input_of(FAILURE_REFUSED, FLOW_ASK);                /* a person must see it, deadline or not */
	input.deadline_ms = NOW - 1;
	assert_int_equal(retry_decide(&input).verdict, RETRY_DEAD);
}

/* ---- where a wait is spent ---- */

static void tiers_grow_and_none_waits_longer_than_asked_but_the_shortest(void **state)
{
	static const struct {
		int64_t wait;
		const char *topic;
	} rows[] = {
	        {-1, "delay.5s"},       {0, "delay.5s"},        {4999, "delay.5s"},      {5000, "delay.5s"},
	        {29999, "delay.5s"},    {30000, "delay.30s"},   {119999, "delay.30s"},   {120000, "delay.120s"},
	        {599999, "delay.120s"}, {600000, "delay.600s"}, {3600000, "delay.600s"}, {INT64_MAX, "delay.600s"},
	};
	const struct delay_tier *tiers = delay_tiers();
	(void)state;
	for (int i = 1; i < DELAY_TIER_COUNT; i++)
		assert_true(tiers[i].wait_ms > tiers[i - 1].wait_ms);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(delay_tier_for(rows[i].wait)->topic, rows[i].topic);
}

/* A hop takes at least the shortest tier's 5 s, and up to half a second more. */
static void a_wait_is_spent_in_memory_when_it_is_short_or_a_hop_would_miss_the_deadline(void **state)
{
	static const struct {
		int64_t wait_ms, left_ms; /* left_ms 0: no deadline */
		const char *topic;        /* NULL: in memory */
	} rows[] = {
	        {-1, 0, NULL},
	        {0, 0, NULL},
	        {1999, 0, NULL},
	        {1999, 1000000, NULL},
	        {2000, 0, "delay.5s"},
	        {4999, 0, "delay.5s"},
	        {2000, 5501, "delay.5s"},
	        {2000, 5500, NULL},
	        {2000, 2001, NULL},
	        {4999, 5500, NULL},
	        {4999, 5501, "delay.5s"},
	        {5000, 5001, "delay.5s"},
	        {30000, 30001, "delay.30s"},
	        {3600000, 3600001, "delay.600s"},
	        {4000, -1, NULL}, /* what is left of a wait whose deadline has passed meanwhile */
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t deadline_ms = rows[i].left_ms ? NOW + rows[i].left_ms : 0;
		const struct delay_tier *tier = retry_tier(rows[i].wait_ms, NOW, deadline_ms);
		assert_string_equal(tier ? tier->topic : "memory", rows[i].topic ? rows[i].topic : "memory");
		struct retry_input input = input_of(FAILURE_CREDENTIALS, FLOW_ASK);
		if (rows[i].wait_ms < 0 || rows[i].left_ms < 0)
			continue;
		input.random_bits = 0;
		input.retry_after_ms = rows[i].wait_ms;
		input.deadline_ms = deadline_ms;
		const struct retry_decision decision = retry_decide(&input);
		assert_ptr_equal(decision.tier, tier);
		assert_int_equal(decision.verdict, tier ? RETRY_DELAYED : RETRY_IN_MEMORY);
	}
}

/* ---- any input ---- */

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Of every size: most of the interesting limits are small. */
static int64_t random_number(uint64_t *seed)
{
	return (int64_t)(next_random(seed) >> (1 + next_random(seed) % 63));
}

static struct retry_input random_input(uint64_t *seed)
{
	struct retry_input input =
	        input_of((enum failure)(next_random(seed) % FAILURE_COUNT), flows[next_random(seed) % FLOWS]);
	input.bytes_sent = next_random(seed) % 2;
	input.sends = input.flow == FLOW_ASK ? 0 : (int)(next_random(seed) % 4);
	input.attempts = next_random(seed) % 8 ? (int)(next_random(seed) % 12) : (int)(next_random(seed) % INT_MAX);
	input.max_attempts = 1 + (int)(next_random(seed) % 100);
	input.retry_after_ms = next_random(seed) % 2 ? 0 : random_number(seed);
	input.now_ms = random_number(seed);
	input.first_failure_ms =
	        next_random(seed) % 3 ? random_number(seed) : input.now_ms - (int64_t)(next_random(seed) % 100000);
	input.deadline_ms = next_random(seed) % 3   ? input.now_ms / 2 + (int64_t)(next_random(seed) % 100000)
	                    : next_random(seed) % 2 ? random_number(seed)
	                                            : 0;
	if (next_random(seed) % 2 && input.now_ms < INT64_MAX / 2) /* soon */
		input.deadline_ms = input.now_ms + (int64_t)(next_random(seed) % 20000);
	input.random_bits = (uint32_t)next_random(seed);
	return input;
}

static void check_end(const struct retry_input *input, const struct retry_decision *decision)
{
	enum end end = expected[input->failure].end;
	bool acted = acts(input->failure, input->flow) && input->bytes_sent;
	int attempts = end == WAITS || input->attempts == INT_MAX ? input->attempts : input->attempts + 1;
	bool dead = end == DIES || (end == COUNTS && attempts >= input->max_attempts) ||
	            (acted && input->sends >= SENDS_MAX);
	assert_int_equal(decision->acted, acted);
	assert_int_equal(decision->attempts, attempts);
	assert_int_equal(decision->verdict == RETRY_DEAD, dead);
	assert_int_equal(decision->reason == REASON_SENT, acted && input->sends >= SENDS_MAX);
	if (decision->verdict == RETRY_EXPIRED)
		assert_true(input->deadline_ms != 0 && input->flow != FLOW_RETRIEVE);
}

static void check_wait(const struct retry_input *input, const struct retry_decision *decision)
{
	int64_t asked = input->retry_after_ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : input->retry_after_ms;
	int64_t cap = expected[input->failure].cap_ms;
	bool again = is_again(decision);
	assert_true(decision->wait_ms >= 0 && decision->wait_ms <= (asked > cap ? asked : cap));
	assert_true(again || decision->wait_ms == 0);
	assert_true(!again || decision->wait_ms >= asked);
	assert_int_equal(decision->tier != NULL, decision->verdict == RETRY_DELAYED);
	if (again && input->deadline_ms != 0 && input->flow != FLOW_RETRIEVE)
		assert_true(decision->wait_ms < input->deadline_ms - input->now_ms);
	if (decision->verdict == RETRY_IN_MEMORY)
		assert_true(decision->wait_ms < delay_tiers()[0].wait_ms);
	if (decision->verdict == RETRY_IN_MEMORY && (input->deadline_ms == 0 || input->flow == FLOW_RETRIEVE))
		assert_true(decision->wait_ms < 2000);
	if (decision->tier && decision->tier != delay_tiers())
		assert_true(decision->tier->wait_ms <= decision->wait_ms);
}

static void any_input_gives_a_bounded_wait_and_an_end_exactly_when_one_is_due(void **state)
{
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
	int verdicts[RETRY_VERDICT_COUNT] = {0};
	(void)state;
	for (int i = 0; i < INPUTS; i++) {
		const struct retry_input input = random_input(&seed);
		const struct retry_decision decision = retry_decide(&input);
		check_end(&input, &decision);
		check_wait(&input, &decision);
		verdicts[decision.verdict]++;
		/* expired only because of the deadline: without it there would be a next call, and it would come too
		 * late */
		struct retry_input free = input;
		free.deadline_ms = 0;
		const struct retry_decision without = retry_decide(&free);
		bool late = input.deadline_ms != 0 && input.flow != FLOW_RETRIEVE && is_again(&without) &&
		            without.wait_ms >= input.deadline_ms - input.now_ms;
		assert_int_equal(decision.verdict == RETRY_EXPIRED, late);
		assert_int_equal(decision.attempts, without.attempts);
	}
	for (int i = 0; i < RETRY_VERDICT_COUNT; i++)
		assert_true(verdicts[i] > INPUTS / 50); /* else nothing is shown of it */
}

/* The breaker is open: it is the vendor's fault, and the job waits with the others; but what is the job's own, or may
 * have been done twice, ends all the same. */
static void while_the_breaker_is_open_no_attempt_is_burned_and_nobody_waits_for_a_time(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAILURE_COUNT; i++)
		for (int j = 0; j < FLOWS; j++) {
			struct retry_input input = input_of((enum failure)i, flows[j]);
			input.attempts = MAX_ATTEMPTS - 1;
			input.retry_after_ms = 60000;
			input.is_held = true;
			const struct retry_decision decision = retry_decide(&input);
			bool dies = expected[i].end == DIES;
			assert_int_equal(decision.verdict, dies ? RETRY_DEAD : RETRY_IN_MEMORY);
			assert_int_equal(decision.attempts, input.attempts + dies);
			assert_int_equal(decision.wait_ms, 0);
			input.sends = SENDS_MAX;
			bool sent_out = acts((enum failure)i, flows[j]);
			assert_int_equal(retry_decide(&input).verdict, dies || sent_out ? RETRY_DEAD : RETRY_IN_MEMORY);
			input.deadline_ms = NOW;
			assert_true(dies || sent_out || flows[j] == FLOW_RETRIEVE ||
			            retry_decide(&input).verdict == RETRY_EXPIRED);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_failure_of_every_flow_is_tried_again_as_the_specification_says),
	        cmocka_unit_test(what_counts_is_jittered_from_nothing_to_a_ceiling_that_doubles_up_to_its_cap),
	        cmocka_unit_test(what_does_not_count_is_waited_for_the_longer_the_longer_it_has_lasted),
	        cmocka_unit_test(a_job_dies_with_its_last_attempt_and_not_before),
	        cmocka_unit_test(what_is_not_the_jobs_fault_never_kills_it),
	        cmocka_unit_test(two_initiates_that_may_have_acted_are_the_end_and_only_they),
	        cmocka_unit_test(what_the_vendor_asked_for_is_waited_within_an_hour),
	        cmocka_unit_test(a_call_that_would_come_at_or_after_the_deadline_is_not_made),
	        cmocka_unit_test(while_the_breaker_is_open_no_attempt_is_burned_and_nobody_waits_for_a_time),
	        cmocka_unit_test(tiers_grow_and_none_waits_longer_than_asked_but_the_shortest),
	        cmocka_unit_test(a_wait_is_spent_in_memory_when_it_is_short_or_a_hop_would_miss_the_deadline),
	        cmocka_unit_test(any_input_gives_a_bounded_wait_and_an_end_exactly_when_one_is_due),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
