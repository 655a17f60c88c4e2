"""One person, one initiate: whoever asks, wherever, how often, while the first call still runs or long after."""
import threading
import time

import pytest

from lib.journey import Journey, check_approved
from lib.load import in_parallel
from lib.process import until


@pytest.fixture(scope="module")
def second(service):
    return service.stack.ingress()


@pytest.fixture
def slow(stack):
    """Two hasty ingresses before a worker that waits 20 s for Jumio."""
    stack.worker(JUMIO_TIMEOUT_MS=20_000)
    return stack, stack.ingress(INITIATE_WAIT_MS=1000), stack.ingress(INITIATE_WAIT_MS=300)


def together(journeys):
    """Their InitializeTransaction calls, begun at the same moment. Returns the answers."""
    start = threading.Barrier(len(journeys))

    def ask(journey):
        start.wait()
        return journey.begin()

    answers = in_parallel(ask, journeys, threads=len(journeys))
    for journey, answer in zip(journeys, answers):
        assert answer.status == 200, answer.json
        journey.accept(answer)
    return answers


def twin(journey, ingress):
    """B2C's second try: the same fields, at another ingress."""
    other = Journey(journey.stack, ingress, object_id=journey.object_id, browser=journey.browser)
    other.fields = journey.fields
    return other


@pytest.mark.slow
def test_twice_at_once_on_two_ingresses_and_again_after_10_s(slow):
    """The first initiate still runs when B2C asks for the third time: one call, one reference."""
    stack, here, there = slow
    begun = time.monotonic()
    first = Journey(stack, here, "~delay=60000")
    tries = [first, twin(first, there)]
    answers = together(tries)
    assert all(answer.elapsed_s < 6 for answer in answers), "held for INITIATE_WAIT_MS, not for the vendor"
    until(lambda: time.monotonic() - begun > 10, 20)
    assert first.state()["state"] == "queued", "it still runs"
    late = twin(first, there)
    together([late])
    assert {journey.reference for journey in (*tries, late)} == {first.reference}
    assert first.initiates() == 1
    stack.vendor.release()
    late.open_vendor()
    late.finish()
    late.come_back()
    late.token()
    check_approved(late.end())
    assert first.initiates() == 1 and len(stack.vendor.transactions(first.object_id)) == 1


@pytest.mark.slow
def test_a_new_journey_joins_while_the_first_initiate_still_runs(slow):
    """Not B2C's retry but the person, who began anew: another CorrelationId, another way back."""
    stack, here, there = slow
    first = Journey(stack, here, "~delay=60000").initialize()
    newer = first.again()
    newer.ingress = there
    newer.initialize()
    assert newer.reference == first.reference and first.initiates() == 1 and first.state()["state"] == "queued"
    stack.vendor.release()
    newer.open_vendor()
    newer.resumed()
    newer.finish()
    newer.come_back()
    newer.token()
    check_approved(newer.end())
    assert first.initiates() == 1


def test_a_crowd_of_twenty_with_one_question_makes_one_initiate(service, second):
    first = service.journey("~delay=800")
    crowd = [twin(first, ingress) for ingress in (service.ingress, second) * 10]
    together(crowd)
    assert len({journey.reference for journey in crowd}) == 1
    assert len({journey.open_vendor() for journey in crowd[:4]}) == 1
    assert first.initiates() == 1


def test_a_crowd_of_journeys_of_one_person_makes_one_initiate(service, second):
    """Twenty CorrelationIds at once: only one is initiated, and all are sent to its page."""
    first = service.journey("~delay=500")
    crowd = [first.again() for _ in range(20)]
    for n, journey in enumerate(crowd):
        journey.ingress = (service.ingress, second)[n % 2]
    together(crowd)
    assert len({journey.reference for journey in crowd}) == 1
    crowd[-1].open_vendor()
    assert first.initiates() == 1 and len(service.vendor.transactions(first.object_id)) == 1


def test_callers_do_not_share_sign_ups(service):
    """The question is the caller's own: two tenants with one ObjectId are two persons."""
    first = service.journey().initialize()
    answer = service.other.post("/api/Jumio/InitializeTransaction", first.fields)
    assert answer.status == 200 and answer["transactionReference"] != first.reference
    until(lambda: first.initiates() == 2, 20, "both initiates")


def test_the_same_try_again_long_after_the_end_is_the_same_verification(service):
    """B2C's retry of a call whose answer was lost names what is there already."""
    journey = service.journey("~callback=0")
    check_approved(journey.sign_up())
    answer = journey.try_initialize()
    assert (answer.status, answer["transactionReference"]) == (200, journey.reference)
    assert journey.initiates() == 1
