/* pages: every one is a whole, safe document in plain words, in every language; what is put into it stays text. */
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

static struct page_view view_of(enum page page, enum language language)
{
	return (struct page_view){.page = page,
	                          .language = language,
	                          .refresh_s = -1,
	                          .ahead = -1,
	                          .minutes = -1,
	                          .link_text = TEXT_CONTINUE};
}

static void write_page(struct buf *out, const struct page_view *view)
{
	buf_init(out, 16384);
	assert_int_equal(page_write(out, view), ERR_OK);
}

static bool has(const struct buf *page, const char *text)
{
	return strstr(page->data, text) != NULL;
}

static void every_page_has_language_viewport_title_heading_and_says_what_to_do(void **state)
{
	struct buf page, title;
	(void)state;
	for (unsigned i = 0; i < PAGE_COUNT * LANGUAGE_COUNT; i++) {
		const struct page_view view =
		        view_of((enum page)(i / LANGUAGE_COUNT), (enum language)(i % LANGUAGE_COUNT));
		const struct page_words *words = page_words(view.page, view.language);
		assert_true(strlen(words->title) > 5 && strlen(words->text) > 10 && strlen(words->advice) > 10);
		write_page(&page, &view);
		buf_init(&title, 512);
		assert_int_equal(buf_printf(&title, "<html lang=\"%s\">", language_tag(view.language)), ERR_OK);
		assert_true(has(&page, "<!DOCTYPE html>") && has(&page, title.data));
		buf_clear(&title);
		assert_int_equal(buf_printf(&title, "<title>%s</title>", words->title), ERR_OK);
		assert_true(has(&page, title.data));
		assert_true(has(&page, "<meta name=\"viewport\"") && has(&page, "<h1>") && has(&page, words->advice));
		assert_true(has(&page, "</html>") && !has(&page, "<header>"));
		buf_fini(&title);
		buf_fini(&page);
	}
}

static void languages_do_not_share_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PAGE_COUNT; i++) {
		const struct page_words *en = page_words((enum page)i, LANGUAGE_EN),
		                        *de = page_words((enum page)i, LANGUAGE_DE);
		assert_string_not_equal(en->title, de->title);
		assert_string_not_equal(en->text, de->text);
		assert_string_not_equal(en->advice, de->advice);
	}
	for (unsigned i = 0; i < TEXT_COUNT; i++) {
		const char *en = page_text((enum page_text)i, LANGUAGE_EN),
		           *de = page_text((enum page_text)i, LANGUAGE_DE);
		assert_string_not_equal(en, de);
		assert_int_equal(strchr(en, '#') == NULL, strchr(de, '#') == NULL);
	}
}

static void no_page_fetches_anything_from_elsewhere_or_tells_internals(void **state)
{
	static const char *const words[] = {"src=",  "http://", "https://", "url(",  "jumio", "kafka",
	                                    "redis", "vendor",  "verifyd",  "queue", "null",  "denied"};
	struct buf page;
	(void)state;
	for (unsigned i = 0; i < PAGE_COUNT * LANGUAGE_COUNT; i++) {
		const struct page_view view =
		        view_of((enum page)(i / LANGUAGE_COUNT), (enum language)(i % LANGUAGE_COUNT));
		write_page(&page, &view);
		for (size_t w = 0; w < sizeof words / sizeof *words; w++)
			assert_null(strcasestr(page.data, words[w]));
		assert_false(has(&page, "<script"));
		buf_fini(&page);
	}
}

static void a_page_that_waits_opens_itself_again_with_what_was_told(void **state)
{
	struct page_view view = view_of(PAGE_WAITING, LANGUAGE_EN);
	struct buf page;
	(void)state;
	view.refresh_s = 0;
	write_page(&page, &view);
	assert_true(has(&page, "<noscript><meta http-equiv=\"refresh\" content=\"0; url=?w=1\"></noscript>"));
	assert_true(has(&page, "data-again=\"0\"") && has(&page, "<script>") && has(&page, "href=\"?w=1\""));
	buf_fini(&page);
	view.refresh_s = 5;
	view.live = true;
	view.ahead = 120;
	view.minutes = 3;
	view.news = "About 120 <people>";
	write_page(&page, &view);
	assert_true(has(&page, "content=\"5; url=?w=1&amp;n=120&amp;t=3\""));
	assert_true(has(&page, "data-shows=\"waiting\" data-n=\"120\" data-t=\"3\"") && !has(&page, "data-again"));
	assert_true(has(&page, "<p id=\"news\" role=\"status\">About 120 &lt;people&gt;</p>"));
	buf_fini(&page);
	view.page = PAGE_DONE; /* nothing to wait for: it only opens itself again */
	view.news = NULL;
	write_page(&page, &view);
	assert_true(!has(&page, "data-shows") && has(&page, "data-again=\"5\"") && !has(&page, "id=\"news\""));
	buf_fini(&page);
	view.refresh_s = -1;
	view.page = PAGE_WAITING;
	write_page(&page, &view);
	assert_true(!has(&page, "refresh") && !has(&page, "<script") && !has(&page, "data-"));
	buf_fini(&page);
}

