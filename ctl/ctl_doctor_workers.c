/* ctl_doctor_workers: is there a live worker for each class, of which versions, and what holds them up? */
#include "common/base/clock.h"
#include "ctl/ctl_doctor.h"
#include <inttypes.h>
#include <string.h>

enum { DRAIN_LONG_S = 600, NAME_BYTES = 80 };

static bool is_configured(const struct doctor *doctor, const char *vendor)
{
	for (size_t i = 0; i < doctor->vendor_count; i++)
		if (strcmp(doctor->vendors[i].vendor->name, vendor) == 0)
			return true;
	return false;
}

static void judge_class(struct doctor *doctor, const struct status_class *class)
{
	const struct operation_info *operation = operation_info(class->operation);
	const char *vendor = kind_info(operation->kind)->vendor;
	char name[NAME_BYTES], span[STATUS_SPAN_BYTES];
	(void)snprintf(name, sizeof name, "%s %s", vendor, operation->name);
	bool is_used = doctor->picture.kafka.is_up && class->is_used;
	if (class->workers == 0 && (is_used || is_configured(doctor, vendor))) {
		doctor_say(doctor, DOCTOR_ERROR, "%s: no live worker serves it; %" PRId64 " wait", name, class->lag);
		doctor_fix(doctor, "verifyd-worker --vendor %s", vendor);
	}
	if (class->breaker && class->breaker->is_open) {
		doctor_say(doctor, DOCTOR_ERROR, "%s: the breaker is open: %s", name,
		           *class->breaker->reason ? class->breaker->reason : "the reason is not told");
		doctor_fix(
		        doctor,
		        "docs/operations.md, \"When the vendor is down\"; credentials, base URL, the vendor's status");
	}
	if (class->drain == DRAIN_SECONDS && class->drain_s > DRAIN_LONG_S) {
		status_span(class->drain_s, span);
		doctor_say(doctor, DOCTOR_WARNING, "%s: %" PRId64 " wait, for %s at the quota", name, class->lag, span);
		doctor_fix(doctor, "a larger contract; more workers change nothing");
	}
}

static void judge_each(struct doctor *doctor)
{
	const struct status_workers *workers = &doctor->picture.workers;
	const char *version = NULL;
	bool is_mixed = false;
	size_t fresh = 0, draining = 0;
	for (size_t i = 0; i < workers->count; i++) {
		const struct status_worker *worker = &workers->list[i];
		if (!worker->is_fresh) {
			doctor_say(doctor, DOCTOR_WARNING, "%s: silent for %" PRId64 " s", worker->name,
			           (doctor->picture.redis.now_ms - worker->now.at_ms) / 1000);
			doctor_fix(doctor,
			           "it hangs, is cut off from Redis, or was killed: look at its log; it is forgotten "
			           "after a minute");
			continue;
		}
		fresh++;
		draining += worker->now.draining;
		is_mixed = is_mixed || (version && strcmp(version, worker->now.version) != 0);
		version = worker->now.version;
	}
	if (fresh > 0)
		doctor_say(doctor, DOCTOR_GOOD, "%zu live, %zu of them draining, version %s", fresh, draining, version);
	if (is_mixed) {
		doctor_say(doctor, DOCTOR_WARNING, "workers of different versions run");
		doctor_fix(doctor, "end the upgrade; verifyctl status shows which");
	}
	if (version && strcmp(version, VERIFYD_VERSION) != 0)
		doctor_say(doctor, DOCTOR_NOTE, "this verifyctl is %s, workers are %s", VERIFYD_VERSION, version);
}

static void judge_ingresses(struct doctor *doctor)
{
	const struct status_ingresses *ingresses = &doctor->picture.ingresses;
	size_t fresh = 0;
	for (size_t i = 0; i < ingresses->count; i++) {
		const struct status_ingress *ingress = &ingresses->list[i];
		fresh += ingress->is_fresh;
		if (ingress->is_fresh && strcmp(ingress->now.version, VERIFYD_VERSION) != 0)
			doctor_say(doctor, DOCTOR_NOTE, "ingress %s is %s, this verifyctl is %s", ingress->name,
			           ingress->now.version, VERIFYD_VERSION);
	}
	doctor_say(doctor, fresh > 0 ? DOCTOR_GOOD : DOCTOR_NOTE, "%zu live ingresses tell of themselves", fresh);
}

void doctor_judge_workers(struct doctor *doctor)
{
	size_t live = 0;
	for (size_t i = 0; i < doctor->picture.workers.count; i++)
		live += doctor->picture.workers.list[i].is_fresh;
	judge_ingresses(doctor);
	judge_each(doctor);
	if (live == 0) {
		doctor_say(doctor, DOCTOR_ERROR, "no live worker");
		doctor_fix(doctor, "verifyd-worker --vendor biocatch,jumio");
	}
	for (unsigned i = 0; i < OPERATION_COUNT && live > 0; i++)
		judge_class(doctor, &doctor->picture.sum.classes[i]);
	const struct status_kafka *kafka = &doctor->picture.kafka;
	if (kafka->is_up && kafka->dead_known && kafka->dead_hour > 0) {
		doctor_say(doctor, DOCTOR_WARNING, "%" PRId64 " dead letters in the last hour", kafka->dead_hour);
		doctor_fix(doctor, "verifyctl dead list --since 1h");
	}
}

void doctor_workers(struct doctor *doctor)
{
	struct err err = {ERR_OK, ""};
	int64_t now_ms = doctor->picture.redis.is_up ? doctor->picture.redis.now_ms : clock_unix_ms();
	if (doctor->kafka_answers && status_kafka_open(doctor->call->kafka, &doctor->reader, &err) == ERR_OK)
		status_kafka_look(doctor->reader, now_ms, STATUS_KAFKA_MS, &doctor->picture.kafka);
	else
		(void)snprintf(doctor->picture.kafka.why, sizeof doctor->picture.kafka.why, "%s",
		               "Kafka does not answer");
	status_sum_up(&doctor->picture);
	if (doctor->picture.redis.is_up)
		doctor_judge_workers(doctor);
	else
		doctor_say(doctor, DOCTOR_SKIPPED, "Redis, in which workers tell of themselves, does not answer");
}
