/* redis_store: a person's journeys, browsers, places and references, against a real Redis. */
#include "tests/unit/redis_fixture.h"

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS, MOST = 3 };

static const int64_t noon_ms = 20000 * (int64_t)DAY_MS + 12 * HOUR_MS; /* 12:00 UTC of some day */
static const char first[] = "v000000000000000000000A", second[] = "v000000000000000000000B",
                  third[] = "v000000000000000000000C", fourth[] = "v000000000000000000000D";

/* ---- journeys ---- */

static void on_subject(void *ctx, enum err_code code, enum subject_claim claim, const char *holder)
{
	struct said *said = ctx;
	note(said, code, holder, strlen(holder));
	said->what = (int)claim;
}

static struct said claim(struct redis_bench *bench, const char *id, int64_t created_ms, const char *over)
{
	struct said said = {.calls = 0};
	assert_int_equal(
	        redis_store_claim_subject(bench->store, "person", id, created_ms, over, MOST, on_subject, &said),
	        ERR_OK);
	assert_int_equal(said.calls, 0);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_OK);
	return said;
}

static bool is_noted(struct redis_bench *bench, const char *id)
{
	return redis_do(bench, "HEXISTS verifyd:s:person %s", id) == 1;
}

static void a_persons_first_journey_is_its_own_as_often_as_it_asks(void **state)
{
	struct redis_bench *bench = bench_of(state);
	for (int i = 0; i < 2; i++) {
		struct said said = claim(bench, first, noon_ms + i, NULL);
		assert_int_equal(said.what, SUBJECT_OURS);
		assert_string_equal(said.text, first);
	}
	assert_int_equal(redis_do(bench, "HLEN verifyd:s:person"), 1);
	assert_in_range(redis_do(bench, "PTTL verifyd:s:person"), 31ll * DAY_MS - 60000, 31ll * DAY_MS);
}

static void another_journey_is_shown_the_newest_and_follows_it_only_when_that_one_has_ended(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_int_equal(claim(bench, first, noon_ms, NULL).what, SUBJECT_OURS);
	struct said said = claim(bench, second, noon_ms + 1, NULL);
	assert_int_equal(said.what, SUBJECT_ANOTHERS);
	assert_string_equal(said.text, first);
	assert_false(is_noted(bench, second));
	assert_int_equal(claim(bench, second, noon_ms + 1, third).what, SUBJECT_ANOTHERS); /* over one that is not it */
	assert_int_equal(claim(bench, second, noon_ms + 1, first).what, SUBJECT_OURS);
	said = claim(bench, third, noon_ms + 2, first); /* knows only of an older one */
	assert_int_equal(said.what, SUBJECT_ANOTHERS);
	assert_string_equal(said.text, second);
	assert_int_equal(claim(bench, first, noon_ms, NULL).what, SUBJECT_OURS); /* is there, though not the newest */
}

static void who_follows_is_the_newest_whatever_the_clocks_say(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_int_equal(claim(bench, second, noon_ms, NULL).what, SUBJECT_OURS);
	assert_int_equal(claim(bench, first, noon_ms, second).what, SUBJECT_OURS);
	assert_string_equal(claim(bench, fourth, noon_ms + 1, NULL).text, first);
	assert_int_equal(claim(bench, third, noon_ms - HOUR_MS, first).what, SUBJECT_OURS);
	assert_string_equal(claim(bench, fourth, noon_ms + 1, NULL).text, third);
}

static void of_two_with_the_same_time_the_larger_id_is_the_newest(void **state)
{
	struct redis_bench *bench = bench_of(state);
	redis_do(bench, "HSET verifyd:s:person %s %lld %s %lld", second, (long long)noon_ms, first, (long long)noon_ms);
	assert_string_equal(claim(bench, third, noon_ms, NULL).text, second);
}

