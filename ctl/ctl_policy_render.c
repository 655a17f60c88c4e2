/* ctl_policy_render: fills the templates in, and knows which policies make up a set, in which order, and which policy
 * keys they use. The templates are part of the program. */
#include "ctl/ctl_policy.h"
#include "policy_templates.inc"
#include <string.h>

static const struct {
	const char *name;
	const char *text;
	size_t len;
} templates[] = {EMBEDDED_ROWS};

static const struct {
	const char *set;
	struct policy_part part;
} sets[] = {
#define POLICY(set, template, part, parent) {set, {template, part, parent}},
#include "ctl/policy_sets.def"
#undef POLICY
};

static const struct {
	const char *auth, *name, *option, *command;
} keys[] = {
#define KEY(auth, name, option, command) {auth, name, option, command},
#include "ctl/policy_keys.def"
#undef KEY
};

static const char *const setting_names[] = {
#define SETTING(symbol, name, shape, needed, fallback, help) name,
#include "ctl/policy_settings.def"
#undef SETTING
};

#define ID_START    "B2C_1A_"
#define RETURN_PART "Return"
#define PLACE_START "{Settings:"
#define WHEN_START  "<?when "
#define WHEN_END    "?>"
#define END_MARK    "<?end?>"
#define STEPS_START "<OrchestrationSteps>"
enum { NAME_BYTES = 64 };

size_t policy_parts(const char *set, const struct policy_part *ret_parts[POLICY_PARTS_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < sizeof sets / sizeof *sets && count < POLICY_PARTS_MAX; i++)
		if (strcmp(sets[i].set, set) == 0)
			ret_parts[count++] = &sets[i].part;
	return count;
}

void policy_id(const struct policy_settings *settings, const char *part, char ret_id[POLICY_ID_BYTES])
{
	(void)snprintf(ret_id, POLICY_ID_BYTES, ID_START "%s_%s", settings->value[POLICY_NAME], part);
}

void policy_print_keys(const struct policy_settings *settings, FILE *out)
{
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(keys[i].auth, settings->value[POLICY_API_AUTH]) == 0)
			(void)fprintf(out, "  " ID_START "%s%s (%s)\n      %s\n", settings->value[POLICY_NAME],
			              keys[i].name, keys[i].option, keys[i].command);
}

struct rendering {
	const struct policy_settings *settings;
	const struct policy_part *part;
	struct buf *out;
	struct err *err;
	int order;  /* of the last orchestration step */
	bool open;  /* inside of a when */
	bool drops; /* whose condition does not hold */
};

static const char *setting_of(const struct rendering *rendering, const char *name)
{
	for (size_t i = 0; i < POLICY_SETTING_COUNT; i++)
		if (strcmp(setting_names[i], name) == 0)
			return rendering->settings->value[i];
	return NULL;
}

/* Writes a value where an attribute or a text may hold it. */
static enum err_code put_escaped(struct buf *out, const char *value)
{
	enum err_code code = ERR_OK;
	for (; *value && code == ERR_OK; value++) {
		const char *entity = *value == '&' ? "&amp;" : *value == '<' ? "&lt;" : *value == '"' ? "&quot;" : NULL;
		code = entity ? buf_append_str(out, entity) : buf_append(out, value, 1);
	}
	return code;
}

static enum err_code put_value(struct rendering *rendering, const char *name)
{
	char id[POLICY_ID_BYTES];
	const struct policy_part *part = rendering->part;
	const char *value = setting_of(rendering, name);
	if (strcmp(name, "Order") == 0)
		return buf_printf(rendering->out, "%d", ++rendering->order);
	if (strcmp(name, "PolicyId") == 0 || strcmp(name, "ReturnPolicy") == 0 ||
	    (strcmp(name, "ParentPolicy") == 0 && *part->parent)) {
		const char *of = strcmp(name, "PolicyId") == 0       ? part->part
		                 : strcmp(name, "ReturnPolicy") == 0 ? RETURN_PART
		                                                     : part->parent;
		policy_id(rendering->settings, of, id);
		value = id;
	} else if (strcmp(name, "ParentPolicy") == 0) {
		value = rendering->settings->value[POLICY_BASE_POLICY];
	}
	if (!value)
		return err_set(rendering->err, ERR_INVALID, "{Settings:%s}: no such setting", name);
	if (!*value)
		return err_set(rendering->err, ERR_INVALID, "{Settings:%s}: has no value", name);
	return put_escaped(rendering->out, value);
}

/* Copies text[0..len) as a name. Returns: false when it is too long for one. */
static bool copy_name(const char *text, size_t len, char ret_name[NAME_BYTES])
{
	if (len >= NAME_BYTES)
		return false;
	memcpy(ret_name, text, len);
	ret_name[len] = '\0';
	return true;
}