static void the_pages_that_wait_are_known_by_name(void **state)
{
	(void)state;
	assert_int_equal(page_by_name("waiting"), PAGE_WAITING);
	assert_int_equal(page_by_name("checking"), PAGE_CHECKING);
	assert_int_equal(page_by_name("done"), PAGE_COUNT);
	assert_int_equal(page_by_name(""), PAGE_COUNT);
}

static void what_is_put_in_stays_text_whatever_it_is(void **state)
{
	struct page_view view = view_of(PAGE_NOT_FINISHED, LANGUAGE_DE);
	struct buf page;
	(void)state;
	view.link = "https://a/?b=1&c=\"><script>'";
	view.application = "</title><script>\"Fjord\" & 'Sons'";
	write_page(&page, &view);
	assert_true(
	        has(&page, "<a class=\"go\" href=\"https://a/?b=1&amp;c=&quot;&gt;&lt;script&gt;&#39;\">Weiter</a>"));
	assert_true(has(&page,
	                "<header><p>&lt;/title&gt;&lt;script&gt;&quot;Fjord&quot; &amp; &#39;Sons&#39;</p></header>"));
	assert_true(has(&page, " – &lt;/title&gt;"));
	assert_false(has(&page, "<script"));
	buf_fini(&page);
	view.link = NULL;
	write_page(&page, &view);
	assert_false(has(&page, "<a "));
	buf_fini(&page);
}

static void a_page_that_does_not_fit_is_an_error(void **state)
{
	struct page_view view = view_of(PAGE_WAITING, LANGUAGE_EN);
	struct buf whole, out;
	(void)state;
	view.refresh_s = 1;
	view.live = true;
	view.link = "https://a";
	view.application = "A";
	view.ahead = view.minutes = 1;
	write_page(&whole, &view);
	for (size_t max = 0; max < whole.len; max++) {
		buf_init(&out, max);
		assert_int_equal(page_write(&out, &view), ERR_LIMIT);
		buf_fini(&out);
	}
	buf_fini(&whole);
}

static void expect_hash(const char *content, const char *hash)
{
	unsigned char digest[32], text[64];
	unsigned len = 0;
	assert_int_equal(EVP_Digest(content, strlen(content), digest, &len, EVP_sha256(), NULL), 1);
	(void)EVP_EncodeBlock(text, digest, (int)len);
	assert_string_equal((const char *)text, hash);
}

static void the_policies_name_the_hashes_of_what_is_inside_and_allow_nothing_else(void **state)
{
	static const char *const policies[] = {PAGE_CSP, PAGE_CSP_LIVE};
	(void)state;
	expect_hash(page_style(), PAGE_STYLE_HASH);
	expect_hash(page_script(), PAGE_SCRIPT_HASH);
	for (int i = 0; i < 2; i++) {
		assert_non_null(strstr(policies[i], "default-src 'none'"));
		assert_non_null(strstr(policies[i], "frame-ancestors 'none'"));
		assert_non_null(strstr(policies[i], "form-action 'none'"));
		assert_non_null(strstr(policies[i], "base-uri 'none'"));
		assert_null(strstr(policies[i], "unsafe"));
		assert_int_equal(strstr(policies[i], "script-src") != NULL, i == 1);
	}
	assert_null(strstr(page_script(), "</script"));
	assert_null(strstr(page_style(), "</style"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_page_has_language_viewport_title_heading_and_says_what_to_do),
	        cmocka_unit_test(languages_do_not_share_words),
	        cmocka_unit_test(no_page_fetches_anything_from_elsewhere_or_tells_internals),
	        cmocka_unit_test(a_page_that_waits_opens_itself_again_with_what_was_told),
	        cmocka_unit_test(the_pages_that_wait_are_known_by_name),
	        cmocka_unit_test(what_is_put_in_stays_text_whatever_it_is),
	        cmocka_unit_test(a_page_that_does_not_fit_is_an_error),
	        cmocka_unit_test(the_policies_name_the_hashes_of_what_is_inside_and_allow_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
