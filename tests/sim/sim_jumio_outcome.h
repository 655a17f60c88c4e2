/* sim_jumio_outcome: how a transaction may end, as a table (sim_jumio_outcomes.def). */
#ifndef SIM_JUMIO_OUTCOME_H
#define SIM_JUMIO_OUTCOME_H

#include <stddef.h>

enum jumio_outcome_id {
#define OUTCOME(id, word, group, label, scan, document, similarity, validity) JUMIO_##id,
#include "tests/sim/sim_jumio_outcomes.def"
#undef OUTCOME
	JUMIO_OUTCOME_COUNT
};

enum jumio_group { JUMIO_GROUP_GOOD, JUMIO_GROUP_DENIED, JUMIO_GROUP_EMPTY, JUMIO_GROUP_FACE, JUMIO_GROUP_ODD, JUMIO_GROUP_COUNT };

/* The guide's tables say TRUE and FALSE, its retrieval sample a string, its callback sample a boolean (contracts 1.3). */
enum jumio_validity { JUMIO_VALIDITY_NONE, JUMIO_VALIDITY_TRUE, JUMIO_VALIDITY_FALSE_TEXT, JUMIO_VALIDITY_FALSE_BOOL };

struct jumio_outcome {
	const char *word; /* in markers, forms and the control interface */
	const char *label;
	enum jumio_group group;
	const char *scan_status;
	const char *document_status;
	const char *similarity; /* NULL: no identityVerification */
	enum jumio_validity validity;
};

extern const struct jumio_outcome jumio_outcomes[JUMIO_OUTCOME_COUNT];
/* Nobody finished: what is told of a transaction whose life is over. Not in the table. */
extern const struct jumio_outcome jumio_outcome_expired;

/* Returns: NULL when there is none of this word. */
const struct jumio_outcome *jumio_outcome_find(const char *word);

struct jumio_reject {
	int code;
	const char *description;
	const char *document_status;
};

/* Returns: the reject reason of this code; NULL when Jumio's guide lists none. */
const struct jumio_reject *jumio_reject_find(int code);
/* Returns: the one of this code if it belongs to the status, else the status's first one; NULL when it has none. */
const struct jumio_reject *jumio_reject_of(const char *document_status, int code);

#endif
