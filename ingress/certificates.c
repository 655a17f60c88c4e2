/* certificates: settings and counters around client_cert. */
#include "ingress/certificates.h"
#include "common/base/clock.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct certificates {
	bool pinned;
	struct cert_authorities *authorities; /* NULL: any, if it is pinned */
	struct metric *verdicts[CERT_VERDICT_COUNT];
};

static int complain(FILE *complaints, const char *text)
{
	fprintf(complaints, "%s\n", text);
	return 1;
}

/* RFC 9110 section 5.6.2, and no header that has a meaning of its own. */
static bool is_header_name(const struct config *config, const char *name)
{
	static const char *const taken[] = {"Authorization", "Host", "Cookie", "Content-Type", "X-Forwarded-For"};
	for (const char *at = name; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("!#$%&'*+-.^_`|~", *at))
			return false;
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		if (strcasecmp(taken[i], name) == 0)
			return false;
	return strcasecmp(name, config_str(config, CONFIG_AUTH_API_KEY_HEADER)) != 0;
}

static int check_settings(const struct config *config, bool used, FILE *complaints)
{
	const char *header = config_str(config, CONFIG_CLIENT_CERT_HEADER);
	bool tls = config_str(config, CONFIG_TLS_CERT_FILE) != NULL;
	int mistakes = 0;
	if (used && !tls && !header)
		mistakes += complain(
		        complaints,
		        "VERIFYD_TLS_CLIENT_SPKI, VERIFYD_TLS_CLIENT_CA_FILE: nobody could show a certificate: set "
		        "VERIFYD_TLS_CERT_FILE, or VERIFYD_CLIENT_CERT_HEADER behind a proxy that ends TLS");
	if (header && !used)
		mistakes += complain(
		        complaints,
		        "VERIFYD_CLIENT_CERT_HEADER: VERIFYD_TLS_CLIENT_SPKI or VERIFYD_TLS_CLIENT_CA_FILE has to "
		        "say which certificates are good");
	if (header && !config_str(config, CONFIG_TRUSTED_PROXIES))
		mistakes += complain(
		        complaints,
		        "VERIFYD_CLIENT_CERT_HEADER: VERIFYD_TRUSTED_PROXIES has to name the proxy that sets it; "
		        "anybody else could");
	if (header && !is_header_name(config, header))
		mistakes += complain(complaints,
		                     "VERIFYD_CLIENT_CERT_HEADER: no header's name, or one that means something else");
	return mistakes;
}

int certificates_new(const struct config *config, FILE *complaints, struct certificates **ret_certificates)
{
	const char *file = config_str(config, CONFIG_TLS_CLIENT_CA_FILE);
	bool pinned = config_str(config, CONFIG_TLS_CLIENT_SPKI) != NULL, used = file || pinned;
	struct cert_authorities *authorities = NULL;
	struct err err;
	int mistakes = check_settings(config, used, complaints);
	if (file && cert_authorities_new(file, &authorities, &err) != ERR_OK) {
		fprintf(complaints, "VERIFYD_TLS_CLIENT_CA_FILE: %s\n", err.msg);
		mistakes++;
	}
	struct certificates *certificates = used && mistakes == 0 ? calloc(1, sizeof *certificates) : NULL;
	if (used && mistakes == 0 && !certificates)
		mistakes += complain(complaints, "VERIFYD_TLS_CLIENT_SPKI: out of memory");
	if (certificates)
		*certificates = (struct certificates){.pinned = pinned, .authorities = authorities};
	else
		cert_authorities_free(authorities);
	*ret_certificates = certificates;
	return mistakes;
}

void certificates_free(struct certificates *certificates)
{
	if (!certificates)
		return;
	cert_authorities_free(certificates->authorities);
	free(certificates);
}

void certificates_count_in(struct certificates *certificates, struct metrics *metrics)
{
	char label[64];
	for (enum cert_verdict i = 0; i < CERT_VERDICT_COUNT; i++) {
		(void)snprintf(label, sizeof label, "verdict=\"%s\"", cert_verdict_name(i));
		certificates->verdicts[i] = metrics_counter(metrics, "verifyd_client_certificates", label,
		                                            "certificates that callers showed, once for each request");
	}
}

bool certificates_are_pinned(const struct certificates *certificates)
{
	return certificates->pinned;
}

enum cert_verdict certificates_check(const struct certificates *certificates, const struct cert_chain *chain,
                                     struct client_cert *ret_cert)
{
	enum { MS_PER_S = 1000 };
	return client_cert_check(certificates->authorities, chain, clock_unix_ms() / MS_PER_S, ret_cert);
}

void certificates_count(const struct certificates *certificates, enum cert_verdict verdict)
{
	if (certificates->verdicts[verdict])
		metric_add(certificates->verdicts[verdict], 1);
}
