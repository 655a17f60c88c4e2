/* Tests of common/base/cli. Every call sees an environment that the test made, and its output goes to files. */
#include "common/base/cli.h"
#include "common/base/log.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_BYTES = 32768 };

struct run {
	bool go_on;
	int status;
	struct config *config;
	const char *vendor, *insecure;
	char out[TEXT_BYTES], err[TEXT_BYTES];
};

static int no_complaint(const struct config *config, FILE *complaints, void *ctx)
{
	(void)ctx;
	(void)config;
	(void)complaints;
	return 0;
}

static int two_complaints(const struct config *config, FILE *complaints, void *ctx)
{
	assert_non_null(config);
	assert_string_equal(ctx, "context");
	(void)fputs("first\nsecond\n", complaints);
	return 2;
}

static int redirect(FILE *file, FILE *target)
{
	assert_non_null(target);
	assert_int_equal(fflush(file), 0);
	int saved = dup(fileno(file));
	assert_true(saved >= 0);
	assert_int_equal(dup2(fileno(target), fileno(file)), fileno(file));
	return saved;
}

static void restore(FILE *file, int saved, FILE *target, char text[TEXT_BYTES])
{
	(void)fflush(file);
	assert_int_equal(dup2(saved, fileno(file)), fileno(file));
	assert_int_equal(close(saved), 0);
	rewind(target);
	text[fread(text, 1, TEXT_BYTES - 1, target)] = '\0';
	assert_int_equal(fclose(target), 0);
}

static struct run *run_with(int (*check)(const struct config *, FILE *, void *), char *const *args)
{
	static struct run run;
	run = (struct run){.status = -1};
	char context[] = "context";
	const struct cli_flag flags[] = {
	        {"--vendor", "NAME", "whose requests are answered", &run.vendor},
	        {"--insecure", NULL, "asks nobody who they are", &run.insecure},
	};
	const struct cli_spec spec = {"tester", "tests the command line", CONFIG_CTL, flags, 2, check, context};
	char *argv[16] = {"tester"};
	int argc = 1;
	for (; *args; args++)
		argv[argc++] = *args;
	FILE *out = tmpfile(), *err = tmpfile();
	int saved_out = redirect(stdout, out), saved_err = redirect(stderr, err);
	run.go_on = cli_start(&spec, argc, argv, &run.config, &run.status);
	restore(stdout, saved_out, out, run.out);
	restore(stderr, saved_err, err, run.err);
	assert_int_equal(run.go_on, run.config != NULL);
	assert_int_equal(run.go_on, run.status == -1);
	return &run;
}

#define RUN(...) run_with(no_complaint, (char *const[]){__VA_ARGS__, NULL})

static int good_environment(void **state)
{
	(void)state;
	return clearenv() || setenv("VERIFYD_KAFKA_BROKERS", "k:9092", 1) ||
	       setenv("VERIFYD_REDIS_URL", "redis://u:hush@r", 1) || setenv("VERIFYD_LOG_LEVEL", "warn", 1);
}

static void a_good_start_loads_the_settings_and_the_log_level(void **state)
{
	(void)state;
	const struct run *run = run_with(NULL, (char *const[]){NULL});
	assert_true(run->go_on);
	assert_string_equal(run->out, "");
	assert_string_equal(run->err, "");
	assert_string_equal(config_str(run->config, CONFIG_KAFKA_BROKERS), "k:9092");
	assert_false(log_enabled(LOG_INFO));
	assert_true(log_enabled(LOG_WARN));
	assert_null(run->vendor);
	assert_null(run->insecure);
	config_free(run->config);
}

static void flags_take_their_value_in_both_forms(void **state)
{
	(void)state;
	const struct run *run = RUN("--vendor", "a=b", "--insecure");
	assert_true(run->go_on);
	assert_string_equal(run->vendor, "a=b");
	assert_string_equal(run->insecure, "");
	config_free(run->config);
	run = RUN("--vendor=a=b");
	assert_true(run->go_on);
	assert_string_equal(run->vendor, "a=b");
	assert_null(run->insecure);
	config_free(run->config);
}

