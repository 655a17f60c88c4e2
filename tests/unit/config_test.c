/* Tests of common/base/config and of the checks by type. The environment is always the test's own. */
#include "common/base/config.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ID_KEY            "0123456789abcdef0123456789abcdef"
#define NEEDED_BY_CTL     "VERIFYD_KAFKA_BROKERS=k:9092", "VERIFYD_REDIS_URL=redis://u:hush@r:6379"
#define NEEDED_BY_INGRESS NEEDED_BY_CTL, "VERIFYD_ID_KEY=" ID_KEY, "VERIFYD_SEAL_KEYS=k1:hush"
#define NEEDED_BY_WORKER  NEEDED_BY_CTL, "VERIFYD_SEAL_KEYS=k1:hush"
#define ENV(...)          ((char *const[]){__VA_ARGS__, NULL})

struct loaded {
	enum err_code code;
	struct config *config;
	char *complaints;
};

static struct loaded load(enum config_program program, char *const *environment)
{
	struct loaded loaded = {ERR_OK, NULL, NULL};
	size_t len = 0;
	FILE *complaints = open_memstream(&loaded.complaints, &len);
	assert_non_null(complaints);
	loaded.code = config_load(program, environment, complaints, &loaded.config);
	assert_int_equal(fclose(complaints), 0);
	assert_int_equal(loaded.code == ERR_OK, loaded.config != NULL);
	return loaded;
}

static void end(struct loaded *loaded)
{
	config_free(loaded->config);
	free(loaded->complaints);
}

static struct config *load_well(enum config_program program, char *const *environment)
{
	struct loaded loaded = load(program, environment);
	assert_string_equal(loaded.complaints, "");
	free(loaded.complaints);
	assert_non_null(loaded.config);
	return loaded.config;
}

/* Loads what has exactly the one mistake that is expected. */
static void check_mistake(enum config_program program, char *const *environment, const char *expected)
{
	struct loaded loaded = load(program, environment);
	assert_string_equal(loaded.complaints, expected);
	assert_int_equal(loaded.code, ERR_INVALID);
	end(&loaded);
}

