"""A person's verdict where Jumio leaves it open: everybody who waits gets it, it is recorded with who and why, and it stands."""
import json
import re
import threading

import pytest

from lib import process
from lib.journey import check_approved, check_refused
from lib.process import until

WHY = "Photo and name compared by hand: \"fits\", née"


def undecided(service, outcome):
    journey = service.journey().to_b2c(outcome)
    until(lambda: journey.state().get("polls", 0) >= 1, 60, "a look at Jumio")
    return journey


def decide(service, journey, verdict, *more, status=0, reason=WHY, **settings):
    done = process.run("verifyctl", "decide", journey.reference, "--verdict", verdict, "--reason", reason, *more,
                       settings=service.stack.environment(**settings))
    assert done.returncode == status, done.stdout + done.stderr
    assert reason not in done.stdout or "--json" in more
    return done


def test_a_checked_journey_that_a_person_approves_is_approved_for_whoever_waits(service):
    journey = undecided(service, "unknown_document")
    held = {}
    waiter = threading.Thread(target=lambda: held.update(answer=journey.status(wait=30)))
    waiter.start()
    until(lambda: service.ingress.metric("verifyd_waiters") >= 1, 25, "it to be held")
    told = decide(service, journey, "verified", "--by", "ada").stdout
    assert re.match(rf"{journey.reference}  verified \(was checking\), decided by ada at \d{{4}}-", told)
    waiter.join()
    assert held["answer"]["status"] == "SUCCESS" and held["answer"].elapsed_s < 25, "woken, not timed out"
    check_approved(journey.end())
    state = journey.state()
    assert (state["state"], state["verdict"], state.get("reason")) == ("completed", "verified", None)
    assert (state["decided_by"], state["decided_reason"]) == ("ada", WHY) and state["decided_ms"] == state["updated_ms"]
    assert journey.result() == state, "Kafka and Redis agree"
    (record,) = [r for r in service.topics.results() if r.content["id"] == journey.reference and r.content["state"] == "completed"]
    assert re.fullmatch(rf"{journey.reference}![0-9a-f]{{16}}", record.key)
    shown = service.stack.ctl("get", journey.reference)
    assert f"decided   by ada: {WHY}" in shown and "by hand" in shown
    assert json.loads(service.stack.ctl("get", journey.reference, "--json"))["decided_reason"] == WHY


def test_a_journey_that_died_while_it_was_checked_can_be_denied_and_is_not_replayed_any_more(service):
    journey = service.journey().to_b2c("other_customer")
    journey.wait_state("dead")
    document = json.loads(decide(service, journey, "denied", "--json").stdout)
    assert (document["id"], document["verdict"], document["was"], document["decided_reason"]) == (journey.reference, "denied", "dead", WHY)
    check_refused(journey.end())
    assert (journey.state()["verdict"], journey.state()["reason"]) == ("denied", "decided")
    done = process.run("verifyctl", "dead", "replay", journey.reference, settings=service.stack.environment())
    assert done.returncode == 1 and "skipped: it is completed" in done.stderr


def test_what_is_completed_is_never_changed(service):
    journey = service.journey()
    check_refused(journey.sign_up("denied_fraud"))
    before = journey.state()
    assert "never changed" in decide(service, journey, "verified", status=1).stderr
    by_hand = undecided(service, "unknown_document")
    decide(service, by_hand, "unreadable")
    assert "never changed" in decide(service, by_hand, "verified", status=1).stderr
    assert journey.state() == before == journey.result() and by_hand.state()["verdict"] == "unreadable"


def test_what_has_not_come_to_a_decision_is_refused_and_goes_on(service):
    journey = service.journey().to_vendor()
    assert "has not handed anything in" in decide(service, journey, "verified", status=1).stderr
    journey.finish()
    journey.come_back()
    journey.token()
    check_approved(journey.end())


def test_a_score_and_an_unknown_id_are_refused(service):
    made = service.b2c.create(service.person("~status=400"), deadline_ms=86_400_000)
    until(lambda: service.b2c.read(made["id"], wait=10)["state"] == "dead", 30)
    settings = service.stack.environment()
    for identity, word in ((made["id"], "a score is not decided"), ("v" + "A" * 21 + "Q", "unknown")):
        done = process.run("verifyctl", "decide", identity, "--verdict", "denied", "--reason", "x", settings=settings)
        assert done.returncode == 1 and word in done.stderr and not done.stdout


@pytest.mark.parametrize("holder", ["a worker", "an answer"])
def test_while_a_worker_holds_it_nothing_is_decided(service, holder):
    journey = undecided(service, "unknown_scan")
    lease = f"verifyd:lease:{{{journey.reference}}}:initiate"
    until(lambda: service.redis.client().set(lease, "0" * 16 + (" {}" if holder == "an answer" else ""), nx=True, px=60_000), 30)
    try:
        done = decide(service, journey, "verified", "--timeout", "3", status=1)
        assert ("a worker is at it" if holder == "a worker" else "about to be recorded") in done.stderr
        assert journey.state()["state"] == "checking"
    finally:
        service.redis.client().delete(lease)
    decide(service, journey, "denied")


def test_without_redis_nothing_is_decided(service):
    journey = undecided(service, "unknown_document")
    done = decide(service, journey, "verified", "--timeout", "3", status=1, REDIS_URL="redis://127.0.0.1:1")
    assert "not decided" in done.stderr and "verdict" not in journey.state()
    decide(service, journey, "expired")
