/* case_runner: runs a vendor's cases, `vendor_case_runner NAME FOLDER`. Every *.json in the folder is an object:
 *   {"about": TEXT, "settings"?: {NAME: TEXT}, "person"?: {FIELD: TEXT}, "state"?: {...}, "operation"?: NAME, "step"?:
 * N, "cases": [CASE, ...]} A case adds to the file's settings, person and state (null takes one away), may name another
 * operation and step, and holds what is expected; see the members of `case_members`. It knows no vendor: a new one adds
 * its folder of cases and changes nothing here. */
#include "workers/vendors/vendor.h"
#include <dirent.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* name: what the case shows. kind: as in /v1 (the vendor's first one when absent). operation: as in verifyd-op (the
 * kind's first one when absent). step: 0 when absent. state: reference, adopted. complaints: the settings that
 * configure must complain of, in order; nothing else is then run. build_error: the text of err_text that build must
 * fail with. request: method, url, headers (all of them; ${version}), and body (exact) or json (equal as JSON).
 * response: status, type, body (exact) or json, retry_after_ms. answer: failure (as in retry_policy.def), next_step, or
 * event (as in enum event_type) with what belongs to it: risk, score, verdict, reason, reference, link, until_ms; what
 * is not named must not be there. The time is NOW_MS. */
static const char *const case_members[] = {"name",     "settings", "person",     "kind",        "operation",
                                           "step",     "state",    "complaints", "build_error", "request",
                                           "response", "answer",   NULL};
static const char *const file_members[] = {"about", "settings", "person", "operation", "step", "state", "cases", NULL};
static const char *const state_members[] = {"reference", "adopted", NULL};
static const char *const request_members[] = {"method", "url", "headers", "body", "json", NULL};
static const char *const response_members[] = {"status", "type", "body", "json", "retry_after_ms", NULL};
static const char *const answer_members[] = {"failure", "next_step", "event", "risk",     "score",          "verdict",
                                             "reason",  "reference", "link",  "until_ms", "retry_after_ms", NULL};

static const char *const failure_names[] = {
#define FAILURE(symbol, reason) #symbol,
#define RETRY(failure, flow, tries, base_ms, cap_ms, acted)
#include "common/domain/retry_policy.def"
#undef FAILURE
#undef RETRY
};

/* What every worker must be given besides its vendor's settings. */
static const char *const common_settings[][2] = {
        {"KAFKA_BROKERS", "127.0.0.1:1"},
        {"REDIS_URL", "redis://127.0.0.1:1"},
        {"SEAL_KEYS", "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
};

enum { MAX_SETTINGS = 64, COMPLAINTS_BYTES = 8192 };
static const int64_t NOW_MS = 1790000000000; /* unix ms */

struct run {
	const struct vendor *vendor;
	const char *file, *name; /* of the case that runs */
	int cases, failed;
	bool wrong; /* this case has failed */
};

/* ---- reporting ---- */

static void mismatch(struct run *run, const char *what, const char *wanted, const char *got) __attribute__((nonnull));
static void mismatch(struct run *run, const char *what, const char *wanted, const char *got)
{
	fprintf(stderr, "%s: %s: %s\n  expected %s\n  got      %s\n", run->file, run->name, what, wanted, got);
	run->wrong = true;
}

static void expect_text(struct run *run, const char *what, const char *wanted, const char *got)
{
	if (strcmp(wanted, got) != 0)
		mismatch(run, what, wanted, got);
}

static void expect_number(struct run *run, const char *what, int64_t wanted, int64_t got)
{
	char a[32], b[32];

	snprintf(a, sizeof(a), "%lld", (long long)wanted);
	snprintf(b, sizeof(b), "%lld", (long long)got);
	expect_text(run, what, a, b);
}

/* A member nobody knows would be an expectation that nobody checks. */
static void only_members(struct run *run, const json_t *object, const char *const *allowed)
{
	const char *name = NULL;
	json_t *value = NULL;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		size_t i = 0;
		while (allowed[i] && strcmp(allowed[i], name) != 0)
			i++;
		if (!allowed[i])
			mismatch(run, "unknown member of the case", "a known one", name);
	}
}

static const char *text_of(const json_t *object, const char *name, const char *fallback)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : fallback;
}

/* ---- settings ---- */

static void *need(void *memory)
{
	if (memory)
		return memory;
	fputs("out of memory\n", stderr);
	exit(1);
}

/* The file's members with the case's on top; a null takes one away. Returns: a new object. */
static json_t *merged(const json_t *file, const json_t *one, const char *member)
{
	json_t *all = need(json_object());
	const char *name = NULL;
	json_t *value = NULL;
	void *next = NULL;

	if (json_object_update(all, json_object_get(file, member)) != 0 && json_object_get(file, member))
		need(NULL);
	if (json_object_update(all, json_object_get(one, member)) != 0 && json_object_get(one, member))
		need(NULL);
	json_object_foreach_safe(all, next, name, value) if (json_is_null(value)) json_object_del(all, name);
	return all;
}

