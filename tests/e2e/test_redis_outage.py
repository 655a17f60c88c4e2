"""Redis stopped, or killed and empty, under load: answers in time, nothing lost, healed without a restart."""
import time

import pytest

from lib.load import Load, in_parallel
from lib.process import until

B2C_PATIENCE_S = 10
BUDGET_MS = 3000


def scored(ingress, stack):
    answer = ingress.b2c.score(stack.person())
    return answer["riskLevel"] == "LOW" and answer


def everything_ended(stack):
    """Every request that Kafka acked has a final result in Kafka. Returns them."""
    def look():
        asked = {record.key for record in stack.topics.requests()}
        final = stack.topics.final()
        return asked and asked <= {k for k, state in final.items() if state["state"] in ("completed", "dead")} and final

    return until(look, 90, "every accepted request to end", every_s=1)


def visible(ingress, ids):
    """The ids are answered as completed over HTTP."""
    def look():
        views = in_parallel(ingress.b2c.read, ids)
        return all(view.status == 200 and view["state"] == "completed" for view in views)

    until(look, 60, f"{len(ids)} verifications to be visible", every_s=1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_redis_stopped_for_20_s(stack):
    stack.worker()
    ingress = stack.ingress(SYNC_BUDGET_MS=BUDGET_MS)
    people = (stack.person() for _ in iter(int, 1))
    created = []
    with Load(ingress.b2c.score, people, per_second=8) as load:
        until(lambda: len(load.within()) > 8, 20, "answers")
        pausing = time.monotonic()
        stack.redis.process.pause()
        stopped = time.monotonic()
        try:
            while time.monotonic() - stopped < 20:
                created.append(ingress.b2c.create(stack.person(), deadline_ms=600_000))
                time.sleep(1)
        finally:
            resumed = time.monotonic()
            stack.redis.process.resume()
        until(lambda: scored(ingress, stack), 60, "scores to come again")
        time.sleep(1)
    load.check(B2C_PATIENCE_S)
    during = load.within(stopped, resumed)
    assert during and {answer["riskLevel"] for answer in during} == {"UNKNOWN"}
    assert {answer["reason"] for answer in during} <= {"pending", "cache_away"}
    assert {answer["riskLevel"] for answer in load.within(before=pausing)} == {"LOW"}
    assert all(answer.elapsed_s < B2C_PATIENCE_S for answer in created)
    assert {answer.status for answer in created} <= {201, 202, 503}
    accepted = [answer["id"] for answer in created if answer.status != 503]
    assert accepted, "Kafka was there, so questions are accepted"

    final = everything_ended(stack)
    visible(ingress, accepted)
    assert {final[identity]["score"] for identity in accepted} == {87}
    until(lambda: set(final) <= set(stack.redis.states()), 60, "the projector to fill in what Redis missed", every_s=0.5)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_redis_killed_and_started_again_empty(stack):
    stack.worker()
    ingress = stack.ingress(SYNC_BUDGET_MS=BUDGET_MS)
    people = (stack.person() for _ in iter(int, 1))
    with Load(ingress.b2c.score, people, per_second=8) as load:
        until(lambda: len(load.within()) > 8, 20, "answers")
        stack.redis.process.kill()
        killed = time.monotonic()
        down = [ingress.b2c.create(stack.person(), deadline_ms=600_000) for _ in range(5)]
        time.sleep(5)
        back = time.monotonic()
        stack.redis.start()
        until(lambda: scored(ingress, stack), 60, "scores to come again")
        time.sleep(1)
    load.check(B2C_PATIENCE_S)
    assert {answer["riskLevel"] for answer in load.within(killed, back)} == {"UNKNOWN"}
    final = everything_ended(stack)
    accepted = [answer["id"] for answer in down if answer.status != 503]
    assert accepted
    visible(ingress, accepted)
    assert {final[identity]["score"] for identity in accepted} == {87}


def test_what_the_cache_does_not_tell_is_pending_and_never_not_found(stack):
    stack.worker()
    ingress = stack.ingress()
    made = ingress.b2c.create(stack.person(), wait=20)
    stack.redis.process.kill()
    try:
        view = until(lambda: (v := ingress.b2c.read(made["id"])).status == 200 and v["state"] == "pending" and v, 20)
        assert view.json == {"id": made["id"], "state": "pending"}
        assert ingress.ops.get("/readyz").status == 200, "an outage of Redis does not take every pod out"
        until(lambda: ingress.ops.get("/healthz").status == 503, 20)
    finally:
        stack.redis.start()
    until(lambda: ingress.ops.get("/healthz").status == 200, 30)
    until(lambda: scored(ingress, stack), 30)
