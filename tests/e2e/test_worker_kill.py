"""kill -9 of the worker with 500 jobs in flight: all end, and every raw vendor call is explained."""
from collections import Counter

import pytest

from lib.load import in_parallel
from lib.process import until

JOBS = 500
DAY_MS = 86_400_000


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize("instance", [None, "worker-a"], ids=["dynamic", "static membership"])
def test_all_jobs_end_after_a_kill(stack, instance):
    jobs, delay_ms = (JOBS, 10_000) if instance is None else (50, 5000)
    settings = {"BIOCATCH_TIMEOUT_MS": delay_ms + 1000, "INSTANCE_ID": instance}
    stack.vendor.set(delay_ms=delay_ms)
    assert stack.worker(**settings).process.stop() == 0  # it has made Redis whole; the next one finds all jobs at once
    ingress = stack.ingress()
    sessions = [stack.person(f"~score={n}") for n in range(jobs)]
    made = in_parallel(lambda s: ingress.b2c.create(s, deadline_ms=DAY_MS), sessions, threads=32)
    assert {answer.status for answer in made} == {202}
    ids = [answer["id"] for answer in made]
    worker = stack.worker(**settings)
    stack.vendor.wait_in_flight(jobs)
    worker.process.kill()
    stack.vendor.set(delay_ms=100)
    assert not [state for state in stack.topics.final().values() if state["state"] == "completed"], "none had ended before"

    stack.worker(**settings)
    until(lambda: sum(s["state"] == "completed" for s in stack.topics.final().values()) == jobs, 240, f"{jobs} results", every_s=1)
    final = stack.topics.final()
    assert sorted(final) == sorted(ids)
    assert {identity: final[identity]["score"] for identity in ids} == {identity: n for n, identity in enumerate(ids)}

    stats = stack.vendor.stats()
    per_session = Counter(stack.vendor.calls(session) for session in sessions[:50])
    print(f"{jobs} jobs: {stats['requests']} raw vendor calls, {stats['distinct']} distinct; of the first 50: {dict(per_session)}")
    assert stats["distinct"] == jobs
    # Each job was in flight when the worker died, so each is asked once more and not a third time.
    assert jobs <= stats["requests"] <= 2 * jobs and set(per_session) <= {1, 2}
    views = until(lambda: (v := in_parallel(ingress.b2c.read, ids)) and all(x["state"] == "completed" for x in v) and v, 60)
    assert [view["score"] for view in views] == list(range(jobs))


@pytest.mark.slow
def test_a_second_worker_takes_over(stack):
    stack.vendor.set(delay_ms=3000)
    first = stack.worker()
    stack.worker()
    ingress = stack.ingress()
    sessions = [stack.person() for _ in range(40)]
    ids = in_parallel(lambda s: ingress.b2c.create(s, deadline_ms=DAY_MS)["id"], sessions)
    stack.vendor.wait_in_flight(20)
    first.process.kill()
    until(lambda: sum(s["state"] == "completed" for s in stack.topics.final().values()) == 40, 150, "40 results", every_s=1)
    assert sorted(stack.topics.final()) == sorted(ids)
    assert all(1 <= stack.vendor.calls(session) <= 2 for session in sessions)


@pytest.mark.slow
def test_the_ingress_can_be_killed_too(stack):
    """What was accepted ends, and another ingress knows it."""
    stack.worker()
    stack.vendor.set(delay_ms=1500)
    first = stack.ingress()
    ids = in_parallel(lambda _: first.b2c.create(stack.person())["id"], range(30))
    first.process.kill()
    second = stack.ingress()
    views = in_parallel(lambda identity: second.b2c.read(identity, wait=25), ids)
    assert {view["state"] for view in views} == {"completed"}
