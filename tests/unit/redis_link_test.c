/* redis_link: what is sent is what arrives, byte for byte, against a real Redis. Time-outs, refusals and reconnects:
 * redis_store_test. */
#include "common/adapters/redis_link.h"
#include "tests/unit/redis_fixture.h"

enum { BIG_BYTES = 100 * 1024, TWICE = 2 };

/* A link of a test's own, and what its last command was answered. */
struct line {
	struct redis_link *link;
	int ups, answers;
	int type; /* REDIS_REPLY_*; 0: the connection was lost */
	char *text;
	size_t len;
};

static void on_up(void *ctx)
{
	struct line *line = ctx;
	line->ups++;
}

static void on_answer(void *ctx, const struct redisReply *reply)
{
	struct line *line = ctx;
	line->answers++;
	line->type = reply ? reply->type : 0;
	free(line->text);
	line->text = NULL;
	line->len = 0;
	if (reply && reply->type == REDIS_REPLY_STRING) {
		line->text = malloc(reply->len + 1);
		assert_non_null(line->text);
		memcpy(line->text, reply->str, reply->len + 1); /* hiredis ends it with '\0' */
		line->len = reply->len;
	}
}

static void open_line(struct redis_bench *bench, struct line *line)
{
	struct redis_link_options options = {
	        .role = "test", .url = {.host = "127.0.0.1", .port = atoi(bench->port)}, .on_up = on_up, .ctx = line};
	*line = (struct line){.ups = 0};
	assert_int_equal(redis_link_new(&bench->loop, &options, &line->link, NULL), ERR_OK);
}

static void close_line(struct line *line)
{
	redis_link_close(line->link);
	free(line->text);
}

static void answered(struct redis_bench *bench, struct line *line, int argc, const char **argv, const size_t *argv_len)
{
	assert_int_equal(redis_link_send(line->link, on_answer, line, argc, argv, argv_len), ERR_OK);
	await_count(bench, &line->answers, line->answers + 1);
}

/* As a value of odd bytes, under a key of such. */
static void assert_survives(struct redis_bench *bench, struct line *line, const char *value, size_t len)
{
	const size_t set_len[] = {3, 4, len}, get_len[] = {3, 4};
	answered(bench, line, 3, (const char *[]){"SET", "k\r\n\xff", value}, set_len);
	assert_int_equal(line->type, REDIS_REPLY_STATUS);
	answered(bench, line, 2, (const char *[]){"GET", "k\r\n\xff"}, get_len);
	assert_int_equal(line->type, REDIS_REPLY_STRING);
	assert_int_equal(line->len, len);
	assert_memory_equal(line->text, value, len);
}

static void odd_bytes_survive(void **state)
{
	struct redis_bench *bench = bench_of(state);
	static const char *const values[] = {
	        "", "\0", "\0\0a\0", "\r\n", "a\r\n$3\r\nGET\r\n*1\r\n", "\xff\xfe\x80", "$", "*0\r\n"};
	static const size_t lens[] = {0, 1, 4, 2, 17, 3, 1, 4};
	struct line line;
	open_line(bench, &line);
	await_count(bench, &line.ups, 1);
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
		assert_survives(bench, &line, values[i], lens[i]);
	close_line(&line);
}

/* Small ones follow the big one: nothing of it is left in the way. */
static void big_values_survive_and_so_does_what_follows(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct line line;
	char *big = malloc(BIG_BYTES);
	assert_non_null(big);
	for (size_t i = 0; i < BIG_BYTES; i++)
		big[i] = (char)(i * 31 % 257);
	open_line(bench, &line);
	await_count(bench, &line.ups, 1);
	for (int i = 0; i < TWICE; i++) {
		assert_survives(bench, &line, big, BIG_BYTES);
		assert_survives(bench, &line, "small", 5);
	}
	close_line(&line);
	free(big);
}

static void arguments_without_lengths_end_at_their_nul(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct line line;
	open_line(bench, &line);
	await_count(bench, &line.ups, 1);
	answered(bench, &line, 3, (const char *[]){"SET", "key", "value"}, NULL);
	answered(bench, &line, 2, (const char *[]){"GET", "key"}, NULL);
	assert_int_equal(line.len, 5);
	assert_memory_equal(line.text, "value", 5);
	answered(bench, &line, 1, (const char *[]){"PING"}, NULL);
	assert_int_equal(line.type, REDIS_REPLY_STATUS);
	close_line(&line);
}

/* All of one turn of the loop go in one write; each answer is its own command's. */
static void many_commands_of_one_turn_are_answered_in_order(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct line line;
	open_line(bench, &line);
	await_count(bench, &line.ups, 1);
	for (int i = 1; i <= 1000; i++) {
		char value[16];
		snprintf(value, sizeof value, "%d", i);
		assert_int_equal(redis_link_send(line.link, on_answer, &line, 2, (const char *[]){"ECHO", value}, NULL),
		                 ERR_OK);
	}
	for (int i = 1; i <= 1000; i += 999) {
		await_count(bench, &line.answers, i);
		assert_int_equal(atoi(line.text), line.answers);
	}
	close_line(&line);
}

/* A process that is stopped, or whose machine is: what Redis has said meanwhile lies there unread. */
static void who_stood_still_for_longer_than_a_command_may_take_reads_its_answer(void **state)
{
	struct redis_bench *bench = bench_of(state);
	const struct timespec stop = {.tv_sec = REDIS_OP_TIMEOUT_MS / 1000, .tv_nsec = 500000000};
	struct line line;
	open_line(bench, &line);
	await_count(bench, &line.ups, 1);
	assert_int_equal(redis_link_send(line.link, on_answer, &line, 1, (const char *[]){"PING"}, NULL), ERR_OK);
	(void)nanosleep(&stop, NULL);
	await_count(bench, &line.answers, 1);
	assert_int_equal(line.type, REDIS_REPLY_STATUS);
	assert_true(redis_link_is_up(line.link));
	close_line(&line);
}

static void a_link_that_is_not_up_takes_no_command(void **state)
{
	struct redis_bench *bench = bench_of(state);
	struct line line;
	open_line(bench, &line);
	assert_int_equal(redis_link_send(line.link, on_answer, &line, 1, (const char *[]){"PING"}, NULL),
	                 ERR_UNAVAILABLE);
	assert_int_equal(line.answers, 0);
	close_line(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_REDIS(odd_bytes_survive),
	        WITH_REDIS(big_values_survive_and_so_does_what_follows),
	        WITH_REDIS(arguments_without_lengths_end_at_their_nul),
	        WITH_REDIS(many_commands_of_one_turn_are_answered_in_order),
	        WITH_REDIS(who_stood_still_for_longer_than_a_command_may_take_reads_its_answer),
	        WITH_REDIS(a_link_that_is_not_up_takes_no_command),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
