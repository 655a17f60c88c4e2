/* What the console's page says of a picture: what is wrong first and what to do about it, the exact commands, no number
 * where nothing is known, and nothing that others wrote as HTML. */
#include "common/adapters/console_view.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now_ms = 1790000000000;

struct scene {
	struct status_picture picture;
	struct console_past past;
	struct status_worker worker;
	struct status_ingress ingress;
	struct buf html;
};

/* A service that is well: one ingress, one worker that serves all. */
static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof *scene);
	assert_non_null(scene);
	struct status_picture *picture = &scene->picture;
	picture->redis = (struct status_redis){.is_up = true, .now_ms = now_ms, .whole_known = true, .is_whole = true};
	picture->kafka.is_up = picture->kafka.dead_known = true;
	strcpy(scene->worker.name, "worker-1");
	scene->worker.is_fresh = true;
	scene->worker.now = (struct worker_status){.at_ms = now_ms, .started_ms = now_ms - 7500000, .version = "1.2.3"};
	scene->worker.before.at_ms = now_ms - 2000;
	for (unsigned i = 0; i < OPERATION_COUNT; i++) {
		struct worker_class *class = &scene->worker.now.classes[scene->worker.now.class_count++];
		*class = (struct worker_class){.operation = (enum operation)i, .max_in_flight = 1000, .calls = 25};
		class->took[5] = 20; /* 100 to 250 ms */
	}
	strcpy(scene->ingress.name, "ingress-1");
	scene->ingress.is_fresh = true;
	scene->ingress.now =
	        (struct ingress_status){.at_ms = now_ms, .started_ms = now_ms - 5000, .held = 1234567, .answered = 400};
	scene->ingress.before = (struct ingress_status){.at_ms = now_ms - 2000};
	picture->workers = (struct status_workers){&scene->worker, 1, 1};
	picture->ingresses = (struct status_ingresses){&scene->ingress, 1, 1};
	buf_init(&scene->html, CONSOLE_VIEW_MAX_BYTES);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;
	buf_fini(&scene->html);
	free(scene);
	return 0;
}

/* Every section of the runbook that the page names is there. */
static void check_sections(const char *html)
{
	static const char begin[] = "docs/operations.md, “", end[] = "”";
	char line[256], heading[256];
	for (const char *at = html; (at = strstr(at, begin)); at += sizeof begin - 1) {
		const char *name = at + sizeof begin - 1;
		bool found = false;
		FILE *runbook = fopen(TEST_SOURCE_DIR "/../docs/operations.md", "r");
		assert_non_null(runbook);
		snprintf(heading, sizeof heading, "## %.*s\n", (int)(strstr(name, end) - name), name);
		while (!found && fgets(line, sizeof line, runbook))
			found = strcmp(line, heading) == 0 || (*line == '#' && strcmp(line + 1, heading) == 0);
		fclose(runbook);
		if (!found)
			fail_msg("docs/operations.md has no section %s", heading);
	}
}

static const char *page(struct scene *scene)
{
	const struct console_view view = {.picture = &scene->picture,
	                                  .past = &scene->past,
	                                  .program = "verifyd-worker",
	                                  .instance = "worker-1",
	                                  .health = "{\"redis\":\"down\",\"in_flight\":12,\"started\":true}"};
	status_sum_up(&scene->picture);
	console_past_add(&scene->past, &scene->picture.sum);
	buf_clear(&scene->html);
	assert_int_equal(console_view_write(&view, &scene->html), ERR_OK);
	check_sections(scene->html.data);
	return scene->html.data;
}

static void assert_says(const char *html, const char *words)
{
	if (!strstr(html, words))
		fail_msg("does not say: %s\n%s", words, html);
}

static void assert_not_says(const char *html, const char *words)
{
	if (strstr(html, words))
		fail_msg("says: %s\n%s", words, html);
}

static void what_is_well_says_so_with_its_figures(void **state)
{
	const char *html = page(*state);
	assert_true(strncmp(html, "<main id=\"console\">", 19) == 0);
	assert_string_equal(html + strlen(html) - 7, "</main>");
	assert_says(html, ">All is well</h1>");
	assert_says(html, "200 answers a second · 1,234,567 calls held · 0 questions not done");
	assert_says(html, "<b>200</b><span>requests/s</span>");
	assert_says(html, "None in the last 24 hours.");
	assert_says(html, "<td>1.2.3</td><td>2h 05m</td>");
	assert_says(html, "No quota");
	assert_says(html, "seen by verifyd-worker worker-1");
	assert_not_says(html, "style=");
	assert_not_says(html, "\n");
}