static void a_person_begins_only_so_many_a_day_of_utc(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static const char *const ids[] = {"v000000000000000000000A", "v000000000000000000000B",
	                                  "v000000000000000000000C"};
	int64_t evening_ms = noon_ms + 12 * HOUR_MS - 10;
	for (int i = 0; i < MOST; i++)
		assert_int_equal(claim(bench, ids[i], evening_ms + i, i ? ids[i - 1] : NULL).what, SUBJECT_OURS);
	struct said said = claim(bench, fourth, evening_ms + 9, third);
	assert_int_equal(said.what, SUBJECT_TOO_MANY);
	assert_false(is_noted(bench, fourth));
	assert_int_equal(claim(bench, fourth, evening_ms + 9, NULL).what,
	                 SUBJECT_ANOTHERS);                                                /* it may still be joined */
	assert_int_equal(claim(bench, third, evening_ms + 9, NULL).what, SUBJECT_OURS);    /* what was begun goes on */
	assert_int_equal(claim(bench, fourth, evening_ms + 10, third).what, SUBJECT_OURS); /* the next day */
}

/* As the rebuild puts a journey back. */
static void put_back(struct redis_bench *bench, const char *question, const char *id, int64_t created_ms)
{
	struct verification state = {.kind = KIND_JUMIO_IDENTITY,
	                             .state = STATE_CHECKING,
	                             .rev = 4,
	                             .score = SCORE_NONE,
	                             .created_ms = created_ms};
	snprintf(state.id, sizeof state.id, "%s", id);
	snprintf(state.question, sizeof state.question, "%s", question);
	const struct store_fill fill = {.state = &state, .value = "text", .len = 4, .subject = true};
	assert_int_equal(redis_store_fill(bench->store, &fill, 1, false, on_filled, NULL), ERR_OK);
}

static void old_journeys_are_forgotten_but_the_newest_and_ones_own_stay(void **state)
{
	struct redis_bench *bench = bench_of(state);
	put_back(bench, "person", first, noon_ms - 3ll * DAY_MS);
	put_back(bench, "person", second, noon_ms - 2ll * DAY_MS);
	put_back(bench, "person", third, noon_ms - 10ll * DAY_MS);
	assert_int_equal(claim(bench, third, noon_ms, NULL).what, SUBJECT_OURS);
	assert_true(is_noted(bench, third));
	assert_false(is_noted(bench, first));
	assert_string_equal(claim(bench, fourth, noon_ms + 9ll * DAY_MS, NULL).text, second);
	assert_true(is_noted(bench, second));
	assert_false(is_noted(bench, third));
}

static void a_journey_that_is_put_back_keeps_the_time_that_is_there(void **state)
{
	struct redis_bench *bench = bench_of(state);
	char time[VALUE_BYTES];
	put_back(bench, "person", first, noon_ms);
	put_back(bench, "person", first, noon_ms + 5);
	assert_string_equal(claim(bench, second, noon_ms, NULL).text, first);
	redis_text(bench, time, "HGET verifyd:s:person %s", first);
	assert_int_equal(atoll(time), noon_ms);
	assert_in_range(redis_do(bench, "PTTL verifyd:s:person"), 31ll * DAY_MS - 60000, 31ll * DAY_MS);
}

static void nobody_knows_whose_turn_it_is_while_the_cache_is_filled(void **state)
{
	struct redis_bench *bench = bench_of(state);
	redis_do(bench, "DEL verifyd:epoch");
	assert_int_equal(claim(bench, first, noon_ms, NULL).what, SUBJECT_REBUILDING);
	assert_int_equal(redis_do(bench, "EXISTS verifyd:s:person"), 0);
	put_back(bench, "person", first, noon_ms);
	assert_int_equal(claim(bench, first, noon_ms, NULL).what, SUBJECT_REBUILDING);
}

static void a_pointer_that_holds_no_id_is_no_answer(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct said said = {.calls = 0};
	redis_do(bench, "HSET verifyd:s:person nonsense 5");
	assert_int_equal(
	        redis_store_claim_subject(bench->store, "person", first, noon_ms, NULL, MOST, on_subject, &said),
	        ERR_OK);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_UNAVAILABLE);
}

/* ---- browsers ---- */

