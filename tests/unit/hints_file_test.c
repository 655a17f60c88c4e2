/* hints_file: every form of file that a key and its certificate come in, and what is said of a wrong one. */
#include "tests/unit/hints_fixture.h"

/* ---- PEM ---- */

static void keys_find_their_certificates_wherever_they_stand_and_the_first_key_signs(void **state)
{
	static const char *const orders[] = {"kKcC", "cCkK", "CkcK", "CKck", "KcCk", "xkCKc"};
	(void)state;
	for (size_t i = 0; i < COUNT(orders); i++) {
		struct buf content;
		const char *first = strpbrk(orders[i], "kK");
		buf_init(&content, CERT_FILE_MAX_BYTES);
		assert_int_equal(buf_append_str(&content, "Bag Attributes\n    friendlyName: x\n"), ERR_OK);
		for (const char *at = orders[i]; *at; at++) {
			if (*at == 'k' || *at == 'K')
				cert_put_key(&content, keys.rsa[*at == 'K'], NULL, *at == 'K');
			else /* x: of a chain, without a key */
				cert_put_pem(&content,
				             *at == 'x' ? keys.elliptic_certificate : keys.certificate[*at == 'C']);
		}
		struct hints *hints = good_hints(&content, NULL);
		json_t *set = json_loads(hints_keys(hints), 0, NULL);
		assert_int_equal(json_array_size(json_object_get(set, "keys")), 2);
		assert_true(checks(hints, keys.rsa[*first == 'K']));
		json_decref(set);
		hints_free(hints);
	}
}

static void encrypted_pem_keys_open_with_the_password_only(void **state)
{
	(void)state;
	for (int traditional = 0; traditional < 2; traditional++) {
		static const struct {
			const char *password, *told;
		} cases[] = {{PASSWORD, NULL},
		             {"wr0ng", "wrong password"},
		             {NULL, "VERIFYD_SIGNING_CERT_PASSWORD must be set"}};
		for (size_t i = 0; i < COUNT(cases); i++) {
			struct buf content;
			buf_init(&content, CERT_FILE_MAX_BYTES);
			cert_put_key(&content, keys.rsa[0], PASSWORD, traditional);
			cert_put_pem(&content, keys.certificate[0]);
			if (cases[i].told) {
				assert_refused(&content, cases[i].password, cases[i].told);
				continue;
			}
			struct hints *hints = good_hints(&content, cases[i].password);
			assert_true(checks(hints, keys.rsa[0]));
			hints_free(hints);
		}
	}
}

/* ---- PFX ---- */

static void a_pfx_opens_in_every_encryption_that_windows_uses(void **state)
{
	static const char *const passwords[] = {PASSWORD, "", NULL};
	(void)state;
	for (enum cert_pfx form = CERT_PFX_AES; form <= CERT_PFX_RC2; form++) {
		for (size_t i = 0; i < COUNT(passwords); i++) {
			struct buf content;
			buf_init(&content, CERT_FILE_MAX_BYTES);
			if (!cert_put_pfx(&content, keys.rsa[1], keys.certificate[1], passwords[i], form)) {
				print_message("RC2 is not tried: OpenSSL's legacy provider is not installed\n");
				buf_fini(&content);
				continue;
			}
			struct hints *hints = good_hints(&content, passwords[i] && *passwords[i] ? passwords[i] : NULL);
			assert_true(checks(hints, keys.rsa[1]));
			hints_free(hints);
		}
	}
}

static void a_pfx_that_does_not_open_is_told_why(void **state)
{
	static const struct {
		const char *sealed, *given, *told;
	} cases[] = {
	        {PASSWORD, "wr0ng", "wrong password"},
	        {PASSWORD, NULL, "without VERIFYD_SIGNING_CERT_PASSWORD"},
	        {"", "wr0ng", "wrong password"},
	};
	struct buf content;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_init(&content, CERT_FILE_MAX_BYTES);
		assert_true(cert_put_pfx(&content, keys.rsa[0], keys.certificate[0], cases[i].sealed, CERT_PFX_AES));
		assert_refused(&content, cases[i].given, cases[i].told);
	}
	buf_init(&content, CERT_FILE_MAX_BYTES);
	assert_true(cert_put_pfx(&content, NULL, keys.certificate[0], PASSWORD, CERT_PFX_3DES));
	assert_refused(&content, PASSWORD, "no private key");
	buf_init(&content, CERT_FILE_MAX_BYTES);
	assert_true(cert_put_pfx(&content, keys.rsa[0], NULL, PASSWORD, CERT_PFX_3DES));
	assert_refused(&content, PASSWORD, "no certificate");
	buf_init(&content, CERT_FILE_MAX_BYTES);
	assert_true(cert_put_pfx(&content, keys.rsa[0], keys.certificate[0], PASSWORD, CERT_PFX_AES));
	content.len /= 2;
	assert_refused(&content, PASSWORD, "neither PEM nor PFX");
}

/* ---- wrong content ---- */

