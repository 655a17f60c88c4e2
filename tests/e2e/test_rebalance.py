"""Workers come and go under load: nothing is lost, nobody is thrown out of a group for being busy, and who stays goes on."""
import time
from collections import defaultdict

import pytest

from lib.load import Load, in_parallel
from lib.process import until

DAY_MS = 86_400_000
SESSION_MS, POLL_MS = 6000, 10_000  # 6 s is the shortest session that Kafka takes by default


def completed(stack):
    return {identity for identity, state in stack.topics.final().items() if state["state"] == "completed"}


def await_all(stack, ids, timeout_s=90):
    until(lambda: completed(stack) >= set(ids), timeout_s, f"{len(ids)} results", every_s=0.5)
    assert completed(stack) == set(ids)


def spread(ingress, stack, count):
    """Questions in all partitions: those of one moment lead to one (ingress/sticky.h). Returns: their ids."""
    ids = []
    for _ in range(count):
        ids.append(ingress.b2c.create(stack.person(), deadline_ms=DAY_MS)["id"])
        time.sleep(0.012)
    return ids


def rebalances(worker):
    """How often its consumers were given partitions, or lost some, since its start."""
    return [entry for event in ("kafka_assigned", "kafka_revoked") for entry in worker.process.events(event)]


def await_steady(*workers):
    """Until no group moves any more: each consumer has partitions, and for two seconds nothing has changed."""
    seen = [None, time.monotonic()]

    def look():
        now = [len(rebalances(worker)) for worker in workers]
        if now != seen[0]:
            seen[:] = [now, time.monotonic()]
        return time.monotonic() - seen[1] > 2

    until(look, 60, "the groups to be steady")


def miss_after(stack, session_ms, poll_ms):
    """Every program's Kafka settings: a dead member is missed so soon, and a busy one is, too, if it does not poll."""
    path = stack.folder / "kafka.conf"
    path.write_text(f"session.timeout.ms={session_ms}\nmax.poll.interval.ms={poll_ms}\n")
    stack.settings["KAFKA_CONFIG_FILE"] = path


def check_what_was_bought_twice(stack, ids, killed_ms):
    """Only what the killed one had asked and not written down may be asked again. ids: by session."""
    asked, written = defaultdict(list), {}
    for call in stack.vendor.requests():
        asked[call["session"]].append(call["at_ms"])
    for record in stack.topics.results():
        if record.content["state"] == "completed":
            written.setdefault(record.content["id"], record.timestamp_ms)
    assert set(asked) == set(ids)
    again = {session: times for session, times in asked.items() if len(times) > 1}
    print(f"{len(again)} of {len(ids)} were asked again")
    for session, times in again.items():
        # What it had sent may have come to the vendor a little later.
        assert len(times) == 2 and times[0] < killed_ms + 1000 and killed_ms < times[1], (killed_ms, times)
        assert written[ids[session]] > killed_ms, "what was written down is not asked again"


@pytest.mark.slow
def test_nothing_is_lost_while_workers_join_leave_and_die(stack):
    miss_after(stack, SESSION_MS, POLL_MS)
    stack.vendor.set(delay_ms=100)
    first, second = stack.worker(), stack.worker()
    ingress = stack.ingress()
    sessions = [stack.person() for _ in range(1500)]
    with Load(lambda session: ingress.b2c.create(session, deadline_ms=DAY_MS), sessions, per_second=40) as load:
        time.sleep(1)
        third = stack.worker()
        time.sleep(1)
        first.process.terminate()
        assert first.process.wait() == 0
        fourth = stack.worker()
        second.process.kill()
        killed_ms = 1000 * time.time()
        await_steady(third, fourth)
        time.sleep(1)
    assert len(load.calls) >= 200
    assert {call.answer.status for call in load.calls} <= {201, 202}
    await_all(stack, [call.answer["id"] for call in load.calls])
    check_what_was_bought_twice(stack, {call.session: call.answer["id"] for call in load.calls}, killed_ms)


@pytest.mark.slow
def test_a_full_worker_stays_in_its_group(stack):
    """Longer than max.poll.interval.ms every place is taken, and every other record has to wait in Kafka."""
    places, asked = 10, 40
    miss_after(stack, POLL_MS, POLL_MS)
    stack.vendor.set(delay_ms=50_000)
    worker = stack.worker(vendors="biocatch", MAX_IN_FLIGHT=places, BIOCATCH_TIMEOUT_MS=60_000)
    other = stack.worker(vendors="biocatch", MAX_IN_FLIGHT=places, BIOCATCH_TIMEOUT_MS=60_000)
    ingress = stack.ingress()
    await_steady(worker, other)
    before = [len(rebalances(one)) for one in (worker, other)]
    ids = spread(ingress, stack, asked)
    stack.vendor.wait_in_flight(2 * places)
    time.sleep(POLL_MS / 1000 + 1)
    assert stack.vendor.stats()["requests"] == 2 * places, "still the first ones, and no more than there is room for"
    stack.vendor.set(delay_ms=20)
    stack.vendor.release()
    await_all(stack, ids)
    assert [len(rebalances(one)) for one in (worker, other)] == before, "nobody was thrown out"
    assert not [p.name for p in (worker.process, other.process) if "MAX_POLL" in p.text() or "MAXPOLL" in p.text()]
    stats = stack.vendor.stats()
    assert stats["requests"] == stats["distinct"] == asked, "nothing was bought twice"


@pytest.mark.slow
def test_a_static_member_that_is_soon_back_disturbs_nobody(stack):
    miss_after(stack, 40_000, 300_000)  # soon is before that, on a slow machine, too
    stack.vendor.set(delay_ms=20)
    workers = [stack.worker(INSTANCE_ID=f"pod-{n}") for n in range(2)]
    ingress = stack.ingress()
    await_steady(*workers)
    before = len(rebalances(workers[1]))
    ids = []
    for leave in (workers[0].process.kill, workers[0].process.stop):
        leave()
        ids += spread(ingress, stack, 40)
        until(lambda: len(completed(stack)) > len(ids) - 35, 30, "the other's partitions to go on")
        assert len(completed(stack)) < len(ids), "those of the one that is away wait for it"
        workers[0].process.start()
        await_all(stack, ids)
    assert len(rebalances(workers[1])) == before, "the other one's partitions stayed where they were"
    assert stack.vendor.stats()["requests"] == len(ids)


@pytest.mark.slow
def test_the_partitions_of_a_long_drain_go_on_elsewhere(stack):
    """One that is told to end and has calls that take long: its place in the groups is free long before it ends."""
    going = stack.worker(BIOCATCH_TIMEOUT_MS=20_000, DRAIN_MS=30_000)
    ingress = stack.ingress()
    slow = in_parallel(lambda _: ingress.b2c.create(stack.person("~delay=19000"), deadline_ms=DAY_MS)["id"], range(12))
    stack.vendor.wait_in_flight(12)
    going.process.terminate()
    stack.worker(BIOCATCH_TIMEOUT_MS=20_000)
    quick = in_parallel(lambda _: ingress.b2c.create(stack.person(), deadline_ms=DAY_MS)["id"], range(40))
    until(lambda: completed(stack) >= set(quick), 60, "the quick ones to end", every_s=0.2)
    assert going.process.running() and not completed(stack) & set(slow), "while the slow calls still go on"
    stack.vendor.release()
    assert going.process.wait() == 0
    await_all(stack, slow + quick)
    assert stack.vendor.stats()["requests"] == 52, "who read the slow ones again found them in good hands"
