/* sim_jumio_check: a table of members with their lengths; json_in reads JSON and libcurl URLs. */
#include "tests/sim/sim_jumio_check.h"
#include "common/base/json_in.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MINUTE_MS = 60000, LIFE_MIN_MINUTES = 5, LIFE_MAX_MINUTES = 86400, LIFE_MINUTES = 30 };

/* ---- headers ---- */

/* True for `type`, alone or as one of a list, with parameters or without. */
static bool names_type(const char *header, const char *type)
{
	size_t len = strlen(type);
	for (const char *at = header; *at; at += strcspn(at, ","), at += *at == ',') {
		at += strspn(at, " \t");
		if (strncasecmp(at, type, len) == 0 && strchr(" \t;,", at[len])) /* also its '\0' */
			return true;
	}
	return false;
}

/* "<Company> <App>/<version>": a slash, at least two words before it, and something behind. */
static bool names_customer(const char *agent)
{
	size_t head = strcspn(agent, "/");
	size_t company = strcspn(agent, " ");
	for (const char *at = agent; *at; at++) {
		if (!isprint((unsigned char)*at))
			return false;
	}
	return isalnum((unsigned char)*agent) && company + 1 < head && agent[head] == '/' &&
	       isalnum((unsigned char)agent[head - 1]) && isalnum((unsigned char)agent[head + 1]);
}

static bool is_known(const char *authorization)
{
	static const char scheme[] = "Basic ";
	static const char credentials[] = "c2ltLXRva2VuOnNpbS1zZWNyZXQ="; /* base64 of username:password */
	return strncasecmp(authorization, scheme, sizeof(scheme) - 1) == 0 &&
	       strcmp(authorization + sizeof(scheme) - 1, credentials) == 0;
}

static unsigned refuse(unsigned status, struct err *err, const char *text)
{
	err_set(err, ERR_INVALID, "%s", text);
	return status;
}

unsigned jumio_check_headers(const struct sim_request *request, bool wants_body, struct err *err)
{
	if (!names_customer(request->user_agent))
		return refuse(403, err, "User-Agent must be <Company> <App>/<version>");
	if (!is_known(request->authorization))
		return refuse(401, err, "Basic authentication is needed");
	if (!names_type(request->accept, "application/json"))
		return refuse(400, err, "Accept must be application/json");
	if (wants_body && !names_type(request->content_type, "application/json"))
		return refuse(400, err, "Content-Type must be application/json");
	return 200;
}

/* ---- URLs ---- */

static bool is_loopback(const char *host)
{
	struct in_addr address;
	size_t len = strlen(host);
	const char local[] = ".localhost";
	if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	if (len > sizeof(local) && strcasecmp(host + len - (sizeof(local) - 1), local) == 0)
		return true;
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* True when the query already has a parameter that Jumio appends. */
static bool has_appended(const char *query)
{
	static const char *const appended[] = {"transactionStatus", "customerInternalReference", "transactionReference",
	                                       "errorCode"};
	for (const char *at = query; *at; at += strcspn(at, "&"), at += *at == '&') {
		size_t len = strcspn(at, "=&");
		for (size_t i = 0; i < sizeof(appended) / sizeof(appended[0]); i++) {
			if (len == strlen(appended[i]) && strncasecmp(at, appended[i], len) == 0)
				return true;
		}
	}
	return false;
}

static const char *url_parts_fault(CURLU *url)
{
	char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL, *query = NULL;
	struct in_addr address;
	const char *fault = NULL;
	bool is_read = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	               curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK;
	bool has_port = curl_url_get(url, CURLUPART_PORT, &port, 0) == CURLUE_OK;
	bool has_user = curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK;
	bool has_query = curl_url_get(url, CURLUPART_QUERY, &query, 0) == CURLUE_OK;
	bool is_local = is_read && is_loopback(host);
	if (!is_read)
		fault = "has no host";
	else if (strcmp(scheme, "https") != 0 && !(is_local && strcmp(scheme, "http") == 0))
		fault = "must be https";
	else if (has_user)
		fault = "must not hold a user";
	else if (!is_local && (*host == '[' || inet_pton(AF_INET, host, &address) == 1))
		fault = "must not hold an IP address";
	else if (!is_local && has_port)
		fault = "must not hold a port";
	else if (has_query && has_appended(query))
		fault = "must not hold a parameter that is appended";
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_free(query);
	return fault;
}

/* Returns: what is wrong, NULL when nothing is. */
static const char *url_fault(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (!isgraph((unsigned char)*at) || strchr("<>\"{}|\\^`", *at))
			return "holds a character that must be percent-encoded";
		if (*at == '%' && !(isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2])))
			return "holds a broken escape";
	}
	if (strchr(text, '#'))
		return "must not hold a fragment";
	CURLU *url = curl_url();
	if (!url)
		return "cannot be read: no memory";
	const char *fault = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK
	                            ? url_parts_fault(url)
	                            : "is not a URL";
	curl_url_cleanup(url);
	return fault;
}

/* ---- members ---- */

struct text_member {
	const char *name;
	size_t offset, cap; /* in struct jumio_order */
	int max_chars;
	bool is_needed, is_url;
};

#define MEMBER(name, member, chars, needed, url)                                                                       \
	{                                                                                                              \
		name, offsetof(struct jumio_order, member), sizeof(((struct jumio_order *)0)->member), chars, needed,  \
		        url                                                                                            \
	}

static const struct text_member texts[] = {
        MEMBER("customerInternalReference", customer_reference, 100, true, false),
        MEMBER("userReference", user, 100, true, false),
        MEMBER("reportingCriteria", criteria, 100, false, false),
        MEMBER("successUrl", success_url, 2047, false, true),
        MEMBER("errorUrl", error_url, 255, false, true),
        MEMBER("callbackUrl", callback_url, 255, false, true),
        MEMBER("locale", locale, 5, false, false),
};
enum { TEXT_COUNT = sizeof(texts) / sizeof(texts[0]) };

