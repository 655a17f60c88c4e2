"""One quota for all workers: never exceeded by the vendor's own clock, nearly used up, and apart from other vendors' and classes'."""
from statistics import median

import pytest

from lib.journey import Journey
from lib.load import in_parallel
from lib.process import until
from lib.rates import calls, most_within

WORKERS, WINDOWS = 4, 4
WINDOW_MS = 4000  # what the fleet keeps as guard time is a share of it: 200 ms, so that a machine with other work does not look like a fault
SCORES, PAGES = 60, 20  # a window
SCORE, INITIATE = "/biocatch/api/v6/score", "/jumio/api/v4/initiate"


def times_of(vendor, path, count, window_ms, limit):
    """When `count` calls came to the vendor, and how long the calls of one whole quota took each time, ms."""
    until(lambda: len(calls(vendor, path)) >= count, 60, f"{count} calls", every_s=0.2)
    times = sorted(calls(vendor, path))
    assert most_within(times, window_ms) <= limit
    return [later - earlier for earlier, later in zip(times, times[limit:])]


@pytest.mark.slow
@pytest.mark.alone
def test_four_workers_keep_to_two_quotas_at_once_and_use_them(stack):
    for _ in range(WORKERS):
        stack.worker(BIOCATCH_RATE=f"{SCORES}/{WINDOW_MS}ms", JUMIO_INITIATE_RATE=f"{PAGES}/{WINDOW_MS}ms")
    ingress = stack.ingress(INITIATE_WAIT_MS="0")
    journeys = [{"kind": "jumio.identity", "subject": stack.person(), "correlation": f"c-{n}", "return_url": "https://a.example/"} for n in range(WINDOWS * PAGES)]
    assert {answer.status for answer in in_parallel(lambda body: ingress.b2c.post("/v1/verifications", body), journeys)} == {202}
    in_parallel(lambda n: ingress.b2c.create(stack.person()), range(WINDOWS * SCORES), threads=32)
    for path, limit in ((SCORE, SCORES), (INITIATE, PAGES)):
        took = times_of(stack.vendor, path, WINDOWS * limit, WINDOW_MS, limit)
        assert median(took) <= WINDOW_MS / 0.9, f"{path}: {limit} calls took {median(took)} ms"  # once in between something else may be on


def test_a_queue_of_initiates_does_not_hold_up_who_has_finished(stack):
    """Each class has its own budget and its own quota."""
    stack.worker(JUMIO_INITIATE_RATE="5/1s")
    ingress = stack.ingress(INITIATE_WAIT_MS="0")
    person = Journey(stack, ingress)
    person.initialize()
    person.open_vendor()
    person.finish()
    queue = [{"kind": "jumio.identity", "subject": stack.person(), "correlation": f"c-{n}", "return_url": "https://a.example/"} for n in range(100)]
    assert {answer.status for answer in in_parallel(lambda body: ingress.b2c.post("/v1/verifications", body), queue)} == {202}
    person.come_back()
    person.token()
    before = len(calls(stack.vendor, INITIATE))
    assert person.settle(every_s=0.05) == "SUCCESS"
    after = len(calls(stack.vendor, INITIATE))
    assert after - before <= 20, "the first look is due after a second, in which five initiates go"
    assert after < 50, "the queue was gone before"
