"""A program dies between every two side effects (common/base/crash_points.def): what was accepted ends all the same, with the right
answer, and nobody is asked twice but where the first answer is lost for good.

One verification for each point, in one verifyd. Redis' leases of the dead are taken away at once instead of waited for.
"""
import re
import signal
from pathlib import Path

import pytest

from lib.journey import Journey, check_approved
from lib.kafka import DELAYS, REQUESTS
from lib.process import until
from lib.stack import Stack

DAY_MS = 86_400_000
PATIENCE_S = 60
TABLE = Path(__file__).resolve().parents[2] / "common" / "base" / "crash_points.def"
POINTS = re.findall(r"^CRASH_POINT_NAME\(([\w.]+)\)", TABLE.read_text(), re.M)
POD = {"INSTANCE_ID": "pod-0"}  # whoever comes next under this name has the partitions at once
# Further calls: the vendor was asked, and nobody lives who knows the answer. What is sent in the turn in which a program dies may not have left it.
# After "kept" Redis has said that it has the answer.
BOUGHT_AGAIN = {"worker.answered": (1,), "worker.called": (0, 1), "worker.kept": (0, 1)}
LEASE_ONLY = 16  # bytes: a token without an answer

# What a verification must go through to pass a point: marks for the vendor.
WAYS = {
    "worker.retry_saved": "~fail-first=1~status=503",
    "worker.hop_sent": "~fail-first=1~status=429~retry-after=3",
    "worker.hop_acked": "~fail-first=1~status=429~retry-after=3",
    "delay.copy_sent": "~fail-first=1~status=429~retry-after=3",
    "delay.copy_acked": "~fail-first=1~status=429~retry-after=3",
    "worker.dead_letter_sent": "~status=400",
    "worker.dead_letter_acked": "~status=400",
}
NOTICES = ("worker.notice_sent", "worker.notice_acked")  # tests/e2e/test_webhook.py
JOURNEYS = ("worker.counted", "worker.follower_sent", "worker.follower_acked")


@pytest.fixture(scope="module")
def one(broker, session_folder):
    """A verifyd whose worker each test starts itself. Judged when all points have been."""
    with Stack(session_folder / "crash-points", broker.servers, BIOCATCH_TIMEOUT_MS=2000, JUMIO_TIMEOUT_MS=2000) as stack:
        stack.front = stack.ingress()
        first = stack.worker(**POD)  # fills the empty Redis
        until(lambda: stack.redis.client().get("verifyd:epoch"), 60, "the cache to be whole")
        first.process.terminate()
        first.process.wait()
        yield stack
        stack.judge()


@pytest.fixture(autouse=True)
def no_worker_is_left(one):
    """One that lived on would be fenced by the next, which has its name."""
    yield
    for program in one.programs:
        if program.name.startswith("verifyd-worker"):
            program.stop()


def dies_at(program, point):
    """Waits until it has died, there."""
    program.wait()
    assert program.child.returncode == -signal.SIGKILL, program.tail()
    program.expect_status = -signal.SIGKILL
    assert program.events("crash_point")[-1]["name"] == point


def forget_lease(stack, identity, operation):
    """As if its time were over; an answer that stands beside it stays. Before the next worker begins, or it would be that one's."""
    link, key = stack.redis.client(), f"verifyd:lease:{{{identity}}}:{operation}"
    if len(link.get(key) or "") == LEASE_ONLY:
        link.delete(key)


def end_with_a_new_worker(stack, identity, operation):
    """Returns the worker, and the state that everybody sees in the end, when nothing is left to do: a worker that comes after this one
    would find a kept answer to settle, and die of it before it has begun."""
    forget_lease(stack, identity, operation)
    worker = stack.worker(**POD)
    until(lambda: stack.topics.final().get(identity, {}).get("state") in ("completed", "dead"), PATIENCE_S, f"the end of {identity}", 0.2)
    truth = stack.topics.final()[identity]
    until(lambda: stack.redis.state(identity)["rev"] == truth["rev"], PATIENCE_S, "Redis to know it")
    lease = f"verifyd:lease:{{{identity}}}:{operation}"
    until(lambda: not stack.redis.client().exists(lease) or stack.topics.left(REQUESTS, "biocatch") == 0, PATIENCE_S, "it to be settled", 0.2)
    return worker, truth


def ends(worker):
    worker.process.terminate()
    assert worker.process.wait() == 0


def completed_records(stack, identity):
    return [r for r in stack.topics.results() if r.content["id"] == identity and r.content["state"] == "completed"]


