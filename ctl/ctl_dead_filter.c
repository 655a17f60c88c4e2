/* ctl_dead_filter: which dead letters a command is about. */
#include "ctl/ctl_dead.h"
#include <stdlib.h>
#include <string.h>

int64_t dead_letter_time(const struct dead_letter *letter)
{
	return letter->last_failure_ms ? letter->last_failure_ms : letter->timestamp_ms;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_vendor(const char *name)
{
	for (unsigned i = 0; i < KIND_COUNT; i++)
		if (strcmp(kind_info((enum kind)i)->vendor, name) == 0)
			return true;
	return false;
}

int dead_filter_of(const struct ctl_call *call, const char **ids, struct dead_filter *ret_filter)
{
	char shown[DEAD_WORD_BYTES];
	int status = ctl_check_ids(call);
	if (status != CTL_OK)
		return status;
	if (call->vendor && !is_vendor(call->vendor)) {
		ctl_printable(call->vendor, shown, sizeof shown);
		return ctl_refuse("--vendor %s: no such vendor", shown);
	}
	*ret_filter = (struct dead_filter){.vendor = call->vendor,
	                                   .class = call->class,
	                                   .since_ms = call->since_ms,
	                                   .until_ms = call->until_ms,
	                                   .ids = ids};
	for (size_t i = 0; i < call->argument_count; i++)
		ids[i] = call->arguments[i];
	if (call->argument_count > 1)
		qsort(ids, call->argument_count, sizeof *ids, by_text);
	for (size_t i = 0; i < call->argument_count; i++)
		if (ret_filter->id_count == 0 || strcmp(ids[i], ids[ret_filter->id_count - 1]) != 0)
			ids[ret_filter->id_count++] = ids[i];
	return CTL_OK;
}

static bool is_of_class(const char *class, const struct dead_letter *letter)
{
	if (strcmp(class, letter->class) == 0 || strcmp(class, letter->error) == 0)
		return true;
	if (letter->operation == OPERATION_COUNT)
		return false;
	const struct operation_info *operation = operation_info(letter->operation);
	const char *vendor = kind_info(operation->kind)->vendor;
	size_t len = strlen(vendor);
	if (strncmp(class, vendor, len) == 0 && class[len] == '/')
		class += len + 1;
	return strcmp(class, operation->name) == 0;
}

bool dead_filter_fits(const struct dead_filter *filter, const struct dead_letter *letter)
{
	const char *id = letter->id;
	int64_t time = dead_letter_time(letter);
	if (filter->id_count > 0 && !bsearch(&id, filter->ids, filter->id_count, sizeof *filter->ids, by_text))
		return false;
	if (filter->vendor &&
	    (letter->kind == KIND_COUNT || strcmp(kind_info(letter->kind)->vendor, filter->vendor) != 0))
		return false;
	return time >= filter->since_ms && time < filter->until_ms &&
	       (!filter->class || is_of_class(filter->class, letter));
}
