/* ctl_doctor: `verifyctl doctor`: what its checks share. A check looks at one area, says what it found with doctor_say and
 * doctor_fix, and never ends the others. Each is bounded by the command's --timeout. */
#ifndef VERIFYD_CTL_DOCTOR_H
#define VERIFYD_CTL_DOCTOR_H

#include "common/adapters/kafka_survey.h"
#include "common/adapters/redis_survey.h"
#include "common/adapters/status.h"
#include "ctl/ctl.h"
#include "workers/vendors/vendor.h"

enum { DOCTOR_LINES_MAX = 256, DOCTOR_TEXT_BYTES = 320, DOCTOR_FIX_BYTES = 1024, DOCTOR_VENDORS_MAX = 16 };

enum doctor_severity {
	DOCTOR_GOOD,
	DOCTOR_NOTE,    /* worth knowing; nothing is wrong */
	DOCTOR_SKIPPED, /* could not be looked at, and why */
	DOCTOR_WARNING,
	DOCTOR_ERROR,
	DOCTOR_SEVERITIES
};

struct doctor_line {
	const char *check;
	enum doctor_severity severity;
	char text[DOCTOR_TEXT_BYTES];
	char fix[DOCTOR_FIX_BYTES]; /* the setting or command that mends it; "": the text says all */
};

struct doctor {
	const struct ctl_call *call;
	int timeout_ms;
	const char *check;              /* that runs */
	struct config *ingress, *worker; /* NULL: their settings are not in this environment */
	struct {
		const struct vendor *vendor;
		void *self; /* configured; NULL: its settings have mistakes */
	} vendors[DOCTOR_VENDORS_MAX];
	size_t vendor_count;            /* of those that this environment has settings for */
	struct kafka_survey survey;
	bool kafka_answers;
	struct redis_url url;
	struct redis_survey redis;
	bool redis_answers;
	struct status_picture picture;  /* filled by doctor_cache, and by doctor_workers (Kafka's part) */
	struct status_link *link;
	struct status_reader *reader;
	size_t line_count, counts[DOCTOR_SEVERITIES];
	struct doctor_line lines[DOCTOR_LINES_MAX]; /* further ones are only counted */
};

#define DOCTOR_CHECK(name, function) void function(struct doctor *doctor);
#include "ctl/doctor_checks.def"
#undef DOCTOR_CHECK

/* Adds a line. What is not printable in it becomes '?'. */
void doctor_say(struct doctor *doctor, enum doctor_severity severity, const char *fmt, ...) PRINTF_FMT(3, 4);
/* What mends the line that was said last. */
void doctor_fix(struct doctor *doctor, const char *fmt, ...) PRINTF_FMT(2, 3);

/* Ends what doctor_settings, doctor_cache and doctor_workers opened. */
void doctor_settings_end(struct doctor *doctor);

/* ---- judgements, apart from where the facts are from: pure ---- */

/* A topic's settings, copies and leaders (ctl_doctor_kafka.c). brokers: for the commands in the lines. */
void doctor_judge_topics(struct doctor *doctor, const char *brokers, int64_t result_retention_ms);
/* A certificate's days. what: which one, with its setting; signs: it is the one in use, so an end is an error. */
void doctor_judge_certificate(struct doctor *doctor, const char *what, bool is_used, int64_t from_s, int64_t to_s,
                              int64_t now_s);
/* Every certificate of a PEM text, or of PKCS #12 with its password (NULL: none). Returns: how many there were. */
size_t doctor_judge_pem(struct doctor *doctor, const char *what, const void *data, size_t len, const char *password,
                        int64_t now_s);
void doctor_judge_redis(struct doctor *doctor);
void doctor_judge_seals(struct doctor *doctor, const char *seal_keys);
void doctor_judge_clocks(struct doctor *doctor);
void doctor_judge_workers(struct doctor *doctor);

#endif
