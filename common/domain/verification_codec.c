/* verification_codec: verification.v1 as JSON. Absent members mean "has not happened", so nothing is ever null. */
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/utf8.h"
#include "common/domain/verification.h"
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Whole numbers that are written when they are not 0; int64_t or int. */
#define WIDE(member)                                                                                                   \
	{                                                                                                              \
#member, offsetof(struct verification, member), true                                                   \
	}
#define NARROW(member)                                                                                                 \
	{                                                                                                              \
#member, offsetof(struct verification, member), false                                                  \
	}
static const struct number {
	const char *name;
	size_t offset;
	bool wide;
} numbers[] = {
        NARROW(sends),     WIDE(poll),           NARROW(polls),      WIDE(created_ms), WIDE(taken_ms),
        WIDE(asked_ms),    WIDE(answered_ms),    WIDE(initiated_ms), WIDE(until_ms),   WIDE(resumed_ms),
        WIDE(returned_ms), WIDE(called_back_ms), WIDE(checking_ms),  WIDE(decided_ms), WIDE(updated_ms),
};
#undef WIDE
#undef NARROW
enum { NUMBER_COUNT = sizeof numbers / sizeof *numbers };

static int64_t number_of(const struct verification *verification, const struct number *number)
{
	const char *at = (const char *)verification + number->offset;
	return number->wide ? *(const int64_t *)(const void *)at : *(const int *)(const void *)at;
}

static void set_number(struct verification *verification, const struct number *number, int64_t value)
{
	char *at = (char *)verification + number->offset;
	if (number->wide)
		*(int64_t *)(void *)at = value;
	else
		*(int *)(void *)at = (int)value;
}

void verification_texts_fini(struct verification_texts *texts)
{
	free(texts->sealed);
	free(texts->link);
	*texts = (struct verification_texts){NULL, NULL};
}

/* ---- writing ---- */

static void write_text(struct json_out *json, const char *name, const char *text)
{
	if (text && *text)
		json_out_str(json, name, text);
}

static void write_object(struct json_out *json, const char *name, const struct verification *verification,
                         const struct verification_texts *texts, const struct verification_decision *decision)
{
	json_out_object(json, name);
	json_out_str(json, "id", verification->id);
	json_out_str(json, "kind", kind_info(verification->kind)->name);
	json_out_str(json, "state", state_name(verification->state));
	json_out_int(json, "rev", verification->rev);
	json_out_str(json, "caller", verification->caller);
	write_text(json, "risk", risk_name(verification->risk));
	if (verification->score != SCORE_NONE)
		json_out_int(json, "score", verification->score);
	write_text(json, "verdict", verdict_name(verification->verdict));
	write_text(json, "reason", reason_name(verification->reason));
	json_out_int(json, "attempts", verification->attempts);
	json_out_int(json, "replays", verification->replays);
	write_text(json, "question", verification->question);
	write_text(json, "reference", verification->reference);
	if (verification->notify)
		json_out_bool(json, "notify", true);
	if (verification->adopted)
		json_out_bool(json, "adopted", true);
	for (size_t i = 0; i < NUMBER_COUNT; i++)
		if (number_of(verification, &numbers[i]))
			json_out_int(json, numbers[i].name, number_of(verification, &numbers[i]));
	write_text(json, "sealed", texts ? texts->sealed : NULL);
	write_text(json, "link", texts ? texts->link : NULL);
	write_text(json, "decided_by", decision ? decision->by : NULL);
	write_text(json, "decided_reason", decision ? decision->reason : NULL);
	json_out_object_end(json);
}

enum err_code verification_encode_decided(const struct verification *verification,
                                          const struct verification_texts *texts,
                                          const struct verification_decision *decision, struct buf *out)
{
	struct json_out json;
	json_out_begin(&json, out);
	write_object(&json, NULL, verification, texts, decision);
	return json_out_end(&json);
}

enum err_code verification_encode(const struct verification *verification, const struct verification_texts *texts,
                                  struct buf *out)
{
	return verification_encode_decided(verification, texts, NULL, out);
}

enum err_code retrieval_encode(const struct verification *verification, const struct verification_texts *texts,
                               struct buf *out)
{
	return notice_encode(verification, verification->question, texts->sealed, out);
}

enum err_code notice_encode(const struct verification *verification, const char *question, const char *sealed,
                            struct buf *out)
{
	struct json_out json;
	if (!sealed)
		return ERR_INVALID;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_str(&json, "id", verification->id);
	json_out_str(&json, "kind", kind_info(verification->kind)->name);
	json_out_str(&json, "caller", verification->caller);
	json_out_str(&json, "question", question);
	json_out_int(&json, "created_ms", verification->created_ms);
	json_out_str(&json, "sealed", sealed);
	write_object(&json, "state", verification, NULL, NULL);
	json_out_object_end(&json);
	return json_out_end(&json);
}

