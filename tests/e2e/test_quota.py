"""One quota for all workers: never exceeded by the vendor's own clock, nearly used up, and apart from other vendors' and classes'."""
import time

import pytest

from lib.journey import Journey
from lib.load import in_parallel
from lib.process import until
from lib.rates import calls, most_within

WORKERS, LIMIT, WINDOW_MS, SECONDS = 4, 15, 1000, 8
SCORE, INITIATE = "/biocatch/api/v6/score", "/jumio/api/v4/initiate"


@pytest.mark.slow
@pytest.mark.alone
def test_four_workers_keep_to_two_quotas_at_once_and_use_them(stack):
    for _ in range(WORKERS):
        stack.worker(BIOCATCH_RATE=f"{LIMIT}/{WINDOW_MS}ms", JUMIO_INITIATE_RATE="5/1s")
    ingress = stack.ingress(INITIATE_WAIT_MS="0")
    journeys = [{"kind": "jumio.identity", "subject": stack.person(), "correlation": f"c-{n}", "return_url": "https://a.example/"} for n in range(5 * (SECONDS + 4))]
    assert {answer.status for answer in in_parallel(lambda body: ingress.b2c.post("/v1/verifications", body), journeys)} == {202}
    wanted = LIMIT * (SECONDS + 2)
    begun = 1000 * time.time()
    in_parallel(lambda n: ingress.b2c.create(stack.person()), range(wanted), threads=32)
    time.sleep(max(0, begun / 1000 + SECONDS + 1 - time.time()))
    scores, pages = calls(stack.vendor, SCORE), calls(stack.vendor, INITIATE)
    inside = [at for at in scores if begun + 1000 <= at < begun + 1000 * (SECONDS + 1)]
    assert most_within(scores, WINDOW_MS) <= LIMIT and most_within(pages, 1000) <= 5
    assert len(pages) >= 3 * SECONDS
    assert len(inside) >= 0.9 * LIMIT * SECONDS, f"{len(inside)} calls in {SECONDS} s"
    until(lambda: len(calls(stack.vendor, SCORE)) == wanted, 30, "the rest")


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
    begun = time.monotonic()
    assert person.settle(every_s=0.05) == "SUCCESS"
    assert time.monotonic() - begun < 4, "the first look is due after a second"
    assert len(calls(stack.vendor, INITIATE)) < 50, "the queue was gone before"
