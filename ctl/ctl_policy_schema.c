/* ctl_policy_schema: asks Microsoft's schema (TrustFrameworkPolicy_0.3.0.0.xsd, as it lies in the starter pack). */
#include "ctl/ctl_policy_check.h"
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <string.h>

enum { SCHEMA_FLAGS = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING };

#if LIBXML_VERSION >= 21200
typedef const xmlError schema_error;
#else
typedef xmlError schema_error;
#endif

struct schema_call {
	struct policy_check *check;
	const struct policy_file *file;
};

/* Some of its patterns are .NET's: "^" and "$" around the whole, "\/" for "/". A pattern of XML Schema is the whole by
 * itself; libxml2 takes the first two as characters, as XML Schema has it, and refuses the third. Returns: false
 * without memory. */
static bool mend_pattern(xmlNode *pattern)
{
	char *value = policy_attribute(pattern, "value");
	if (!value)
		return true; /* none, or no memory: the parser will tell */
	char *to = value;
	const char *from = value + (*value == '^');
	for (; *from && strcmp(from, "$") != 0; from++) {
		bool escape = *from == '\\' && from[1];
		if (escape && from[1] == '/')
			continue;
		if (escape)
			*to++ = *from++;
		*to++ = *from;
	}
	*to = '\0';
	bool set = xmlSetProp(pattern, (const xmlChar *)"value", (const xmlChar *)value) != NULL;
	xmlFree(value);
	return set;
}

static xmlSchema *read_schema(xmlDoc *doc)
{
	xmlNode *root = xmlDocGetRootElement(doc);
	for (xmlNode *node = root; node; node = policy_next(root, node))
		if (policy_is(node, "pattern") && !mend_pattern(node))
			return NULL;
	xmlSchemaParserCtxt *parser = root ? xmlSchemaNewDocParserCtxt(doc) : NULL;
	xmlSchema *schema = parser ? xmlSchemaParse(parser) : NULL;
	xmlSchemaFreeParserCtxt(parser);
	return schema;
}

static void on_schema_error(void *ctx, schema_error *fault)
{
	struct schema_call *call = ctx;
	const char *why = fault->message ? fault->message : "not as the schema says";
	policy_complain(call->check, call->file, NULL, "line %d: %.*s", fault->line, (int)strcspn(why, "\n"), why);
}

static void validate(struct policy_check *check, xmlSchema *schema)
{
	for (size_t i = 0; i < check->count; i++) {
		struct schema_call call = {check, &check->files[i]};
		xmlSchemaValidCtxt *context = call.file->base ? NULL : xmlSchemaNewValidCtxt(schema);
		if (!context)
			continue;
		xmlSchemaSetValidStructuredErrors(context, on_schema_error, &call);
		(void)xmlSchemaValidateDoc(context, call.file->doc);
		xmlSchemaFreeValidCtxt(context);
	}
}

void policy_check_schema(struct policy_check *check)
{
	const char *path = check->options.schema;
	if (!path)
		return;
	xmlDoc *doc = xmlReadFile(path, NULL, SCHEMA_FLAGS);
	xmlSchema *schema = doc ? read_schema(doc) : NULL;
	if (schema) {
		validate(check, schema);
	} else {
		check->mistakes++;
		(void)fprintf(check->options.complaints, "%s: cannot be used as a schema\n", path);
	}
	xmlSchemaFree(schema);
	xmlFreeDoc(doc);
}
