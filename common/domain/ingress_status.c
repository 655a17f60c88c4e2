/* ingress_status: one object; a reader takes what it knows, so that programs of different versions can be rolled out.
 */
#include "common/domain/ingress_status.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include <stddef.h>

static const struct {
	const char *name;
	size_t at;
} numbers[] = {
        {"at_ms", offsetof(struct ingress_status, at_ms)},
        {"started_ms", offsetof(struct ingress_status, started_ms)},
        {"loop_lag_ms", offsetof(struct ingress_status, loop_lag_ms)},
        {"held", offsetof(struct ingress_status, held)},
        {"answered", offsetof(struct ingress_status, answered)},
        {"failed", offsetof(struct ingress_status, failed)},
        {"accepted", offsetof(struct ingress_status, accepted)},
        {"joined", offsetof(struct ingress_status, joined)},
        {"refused", offsetof(struct ingress_status, refused)},
        {"limited", offsetof(struct ingress_status, limited)},
};

static const struct {
	const char *name;
	size_t at;
} flags[] = {
        {"draining", offsetof(struct ingress_status, draining)},
        {"kafka_up", offsetof(struct ingress_status, kafka_up)},
        {"redis_up", offsetof(struct ingress_status, redis_up)},
};

enum { NUMBER_COUNT = sizeof numbers / sizeof *numbers, FLAG_COUNT = sizeof flags / sizeof *flags };

enum err_code ingress_status_encode(const struct ingress_status *status, struct buf *out)
{
	struct json_out json;
	json_out_begin(&json, out);
	json_out_object(&json, NULL);
	json_out_str(&json, "version", status->version);
	for (size_t i = 0; i < NUMBER_COUNT; i++)
		json_out_int(&json, numbers[i].name, *(const int64_t *)((const char *)status + numbers[i].at));
	for (size_t i = 0; i < FLAG_COUNT; i++)
		json_out_bool(&json, flags[i].name, *(const bool *)((const char *)status + flags[i].at));
	json_out_object_end(&json);
	return json_out_end(&json);
}

enum err_code ingress_status_decode(const char *text, size_t len, struct ingress_status *ret_status, struct err *err)
{
	struct ingress_status status = {.at_ms = 0};
	struct json_in *root = NULL;
	if (len > INGRESS_STATUS_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "an ingress's status is longer than %d bytes", INGRESS_STATUS_MAX_BYTES);
	enum err_code code = json_in_parse(text, len, &root, err);
	if (code != ERR_OK)
		return code;
	for (size_t i = 0; i < NUMBER_COUNT; i++) {
		int64_t number = json_in_integer(json_in_get(root, numbers[i].name));
		*(int64_t *)((char *)&status + numbers[i].at) = number > 0 ? number : 0;
	}
	for (size_t i = 0; i < FLAG_COUNT; i++)
		*(bool *)((char *)&status + flags[i].at) =
		        json_in_type(json_in_get(root, flags[i].name)) == JSON_IN_TRUE;
	if (json_in_str(root, "version", status.version, sizeof status.version, NULL) != ERR_OK)
		status.version[0] = '\0';
	json_in_free(root);
	if (status.at_ms == 0)
		return err_set(err, ERR_INVALID, "an ingress's status without at_ms");
	*ret_status = status;
	return ERR_OK;
}

bool ingress_status_is_fresh(const struct ingress_status *status, int64_t now_ms)
{
	return now_ms - status->at_ms <= WORKER_FRESH_MS;
}
