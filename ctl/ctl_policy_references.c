/* ctl_policy_references: whether what a policy refers to is there, in itself or in what it builds on; whether its ids
 * are unique and its steps counted. B2C tells the same, one mistake at each upload. */
#include "ctl/ctl_policy_check.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const kind_names[] = {"claim", "claims transformation", "content definition", "technical profile",
                                         "user journey"};

static const struct {
	const char *element, *attribute;
	enum policy_kind kind;
} references[] = {
        {"InputClaim", "ClaimTypeReferenceId", POLICY_CLAIM},
        {"OutputClaim", "ClaimTypeReferenceId", POLICY_CLAIM},
        {"PersistedClaim", "ClaimTypeReferenceId", POLICY_CLAIM},
        {"DisplayClaim", "ClaimTypeReferenceId", POLICY_CLAIM},
        {"InputClaimsTransformation", "ReferenceId", POLICY_TRANSFORMATION},
        {"OutputClaimsTransformation", "ReferenceId", POLICY_TRANSFORMATION},
        {"ValidationTechnicalProfile", "ReferenceId", POLICY_PROFILE},
        {"IncludeTechnicalProfile", "ReferenceId", POLICY_PROFILE},
        {"UseTechnicalProfileForSessionManagement", "ReferenceId", POLICY_PROFILE},
        {"ClaimsExchange", "TechnicalProfileReferenceId", POLICY_PROFILE},
        {"OrchestrationStep", "CpimIssuerTechnicalProfileReferenceId", POLICY_PROFILE},
        {"OrchestrationStep", "ContentDefinitionReferenceId", POLICY_CONTENT},
        {"DefaultUserJourney", "ReferenceId", POLICY_JOURNEY},
        {"Endpoint", "UserJourneyReferenceId", POLICY_JOURNEY},
};

struct looking {
	struct policy_check *check;
	struct policy_file *file;
	struct policy_file *chain[POLICY_CHAIN_MAX];
	size_t length;
};

/* Returns: the id as it is written where it is defined; NULL when it is not. Only claims are found whatever their case.
 */
static const char *find_name(const struct looking *looking, enum policy_kind kind, const char *id)
{
	for (size_t i = 0; i < looking->length; i++)
		for (size_t k = 0; k < looking->chain[i]->name_count; k++) {
			const struct policy_name *name = &looking->chain[i]->names[k];
			if (name->kind == kind &&
			    (kind == POLICY_CLAIM ? strcasecmp(name->id, id) : strcmp(name->id, id)) == 0)
				return name->id;
		}
	return NULL;
}

static void resolve(const struct looking *looking, const xmlNode *node, enum policy_kind kind, const char *id)
{
	const char *found = find_name(looking, kind, id);
	if (!found)
		policy_complain(looking->check, looking->file, node, "%s \"%s\" is not defined", kind_names[kind], id);
	else if (strcmp(found, id) != 0) /* B2C takes it, also from the starter pack */
		(void)fprintf(looking->check->options.complaints,
		              "%s:%ld: note: claim \"%s\" is written %s where it is defined\n", looking->file->path,
		              xmlGetLineNo(node), id, found);
}

static void resolve_attributes(const struct looking *looking, const xmlNode *node)
{
	for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
		char *id =
		        policy_is(node, references[i].element) ? policy_attribute(node, references[i].attribute) : NULL;
		if (id)
			resolve(looking, node, references[i].kind, id);
		xmlFree(id);
	}
}

/* References that stand as text: the page of a profile, and the claim of a precondition. */
static void resolve_text(const struct looking *looking, xmlNode *node)
{
	char *key = policy_is(node, "Item") ? policy_attribute(node, "Key") : NULL;
	bool page = key && strcmp(key, "ContentDefinitionReferenceId") == 0;
	bool claim = policy_is(node, "Value") && policy_is(node->parent, "Precondition") &&
	             xmlFirstElementChild(node->parent) == node;
	char *id = page || claim ? policy_text(node) : NULL;
	if (id)
		resolve(looking, node, page ? POLICY_CONTENT : POLICY_CLAIM, id);
	xmlFree(id);
	xmlFree(key);
}

/* A button leads to an exchange of the same journey. */
static void resolve_selection(const struct looking *looking, const xmlNode *node, const char *attribute)
{
	char *wanted = policy_is(node, "ClaimsProviderSelection") ? policy_attribute(node, attribute) : NULL;
	const xmlNode *steps = node;
	bool found = false;
	while (wanted && steps && !policy_is(steps, "OrchestrationSteps"))
		steps = steps->parent;
	for (xmlNode *at = wanted && steps ? steps->children : NULL; at && !found; at = policy_next(steps, at)) {
		char *id = policy_is(at, "ClaimsExchange") ? policy_attribute(at, "Id") : NULL;
		found = id && strcmp(id, wanted) == 0;
		xmlFree(id);
	}
	if (wanted && !found)
		policy_complain(looking->check, looking->file, node, "claims exchange \"%s\" is not in this journey",
		                wanted);
	xmlFree(wanted);
}

static void check_steps(const struct looking *looking, xmlNode *steps)
{
	long expected = 1;
	for (xmlNode *step = xmlFirstElementChild(steps); step; step = xmlNextElementSibling(step), expected++) {
		char *order = policy_attribute(step, "Order");
		if (!order || strtol(order, NULL, 10) != expected)
			policy_complain(looking->check, looking->file, step, "step %ld has the Order %s", expected,
			                order ? order : "of none");
		xmlFree(order);
	}
}

static void check_unique(struct policy_check *check, const struct policy_file *file)
{
	for (size_t i = 0; i < file->name_count; i++)
		for (size_t k = 0; k < i; k++)
			if (file->names[i].kind == file->names[k].kind &&
			    strcasecmp(file->names[i].id, file->names[k].id) == 0)
				policy_complain(check, file, NULL, "line %ld: %s \"%s\" is defined in line %ld, too",
				                file->names[i].line, kind_names[file->names[i].kind], file->names[i].id,
				                file->names[k].line);
}

void policy_check_references(struct policy_check *check, struct policy_file *file)
{
	struct looking looking = {.check = check, .file = file};
	xmlNode *root = xmlDocGetRootElement(file->doc);
	check_unique(check, file);
	looking.length = policy_chain(check, file, looking.chain);
	for (xmlNode *node = root; node && looking.length > 0; node = policy_next(root, node)) {
		resolve_attributes(&looking, node);
		resolve_text(&looking, node);
		resolve_selection(&looking, node, "TargetClaimsExchangeId");
		resolve_selection(&looking, node, "ValidationClaimsExchangeId");
		if (policy_is(node, "OrchestrationSteps"))
			check_steps(&looking, node);
	}
}
