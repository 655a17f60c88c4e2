/* html: the five characters that mean something in HTML. */
#include "common/base/html.h"
#include <string.h>

enum err_code html_escape(struct buf *out, const char *text)
{
	static const struct {
		char c;
		const char *entity;
	} entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
	enum err_code code = ERR_OK;
	while (*text && code == ERR_OK) {
		size_t len = strcspn(text, "&<>\"'");
		code = buf_append(out, text, len);
		text += len;
		for (size_t i = 0; *text && i < sizeof entities / sizeof *entities; i++)
			if (*text == entities[i].c && code == ERR_OK)
				code = buf_append_str(out, entities[i].entity);
		text += *text != '\0';
	}
	return code;
}