static void check_refused(char *const *args, const char *expected)
{
	const struct run *run = run_with(no_complaint, args);
	assert_false(run->go_on);
	assert_int_equal(run->status, CLI_USAGE);
	assert_string_equal(run->out, "");
	assert_string_equal(run->err, expected);
	assert_null(run->vendor);
}

#define ARGS(...) ((char *const[]){__VA_ARGS__, NULL})

static void what_is_unknown_or_repeated_is_refused_in_one_line(void **state)
{
	(void)state;
	check_refused(ARGS("--vendor=x", "--key=hush"), "tester: --key: unknown argument (see --help)\n");
	check_refused(ARGS("stray"), "tester: stray: unknown argument (see --help)\n");
	check_refused(ARGS(""), "tester: : unknown argument (see --help)\n");
	check_refused(ARGS("--vend"), "tester: --vend: unknown argument (see --help)\n");
	check_refused(ARGS("a\nb"), "tester: a?b: unknown argument (see --help)\n");
	check_refused(ARGS("--vendor=x", "--vendor", "y"), "tester: --vendor: given twice (see --help)\n");
	check_refused(ARGS("--help", "--help"), "tester: --help: given twice (see --help)\n");
	check_refused(ARGS("--insecure", "--insecure"), "tester: --insecure: given twice (see --help)\n");
	check_refused(ARGS("--insecure=no"), "tester: --insecure: takes no value (see --help)\n");
	check_refused(ARGS("--vendor"), "tester: --vendor: needs a value (see --help)\n");
	check_refused(ARGS("--vendor="), "tester: --vendor: needs a value (see --help)\n");
	check_refused(ARGS("--vendor", "--check-config"), "tester: --vendor: needs a value (see --help)\n");
	check_refused(ARGS("--help", "--nonsense"), "tester: --nonsense: unknown argument (see --help)\n");
}

static void help_needs_no_settings_and_shows_flags_and_settings(void **state)
{
	(void)state;
	assert_int_equal(clearenv(), 0);
	const struct run *run = RUN("--help");
	assert_false(run->go_on);
	assert_int_equal(run->status, CLI_OK);
	assert_string_equal(run->err, "");
	assert_memory_equal(run->out, "tester: tests the command line\n", 31);
	assert_non_null(strstr(run->out, "\n  --vendor NAME                   whose requests are answered\n"));
	assert_non_null(strstr(run->out, "\n  --check-config "));
	assert_non_null(strstr(run->out, "\n  VERIFYD_REDIS_URL "));
	assert_null(strstr(run->out, "VERIFYD_HTTP_LISTEN"));
}

static void version_is_one_line(void **state)
{
	(void)state;
	assert_int_equal(clearenv(), 0);
	const struct run *run = RUN("--version");
	assert_false(run->go_on);
	assert_int_equal(run->status, CLI_OK);
	assert_string_equal(run->out, "tester " VERIFYD_VERSION "\n");
}

static void check_config_says_when_all_is_well(void **state)
{
	(void)state;
	assert_int_equal(setenv("VERIFYD_SERVICE_PORT", "1", 1), 0);
	const struct run *run = RUN("--check-config");
	assert_false(run->go_on);
	assert_int_equal(run->status, CLI_OK);
	assert_string_equal(run->out, "configuration is complete\n");
	assert_string_equal(run->err, "note: VERIFYD_SERVICE_PORT is not a setting of verifyd and changes nothing\n");
}

