"""The same question is one verification and one vendor call, wherever and whenever it is asked within its window."""
import threading
import time

import pytest

from lib.load import in_parallel
from lib.process import until


@pytest.fixture(scope="module")
def second(service):
    return service.stack.ingress()


@pytest.mark.slow
def test_two_ingresses_at_once_and_again_after_10_s(service, second):
    """Five pairs at once, so that the wait is paid once."""
    sessions = [service.person(f"~delay=700~score={600 + n}") for n in range(5)]
    start = threading.Barrier(10)

    def ask(place):
        ingress, session = place
        start.wait()
        return ingress.b2c.score(session, "u-join")

    begin = time.monotonic()
    answers = in_parallel(ask, [(ingress, s) for s in sessions for ingress in (service.ingress, second)], threads=10)
    while time.monotonic() - begin < 10:
        time.sleep(0.1)
    again = in_parallel(lambda place: place[0].b2c.score(place[1], "u-join"), [(i, s) for s in sessions for i in (service.ingress, second)])
    for n, session in enumerate(sessions):
        seen = [answer.json for answer in (answers[2 * n], answers[2 * n + 1], again[2 * n], again[2 * n + 1])]
        assert seen == [seen[0]] * 4 and seen[0]["score"] == 600 + n
        assert service.vendor.calls(session) == 1


def test_a_crowd_with_one_question_makes_one_call(service, second):
    session = service.person("~delay=800~score=345")
    places = [service.ingress, second] * 20
    answers = in_parallel(lambda ingress: ingress.b2c.score(session), places, threads=40)
    assert {answer["score"] for answer in answers} == {345}
    assert len({answer["verificationId"] for answer in answers}) == 1
    assert service.vendor.calls(session) == 1


def test_get_post_and_v1_ask_the_same_question(service):
    session, uuid = service.person(), service.person(kind="uuid")
    one = service.b2c.score(session, uuid, "GET", activityType="LOGIN", CorrelationId="c")
    two = service.b2c.score(session, uuid, "POST", activityType="LOGIN", CorrelationId="c")
    three = service.b2c.create(session, uuid, wait=10, activity="LOGIN", correlation="c")
    assert one["verificationId"] == two["verificationId"] == three["id"]
    assert service.vendor.calls(session) == 1


@pytest.mark.parametrize("change", [{"uuid": "u-2"}, {"activityType": "PAY"}, {"brand": "b"}, {"CorrelationId": "c-2"}], ids=str)
def test_another_question_is_another_verification(service, change):
    session = service.person()
    one = service.b2c.score(session, **{"uuid": "u-1"})
    two = service.b2c.score(session, **({"uuid": "u-1"} | change))
    assert one["verificationId"] != two["verificationId"]
    assert service.vendor.calls(session) == 2


def test_callers_do_not_share_answers(service):
    session = service.person()
    ids = {caller.score(session)["verificationId"] for caller in (service.b2c, service.other, service.basic)}
    assert len(ids) == 3 and service.vendor.calls(session) == 3


@pytest.mark.slow
def test_a_score_nobody_waits_for_any_more_is_not_bought_and_the_next_call_asks_anew(stack):
    ingress = stack.ingress(REQUEST_DEADLINE_MS=1000, SYNC_BUDGET_MS=500)
    session = stack.person()
    first = ingress.b2c.score(session)
    assert first["reason"] == "pending"
    time.sleep(1.2)  # the deadline itself
    stack.worker()
    view = until(lambda: (v := ingress.b2c.read(first["verificationId"], wait=5))["state"] == "completed" and v, 40)
    assert (view["risk"], view["reason"]) == ("UNKNOWN", "expired")
    assert stack.vendor.calls(session) == 0
    again = until(lambda: (a := ingress.b2c.score(session)).get("score") is not None and a, 40)
    assert again["verificationId"] != first["verificationId"]
