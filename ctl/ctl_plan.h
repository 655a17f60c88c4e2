/* ctl_plan: `verifyctl plan`: how large an installation has to be for a burst of sign-ups and scores, once a day, and what
 * the burst does to the people in it. Formulas and the sources of every constant: docs/capacity.md. */
#ifndef VERIFYD_CTL_PLAN_H
#define VERIFYD_CTL_PLAN_H

#include "common/base/buf.h"
#include <stdbool.h>
#include <stdint.h>

enum plan_flag {
#define PLAN_FLAG(symbol, name, kind, value, fallback, min, max, help) PLAN_##symbol,
#include "ctl/plan_flags.def"
#undef PLAN_FLAG
	PLAN_FLAG_COUNT
};

enum plan_each {
#define PLAN_EACH(symbol, name, score, signup) PLAN_EACH_##symbol,
#include "ctl/plan_each.def"
#undef PLAN_EACH
	PLAN_EACH_COUNT
};

/* Who asks for a verification. */
enum plan_kind { PLAN_SCORE, PLAN_SIGNUP, PLAN_KIND_COUNT };

/* Which of a vendor's contracts. */
enum plan_quota { PLAN_QUOTA_INITIATE, PLAN_QUOTA_RETRIEVE, PLAN_QUOTA_SCORE, PLAN_QUOTA_COUNT };

struct plan_input {
	double signups_s, scores_s; /* a second, during the burst; one of them is above 0 */
	double burst_s;             /* at most a day */
	double quotas[PLAN_QUOTA_COUNT]; /* calls a second that the contract allows; 0: as many as one likes */
	double latency_s;
	double retention_s;
	double prices[PLAN_KIND_COUNT];
};

/* What is used most, so what to make larger first. */
enum plan_bottleneck { PLAN_OF_INITIATES, PLAN_OF_RETRIEVES, PLAN_OF_SCORES, PLAN_OF_REDIS, PLAN_BOTTLENECK_COUNT };

struct plan {
	int64_t ingress_pods, worker_pods; /* with one more than the load needs */
	int64_t partitions;                /* of each topic */
	double cores_ingress, cores_worker; /* used during the burst, of all pods */
	double waiting_most;               /* people before the vendor's page at the end of the burst */
	double longest_wait_s;             /* of the last of them; the vendor's call included */
	double drain_s;                    /* after the burst, until nobody waits for the page */
	double verdict_delay_s;            /* by which the quota of retrievals holds up the last verdict */
	double scores_unknown;             /* share of the scores that the quota leaves without an answer */
	double used[PLAN_BOTTLENECK_COUNT]; /* share of what there is, during the burst; above 1: work queues */
	enum plan_bottleneck bottleneck;
	double redis_bytes;                /* in the steady state: --retention full of days like this one */
	double kafka_day_bytes, kafka_bytes; /* one copy: written in a day; kept */
	double signups_day, scores_day;
	double cost_day;
};

enum {
	PLAN_COPIES = 3,            /* of each partition, as is usual */
	PLAN_REDIS_HEADROOM = 50,   /* % of maxmemory above what is kept: fragments, buffers, a day that is worse */
	PLAN_TICKET_S = 5400,       /* a ticket's life: JUMIO_TOKEN_LIFETIME_MIN's default and an hour */
};

/* Reads the texts of the flags; NULL: not given. complaint: room for COMPLAINT_BYTES.
 * Returns: NULL; else what is wrong, in complaint. */
enum { PLAN_COMPLAINT_BYTES = 200 };
const char *plan_read(const char *const texts[PLAN_FLAG_COUNT], struct plan_input *ret_input,
		      char complaint[PLAN_COMPLAINT_BYTES]);

/* Pure. */
struct plan plan_of(const struct plan_input *input);
double plan_each(enum plan_each what, enum plan_kind kind);

/* Showing: ERR_LIMIT, ERR_NO_MEMORY. JSON: one document, without a line's end. */
enum err_code plan_print(const struct plan_input *input, const struct plan *plan, struct buf *out) WARN_UNUSED;
enum err_code plan_json(const struct plan_input *input, const struct plan *plan, struct buf *out) WARN_UNUSED;

#endif
