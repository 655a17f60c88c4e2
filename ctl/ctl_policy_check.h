/* ctl_policy_check: what the parts of the check of policies share: the files, their ids, and how a mistake is told. */
#ifndef VERIFYD_CTL_POLICY_CHECK_H
#define VERIFYD_CTL_POLICY_CHECK_H

#include "ctl/ctl_policy.h"
#include <libxml/tree.h>

enum { POLICY_CHAIN_MAX = 10 }; /* policies that build on each other; B2C allows no more */

enum policy_kind { /* what has an Id and is referred to */
	POLICY_CLAIM,
	POLICY_TRANSFORMATION,
	POLICY_CONTENT,
	POLICY_PROFILE,
	POLICY_JOURNEY,
	POLICY_KIND_COUNT
};

struct policy_file {
	char *path;
	xmlDoc *doc;
	char *id, *parent; /* parent NULL: it builds on nothing */
	bool base;
	struct policy_name { /* what it defines */
		enum policy_kind kind;
		char *id;
		long line;
	} *names;
	size_t name_count, name_cap;
};

struct policy_check {
	struct policy_check_options options;
	struct policy_file files[POLICY_FILES_MAX];
	size_t count, mistakes;
	bool out_of_memory;
};

/* One line: path:line: text. Every call counts a mistake. node NULL: of the whole file. */
void policy_complain(struct policy_check *check, const struct policy_file *file, const xmlNode *node, const char *fmt, ...)
	PRINTF_FMT(4, 5);

/* Returns: the node after this one in the order of the document, below root; NULL after the last. */
xmlNode *policy_next(const xmlNode *root, xmlNode *node);
bool policy_is(const xmlNode *node, const char *element);
/* Returns: a copy, freed with xmlFree; NULL when it is not there, or without memory. */
char *policy_attribute(const xmlNode *node, const char *name);
char *policy_text(xmlNode *node);

/* The files that `file` builds on, itself first. Returns: how many; 0 after a complaint. */
size_t policy_chain(struct policy_check *check, struct policy_file *file, struct policy_file *ret_chain[POLICY_CHAIN_MAX]);

/* Every reference of a file resolves in its chain, ids are unique in it, steps are counted. */
void policy_check_references(struct policy_check *check, struct policy_file *file);
/* No placeholder is left, URLs are https, REST profiles authenticate. */
void policy_check_values(struct policy_check *check, const struct policy_file *file);
/* Every policy that is not the base is what options.schema says; nothing without a schema. */
void policy_check_schema(struct policy_check *check);

#endif
