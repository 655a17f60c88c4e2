"""Sign-ups with Jumio from B2C's first call to its last. Each outcome has its own answer; only who is approved, whole, and
is the person who was asked for, is ever verified."""
import re
import secrets
import threading
import time

import pytest

from conftest import running
from lib.kafka import DevBroker
from lib.journey import End, Journey, check_approved, check_refused
from lib.load import in_parallel, outcomes, taken
from lib.process import until

DECIDED = {  # what Jumio says: the verdict, its reason
    "approved": ("verified", None),
    "denied_fraud": ("denied", "fraud"),
    "denied_type": ("denied", "unsupported_type"),
    "denied_country": ("denied", "unsupported_country"),
    "denied_name": ("denied", "name_mismatch"),
    "unreadable": ("unreadable", "not_readable"),
    "no_document": ("no_document", "not_uploaded"),
    "error": ("no_document", "not_uploaded"),
    "no_match": ("denied", "face_differs"),
    "validity_string": ("denied", "not_live"),
    "validity_bool": ("denied", "not_live"),
    "not_possible": ("unreadable", "face_unclear"),
}
UNDECIDED = {  # never a verdict: a person of ours has to look
    "other_customer": "other_references", "other_reference": "other_references", "unknown_document": "unknown_status",
    "unknown_scan": "unknown_status", "no_identity": "no_face_check",
}
DAY_S = 86400


# Everything here holds on both brokers: real Kafka, and the demo's stand-in.
both_brokers = pytest.fixture(scope="module", params=["kafka", "devbroker"])


def placed(request, folder, on_kafka, **settings):
    if request.param == "kafka":
        yield on_kafka
        return
    devbroker = DevBroker(folder)
    at_once = folder / "kafka.conf"  # the stand-in answers a fetch only when its wait is over
    at_once.write_text("fetch.wait.max.ms=5\n")
    try:
        yield from running(folder, devbroker, KAFKA_CONFIG_FILE=str(at_once), **settings)
    finally:
        devbroker.stop()


@both_brokers
def service(request, session_folder, service_on_kafka):
    yield from placed(request, session_folder / "signup-dev", service_on_kafka)


@both_brokers
def hurried(request, session_folder, hurried_on_kafka):
    yield from placed(request, session_folder / "hurried-dev", hurried_on_kafka, JUMIO_WATCHDOG_AFTER="6s", JUMIO_MAX_ATTEMPTS=2)


@pytest.fixture(scope="module")
def ends(service):
    """One sign-up per outcome, all at the same time, since each waits for a poll."""
    def one(outcome):
        journey = service.journey()
        if outcome in DECIDED:
            return journey, journey.sign_up(outcome)
        journey.to_b2c(outcome)
        journey.transaction()
        until(lambda: (s := journey.state()).get("polls", 0) >= 1 or s["state"] == "dead", 60, "a look at Jumio")
        return journey, End(journey.status()["status"], (answer := journey.validate())["success"], answer["message"])

    return outcomes(one, [*DECIDED, *UNDECIDED])


@pytest.mark.parametrize("outcome", DECIDED)
def test_what_jumio_decides_is_what_b2c_is_told(ends, outcome):
    journey, end = taken(ends[outcome])
    verdict, reason = DECIDED[outcome]
    (check_approved if verdict == "verified" else check_refused)(end)
    state = journey.state()
    assert (state["state"], state["verdict"], state.get("reason")) == ("completed", verdict, reason)
    assert journey.result() == state, "Kafka and Redis agree"
    assert journey.initiates() == 1
    seen = journey.transaction()
    assert (seen["status_calls"], seen["data_calls"]) == (1, 1)


@pytest.mark.parametrize("outcome", UNDECIDED)
def test_what_is_not_known_or_not_ours_is_never_verified(ends, outcome):
    journey, end = taken(ends[outcome])
    assert (end.status, end.success) == ("RETRY", False) and "later" in end.message
    state = journey.state()
    assert state["state"] in ("checking", "dead") and "verdict" not in state
    assert state["reason"] == UNDECIDED[outcome]
    if outcome.startswith("other_"):
        assert state["state"] == "dead", "asking again cannot make these references ours"
    assert journey.result()["state"] == state["state"]


def test_refusals_are_told_apart_without_telling_why_in_the_vendors_words(ends):
    """B2C's block screen shows the message: it says what to do, and not how the fraud was seen."""
    told = {outcome: taken(ends[outcome])[1].message for outcome in DECIDED if DECIDED[outcome][0] != "verified"}
    assert len({told["unreadable"], told["denied_fraud"], told["no_document"]}) == 3
    assert not any(re.search("fraud|fake|manipulat|alive|living", text, re.I) for text in told.values())