static void on_browser(void *ctx, enum err_code code, enum browser browser)
{
	struct said *said = ctx;
	note(said, code, NULL, 0);
	said->what = (int)browser;
}

static enum browser browser(struct redis_bench *bench, const char *hash, int64_t ticket_ms)
{
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_browser(bench->store, first, hash, ticket_ms, HOUR_MS, on_browser, &said), ERR_OK);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_OK);
	return (enum browser)said.what;
}

static void the_first_browser_that_opens_the_ticket_has_the_journey(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_int_equal(browser(bench, "one-_", 0), BROWSER_UNKNOWN);
	assert_int_equal(browser(bench, "one-_", noon_ms), BROWSER_OURS);
	assert_int_equal(browser(bench, "one-_", 0), BROWSER_OURS);
	assert_int_equal(browser(bench, "two", 0), BROWSER_ANOTHER);
	assert_int_equal(browser(bench, "two", noon_ms), BROWSER_ANOTHER); /* the same ticket */
	assert_int_equal(browser(bench, "two", noon_ms - 1), BROWSER_ANOTHER);
	assert_int_equal(browser(bench, "one-_", 0), BROWSER_OURS);
}

static void a_newer_tickets_browser_takes_it_over_and_an_older_ticket_does_not_take_it_back(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_int_equal(browser(bench, "one", noon_ms), BROWSER_OURS);
	assert_int_equal(browser(bench, "two", noon_ms + 5), BROWSER_OURS);
	assert_int_equal(browser(bench, "one", noon_ms), BROWSER_ANOTHER);
	assert_int_equal(browser(bench, "two", noon_ms),
	                 BROWSER_OURS); /* opens an old one again: the binding stays new */
	assert_int_equal(browser(bench, "three", noon_ms + 4), BROWSER_ANOTHER);
	assert_int_equal(browser(bench, "two", 0), BROWSER_OURS);
}

static void every_opening_gives_the_binding_its_time_anew_and_a_look_does_not(void **state)
{
	struct redis_bench *bench = bench_of(state);
	assert_int_equal(browser(bench, "one", noon_ms), BROWSER_OURS);
	redis_do(bench, "PEXPIRE verifyd:browser:{%s} 60000", first);
	assert_int_equal(browser(bench, "one", 0), BROWSER_OURS);
	assert_int_equal(browser(bench, "two", noon_ms), BROWSER_ANOTHER);
	assert_in_range(redis_do(bench, "PTTL verifyd:browser:{%s}", first), 1, 60000);
	assert_int_equal(browser(bench, "one", noon_ms), BROWSER_OURS);
	assert_in_range(redis_do(bench, "PTTL verifyd:browser:{%s}", first), 60001, HOUR_MS);
}

/* ---- places ---- */

static void on_place(void *ctx, enum err_code code, int32_t partition, int64_t offset)
{
	struct said *said = ctx;
	char text[64];
	snprintf(text, sizeof text, "%d/%lld", (int)partition, (long long)offset);
	note(said, code, text, strlen(text));
}

static struct said place(struct redis_bench *bench)
{
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_place(bench->store, first, on_place, &said), ERR_OK);
	await_count(bench, &said.calls, 1);
	return said;
}

static void the_first_place_of_a_request_stays_for_an_hour(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct said said = place(bench);
	assert_int_equal(said.code, ERR_OK);
	assert_string_equal(said.text, "-1/0");
	redis_store_note_place(bench->store, first, 3, INT64_C(123456789012));
	redis_store_note_place(bench->store, first, 1, 7);
	assert_string_equal(place(bench).text, "3/123456789012");
	assert_in_range(redis_do(bench, "PTTL verifyd:place:{%s}", first), HOUR_MS - 60000, HOUR_MS);
}

static void a_place_that_cannot_be_read_is_none(void **state)
{
	static const char *const texts[] = {"", ":", "3:", ":4", "x:4", "3:y", "-1:4", "99999999999:4", "3:4 "};
	struct redis_bench *bench = bench_of(state);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		redis_do(bench, "SET verifyd:place:{%s} %s", first, *texts[i] ? texts[i] : ":");
		assert_string_equal(place(bench).text, "-1/0");
	}
}

