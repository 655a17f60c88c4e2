/* admission: two tallies. */
#include "ingress/admission.h"
#include "ingress/tally.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_CALLERS = 1024, MAX_IDS = 128 * 1024 };

struct admission {
	struct admission_options options;
	struct tally *callers, *ids;
	struct metric *not_held, *refused;
};

enum err_code admission_new(const struct admission_options *options, struct admission **ret_admission)
{
	struct admission *admission = calloc(1, sizeof *admission);
	if (!admission)
		return ERR_NO_MEMORY;
	admission->options = *options;
	if (tally_new(MAX_CALLERS, &admission->callers) != ERR_OK || tally_new(MAX_IDS, &admission->ids) != ERR_OK) {
		admission_free(admission);
		return ERR_NO_MEMORY;
	}
	admission->not_held = metrics_counter(options->metrics, "verifyd_calls_limited", "why=\"credential\"",
	                                      "calls that were not held, or refused, because there were too many");
	admission->refused = metrics_counter(options->metrics, "verifyd_calls_limited", "why=\"verification\"", "");
	*ret_admission = admission;
	return ERR_OK;
}

void admission_free(struct admission *admission)
{
	if (!admission)
		return;
	tally_free(admission->callers);
	tally_free(admission->ids);
	free(admission);
}

/* Whoever asks knows the id, and so can ask again and again. */
static bool is_about_an_id(const struct ask *ask)
{
	return (ask->type == ASK_READ || ask->type == ASK_START || ask->type == ASK_RETURN) && ask->request.id[0];
}

bool admission_take(struct admission *admission, const char *caller, struct ask *ask, struct admitted *ret_admitted)
{
	const struct admission_options *options = &admission->options;
	const char *id = ask->request.id;
	*ret_admitted = (struct admitted){NULL, NULL};
	if (options->per_id && is_about_an_id(ask) &&
	    !tally_take(admission->ids, id, strlen(id), options->per_id, &ret_admitted->id)) {
		metric_add(admission->refused, 1);
		return false;
	}
	if (options->per_caller && ask->wait_until_ms && caller[0] &&
	    !tally_take(admission->callers, caller, strlen(caller), options->per_caller, &ret_admitted->caller)) {
		metric_add(admission->not_held, 1);
		ask->wait_until_ms = 0;
	}
	return true;
}

void admission_give(struct admission *admission, struct admitted *admitted)
{
	tally_give(admission->ids, admitted->id);
	tally_give(admission->callers, admitted->caller);
	*admitted = (struct admitted){NULL, NULL};
}
