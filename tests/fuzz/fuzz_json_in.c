/* fuzz_json_in: any bytes as JSON. What is accepted is within its limits and can be asked for every type. */
#include "common/base/json_in.h"
#include "tests/fuzz/fuzz.h"

static size_t depth_of(const json_t *value);

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static size_t depth_within(const json_t *value)
{
	size_t deepest = 0, i;
	const char *name;
	json_t *inner;
	if (json_is_array(value))
		json_array_foreach(value, i, inner) deepest = larger(deepest, depth_of(inner));
	else
		json_object_foreach((json_t *)(uintptr_t)value, name, inner) deepest = larger(deepest, depth_of(inner));
	return deepest;
}

static size_t depth_of(const json_t *value)
{
	return json_is_object(value) || json_is_array(value) ? 1 + depth_within(value) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *root = NULL;
	struct err err = {ERR_OK, ""};
	char text[16];
	int64_t number = 0;
	if (json_in_parse((const char *)data, size, &root, &err) != ERR_OK) {
		FUZZ_RULE(!root && err.code != ERR_OK && err.msg[0]);
		return 0;
	}
	FUZZ_RULE(root);
	FUZZ_RULE(depth_of(root) <= JSON_IN_MAX_DEPTH);
	enum err_code code = json_in_str(root, "a", text, sizeof text, &err);
	FUZZ_RULE(code == ERR_OK || text[0] == '\0');
	code = json_in_int(root, "a", -5, 5, &number, &err);
	FUZZ_RULE(code == ERR_OK || number == 0);
	FUZZ_RULE(number >= -5 && number <= 5);
	json_decref(root);
	return 0;
}
