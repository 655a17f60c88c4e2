/* ctl_policy_check: loads policies and goes through the checks. XML by libxml2, without
 * network and without DTDs. */
#include "ctl/ctl_policy_check.h"
#include <dirent.h>
#include <errno.h>
#include <libxml/parser.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define FILE_END  ".xml"
#define NAMESPACE "http://schemas.microsoft.com/online/cpim/schemas/2013/06"
enum { PARSE_FLAGS = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING };

static const struct {
	const char *element;
	enum policy_kind kind;
} definitions[] = {
        {"ClaimType", POLICY_CLAIM},           {"ClaimsTransformation", POLICY_TRANSFORMATION},
        {"ContentDefinition", POLICY_CONTENT}, {"TechnicalProfile", POLICY_PROFILE},
        {"UserJourney", POLICY_JOURNEY},
};

void policy_complain(struct policy_check *check, const struct policy_file *file, const xmlNode *node, const char *fmt,
                     ...)
{
	va_list args;
	FILE *out = check->options.complaints;
	check->mistakes++;
	(void)fprintf(out, "%s:", file->path);
	if (node)
		(void)fprintf(out, "%ld:", xmlGetLineNo(node));
	(void)fputc(' ', out);
	va_start(args, fmt);
	(void)vfprintf(out, fmt, args);
	va_end(args);
	(void)fputc('\n', out);
}

xmlNode *policy_next(const xmlNode *root, xmlNode *node)
{
	if (node->type == XML_ELEMENT_NODE && node->children)
		return node->children;
	while (node != root && !node->next)
		node = node->parent;
	return node == root ? NULL : node->next;
}

bool policy_is(const xmlNode *node, const char *element)
{
	return node && node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, element) == 0;
}

char *policy_attribute(const xmlNode *node, const char *name)
{
	return (char *)xmlGetNoNsProp(node, (const xmlChar *)name);
}

char *policy_text(xmlNode *node)
{
	return (char *)xmlNodeGetContent(node);
}

enum err_code policy_check_new(const struct policy_check_options *options, struct policy_check **ret_check)
{
	struct policy_check *check = calloc(1, sizeof *check);
	if (!check)
		return ERR_NO_MEMORY;
	check->options = *options;
	*ret_check = check;
	return ERR_OK;
}

static void file_fini(struct policy_file *file)
{
	for (size_t i = 0; i < file->name_count; i++)
		xmlFree(file->names[i].id);
	free(file->names);
	xmlFree(file->id);
	xmlFree(file->parent);
	xmlFreeDoc(file->doc);
	free(file->path);
}

void policy_check_free(struct policy_check *check)
{
	for (size_t i = 0; check && i < check->count; i++)
		file_fini(&check->files[i]);
	free(check);
}

static enum policy_kind kind_of(const xmlNode *node)
{
	/* A relying party's profile is nobody's to refer to. */
	if (node->type != XML_ELEMENT_NODE || policy_is(node->parent, "RelyingParty"))
		return POLICY_KIND_COUNT;
	for (size_t i = 0; i < sizeof definitions / sizeof *definitions; i++)
		if (policy_is(node, definitions[i].element))
			return definitions[i].kind;
	return POLICY_KIND_COUNT;
}

static bool add_name(struct policy_file *file, enum policy_kind kind, const xmlNode *node)
{
	if (file->name_count == file->name_cap) {
		size_t cap = file->name_cap ? 2 * file->name_cap : 64;
		struct policy_name *grown = realloc(file->names, cap * sizeof *grown);
		if (!grown)
			return false;
		file->names = grown;
		file->name_cap = cap;
	}
	char *id = policy_attribute(node, "Id");
	if (id)
		file->names[file->name_count++] = (struct policy_name){kind, id, xmlGetLineNo(node)};
	return true;
}

/* The members that say which policy it is, and what it defines. Returns: false without memory. */
static bool read_root(struct policy_file *file, xmlNode *root)
{
	file->id = policy_attribute(root, "PolicyId");
	for (xmlNode *node = root; node; node = policy_next(root, node)) {
		enum policy_kind kind = kind_of(node);
		if (kind != POLICY_KIND_COUNT && !add_name(file, kind, node))
			return false;
		if (policy_is(node, "PolicyId") && policy_is(node->parent, "BasePolicy") && !file->parent)
			file->parent = policy_text(node);
	}
	return true;
}

static const struct policy_file *find_policy(const struct policy_check *check, const char *id)
{
	for (size_t i = 0; i < check->count; i++)
		if (strcasecmp(check->files[i].id, id) == 0)
			return &check->files[i];
	return NULL;
}