static void write_file(char path[32], const void *data, size_t len)
{
	(void)snprintf(path, 32, "/tmp/config_test.XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(close(fd), 0);
}

static void every_default_is_a_value_that_its_setting_takes(void **state)
{
	(void)state;
	struct config *config = load_well(CONFIG_INGRESS, ENV(NEEDED_BY_INGRESS));
	assert_string_equal(config_str(config, CONFIG_HTTP_LISTEN), "0.0.0.0:8080");
	assert_int_equal(config_int(config, CONFIG_SYNC_BUDGET_MS), 8500);
	assert_int_equal(config_int(config, CONFIG_RESULT_RETENTION), INT64_C(30) * 86400000);
	assert_int_equal(config_choice(config, CONFIG_LOG_LEVEL), 1);
	assert_null(config_str(config, CONFIG_INSTANCE_ID));
	config_free(config);
	config = load_well(CONFIG_WORKER, ENV(NEEDED_BY_WORKER));
	assert_true(config_flag(config, CONFIG_RISK_BOT_IS_HIGH));
	assert_string_equal(config_str(config, CONFIG_BIOCATCH_METHOD), "POST");
	config_free(config);
	config_free(load_well(CONFIG_CTL, ENV(NEEDED_BY_CTL)));
	config_free(NULL);
}

static void the_environment_goes_before_the_default(void **state)
{
	(void)state;
	struct config *config =
	        load_well(CONFIG_INGRESS, ENV(NEEDED_BY_INGRESS, "VERIFYD_HTTP_THREADS=64", "VERIFYD_LOG_LEVEL=ERROR"));
	assert_int_equal(config_int(config, CONFIG_HTTP_THREADS), 64);
	assert_int_equal(config_choice(config, CONFIG_LOG_LEVEL), 3);
	assert_string_equal(config_str(config, CONFIG_LOG_LEVEL), "error");
	config_free(config);
}

static void an_empty_variable_counts_as_not_set(void **state)
{
	(void)state;
	struct config *config =
	        load_well(CONFIG_CTL, ENV(NEEDED_BY_CTL, "VERIFYD_TOPIC_PREFIX=", "VERIFYD_REDIS_URL_FILE="));
	assert_string_equal(config_str(config, CONFIG_TOPIC_PREFIX), "verifyd.");
	config_free(config);
	check_mistake(CONFIG_CTL, ENV("VERIFYD_KAFKA_BROKERS=", "VERIFYD_REDIS_URL=redis://r"),
	              "VERIFYD_KAFKA_BROKERS: not set, but required: Kafka's bootstrap servers (H:P,H:P, at most 4096 "
	              "bytes)\n");
}

static int lines_of(const char *text)
{
	const char *end = strchr(text, '\n');
	return end ? 1 + lines_of(end + 1) : 0;
}

static void all_mistakes_are_told_at_once(void **state)
{
	(void)state;
	struct loaded loaded = load(CONFIG_WORKER, ENV("VERIFYD_MAX_IN_FLIGHT=0", "VERIFYD_LOG_LEVEL=loud",
	                                               "VERIFYD_RISK_BOT_IS_HIGH=maybe", "VERIFYD_OPS_LISTEN=9090"));
	assert_int_equal(loaded.code, ERR_INVALID);
	assert_int_equal(lines_of(loaded.complaints), 7);
	assert_non_null(strstr(loaded.complaints, "VERIFYD_KAFKA_BROKERS: not set"));
	assert_non_null(
	        strstr(loaded.complaints, "VERIFYD_REDIS_URL: not set, but required (or VERIFYD_REDIS_URL_FILE): "));
	assert_non_null(strstr(loaded.complaints, "VERIFYD_SEAL_KEYS: not set"));
	assert_non_null(
	        strstr(loaded.complaints, "VERIFYD_MAX_IN_FLIGHT: too small (\"0\"); allowed: 1 to 20000 jobs\n"));
	assert_non_null(strstr(loaded.complaints,
	                       "VERIFYD_LOG_LEVEL: not one of the words (\"loud\"); allowed: debug|info|warn|error\n"));
	assert_non_null(strstr(loaded.complaints, "VERIFYD_RISK_BOT_IS_HIGH: neither yes nor no (\"maybe\")"));
	assert_non_null(
	        strstr(loaded.complaints, "VERIFYD_OPS_LISTEN: not an address with a port; allowed: HOST:PORT"));
	end(&loaded);
}

static void mistakes_are_found_without_anybody_listening(void **state)
{
	struct config *config = NULL;
	(void)state;
	assert_int_equal(config_load(CONFIG_CTL, ENV("VERIFYD_FOO=1"), NULL, &config), ERR_INVALID);
	assert_null(config);
}

static void another_programs_setting_is_not_even_looked_at(void **state)
{
	(void)state;
	config_free(load_well(CONFIG_CTL, ENV(NEEDED_BY_CTL, "VERIFYD_HTTP_THREADS=many", "VERIFYD_BIOCATCH_BASE_URL=x",
	                                      "VERIFYD_ID_KEY_FILE=/nowhere")));
}

static void an_unknown_name_gets_a_note_and_is_no_mistake(void **state)
{
	(void)state;
	struct loaded loaded =
	        load(CONFIG_CTL, ENV(NEEDED_BY_CTL, "VERIFYD_SYNC_BUGET_MS=hush", "VERIFYD_LOG_LEVEL_FILE=/x",
	                             "VERIFYD_A\nB=1", "VERIFYDX=1", "PATH=/bin"));
	assert_int_equal(loaded.code, ERR_OK);
	assert_string_equal(loaded.complaints,
	                    "note: VERIFYD_SYNC_BUGET_MS is not a setting of verifyd and changes nothing\n"
	                    "note: VERIFYD_LOG_LEVEL_FILE is not a setting of verifyd and changes nothing\n"
	                    "note: VERIFYD_A?B is not a setting of verifyd and changes nothing\n");
	end(&loaded);
}

static void a_secret_can_come_from_a_file_without_its_line_break(void **state)
{
	static const char *const contents[] = {ID_KEY, ID_KEY "\n", ID_KEY "\r\n"};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char path[32], variable[64];
		write_file(path, contents[i], strlen(contents[i]));
		(void)snprintf(variable, sizeof(variable), "VERIFYD_ID_KEY_FILE=%s", path);
		struct config *config =
		        load_well(CONFIG_INGRESS, ENV(NEEDED_BY_CTL, "VERIFYD_SEAL_KEYS=k1:hush", variable));
		assert_string_equal(config_str(config, CONFIG_ID_KEY), ID_KEY);
		config_free(config);
		assert_int_equal(unlink(path), 0);
	}
}