def test_what_jumio_is_told(ends):
    journey, _ = taken(ends["approved"])
    seen = journey.transaction()
    assert (seen["user"], seen["customer_reference"]) == (journey.object_id, journey.reference)
    assert seen["success_url"] == seen["error_url"] == journey.back.partition("?")[0]
    assert all(len(seen[name]) <= 255 for name in ("success_url", "error_url", "callback_url"))
    assert seen["callback_url"] == f"{journey.stack.public_url}/v1/callbacks/jumio/{journey.stack.secret('CALLBACK_SECRET')}"
    assert journey.object_id not in seen["success_url"] + seen["callback_url"]


def test_the_answers_stay_when_b2c_and_the_page_ask_again(ends):
    """Retries after lost answers: the same token, the same answers."""
    for outcome, status in (("approved", "SUCCESS"), ("denied_fraud", "FAILED")):
        journey, end = taken(ends[outcome])
        for _ in range(2):
            assert journey.status()["status"] == status
            assert journey.validate()["success"] is end.success
            second = journey.token()
            assert journey.validate(second)["message"] == end.message
            assert journey.status(second)["status"] == status
            assert journey.come_back()["ObjectId"] == journey.object_id  # the browser's back button
        assert journey.initiates() == 1


def test_after_an_unreadable_document_a_new_journey_gets_through(ends):
    first, _ = taken(ends["unreadable"])
    page = first.open_start()
    assert page.status == 200 and "read" in page.words.lower()
    second = first.again()
    check_approved(second.sign_up())
    assert second.reference != first.reference and second.initiates() == 2
    check_refused(first.end())


@pytest.mark.parametrize("browser", ["the same browser", "another browser"])
def test_who_leaves_and_begins_anew_goes_on_where_they_were(service, browser):
    """B2C starts a new journey; ours is unfinished, so it is joined: one initiate, and the newer journey's way back."""
    first = service.journey().to_vendor()
    second = first.again() if browser == "the same browser" else first.again(browser=Journey(service.stack, service.ingress).browser)
    second.initialize()
    assert second.reference == first.reference and second.redirect_url != first.redirect_url
    assert second.open_vendor() == first.capture
    second.resumed()
    second.finish()
    second.come_back()  # checks client, redirect URI and policy: the second's
    second.token()
    check_approved(second.end())
    assert second.initiates() == 1


def test_while_jumio_is_pending_b2c_is_told_to_come_later(service):
    service.vendor.set_jumio(pending=1000)  # until we take it back
    try:
        journey = service.journey().to_b2c()
        journey.wait_state("checking")
        for pending in range(2):
            assert journey.status()["status"] == "RETRY"
            answer = journey.validate()
            assert answer["success"] is False and "later" in answer["message"]
            page = journey.open_start()
            assert page.status == 200 and not page.location, "being checked"
            until(lambda pending=pending: journey.transaction()["status_calls"] > pending, 60)
    finally:
        service.vendor.set_jumio(pending=None)
    check_approved(journey.end())
    seen = journey.transaction()
    assert seen["status_calls"] >= 2 and seen["data_calls"] == 1
    assert journey.state()["polls"] == seen["status_calls"] - 1, "each look that found nothing is counted, and none is made twice"


def callback_before(service):
    journey = service.journey("~callback=0").to_vendor()
    journey.finish()
    assert journey.wait_state("completed", timeout_s=20)["called_back_ms"]
    journey.come_back()
    journey.token()
    assert journey.status()["status"] == "SUCCESS", "at the first poll"
    return journey


def callback_during(service):
    journey = service.journey().to_vendor()
    journey.finish()
    start = threading.Barrier(2)

    def call_back():
        start.wait()
        return service.vendor.call_back(journey.transaction()["reference"])

    statuses = []
    caller = threading.Thread(target=lambda: statuses.append(call_back()))
    caller.start()
    start.wait()
    journey.come_back()
    caller.join()
    assert statuses == [200]
    journey.token()
    return journey


def callback_after(service):
    journey = service.journey("~callback=1500").to_b2c()
    until(lambda: journey.transaction()["callbacks"], 20, "the callback")
    return journey


@pytest.mark.parametrize("way", [callback_before, callback_during, callback_after], ids=["before", "during", "after"])
def test_a_callback_is_good_at_any_time(service, way):
    """Before, during and after the return; the ladder beside it never multiplies the work."""
    journey = way(service)
    check_approved(journey.end())
    assert journey.state()["verdict"] == "verified"
    until(lambda: journey.transaction()["callback_status"] == 200, 20, "the callback's answer")
    time.sleep(1.5)  # a rung or a callback that was on its way
    seen = journey.transaction()
    assert (seen["callbacks"], seen["callback_status"]) == (1, 200)
    assert seen["data_calls"] == 1 and seen["status_calls"] <= 2
    assert journey.initiates() == 1


