/* status_ingress: what ingresses said in two looks, and what it comes to for the whole fleet. Pure. */
#include "common/adapters/status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 4 };

static struct status_ingress *find(struct status_ingresses *ingresses, const char *name)
{
	for (size_t i = 0; i < ingresses->count; i++)
		if (strcmp(ingresses->list[i].name, name) == 0)
			return &ingresses->list[i];
	return NULL;
}

static struct status_ingress *add(struct status_ingresses *ingresses, const char *name)
{
	if (ingresses->count == ingresses->cap) {
		size_t cap = ingresses->cap ? 2 * ingresses->cap : FIRST_CAP;
		struct status_ingress *list = realloc(ingresses->list, cap * sizeof *list);
		if (!list)
			return NULL;
		ingresses->list = list;
		ingresses->cap = cap;
	}
	struct status_ingress *ingress = &ingresses->list[ingresses->count++];
	*ingress = (struct status_ingress){.is_fresh = false};
	(void)snprintf(ingress->name, sizeof ingress->name, "%s", name);
	return ingress;
}

enum err_code status_note_ingress(struct status_ingresses *ingresses, const char *name, const char *text, size_t len)
{
	struct ingress_status status;
	if (ingress_status_decode(text, len, &status, NULL) != ERR_OK)
		return ERR_OK;
	struct status_ingress *ingress = find(ingresses, name);
	if (!ingress)
		ingress = add(ingresses, name);
	if (!ingress)
		return ERR_NO_MEMORY;
	ingress->now = status;
	return ERR_OK;
}

/* at_ms 0: not seen yet in this look. */
void status_begin_ingresses(struct status_ingresses *ingresses)
{
	for (size_t i = 0; i < ingresses->count; i++) {
		struct status_ingress *ingress = &ingresses->list[i];
		bool first = ingress->between.at_ms == 0;
		if (first || ingress->now.at_ms - ingress->between.at_ms >= STATUS_SPAN_MS) {
			ingress->before = first ? ingress->now : ingress->between;
			ingress->between = ingress->now;
		}
		ingress->now.at_ms = 0;
	}
}

void status_end_ingresses(struct status_ingresses *ingresses, int64_t now_ms)
{
	size_t kept = 0;
	for (size_t i = 0; i < ingresses->count; i++) {
		struct status_ingress *ingress = &ingresses->list[i];
		if (ingress->now.at_ms == 0)
			continue;
		if (ingress->now.started_ms >= ingress->before.at_ms)
			ingress->before.at_ms = ingress->between.at_ms = 0; /* counts anew */
		ingress->is_fresh = ingress_status_is_fresh(&ingress->now, now_ms);
		if (kept != i)
			ingresses->list[kept] = *ingress;
		kept++;
	}
	ingresses->count = kept;
}

void status_ingresses_fini(struct status_ingresses *ingresses)
{
	free(ingresses->list);
	*ingresses = (struct status_ingresses){NULL, 0, 0};
}

static double rate(int64_t now, int64_t before, int64_t span_ms)
{
	return now > before ? (double)(now - before) * 1000 / (double)span_ms : 0;
}

void status_sum_ingresses(const struct status_ingresses *ingresses, struct status_callers *ret_callers)
{
	struct status_callers sum = {.ingresses = 0};
	for (size_t i = 0; i < ingresses->count; i++) {
		const struct status_ingress *ingress = &ingresses->list[i];
		const struct ingress_status *now = &ingress->now, *before = &ingress->before;
		int64_t span_ms = now->at_ms - before->at_ms;
		if (!ingress->is_fresh)
			continue;
		sum.ingresses++;
		sum.held += now->held;
		if (before->at_ms == 0 || span_ms <= 0)
			continue;
		sum.rates_known = true;
		sum.answered_s += rate(now->answered, before->answered, span_ms);
		sum.failed_s += rate(now->failed, before->failed, span_ms);
		sum.accepted_s += rate(now->accepted, before->accepted, span_ms);
		sum.joined_s += rate(now->joined, before->joined, span_ms);
		sum.refused_s += rate(now->refused, before->refused, span_ms);
		sum.limited_s += rate(now->limited, before->limited, span_ms);
	}
	*ret_callers = sum;
}
