"""Too much of everything: slow senders, callers that vanish, one credential or ticket for all, a Kafka that does not answer."""
import os
import signal
import threading
import time

import pytest

from lib import crowd
from lib.load import in_parallel
from lib.process import until
from lib.stack import KEYS, Stack

CROWD = 200
TIME_MS = 1500
LATE_S = 1.0  # how much later than its time a connection may be cut off, but for what the machine did not give anybody
UNKNOWN_ID = "vAAAAAAAAAAAAAAAAAAAAAA"
REFUSED = 'verifyd_calls_limited_total{why="queue"}'


@pytest.fixture(scope="module")
def idle_stack(broker, session_folder):
    """No worker: whoever waits waits till the end of its time."""
    with Stack(session_folder / "narrow", broker.servers) as stack:
        yield stack


@pytest.fixture(scope="module")
def narrow(idle_stack):
    """An ingress with low limits."""
    return idle_stack.ingress(HEADER_TIME_MS=TIME_MS, BODY_TIME_MS=TIME_MS, IDLE_TIME_MS=TIME_MS, SYNC_BUDGET_MS=20000, MAX_WAITERS=250,
                            MAX_WAITERS_PER_CREDENTIAL=220, MAX_CALLS_PER_ID=4, MAX_CONNECTIONS=600, MAX_CONNECTIONS_PER_ADDRESS=500)


@pytest.mark.parametrize("head", [crowd.slow_header, crowd.slow_body], ids=["headers", "body"])
def test_slow_senders_are_cut_off_in_time_and_hold_nobody_up(narrow, head):
    with crowd.Probe(narrow.http.address, narrow.b2c.headers) as probe:
        senders = crowd.SlowSenders(narrow.http.address, CROWD, head(KEYS["b2c"]), every_s=0.3)
        open_s = senders.drive(20)
    assert len(open_s) == CROWD, f"{CROWD - len(open_s)} were never cut off"
    late_s = LATE_S + senders.pace.lost_s + probe.lost_s
    assert open_s[0] >= TIME_MS / 1000 - 0.1 and open_s[-1] <= TIME_MS / 1000 + late_s, (open_s[0], open_s[-1], late_s)
    assert probe.bad == 0 and len(probe.taken_s) > 50


def test_an_idle_connection_is_closed_in_time(narrow):
    link, pace, begin = narrow.b2c.connect(), crowd.Pace(), time.monotonic()
    assert narrow.b2c.get(f"/v1/verifications/{UNKNOWN_ID}", link=link).status == 200
    while not crowd.answered([link.sock]):
        assert narrow.b2c.get(f"/v1/verifications/{UNKNOWN_ID}").status == 200, "others are served"
        time.sleep(0.05)
        pace.step()
    assert TIME_MS / 1000 - 0.1 <= time.monotonic() - begin <= TIME_MS / 1000 + LATE_S + pace.lost_s
    assert link.sock.recv(1) == b""
    link.close()


def test_places_of_callers_that_vanished_are_free_soon_and_what_they_asked_goes_on(narrow):
    before = narrow.metric("verifyd_connections")
    links = crowd.waiting_callers(narrow.http.address, KEYS["b2c"], [f"gone-{n}" for n in range(CROWD)])
    crowd.wait_for_waiters(narrow, CROWD)
    crowd.vanish(links)
    assert crowd.wait_for_waiters(narrow, 0) < 5, "long before their time was up"
    until(lambda: narrow.metric("verifyd_connections") <= before + 1, 10, "connections to be closed")
    assert narrow.metric("verifyd_callers_left_total") >= CROWD


def test_one_credential_cannot_take_all_places(narrow):
    links = crowd.waiting_callers(narrow.http.address, KEYS["b2c"], [f"mine-{n}" for n in range(220)])
    crowd.wait_for_waiters(narrow, 220)
    mine = narrow.b2c.score("one-more")
    assert (mine.status, mine["riskLevel"]) == (200, "UNKNOWN") and mine.elapsed_s < 5, "not held, but accepted"
    assert mine.get("verificationId")
    others = crowd.waiting_callers(narrow.http.address, KEYS["other"], ["others"])
    crowd.wait_for_waiters(narrow, 221)
    crowd.vanish(links + others)
    crowd.wait_for_waiters(narrow, 0)