def test_a_callback_makes_it_faster_than_the_ladder(service):
    """All by themselves: nobody comes back, and nobody polls; the watchdog would look in 25 minutes."""
    journey = service.journey("~callback=0").to_vendor()
    service.vendor.finish(journey.transaction()["reference"], "denied_fraud")
    state = journey.wait_state("completed", timeout_s=30)
    assert state["verdict"] == "denied" and "returned_ms" not in state


@pytest.mark.slow
def test_nobody_comes_back_and_the_watchdog_looks(hurried):
    """The page's token has run out at Jumio; nothing was handed in."""
    journey = hurried.journey("~life=5000").to_vendor()  # the watchdog looks 6 s after it began
    journey.token()
    assert journey.status()["status"] == "RETRY" and "not finished" in journey.validate()["message"].lower()
    check_refused(journey.end(60))
    state = journey.state()
    assert (state["verdict"], state["reason"]) == ("no_document", "not_uploaded")
    page = journey.open_start()
    assert page.status == 200 and not page.location
    check_approved(journey.again().sign_up())


@pytest.mark.slow
def test_the_watchdog_finds_what_was_handed_in_by_who_never_came_back(hurried):
    journey = hurried.journey().to_vendor()
    hurried.vendor.finish(journey.transaction()["reference"], "approved")
    journey.token()
    check_approved(journey.end(60))
    assert "returned_ms" not in journey.state()


@pytest.mark.slow
def test_a_watchdog_that_rings_while_the_person_is_still_at_it_harms_nobody(hurried):
    journey = hurried.journey().to_vendor()
    until(lambda: journey.transaction()["status_calls"] >= 1, 60, "the watchdog's look")
    journey.finish()
    journey.come_back()
    journey.token()
    check_approved(journey.end())


@pytest.mark.slow
def test_a_person_may_try_so_often_a_day_and_others_are_not_concerned(hurried):
    until(lambda: time.time() % DAY_S < DAY_S - 90, 100, "the day, which is UTC's, not to end in the middle of this")
    first = hurried.journey("~callback=0")
    check_refused(first.sign_up("unreadable"))
    second = first.again().initialize()
    for _ in range(3):  # while one is unfinished, beginning anew is not a new attempt
        assert second.again().initialize().reference == second.reference
    second.open_vendor()
    second.finish("no_match")
    second.open_return()
    second.token()
    check_refused(second.end())
    for _ in range(2):
        answer = first.again().try_initialize()
        assert (answer.status, answer.code) == (409, "too_many_attempts")
    assert second.initiates() == 2
    assert second.try_initialize()["transactionReference"] == second.reference, "B2C's retry of the last one is no new attempt"
    check_approved(hurried.journey("~callback=0").sign_up())


TROUBLES = {  # marks: initiates at Jumio
    "~fail-first=1~status=503": 2, "~fail-first=1~reset": 2, "~fail-first=1~html": 2, "~fail-first=1~truncated": 2,
    "~fail-first=2~status=429~retry-after=1": 3, "~scan-fail-first=2": 1, "~scan-fail-first=1~scan-status=503": 1,
    "~scan-fail-first=1~scan-reset": 1, "~scan-fail-first=1~scan-html": 1, "~scan-fail-first=1~scan-status=429": 1,
    "~scan-delay=1500": 1, "~delay=1500": 1,
}


@pytest.fixture(scope="module")
def troubled(service_on_kafka):
    def one(marks):
        journey = service_on_kafka.journey(marks)
        return journey, journey.sign_up()

    return outcomes(one, TROUBLES)


@pytest.mark.slow
@pytest.mark.parametrize("marks", TROUBLES)
def test_a_vendor_in_trouble_costs_time_and_no_sign_up(troubled, marks):
    journey, end = taken(troubled[marks])
    check_approved(end)
    assert journey.initiates() == TROUBLES[marks]


@pytest.mark.parametrize("marks", ["~status=400", "~status=503", "~reset"])
def test_a_vendor_that_refuses_is_told_to_b2c_and_a_later_journey_is_free(strict, marks):
    """Dead before the upload: try again, and nothing was paid for twice."""
    journey = strict.journey(marks)
    answer = journey.try_initialize()
    assert (answer.status, answer.code) == (409, "not_started") and "try again" in answer["userMessage"].lower()
    assert journey.initiates() == 1
    assert journey.again().try_initialize().code == "not_started" and journey.initiates() == 2


def test_many_people_at_once(service):
    """Nobody gets anybody else's verdict."""
    wanted = {n: ("approved", "denied_fraud", "unreadable")[n % 3] for n in range(24)}
    journeys = in_parallel(lambda n: (service.journey("~callback=200"), n), wanted, threads=24)
    ends = in_parallel(lambda pair: pair[0].sign_up(wanted[pair[1]]), journeys, threads=24)
    assert [end.success for end in ends] == [wanted[n] == "approved" for n in wanted]
    assert len({journey.reference for journey, _ in journeys}) == 24
