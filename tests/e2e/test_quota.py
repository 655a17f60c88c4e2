"""One quota for all workers: never exceeded by the vendor's own clock, nearly used up, and apart from other vendors' and classes'."""
from bisect import bisect_left, bisect_right

import pytest

from lib.journey import Journey
from lib.load import in_parallel
from lib.process import until
from lib.rates import calls, most_within

WORKERS, WINDOWS = 4, 4
WINDOW_MS = 4000  # what the fleet keeps as guard time is a share of it: 200 ms, so that a machine with other work does not look like a fault
SCORES, PAGES = 60, 20  # a window
SCORE, INITIATE = "/biocatch/api/v6/score", "/jumio/api/v4/initiate"


def times_of(vendor, path, count):
    """When so many calls came to the vendor, in order."""
    until(lambda: len(calls(vendor, path)) >= count, 60, f"{count} calls to {path}", every_s=0.2)
    return sorted(calls(vendor, path))


def share_used(times, window_ms, limit):
    """Of all moments at which somebody still waited: at how many the window that begins then held all the calls it may."""
    moments = range(times[0], times[-1] - int(window_ms), 20)
    return sum(bisect_right(times, at + window_ms) - bisect_left(times, at) >= limit for at in moments) / len(moments)


@pytest.mark.slow
@pytest.mark.alone
def test_four_workers_keep_to_two_quotas_at_once_and_use_them(stack):
    for _ in range(WORKERS):
        stack.worker(BIOCATCH_RATE=f"{SCORES}/{WINDOW_MS}ms", JUMIO_INITIATE_RATE=f"{PAGES}/{WINDOW_MS}ms")
    ingress = stack.ingress(INITIATE_WAIT_MS="0")
    journeys = [{"kind": "jumio.identity", "subject": stack.person(), "correlation": f"c-{n}", "return_url": "https://a.example/"} for n in range(WINDOWS * PAGES)]
    assert {answer.status for answer in in_parallel(lambda body: ingress.b2c.post("/v1/verifications", body), journeys)} == {202}
    in_parallel(lambda n: ingress.b2c.create(stack.person(), deadline_ms=600_000), range(WINDOWS * SCORES), threads=32)
    for path, limit in ((SCORE, SCORES), (INITIATE, PAGES)):
        times = times_of(stack.vendor, path, WINDOWS * limit)
        assert most_within(times, WINDOW_MS) <= limit
        # What stops the machine for a second takes a window's part; a window that is used up too late is so each time.
        assert share_used(times, WINDOW_MS / 0.9, limit) >= 0.6, times
        in_time = [later - earlier <= WINDOW_MS / 0.9 for earlier, later in zip(times, times[limit:])]
        assert sum(in_time) >= 0.3 * len(in_time), times


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
