/* sim_record: every request a stand-in got, as it came, and the numbers that tests judge by.
 *
 * Bounded: the oldest requests are dropped, and counted, beyond SIM_RECORDS_MAX or SIM_RECORDS_BYTES; the counters go
 * on. Sessions and pairs are told apart by a 64-bit hash. */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SIM_RECORDS_MAX = 20000,
	SIM_RECORDS_BYTES = 64 << 20, /* text of all records together */
	SIM_TALLY_MAX = 4 << 20       /* different sessions, and different pairs, between two resets */
};

struct sim_entry {
	const char *method;
	const char *path;
	const char *session; /* "" when the request had none */
	const char *uuid;
	const char *traceparent; /* "" when the request had none */
	bool is_body; /* payload is the body, else the raw query */
	const char *payload;
	size_t payload_len;
};

struct sim_stats {
	int64_t requests;
	int64_t distinct; /* pairs of session and uuid, both given */
	int64_t in_flight;
	int64_t max_in_flight;
	int64_t dropped; /* recorded requests that are no longer kept */
};

struct sim_records; /* Thread: any, it locks itself */

enum err_code sim_records_new(struct sim_records **ret_records, struct err *err) WARN_UNUSED;
void sim_records_free(struct sim_records *records); /* accepts NULL */

/* A request has arrived / its answer leaves now: what in_flight counts. */
void sim_records_begin(struct sim_records *records);
void sim_records_done(struct sim_records *records);

/* Keeps a copy. Returns: ERR_OK and in *ret_call which call of this session it is, from 1; ERR_LIMIT (SIM_TALLY_MAX);
 * ERR_NO_MEMORY. A failed one is counted as a request, but not kept. */
enum err_code sim_records_add(struct sim_records *records, const struct sim_entry *entry,
                              int64_t *ret_call) WARN_UNUSED;

void sim_records_stats(struct sim_records *records, struct sim_stats *ret_stats);

/* Writes a JSON array of what is kept, newest last; session NULL: of all. *ret_dropped: as in the statistics.
 * Blocks: other callers wait for it. Returns: ERR_OK; ERR_LIMIT (out->max); ERR_NO_MEMORY. */
enum err_code sim_records_list(struct sim_records *records, const char *session, struct buf *out,
                               int64_t *ret_dropped) WARN_UNUSED;

/* Forgets all but the requests that are in flight. */
void sim_records_reset(struct sim_records *records);

#endif
