/* job_table: the jobs in hand, found by id. Jobs of one id stand in line: only the first of the line is at work. */
#ifndef VERIFYD_JOB_TABLE_H
#define VERIFYD_JOB_TABLE_H

#include "workers/job.h"

enum { JOB_TABLE_BUCKETS = 16384 }; /* a power of two, about the most jobs in flight */

struct job_table {
	struct job *bucket[JOB_TABLE_BUCKETS];
};

/* Adds a job behind the others of its id. Returns: true when it is the first, and may begin. */
bool job_table_add(struct job_table *table, struct job *job);

/* Takes a job out (harmless when it is not in). Returns: the next of its id when `job` was the first, which may begin;
 * or NULL. */
struct job *job_table_remove(struct job_table *table, struct job *job);

#endif
