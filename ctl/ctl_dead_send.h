/* ctl_dead_send: sends dead letters back to their request topics: reads `dead` a second time, takes the values of those
 * that are to be replayed, and sends them evenly, so many a second. */
#ifndef VERIFYD_CTL_DEAD_SEND_H
#define VERIFYD_CTL_DEAD_SEND_H

#include "ctl/ctl_dead_index.h"
#include "ctl/ctl_stop.h"

struct dead_send {
	struct ctl_stop *stop; /* SIGINT and SIGTERM end it in good order */
	size_t total; /* entries whose fate is FATE_REPLAY */
	bool draws;   /* a bar on the terminal that stderr is */
	/* Comes once for each of them that was sent: Kafka has it, or why it may not. */
	void (*on_outcome)(void *ctx, const struct dead_entry *entry, enum err_code code);
	void *ctx;
	/* filled by dead_send_all */
	size_t sent; /* handed to Kafka, acknowledged or not */
	bool interrupted; /* by SIGINT or SIGTERM: the rest was not sent */
};

/* Sends them in the order of their partitions and waits for the acks. What cannot be acknowledged ends it: the rest is not
 * sent. Returns: CTL_OK; CTL_FAILED after a line on stderr. Blocks: as long as the rate needs. */
int dead_send_all(const struct ctl_call *call, struct dead_index *index, struct dead_send *send);

#endif