static void a_file_of_the_wrong_content_is_told_why(void **state)
{
	const struct {
		EVP_PKEY *key;
		X509 *certificate;
		const char *told;
	} cases[] = {
	        {NULL, keys.certificate[0], "no private key"},
	        {keys.rsa[0], NULL, "no certificate in it"},
	        {keys.rsa[0], keys.certificate[1], "no certificate in it fits private key 1"},
	        {keys.rsa[0], keys.elliptic_certificate, "no certificate in it fits private key 1"},
	        {keys.elliptic, keys.elliptic_certificate, "not RSA"},
	        {keys.pss, keys.pss_certificate, "not RSA"},
	        {keys.small, keys.small_certificate, "1024 bits"},
	};
	struct buf content;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_init(&content, CERT_FILE_MAX_BYTES);
		if (cases[i].key)
			cert_put_key(&content, cases[i].key, NULL, false);
		if (cases[i].certificate)
			cert_put_pem(&content, cases[i].certificate);
		assert_refused(&content, NULL, cases[i].told);
	}
}

static void too_many_and_damaged_blocks_are_refused(void **state)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
	        {"", "no private key"},
	        {"nothing of the kind", "no private key"},
	        {"0", "neither PEM nor PFX"},
	        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	         "a certificate in it cannot be read"},
	        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	         "a private key in it cannot be read"},
	        {"-----BEGIN PRIVATE KEY-----\n%%%%\n-----END PRIVATE KEY-----\n", "damaged"},
	        {"-----BEGIN PRIVATE KEY-----\nAAAA\n", "damaged"},
	        {"-----BEGIN EC PARAMETERS-----\nAAAA\n-----END EC PARAMETERS-----\n", "no private key"},
	};
	struct buf content;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_init(&content, CERT_FILE_MAX_BYTES);
		assert_int_equal(buf_append_str(&content, cases[i].text), ERR_OK);
		assert_refused(&content, NULL, cases[i].told);
	}
	buf_init(&content, CERT_FILE_MAX_BYTES);
	for (int i = 0; i <= HINT_MAX_KEYS; i++)
		cert_put_key(&content, keys.rsa[0], NULL, false);
	assert_refused(&content, NULL, "more than 4 private keys");
	buf_init(&content, CERT_FILE_MAX_BYTES);
	for (int i = 0; i < 17; i++)
		cert_put_pem(&content, keys.certificate[0]);
	assert_refused(&content, NULL, "more than 16 certificates");
	buf_init(&content, CERT_FILE_MAX_BYTES);
	for (int i = 0; i < 2; i++)
		cert_put_key(&content, keys.rsa[0], NULL, i);
	cert_put_pem(&content, keys.certificate[0]);
	assert_refused(&content, NULL, "stands in it twice");
}

static void a_file_that_cannot_be_read_is_an_io_error(void **state)
{
	const struct hints_options options = {"/nonexistent/file", NULL, ISSUER, AUDIENCE, URL};
	struct hints *hints = NULL;
	struct err err = {ERR_OK, ""};
	struct buf content;
	(void)state;
	assert_int_equal(hints_new(&options, NOW, &hints, &err), ERR_IO);
	assert_non_null(strstr(err.msg, "No such file"));
	buf_init(&content, CERT_FILE_MAX_BYTES);
	for (int i = 0; i < 64 * 1024 / 16 + 1; i++)
		assert_int_equal(buf_append(&content, "0123456789abcde\n", 16), ERR_OK);
	assert_int_equal(hints_of(&content, NULL, &hints, &err), ERR_IO);
	assert_null(hints);
}

static void the_certificate_that_signs_must_be_valid_now_and_the_others_need_not(void **state)
{
	static const struct {
		int64_t from_s, to_s;
		const char *told; /* NULL: taken */
	} cases[] = {
	        {FROM, NOW - 1, "is over"},
	        {FROM, NOW, NULL},
	        {NOW + 61, TO, "not valid yet"},
	        {NOW + 60, TO, NULL},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		X509 *certificate = cert_new(keys.rsa[0], "dated", cases[i].from_s, cases[i].to_s);
		for (int second = 0; second < 2; second++) {
			struct buf content;
			buf_init(&content, CERT_FILE_MAX_BYTES);
			if (second) {
				cert_put_key(&content, keys.rsa[1], NULL, false);
				cert_put_pem(&content, keys.certificate[1]);
			}
			cert_put_key(&content, keys.rsa[0], NULL, false);
			cert_put_pem(&content, certificate);
			if (cases[i].told && !second)
				assert_refused(&content, NULL, cases[i].told);
			else
				hints_free(good_hints(&content, NULL));
		}
		X509_free(certificate);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(keys_find_their_certificates_wherever_they_stand_and_the_first_key_signs),
	        cmocka_unit_test(encrypted_pem_keys_open_with_the_password_only),
	        cmocka_unit_test(a_pfx_opens_in_every_encryption_that_windows_uses),
	        cmocka_unit_test(a_pfx_that_does_not_open_is_told_why),
	        cmocka_unit_test(a_file_of_the_wrong_content_is_told_why),
	        cmocka_unit_test(too_many_and_damaged_blocks_are_refused),
	        cmocka_unit_test(a_file_that_cannot_be_read_is_an_io_error),
	        cmocka_unit_test(the_certificate_that_signs_must_be_valid_now_and_the_others_need_not),
	};
	return cmocka_run_group_tests(tests, make_keys, end_keys);
}
