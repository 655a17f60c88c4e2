/* routes: which path leads where, in which case, and in which dialect its errors are told. */
#include "ingress/routes/routes.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *name_of(const char *path, const char **ret_tail)
{
	char folded[EXCHANGE_PATH_BYTES];
	static char tail[EXCHANGE_PATH_BYTES];
	const char *at;
	if (!route_fold_path(path, folded))
		return "(too long)";
	const struct route *route = route_find(folded, true, &at);
	if (ret_tail)
		*ret_tail = strcpy(tail, at);
	return route ? route->name : "(none)";
}

static void every_path_leads_where_the_contract_says(void **state)
{
	static const struct {
		const char *path, *name;
	} rows[] = {
	        {"/api/BioCatch/GetScore", "GetScore"},
	        {"/API/biocatch/getscore", "GetScore"},
	        {"/api/v6/score", "GetScore"},
	        {"/api/V6/SCORE", "GetScore"},
	        {"//api///BioCatch//GetScore", "GetScore"},
	        {"/v1//verifications", "CreateVerification"},
	        {"/v1/verifications", "CreateVerification"},
	        {"/v1/verifications/vX", "ReadVerification"},
	        {"/v1/verifications/a/b", "ReadVerification"},
	        {"/api/Jumio/InitializeTransaction", "InitializeTransaction"},
	        {"//api/jumio/initializetransaction", "InitializeTransaction"},
	        {"/api/Jumio/InitializeVerification", "InitializeVerification"},
	        {"/api/Jumio/VerifyTransactionStatus", "VerifyTransactionStatus"},
	        {"/API/JUMIO/ValidateVerificationToken", "ValidateVerificationToken"},
	        {"/api/Oidc/.well-known/openid-configuration", "OidcDiscovery"},
	        {"/api//oidc/.WELL-KNOWN/keys", "OidcKeys"},
	        {"/api/Oidc/keys", "OidcKeys"},
	        {"/v1/callbacks/jumio/s", "Callback"},
	        {"/start/t", "Start"},
	        {"/wait/t", "Wait"},
	        {"/start/t/more", "Start"},
	        {"/return/t", "Return"},
	        {"/ui/signin.html", "Ui"},
	        {"//ui//signin.html", "Ui"},
	        {"/ui/", "(none)"},
	        {"/UI/signin.html", "(none)"},
	        {"/start", "(none)"},
	        {"/start/", "(none)"},
	        {"/Start/t", "(none)"},
	        {"/api/start/t", "(none)"},
	        {"/api/Jumio", "(none)"},
	        {"/api/Oidc/.well-known", "(none)"},
	        {"/v1/callbacks/jumio/", "(none)"},
	        {"/v1/callbacks/other/s", "(none)"},
	        {"", "(none)"},
	        {"/", "(none)"},
	        {"//", "(none)"},
	        {"/api/BioCatch/GetScore/", "(none)"},
	        {"/api/BioCatch/GetScores", "(none)"},
	        {"/api/BioCatch", "(none)"},
	        {"api/BioCatch/GetScore", "(none)"},
	        {"/x/api/BioCatch/GetScore", "(none)"},
	        {"/V1/verifications", "(none)"},
	        {"/v1/Verifications/vX", "(none)"},
	        {"/v1/verifications/", "(none)"},
	        {"/v1/verifications//", "(none)"},
	        {"/v1/verificationsX", "(none)"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(name_of(rows[i].path, NULL), rows[i].name) != 0)
			print_error("%s\n", rows[i].path);
		assert_string_equal(name_of(rows[i].path, NULL), rows[i].name);
	}
}

static void the_tail_is_what_follows_the_prefix(void **state)
{
	const char *tail;
	(void)state;
	(void)name_of("/v1/verifications/vAbC", &tail);
	assert_string_equal(tail, "vAbC");
	(void)name_of("/v1/verifications//a//b", &tail);
	assert_string_equal(tail, "a/b");
	(void)name_of("/v1/verifications", &tail);
	assert_string_equal(tail, "");
	(void)name_of("/nowhere", &tail);
	assert_string_equal(tail, "");
}

static void where_no_journeys_are_served_their_routes_are_not_there(void **state)
{
	static const char *const here[] = {"/api/BioCatch/GetScore", "/api/v6/score", "/v1/verifications",
	                                   "/v1/verifications/v", "/ui/x"};
	const struct route *all = routes_all();
	const char *tail;
	size_t served = 0;
	(void)state;
	for (size_t i = 0; i < sizeof here / sizeof *here; i++)
		assert_non_null(route_find(here[i], false, &tail));
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		char path[EXCHANGE_PATH_BYTES];
		strcpy(path, all[i].path);
		strcat(path, all[i].flags & ROUTE_PREFIX ? "x" : "");
		served += route_find(path, false, &tail) != NULL;
		assert_non_null(route_find(path, true, &tail));
	}
	assert_int_equal(served, sizeof here / sizeof *here);
}