/* ---- references ---- */

static struct said by_reference(struct redis_bench *bench, const char *vendor, const char *reference)
{
	struct said said = {.calls = 0};
	assert_int_equal(redis_store_by_reference(bench->store, vendor, reference, on_value, &said), ERR_OK);
	await_count(bench, &said.calls, 1);
	assert_int_equal(said.code, ERR_OK);
	return said;
}

static void a_vendors_reference_leads_to_the_id_in_either_case(void **state)
{
	struct redis_bench *bench = bench_of(state);
	redis_store_name_reference(bench->store, "jumio", "1a2B-3c", first);
	assert_string_equal(by_reference(bench, "jumio", "1a2B-3c").text, first);
	assert_string_equal(by_reference(bench, "jumio", "1A2b-3C").text, first);
	assert_false(by_reference(bench, "jumio", "1a2B-3d").there);
	assert_false(by_reference(bench, "other", "1a2B-3c").there);
	assert_in_range(redis_do(bench, "PTTL verifyd:ref:jumio:1a2b-3c"), 31ll * DAY_MS - 60000, 31ll * DAY_MS);
}

static void without_redis_every_question_says_so(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct said claimed = {.calls = 0}, looked = {.calls = 0};
	kill(bench->server, SIGSTOP);
	assert_int_equal(
	        redis_store_claim_subject(bench->store, "person", first, noon_ms, NULL, MOST, on_subject, &claimed),
	        ERR_OK);
	assert_int_equal(redis_store_browser(bench->store, first, "one", 1, 1, on_browser, &looked), ERR_OK);
	redis_kill(bench);
	await_count(bench, &looked.calls, 1);
	assert_int_equal(claimed.code, ERR_UNAVAILABLE);
	assert_int_equal(looked.code, ERR_UNAVAILABLE);
	await_up(bench, false);
	assert_int_equal(
	        redis_store_claim_subject(bench->store, "person", first, noon_ms, NULL, MOST, on_subject, &claimed),
	        ERR_UNAVAILABLE);
	assert_int_equal(redis_store_browser(bench->store, first, "one", 1, 1, on_browser, &looked), ERR_UNAVAILABLE);
	assert_int_equal(redis_store_by_reference(bench->store, "jumio", "x", on_value, &looked), ERR_UNAVAILABLE);
	redis_store_name_reference(bench->store, "jumio", "x", first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_REDIS(a_persons_first_journey_is_its_own_as_often_as_it_asks),
	        WITH_REDIS(another_journey_is_shown_the_newest_and_follows_it_only_when_that_one_has_ended),
	        WITH_REDIS(who_follows_is_the_newest_whatever_the_clocks_say),
	        WITH_REDIS(of_two_with_the_same_time_the_larger_id_is_the_newest),
	        WITH_REDIS(a_person_begins_only_so_many_a_day_of_utc),
	        WITH_REDIS(old_journeys_are_forgotten_but_the_newest_and_ones_own_stay),
	        WITH_REDIS(a_journey_that_is_put_back_keeps_the_time_that_is_there),
	        WITH_REDIS(nobody_knows_whose_turn_it_is_while_the_cache_is_filled),
	        WITH_REDIS(a_pointer_that_holds_no_id_is_no_answer),
	        WITH_REDIS(the_first_browser_that_opens_the_ticket_has_the_journey),
	        WITH_REDIS(a_newer_tickets_browser_takes_it_over_and_an_older_ticket_does_not_take_it_back),
	        WITH_REDIS(every_opening_gives_the_binding_its_time_anew_and_a_look_does_not),
	        WITH_REDIS(the_first_place_of_a_request_stays_for_an_hour),
	        WITH_REDIS(a_place_that_cannot_be_read_is_none),
	        WITH_REDIS(a_vendors_reference_leads_to_the_id_in_either_case),
	        WITH_REDIS(without_redis_every_question_says_so),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
