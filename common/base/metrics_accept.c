/* metrics_accept: which of the two dialects a scraper asks for (RFC 9110 section 12.5.1). */
#include "common/base/metrics.h"
#include <string.h>
#include <strings.h>

enum { WEIGHT_FULL = 1000 };

/* How specific a range is that covers plain text; the most specific one counts. */
enum { COVERS_NOT, COVERS_ALL, COVERS_TEXT, COVERS_PLAIN };

static bool is_range(const char *range, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(range, name, len) == 0;
}

/* "0.75" and the like, in thousandths. What is no weight counts as 0, so that it is not chosen by mistake. */
static int weight_of(const char *text, size_t len)
{
	int weight = 0, unit = WEIGHT_FULL / 10;
	if (len == 0 || (text[0] != '0' && text[0] != '1') || (len > 1 && text[1] != '.'))
		return 0;
	for (size_t i = 2; i < len; i++, unit /= 10) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		weight += (text[i] - '0') * unit;
	}
	return text[0] == '1' ? WEIGHT_FULL : weight;
}

/* One item, `range; name=value; q=weight`. Returns: its weight; sets how long the range is. */
static int read_item(const char *item, size_t len, size_t *ret_range_len)
{
	int weight = WEIGHT_FULL;
	size_t at = 0, begin = 0;
	for (bool first = true; at <= len; first = false) {
		begin = at;
		while (at < len && item[at] != ';')
			at++;
		size_t end = at++;
		while (begin < end && (item[begin] == ' ' || item[begin] == '\t'))
			begin++;
		while (end > begin && (item[end - 1] == ' ' || item[end - 1] == '\t'))
			end--;
		if (first)
			*ret_range_len = end - begin;
		else if (end - begin >= 2 && strncasecmp(item + begin, "q=", 2) == 0)
			weight = weight_of(item + begin + 2, end - begin - 2);
	}
	return weight;
}

bool metrics_accept_prefers_openmetrics(const char *accept)
{
	int openmetrics = 0, plain = 0, covers = COVERS_NOT;
	while (accept && *accept) {
		accept += strspn(accept, ", \t");
		size_t len = strcspn(accept, ","), range = 0;
		int weight = read_item(accept, len, &range);
		int rank = is_range(accept, range, "text/plain") ? COVERS_PLAIN
		           : is_range(accept, range, "text/*")   ? COVERS_TEXT
		           : is_range(accept, range, "*/*")      ? COVERS_ALL
		                                                 : COVERS_NOT;
		if (is_range(accept, range, "application/openmetrics-text") && weight > openmetrics)
			openmetrics = weight;
		if (rank > covers || (rank == covers && weight > plain)) {
			covers = rank;
			plain = rank == COVERS_NOT ? 0 : weight;
		}
		accept += len;
	}
	return openmetrics > 0 && openmetrics >= plain;
}
