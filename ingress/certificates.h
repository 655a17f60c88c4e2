/* certificates: client certificates as credentials: what TLS_CLIENT_CA_FILE, TLS_CLIENT_SPKI and CLIENT_CERT_HEADER mean together, and counters of what became
 * of the certificates that were shown. */
#ifndef VERIFYD_CERTIFICATES_H
#define VERIFYD_CERTIFICATES_H

#include "common/base/config.h"
#include "common/base/metrics.h"
#include "ingress/client_cert.h"
#include <stdio.h>

struct certificates;

/* One line in complaints for every mistake: a file that cannot be read, settings that lack the others that they need.
 * Returns: how many; none: *ret_certificates, ended by certificates_free; NULL when callers have none. */
int certificates_new(const struct config *config, FILE *complaints, struct certificates **ret_certificates);
void certificates_free(struct certificates *certificates); /* accepts NULL */

void certificates_count_in(struct certificates *certificates, struct metrics *metrics); /* makes the counters */

/* TLS_CLIENT_SPKI is set: a caller is named by its key; else by its certificate's common name. */
bool certificates_are_pinned(const struct certificates *certificates);

/* As client_cert_check, at this moment. Thread: any. */
enum cert_verdict certificates_check(const struct certificates *certificates, const struct cert_chain *chain,
                                     struct client_cert *ret_cert);

/* Counts what became of a certificate in the end. */
void certificates_count(const struct certificates *certificates, enum cert_verdict verdict);

#endif
