/* ctl_dead: one dead letter as the commands about them see it. */
#ifndef VERIFYD_CTL_DEAD_H
#define VERIFYD_CTL_DEAD_H

#include "common/adapters/kafka_scan.h"
#include "ctl/ctl.h"

enum { DEAD_WORD_BYTES = 65, DEAD_MESSAGE_BYTES = 513 };

struct dead_letter {
	char id[ID_BYTES]; /* "": the key is no id, so it is a poison record's */
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms;
	enum kind kind; /* KIND_COUNT: poison, the value cannot be read or is another id's */
	enum operation operation;    /* where a replay goes; OPERATION_COUNT for poison */
	char class[DEAD_WORD_BYTES]; /* these three: printable ASCII, "" when absent */
	char error[DEAD_WORD_BYTES];
	char message[DEAD_MESSAGE_BYTES];
	char traceparent[TRACEPARENT_BYTES];
	int attempts;
	int replays;
	int64_t first_failure_ms, last_failure_ms; /* 0: absent */
	int64_t deadline_ms;                       /* unix ms; 0: none */
};

/* Reads a record of `dead`. Never fails: what cannot be read shows as absent, or as poison. */
void dead_letter_read(const struct kafka_scan_record *record, struct dead_letter *ret);

/* True when a was written after b: by offset in one partition, else by the broker's time. */
bool dead_letter_is_newer(const struct dead_letter *a, const struct dead_letter *b);

#endif