/* ---- reading ---- */

/* Most members of a state are absent most of the time. They are looked for first, because a message that nobody reads
 * costs more than the look. */
static enum err_code read_optional_str(const struct json_in *root, const char *name, char *out, size_t cap,
                                       struct err *err)
{
	*out = '\0';
	return json_in_get(root, name) ? json_in_str(root, name, out, cap, err) : ERR_OK;
}

/* An absent member leaves *ret_value as it is. */
static enum err_code read_optional_int(const struct json_in *root, const char *name, int64_t max, int64_t *ret_value,
                                       struct err *err)
{
	return json_in_get(root, name) ? json_in_int(root, name, 0, max, ret_value, err) : ERR_OK;
}

static enum err_code read_number(const struct json_in *root, const char *name, int64_t max, int *ret_number,
                                 struct err *err)
{
	int64_t wide = *ret_number;
	enum err_code code = read_optional_int(root, name, max, &wide, err);
	if (code == ERR_OK)
		*ret_number = (int)wide;
	return code;
}

static enum err_code read_required(const struct json_in *root, struct verification *verification, struct err *err)
{
	char kind[64], state[32];
	enum err_code code;
	if ((code = json_in_str(root, "id", verification->id, sizeof verification->id, err)) != ERR_OK ||
	    (code = json_in_str(root, "kind", kind, sizeof kind, err)) != ERR_OK ||
	    (code = json_in_str(root, "state", state, sizeof state, err)) != ERR_OK ||
	    (code = json_in_str(root, "caller", verification->caller, sizeof verification->caller, err)) != ERR_OK)
		return code == ERR_NOT_FOUND ? err_set(err, ERR_INVALID, "a required member is missing") : code;
	if (!id_is_valid(verification->id, strlen(verification->id)))
		return err_set(err, ERR_INVALID, "id: not of the right shape");
	if ((verification->kind = kind_by_name(kind)) == KIND_COUNT)
		return err_set(err, ERR_NEWER, "kind: not known to this version");
	if ((verification->state = state_by_name(state)) == STATE_COUNT)
		return err_set(err, ERR_NEWER, "state: not known to this version");
	return ERR_OK;
}

static enum err_code read_names(const struct json_in *root, struct verification *verification, struct err *err)
{
	char risk[16], reason[32], verdict[32];
	enum err_code code;
	if ((code = read_optional_str(root, "risk", risk, sizeof risk, err)) != ERR_OK ||
	    (code = read_optional_str(root, "verdict", verdict, sizeof verdict, err)) != ERR_OK ||
	    (code = read_optional_str(root, "question", verification->question, sizeof verification->question, err)) !=
	            ERR_OK ||
	    (code = read_optional_str(root, "reference", verification->reference, sizeof verification->reference,
	                              err)) != ERR_OK ||
	    (code = read_optional_str(root, "reason", reason, sizeof reason, err)) != ERR_OK)
		return code;
	if ((verification->risk = *risk ? risk_by_name(risk) : RISK_NONE) == RISK_COUNT)
		return err_set(err, ERR_NEWER, "risk: not known to this version");
	if ((verification->verdict = verdict_by_name(verdict)) == VERDICT_COUNT)
		return err_set(err, ERR_NEWER, "verdict: not known to this version");
	if ((verification->reason = reason_by_name(reason)) == REASON_COUNT)
		verification->reason = REASON_OTHER; /* state and verdict say what matters */
	verification->notify = json_in_type(json_in_get(root, "notify")) == JSON_IN_TRUE;
	verification->adopted = json_in_type(json_in_get(root, "adopted")) == JSON_IN_TRUE;
	return ERR_OK;
}

static enum err_code read_all(const struct json_in *root, struct verification *verification, struct err *err)
{
	enum err_code code = read_required(root, verification, err);
	if (code == ERR_OK)
		code = read_names(root, verification, err);
	if (code == ERR_OK)
		code = json_in_int(root, "rev", 1, INT64_MAX, &verification->rev, err);
	if (code == ERR_OK)
		code = read_number(root, "score", SCORE_MAX, &verification->score, err);
	if (code == ERR_OK)
		code = read_number(root, "attempts", INT_MAX, &verification->attempts, err);
	if (code == ERR_OK)
		code = read_number(root, "replays", INT_MAX, &verification->replays, err);
	for (size_t i = 0; i < NUMBER_COUNT && code == ERR_OK; i++) {
		int64_t value = 0;
		code = read_optional_int(root, numbers[i].name, numbers[i].wide ? INT64_MAX : INT_MAX, &value, err);
		set_number(verification, &numbers[i], value);
	}
	return code == ERR_NOT_FOUND ? err_set(err, ERR_INVALID, "rev: missing") : code;
}

