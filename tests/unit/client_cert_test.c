/* client_cert: time, purpose and authority of a caller's certificate, and what it is named by. */
#include "tests/unit/client_cert_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct world {
	struct made root, below, stranger;
	struct cert_authorities *root_alone, *below_alone;
} world;

static struct cert_authorities *authorities_of(const struct made *made)
{
	char path[CERT_PATH_BYTES];
	struct cert_authorities *authorities = NULL;
	made_file(made, false, path);
	cert_must(cert_authorities_new(path, &authorities, NULL) == ERR_OK);
	(void)unlink(path);
	return authorities;
}

static int make_world(void **state)
{
	static const struct shape authority = {.name = "authority", .constraints = "critical,CA:TRUE"};
	(void)state;
	world.root = made_new(&authority, NULL);
	world.below = made_new(&(struct shape){.name = "below", .constraints = "critical,CA:TRUE"}, &world.root);
	world.stranger = made_new(&authority, NULL); /* of the same name */
	world.root_alone = authorities_of(&world.root);
	world.below_alone = authorities_of(&world.below);
	return 0;
}

static int end_world(void **state)
{
	(void)state;
	cert_authorities_free(world.root_alone);
	cert_authorities_free(world.below_alone);
	cert_authorities_free(NULL);
	made_free(&world.root);
	made_free(&world.below);
	made_free(&world.stranger);
	return 0;
}

static enum cert_verdict check(const struct cert_authorities *authorities, const struct cert_chain *chain,
                               struct client_cert *ret)
{
	memset(ret, '?', sizeof *ret);
	enum cert_verdict verdict = client_cert_check(authorities, chain, time(NULL), ret);
	if (verdict != CERT_GOOD)
		assert_int_equal(ret->name[0], '?');
	return verdict;
}

#define assert_verdict(got, wanted) assert_string_equal(cert_verdict_name(got), cert_verdict_name(wanted))

static void a_certificate_counts_in_its_time_and_for_clients_alone(void **state)
{
	static const struct {
		struct shape shape;
		enum cert_verdict verdict;
	} rows[] = {
	        {{.name = "b2c"}, CERT_GOOD},
	        {{.name = "b2c", .usage = "clientAuth"}, CERT_GOOD},
	        {{.name = "b2c", .usage = "serverAuth,clientAuth"}, CERT_GOOD},
	        {{.name = "b2c", .usage = "serverAuth"}, CERT_PURPOSE},
	        {{.name = "b2c", .usage = "codeSigning"}, CERT_PURPOSE},
	        {{.name = "b2c", .from_days = -9, .to_days = -1}, CERT_EXPIRED},
	        {{.name = "b2c", .from_days = 1, .to_days = 9}, CERT_TOO_EARLY},
	        {{.name = "b2c", .weak = true}, CERT_GOOD}, /* its own signature proves nothing anyway */
	};
	struct client_cert cert;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct made own = made_new(&rows[i].shape, NULL), issued = made_new(&rows[i].shape, &world.root);
		struct cert_chain chain = made_chain(&own);
		assert_verdict(check(NULL, &chain, &cert), rows[i].verdict);
		chain = made_chain(&issued);
		assert_verdict(check(world.root_alone, &chain, &cert),
		               rows[i].shape.weak ? CERT_AUTHORITY : rows[i].verdict);
		made_free(&own);
		made_free(&issued);
	}
}