def test_one_verification_cannot_be_asked_about_by_everybody_at_once(narrow):
    one = narrow.b2c.create("asked-about")["id"]
    links = crowd.waiting_readers(narrow.http.address, KEYS["b2c"], one, 12)
    crowd.wait_for_waiters(narrow, 4)
    refused = until(lambda: len(found := crowd.answered(links)) == 8 and found, 10, "the others to be told")
    for link in refused:
        answer = crowd.answer_on(link)
        assert answer.status == 503 and b"overloaded" in answer.read() and int(answer.getheader("Retry-After")) > 0
    told = narrow.b2c.read(one)
    assert (told.status, told.code) == (503, "overloaded")
    crowd.vanish(links)
    crowd.wait_for_waiters(narrow, 0)
    assert narrow.b2c.read(one).status == 200


def is_served(ingress):
    try:
        return ingress.b2c.get(f"/v1/verifications/{UNKNOWN_ID}").status == 200
    except ConnectionError:  # no place yet
        return False


def test_connections_beyond_those_of_an_address_are_closed_and_the_others_served(idle_stack):
    ingress = idle_stack.ingress(MAX_CONNECTIONS_PER_ADDRESS=100, HEADER_TIME_MS=60000)
    links = [ingress.b2c.connect() for _ in range(100)]
    for link in links:
        link.connect()
    more = crowd.connect(ingress.http.address)
    assert more.recv(1) == b"", "long before a time is up"
    assert ingress.b2c.get(f"/v1/verifications/{UNKNOWN_ID}", link=links[0]).status == 200
    for link in [*links, more]:
        link.close()
    assert ingress.metric('verifyd_connections_ended_total{why="address"}') == 1 == ingress.metric("verifyd_connections_ended_total")
    until(lambda: is_served(ingress), 20, "a new one to be served")


def test_too_many_connections_are_told_to_come_again(stack):
    ingress = stack.ingress(MAX_CONNECTIONS=16, HEADER_TIME_MS=60000)
    links = [crowd.connect(ingress.http.address) for _ in range(16)]
    answer = ingress.b2c.create(stack.person())
    assert answer.status == 503 and answer.code == "overloaded" and answer.closed and answer.headers["retry-after"]
    answer = ingress.b2c.score(stack.person())
    assert (answer.status, answer["riskLevel"]) == (200, "UNKNOWN")
    for link in links:
        link.close()
    until(lambda: ingress.b2c.create(stack.person()).status == 202, 20, "it to accept again")


@pytest.mark.slow
def test_while_kafka_is_slow_callers_are_told_at_once(fragile, folder):
    with Stack(folder, fragile.servers) as stack:
        ingress = stack.ingress(QUEUE_SLOW_MS=300, SYNC_BUDGET_MS=4000)
        assert ingress.b2c.create(stack.person()).status == 202
        held = threading.Thread(target=lambda: ingress.b2c.create(stack.person()))
        os.kill(fragile.java_pid(), signal.SIGSTOP)
        try:
            held.start()
            until(lambda: ingress.metric("verifyd_calls_in_hand") > 0, 20, "the one that is held")
            time.sleep(0.6)  # twice as long as an ack may take
            before = ingress.metric(REFUSED)
            creates = in_parallel(lambda _: ingress.b2c.create(stack.person()), range(40))
            scores = in_parallel(lambda _: ingress.b2c.score(stack.person()), range(40))
            at_once = ingress.metric(REFUSED) - before
        finally:
            os.kill(fragile.java_pid(), signal.SIGCONT)
        held.join()
        quick = sorted(answer.elapsed_s for answer in creates + scores)[:60]  # some of the others look whether it is back
        assert at_once >= 60 and quick[-1] < 2, (at_once, quick)
        assert {answer.status for answer in creates} <= {503, 202} and all(a.headers["retry-after"] for a in creates if a.status == 503)
        assert {answer["riskLevel"] for answer in scores} == {"UNKNOWN"}
        until(lambda: all(ingress.b2c.create(stack.person()).status == 202 for _ in range(10)), 60, "it to accept again", 0.2)