static const char *const others[] = {"workflowId", "presets", "tokenLifetimeInMinutes"};

static bool is_member(const char *name)
{
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		if (strcmp(texts[i].name, name) == 0)
			return true;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(others[i], name) == 0)
			return true;
	}
	return false;
}

static int chars_of(const char *text)
{
	int chars = 0;
	for (; *text; text++)
		chars += ((unsigned char)*text & 0xc0) != 0x80; /* UTF-8: continuation bytes do not count */
	return chars;
}

static enum err_code read_text(const struct json_in *root, const struct text_member *member, struct jumio_order *order,
                               struct err *err)
{
	char *out = (char *)order + member->offset;
	enum err_code code = json_in_str(root, member->name, out, member->cap, NULL);
	if (code == ERR_NOT_FOUND && !member->is_needed)
		return ERR_OK;
	if (code != ERR_OK || *out == '\0' || chars_of(out) > member->max_chars)
		return err_set(err, ERR_INVALID, "%s must be a string of 1 to %d characters", member->name,
		               member->max_chars);
	const char *fault = member->is_url ? url_fault(out) : NULL;
	return fault ? err_set(err, ERR_INVALID, "%s %s", member->name, fault) : ERR_OK;
}

static bool is_locale(const char *text)
{
	size_t len = strlen(text);
	bool is_language = len >= 2 && islower((unsigned char)text[0]) && islower((unsigned char)text[1]);
	return is_language && (len == 2 || (len == 5 && text[2] == '-' && isupper((unsigned char)text[3]) &&
	                                    isupper((unsigned char)text[4])));
}

static bool is_workflow(int64_t id)
{
	return (id >= 100 && id <= 102) || (id >= 200 && id <= 202);
}

static bool is_country(const char *text)
{
	return text && strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

static bool is_document_type(const char *text)
{
	return text &&
	       (strcmp(text, "PASSPORT") == 0 || strcmp(text, "DRIVING_LICENSE") == 0 || strcmp(text, "ID_CARD") == 0);
}

static bool is_presets(const struct json_in *presets)
{
	const struct json_in *preset = json_in_first(presets);
	return json_in_type(presets) == JSON_IN_ARRAY && json_in_count(presets) == 1 &&
	       json_in_type(preset) == JSON_IN_OBJECT && json_in_count(preset) == 3 &&
	       json_in_integer(json_in_get(preset, "index")) == 1 &&
	       is_country(json_in_text(json_in_get(preset, "country"))) &&
	       is_document_type(json_in_text(json_in_get(preset, "type")));
}

static enum err_code read_others(const struct json_in *root, struct jumio_order *order, struct err *err)
{
	int64_t minutes = LIFE_MINUTES;
	const struct json_in *presets = json_in_get(root, "presets");
	enum err_code code = json_in_int(root, "workflowId", 0, INT32_MAX, &order->workflow, NULL);
	if (code != ERR_NOT_FOUND && (code != ERR_OK || !is_workflow(order->workflow)))
		return err_set(err, ERR_INVALID, "workflowId must be 100, 101, 102, 200, 201 or 202");
	code = json_in_int(root, "tokenLifetimeInMinutes", LIFE_MIN_MINUTES, LIFE_MAX_MINUTES, &minutes, NULL);
	if (code != ERR_NOT_FOUND && code != ERR_OK)
		return err_set(err, ERR_INVALID, "tokenLifetimeInMinutes must be a whole number from %d to %d",
		               LIFE_MIN_MINUTES, LIFE_MAX_MINUTES);
	order->life_ms = minutes * MINUTE_MS;
	if (presets && !is_presets(presets))
		return err_set(err, ERR_INVALID, "presets must be one object with index 1, country and type");
	if (*order->locale && !is_locale(order->locale))
		return err_set(err, ERR_INVALID, "locale must be like en or en-GB");
	return ERR_OK;
}

static enum err_code read_members(const struct json_in *root, struct jumio_order *order, struct err *err)
{
	enum err_code code = ERR_OK;
	if (json_in_type(root) != JSON_IN_OBJECT)
		return err_set(err, ERR_INVALID, "the body must be a JSON object");
	for (const struct json_in *at = json_in_first(root); at; at = json_in_next(at)) {
		if (!is_member(json_in_name(at)))
			return err_set(err, ERR_INVALID, "the body holds an unknown member");
	}
	for (size_t i = 0; code == ERR_OK && i < TEXT_COUNT; i++)
		code = read_text(root, &texts[i], order, err);
	return code == ERR_OK ? read_others(root, order, err) : code;
}

enum err_code jumio_read_order(const struct sim_request *request, struct jumio_order *ret_order, struct err *err)
{
	struct json_in *root = NULL;
	memset(ret_order, 0, sizeof(*ret_order));
	if (json_in_parse(request->body, request->body_len, &root, NULL) != ERR_OK)
		return err_set(err, ERR_INVALID, "the body is not JSON");
	enum err_code code = read_members(root, ret_order, err);
	json_in_free(root);
	return code;
}

void jumio_read_names(const struct sim_request *request, char *user, char *customer_reference, size_t cap)
{
	struct json_in *root = NULL;
	*user = *customer_reference = '\0';
	if (json_in_parse(request->body, request->body_len, &root, NULL) != ERR_OK)
		return;
	if (json_in_str(root, "userReference", user, cap, NULL) != ERR_OK)
		*user = '\0';
	if (json_in_str(root, "customerInternalReference", customer_reference, cap, NULL) != ERR_OK)
		*customer_reference = '\0';
	json_in_free(root);
}