static void only_a_trusted_authority_vouches(void **state)
{
	static const struct shape shape = {.name = "b2c"};
	struct made own = made_new(&shape, NULL), by_root = made_new(&shape, &world.root);
	struct made by_below = made_new(&shape, &world.below), by_stranger = made_new(&shape, &world.stranger);
	struct made by_leaf = made_new(&shape, &by_root);
	struct cert_chain chain = made_chain(&own);
	struct client_cert cert;
	(void)state;
	assert_verdict(check(world.root_alone, &chain, &cert), CERT_AUTHORITY);
	chain = made_chain(&by_stranger);
	assert_verdict(check(world.root_alone, &chain, &cert), CERT_AUTHORITY);
	chain = made_chain(&by_below);
	assert_verdict(check(world.root_alone, &chain, &cert), CERT_AUTHORITY); /* what leads there is missing */
	assert_verdict(check(world.below_alone, &chain, &cert), CERT_GOOD);     /* a root is not needed */
	chain = (struct cert_chain){2, {{by_below.der, by_below.len}, {world.below.der, world.below.len}}};
	assert_verdict(check(world.root_alone, &chain, &cert), CERT_GOOD);
	chain = (struct cert_chain){
	        3, {{by_below.der, by_below.len}, {(const unsigned char *)"x", 1}, {world.below.der, world.below.len}}};
	assert_verdict(check(world.root_alone, &chain, &cert), CERT_GOOD);
	/* who has a certificate is no authority */
	chain = (struct cert_chain){2, {{by_leaf.der, by_leaf.len}, {by_root.der, by_root.len}}};
	assert_verdict(check(world.root_alone, &chain, &cert), CERT_AUTHORITY);
	/* a self-signed one that stands in the file */
	struct cert_authorities *itself = authorities_of(&own);
	chain = made_chain(&own);
	assert_verdict(check(itself, &chain, &cert), CERT_GOOD);
	cert_authorities_free(itself);
	made_free(&own);
	made_free(&by_root);
	made_free(&by_below);
	made_free(&by_stranger);
	made_free(&by_leaf);
}

static void it_is_named_by_its_key_and_its_one_common_name(void **state)
{
	static const struct {
		struct shape shape;
		const char *name;
	} rows[] = {
	        {{.name = "b2c-prod.contoso"}, "b2c-prod.contoso"},
	        {{.name = "b2c", .more_name = "admin"}, ""},
	        {{.name = "1234567890123456789012345678901234567890123456789012345678901234"},
	         "1234567890123456789012345678901234567890123456789012345678901234"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct made made = made_new(&rows[i].shape, NULL);
		struct cert_chain chain = made_chain(&made);
		struct client_cert cert;
		char pin[FIXTURE_PIN_BYTES], got[FIXTURE_PIN_BYTES];
		assert_verdict(check(NULL, &chain, &cert), CERT_GOOD);
		assert_string_equal(cert.name, rows[i].name);
		made_pin(&made, pin);
		EVP_EncodeBlock((unsigned char *)got, cert.spki, sizeof cert.spki);
		assert_string_equal(got, pin);
		made_free(&made);
	}
}

static void what_is_no_certificate_is_refused(void **state)
{
	static const unsigned char rubbish[CERT_MAX_BYTES + 1] = {0x30, 0x03, 1, 1, 1};
	struct made made = made_new(&(struct shape){.name = "b2c"}, NULL);
	struct cert_chain chain = {0};
	struct client_cert cert;
	(void)state;
	assert_verdict(check(NULL, &chain, &cert), CERT_MALFORMED);
	chain = (struct cert_chain){1, {{rubbish, 5}}};
	assert_verdict(check(NULL, &chain, &cert), CERT_MALFORMED);
	chain = (struct cert_chain){1, {{rubbish, sizeof rubbish}}};
	assert_verdict(check(NULL, &chain, &cert), CERT_MALFORMED);
	unsigned char *more = calloc(1, made.len + 1);
	memcpy(more, made.der, made.len);
	chain = (struct cert_chain){1, {{more, made.len + 1}}};
	assert_verdict(check(NULL, &chain, &cert), CERT_MALFORMED);
	chain = (struct cert_chain){1, {{more, made.len - 1}}};
	assert_verdict(check(NULL, &chain, &cert), CERT_MALFORMED);
	free(more);
	made_free(&made);
}

static void a_file_without_certificates_is_no_authority(void **state)
{
	struct cert_authorities *authorities = NULL;
	struct err err;
	(void)state;
	assert_int_equal(cert_authorities_new("/dev/null", &authorities, &err), ERR_INVALID);
	assert_int_equal(cert_authorities_new("/nowhere/at/all", &authorities, &err), ERR_INVALID);
	assert_null(authorities);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_certificate_counts_in_its_time_and_for_clients_alone),
	        cmocka_unit_test(only_a_trusted_authority_vouches),
	        cmocka_unit_test(it_is_named_by_its_key_and_its_one_common_name),
	        cmocka_unit_test(what_is_no_certificate_is_refused),
	        cmocka_unit_test(a_file_without_certificates_is_no_authority),
	};
	return cmocka_run_group_tests(tests, make_world, end_world);
}
