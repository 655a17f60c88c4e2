/* crash_point: a table of counters, one per name; only in builds that are made to be crashed. */
#include "common/base/crash_point.h"

#ifdef VERIFYD_CRASH_POINTS
#include "common/base/decimal.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
#define CRASH_POINT_NAME(name) #name,
#include "common/base/crash_points.def"
#undef CRASH_POINT_NAME
        "*",
};
enum { NAME_COUNT = sizeof names / sizeof *names, ANY = NAME_COUNT - 1 };

/* Passings that are left before the end; 0: never asked for. */
static atomic_llong crash_left[NAME_COUNT];

static size_t index_of(const char *name, size_t len)
{
	size_t i = 0;
	while (i < NAME_COUNT && (strlen(names[i]) != len || memcmp(names[i], name, len) != 0))
		i++;
	return i;
}

static void refuse(const char *item, size_t len)
{
	fprintf(stderr, "VERIFYD_CRASH_AT: '%.*s' is not name:N of crash_points.def\n", (int)len, item);
	exit(2);
}

void crash_points_prepare(void)
{
	static const char variable[] = "VERIFYD_CRASH_AT";
	const char *item = getenv(variable);
	while (item && *item) {
		size_t len = strcspn(item, ","), name_len = strcspn(item, ":,");
		size_t index = index_of(item, name_len);
		int64_t passings = 0;
		if (index == NAME_COUNT || name_len == len ||
		    decimal_parse(item + name_len + 1, len - name_len - 1, INT64_MAX, &passings) != ERR_OK ||
		    passings == 0)
			refuse(item, len);
		else
			atomic_store(&crash_left[index], passings);
		item += len + (item[len] == ',');
	}
	(void)unsetenv(variable); /* fails only for a name that is none */
}

static void die(const char *name)
{
	char line[128];
	int len = snprintf(line, sizeof line, "{\"event\":\"crash_point\",\"name\":\"%s\"}\n", name);
	ssize_t written = write(STDERR_FILENO, line, (size_t)len);
	(void)written; /* nothing can be done about it */
	(void)raise(SIGKILL);
}

static void pass(size_t index, const char *name)
{
	if (atomic_load(&crash_left[index]) > 0 && atomic_fetch_sub(&crash_left[index], 1) == 1)
		die(name);
}

void crash_point(const char *name)
{
	size_t index = index_of(name, strlen(name));
	if (index == NAME_COUNT)
		abort(); /* a point that stands in no table */
	pass(index, name);
	pass(ANY, name);
}
#endif
