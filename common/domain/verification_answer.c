/* verification_answer: what a caller is told of a verification, wherever it is told: /v1 and webhooks. */
#include "common/base/json_out.h"
#include "common/domain/verification.h"

void verification_answer(const struct verification *verification, struct json_out *json)
{
	json_out_str(json, "id", verification->id);
	json_out_str(json, "kind", kind_info(verification->kind)->name);
	json_out_str(json, "state", state_name(verification->state));
	json_out_int(json, "rev", verification->rev);
	if (verification->risk != RISK_NONE)
		json_out_str(json, "risk", risk_name(verification->risk));
	if (verification->score != SCORE_NONE)
		json_out_int(json, "score", verification->score);
	if (verification->verdict != VERDICT_NONE)
		json_out_str(json, "verdict", verdict_name(verification->verdict));
	if (verification->reason != REASON_NONE)
		json_out_str(json, "reason", reason_name(verification->reason));
}
