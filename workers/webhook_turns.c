/* webhook_turns: whose calls may be made now, and who waits for that: so much for each caller. */
#include "workers/webhook_internal.h"
#include <stdlib.h>
#include <string.h>

struct caller *webhook_caller(struct webhook *webhook, const char *name)
{
	for (struct list *node = webhook->callers.next; node != &webhook->callers; node = node->next) {
		struct caller *caller = LIST_ENTRY(node, struct caller, node);
		if (strcmp(caller->name, name) == 0)
			return caller;
	}
	struct caller *caller = calloc(1, sizeof *caller);
	if (!caller)
		return NULL;
	memcpy(caller->name, name, strlen(name) + 1);
	list_init(&caller->queue);
	list_insert(&webhook->callers, &caller->node);
	return caller;
}

bool webhook_has_room(const struct webhook *webhook, const struct caller *caller)
{
	return webhook->calling < WEBHOOK_MAX && caller->calling < WEBHOOK_MAX_OF_CALLER;
}

void notice_take_room(struct notice *notice)
{
	notice->calling = true;
	notice->caller->calling++;
	notice->webhook->calling++;
	metric_set(notice->webhook->in_hand, (int64_t)notice->webhook->calling);
}

void notice_wait_for_room(struct notice *notice)
{
	notice->waiting = true;
	notice->caller->waiting++;
	list_insert(&notice->caller->queue, &notice->queued);
}

void notice_stop_waiting(struct notice *notice)
{
	notice->waiting = false;
	notice->caller->waiting--;
	list_remove(&notice->queued);
}

void notice_leave_caller(struct notice *notice)
{
	struct caller *caller = notice->caller;
	if (!caller)
		return;
	if (notice->waiting)
		notice_stop_waiting(notice);
	if (notice->calling) {
		caller->calling--;
		notice->webhook->calling--;
		metric_set(notice->webhook->in_hand, (int64_t)notice->webhook->calling);
	}
	notice->calling = false;
	notice->caller = NULL;
	if (caller->calling > 0 || caller->waiting > 0)
		return;
	list_remove(&caller->node);
	free(caller);
}
