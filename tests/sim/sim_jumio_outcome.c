/* sim_jumio_outcome: the tables of outcomes and of Jumio's reject codes. */
#include "tests/sim/sim_jumio_outcome.h"
#include <string.h>

const struct jumio_outcome jumio_outcomes[JUMIO_OUTCOME_COUNT] = {
#define OUTCOME(id, word, group, label, scan, document, similarity, validity)                                          \
	{word, label, JUMIO_GROUP_##group, scan, document, similarity, JUMIO_VALIDITY_##validity},
#include "tests/sim/sim_jumio_outcomes.def"
#undef OUTCOME
};

const struct jumio_outcome jumio_outcome_expired = {
        .word = "expired",
        .label = "",
        .group = JUMIO_GROUP_EMPTY,
        .scan_status = "FAILED",
        .document_status = "NO_ID_UPLOADED",
        .similarity = NULL,
        .validity = JUMIO_VALIDITY_NONE,
};

static const struct jumio_reject rejects[] = {
#define REJECT(code, description, document) {code, description, document},
#include "tests/sim/sim_jumio_rejects.def"
#undef REJECT
};
enum { REJECT_COUNT = sizeof(rejects) / sizeof(rejects[0]) };

const struct jumio_outcome *jumio_outcome_find(const char *word)
{
	for (size_t i = 0; i < JUMIO_OUTCOME_COUNT; i++) {
		if (strcmp(jumio_outcomes[i].word, word) == 0)
			return &jumio_outcomes[i];
	}
	return NULL;
}

const struct jumio_reject *jumio_reject_find(int code)
{
	for (size_t i = 0; i < REJECT_COUNT; i++) {
		if (rejects[i].code == code)
			return &rejects[i];
	}
	return NULL;
}

const struct jumio_reject *jumio_reject_of(const char *document_status, int code)
{
	const struct jumio_reject *named = jumio_reject_find(code);
	if (named && strcmp(named->document_status, document_status) == 0)
		return named;
	for (size_t i = 0; i < REJECT_COUNT; i++) {
		if (strcmp(rejects[i].document_status, document_status) == 0)
			return &rejects[i];
	}
	return NULL;
}
