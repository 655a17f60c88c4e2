/* html: nothing that is escaped ends a text or an attribute. */
#include "common/base/html.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(escaping_touches_only_what_html_reads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