@pytest.mark.parametrize("point", [p for p in POINTS if p.startswith(("worker.", "delay.")) and p not in JOURNEYS + NOTICES])
def test_a_score_survives(one, point):
    marks = WAYS.get(point, "")
    session = one.person(f"~score=321{marks}")
    dying = one.worker(CRASH_AT=f"{point}:1", **POD)
    identity = one.front.b2c.create(session, deadline_ms=DAY_MS)["id"]
    dies_at(dying.process, point)
    worker, truth = end_with_a_new_worker(one, identity, "score")
    calls = one.vendor.calls(session)
    if point.startswith("delay."):
        until(lambda: one.topics.left(DELAYS[0], "delay") == 0, PATIENCE_S, "the delayed record to be done with, of which the next worker would die")
    ends(worker)
    once = 1 if "~fail-first" not in marks else 2
    assert calls - once in BOUGHT_AGAIN.get(point, (0,)), one.vendor.requests(session)
    if "~status=400" in marks:
        letters = [record for record in one.topics.dead() if record.key == identity]
        assert truth["state"] == "dead" and 1 <= len(letters) <= 2
    else:
        assert (truth["state"], truth["score"]) == ("completed", 321)
        scores = {record.content["score"] for record in completed_records(one, identity)}
        assert scores == {321}, "a second record, if there is one, says the same"


def test_a_death_forgets_no_failed_try(one):
    session = one.person("~status=503")
    dying = one.worker(CRASH_AT="worker.retry_saved:2", RETRY_MAX_ATTEMPTS=3, **POD)
    identity = one.front.b2c.create(session, deadline_ms=DAY_MS)["id"]
    dies_at(dying.process, "worker.retry_saved")
    forget_lease(one, identity, "score")
    worker = one.worker(RETRY_MAX_ATTEMPTS=3, **POD)
    state = until(lambda: (s := one.redis.state(identity))["state"] == "dead" and s, PATIENCE_S, "its death")
    ends(worker)
    assert state["attempts"] == 3
    assert one.vendor.calls(session) == 3, "two before the death of the worker, one after"


@pytest.mark.parametrize("point", JOURNEYS)
def test_a_sign_up_survives(one, point):
    journey = Journey(one, one.front)
    dying = one.worker(CRASH_AT=f"{point}:1", **POD)
    journey.initialize()
    dies_at(dying.process, point)
    forget_lease(one, journey.reference, "initiate")
    worker = one.worker(**POD)
    journey.open_vendor(PATIENCE_S)
    assert journey.initiates() - 1 in BOUGHT_AGAIN.get(point, (0,))
    journey.finish()
    journey.come_back()
    journey.token()
    check_approved(journey.end(PATIENCE_S))
    assert journey.result()["verdict"] == "verified"
    ends(worker)


@pytest.mark.parametrize("point", [p for p in POINTS if p.startswith("projector.")])
def test_what_redis_lacks_is_set_all_the_same(one, point):
    worker = one.worker(**POD)
    identity = one.front.b2c.create(one.person("~score=77"), deadline_ms=DAY_MS)["id"]
    record = until(lambda: completed_records(one, identity), PATIENCE_S)[0]
    ends(worker)
    one.redis.client().delete(f"verifyd:v:{{{identity}}}")
    one.topics.produce("results", record.key, record.value, {"verifyd-schema": "1"}, partition=record.partition)
    dying = one.worker(wait=False, CRASH_AT=f"{point}:1", **POD)
    dies_at(dying.process, point)
    worker = one.worker(**POD)
    assert until(lambda: one.redis.state(identity), PATIENCE_S, "Redis to have it")["score"] == 77
    ends(worker)


@pytest.mark.parametrize("point", [p for p in POINTS if p.startswith("ingress.")])
def test_a_caller_who_asks_again_is_answered(one, point):
    worker = one.worker(**POD)
    dying = one.ingress(CRASH_AT=f"{point}:1")
    session, person = one.person("~score=555"), one.person(kind="uuid")
    body = {"customerSessionID": session, "uuid": person, "activityType": "LOGIN", "brand": "retail"}
    with pytest.raises(OSError):
        dying.b2c.post("/api/BioCatch/GetScore", body)
    dies_at(dying.process, point)
    answer = until(lambda: (a := one.front.b2c.post("/api/BioCatch/GetScore", body)).json["riskLevel"] != "UNKNOWN" and a, PATIENCE_S, "a score")
    assert answer["score"] == 555
    assert one.vendor.calls(session) == 1
    ends(worker)


def test_every_point_of_the_table_has_a_test():
    assert POINTS and all(point.startswith(("ingress.", "worker.", "delay.", "projector.")) for point in POINTS)
