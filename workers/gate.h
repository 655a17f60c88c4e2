/* gate: decides when a job of one class (a vendor's operation) may call: the fleet's quota and the fleet's breaker, by
 * one script in Redis (common/adapters/redis_store_gate.h). Jobs that may not yet call wait here, a higher priority before
 * a lower one, then who came first, whatever way the jobs took to here; also between the workers of a fleet.
 *
 * A class without a quota costs no command per job: permits are free while the breaker is closed and the vendor has not
 * asked for time (Retry-After). With Redis away a class that `needs_fleet` waits; another one goes on with half of
 * its part of the quota, and with a breaker of its own.
 *
 * Lives in one loop thread; nothing blocks. Callbacks come from the loop, never from inside a call. */
#ifndef VERIFYD_GATE_H
#define VERIFYD_GATE_H

#include "common/base/heap.h"
#include "common/base/list.h"
#include "common/base/metrics.h"
#include "workers/ports.h"

enum gate_priority {
	GATE_PERSON,  /* somebody waits in a browser */
	GATE_LOOK,    /* other retrievals */
	GATE_REST,
	GATE_REPLAY,
	GATE_PRIORITIES
};

/* What a ticket that waits is told. */
enum gate_word {
	GATE_GO,    /* it has a permit and waits no longer */
	GATE_LATER, /* the fleet was asked, and it is not its turn yet */
	GATE_SHUT,  /* the breaker is open */
	GATE_UNTOLD, /* nothing yet: this one never comes, the others come once each time that the last word changes */
};

/* A job's place at the gate. Zeroed: it neither waits nor has a permit. */
struct gate_ticket {
	struct list node;       /* while it waits: among all of its priority */
	struct heap_node place; /* while it waits: when its turn is */
	bool waits, has_permit, is_probe;
	enum gate_priority priority;
	enum gate_word word; /* while it waits: what it was told last */
	int64_t until_ms; /* monotonic: the permit's end */
	void (*told)(struct gate_ticket *ticket, enum gate_word word); /* may use the ticket, and may leave with it */
};

#define GATE_FIRST INT64_MIN /* came before all others */

struct gate;

struct gate_options {
	const char *vendor;       /* as in the kinds' tables; constant */
	const char *op;           /* the operation's name; constant */
	struct config_rate rate;  /* both 0: no quota */
	int64_t probe_ms;         /* how often the vendor is tried while the breaker is open */
	int64_t breaker_failures; /* what opens it (VERIFYD_BREAKER_FAILURES) */
	bool needs_fleet;         /* without Redis nothing goes */
};

/* ports and the names in options must outlive it. Returns: ERR_OK; ERR_NO_MEMORY; what id_token returns. */
enum err_code gate_new(const struct ports *ports, const struct gate_options *options, struct gate **ret_gate,
		       struct err *err) WARN_UNUSED;
/* Asks nobody any more; tickets may still leave. Accepts NULL. */
void gate_close(struct gate *gate);
/* After gate_close, when its handle has closed, its last answer has come and nothing waits. Accepts NULL. */
void gate_free(struct gate *gate);

/* Takes a permit that is there without asking anybody. Returns: whether the ticket has one now (or had one). */
bool gate_take(struct gate *gate, struct gate_ticket *ticket);
/* Waits for a permit, behind those of its priority that came before it. since_ms: when it came, unix ms, by whatever clock
 * its class goes by; or GATE_FIRST. ticket->told is set. Returns: whether it may come within a round trip to Redis. */
bool gate_wait(struct gate *gate, struct gate_ticket *ticket, enum gate_priority priority, int64_t since_ms);
/* Neither waits nor has a permit any more; what it had goes to the next one. Accepts one that had neither. */
void gate_leave(struct gate *gate, struct gate_ticket *ticket);
/* Just before the call. Returns: true; false when the permit has become too old to be used, and is gone. */
bool gate_use(struct gate *gate, struct gate_ticket *ticket) WARN_UNUSED;

/* How a call has ended; `ticket` is the one that it was made with. failure: only when !ok. retry_after_ms: with
 * FAILURE_THROTTLED, what the vendor asked for, 0: nothing. */
void gate_note_end(struct gate *gate, struct gate_ticket *ticket, bool ok, enum failure failure,
		   int64_t retry_after_ms);
/* Nobody calls now but for the probes. */
bool gate_is_open(const struct gate *gate);

/* What is to be shown. */
struct gate_figures {
	struct config_rate rate;            /* both 0: no quota */
	int64_t used;                       /* of it, by the fleet, as far as known */
	int64_t waiting[GATE_PRIORITIES];   /* here */
	bool breaker_open;
};
void gate_figures(const struct gate *gate, struct gate_figures *ret_figures);
/* The same, and as metrics: what was used is forgotten with its period, also when nobody calls any more. */
void gate_show(struct gate *gate, struct gate_figures *ret_figures);

#endif
