"""A vendor that is slow, away or talks nonsense: UNKNOWN, never an invented score, never a crash."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.load import in_parallel
from lib.process import until

FAILURES = [  # marks, reasons the verification may give
    ("~status=500", {"server_error"}), ("~status=503", {"server_error"}), ("~html", {"garbage", "no_score"}),
    ("~truncated", {"garbage", "reset"}), ("~reset", {"reset"}), ("~delay=6000", {"timeout"}), ("~status=400", {"refused"}),
    ("~status=302", {"garbage", "server_error", "refused"}),
]


@pytest.mark.parametrize("marks,reasons", FAILURES, ids=[row[0] for row in FAILURES])
def test_a_failed_vendor_call_is_unknown_with_its_reason(strict, marks, reasons):
    session = strict.person(marks)
    answer = strict.b2c.score(session)
    assert (answer.status, answer["riskLevel"]) == (200, "UNKNOWN")
    assert answer["reason"] in reasons and "score" not in answer.json
    view = strict.b2c.read(answer["verificationId"])
    assert view["state"] == "dead" and view["reason"] == answer["reason"] and "score" not in view.json
    assert strict.vendor.calls(session) == 1, "one call was allowed"
    assert strict.b2c.score(strict.person())["score"] == 87, "the next job is not disturbed"


@pytest.fixture(scope="module")
def hasty(service):
    """An ingress that holds a call for half a second."""
    return service.stack.ingress(SYNC_BUDGET_MS=500)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_beyond_the_budget_it_is_unknown_in_time_and_the_score_is_there_later(service, hasty, method):
    session = service.person(f"~delay=3000~score={640 if method == 'GET' else 641}")
    answer = hasty.b2c.score(session, method=method)
    assert (answer.status, answer["riskLevel"], answer["reason"]) == (200, "UNKNOWN", "pending")
    assert 0.4 <= answer.elapsed_s < 2.9, "held for the budget, not for the vendor"
    later = hasty.b2c.read(answer["verificationId"], wait=20)
    assert (later["state"], later["risk"], later["score"]) == ("completed", "MEDIUM", 640 if method == "GET" else 641)
    assert service.vendor.calls(session) == 1


def test_the_second_try_joins_the_first(service, hasty):
    session = service.person("~delay=3000~score=222")
    first = hasty.b2c.score(session)
    assert first["reason"] == "pending"
    second = service.b2c.score(session)  # another ingress, with its whole budget
    assert (second["score"], second["verificationId"]) == (222, first["verificationId"])
    assert hasty.b2c.score(session)["score"] == 222
    assert service.vendor.calls(session) == 1


@pytest.mark.slow
def test_a_vendor_that_is_down_for_a_while_costs_waiting_and_no_job(stack):
    """Down: every connection is reset. What was asked meanwhile is retried and ends with a score; as often as it takes, since the
    waits are random and may be short."""
    stack.worker(RETRY_MAX_ATTEMPTS=50)
    ingress, sessions = stack.ingress(), [stack.person() for _ in range(5)]
    stack.vendor.set(down=True)
    asked = in_parallel(lambda session: ingress.b2c.create(session, deadline_ms=120_000)["id"], sessions)
    until(lambda: all(stack.vendor.calls(session) >= 2 for session in sessions), 30, "each to be tried twice")
    assert {ingress.b2c.read(identity)["state"] for identity in asked} == {"queued"}
    stack.vendor.set(down=False)
    for identity in asked:
        view = until(lambda identity=identity: (v := ingress.b2c.read(identity, wait=20))["state"] != "queued" and v, 90)
        assert (view["state"], view["score"]) == ("completed", 87) and view["attempts"] >= 2


def test_more_held_calls_than_allowed_are_told_at_once(service):
    tight = service.stack.ingress(MAX_WAITERS=2)
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(tight.b2c.score, service.person("~delay=4500")) for _ in range(2)]
        until(lambda: tight.ops.get("/healthz")["in_hand"] == 2, 20, "two to be held")
        told = in_parallel(lambda _: tight.b2c.score(service.person()), range(6), threads=6)
        assert not any(call.done() for call in held), "nobody was told at once"
        service.vendor.release()
        assert [call.result()["score"] for call in held] == [87, 87]
    assert {(answer.status, answer["riskLevel"]) for answer in told} == {(200, "UNKNOWN")}
    assert {answer["reason"] for answer in told} <= {"overloaded", "pending"}
