/* ctl_policy_values: what stands in a policy's texts and attributes: nothing that should have been filled in, no http,
 * no API that everybody may call. */
#include "ctl/ctl_policy_check.h"
#include <string.h>
#include <strings.h>

/* What templates and the starter pack leave to be filled in. */
static const char *const leftovers[] = {
        "{Settings:",
        "{your-",
        "yourtenant.",
        "ProxyIdentityExperienceFrameworkAppId",
        "IdentityExperienceFrameworkAppId",
};

static void check_leftovers(struct policy_check *check, const struct policy_file *file, const xmlNode *node,
                            const char *value)
{
	for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
		if (strstr(value, leftovers[i])) {
			policy_complain(check, file, node, "not filled in: %s", leftovers[i]);
			return;
		}
}

static void check_url(struct policy_check *check, const struct policy_file *file, const xmlNode *node,
                      const char *value)
{
	if (strncasecmp(value, "http:", 5) == 0 && !policy_url_is_good(value, check->options.loopback_http))
		policy_complain(check, file, node, "an address without https: %.80s", value);
}

static void check_attributes(struct policy_check *check, const struct policy_file *file, const xmlNode *node)
{
	for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
		char *value = (char *)xmlNodeListGetString(node->doc, attribute->children, 1);
		if (value) {
			check_leftovers(check, file, node, value);
			if (strcmp((const char *)attribute->name, "DefaultValue") == 0)
				check_url(check, file, node, value);
		}
		xmlFree(value);
	}
}

static void check_item(struct policy_check *check, const struct policy_file *file, const xmlNode *node,
                       const char *value)
{
	char *key = policy_attribute(node, "Key");
	if (key && strcmp(key, "AuthenticationType") == 0 && strcmp(value, "None") == 0)
		policy_complain(check, file, node, "AuthenticationType None: everybody may call this API");
	xmlFree(key);
}

/* Texts of elements that hold nothing but text. */
static void check_text(struct policy_check *check, const struct policy_file *file, xmlNode *node)
{
	char *value = xmlFirstElementChild(node) ? NULL : policy_text(node);
	if (value) {
		const char *text = value + strspn(value, " \t\r\n");
		check_leftovers(check, file, node, text);
		check_url(check, file, node, text);
		if (policy_is(node, "Item"))
			check_item(check, file, node, text);
	}
	xmlFree(value);
}

void policy_check_values(struct policy_check *check, const struct policy_file *file)
{
	xmlNode *root = xmlDocGetRootElement(file->doc);
	for (xmlNode *node = root; node; node = policy_next(root, node)) {
		if (node->type == XML_PI_NODE)
			policy_complain(check, file, node, "not filled in: <?%s", (const char *)node->name);
		if (node->type != XML_ELEMENT_NODE)
			continue;
		check_attributes(check, file, node);
		check_text(check, file, node);
	}
}