static void what_is_wrong_stands_first_with_what_to_do(void **state)
{
	struct scene *scene = *state;
	struct status_breaker *breaker = &scene->picture.redis.breakers[OPERATION_JUMIO_RETRIEVE];
	*breaker = (struct status_breaker){
	        .is_open = true, .since_ms = now_ms - 34000, .next_probe_ms = now_ms + 3000, .reason = "timeout"};
	const char *html = page(scene);
	assert_says(html, ">1 thing needs attention</h1>");
	assert_says(html, "<h2>jumio retrieve: the breaker is open for 34s: timeout; next probe in 3s</h2>");
	assert_says(html, "Runbook: docs/operations.md, “VerifydVendorDown”");
	assert_says(html, "Breaker: <b>open</b> for 34s, because of <b>timeout</b>; next probe in 3s");
	assert_says(html, "<b>jumio</b>: left alone");
	assert_not_says(html, "our credentials");
	assert_true(strstr(html, "Runbook") < strstr(html, "<h2 id=\"flow\">"));
	strcpy(breaker->reason, "credentials");
	breaker->next_probe_ms = now_ms;
	assert_says(page(scene), "our credentials");
	assert_says(scene->html.data, "“VerifydVendorRefusesUs”");
	assert_says(scene->html.data, "next probe now");
	scene->picture.kafka.is_up = false;
	strcpy(scene->picture.kafka.why, "no broker answers");
	assert_says(page(scene), ">2 things need attention</h1>");
	assert_says(scene->html.data, "Not to be seen without Kafka.");
}

static void what_may_become_wrong_is_a_note(void **state)
{
	struct scene *scene = *state;
	struct worker_class *class = &scene->worker.now.classes[OPERATION_JUMIO_INITIATE];
	class->has_quota = true;
	class->quota_limit = class->quota_used = 5;
	class->quota_period_ms = 5000;
	scene->picture.kafka.classes[OPERATION_JUMIO_INITIATE].lag = 480;
	scene->ingress.is_fresh = false;
	scene->ingress.now.at_ms = now_ms - 7000;
	const char *html = page(scene);
	assert_says(html, ">It works; 2 things to keep an eye on</h1>");
	assert_says(html, "480 wait for 8m 00s at the vendor&#39;s quota of 5 in 5000 ms; more workers would not help");
	assert_says(html, "ingress ingress-1 is silent for 7 s");
	assert_says(html, "silent for 7s</span>");
	assert_says(html, "Quota: <b>5</b> of 5 used in 5 s");
	assert_says(html, "class=\"bar full\"");
	assert_says(html, "at the quota");
}

static void each_note_and_each_finding_names_a_section_of_the_runbook(void **state)
{
	struct scene *scene = *state;
	scene->worker.now.loop_lag_ms = 400;
	scene->ingress.now.loop_lag_ms = 500;
	scene->ingress.now.failed = scene->ingress.now.refused = scene->ingress.now.limited = 50;
	scene->picture.kafka.classes[OPERATION_BIOCATCH_SCORE].lag = 100000;
	scene->worker.now.classes[OPERATION_BIOCATCH_SCORE].taken = 200;
	scene->picture.kafka.dead_day = scene->picture.kafka.dead_read = scene->picture.kafka.dead_hour = 1;
	scene->picture.redis.is_whole = false;
	const char *html = page(scene);
	assert_says(html, "2 things need attention");
	assert_says(html, "25.0 of 200.0 answers a second are errors of ours");
	assert_says(html, "25.0 questions a second cannot be accepted");
	assert_says(html, "25.0 calls a second are not held, or refused");
	assert_says(html, "worker worker-1 comes 400 ms late");
	assert_says(html, "ingress ingress-1 comes 500 ms late");
	assert_says(html, "100000 wait, which takes 16m 40s at the present rate");
	scene->worker.is_fresh = false;
	scene->picture.kafka.dead_known = false;
	strcpy(scene->picture.kafka.dead_why, "not authorized");
	assert_says(page(scene), "no worker serves it");
	assert_says(scene->html.data, "not authorized");
}

static void dead_letters_come_with_the_commands_for_their_class(void **state)
{
	struct scene *scene = *state;
	struct status_kafka *kafka = &scene->picture.kafka;
	kafka->dead_day = kafka->dead_read = 1203;
	kafka->dead_by_class[OPERATION_BIOCATCH_SCORE] = 1200;
	kafka->dead_by_class[OPERATION_COUNT] = 3;
	const char *html = page(scene);
	assert_says(html, "1,200 in 24 h");
	assert_says(html, "<code>verifyctl dead list --class biocatch/score --since 24h</code>");
	assert_says(html, "<code>verifyctl dead replay --class biocatch/score --since 24h --dry-run</code>");
	assert_says(html, "<code>verifyctl dead replay --class biocatch/score --since 24h</code>");
	assert_says(html, "they cannot be replayed");
	assert_not_says(html, "--class jumio");
	kafka->dead_day = 20000;
	assert_says(page(scene), "at least 1,200 in 24 h");
}