static void check_secret_file(const void *content, size_t len, const char *expected)
{
	char path[32], variable[64];
	write_file(path, content, len);
	(void)snprintf(variable, sizeof(variable), "VERIFYD_ID_KEY_FILE=%s", path);
	check_mistake(CONFIG_INGRESS, ENV(NEEDED_BY_CTL, "VERIFYD_SEAL_KEYS=k1:hush", variable), expected);
	assert_int_equal(unlink(path), 0);
}

static void a_secrets_file_of_no_use_is_a_mistake(void **state)
{
	char text[1100];
	(void)state;
	memset(text, 'x', sizeof(text));
	check_secret_file("", 0, "VERIFYD_ID_KEY_FILE: the file that it names is of no use: it is empty\n");
	check_secret_file("\n", 1, "VERIFYD_ID_KEY_FILE: the file that it names is of no use: it is empty\n");
	check_secret_file("a\0b", 3,
	                  "VERIFYD_ID_KEY_FILE: the file that it names is of no use: it holds a zero byte\n");
	check_secret_file("hush\n", 5, "VERIFYD_ID_KEY_FILE: too short; allowed: 32 to 1024 bytes\n");
	check_secret_file(text, 1025, "VERIFYD_ID_KEY_FILE: too long; allowed: 32 to 1024 bytes\n");
	check_secret_file(text, sizeof(text), "VERIFYD_ID_KEY_FILE: too long; allowed: 32 to 1024 bytes\n");
	check_secret_file(
	        ID_KEY "\n\n", 34,
	        "VERIFYD_ID_KEY_FILE: it holds a line break or another control character; allowed: 32 to 1024 "
	        "bytes\n");
	check_mistake(CONFIG_INGRESS,
	              ENV(NEEDED_BY_CTL, "VERIFYD_SEAL_KEYS=k1:hush", "VERIFYD_ID_KEY_FILE=/nowhere/hush"),
	              "VERIFYD_ID_KEY_FILE: the file that it names is of no use: No such file or directory\n");
	check_mistake(CONFIG_INGRESS, ENV(NEEDED_BY_CTL, "VERIFYD_SEAL_KEYS=k1:hush", "VERIFYD_ID_KEY_FILE=/tmp"),
	              "VERIFYD_ID_KEY_FILE: the file that it names is of no use: Is a directory\n");
}

static void both_forms_of_a_secret_are_a_mistake(void **state)
{
	(void)state;
	check_mistake(CONFIG_CTL, ENV(NEEDED_BY_CTL, "VERIFYD_REDIS_URL_FILE=/hush"),
	              "VERIFYD_REDIS_URL: set together with VERIFYD_REDIS_URL_FILE; only one of them may be\n");
}

static void no_complaint_holds_a_secret(void **state)
{
	(void)state;
	struct loaded loaded =
	        load(CONFIG_INGRESS, ENV("VERIFYD_KAFKA_BROKERS=k", "VERIFYD_REDIS_URL=redis://hush\n",
	                                 "VERIFYD_ID_KEY=hush", "VERIFYD_SEAL_KEYS_FILE=hush",
	                                 "VERIFYD_AUTH_API_KEYS=a=hush\x01", "VERIFYD_HTTP_LISTEN=u:hush@h:1"));
	assert_int_equal(loaded.code, ERR_INVALID);
	assert_int_equal(lines_of(loaded.complaints), 5);
	assert_null(strstr(loaded.complaints, "hush"));
	end(&loaded);
	loaded = load(CONFIG_WORKER, ENV(NEEDED_BY_WORKER, "VERIFYD_BIOCATCH_BASE_URL=https://user:hush@host"));
	assert_int_equal(loaded.code, ERR_INVALID);
	assert_null(strstr(loaded.complaints, "hush"));
	end(&loaded);
}