static char *assignment(const char *name, const char *value)
{
	char *text = NULL;

	if (asprintf(&text, "VERIFYD_%s=%s", name, value) < 0)
		need(NULL);
	return text;
}

static struct config *load_config(struct run *run, const json_t *settings)
{
	char *environment[MAX_SETTINGS + 1] = {NULL};
	size_t count = 0;
	struct config *config = NULL;
	const char *name = NULL;
	json_t *value = NULL;

	for (size_t i = 0; i < sizeof(common_settings) / sizeof(common_settings[0]); i++)
		environment[count++] = assignment(common_settings[i][0], common_settings[i][1]);
	json_object_foreach((json_t *)(uintptr_t)settings, name, value) if (count < MAX_SETTINGS) environment[count++] =
	        assignment(name, json_string_value(value));
	if (config_load(CONFIG_WORKER, environment, stderr, &config) != ERR_OK)
		mismatch(run, "settings", "accepted by config_load", "refused");
	for (size_t i = 0; i < count; i++)
		free(environment[i]);
	return config;
}

/* Each complaint is one line that begins with the setting's name. */
static void check_complaints(struct run *run, const json_t *wanted, char *lines)
{
	size_t count = 0;
	char *rest = NULL;

	for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), count++) {
		char name[128];
		snprintf(name, sizeof(name), "VERIFYD_%s:",
		         json_is_string(json_array_get(wanted, count))
		                 ? json_string_value(json_array_get(wanted, count))
		                 : "(none)");
		if (strncmp(line, name, strlen(name)) != 0)
			mismatch(run, "complaint", name, line);
	}
	expect_number(run, "number of complaints", (int64_t)json_array_size(wanted), (int64_t)count);
}

/* Returns: the vendor's self, or NULL when it was refused or the case is over. */
static void *configure(struct run *run, const json_t *one, const struct config *config)
{
	char lines[COMPLAINTS_BYTES] = "";
	void *self = NULL;
	FILE *complaints = need(fmemopen(lines, sizeof(lines) - 1, "w"));
	enum err_code code = run->vendor->configure(config, complaints, &self);
	const json_t *wanted = json_object_get(one, "complaints");

	fclose(complaints);
	expect_text(run, "configure", err_text(wanted ? ERR_INVALID : ERR_OK), err_text(code));
	check_complaints(run, wanted, lines);
	return self;
}

/* ---- the request ---- */

/* "${version}" in a header of a case stands for the program's version. */
static void header_line(char *line, size_t cap, const char *name, const char *value)
{
	static const char mark[] = "${version}";
	const char *at = strstr(value, mark);

	if (at)
		snprintf(line, cap, "%s: %.*s" VERIFYD_VERSION "%s", name, (int)(at - value), value, at + strlen(mark));
	else
		snprintf(line, cap, "%s: %s", name, value);
}

static void check_headers(struct run *run, const json_t *wanted, const struct http_request *http)
{
	const char *name = NULL;
	json_t *value = NULL;
	char line[HTTP_MAX_HEADER_BYTES + 1];

	expect_number(run, "number of headers", (int64_t)json_object_size(wanted), (int64_t)http->header_count);
	json_object_foreach((json_t *)(uintptr_t)wanted, name, value)
	{
		bool found = false;
		header_line(line, sizeof(line), name, json_string_value(value));
		for (size_t i = 0; i < http->header_count; i++)
			found = found || strcmp(line, http->headers[i].data) == 0;
		if (!found)
			mismatch(run, "header", line, "none such");
	}
}

static void check_request(struct run *run, const json_t *wanted, const struct http_request *http)
{
	const json_t *tree = json_object_get(wanted, "json");

	only_members(run, wanted, request_members);
	expect_text(run, "method", text_of(wanted, "method", ""), http->method);
	expect_text(run, "url", text_of(wanted, "url", ""), http->url.data);
	if (json_object_get(wanted, "headers"))
		check_headers(run, json_object_get(wanted, "headers"), http);
	if (!tree) {
		expect_text(run, "body", text_of(wanted, "body", ""), http->body.data);
		return;
	}
	json_t *body = json_loadb(http->body.data, http->body.len, JSON_REJECT_DUPLICATES, NULL);
	if (!body || !json_equal(body, tree))
		mismatch(run, "body", "the JSON of the case", http->body.data);
	json_decref(body);
}

