/* admission: which calls may be held, and how many there may be about one verification, so that one credential cannot
 * take all the places of those who wait, and one ticket cannot be asked about from a thousand connections. Any thread. */
#ifndef VERIFYD_ADMISSION_H
#define VERIFYD_ADMISSION_H

#include "common/base/metrics.h"
#include "ingress/ask.h"

struct admission;
struct tally_entry;

struct admission_options {
	size_t per_caller; /* calls held for one credential; 0: any */
	size_t per_id;     /* calls at once about one verification that is known by its id; 0: any */
	struct metrics *metrics;
};

/* What an ask counts for; of zeroes: nothing. */
struct admitted {
	struct tally_entry *caller, *id;
};

enum err_code admission_new(const struct admission_options *options, struct admission **ret_admission) WARN_UNUSED;
void admission_free(struct admission *admission); /* accepts NULL */

/* Before the ask goes to the desk. One that is held for a credential (caller "": none is counted) beyond its number is
 * not refused, but held no longer (wait_until_ms 0): what it asks for is accepted. Returns: false when there are too
 * many about this id: refuse it. */
bool admission_take(struct admission *admission, const char *caller, struct ask *ask, struct admitted *ret_admitted);

/* When it is back. */
void admission_give(struct admission *admission, struct admitted *admitted);

#endif
