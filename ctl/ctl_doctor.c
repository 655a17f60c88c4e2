/* ctl_doctor: `doctor`: runs the checks of doctor_checks.def and shows what they said. */
#include "ctl/ctl_doctor.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "ctl/ctl_progress.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JSON_MAX_BYTES = 1 << 20 };

static const struct {
	const char *name;
	void (*run)(struct doctor *doctor);
} checks[] = {
#define DOCTOR_CHECK(name, function) {name, function},
#include "ctl/doctor_checks.def"
#undef DOCTOR_CHECK
};

enum { CHECK_COUNT = sizeof checks / sizeof checks[0] };

static const struct {
	const char *word, *colour;
} severities[DOCTOR_SEVERITIES] = {
        [DOCTOR_GOOD] = {"ok", "\033[32m"},         [DOCTOR_NOTE] = {"note", "\033[36m"},
        [DOCTOR_SKIPPED] = {"skipped", "\033[36m"}, [DOCTOR_WARNING] = {"warning", "\033[33m"},
        [DOCTOR_ERROR] = {"error", "\033[31m"},
};

/* The ellipses in helps of settings become dots of ASCII. */
PRINTF_FMT(3, 0)
static void write_printable(char *out, size_t cap, const char *fmt, va_list args)
{
	static const char ellipsis[] = "\xe2\x80\xa6", dots[] = "...";
	char text[DOCTOR_FIX_BYTES];
	(void)vsnprintf(text, sizeof text, fmt, args);
	for (char *at = strstr(text, ellipsis); at; at = strstr(at, ellipsis))
		memcpy(at, dots, sizeof dots - 1);
	ctl_printable(text, out, cap);
}

void doctor_say(struct doctor *doctor, enum doctor_severity severity, const char *fmt, ...)
{
	va_list args;
	doctor->counts[severity]++;
	if (doctor->line_count == DOCTOR_LINES_MAX)
		return;
	struct doctor_line *line = &doctor->lines[doctor->line_count++];
	*line = (struct doctor_line){.check = doctor->check, .severity = severity};
	va_start(args, fmt);
	write_printable(line->text, sizeof line->text, fmt, args);
	va_end(args);
}

void doctor_fix(struct doctor *doctor, const char *fmt, ...)
{
	va_list args;
	if (doctor->line_count == 0)
		return;
	struct doctor_line *line = &doctor->lines[doctor->line_count - 1];
	va_start(args, fmt);
	write_printable(line->fix, sizeof line->fix, fmt, args);
	va_end(args);
}

/* ---- shown ---- */

static size_t findings(const struct doctor *doctor)
{
	return doctor->counts[DOCTOR_WARNING] + doctor->counts[DOCTOR_ERROR];
}

static void print(const struct doctor *doctor)
{
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
	bool colours =
	        isatty(STDOUT_FILENO) == 1 && terminal && strcmp(terminal, "dumb") != 0 && !(no_colour && *no_colour);
	for (size_t i = 0; i < doctor->line_count; i++) {
		const struct doctor_line *line = &doctor->lines[i];
		(void)printf("%s%-7s%s  %-12s  %s%s%s\n", colours ? severities[line->severity].colour : "",
		             severities[line->severity].word, colours ? "\033[0m" : "", line->check, line->text,
		             *line->fix ? " -> " : "", line->fix);
	}
	if (doctor->line_count == DOCTOR_LINES_MAX)
		(void)puts("(further lines are left out)");
	if (findings(doctor) > 0)
		(void)printf("%zu errors, %zu warnings\n", doctor->counts[DOCTOR_ERROR],
		             doctor->counts[DOCTOR_WARNING]);
	else
		(void)puts("good");
}

static int print_json(const struct doctor *doctor)
{
	struct buf text;
	struct json_out json;
	buf_init(&text, JSON_MAX_BYTES);
	json_out_begin(&json, &text);
	json_out_object(&json, NULL);
	json_out_int(&json, "at_ms", clock_unix_ms());
	json_out_str(&json, "version", VERIFYD_VERSION);
	json_out_bool(&json, "good", findings(doctor) == 0);
	json_out_int(&json, "errors", (int64_t)doctor->counts[DOCTOR_ERROR]);
	json_out_int(&json, "warnings", (int64_t)doctor->counts[DOCTOR_WARNING]);
	json_out_array(&json, "lines");
	for (size_t i = 0; i < doctor->line_count; i++) {
		const struct doctor_line *line = &doctor->lines[i];
		json_out_object(&json, NULL);
		json_out_str(&json, "check", line->check);
		json_out_str(&json, "severity", severities[line->severity].word);
		json_out_str(&json, "text", line->text);
		json_out_str(&json, "fix", *line->fix ? line->fix : NULL);
		json_out_object_end(&json);
	}
	json_out_array_end(&json);
	json_out_object_end(&json);
	return ctl_print_json(&json, &text);
}

/* ---- the command ---- */

int ctl_doctor(const struct ctl_call *call)
{
	struct ctl_progress progress;
	struct err err = {ERR_OK, ""};
	struct doctor *doctor = calloc(1, sizeof *doctor);
	if (!doctor)
		return ctl_fail("%s", err_text(ERR_NO_MEMORY));
	doctor->call = call;
	doctor->timeout_ms = call->timeout_s * 1000;
	if (redis_url_parse(config_str(call->config, CONFIG_REDIS_URL), &doctor->url, &err) != ERR_OK) {
		free(doctor);
		return ctl_refuse("VERIFYD_REDIS_URL: %s", err.msg);
	}
	ctl_progress_begin(&progress, "checking", CHECK_COUNT);
	for (size_t i = 0; i < CHECK_COUNT; i++) {
		ctl_progress_at(&progress, i);
		doctor->check = checks[i].name;
		checks[i].run(doctor);
	}
	ctl_progress_end(&progress);
	int status = CTL_OK;
	if (call->given & CTL_FLAG_JSON)
		status = print_json(doctor);
	else
		print(doctor);
	if (status == CTL_OK && findings(doctor) > 0)
		status = CTL_FAILED;
	doctor_settings_end(doctor);
	status_kafka_close(doctor->reader);
	status_redis_close(doctor->link);
	status_workers_fini(&doctor->picture.workers);
	status_ingresses_fini(&doctor->picture.ingresses);
	redis_url_fini(&doctor->url);
	free(doctor);
	return status;
}