/* Takes the file over. Returns: false when it is no policy, or not a new one; then the caller ends it. */
static bool take_file(struct policy_check *check, struct policy_file *file)
{
	xmlNode *root = xmlDocGetRootElement(file->doc);
	if (!policy_is(root, "TrustFrameworkPolicy") || !root->ns ||
	    strcmp((const char *)root->ns->href, NAMESPACE) != 0) {
		policy_complain(check, file, NULL, "no TrustFrameworkPolicy of the namespace " NAMESPACE);
		return false;
	}
	if (file->doc->intSubset) {
		policy_complain(check, file, NULL, "has a DTD");
		return false;
	}
	if (!read_root(file, root)) {
		check->out_of_memory = true;
		return false;
	}
	if (!file->id) {
		policy_complain(check, file, root, "has no PolicyId");
		return false;
	}
	const struct policy_file *other = find_policy(check, file->id);
	if (other && !file->base)
		policy_complain(check, file, root, "PolicyId %s is %s's, too", file->id, other->path);
	if (other)
		return false;
	check->files[check->count++] = *file;
	return true;
}

static void load(struct policy_check *check, const char *path, bool base)
{
	struct policy_file file = {.path = strdup(path), .base = base};
	xmlParserCtxt *parser = xmlNewParserCtxt();
	if (file.path && parser)
		file.doc = xmlCtxtReadFile(parser, path, NULL, PARSE_FLAGS);
	if (!file.path || !parser) {
		check->out_of_memory = true;
	} else if (!file.doc) {
		const xmlError *fault = xmlCtxtGetLastError(parser);
		const char *why = fault && fault->message ? fault->message : "it cannot be read";
		policy_complain(check, &file, NULL, "line %d: not well-formed: %.*s", fault ? fault->line : 0,
		                (int)strcspn(why, "\n"), why);
	}
	if (!file.doc || !take_file(check, &file))
		file_fini(&file);
	xmlFreeParserCtxt(parser);
}

static bool is_loaded(const struct policy_check *check, const char *path)
{
	struct stat one, other;
	for (size_t i = 0; i < check->count; i++)
		if (stat(path, &one) == 0 && stat(check->files[i].path, &other) == 0 && one.st_dev == other.st_dev &&
		    one.st_ino == other.st_ino)
			return true;
	return false;
}

static enum err_code add_entry(struct policy_check *check, const char *folder, const char *name, bool base,
                               struct err *err)
{
	char path[PATH_MAX];
	struct stat info;
	size_t len = strlen(name), end = strlen(FILE_END);
	if (len <= end || strcasecmp(name + len - end, FILE_END) != 0)
		return ERR_OK;
	if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
		return err_set(err, ERR_LIMIT, "%s: its path is too long", name);
	if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || is_loaded(check, path))
		return ERR_OK;
	if (info.st_size > POLICY_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "%s: more than %d bytes", name, POLICY_MAX_BYTES);
	if (check->count == POLICY_FILES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d policies", POLICY_FILES_MAX);
	load(check, path, base);
	return check->out_of_memory ? err_set(err, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY)) : ERR_OK;
}

enum err_code policy_check_add(struct policy_check *check, const char *folder, bool base, struct err *err)
{
	struct dirent **entries;
	enum err_code code = ERR_OK;
	int count = scandir(folder, &entries, NULL, alphasort);
	if (count < 0)
		return err_set(err, ERR_IO, "%s cannot be read: %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (code == ERR_OK)
			code = add_entry(check, folder, entries[i]->d_name, base, err);
		free(entries[i]);
	}
	free(entries);
	return code;
}

size_t policy_chain(struct policy_check *check, struct policy_file *file,
                    struct policy_file *ret_chain[POLICY_CHAIN_MAX])
{
	size_t count = 0;
	for (struct policy_file *at = file; at;) {
		if (count == POLICY_CHAIN_MAX) {
			policy_complain(check, file, NULL, "builds on more than %d policies, or on itself",
			                POLICY_CHAIN_MAX);
			return 0;
		}
		ret_chain[count++] = at;
		if (!at->parent)
			break;
		const struct policy_file *next = find_policy(check, at->parent);
		if (!next && at != file && !at->base)
			return 0; /* told of that one */
		if (!next) {
			policy_complain(check, file, NULL,
			                "builds on %s, which is not there (where the base lies: --base DIR)",
			                at->parent);
			return 0;
		}
		at = &check->files[next - check->files];
	}
	return count;
}

size_t policy_check_run(struct policy_check *check, size_t *ret_policies)
{
	size_t policies = 0;
	for (size_t i = 0; i < check->count; i++) {
		struct policy_file *file = &check->files[i];
		if (file->base)
			continue;
		policies++;
		policy_check_references(check, file);
		policy_check_values(check, file);
	}
	policy_check_schema(check);
	if (policies == 0) {
		check->mistakes++;
		(void)fputs("there is no policy to check\n", check->options.complaints);
	}
	*ret_policies = policies;
	return check->mistakes;
}
