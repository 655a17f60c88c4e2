/* journey_fields: which addresses a journey may name, ours in it, and where the person goes on to. Hints and the rest
 * of the way over HTTP: jumio_routes_test, journey_pages_test. */
#include "ingress/journey_fields.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ID     "vAAAAAAAAAAAAAAAAAAAAAA"
#define SECRET "0123456789abcdef0123456789abcdef"

static struct journeys journeys = {
        .public_url = "https://idv.example",
        .b2c_base_url = "https://t.b2clogin.com/t",
        .callback_secret = "s3cret",
        .ticket_life_ms = 90 * 60 * 1000,
        .max_a_day = 3,
};
static struct id_key *key;

static int make(void **state)
{
	(void)state;
	return tickets_new(SECRET, &journeys.tickets, NULL) == ERR_OK && id_key_new(SECRET, &key, NULL) == ERR_OK ? 0
	                                                                                                          : -1;
}

static int end(void **state)
{
	(void)state;
	tickets_free(journeys.tickets);
	id_key_free(key);
	return 0;
}

static void fields_are_checked_where_they_lead_somewhere(void **state)
{
	static const struct {
		enum request_field field;
		const char *good, *bad;
	} rows[] = {
	        {REQUEST_FIELD_POLICY, "B2C_1A.sign-up_2", "B2C 1A"},
	        {REQUEST_FIELD_POLICY, "P", "P/../Q"},
	        {REQUEST_FIELD_POLICY, "P", "P%2f"},
	        {REQUEST_FIELD_REDIRECT, "msauth.app://auth", "javascript:1"},
	        {REQUEST_FIELD_REDIRECT, "http://localhost/x", "http://a.example/x"},
	        {REQUEST_FIELD_RETURN_URL, "https://a.example/x", "msauth.app://auth"},
	        {REQUEST_FIELD_RETURN_URL, "http://127.0.0.1/x", "https://a.example/\xc3\xa9"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct draft good = {.kind = KIND_JUMIO_IDENTITY}, bad = {.kind = KIND_JUMIO_IDENTITY};
		enum request_field field = REQUEST_FIELD_COUNT;
		assert_null(draft_set(&good, rows[i].field, rows[i].good));
		assert_null(journey_check(&journeys, &good, &field));
		assert_int_equal(field, REQUEST_FIELD_COUNT);
		assert_null(draft_set(&bad, rows[i].field, rows[i].bad));
		assert_non_null(journey_check(&journeys, &bad, &field));
		assert_int_equal(field, rows[i].field);
	}
}

static void the_way_on_has_a_longest_length_in_its_encoded_form(void **state)
{
	static char address[2048];
	enum request_field field;
	(void)state;
	for (int bytes = 600; bytes <= 2000; bytes += 700) {
		struct draft draft = {.kind = KIND_JUMIO_IDENTITY};
		memset(address, '/', (size_t)bytes);
		memcpy(address, "app:", 4);
		address[bytes] = '\0';
		assert_null(draft_set(&draft, REQUEST_FIELD_POLICY, "P"));
		assert_null(draft_set(&draft, REQUEST_FIELD_REDIRECT, address));
		assert_int_equal(journey_check(&journeys, &draft, &field) == NULL,
		                 3 * bytes < JOURNEY_ONWARD_MAX_BYTES - 200);
	}
}

static void a_deadline_is_no_later_than_the_tickets_end(void **state)
{
	static const struct {
		int64_t asked_ms, given_ms;
	} rows[] = {{0, 90 * 60 * 1000}, {5000, 5000}, {86400000, 90 * 60 * 1000}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct draft draft = {.kind = KIND_JUMIO_IDENTITY, .deadline_ms = rows[i].asked_ms};
		struct ask ask = {.outcome = OUTCOME_STATE};
		assert_null(draft_set(&draft, REQUEST_FIELD_SUBJECT, "o"));
		assert_null(draft_set(&draft, REQUEST_FIELD_CORRELATION, "c"));
		assert_int_equal(journey_to_ask(&journeys, &draft, key, "one", &ask, NULL), ERR_OK);
		assert_int_equal(ask.request.deadline_ms - ask.request.created_ms, rows[i].given_ms);
		assert_string_equal(ask.person.field[REQUEST_FIELD_NOTIFY_URL],
		                    "https://idv.example/v1/callbacks/jumio/s3cret");
		assert_string_equal(ask.person.field[REQUEST_FIELD_SUBJECT], "o");
		assert_int_equal(ask.type, ASK_JOURNEY);
		ask_fini(&ask);
		draft_wipe(&draft);
	}
}

static void who_joins_another_journey_comes_back_to_that_one(void **state)
{
	static const char joined[] = "vAQEBAQEBAQEBAQEBAQEBAQ";
	struct draft draft = {.kind = KIND_JUMIO_IDENTITY};
	struct ask ask = {.outcome = OUTCOME_STATE};
	struct ticket ticket;
	(void)state;
	assert_null(draft_set(&draft, REQUEST_FIELD_SUBJECT, "o"));
	assert_null(draft_set(&draft, REQUEST_FIELD_CORRELATION, "c"));
	assert_int_equal(journey_to_ask(&journeys, &draft, key, "one", &ask, NULL), ERR_OK);
	memcpy(ask.request.id, joined, sizeof joined);
	assert_int_equal(ask.on_joined(&ask), ERR_OK);
	const char *text = strrchr(ask.person.field[REQUEST_FIELD_BACK_URL], '/') + 1;
	assert_int_equal(ticket_read(journeys.tickets, TICKET_RETURN, text, ask.request.created_ms, &ticket), ERR_OK);
	assert_string_equal(ticket.id, joined);
	ask_fini(&ask);
	draft_wipe(&draft);
}

static void what_is_missing_of_a_journey_is_named(void **state)
{
	struct draft draft = {.kind = KIND_JUMIO_IDENTITY};
	struct ask ask = {.outcome = OUTCOME_STATE};
	const char *missing = NULL;
	(void)state;
	assert_null(draft_set(&draft, REQUEST_FIELD_SUBJECT, "o"));
	assert_int_equal(journey_to_ask(&journeys, &draft, key, "one", &ask, &missing), ERR_NOT_FOUND);
	assert_string_equal(missing, "correlation");
	ask_fini(&ask);
}

static void a_return_url_gets_the_id_and_no_address_at_all_is_an_error(void **state)
{
	struct person person = {.field[REQUEST_FIELD_SUBJECT] = "o",
	                        .field[REQUEST_FIELD_RETURN_URL] = "https://a/b?c#d"};
	struct buf out;
	(void)state;
	buf_init(&out, 512);
	assert_int_equal(journey_onward(&journeys, ID, &person, 0, &out), ERR_OK);
	assert_string_equal(out.data, "https://a/b?c&verification=" ID "#d");
	person.field[REQUEST_FIELD_RETURN_URL] = NULL;
	assert_int_equal(journey_onward(&journeys, ID, &person, 0, &out), ERR_NOT_FOUND);
	buf_fini(&out);
}

static void a_guid_is_known_by_its_shape(void **state)
{
	static const char *const none[] = {"",
	                                   "0b8e1c1e-1111-4222-8333-44445555666",
	                                   "0b8e1c1e-1111-4222-8333-4444555566667",
	                                   "0b8e1c1e11114222833344445555666677777",
	                                   "0b8e1c1e-1111-4222-8333-44445555666g",
	                                   "-b8e1c1e-1111-4222-8333-444455556666",
	                                   "{b8e1c1e-1111-4222-8333-444455556666"};
	(void)state;
	assert_true(reference_is_guid("0b8e1c1e-1111-4222-8333-444455556666"));
	assert_true(reference_is_guid("0B8E1C1E-ABCD-EF22-8333-444455556666"));
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_false(reference_is_guid(none[i]));
}

static void an_adoption_has_one_id_per_reference_and_person(void **state)
{
	static const char lower[] = "0b8e1c1e-abcd-4222-8333-444455556666",
	                  upper[] = "0B8E1C1E-ABCD-4222-8333-444455556666",
	                  other[] = "1b8e1c1e-abcd-4222-8333-444455556666";
	struct ask a = {.outcome = OUTCOME_STATE}, b = a, c = a, d = a;
	(void)state;
	assert_int_equal(adoption_to_ask(key, lower, "o", &a), ERR_OK);
	assert_int_equal(adoption_to_ask(key, upper, "p", &b), ERR_OK);
	assert_int_equal(adoption_to_ask(key, other, "o", &c), ERR_OK);
	assert_int_equal(a.type, ASK_ADOPT);
	assert_string_equal(a.reference, lower);
	assert_string_equal(b.reference, lower);
	assert_string_not_equal(a.request.id, b.request.id); /* who asks first locks nobody out */
	assert_string_not_equal(a.request.id, c.request.id);
	assert_int_equal(adoption_to_ask(key, upper, "o", &d), ERR_OK);
	assert_string_equal(a.request.id, d.request.id);
	ask_fini(&d);
	assert_string_not_equal(a.request.question, b.request.question);
	assert_string_equal(a.request.question, c.request.question);
	assert_string_equal(a.person.field[REQUEST_FIELD_SUBJECT], "o");
	char subject[300];
	memset(subject, 'x', sizeof subject - 1);
	subject[sizeof subject - 1] = '\0';
	assert_int_equal(adoption_to_ask(key, lower, subject, &d), ERR_LIMIT);
	ask_fini(&a);
	ask_fini(&b);
	ask_fini(&c);
	ask_fini(&d);
}

static void a_start_link_is_short_and_its_ticket_ours(void **state)
{
	char link[JOURNEY_LINK_BYTES];
	struct ticket ticket;
	(void)state;
	assert_int_equal(journey_start_link(&journeys, ID, 1790000000123, link), ERR_OK);
	assert_int_equal(strncmp(link, "https://idv.example/start/", 26), 0);
	assert_int_equal(ticket_read(journeys.tickets, TICKET_START, link + 26, 1790000000123, &ticket), ERR_OK);
	assert_int_equal(ticket.made_ms, 1790000000123);
	assert_int_equal(ticket.ends_s, 1790000000 + 90 * 60);
	assert_int_equal(ticket_read(journeys.tickets, TICKET_RETURN, link + 26, 1790000000123, &ticket), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(fields_are_checked_where_they_lead_somewhere),
	        cmocka_unit_test(the_way_on_has_a_longest_length_in_its_encoded_form),
	        cmocka_unit_test(a_deadline_is_no_later_than_the_tickets_end),
	        cmocka_unit_test(who_joins_another_journey_comes_back_to_that_one),
	        cmocka_unit_test(what_is_missing_of_a_journey_is_named),
	        cmocka_unit_test(a_return_url_gets_the_id_and_no_address_at_all_is_an_error),
	        cmocka_unit_test(a_guid_is_known_by_its_shape),
	        cmocka_unit_test(an_adoption_has_one_id_per_reference_and_person),
	        cmocka_unit_test(a_start_link_is_short_and_its_ticket_ours),
	};
	return cmocka_run_group_tests(tests, make, end);
}
