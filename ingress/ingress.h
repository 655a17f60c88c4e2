/* ingress: one process's parts put together: settings, credentials, keys, the desk, the listeners; and their drain. */
#ifndef VERIFYD_INGRESS_H
#define VERIFYD_INGRESS_H

#include "common/base/decision_log.h"
#include "common/base/host_list.h"
#include "common/base/ids.h"
#include "common/base/metrics.h"
#include "ingress/auth.h"
#include "ingress/cors.h"
#include "ingress/desk.h"
#include "ingress/journeys.h"
#include "ingress/rate.h"
#include "ingress/tls_files.h"
#include "ingress/ui_files.h"

/* What handlers may use; read-only while requests are served. */
struct ingress {
	const struct config *config;
	struct auth *auth;
	struct id_key *id_key;
	struct seal_ring *ring;
	struct metrics *metrics;
	struct decision_log *decisions;
	const struct tracer *tracer; /* NULL: nothing is traced */
	struct desk *desk;
	struct journeys *journeys; /* NULL: none are served */
	struct cors *cors;         /* NULL: neither journeys nor pages are served */
	struct ui_files *ui;       /* NULL: none are served */
	struct rate *rate;         /* NULL: no limit for credentials */
	struct host_list *callbacks; /* whom callers may have called; NULL: nobody */
	struct cidr_list *proxies; /* whose X-Forwarded-For and CLIENT_CERT_HEADER count; NULL: nobody's */
	struct tls_files *tls;     /* NULL: the listener speaks plain HTTP */
	int64_t sync_budget_ms, request_deadline_ms;
	size_t max_body_bytes;
};

/* Runs until SIGTERM or SIGINT, then drains for VERIFYD_DRAIN_MS at most. open: --insecure-no-auth.
 * Returns: 0 after a drain; 1 when it could not start (logged). Blocks: until then. */
int ingress_run(const struct config *config, bool open);

/* Checks what only the whole tells: credentials, listener against --insecure-no-auth, keys, journeys. Returns: how many mistakes.
 */
int ingress_check(const struct config *config, bool open, FILE *complaints);

#endif
