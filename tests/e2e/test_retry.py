"""Failed vendor calls: retried while it makes sense, in memory or through the delay topics, and given up with a reason."""
from collections import Counter

import pytest

from lib.kafka import DELAYS
from lib.load import in_parallel
from lib.process import until

DEADLINE_MS = 180_000


def finished(service, identity, timeout_s=120):
    return until(lambda: (v := service.b2c.read(identity, wait=20))["state"] not in ("queued", "pending") and v, timeout_s)


@pytest.mark.parametrize("marks", ["~fail-first=2", "~fail-first=1~status=503", "~fail-first=1~status=502"])
def test_a_vendor_that_fails_first_is_asked_again_until_it_scores(service, marks):
    session = service.person(marks + "~score=555")
    made = service.b2c.create(session, deadline_ms=DEADLINE_MS)
    view = finished(service, made["id"])
    failures = int(marks.split("=")[1].split("~")[0])
    assert (view["state"], view["score"], view["attempts"]) == ("completed", 555, failures)
    assert service.vendor.calls(session) == failures + 1


def test_get_score_holds_over_a_short_retry(service):
    answer = service.b2c.score(service.person("~fail-first=1~score=123"))
    assert (answer["riskLevel"], answer["score"]) == ("LOW", 123)


@pytest.mark.slow
def test_a_longer_wait_goes_through_the_delay_topics_and_burns_no_attempt(service):
    """429 with Retry-After is honoured to the second, by everybody who calls that vendor."""
    session, other = service.person("~fail-first=1~status=429~retry-after=4"), service.person()
    failed = service.worker.metric("verifyd_vendor_failures_total")
    made = service.b2c.create(session, deadline_ms=DEADLINE_MS)["id"]
    until(lambda: service.vendor.requests(session) and service.worker.metric("verifyd_vendor_failures_total") > failed, 30, "the worker to have been told")
    later = service.b2c.create(other, deadline_ms=DEADLINE_MS)["id"]
    view, next_view = finished(service, made), finished(service, later)
    assert (view["state"], view["score"], view["attempts"], next_view["attempts"]) == ("completed", 87, 0, 0)
    first, second = service.vendor.requests(session)
    (held,) = service.vendor.requests(other)
    assert second["at_ms"] - first["at_ms"] >= 4000, "asked before the vendor allowed it"
    assert held["at_ms"] - first["at_ms"] >= 4000, "another one asked before the vendor allowed it"
    mine = [record for topic in DELAYS for record in service.topics.read(topic) if record.key == made]
    assert mine and all(record.headers["verifyd-target"] == "requests.biocatch.score" for record in mine)


def test_a_refused_credential_makes_the_job_wait_for_the_breaker_and_burns_no_attempt(service):
    session = service.person("~fail-first=2~status=401")
    made = service.b2c.create(session, deadline_ms=DEADLINE_MS)["id"]
    view = finished(service, made)
    assert (view["state"], view["score"], view["attempts"]) == ("completed", 87, 0)
    times = [request["at_ms"] for request in service.vendor.requests(session)]
    assert len(times) == 3 and all(later - earlier >= 300 for earlier, later in zip(times, times[1:])), "more than one probe"
    assert not [record for topic in DELAYS for record in service.topics.read(topic) if record.key == made]


@pytest.mark.slow
def test_after_the_last_attempt_it_is_dead_and_every_call_is_accounted_for(stack):
    """RETRY_MAX_ATTEMPTS calls each; the view, the dead letter and the vendor agree on the number."""
    stack.worker(RETRY_MAX_ATTEMPTS=3)
    ingress = stack.ingress()
    sessions = [stack.person("~status=500") for _ in range(5)]
    made = in_parallel(lambda session: ingress.b2c.create(session, deadline_ms=DEADLINE_MS)["id"], sessions)
    for identity, session in zip(made, sessions):
        view = until(lambda identity=identity: (v := ingress.b2c.read(identity, wait=20))["state"] == "dead" and v, 120)
        assert (view["reason"], view["attempts"]) == ("server_error", 3) and "risk" not in view.json
        assert stack.vendor.calls(session) == 3
    letters = stack.topics.dead()
    assert Counter(record.key for record in letters) == Counter(made)
    assert {(r.headers["verifyd-attempts"], r.headers["verifyd-error"]) for r in letters} == {("3", "server_error")}
    assert all(int(r.headers["verifyd-first-failure"]) <= int(r.headers["verifyd-last-failure"]) for r in letters)


@pytest.mark.slow
def test_a_job_whose_deadline_passes_between_retries_is_unknown_expired(service):
    session = service.person("~status=500~retry-after=30")
    made = service.b2c.create(session, deadline_ms=4000)
    view = finished(service, made["id"])
    assert (view["state"], view["risk"], view["reason"]) == ("completed", "UNKNOWN", "expired")
    assert service.vendor.calls(session) == 1
