/* ctl_doctor_settings: would each program accept what this environment holds for it? And the vendors: can they be
 * reached? */
#include "common/base/clock.h"
#include "common/base/config_check.h"
#include "ctl/ctl_doctor.h"
#include "workers/http_probe.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 80, SLOW_MS = 2000 };

/* ---- which settings are here ---- */

static bool is_here(const char *name)
{
	char variable[NAME_BYTES];
	for (int file = 0; file < 2; file++) {
		(void)snprintf(variable, sizeof variable, "VERIFYD_%s%s", name, file ? "_FILE" : "");
		const char *value = getenv(variable);
		if (value && *value)
			return true;
	}
	return false;
}

/* A setting that no other program reads is set. */
static bool has_own(enum config_program program)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		if (config_settings[i].programs == (unsigned)program && is_here(config_settings[i].name))
			return true;
	return false;
}

/* Its settings begin with its name. */
static bool has_vendors(const char *vendor)
{
	size_t len = strlen(vendor);
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct setting *setting = &config_settings[i];
		if (setting->programs == CONFIG_WORKER && strncasecmp(setting->name, vendor, len) == 0 &&
		    setting->name[len] == '_' && is_here(setting->name))
			return true;
	}
	return false;
}

/* ---- mistakes ---- */

/* Each line is a mistake, but for notes. */
static void say_lines(struct doctor *doctor, const char *program, char *text, bool with_notes)
{
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		bool is_note = strncmp(line, "note: ", 6) == 0;
		if (is_note && with_notes)
			doctor_say(doctor, DOCTOR_NOTE, "%s", line + 6);
		else if (!is_note)
			doctor_say(doctor, DOCTOR_ERROR, "%s: %s", program, line);
	}
}

/* Notes are the same for both programs, but for the ingress's own: once is enough. */
static void examine(struct doctor *doctor, enum config_program program, const char *name, struct config **at)
{
	char *text = NULL;
	size_t len = 0;
	int mistakes = 0;
	bool with_notes = !doctor->ingress;
	if (!has_own(program)) {
		doctor_say(doctor, DOCTOR_SKIPPED, "no setting of the %s's own is in this environment", name);
		doctor_fix(doctor, "run doctor with the %s's environment, too", name);
		return;
	}
	FILE *lines = open_memstream(&text, &len);
	enum err_code code = lines ? ctl_config_examine(program, lines, at, &mistakes) : ERR_NO_MEMORY;
	if (lines && fclose(lines) != 0)
		code = ERR_NO_MEMORY;
	if (code != ERR_OK)
		doctor_say(doctor, DOCTOR_ERROR, "%s: %s", name, err_text(code));
	else
		say_lines(doctor, name, text, with_notes);
	if (code == ERR_OK && mistakes == 0)
		doctor_say(doctor, DOCTOR_GOOD, "%s: each setting is one that it takes", name);
	free(text);
}

static void configure(struct doctor *doctor, const struct vendor *vendor)
{
	char *text = NULL;
	size_t len = 0, at = doctor->vendor_count;
	FILE *lines = open_memstream(&text, &len);
	if (!lines || at == DOCTOR_VENDORS_MAX) {
		doctor_say(doctor, DOCTOR_ERROR, "%s: %s", vendor->name, err_text(lines ? ERR_LIMIT : ERR_NO_MEMORY));
		if (lines)
			(void)fclose(lines);
		free(text);
		return;
	}
	doctor->vendors[at].vendor = vendor;
	doctor->vendor_count++;
	enum err_code code = vendor->configure(doctor->worker, lines, &doctor->vendors[at].self);
	if (fclose(lines) != 0)
		code = ERR_NO_MEMORY;
	if (code == ERR_INVALID)
		say_lines(doctor, "worker", text, true);
	else if (code != ERR_OK)
		doctor_say(doctor, DOCTOR_ERROR, "%s: %s", vendor->name, err_text(code));
	free(text);
}

void doctor_settings(struct doctor *doctor)
{
	examine(doctor, CONFIG_INGRESS, "ingress", &doctor->ingress);
	examine(doctor, CONFIG_WORKER, "worker", &doctor->worker);
	for (size_t i = 0; doctor->worker && vendors_all[i]; i++)
		if (has_vendors(vendors_all[i]->name))
			configure(doctor, vendors_all[i]);
}

void doctor_settings_end(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->vendor_count; i++)
		doctor->vendors[i].vendor->free(doctor->vendors[i].self);
	config_free(doctor->ingress);
	config_free(doctor->worker);
}

/* ---- vendors ---- */

static void say_reached(struct doctor *doctor, const char *name, int64_t took_ms, bool proxied, const struct buf *pem)
{
	char what[NAME_BYTES];
	doctor_say(doctor, took_ms > SLOW_MS ? DOCTOR_WARNING : DOCTOR_GOOD, "%s: reached %sin %" PRId64 " ms%s", name,
	           proxied ? "through VERIFYD_VENDOR_PROXY " : "", took_ms, pem->len > 0 ? ", TLS is good" : "");
	if (took_ms > SLOW_MS)
		doctor_fix(doctor, "look at the way there: DNS, proxy, firewall");
	(void)snprintf(what, sizeof what, "the host of %s", name);
	if (pem->len > 0)
		(void)doctor_judge_pem(doctor, what, pem->data, pem->len, NULL, clock_unix_ms() / 1000);
}

static void probe_one(struct doctor *doctor, const struct vendor *vendor, const void *self)
{
	const char *proxy = config_str(doctor->worker, CONFIG_VENDOR_PROXY);
	const struct http_probe probe = {.url = vendor->base_url(self),
	                                 .proxy = proxy,
	                                 .ca_file = config_str(doctor->worker, CONFIG_VENDOR_CA_FILE),
	                                 .timeout_ms = doctor->timeout_ms};
	char why[HTTP_PROBE_WHY_BYTES];
	int64_t took_ms = 0;
	struct buf pem;
	buf_init(&pem, HTTP_PROBE_PEM_BYTES);
	enum err_code code = http_probe_connect(&probe, &pem, &took_ms, why);
	if (code == ERR_OK) {
		say_reached(doctor, vendor->name, took_ms, proxy != NULL, &pem);
	} else {
		doctor_say(doctor, DOCTOR_ERROR, "%s: %s: %s", vendor->name,
		           code == ERR_INVALID ? "its TLS is refused" : "not reached", why);
		if (code == ERR_INVALID)
			doctor_fix(doctor, "VERIFYD_VENDOR_CA_FILE where a proxy opens TLS; else ask the vendor");
		else
			doctor_fix(doctor, "its base URL or region, VERIFYD_VENDOR_PROXY, the firewall's way out");
	}
	buf_fini(&pem);
}

void doctor_vendors(struct doctor *doctor)
{
	if (doctor->vendor_count == 0)
		doctor_say(doctor, DOCTOR_SKIPPED, "no vendor's settings are in this environment");
	for (size_t i = 0; i < doctor->vendor_count; i++) {
		if (doctor->vendors[i].self)
			probe_one(doctor, doctor->vendors[i].vendor, doctor->vendors[i].self);
		else
			doctor_say(doctor, DOCTOR_SKIPPED, "%s: its settings have mistakes",
			           doctor->vendors[i].vendor->name);
	}
}