static void build_and_check(struct run *run, const json_t *one, const void *self, const struct vendor_job *job)
{
	struct http_request http;
	struct err err = {ERR_OK, ""};
	const char *error = text_of(one, "build_error", NULL);

	http_request_init(&http);
	enum err_code code = run->vendor->build(self, job, &http, &err);
	expect_text(run, "build", error ? error : err_text(ERR_OK), err_text(code));
	if (code == ERR_OK)
		expect_number(run, "timeout_ms", run->vendor->timeout_ms(self, job->operation), http.timeout_ms);
	if (code == ERR_OK && json_object_get(one, "request"))
		check_request(run, json_object_get(one, "request"), &http);
	http_request_fini(&http);
}

/* ---- the response ---- */

static void check_event(struct run *run, const json_t *wanted, const struct event *event)
{
	static const char *const names[EVENT_COUNT] = {
	        [EVENT_SCORED] = "SCORED",   [EVENT_NO_SCORE] = "NO_SCORE", [EVENT_INITIATED] = "INITIATED",
	        [EVENT_PENDING] = "PENDING", [EVENT_JUDGED] = "JUDGED",     [EVENT_DIED] = "DIED",
	};
	bool about_score = event->type == EVENT_SCORED || event->type == EVENT_NO_SCORE;
	const json_t *score = json_object_get(wanted, "score");
	const char *name = event->type < EVENT_COUNT ? names[event->type] : NULL;

	expect_text(run, "event", text_of(wanted, "event", "no event"), name ? name : "another event");
	expect_text(run, "risk", text_of(wanted, "risk", about_score ? "UNKNOWN" : ""), risk_name(event->risk));
	expect_number(run, "score", score ? json_integer_value(score) : about_score ? SCORE_NONE : 0, event->score);
	expect_text(run, "verdict", text_of(wanted, "verdict", ""), verdict_name(event->verdict));
	expect_text(run, "reason", text_of(wanted, "reason", ""), reason_name(event->reason));
	expect_text(run, "reference", text_of(wanted, "reference", ""), event->reference);
	expect_number(run, "until_ms", json_integer_value(json_object_get(wanted, "until_ms")), event->until_ms);
}

static void check_answer(struct run *run, const json_t *wanted, const struct vendor_answer *answer)
{
	const char *failure =
	        answer->failed && answer->failure < FAILURE_COUNT ? failure_names[answer->failure] : "none";
	int64_t step = json_integer_value(json_object_get(wanted, "next_step"));

	only_members(run, wanted, answer_members);
	expect_text(run, "failure", text_of(wanted, "failure", "none"), failure);
	expect_number(run, "next_step", step, answer->next_step);
	if (!answer->failed && step == 0)
		check_event(run, wanted, &answer->event);
	expect_text(run, "link", text_of(wanted, "link", ""), answer->link.data);
	expect_number(run, "retry_after_ms", json_integer_value(json_object_get(wanted, "retry_after_ms")),
	              answer->retry_after_ms);
}

static void read_and_check(struct run *run, const json_t *one, const void *self, const struct vendor_job *job)
{
	const json_t *given = json_object_get(one, "response");
	const json_t *tree = json_object_get(given, "json");
	const json_t *exact = json_object_get(given, "body");
	char *body = tree ? need(json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY))
	                  : need(strdup(exact ? json_string_value(exact) : ""));
	struct vendor_answer answer;
	const struct http_response response = {
	        .status = (int)json_integer_value(json_object_get(given, "status")),
	        .content_type = text_of(given, "type", "application/json"),
	        .body = body,
	        .body_len = strlen(body),
	        .retry_after_ms = json_integer_value(json_object_get(given, "retry_after_ms")),
	};

	only_members(run, given, response_members);
	vendor_answer_init(&answer);
	run->vendor->read(self, job, &response, &answer);
	check_answer(run, json_object_get(one, "answer"), &answer);
	vendor_answer_fini(&answer);
	free(body);
}

/* ---- cases ---- */

static enum kind kind_of_case(const struct run *run, const json_t *one)
{
	const char *name = text_of(one, "kind", NULL);

	if (name)
		return kind_by_name(name);
	for (int kind = 0; kind < KIND_COUNT; kind++)
		if (strcmp(kind_info((enum kind)kind)->vendor, run->vendor->name) == 0)
			return (enum kind)kind;
	return KIND_COUNT;
}

static void fill_person(struct run *run, const json_t *fields, struct person *person)
{
	const char *name = NULL;
	json_t *value = NULL;

	json_object_foreach((json_t *)(uintptr_t)fields, name, value)
	{
		bool known = false;
		for (int field = 0; field < REQUEST_FIELD_COUNT; field++)
			if (strcmp(request_field_info((enum request_field)field)->name, name) == 0) {
				person->field[field] = json_string_value(value);
				known = true;
			}
		if (!known)
			mismatch(run, "person", "a field of request_fields.def", name);
	}
}