static void every_mistake_is_told_and_ends_the_start(void **state)
{
	static char *const args[][2] = {{"--check-config", NULL}, {"--print-config", NULL}, {NULL, NULL}};
	(void)state;
	assert_int_equal(unsetenv("VERIFYD_KAFKA_BROKERS"), 0);
	assert_int_equal(setenv("VERIFYD_LOG_LEVEL", "loud", 1), 0);
	for (size_t i = 0; i < 3; i++) {
		const struct run *run = run_with(no_complaint, args[i]);
		assert_false(run->go_on);
		assert_int_equal(run->status, CLI_USAGE);
		assert_string_equal(run->out, "");
		assert_memory_equal(run->err, "VERIFYD_KAFKA_BROKERS: not set", 30);
		assert_non_null(strstr(run->err, "\nVERIFYD_LOG_LEVEL: not one of the words"));
	}
}

static void the_programs_own_complaints_count_too(void **state)
{
	static char *const args[][2] = {{"--check-config", NULL}, {NULL, NULL}};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct run *run = run_with(two_complaints, args[i]);
		assert_false(run->go_on);
		assert_int_equal(run->status, CLI_USAGE);
		assert_string_equal(run->out, "");
		assert_string_equal(run->err, "first\nsecond\n");
	}
}

static void print_config_shows_the_settings_without_secrets(void **state)
{
	(void)state;
	const struct run *run = RUN("--print-config");
	assert_false(run->go_on);
	assert_int_equal(run->status, CLI_OK);
	assert_non_null(strstr(run->out, "VERIFYD_KAFKA_BROKERS=k:9092  # environment\n"));
	assert_non_null(strstr(run->out, "VERIFYD_REDIS_URL=(set, masked)  # environment\n"));
	assert_null(strstr(run->out, "hush"));
}

static void a_running_programs_notes_are_log_lines(void **state)
{
	(void)state;
	assert_int_equal(setenv("VERIFYD_LOG_LEVEL", "info", 1), 0);
	assert_int_equal(setenv("VERIFYD_TYPO", "hush", 1), 0);
	const struct run *run = run_with(NULL, (char *const[]){NULL});
	assert_true(run->go_on);
	assert_memory_equal(run->err, "{\"time\":", 8);
	assert_non_null(
	        strstr(run->err, "\"program\":\"tester\",\"event\":\"config_note\",\"note\":\"note: VERIFYD_TYPO is"));
	assert_null(strstr(run->err, "hush"));
	config_free(run->config);
}

static void an_answer_that_cannot_be_written_is_a_failure(void **state)
{
	char *argv[] = {"tester", "--help", NULL};
	const struct cli_spec spec = {"tester", "tests the command line", CONFIG_CTL, NULL, 0, NULL, NULL};
	struct config *config = NULL;
	int status = -1;
	(void)state;
	FILE *full = fopen("/dev/full", "w");
	int saved = redirect(stdout, full);
	bool go_on = cli_start(&spec, 2, argv, &config, &status);
	clearerr(stdout);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(close(saved), 0);
	assert_int_equal(fclose(full), 0);
	assert_false(go_on);
	assert_int_equal(status, CLI_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(a_good_start_loads_the_settings_and_the_log_level, good_environment),
	        cmocka_unit_test_setup(flags_take_their_value_in_both_forms, good_environment),
	        cmocka_unit_test_setup(what_is_unknown_or_repeated_is_refused_in_one_line, good_environment),
	        cmocka_unit_test_setup(help_needs_no_settings_and_shows_flags_and_settings, good_environment),
	        cmocka_unit_test_setup(version_is_one_line, good_environment),
	        cmocka_unit_test_setup(check_config_says_when_all_is_well, good_environment),
	        cmocka_unit_test_setup(every_mistake_is_told_and_ends_the_start, good_environment),
	        cmocka_unit_test_setup(the_programs_own_complaints_count_too, good_environment),
	        cmocka_unit_test_setup(print_config_shows_the_settings_without_secrets, good_environment),
	        cmocka_unit_test_setup(a_running_programs_notes_are_log_lines, good_environment),
	        cmocka_unit_test_setup(an_answer_that_cannot_be_written_is_a_failure, good_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