static enum err_code read_text(const struct json_in *root, const char *name, char **ret_text)
{
	const char *text = json_in_text(json_in_get(root, name));
	*ret_text = text ? strdup(text) : NULL;
	return text && !*ret_text ? ERR_NO_MEMORY : ERR_OK;
}

static enum err_code read_texts(const struct json_in *root, struct verification_texts *ret_texts, struct err *err)
{
	struct verification_texts texts = {NULL, NULL};
	enum err_code code = read_text(root, "sealed", &texts.sealed);
	if (code == ERR_OK)
		code = read_text(root, "link", &texts.link);
	if (code == ERR_OK) {
		*ret_texts = texts;
		return ERR_OK;
	}
	verification_texts_fini(&texts);
	return err_set(err, code, "texts of a state");
}

/* member NULL: the value itself is the state. */
static enum err_code decode(const char *value, size_t len, size_t max, const char *member, struct verification *ret,
                            struct verification_texts *ret_texts, struct err *err)
{
	if (!value || len > max)
		return err_set(err, value ? ERR_LIMIT : ERR_INVALID, "state of %zu bytes", len);
	struct json_in *root = NULL;
	enum err_code code = json_in_parse(value, len, &root, err);
	if (code != ERR_OK)
		return code;
	struct verification verification = {.score = SCORE_NONE};
	const struct json_in *state = member ? json_in_get(root, member) : root;
	if (!state)
		code = err_set(err, ERR_NOT_FOUND, "no member %s", member);
	else
		code = json_in_type(state) == JSON_IN_OBJECT ? read_all(state, &verification, err)
		                                             : err_set(err, ERR_INVALID, "not an object");
	if (code == ERR_OK && ret_texts)
		code = read_texts(state, ret_texts, err);
	json_in_free(root);
	if (code == ERR_OK)
		*ret = verification;
	return code;
}

enum err_code verification_decode(const char *value, size_t len, struct verification *ret,
                                  struct verification_texts *ret_texts, struct err *err)
{
	return decode(value, len, VERIFICATION_MAX_BYTES, NULL, ret, ret_texts, err);
}

enum err_code retrieval_decode_state(const char *value, size_t len, struct verification *ret, struct err *err)
{
	return decode(value, len, REQUEST_MAX_BYTES, "state", ret, NULL, err);
}

/* ---- a person's decision ---- */

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* Counts the characters of a text that a terminal and a log can show. Returns: ERR_OK; ERR_INVALID. */
static enum err_code count_characters(const char *text, size_t *ret_count)
{
	size_t left = strlen(text), count = 0;
	bool blank = true;
	for (size_t step; left > 0; text += step, left -= step, count++) {
		unsigned char first = (unsigned char)text[0];
		step = utf8_step(text, left);
		bool is_c1 = step == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0;
		if (step == 0 || first < ' ' || first == 0x7f || is_c1)
			return ERR_INVALID;
		blank = blank && first == ' ';
	}
	*ret_count = count;
	return blank ? ERR_INVALID : ERR_OK;
}

enum err_code verification_decision_set(struct verification_decision *ret, const char *by, const char *reason,
                                        struct err *err)
{
	size_t characters, by_len = strlen(by);
	if (by_len == 0 || by_len >= sizeof ret->by || !is_printable(by))
		return err_set(err, ERR_INVALID, "who decides: not 1 to %zu printable ASCII characters",
		               sizeof ret->by - 1);
	if (count_characters(reason, &characters) != ERR_OK)
		return err_set(err, ERR_INVALID, "the reason: empty, or not UTF-8 without control characters");
	if (characters > DECIDED_REASON_CHARS)
		return err_set(err, ERR_LIMIT, "the reason: %zu characters, more than %d", characters,
		               DECIDED_REASON_CHARS);
	memcpy(ret->by, by, by_len + 1);
	memcpy(ret->reason, reason, strlen(reason) + 1);
	return ERR_OK;
}

enum err_code verification_decision_decode(const char *value, size_t len, struct verification_decision *ret,
                                           struct err *err)
{
	struct json_in *root = NULL;
	struct verification_decision found;
	if (!value || len > VERIFICATION_MAX_BYTES)
		return err_set(err, value ? ERR_LIMIT : ERR_INVALID, "state of %zu bytes", len);
	enum err_code code = json_in_parse(value, len, &root, err);
	if (code != ERR_OK)
		return code;
	code = read_optional_str(root, "decided_by", found.by, sizeof found.by, err);
	if (code == ERR_OK)
		code = read_optional_str(root, "decided_reason", found.reason, sizeof found.reason, err);
	json_in_free(root);
	if (code == ERR_OK)
		*ret = found;
	return code;
}
