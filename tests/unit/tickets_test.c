/* tickets: what a ticket and a cookie carry, what they do not pass for, and that a change of any character is noticed.
 */
#include "ingress/hkdf.h"
#include "ingress/tickets.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECRET    "0123456789abcdef0123456789abcdef"
#define OTHER     "0123456789abcdef0123456789abcdeF"
#define ID        "vAAECAwQFBgcICQoLDA0ODw" /* bytes 0 to 15 */
#define OTHER_ID  "vAAECAwQFBgcICQoLDA0OEA"
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define DIGITS    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define MADE_MS   INT64_C(1790000000123)
#define ENDS_S    INT64_C(1790005400)
#define BEFORE_MS (ENDS_S * 1000 - 1)

enum { THREADS = 4, ROUNDS = 500 };

static struct tickets *tickets_of(const char *secret)
{
	struct tickets *tickets = NULL;
	assert_int_equal(tickets_new(secret, &tickets, NULL), ERR_OK);
	return tickets;
}

static struct ticket a_ticket(void)
{
	struct ticket ticket = {.made_ms = MADE_MS, .ends_s = ENDS_S};
	memcpy(ticket.id, ID, sizeof ID);
	return ticket;
}

static void make(const struct tickets *tickets, enum ticket_use use, char text[TICKET_BYTES])
{
	const struct ticket ticket = a_ticket();
	assert_int_equal(ticket_make(tickets, use, &ticket, text), ERR_OK);
	assert_int_equal(strlen(text), TICKET_BYTES - 1);
	assert_int_equal(strspn(text, DIGITS), TICKET_BYTES - 1);
}

static void assert_refused(const struct tickets *tickets, enum ticket_use use, const char *text)
{
	struct ticket got, before;
	memset(&got, '?', sizeof got);
	before = got;
	assert_int_equal(ticket_read(tickets, use, text, BEFORE_MS, &got), ERR_INVALID);
	assert_memory_equal(&got, &before, sizeof got);
}

static void a_ticket_reads_back_until_its_end_and_is_told_afterwards(void **state)
{
	struct tickets *tickets = tickets_of(SECRET);
	char text[TICKET_BYTES];
	struct ticket got = {0};
	(void)state;
	make(tickets, TICKET_START, text);
	assert_int_equal(ticket_read(tickets, TICKET_START, text, BEFORE_MS, &got), ERR_OK);
	assert_string_equal(got.id, ID);
	assert_int_equal(got.made_ms, MADE_MS);
	assert_int_equal(got.ends_s, ENDS_S);
	memset(&got, 0, sizeof got);
	assert_int_equal(ticket_read(tickets, TICKET_START, text, BEFORE_MS + 1, &got), ERR_TIMEOUT);
	assert_string_equal(got.id, ID);
	assert_int_equal(got.ends_s, ENDS_S);
	tickets_free(tickets);
	tickets_free(NULL);
}

/* The text put together by hand from the header's words: id | made | ends | MAC. */
static void a_ticket_is_what_the_header_says(void **state)
{
	struct tickets *tickets = tickets_of(SECRET);
	unsigned char raw[42], key[32], mac[32];
	char expected[TICKET_BYTES], text[TICKET_BYTES];
	(void)state;
	for (unsigned char i = 0; i < 16; i++)
		raw[i] = i;
	for (int i = 0; i < 6; i++)
		raw[16 + i] = (unsigned char)(MADE_MS >> (40 - 8 * i) & 0xff);
	for (int i = 0; i < 4; i++)
		raw[22 + i] = (unsigned char)(ENDS_S >> (24 - 8 * i) & 0xff);
	assert_int_equal(hkdf_sha256(SECRET, strlen(SECRET), "verifyd return ticket 1", key, sizeof key), ERR_OK);
	assert_non_null(HMAC(EVP_sha256(), key, sizeof key, raw, 26, mac, NULL));
	memcpy(raw + 26, mac, 16);
	base64url_encode(raw, sizeof raw, expected);
	make(tickets, TICKET_RETURN, text);
	assert_string_equal(text, expected);
	tickets_free(tickets);
}

