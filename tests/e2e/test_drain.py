"""SIGTERM: work in flight is finished or handed back, the exit status is 0, and nothing is asked twice."""
import threading
import time

import pytest

from lib import crowd
from lib.http import split_answers
from lib.load import in_parallel
from lib.process import until
from lib.stack import KEYS

DAY_MS = 86_400_000


def is_over(link):
    """Whether the other side has closed it, with or without having read everything."""
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.slow
def test_a_worker_finishes_what_is_in_flight(stack):
    worker = stack.worker(BIOCATCH_TIMEOUT_MS=30000, DRAIN_MS=40000)
    ingress = stack.ingress()
    stack.vendor.process.pause()  # it answers when it is told to
    sessions = [stack.person() for _ in range(60)]
    ids = in_parallel(lambda s: ingress.b2c.create(s, deadline_ms=DAY_MS)["id"], sessions)
    until(lambda: worker.metric("verifyd_vendor_calls_in_flight") >= 30, 25, "calls in flight")
    worker.process.terminate()
    worker.process.wait_event("draining")
    stack.vendor.process.resume()
    assert worker.process.wait(60) == 0
    done = sum(state["state"] == "completed" for state in stack.topics.final().values())
    assert done >= 30, "what was in flight was finished"
    stack.worker()
    until(lambda: sum(s["state"] == "completed" for s in stack.topics.final().values()) == 60, 90, "the rest to end", every_s=1)
    assert sorted(stack.topics.final()) == sorted(ids)
    assert stack.vendor.stats()["requests"] == 60, "no vendor call was made twice"


@pytest.mark.slow
def test_work_longer_than_the_drain_time_is_handed_back(stack):
    stack.vendor.set(delay_ms=8000)
    worker = stack.worker(DRAIN_MS=500, BIOCATCH_TIMEOUT_MS=9000)
    ingress = stack.ingress()
    ids = in_parallel(lambda _: ingress.b2c.create(stack.person(), deadline_ms=DAY_MS)["id"], range(10))
    stack.vendor.wait_in_flight(10)
    worker.process.terminate()
    assert worker.process.wait(30) == 0
    stack.vendor.set(delay_ms=50)
    stack.worker(BIOCATCH_TIMEOUT_MS=9000)
    until(lambda: sum(s["state"] == "completed" for s in stack.topics.final().values()) == 10, 120, "all to end", every_s=1)
    assert sorted(stack.topics.final()) == sorted(ids)
    assert stack.vendor.stats()["requests"] <= 20


def test_an_ingress_answers_the_calls_it_holds(stack):
    stack.worker()
    ingress = stack.ingress()
    stack.vendor.process.pause()  # it answers when it is told to
    sessions = [stack.person() for _ in range(10)]
    answers = []
    callers = [threading.Thread(target=lambda s=s: answers.append(ingress.b2c.score(s))) for s in sessions]
    for caller in callers:
        caller.start()
    until(lambda: ingress.metric("verifyd_waiters") == 10, 8, "all to be held")
    ingress.process.terminate()
    ingress.process.wait_event("draining")
    stack.vendor.process.resume()
    for caller in callers:
        caller.join(40)
    assert ingress.process.wait(30) == 0
    assert len(answers) == 10, "every held call got its answer"
    assert {answer.status for answer in answers} == {200}
    assert {answer["riskLevel"] for answer in answers} <= {"LOW", "UNKNOWN"}


def test_an_ingress_answers_a_crowd_tells_it_that_the_connection_ends_and_is_gone_in_time(stack):
    """No worker: all would wait till the end of their time. Idle, half-sent and unread connections hold nothing up."""
    ingress = stack.ingress(SYNC_BUDGET_MS=60000, DRAIN_MS=20000)
    address = ingress.http.address
    links = crowd.waiting_callers(address, KEYS["b2c"], [stack.person() for _ in range(300)])
    crowd.wait_for_waiters(ingress, 300)
    idle = ingress.b2c.connect()
    assert not ingress.b2c.get("/v1/verifications/vAAAAAAAAAAAAAAAAAAAAAA", link=idle).closed
    slow = crowd.connect(address)
    slow.sendall(crowd.slow_header(KEYS["b2c"]))
    until(lambda: ingress.metric("verifyd_connections") >= len(links) + 2, 30, "all connections")
    begin = time.monotonic()
    ingress.process.terminate()
    for link in links:
        received = b""
        while more := link.recv(65536):
            received += more
        (status, headers, body), = split_answers(received)
        assert status == 200 and headers["connection"] == "close" and b'"UNKNOWN"' in body, received
    assert ingress.process.wait(40) == 0
    assert time.monotonic() - begin < 15, "well before the drain's time is over"
    assert is_over(idle.sock) and is_over(slow)
    with pytest.raises(ConnectionRefusedError):
        crowd.connect(address)


def test_an_idle_program_ends_at_once_and_twice_sigterm_is_no_crash(stack):
    worker, ingress = stack.worker(), stack.ingress()
    for service in (ingress, worker):
        service.process.terminate()
        service.process.terminate()
    for service in (ingress, worker):
        assert service.process.wait(20) == 0


@pytest.mark.slow
def test_sigterm_is_good_at_any_moment(stack):
    """Twelve workers and six ingresses, each told to end a little later after its start than the one before."""
    workers = [stack.worker(wait=False) for _ in range(12)]
    ingresses = [stack.ingress(wait=False) for _ in range(6)]
    for n, service in enumerate(workers + ingresses):
        until(service.process.events, 60)
        time.sleep(0.1 * (n % 7))
        service.process.terminate()
    assert [service.process.wait(40) for service in workers + ingresses] == [0] * 18


def test_the_same_program_starts_again_after_a_drain(stack):
    for _ in range(2):
        worker, ingress = stack.worker(), stack.ingress()
        assert ingress.b2c.score(stack.person())["score"] == 87
        for service in (ingress, worker):
            service.process.terminate()
            assert service.process.wait(30) == 0


@pytest.mark.slow
def test_a_worker_whose_name_another_one_takes_ends(stack):
    """Two pods with one INSTANCE_ID: Kafka fences the first, for good. It must not sit there idle and look alive."""
    first = stack.worker(INSTANCE_ID="pod-0")
    ingress = stack.ingress()
    assert ingress.b2c.score(stack.person())["score"] == 87
    first.process.expect_status = 1
    stack.worker(INSTANCE_ID="pod-0")
    assert first.process.wait(60) == 1
    assert "failed for good" in first.process.text(whole=True)
    assert until(lambda: (a := ingress.b2c.score(stack.person())).get("score") == 87 and a, 60, "the second to serve")
