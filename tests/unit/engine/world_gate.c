/* world_gate: the fleet's quota and breaker in the world's Redis: the rules of SCRIPT_GATE, but for how permits are
 * shared between workers. */
#include "tests/unit/engine/world_redis.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct gate_class *class_of(struct redis *redis, const struct store_gate_ask *ask, int64_t now)
{
	struct gate_class *class = redis->gates;
	while (class->op[0] && strcmp(class->op, ask->op) != 0)
		class ++;
	if (!class->op[0]) {
		*class = (struct gate_class){.born_ms = now + 1}; /* 0 stands for none */
		snprintf(class->op, sizeof class->op, "%s", ask->op);
		quota_init(&class->window, ask->span_ms + 1);
		breaker_init(&class->breaker, ask->breaker_failures, ask->probe_ms);
	}
	return class;
}

static int64_t limited(int64_t wanted, int64_t free)
{
	return wanted < free ? wanted : free > 0 ? free : 0;
}

static void grant(struct gate_class *class, const struct store_gate_ask *ask, int64_t free, int64_t now,
                  struct store_gate_reply *reply)
{
	int64_t wanted = 0, first = STORE_GATE_PRIORITIES;
	for (int i = STORE_GATE_PRIORITIES - 1; i >= 0; i--) {
		wanted += ask->wants[i];
		first = ask->wants[i] > 0 ? i : first;
	}
	if (class->breaker.is_open && wanted > 0 && free > 0 && breaker_take_probe(&class->breaker, now)) {
		reply->probe = true;
		reply->grants[first] = 1;
	}
	for (int i = 0; i < STORE_GATE_PRIORITIES && !class->breaker.is_open && ask->limit > 0; i++) {
		reply->grants[i] = limited(ask->wants[i], free);
		free -= reply->grants[i];
	}
}

static int64_t living(const struct world *world)
{
	int64_t count = 0;
	for (int i = 0; i < world->pod_count; i++)
		count += !world->pods[i]->is_gone;
	return count;
}

void execute_gate(struct redis *redis, struct command *command)
{
	const struct store_gate_ask *ask = &command->ask;
	struct store_gate_reply *reply = &command->gate;
	int64_t now = command->pod->world->now_ms;
	struct gate_class *class = class_of(redis, ask, now);
	class->asked = *ask;
	class->questions++;
	quota_add(&class->window, now, ask->born_ms == class->born_ms ? ask->untold : ask->used);
	if (ask->close_ms > 0 && now + ask->close_ms > class->closed_until_ms)
		class->closed_until_ms = now + ask->close_ms;
	breaker_probed(&class->breaker, ask->probe == PROBE_WORKED);
	if (ask->ok + ask->failed > 0)
		(void)breaker_count(&class->breaker, ask->ok, ask->failed, ask->barred, ask->reason, now);
	int64_t free = ask->limit > 0 ? ask->limit - quota_used(&class->window, now) : 1;
	bool is_fresh = ask->limit == 0 || now >= class->born_ms + STORE_GATE_NEW_MS;
	*reply = (struct store_gate_reply){.members = living(command->pod->world), .born_ms = class->born_ms};
	if (is_fresh && now >= class->closed_until_ms)
		grant(class, ask, free, now, reply);
	for (int i = 0; i < STORE_GATE_PRIORITIES && ask->limit > 0; i++)
		quota_add(&class->window, now, reply->grants[i]);
	for (int i = 0; i < STORE_GATE_PRIORITIES; i++)
		class->given += reply->grants[i];
	reply->given = class->given;
	reply->used = quota_used(&class->window, now);
	reply->closed_ms = class->closed_until_ms > now ? class->closed_until_ms - now : 0;
	reply->again_ms = reply->closed_ms > 0 ? reply->closed_ms : 50;
	reply->is_open = class->breaker.is_open;
	snprintf(reply->reason, sizeof reply->reason, "%s", class->breaker.reason);
}
