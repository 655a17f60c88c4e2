/* token_checks: what both tests of tokens do with one. Include it after cmocka.h. */
#ifndef TOKEN_CHECKS_H
#define TOKEN_CHECKS_H

#include "tests/unit/token_fixture.h"

static inline void make(const struct tokens *tokens, const char *object_id, const char *reference, struct buf *out)
{
	struct token_claims claims = {.expires_s = FIXTURE_NOW + TOKEN_LIFE_S};
	(void)snprintf(claims.object_id, sizeof claims.object_id, "%s", object_id);
	(void)snprintf(claims.reference, sizeof claims.reference, "%s", reference);
	buf_init(out, TOKEN_MAX_BYTES);
	assert_int_equal(token_make(tokens, &claims, FIXTURE_NOW, out), ERR_OK);
}

static inline enum err_code read_at(const struct tokens *tokens, const struct buf *token, int64_t now_s,
                             struct token_claims *ret)
{
	return token_read(tokens, token->data, token->len, now_s, ret);
}

static inline void assert_refused(const struct tokens *tokens, const char *text, size_t len)
{
	struct token_claims got, before;
	memset(&got, '?', sizeof got);
	before = got;
	assert_int_equal(token_read(tokens, text, len, FIXTURE_NOW, &got), ERR_INVALID);
	assert_memory_equal(&got, &before, sizeof got);
}

#endif