static void without_redis_it_says_so_and_shows_its_own_process(void **state)
{
	struct scene *scene = *state;
	scene->picture.redis = (struct status_redis){.now_ms = now_ms, .why = "redis:6379 cannot be reached"};
	scene->picture.workers.count = scene->picture.ingresses.count = 0;
	const char *html = page(scene);
	assert_says(html, "redis:6379 cannot be reached");
	assert_says(html, "not to be seen without Redis");
	assert_says(html, "<dt>redis</dt><dd>down</dd>");
	assert_says(html, "<dt>in_flight</dt><dd>12</dd>");
	assert_says(html, "<dt>started</dt><dd>yes</dd>");
	assert_says(html, "<b>–</b><span>held</span>");
	assert_not_says(html, "All is well");
}

static void what_others_wrote_is_never_html(void **state)
{
	struct scene *scene = *state;
	strcpy(scene->worker.name, "<script>alert(1)</script>");
	strcpy(scene->worker.now.version, "\"><b>");
	scene->picture.redis.breakers[0] = (struct status_breaker){.is_open = true, .reason = "<i>x</i>&"};
	const char *html = page(scene);
	assert_not_says(html, "<script");
	assert_not_says(html, "<i>");
	assert_says(html, "&lt;script&gt;alert(1)&lt;/script&gt;");
	assert_says(html, "&quot;&gt;&lt;b&gt;");
}

static void a_fleet_beyond_what_is_shown_is_counted(void **state)
{
	enum { MANY = CONSOLE_INSTANCES_SHOWN + 50 };
	struct scene *scene = *state;
	struct status_worker *workers = calloc(MANY, sizeof *workers);
	assert_non_null(workers);
	for (size_t i = 0; i < MANY; i++) {
		workers[i] = scene->worker;
		snprintf(workers[i].name, sizeof workers[i].name, "worker-%zu-%0150d", i, 7);
	}
	scene->picture.workers = (struct status_workers){workers, MANY, MANY};
	assert_says(page(scene), "and 51 more: <code>verifyctl status --json</code>");
	free(workers);
}

static void a_share_of_calls_is_found_between_the_bounds_of_its_bucket(void **state)
{
	double took[WORKER_TOOK_BUCKETS] = {0};
	(void)state;
	assert_int_equal(console_took_ms(took, 0.5), -1);
	took[5] = 100; /* 100 to 250 ms */
	assert_int_equal(console_took_ms(took, 0.5), 175);
	assert_int_equal(console_took_ms(took, 0.95), 243);
	took[7] = 100; /* 500 to 1000 ms */
	assert_int_equal(console_took_ms(took, 0.5), 250);
	assert_int_equal(console_took_ms(took, 0.75), 750);
	took[12] = 1000;
	assert_true(console_took_ms(took, 0.95) == INT64_MAX);
}

static void the_past_keeps_the_newest_looks_and_forgets_slow_calls(void **state)
{
	struct console_past *past = calloc(1, sizeof *past);
	struct status_sum *sum = calloc(1, sizeof *sum);
	(void)state;
	assert_true(past && sum);
	sum->classes[0].took[8] = 100;
	for (int look = 0; look < 2 * CONSOLE_PAST; look++) {
		sum->classes[0].calls_s = look;
		console_past_add(past, sum);
		sum->classes[0].took[8] = 0;
	}
	assert_int_equal(past->count, CONSOLE_PAST);
	assert_true(past->calls_s[0][0] > CONSOLE_PAST - 0.5 && past->calls_s[0][0] < CONSOLE_PAST + 0.5);
	assert_true(past->calls_s[0][CONSOLE_PAST - 1] > 2 * CONSOLE_PAST - 1.5);
	assert_int_equal(console_took_ms(past->took[0], 0.5), -1);
	free(past);
	free(sum);
}

#define VIEW_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        VIEW_TEST(what_is_well_says_so_with_its_figures),
	        VIEW_TEST(what_is_wrong_stands_first_with_what_to_do),
	        VIEW_TEST(what_may_become_wrong_is_a_note),
	        VIEW_TEST(each_note_and_each_finding_names_a_section_of_the_runbook),
	        VIEW_TEST(dead_letters_come_with_the_commands_for_their_class),
	        VIEW_TEST(without_redis_it_says_so_and_shows_its_own_process),
	        VIEW_TEST(what_others_wrote_is_never_html),
	        VIEW_TEST(a_fleet_beyond_what_is_shown_is_counted),
	        cmocka_unit_test(a_share_of_calls_is_found_between_the_bounds_of_its_bucket),
	        cmocka_unit_test(the_past_keeps_the_newest_looks_and_forgets_slow_calls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