/* The case's member, or else the file's. */
static const json_t *member_of(const json_t *file, const json_t *one, const char *name)
{
	const json_t *own = json_object_get(one, name);

	return own ? own : json_object_get(file, name);
}

/* Returns: OPERATION_COUNT after it said that there is none of that name. */
static enum operation operation_of(struct run *run, enum kind kind, const json_t *name)
{
	if (!name)
		return kind_first_operation(kind);
	for (int i = 0; i < OPERATION_COUNT; i++) {
		const struct operation_info *info = operation_info((enum operation)i);
		if (info->kind == kind && json_is_string(name) && strcmp(info->name, json_string_value(name)) == 0)
			return (enum operation)i;
	}
	mismatch(run, "operation", "one of this kind's", "none");
	return OPERATION_COUNT;
}

static void fill_state(struct run *run, const json_t *file, const json_t *one, struct verification *state)
{
	json_t *members = merged(file, one, "state");

	only_members(run, members, state_members);
	(void)snprintf(state->reference, sizeof(state->reference), "%s", text_of(members, "reference", ""));
	state->adopted = json_is_true(json_object_get(members, "adopted"));
	json_decref(members);
}

static void run_configured(struct run *run, const json_t *file, const json_t *one, const json_t *fields,
                           const void *self)
{
	struct person person = {0};
	struct request request = {.id = "vAAAAAAAAAAAAAAAAAAAAAA", .kind = kind_of_case(run, one)};
	struct verification state = {.kind = request.kind};

	if (request.kind >= KIND_COUNT) {
		mismatch(run, "kind", "one of this vendor's", "none");
		return;
	}
	fill_person(run, fields, &person);
	fill_state(run, file, one, &state);
	const struct vendor_job job = {
	        .operation = operation_of(run, request.kind, member_of(file, one, "operation")),
	        .request = &request,
	        .person = &person,
	        .state = &state,
	        .step = (int)json_integer_value(member_of(file, one, "step")),
	        .now_ms = NOW_MS,
	};
	if (job.operation == OPERATION_COUNT)
		return;
	build_and_check(run, one, self, &job);
	if (json_object_get(one, "response"))
		read_and_check(run, one, self, &job);
}

static void run_case(struct run *run, const json_t *file, const json_t *one)
{
	json_t *settings = merged(file, one, "settings");
	json_t *fields = merged(file, one, "person");

	run->name = text_of(one, "name", "(a case without a name)");
	run->wrong = false;
	run->cases++;
	only_members(run, one, case_members);
	if (!json_object_get(one, "request") && !json_object_get(one, "answer") &&
	    !json_object_get(one, "complaints") && !json_object_get(one, "build_error"))
		mismatch(run, "case", "an expectation", "none");
	if (!json_object_get(one, "response") != !json_object_get(one, "answer"))
		mismatch(run, "case", "response and answer together", "one of them");
	struct config *config = load_config(run, settings);
	void *self = config ? configure(run, one, config) : NULL;
	config_free(config); /* the vendor must not need it any more */
	if (self)
		run_configured(run, file, one, fields, self);
	run->vendor->free(self);
	json_decref(settings);
	json_decref(fields);
	run->failed += run->wrong;
}

static void run_file(struct run *run, const char *folder, const char *name)
{
	char *path = NULL;
	json_error_t error;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		need(NULL);
	json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	json_t *cases = json_object_get(file, "cases");
	run->file = name;
	run->name = "the file";
	run->wrong = false;
	if (!file)
		mismatch(run, "JSON", "readable", error.text);
	else if (json_array_size(cases) == 0)
		mismatch(run, "cases", "an array of cases", "none");
	only_members(run, file, file_members);
	run->failed += run->wrong;
	for (size_t i = 0; i < json_array_size(cases); i++)
		run_case(run, file, json_array_get(cases, i));
	json_decref(file);
	free(path);
}

static int is_case_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

int main(int argc, char **argv)
{
	struct run run = {0};
	struct dirent **files = NULL;

	if (argc != 3 || !(run.vendor = vendor_by_name(argv[1], strlen(argv[1])))) {
		fputs("usage: vendor_case_runner VENDOR FOLDER\n", stderr);
		return 2;
	}
	int count = scandir(argv[2], &files, is_case_file, alphasort);
	for (int i = 0; i < count; i++) {
		run_file(&run, argv[2], files[i]->d_name);
		free(files[i]);
	}
	free(files);
	printf("%s: %d cases in %d files, %d failed\n", run.vendor->name, run.cases, count, run.failed);
	return run.cases == 0 || run.failed > 0;
}
