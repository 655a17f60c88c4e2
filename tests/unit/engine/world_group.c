/* world_group: rebalances. Eager: everybody gives all up, waits a bounded time for what is out, then gets a new share.
 * Who is silent for a session is expelled, and finds out later. */
#include "tests/unit/engine/world_consumer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { REVOKE_SPREAD_MS = 40 };

static void share_out(struct world *world, struct group *group);

void group_forget_parts(struct kafka_consumer *consumer)
{
	for (size_t i = 0; i < consumer->part_count; i++)
		kafka_watermark_fini(&consumer->parts[i].watermark);
	consumer_free_dropped(consumer);
	consumer->part_count = 0;
	consumer->current = 0;
	consumer->generation++;
}

void group_finish_revoke(struct kafka_consumer *consumer)
{
	struct world *world = consumer->pod->world;
	world_cancel(consumer->revoke);
	consumer->revoke = NULL;
	consumer->is_revoking = false;
	consumer_commit(consumer);
	group_forget_parts(consumer);
	if (consumer->options.on_assignment && !consumer->is_closing)
		consumer->options.on_assignment(consumer->options.ctx, 0);
	consumer->is_ready = true;
	consumer->is_lost = false;
	if (!consumer->is_closing && !consumer->is_leaving)
		share_out(world, consumer->group);
}

static void on_revoke_timeout(void *ctx)
{
	struct kafka_consumer *consumer = ctx;
	consumer->revoke = NULL;
	if (world_passes(consumer->pod, "at revoke"))
		group_finish_revoke(consumer);
}

void group_revoked_soon(struct kafka_consumer *consumer)
{
	world_cancel(consumer->revoke);
	consumer->revoke = world_at(consumer->pod->world, 0, consumer->pod, on_revoke_timeout, consumer);
}

static void on_revoke(void *ctx)
{
	struct kafka_consumer *consumer = ctx;
	struct world *world = consumer->pod->world;
	consumer->balance = NULL;
	if (consumer->is_revoking || consumer->is_ready || !world_passes(consumer->pod, "at revoke"))
		return;
	if (consumer->is_lost || consumer->current == 0 || consumer->options.revoke_wait_ms <= 0) {
		group_finish_revoke(consumer);
		return;
	}
	consumer->is_revoking = true;
	if (consumer->options.on_revoke)
		consumer->options.on_revoke(consumer->options.ctx);
	int64_t wait_ms = consumer->current > 0 ? consumer->options.revoke_wait_ms : 0;
	world_cancel(consumer->revoke);
	consumer->revoke = world_at(world, wait_ms, consumer->pod, on_revoke_timeout, consumer);
}

static void ask_to_revoke(struct kafka_consumer *consumer)
{
	struct world *world = consumer->pod->world;
	if (!consumer->is_closing && !consumer->balance && !consumer->is_revoking && !consumer->is_ready)
		consumer->balance =
		        world_at(world, world_roll(world, REVOKE_SPREAD_MS), consumer->pod, on_revoke, consumer);
}

void group_balance(struct world *world, struct group *group)
{
	group->is_balancing = true;
	for (struct list *node = group->members.next; node != &group->members; node = node->next)
		ask_to_revoke(LIST_ENTRY(node, struct kafka_consumer, member));
	share_out(world, group);
}

void kafka_rebalance(struct world *world, const char *group)
{
	group_balance(world, group_of(world->kafka, group));
}

static bool reads(const struct kafka_consumer *consumer, int topic)
{
	for (size_t i = 0; i < consumer->options.topic_count; i++)
		if (consumer->topics[i] == topic)
			return true;
	return false;
}

static void on_assigned(void *ctx)
{
	struct kafka_consumer *consumer = ctx;
	struct group *group = consumer->group;
	consumer->balance = NULL;
	if (group->is_balancing || !consumer->member.next) /* out of date: another share follows */
		return;
	consumer->is_ready = false;
	for (int topic = 0; topic < TOPICS; topic++) {
		int members = 0, place = -1;
		for (struct list *node = group->members.next; node != &group->members; node = node->next) {
			struct kafka_consumer *member = LIST_ENTRY(node, struct kafka_consumer, member);
			if (member == consumer)
				place = members;
			members += reads(member, topic);
		}
		for (int32_t at = 0; reads(consumer, topic) && at < WORLD_PARTITIONS; at++) {
			if (at % members != place)
				continue;
			struct part *part = &consumer->parts[consumer->part_count++];
			*part = (struct part){
			        .topic = topic, .partition = at, .position = group->committed[topic][at], .stored = -1};
			kafka_watermark_init(&part->watermark, consumer->options.max_span);
		}
	}
	if (consumer->options.on_assignment && !consumer->pod->is_crashing)
		consumer->options.on_assignment(consumer->options.ctx, consumer->part_count);
	consumer_wake(consumer);
}

/* When everybody is ready, everybody gets a share. Members hear of it at their own time; until then nobody may join. */
static void share_out(struct world *world, struct group *group)
{
	if (!group->is_balancing)
		return;
	for (struct list *node = group->members.next; node != &group->members; node = node->next)
		if (!LIST_ENTRY(node, struct kafka_consumer, member)->is_ready)
			return;
	group->is_balancing = false;
	for (struct list *node = group->members.next; node != &group->members; node = node->next) {
		struct kafka_consumer *member = LIST_ENTRY(node, struct kafka_consumer, member);
		world_cancel(member->balance);
		member->balance = world_at(world, 0, member->pod, on_assigned, member);
	}
}

void group_quit(struct kafka_consumer *consumer)
{
	struct world *world = consumer->pod->world;
	if (consumer->member.next)
		list_remove(&consumer->member);
	consumer->member.next = NULL;
	if (!list_is_empty(&consumer->group->members))
		group_balance(world, consumer->group);
}

/* It comes to itself, hears that its partitions are somebody else's, and joins again. */
static void on_lost(void *ctx)
{
	struct kafka_consumer *consumer = ctx;
	consumer->lost = NULL;
	world_cancel(consumer->balance);
	consumer->balance = NULL;
	list_insert(&consumer->group->members, &consumer->member);
	if (!consumer->is_ready)
		group_finish_revoke(consumer);
	consumer->is_lost = false;
	group_balance(consumer->pod->world, consumer->group);
}

void kafka_expel(struct pod *pod)
{
	for (struct list *node = pod->consumers.next; node != &pod->consumers; node = node->next) {
		struct kafka_consumer *consumer = LIST_ENTRY(node, struct kafka_consumer, node);
		if (!consumer->member.next)
			continue;
		consumer->is_lost = true;
		group_quit(consumer);
		consumer->lost = world_at(pod->world, 0, pod, on_lost, consumer);
	}
}
