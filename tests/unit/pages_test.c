/* pages: every one is a whole, safe document in plain words; what is put into it stays text. */
#include "ingress/pages.h"
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

static void write_page(struct buf *out, enum page page, int refresh_s, const char *link)
{
	const struct page_view view = {page, refresh_s, link};
	buf_init(out, 8192);
	assert_int_equal(page_write(out, &view), ERR_OK);
}

static bool has(const struct buf *page, const char *text)
{
	return strstr(page->data, text) != NULL;
}

static void every_page_has_language_viewport_title_heading_and_says_what_to_do(void **state)
{
	struct buf page, title;
	(void)state;
	for (unsigned i = 0; i < PAGE_COUNT; i++) {
		const struct page_info *info = page_info((enum page)i);
		assert_true(strlen(info->title) > 5 && strlen(info->text) > 10 && strlen(info->advice) > 10);
		write_page(&page, (enum page)i, -1, NULL);
		buf_init(&title, 512);
		assert_int_equal(buf_printf(&title, "<title>%s</title>", info->title), ERR_OK);
		assert_true(has(&page, "<!DOCTYPE html>") && has(&page, "<html lang=\"en\">") &&
		            has(&page, title.data));
		assert_true(has(&page, "<meta name=\"viewport\"") && has(&page, "<h1>") && has(&page, info->advice));
		assert_true(has(&page, "</html>"));
		buf_fini(&title);
		buf_fini(&page);
	}
}

static void no_page_runs_or_fetches_anything_or_tells_internals(void **state)
{
	static const char *const words[] = {"<script", "src=",   "http",    "url(",  "jumio", "kafka",
	                                    "redis",   "vendor", "verifyd", "queue", "null",  "denied"};
	struct buf page;
	(void)state;
	for (unsigned i = 0; i < PAGE_COUNT; i++) {
		write_page(&page, (enum page)i, -1, NULL);
		for (size_t w = 0; w < sizeof words / sizeof *words; w++)
			assert_null(strcasestr(page.data, words[w]));
		buf_fini(&page);
	}
}

static void a_waiting_page_opens_itself_again_without_what_was_in_its_query(void **state)
{
	struct buf page;
	(void)state;
	write_page(&page, PAGE_WAITING, 0, NULL);
	assert_true(has(&page, "<meta http-equiv=\"refresh\" content=\"0; url=?w=1\">"));
	buf_fini(&page);
	write_page(&page, PAGE_BUSY, 5, NULL);
	assert_true(has(&page, "content=\"5; url=?w=1\""));
	buf_fini(&page);
	write_page(&page, PAGE_WAITING, -1, NULL);
	assert_false(has(&page, "refresh"));
	buf_fini(&page);
}

static void a_link_stays_a_link_whatever_is_in_it(void **state)
{
	struct buf page;
	(void)state;
	write_page(&page, PAGE_NOT_FINISHED, -1, "https://a/?b=1&c=\"><script>'");
	assert_true(has(&page, "<a href=\"https://a/?b=1&amp;c=&quot;&gt;&lt;script&gt;&#39;\">"));
	assert_false(has(&page, "<script"));
	buf_fini(&page);
	write_page(&page, PAGE_NOT_FINISHED, -1, NULL);
	assert_false(has(&page, "<a "));
	buf_fini(&page);
}

static void escaping_touches_only_what_html_reads(void **state)
{
	struct buf out;
	(void)state;
	buf_init(&out, 64);
	assert_int_equal(html_escape(&out, "a&b<c>d\"e'f&&\xc3\xa9"), ERR_OK);
	assert_string_equal(out.data, "a&amp;b&lt;c&gt;d&quot;e&#39;f&amp;&amp;\xc3\xa9");
	buf_clear(&out);
	assert_int_equal(html_escape(&out, ""), ERR_OK);
	assert_int_equal(out.len, 0);
	buf_fini(&out);
	buf_init(&out, 3);
	assert_int_equal(html_escape(&out, "ab&"), ERR_LIMIT);
	buf_fini(&out);
}

static void a_page_that_does_not_fit_is_an_error(void **state)
{
	const struct page_view view = {PAGE_WAITING, 0, "https://a"};
	struct buf whole, out;
	(void)state;
	write_page(&whole, PAGE_WAITING, 0, "https://a");
	for (size_t max = 0; max < whole.len; max++) {
		buf_init(&out, max);
		assert_int_equal(page_write(&out, &view), ERR_LIMIT);
		buf_fini(&out);
	}
	buf_fini(&whole);
}

static void the_policy_names_the_hash_of_the_style_and_allows_nothing_else(void **state)
{
	unsigned char digest[32], text[64];
	unsigned len = 0;
	(void)state;
	assert_int_equal(EVP_Digest(page_style(), strlen(page_style()), digest, &len, EVP_sha256(), NULL), 1);
	(void)EVP_EncodeBlock(text, digest, (int)len);
	assert_string_equal((const char *)text, PAGE_STYLE_HASH);
	assert_non_null(strstr(PAGE_CSP, "default-src 'none'"));
	assert_non_null(strstr(PAGE_CSP, "frame-ancestors 'none'"));
	assert_non_null(strstr(PAGE_CSP, "form-action 'none'"));
	assert_non_null(strstr(PAGE_CSP, "base-uri 'none'"));
	assert_null(strstr(PAGE_CSP, "unsafe"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_page_has_language_viewport_title_heading_and_says_what_to_do),
	        cmocka_unit_test(no_page_runs_or_fetches_anything_or_tells_internals),
	        cmocka_unit_test(a_waiting_page_opens_itself_again_without_what_was_in_its_query),
	        cmocka_unit_test(a_link_stays_a_link_whatever_is_in_it),
	        cmocka_unit_test(escaping_touches_only_what_html_reads),
	        cmocka_unit_test(a_page_that_does_not_fit_is_an_error),
	        cmocka_unit_test(the_policy_names_the_hash_of_the_style_and_allows_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