static bool takes(enum config_program program, const char *name, const char *value, struct config **ret_config)
{
	char variable[2200];
	(void)snprintf(variable, sizeof(variable), "VERIFYD_%s=%s", name, value);
	struct loaded loaded = load(program, ENV(NEEDED_BY_INGRESS, variable));
	assert_int_equal(lines_of(loaded.complaints), loaded.code == ERR_OK ? 0 : 1);
	free(loaded.complaints);
	if (ret_config)
		*ret_config = loaded.config;
	else
		config_free(loaded.config);
	return loaded.code == ERR_OK;
}

static void check_all(enum config_program program, const char *name, const char *const *values, bool expected)
{
	for (; *values; values++) {
		if (takes(program, name, *values, NULL) != expected)
			fail_msg("VERIFYD_%s=%s", name, *values);
	}
}

#define VALUES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void a_number_is_decimal_digits_within_its_range(void **state)
{
	(void)state;
	check_all(CONFIG_INGRESS, "HTTP_THREADS", VALUES("0", "1", "64", "007"), true);
	check_all(CONFIG_INGRESS, "HTTP_THREADS",
	          VALUES("65", "-1", "+1", " 1", "1 ", "0x10", "1e1", "1.0", "99999999999999999999999999"), false);
}

static void a_duration_is_a_number_with_a_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {{"3600000ms", 3600000}, {"3600s", 3600000}, {"60m", 3600000},
	            {"1h", 3600000},        {"7d", 604800000},  {"3650d", INT64_C(315360000000)}};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *config = NULL;
		assert_true(takes(CONFIG_INGRESS, "RESULT_RETENTION", rows[i].text, &config));
		assert_int_equal(config_int(config, CONFIG_RESULT_RETENTION), rows[i].ms);
		config_free(config);
	}
	check_all(CONFIG_INGRESS, "RESULT_RETENTION",
	          VALUES("7", "d", "7 d", "7D", "7days", "59m", "3651d", "-7d", "1.5d", "999999999999999999d"), false);
	check_mistake(CONFIG_CTL, ENV(NEEDED_BY_CTL, "VERIFYD_RESULT_RETENTION=5s"),
	              "VERIFYD_RESULT_RETENTION: too short (\"5s\"); allowed: 1h to 3650d\n");
}

static void a_flag_is_yes_or_no(void **state)
{
	static const char *const words[] = {"yes", "TRUE", "1", "no", "False", "0"};
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct config *config = NULL;
		assert_true(takes(CONFIG_WORKER, "RISK_BOT_IS_HIGH", words[i], &config));
		assert_int_equal(config_flag(config, CONFIG_RISK_BOT_IS_HIGH), i < 3);
		config_free(config);
	}
	check_all(CONFIG_WORKER, "RISK_BOT_IS_HIGH", VALUES("y", "on", "2", "yes "), false);
}

static void a_choice_is_one_whole_word_of_its_list(void **state)
{
	(void)state;
	check_all(CONFIG_WORKER, "BIOCATCH_METHOD", VALUES("GET", "post"), true);
	check_all(CONFIG_WORKER, "BIOCATCH_METHOD", VALUES("GE", "GET|POST", "|", "PUT"), false);
}

static void an_address_is_a_host_and_a_port(void **state)
{
	(void)state;
	check_all(CONFIG_INGRESS, "HTTP_LISTEN",
	          VALUES("0.0.0.0:0", "127.0.0.1:65535", "[::1]:80", "[2001:db8::1]:80", "localhost:1", "a-b.c_d:8080"),
	          true);
	check_all(CONFIG_INGRESS, "HTTP_LISTEN",
	          VALUES("8080", ":8080", "h", "h:", "h:65536", "h:-1", "h:8o", "::1:80", "[::1]", "[::1]80", "[::1",
	                 "[]:80", "[h]:80", "127.1:80", "256.0.0.1:80", "h h:80", "h:80/", "u@h:80", "h:80:80"),
	          false);
}

