/* language: a table of tags, and two lists to look for them in. */
#include "ingress/language.h"
#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char *const tags_of_ours[LANGUAGE_COUNT] = {[LANGUAGE_EN] = "en", [LANGUAGE_DE] = "de"};

enum { QUALITY_ONE = 1000 }; /* a qvalue has three digits behind the point */

const char *language_tag(enum language language)
{
	assert(language < LANGUAGE_COUNT);
	return tags_of_ours[language];
}

/* By the primary subtag of tag[0..len). */
static enum language by_tag(const char *tag, size_t len)
{
	size_t primary = 0;
	while (primary < len && tag[primary] != '-' && tag[primary] != '_')
		primary++;
	for (unsigned i = 0; i < LANGUAGE_COUNT; i++)
		if (strlen(tags_of_ours[i]) == primary && strncasecmp(tag, tags_of_ours[i], primary) == 0)
			return (enum language)i;
	return LANGUAGE_COUNT;
}

enum language language_of_tags(const char *tags)
{
	static const char between[] = " \t,";
	while (tags && *(tags += strspn(tags, between))) {
		size_t len = strcspn(tags, between);
		enum language language = by_tag(tags, len);
		if (language != LANGUAGE_COUNT)
			return language;
		tags += len;
	}
	return LANGUAGE_COUNT;
}

/* The weight in ;q=0.123, in thousandths; 1000 when none is given, 0 for what is none. */
static int quality_of(const char *parameters, size_t len)
{
	const char *end = parameters + len, *at = memchr(parameters, ';', len);
	int quality = 0, unit = QUALITY_ONE;
	if (!at)
		return QUALITY_ONE;
	for (at++; at < end && (*at == ' ' || *at == '\t'); at++)
		;
	if (end - at < 3 || (at[0] != 'q' && at[0] != 'Q') || at[1] != '=' || at[2] < '0' || at[2] > '1')
		return 0;
	quality = (at[2] - '0') * QUALITY_ONE;
	at += 3;
	if (at < end && *at == '.')
		for (at++; at < end && *at >= '0' && *at <= '9' && unit > 1; at++)
			quality += (*at - '0') * (unit /= 10);
	return quality > QUALITY_ONE ? QUALITY_ONE : quality;
}

enum language language_of_accept(const char *header)
{
	enum language best = LANGUAGE_COUNT;
	int best_quality = 0;
	size_t left = header ? strnlen(header, LANGUAGE_HEADER_MAX_BYTES) : 0;
	while (left > 0) {
		const char *comma = memchr(header, ',', left);
		size_t len = comma ? (size_t)(comma - header) : left, blank = 0;
		while (blank < len && (header[blank] == ' ' || header[blank] == '\t'))
			blank++;
		size_t tag = blank;
		while (tag < len && header[tag] != ';' && header[tag] != ' ' && header[tag] != '\t')
			tag++;
		bool any = tag - blank == 1 && header[blank] == '*';
		enum language language = any ? LANGUAGE_DEFAULT : by_tag(header + blank, tag - blank);
		int quality = quality_of(header + tag, len - tag);
		if (language != LANGUAGE_COUNT && quality > best_quality) {
			best = language;
			best_quality = quality;
		}
		header += len + (comma != NULL);
		left -= len + (comma != NULL);
	}
	return best;
}