static void a_start_ticket_is_no_return_ticket_nor_one_of_another_key(void **state)
{
	struct tickets *tickets = tickets_of(SECRET), *other = tickets_of(OTHER);
	char start[TICKET_BYTES], back[TICKET_BYTES];
	(void)state;
	make(tickets, TICKET_START, start);
	make(tickets, TICKET_RETURN, back);
	assert_string_not_equal(start, back);
	assert_refused(tickets, TICKET_RETURN, start);
	assert_refused(tickets, TICKET_START, back);
	assert_refused(other, TICKET_START, start);
	tickets_free(tickets);
	tickets_free(other);
}

static void a_change_of_any_character_of_a_ticket_is_noticed(void **state)
{
	struct tickets *tickets = tickets_of(SECRET);
	char text[TICKET_BYTES + 1];
	(void)state;
	make(tickets, TICKET_START, text);
	for (size_t i = 0; i < TICKET_BYTES - 1; i++) {
		char kept = text[i];
		for (const char *digit = DIGITS "=.+/ \x80"; *digit; digit++) {
			if (*digit == kept)
				continue;
			text[i] = *digit;
			assert_refused(tickets, TICKET_START, text);
		}
		text[i] = '\0';
		assert_refused(tickets, TICKET_START, text);
		text[i] = kept;
	}
	memcpy(text + TICKET_BYTES - 1, "A", 2);
	assert_refused(tickets, TICKET_START, text);
	assert_refused(tickets, TICKET_START, "");
	tickets_free(tickets);
}

static void what_a_ticket_cannot_hold_is_refused(void **state)
{
	static const struct {
		const char *id;
		int64_t made_ms, ends_s;
	} cases[] = {
	        {"", 0, 0},
	        {"v", 0, 0},
	        {"vAAECAwQFBgcICQoLDA0OD", 0, 0},
	        {"xAAECAwQFBgcICQoLDA0ODw", 0, 0},
	        {"vAAECAwQFBgcICQoLDA0OD/", 0, 0},
	        {"vAAECAwQFBgcICQoLDA0ODx", 0, 0}, /* bits that no 16 bytes have */
	        {ID, -1, 0},
	        {ID, INT64_C(1) << 48, 0},
	        {ID, 0, -1},
	        {ID, 0, INT64_C(1) << 32},
	        {ID, INT64_MIN, INT64_MAX},
	};
	struct tickets *tickets = tickets_of(SECRET);
	char text[TICKET_BYTES] = "untouched";
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ticket ticket = {.made_ms = cases[i].made_ms, .ends_s = cases[i].ends_s};
		(void)snprintf(ticket.id, sizeof ticket.id, "%s", cases[i].id);
		assert_int_equal(ticket_make(tickets, TICKET_START, &ticket, text), ERR_INVALID);
		assert_string_equal(text, "untouched");
	}
	struct ticket greatest = {.made_ms = (INT64_C(1) << 48) - 1, .ends_s = (INT64_C(1) << 32) - 1}, got;
	memcpy(greatest.id, ID, sizeof ID);
	assert_int_equal(ticket_make(tickets, TICKET_START, &greatest, text), ERR_OK);
	assert_int_equal(ticket_read(tickets, TICKET_START, text, BEFORE_MS, &got), ERR_OK);
	assert_int_equal(got.made_ms, greatest.made_ms);
	assert_int_equal(got.ends_s, greatest.ends_s);
	tickets_free(tickets);
}

static void a_short_secret_is_refused(void **state)
{
	struct tickets *tickets = NULL;
	struct err err = {ERR_OK, ""};
	(void)state;
	assert_int_equal(tickets_new("0123456789abcdef0123456789abcde", &tickets, &err), ERR_INVALID);
	assert_null(tickets);
	assert_null(strstr(err.msg, "0123"));
}