/* NAME (has a value) or NAME=VALUE. Returns: ERR_OK; ERR_INVALID when there is no such setting. */
static enum err_code look_at(const struct rendering *rendering, const char *condition, size_t len, bool *ret_holds)
{
	char name[NAME_BYTES];
	const char *equals = memchr(condition, '=', len);
	size_t name_len = equals ? (size_t)(equals - condition) : len;
	const char *value = copy_name(condition, name_len, name) ? setting_of(rendering, name) : NULL;
	if (!value)
		return ERR_INVALID;
	if (equals)
		*ret_holds = strlen(value) == len - name_len - 1 && memcmp(value, equals + 1, len - name_len - 1) == 0;
	else
		*ret_holds = *value != '\0';
	return ERR_OK;
}

/* condition: one or more, '|' between them; one that holds is enough. */
static enum err_code open_when(struct rendering *rendering, const char *condition, size_t len)
{
	bool holds = false;
	if (rendering->open)
		return err_set(rendering->err, ERR_INVALID, "<?when %.*s?>: stands inside of another", (int)len,
		               condition);
	for (size_t at = 0; at <= len;) {
		bool this_holds;
		const char *bar = memchr(condition + at, '|', len - at);
		size_t one = bar ? (size_t)(bar - condition) - at : len - at;
		if (look_at(rendering, condition + at, one, &this_holds) != ERR_OK)
			return err_set(rendering->err, ERR_INVALID, "<?when %.*s?>: no such setting", (int)len,
			               condition);
		holds = holds || this_holds;
		at += one + 1;
	}
	rendering->open = true;
	rendering->drops = !holds;
	return ERR_OK;
}

/* After a directive that has a line of its own: the line goes with it. Returns: how many bytes of text to pass over. */
static size_t drop_line(struct buf *out, const char *text)
{
	size_t blanks = 0;
	while (blanks < out->len &&
	       (out->data[out->len - blanks - 1] == '\t' || out->data[out->len - blanks - 1] == ' '))
		blanks++;
	if (*text != '\n' || (blanks < out->len && out->data[out->len - blanks - 1] != '\n'))
		return 0;
	out->len -= blanks;
	out->data[out->len] = '\0';
	return 1;
}

/* Takes the directive or placeholder at text, if one is there. Returns: ERR_OK and how long it is (0: none); as
 * policy_render. */
static enum err_code take(struct rendering *rendering, const char *text, size_t *ret_len)
{
	char name[NAME_BYTES];
	enum err_code code = ERR_OK;
	const char *end;
	*ret_len = 0;
	if (strncmp(text, STEPS_START, strlen(STEPS_START)) == 0)
		rendering->order = 0;
	if (strncmp(text, END_MARK, strlen(END_MARK)) == 0) {
		if (!rendering->open)
			return err_set(rendering->err, ERR_INVALID, END_MARK " without a beginning");
		bool dropped = rendering->drops;
		rendering->open = rendering->drops = false;
		*ret_len = strlen(END_MARK);
		if (!dropped || rendering->out->len > 0)
			*ret_len += drop_line(rendering->out, text + *ret_len);
	} else if (strncmp(text, WHEN_START, strlen(WHEN_START)) == 0) {
		const char *condition = text + strlen(WHEN_START);
		end = strstr(condition, WHEN_END);
		if (!end)
			return err_set(rendering->err, ERR_INVALID, "<?when does not end");
		*ret_len = (size_t)(end - text) + strlen(WHEN_END);
		code = open_when(rendering, condition, (size_t)(end - condition));
		if (code == ERR_OK && !rendering->drops)
			*ret_len += drop_line(rendering->out, text + *ret_len);
	} else if (!rendering->drops && strncmp(text, PLACE_START, strlen(PLACE_START)) == 0) {
		const char *begin = text + strlen(PLACE_START);
		end = strchr(begin, '}');
		if (!end || !copy_name(begin, (size_t)(end - begin), name))
			return err_set(rendering->err, ERR_INVALID, PLACE_START " does not end");
		*ret_len = (size_t)(end - text) + 1;
		code = put_value(rendering, name);
	}
	return code;
}

enum err_code policy_render_text(const struct policy_settings *settings, const struct policy_part *part,
                                 const char *template, size_t len, struct buf *out, struct err *err)
{
	struct rendering rendering = {.settings = settings, .part = part, .out = out, .err = err};
	enum err_code code = ERR_OK;
	for (const char *text = template; text < template + len && code == ERR_OK;) {
		size_t taken = 0;
		if (*text == '<' || *text == '{')
			code = take(&rendering, text, &taken);
		if (code == ERR_OK && taken == 0) {
			taken = 1;
			if (!rendering.drops)
				code = buf_append(out, text, 1);
		}
		text += taken;
	}
	if (code == ERR_OK && rendering.open)
		return err_set(err, ERR_INVALID, "a <?when is not closed");
	return code;
}

enum err_code policy_render(const struct policy_settings *settings, const struct policy_part *part, struct buf *out,
                            struct err *err)
{
	for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
		if (strcmp(templates[i].name, part->template) == 0)
			return policy_render_text(settings, part, templates[i].text, templates[i].len, out, err);
	return err_set(err, ERR_NOT_FOUND, "%s: no such template", part->template);
}