static void only_what_browsers_and_the_vendor_open_asks_for_no_credential(void **state)
{
	static const char *const open[] = {"VerifyTransactionStatus",
	                                   "OidcDiscovery",
	                                   "OidcKeys",
	                                   "OidcKeys",
	                                   "Callback",
	                                   "Start",
	                                   "Wait",
	                                   "Return",
	                                   "Ui"};
	const struct route *all = routes_all();
	size_t n = 0;
	(void)state;
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		bool polled = strcmp(all[i].name, "VerifyTransactionStatus") == 0;
		if (all[i].flags & ROUTE_OPEN) {
			assert_true(n < sizeof open / sizeof *open);
			assert_string_equal(all[i].name, open[n++]);
		}
		assert_int_equal((all[i].flags & ROUTE_CORS) != 0, polled || strcmp(all[i].name, "Ui") == 0);
		assert_int_equal((all[i].methods & METHOD_OPTIONS) != 0, polled);
		assert_int_equal((all[i].flags & ROUTE_ANY_TYPE) != 0, strcmp(all[i].name, "Callback") == 0);
	}
	assert_int_equal(n, sizeof open / sizeof *open);
}

static void errors_under_api_are_told_in_b2cs_dialect_to_a_person_as_pages_and_else_as_problems(void **state)
{
	(void)state;
	assert_int_equal(route_dialect("/api/x"), DIALECT_B2C);
	assert_int_equal(route_dialect("/API/BioCatch/GetScore"), DIALECT_B2C);
	assert_int_equal(route_dialect("/api"), DIALECT_PROBLEM);
	assert_int_equal(route_dialect("/apix/"), DIALECT_PROBLEM);
	assert_int_equal(route_dialect("/v1/api/"), DIALECT_PROBLEM);
	assert_int_equal(route_dialect(""), DIALECT_PROBLEM);
	assert_int_equal(route_dialect("/start/"), DIALECT_PAGE);
	assert_int_equal(route_dialect("/return/x"), DIALECT_PAGE);
	assert_int_equal(route_dialect("/started/x"), DIALECT_PROBLEM);
}

static void the_table_is_whole_and_agrees_with_itself(void **state)
{
	const struct route *all = routes_all();
	(void)state;
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		const char *tail;
		assert_true(*all[i].name && all[i].path[0] == '/');
		assert_non_null(all[i].handle);
		assert_int_not_equal(all[i].methods, 0);
		assert_int_equal(all[i].methods & ~(unsigned)(METHOD_GET | METHOD_POST | METHOD_OPTIONS), 0);
		assert_int_equal(all[i].dialect, route_dialect(all[i].path));
		assert_int_equal((all[i].flags & ROUTE_IGNORE_CASE) != 0, all[i].dialect == DIALECT_B2C);
		if (!(all[i].flags & ROUTE_PREFIX))
			assert_ptr_equal(route_find(all[i].path, true, &tail), &all[i]);
	}
}

static void methods_are_those_of_the_contract(void **state)
{
	static const struct {
		const char *path;
		unsigned methods;
		const char *allow;
	} rows[] = {
	        {"/api/BioCatch/GetScore", METHOD_GET | METHOD_POST, "GET, POST"},
	        {"/api/v6/score", METHOD_GET | METHOD_POST, "GET, POST"},
	        {"/api/Jumio/InitializeTransaction", METHOD_POST, "POST"},
	        {"/api/Jumio/VerifyTransactionStatus", METHOD_POST | METHOD_OPTIONS, "POST, OPTIONS"},
	        {"/api/Oidc/keys", METHOD_GET, "GET"},
	        {"/v1/verifications", METHOD_POST, "POST"},
	        {"/v1/verifications/v", METHOD_GET, "GET"},
	        {"/v1/callbacks/jumio/s", METHOD_POST, "POST"},
	        {"/start/t", METHOD_GET, "GET"},
	        {"/return/t", METHOD_GET, "GET"},
	        {"/ui/x", METHOD_GET, "GET"},
	};
	const char *tail;
	char allow[ALLOW_BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct route *route = route_find(rows[i].path, true, &tail);
		assert_int_equal(route->methods, rows[i].methods);
		route_allow(route, allow);
		assert_string_equal(allow, rows[i].allow);
	}
}

static void folding_keeps_what_fits_and_refuses_what_does_not(void **state)
{
	char path[2 * EXCHANGE_PATH_BYTES], out[EXCHANGE_PATH_BYTES];
	(void)state;
	memset(path, 'a', sizeof path);
	path[EXCHANGE_PATH_BYTES - 1] = '\0';
	assert_true(route_fold_path(path, out));
	assert_string_equal(out, path);
	path[EXCHANGE_PATH_BYTES - 1] = 'a';
	path[EXCHANGE_PATH_BYTES] = '\0';
	assert_false(route_fold_path(path, out));
	memset(path, '/', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	assert_true(route_fold_path(path, out));
	assert_string_equal(out, "/");
	assert_true(route_fold_path("", out));
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_path_leads_where_the_contract_says),
	        cmocka_unit_test(the_tail_is_what_follows_the_prefix),
	        cmocka_unit_test(where_no_journeys_are_served_their_routes_are_not_there),
	        cmocka_unit_test(only_what_browsers_and_the_vendor_open_asks_for_no_credential),
	        cmocka_unit_test(errors_under_api_are_told_in_b2cs_dialect_to_a_person_as_pages_and_else_as_problems),
	        cmocka_unit_test(the_table_is_whole_and_agrees_with_itself),
	        cmocka_unit_test(methods_are_those_of_the_contract),
	        cmocka_unit_test(folding_keeps_what_fits_and_refuses_what_does_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
