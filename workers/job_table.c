/* job_table: chained hash by id; each chain's jobs carry the line of their id. */
#include "workers/job_table.h"
#include <string.h>

static struct job **bucket_of(struct job_table *table, const char *id)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619u;
	return &table->bucket[hash & (JOB_TABLE_BUCKETS - 1)];
}

/* Where the first job of this id hangs, or the end of the chain. */
static struct job **find(struct job_table *table, const char *id)
{
	struct job **at = bucket_of(table, id);
	while (*at && strcmp((*at)->request.id, id) != 0)
		at = &(*at)->bucket_next;
	return at;
}

bool job_table_add(struct job_table *table, struct job *job)
{
	struct job **at = find(table, job->request.id);
	struct job *last = *at;
	if (!last) {
		*at = job;
		return true;
	}
	while (last->same_next)
		last = last->same_next;
	last->same_next = job;
	return false;
}

struct job *job_table_remove(struct job_table *table, struct job *job)
{
	struct job **at = find(table, job->request.id);
	struct job *next = job->same_next;
	if (*at == job) {
		if (next)
			next->bucket_next = job->bucket_next;
		*at = next ? next : job->bucket_next;
		job->bucket_next = job->same_next = NULL;
		return next;
	}
	for (struct job *before = *at; before; before = before->same_next) {
		if (before->same_next != job)
			continue;
		before->same_next = next;
		job->same_next = NULL;
		break;
	}
	return NULL;
}