static void a_cookie_proves_itself_for_its_journey_only(void **state)
{
	struct tickets *tickets = tickets_of(SECRET), *other = tickets_of(OTHER);
	char one[COOKIE_VALUE_BYTES], two[COOKIE_VALUE_BYTES], name[COOKIE_NAME_BYTES];
	(void)state;
	assert_int_equal(cookie_make(tickets, ID, one), ERR_OK);
	assert_int_equal(cookie_make(tickets, ID, two), ERR_OK);
	assert_int_equal(strlen(one), COOKIE_VALUE_BYTES - 1);
	assert_int_equal(strspn(one, DIGITS), COOKIE_VALUE_BYTES - 1);
	assert_string_not_equal(one, two);
	assert_true(cookie_is_ours(tickets, ID, one));
	assert_true(cookie_is_ours(tickets, ID, two));
	assert_false(cookie_is_ours(tickets, OTHER_ID, one));
	assert_false(cookie_is_ours(tickets, "", one));
	assert_false(cookie_is_ours(other, ID, one));
	cookie_name(ID, name);
	assert_string_equal(name, "__Host-verifyd-" ID);
	tickets_free(tickets);
	tickets_free(other);
}

static void a_change_of_any_character_of_a_cookie_is_noticed(void **state)
{
	struct tickets *tickets = tickets_of(SECRET);
	char value[COOKIE_VALUE_BYTES + 1];
	(void)state;
	assert_int_equal(cookie_make(tickets, ID, value), ERR_OK);
	for (size_t i = 0; i < COOKIE_VALUE_BYTES - 1; i++) {
		char kept = value[i];
		for (const char *digit = DIGITS "=;, \x80"; *digit; digit++) {
			value[i] = *digit;
			assert_int_equal(cookie_is_ours(tickets, ID, value), *digit == kept);
		}
		value[i] = '\0';
		assert_false(cookie_is_ours(tickets, ID, value));
		value[i] = kept;
	}
	memcpy(value + COOKIE_VALUE_BYTES - 1, "A", 2);
	assert_false(cookie_is_ours(tickets, ID, value));
	tickets_free(tickets);
}

static void a_cookie_is_stored_as_its_sha_256(void **state)
{
	char hash[BROWSER_BYTES];
	(void)state;
	assert_int_equal(cookie_hash("abc", hash), ERR_OK); /* FIPS 180-2, appendix B.1 */
	assert_string_equal(hash, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
	assert_int_equal(cookie_hash("", hash), ERR_OK);
	assert_string_equal(hash, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
}

struct worker {
	const struct tickets *tickets;
	int failures;
};

static void *make_and_read(void *arg)
{
	struct worker *worker = arg;
	struct ticket ticket = a_ticket(), got;
	char text[TICKET_BYTES], value[COOKIE_VALUE_BYTES];
	for (int i = 0; i < ROUNDS; i++) {
		ticket.made_ms = i;
		if (ticket_make(worker->tickets, TICKET_START, &ticket, text) != ERR_OK ||
		    ticket_read(worker->tickets, TICKET_START, text, 0, &got) != ERR_OK || got.made_ms != i ||
		    cookie_make(worker->tickets, ID, value) != ERR_OK || !cookie_is_ours(worker->tickets, ID, value))
			worker->failures++;
	}
	return NULL;
}

static void threads_share_the_keys(void **state)
{
	struct tickets *tickets = tickets_of(SECRET);
	struct worker workers[THREADS] = {0};
	pthread_t threads[THREADS];
	(void)state;
	for (size_t i = 0; i < THREADS; i++) {
		workers[i].tickets = tickets;
		assert_int_equal(pthread_create(&threads[i], NULL, make_and_read, &workers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].failures, 0);
	}
	tickets_free(tickets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_ticket_reads_back_until_its_end_and_is_told_afterwards),
	        cmocka_unit_test(a_ticket_is_what_the_header_says),
	        cmocka_unit_test(a_start_ticket_is_no_return_ticket_nor_one_of_another_key),
	        cmocka_unit_test(a_change_of_any_character_of_a_ticket_is_noticed),
	        cmocka_unit_test(what_a_ticket_cannot_hold_is_refused),
	        cmocka_unit_test(a_short_secret_is_refused),
	        cmocka_unit_test(a_cookie_proves_itself_for_its_journey_only),
	        cmocka_unit_test(a_change_of_any_character_of_a_cookie_is_noticed),
	        cmocka_unit_test(a_cookie_is_stored_as_its_sha_256),
	        cmocka_unit_test(threads_share_the_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
