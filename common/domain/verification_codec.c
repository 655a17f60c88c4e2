/* verification_codec: verification.v1 as JSON. Absent members mean "has not happened", so nothing is ever null. */
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/domain/verification.h"
#include <limits.h>
#include <stddef.h>
#include <string.h>

/* Members that are a time: written when they are not 0. */
static const struct {
	const char *name;
	size_t offset;
} times[] = {
        {"created_ms", offsetof(struct verification, created_ms)},
        {"taken_ms", offsetof(struct verification, taken_ms)},
        {"asked_ms", offsetof(struct verification, asked_ms)},
        {"answered_ms", offsetof(struct verification, answered_ms)},
        {"updated_ms", offsetof(struct verification, updated_ms)},
};

static const int64_t *time_of(const struct verification *verification, size_t i)
{
	return (const int64_t *)(const void *)((const char *)verification + times[i].offset);
}

enum err_code verification_encode(const struct verification *verification, struct buf *out)
{
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_str(&json, "id", verification->id);
	json_out_str(&json, "kind", kind_info(verification->kind)->name);
	json_out_str(&json, "state", state_name(verification->state));
	json_out_int(&json, "rev", verification->rev);
	json_out_str(&json, "caller", verification->caller);
	if (verification->risk != RISK_NONE)
		json_out_str(&json, "risk", risk_name(verification->risk));
	if (verification->score != SCORE_NONE)
		json_out_int(&json, "score", verification->score);
	if (verification->reason != REASON_NONE)
		json_out_str(&json, "reason", reason_name(verification->reason));
	json_out_int(&json, "attempts", verification->attempts);
	json_out_int(&json, "replays", verification->replays);
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		if (*time_of(verification, i))
			json_out_int(&json, times[i].name, *time_of(verification, i));
	json_out_object_end(&json);
	return json_out_end(&json);
}

static enum err_code optional(enum err_code code)
{
	return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static enum err_code read_number(const json_t *root, const char *name, int64_t max, int *ret_number, struct err *err)
{
	int64_t wide;
	enum err_code code = json_in_int(root, name, 0, max, &wide, err);
	if (code == ERR_OK)
		*ret_number = (int)wide;
	return optional(code);
}

static enum err_code read_names(const json_t *root, struct verification *verification, struct err *err)
{
	char kind[64], state[32], risk[16], reason[32];
	enum err_code code;
	if ((code = json_in_str(root, "id", verification->id, sizeof verification->id, err)) != ERR_OK ||
	    (code = json_in_str(root, "kind", kind, sizeof kind, err)) != ERR_OK ||
	    (code = json_in_str(root, "state", state, sizeof state, err)) != ERR_OK ||
	    (code = json_in_str(root, "caller", verification->caller, sizeof verification->caller, err)) != ERR_OK)
		return code == ERR_NOT_FOUND ? err_set(err, ERR_INVALID, "a required member is missing") : code;
	if ((code = optional(json_in_str(root, "risk", risk, sizeof risk, err))) != ERR_OK ||
	    (code = optional(json_in_str(root, "reason", reason, sizeof reason, err))) != ERR_OK)
		return code;
	if (!id_is_valid(verification->id, strlen(verification->id)))
		return err_set(err, ERR_INVALID, "id: not of the right shape");
	if ((verification->kind = kind_by_name(kind)) == KIND_COUNT)
		return err_set(err, ERR_INVALID, "kind: not known to this version");
	if ((verification->state = state_by_name(state)) == STATE_COUNT)
		return err_set(err, ERR_INVALID, "state: not known to this version");
	if ((verification->risk = *risk ? risk_by_name(risk) : RISK_NONE) == RISK_COUNT)
		return err_set(err, ERR_INVALID, "risk: not known to this version");
	if ((verification->reason = reason_by_name(reason)) == REASON_COUNT)
		return err_set(err, ERR_INVALID, "reason: not known to this version");
	return ERR_OK;
}

static enum err_code read_all(const json_t *root, struct verification *verification, struct err *err)
{
	enum err_code code = read_names(root, verification, err);
	if (code == ERR_OK)
		code = json_in_int(root, "rev", 1, INT64_MAX, &verification->rev, err);
	if (code == ERR_OK)
		code = read_number(root, "score", SCORE_MAX, &verification->score, err);
	if (code == ERR_OK)
		code = read_number(root, "attempts", INT_MAX, &verification->attempts, err);
	if (code == ERR_OK)
		code = read_number(root, "replays", INT_MAX, &verification->replays, err);
	for (size_t i = 0; i < sizeof times / sizeof *times && code == ERR_OK; i++) {
		int64_t *slot = (int64_t *)(void *)((char *)verification + times[i].offset);
		code = optional(json_in_int(root, times[i].name, 0, INT64_MAX, slot, err));
	}
	return code == ERR_NOT_FOUND ? err_set(err, ERR_INVALID, "rev: missing") : code;
}

enum err_code verification_decode(const char *value, size_t len, struct verification *ret, struct err *err)
{
	if (!value || len > VERIFICATION_MAX_BYTES)
		return err_set(err, value ? ERR_LIMIT : ERR_INVALID, "state of %zu bytes", len);
	json_t *root = NULL;
	enum err_code code = json_in_parse(value, len, &root, err);
	if (code != ERR_OK)
		return code;
	struct verification verification = {.score = SCORE_NONE};
	code = json_is_object(root) ? read_all(root, &verification, err) : err_set(err, ERR_INVALID, "not an object");
	json_decref(root);
	if (code == ERR_OK)
		*ret = verification;
	return code;
}