static void a_vendors_url_is_https_or_loopback(void **state)
{
	(void)state;
	check_all(CONFIG_WORKER, "BIOCATCH_BASE_URL",
	          VALUES("https://api.example.com", "HTTPS://h:8443/a/b", "https://[2001:db8::1]/x", "https://10.0.0.1",
	                 "http://127.0.0.1:80/biocatch", "http://127.255.0.9", "http://localhost:1", "http://LOCALHOST",
	                 "http://[::1]:8080/x", "https://h/a@b"),
	          true);
	check_all(CONFIG_WORKER, "BIOCATCH_BASE_URL",
	          VALUES("api.example.com", "ftp://h", "https://", "https:///x", "https://h:0", "https://h.",
	                 "https://.h", "https://a..b", "https://h:", "https://h:99999", "https://u@h", "https://u:p@h",
	                 "https://h?x=1", "https://h/x?y", "https://h/#f", "https://h#f", "https://h/a b",
	                 "https://h\\x", "https://h/\x7f", "https://h/\xc3\xa9", "https://2130706433",
	                 "http://example.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "http://127.1",
	                 "http://localhost.example.com", "http://[::2]", "http://[::ffff:127.0.0.1]", "http://0.0.0.0",
	                 "http://localhost@example.com", "http://localhost\\@example.com", "http://[::1"),
	          false);
}

static void a_urls_closing_slash_is_dropped(void **state)
{
	static const char *const urls[] = {"https://h/a", "https://h/a/", "https://h/a//"};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct config *config = NULL;
		assert_true(takes(CONFIG_WORKER, "BIOCATCH_BASE_URL", urls[i], &config));
		assert_string_equal(config_str(config, CONFIG_BIOCATCH_BASE_URL), "https://h/a");
		config_free(config);
	}
}

static void a_text_has_a_length_and_no_control_characters(void **state)
{
	char text[66];
	(void)state;
	memset(text, 'x', sizeof(text));
	text[64] = '\0';
	check_all(CONFIG_INGRESS, "TOPIC_PREFIX", VALUES(text, "a b", "\xc3\xa9"), true);
	text[64] = 'x';
	text[65] = '\0';
	check_all(CONFIG_INGRESS, "TOPIC_PREFIX", VALUES(text, "a\n", "\t", "\x7f"), false);
}

static void a_file_is_there_readable_and_not_too_large(void **state)
{
	char path[32], *large = calloc(1, 65537);
	(void)state;
	assert_non_null(large);
	write_file(path, "security.protocol=ssl\n", 22);
	check_all(CONFIG_INGRESS, "KAFKA_CONFIG_FILE", VALUES(path), true);
	assert_int_equal(unlink(path), 0);
	check_all(CONFIG_INGRESS, "KAFKA_CONFIG_FILE", VALUES(path, "/tmp", "/dev/null"), false);
	write_file(path, large, 65537);
	check_all(CONFIG_INGRESS, "KAFKA_CONFIG_FILE", VALUES(path), false);
	assert_int_equal(unlink(path), 0);
	free(large);
}

/* What only a wrong program asks for. */
static void ask_wrongly(const struct config *config, int how)
{
	if (how == 0)
		(void)config_int(config, CONFIG_HTTP_THREADS); /* another program's */
	else if (how == 1)
		(void)config_str(config, CONFIG_RESULT_RETENTION);
	else if (how == 2)
		(void)config_int(config, CONFIG_TOPIC_PREFIX);
	else
		(void)config_str(config, CONFIG_OPTION_COUNT);
}

