"""A vendor that is slow, away or talks nonsense: UNKNOWN, never an invented score, never a crash."""
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
    """An ingress that holds a call for one second."""
    return service.stack.ingress(SYNC_BUDGET_MS=1000)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_beyond_the_budget_it_is_unknown_in_time_and_the_score_is_there_later(service, hasty, method):
    session = service.person(f"~delay=3500~score={640 if method == 'GET' else 641}")
    answer = hasty.b2c.score(session, method=method)
    assert (answer.status, answer["riskLevel"], answer["reason"]) == (200, "UNKNOWN", "pending")
    assert 0.9 <= answer.elapsed_s < 3.4, "held for the budget, not for the vendor"
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
def test_a_vendor_that_is_down_for_a_while_costs_waiting_and_no_job(service):
    """Down: every connection is reset. What was asked meanwhile is retried and ends with a score."""
    service.vendor.set(down=True)
    try:
        asked = [service.b2c.create(service.person(), deadline_ms=120_000)["id"] for _ in range(5)]
        until(lambda: all(service.b2c.read(identity)["state"] == "queued" for identity in asked), 10)
    finally:
        service.vendor.control("POST", "biocatch", {"down": False})
    for identity in asked:
        view = until(lambda identity=identity: (v := service.b2c.read(identity, wait=20))["state"] != "queued" and v, 90)
        assert (view["state"], view["score"]) == ("completed", 87)


def test_more_held_calls_than_allowed_are_told_at_once(service):
    tight = service.stack.ingress(MAX_WAITERS=2)
    answers = in_parallel(lambda _: tight.b2c.score(service.person("~delay=1500")), range(8), threads=8)
    assert {answer.status for answer in answers} == {200}
    told = [answer for answer in answers if answer["riskLevel"] == "UNKNOWN"]
    assert told and {answer["reason"] for answer in told} <= {"overloaded", "pending"}
    assert len(answers) - len(told) <= 2
