/* sim: what the stand-ins of all vendors share: a request comes in, is recorded, and a reply is decided.
 *
 * No sockets here: sim_http.c carries bytes, a struct sim_vendor says what its vendor would answer. */
#ifndef SIM_H
#define SIM_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "tests/sim/sim_record.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SIM_ID_BYTES = 1024,             /* session or uuid with its '\0'; a longer one is refused */
	SIM_REQUEST_BODY_BYTES = 65536,  /* a longer body is answered 413 */
	SIM_LOCATION_BYTES = 8192,
	SIM_REPLY_BODY_BYTES = 256 << 20 /* the list of all recorded requests is the largest one */
};

/* One request, read to its end. Pointers live until the reply is decided. */
struct sim_request {
	const char *method;
	const char *path;         /* decoded, with the vendor's prefix */
	const char *query;        /* raw, after the '?'; "" when there is none */
	const char *content_type; /* this and the next four: "" when the header is absent */
	const char *accept;
	const char *authorization;
	const char *user_agent;
	const char *host;
	const char *traceparent;
	const char *body; /* ends in '\0' */
	size_t body_len;
	bool is_cut; /* the body was longer than SIM_REQUEST_BODY_BYTES; this is its beginning */
};

/* What the vendor understood of a request. fault is NULL for a good one. */
struct sim_question {
	char session[SIM_ID_BYTES];
	char uuid[SIM_ID_BYTES];
	unsigned fault_status;
	const char *fault; /* constant text */
	const char *allow; /* the Allow header of a 405, else NULL */
};

enum sim_act {
	SIM_ANSWER,
	SIM_TRUNCATE, /* half of the body, then the connection is closed */
	SIM_RESET     /* RST before the first byte */
};

/* What must be over before an answer leaves: its connection sleeps meanwhile and costs no thread. */
struct sim_errand {
	/* Called once, when the connection sleeps. Calls done(cls) once, by any thread, perhaps before it returns; until
	 * then it may change the reply it belongs to. Frees the errand. */
	void (*run)(struct sim_errand *errand, void (*done)(void *cls), void *cls);
};

struct sim_reply {
	int64_t delay_ms; /* from now until the first byte (or the RST) */
	enum sim_act act;
	unsigned status;
	const char *content_type; /* constant text */
	const char *allow;        /* constant text or NULL */
	int64_t retry_after_s;    /* -1: no Retry-After header */
	int64_t dropped;          /* Vendorsim-Dropped header; -1: none */
	const char *challenge;    /* WWW-Authenticate: constant text or NULL */
	bool is_private;          /* Cache-Control: no-store and Referrer-Policy: no-referrer */
	bool releases;            /* answers that wait for their time leave before this one */
	struct buf location;      /* Location header; empty: none */
	struct sim_errand *errand; /* NULL: none. Not together with delay_ms */
	struct buf body;
};

/* A vendor's stand-in. Every member is set, but for those that say otherwise. Thread: all but state_new and state_free
 * are called by any thread. */
struct sim_vendor {
	const char *name;   /* POST /control/<name> */
	const char *prefix; /* "/<name>/" */
	enum err_code (*state_new)(void **ret_state, struct err *err);
	void (*state_free)(void *state); /* accepts NULL */
	/* Fills *ret_question; never fails: what is wrong is a fault. */
	void (*read)(void *state, const struct sim_request *request, struct sim_question *ret_question);
	/* call: which call of this session it is, from 1. reply comes in as an empty 200. */
	enum err_code (*answer)(void *state, const struct sim_request *request, const struct sim_question *question,
	                        int64_t call, struct sim_reply *reply);
	/* Takes new defaults for all sessions; members that are not named stay as they are. */
	enum err_code (*configure)(void *state, const struct json_in *defaults, struct err *err);
	void (*show)(void *state, struct json_out *out); /* the defaults in force, as members of an open object */
	void (*reset)(void *state);
	/* Answers /control/<name>/<what>. Returns: false when there is no such path. NULL: there is none at all. */
	bool (*control)(void *state, const char *what, const struct sim_request *request, struct sim_reply *reply);
	/* Ends what runs in the background: errands are done at once from now on. Blocks: until its threads have ended.
	 * NULL: nothing runs. */
	void (*stop)(void *state);
};

struct sim;

enum err_code sim_new(struct sim **ret_sim, struct err *err) WARN_UNUSED;
/* Ends the vendors' errands, so that no connection sleeps for one. Blocks: until they are done. */
void sim_stop(struct sim *sim);
void sim_free(struct sim *sim); /* accepts NULL */

/* Decides the reply to a request, and records it when it is for a vendor. Thread: any. Blocks: on short locks.
 * Returns: true when it was a vendor's: sim_done must follow, once, as its answer leaves. */
bool sim_handle(struct sim *sim, const struct sim_request *request, struct sim_reply *reply);
void sim_done(struct sim *sim);

struct sim_records *sim_records_of(struct sim *sim);
/* Returns: the vendor whose name is name[0..len), NULL when there is none; *ret_state is its state. */
const struct sim_vendor *sim_vendor_find(struct sim *sim, const char *name, size_t len, void **ret_state);
/* Forgets requests, counters and all vendors' defaults. */
void sim_reset(struct sim *sim);

void sim_reply_init(struct sim_reply *reply);
void sim_reply_fini(struct sim_reply *reply);
/* Makes it {"message": text} with this status. */
void sim_reply_fault(struct sim_reply *reply, unsigned status, const char *text);
/* The same with 405 and the methods that are allowed. */
void sim_reply_wrong_method(struct sim_reply *reply, const char *allow);

#endif