static void a_programmers_error_aborts(void **state)
{
	(void)state;
	struct config *config = load_well(CONFIG_CTL, ENV(NEEDED_BY_CTL));
	for (int how = 0; how < 4; how++) {
		int status = 0;
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			const struct rlimit none = {0, 0};
			(void)setrlimit(RLIMIT_CORE, &none);
			(void)close(STDERR_FILENO);
			(void)signal(SIGABRT, SIG_DFL);
			ask_wrongly(config, how);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
	config_free(config);
}

static char *printed(enum config_program program, const struct config *config)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	if (config)
		config_print(config, out);
	else
		config_print_help(program, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void print_shows_values_and_sources_and_masks_secrets(void **state)
{
	char path[32], variable[64], expected[96];
	(void)state;
	write_file(path, ID_KEY "\n", 33);
	(void)snprintf(variable, sizeof(variable), "VERIFYD_ID_KEY_FILE=%s", path);
	struct config *config = load_well(CONFIG_INGRESS, ENV(NEEDED_BY_CTL, "VERIFYD_SEAL_KEYS=k1:hush", variable));
	char *text = printed(CONFIG_INGRESS, config);
	assert_non_null(strstr(text, "VERIFYD_KAFKA_BROKERS=k:9092  # environment\n"));
	assert_non_null(strstr(text, "\nVERIFYD_SYNC_BUDGET_MS=8500  # default\n"));
	assert_non_null(strstr(text, "\nVERIFYD_INSTANCE_ID=  # not set\n"));
	assert_non_null(strstr(text, "\nVERIFYD_AUTH_API_KEYS=  # not set\n"));
	assert_non_null(strstr(text, "\nVERIFYD_REDIS_URL=(set, masked)  # environment\n"));
	(void)snprintf(expected, sizeof(expected), "\nVERIFYD_ID_KEY=(set, masked)  # file %s\n", path);
	assert_non_null(strstr(text, expected));
	assert_null(strstr(text, "hush"));
	assert_null(strstr(text, ID_KEY));
	free(text);
	config_free(config);
	assert_int_equal(unlink(path), 0);
}

static void help_lists_a_programs_own_settings_within_100_columns(void **state)
{
	(void)state;
	char *text = printed(CONFIG_WORKER, NULL);
	assert_non_null(strstr(text, "\n  VERIFYD_MAX_IN_FLIGHT           vendor calls in flight in one worker; its "
	                             "operations have an equal\n"
	                             "                                  share each (1 to 20000 jobs; default 2000)\n"));
	assert_non_null(strstr(text, "required; secret; "));
	assert_null(strstr(text, "VERIFYD_HTTP_LISTEN"));
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		size_t len = strcspn(line, "\n");
		assert_true(len <= 102); /* 100 columns; the one … of a line has three bytes */
		assert_true(len > 0 && line[len - 1] != ' ');
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_default_is_a_value_that_its_setting_takes),
	        cmocka_unit_test(the_environment_goes_before_the_default),
	        cmocka_unit_test(an_empty_variable_counts_as_not_set),
	        cmocka_unit_test(all_mistakes_are_told_at_once),
	        cmocka_unit_test(mistakes_are_found_without_anybody_listening),
	        cmocka_unit_test(another_programs_setting_is_not_even_looked_at),
	        cmocka_unit_test(an_unknown_name_gets_a_note_and_is_no_mistake),
	        cmocka_unit_test(a_secret_can_come_from_a_file_without_its_line_break),
	        cmocka_unit_test(a_secrets_file_of_no_use_is_a_mistake),
	        cmocka_unit_test(both_forms_of_a_secret_are_a_mistake),
	        cmocka_unit_test(no_complaint_holds_a_secret),
	        cmocka_unit_test(a_number_is_decimal_digits_within_its_range),
	        cmocka_unit_test(a_duration_is_a_number_with_a_unit),
	        cmocka_unit_test(a_flag_is_yes_or_no),
	        cmocka_unit_test(a_choice_is_one_whole_word_of_its_list),
	        cmocka_unit_test(an_address_is_a_host_and_a_port),
	        cmocka_unit_test(a_vendors_url_is_https_or_loopback),
	        cmocka_unit_test(a_urls_closing_slash_is_dropped),
	        cmocka_unit_test(a_text_has_a_length_and_no_control_characters),
	        cmocka_unit_test(a_file_is_there_readable_and_not_too_large),
	        cmocka_unit_test(a_programmers_error_aborts),
	        cmocka_unit_test(print_shows_values_and_sources_and_masks_secrets),
	        cmocka_unit_test(help_lists_a_programs_own_settings_within_100_columns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
