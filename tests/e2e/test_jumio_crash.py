"""Workers killed, Redis emptied, Redis and Kafka stopped, at each step of a sign-up: the person still gets through, and Jumio
is not paid twice where anybody can know better. vendorsim counts raw initiates.

The steps at which a worker is killed:
  accepted         InitializeTransaction is in Kafka, no worker has seen it
  initiating       Jumio has the initiate, its answer is on the way; also twice in a row
  answered         Jumio has answered, Kafka does not take the state
  page known       the person has not opened /start yet
  at the vendor    the person is at Jumio's page
  returned         the person comes back at this moment
  retrieving       Jumio is being asked for the verdict
  between rungs    Jumio was asked, and is to be asked again
  overdue          the person never comes back, the watchdog is set
  completed        there is a verdict
  any              every 4 s, while many sign up
"""
import os
import signal
import threading
import time

import pytest

from lib.journey import Journey, check_approved
from lib.load import outcomes, taken
from lib.process import until
from lib.stack import Stack

WAITING = "one moment"  # the waiting page's title; "in a moment" is another's advice
PATIENCE_S = 100  # a session of Kafka's (10 s), a lease, hops through the delay topics
POD = {"INSTANCE_ID": "pod-0"}  # a worker of the same name takes over at once; others when Kafka's session has ended


def to_the_end(journey):
    """From /start to the verdict, with a person's patience at every step."""
    journey.open_vendor(PATIENCE_S)
    journey.finish()
    return back_to_the_end(journey)


def back_to_the_end(journey):
    """From /return to the verdict."""
    come_back(journey)
    journey.token()
    return journey.end(PATIENCE_S)


def come_back(journey):
    """/return, again where it shows a waiting page."""
    page = journey.browser.wait_for_redirect(journey.back, PATIENCE_S, at=journey.ingress.http.address)
    journey.land(page.location)


def begin_anew(journey):
    """The person, told to try again, begins anew at B2C until they are sent on. Returns that journey."""
    def once():
        newer = journey.again()
        answer = newer.try_initialize()
        if answer.status != 200:
            assert answer.code == "not_started"
            return None
        newer.accept(answer)
        page = until(lambda: (page := newer.open_start()).location is not None and page or WAITING not in page.words.lower() and page, PATIENCE_S)
        return newer if page.location else None

    return until(once, PATIENCE_S, "a journey that begins", 0.5)


def whole(stack):
    """The cache has been filled again."""
    return until(lambda: stack.redis.client().get("verifyd:epoch"), 90, "the cache to be whole")


def orphans(stack):
    """Ids of verifications for which Jumio may have made, and bill, a transaction that nobody uses."""
    return [event["id"] for program in stack.programs for event in program.events("orphaned_reference")]


# kill -9 of the worker

class Crowd:
    """People at every step of a sign-up, before one fault strikes them all."""

    def __init__(self, stack, ingress):
        self.stack, self.ingress = stack, ingress
        self.at = {}

    def new(self, step, marks=""):
        self.at[step] = Journey(self.stack, self.ingress, marks)
        return self.at[step]

    def gather(self):
        """Ends with everybody at their step; what takes longest to reach comes first."""
        self.new("completed", "~callback=0").sign_up()
        self.new("page known").initialize()
        self.new("at the vendor").to_vendor()
        overdue = self.new("overdue").to_vendor()
        self.stack.vendor.finish(overdue.transaction()["reference"], "approved")
        returned = self.new("returned").to_vendor()
        returned.finish()
        rungs = self.new("between rungs", "~pending=6").to_b2c()
        retrieving = self.new("retrieving", "~scan-delay=4000").to_b2c()
        initiating = self.new("initiating", "~delay=4000")
        until(lambda: rungs.state().get("polls") and retrieving.transaction()["status_calls"], 60, "the first looks")
        initiating.initialize()
        until(lambda: initiating.initiates() == 1, 20, "the initiate at Jumio")
        returned.come_back()
        returned.token()

    def survive(self, step):
        """What the person of this step does after the fault."""
        journey = self.at[step]
        if step == "completed":
            return journey.end(PATIENCE_S)
        if step in ("page known", "initiating"):
            return to_the_end(journey)
        if step == "at the vendor":
            journey.finish()
            return back_to_the_end(journey)
        if step == "overdue":
            journey.token()
        return journey.end(PATIENCE_S)

    def all_survive(self):
        self.ends = outcomes(self.survive, self.at)
        return self

    def check(self, step):
        check_approved(taken(self.ends[step]))
        journey = self.at[step]
        assert journey.initiates() == 1
        assert journey.state()["verdict"] == "verified" and journey.result()["verdict"] == "verified"
        assert journey.transaction()["data_calls"] <= 2
        return journey


CROWD = ("page known", "at the vendor", "returned", "retrieving", "between rungs", "overdue", "completed")


def crowd(broker, folder, strike):
    """Strikes once, when everybody is there."""
    with Stack(folder, broker.servers, JUMIO_WATCHDOG_AFTER="16s", JUMIO_TIMEOUT_MS=7000) as stack:
        worker = stack.worker()
        people = Crowd(stack, stack.ingress(INITIATE_WAIT_MS=1000))
        people.gather()
        strike(stack, worker)
        yield people.all_survive()
        stack.judge()


def kill_worker(stack, worker):
    worker.process.kill()
    stack.worker(wait=False)


@pytest.fixture(scope="module")
def killed(broker, session_folder):
    yield from crowd(broker, session_folder / "crash-killed", kill_worker)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", CROWD)
def test_killed_and_another_worker_goes_on(killed, step):
    killed.check(step)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_during_the_initiate(killed):
    """Jumio may have made a transaction: it is sent once more at most, and what the first one made is nobody's."""
    journey = killed.at["initiating"]
    check_approved(taken(killed.ends["initiating"]))
    made = killed.stack.vendor.transactions(journey.object_id)
    print(f"initiates: {journey.initiates()}, transactions at Jumio: {len(made)}")
    assert 1 <= journey.initiates() <= 2
    assert journey.result()["reference"] == made[-1]["reference"]
    if journey.initiates() == 2:
        assert journey.reference in orphans(killed.stack), "what Jumio may bill for nobody is on record"


@pytest.mark.slow
def test_killed_before_it_saw_the_request(stack):
    stack.worker(**POD).process.kill()
    journey = Journey(stack, stack.ingress(INITIATE_WAIT_MS=1000)).initialize()
    assert WAITING in journey.open_start().words.lower() and journey.initiates() == 0
    stack.worker(**POD)
    check_approved(to_the_end(journey))
    assert journey.initiates() == 1


@pytest.mark.slow
def test_killed_again_during_the_second_initiate_it_is_a_persons_decision(stack):
    """Two sends whose outcome nobody knows: not a third. B2C's next journey is free to begin anew."""
    ingress = stack.ingress(INITIATE_WAIT_MS=1000)
    journey = Journey(stack, ingress, "~delay=60000")
    for sends in (1, 2):
        worker = stack.worker(JUMIO_TIMEOUT_MS=4000, **POD)
        if sends == 1:
            journey.initialize()
        until(lambda sends=sends: journey.initiates() == sends, PATIENCE_S, f"initiate {sends}")
        worker.process.kill()
    stack.worker(JUMIO_TIMEOUT_MS=6000, **POD)
    state = journey.wait_state("dead", timeout_s=PATIENCE_S)
    assert state["reason"] == "sent_outcome_unknown" and journey.initiates() == 2
    page = journey.open_start()
    assert page.status == 200 and "again" in page.words.lower()
    journey.token()
    assert journey.status()["status"] == "FAILED" and journey.validate()["success"] is False
    newer = journey.again()
    newer.initialize()
    until(lambda: newer.initiates() == 3, 20, "its own initiate")
    stack.vendor.release()
    check_approved(to_the_end(newer))
    assert newer.reference != journey.reference and newer.initiates() == 3


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_killed_with_jumios_answer_while_kafka_is_paused(fragile, folder):
    """The answer was kept beside the lease: the next worker uses it, and Jumio is asked once."""
    with Stack(folder, fragile.servers) as stack:
        worker, ingress = stack.worker(**POD), stack.ingress(INITIATE_WAIT_MS=1000)
        journey = Journey(stack, ingress, "~delay=60000").initialize()
        until(lambda: journey.initiates() == 1, 20, "the initiate at Jumio")
        lease = f"verifyd:lease:{{{journey.reference}}}:initiate"
        java = fragile.java_pid()
        os.kill(java, signal.SIGSTOP)
        try:
            token = len(stack.redis.client().get(lease))
            stack.vendor.release()
            until(lambda: len(stack.redis.client().get(lease) or "") > token, 30, "the answer beside the lease")
            assert journey.state()["state"] == "queued", "nobody is told what is not durable"
            worker.process.kill()
        finally:
            os.kill(java, signal.SIGCONT)
        stack.worker(**POD)
        check_approved(to_the_end(journey))
        assert journey.initiates() == 1
        stack.judge()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_all_the_time_while_many_sign_up(stack):
    """Ten people, a worker that is killed every 4 s, four times. Everybody gets through, each initiate is explained. Whose initiate was
    hit has the next one when a call's longest time and 5 s are over, 20 s later: when nobody kills any more."""
    worker = stack.worker(RETRY_MAX_ATTEMPTS=10, **POD)
    ingress = stack.ingress(INITIATE_WAIT_MS=1000)
    people = [Journey(stack, ingress, "~delay=300") for _ in range(10)]
    failed = []

    def walk(journey, begin_s):
        try:
            time.sleep(begin_s)
            journey.initialize()
            check_approved(to_the_end(journey))
        except (Exception, AssertionError) as error:  # pylint: disable=broad-except
            failed.append(error)

    walkers = [threading.Thread(target=walk, args=(journey, n * 1.5)) for n, journey in enumerate(people)]
    for walker in walkers:
        walker.start()
    for _ in range(4):
        time.sleep(4)
        worker.process.kill()
        worker = stack.worker(RETRY_MAX_ATTEMPTS=10, wait=False, **POD)
    for walker in walkers:
        walker.join(200)
    assert not failed, failed[0]
    assert not any(walker.is_alive() for walker in walkers), "somebody is still at it"
    sent = {journey.object_id: journey.initiates() for journey in people}
    twice = {journey.reference for journey in people if sent[journey.object_id] == 2}
    print(f"initiates: {sorted(sent.values())}, orphaned references on record: {len(orphans(stack))}")
    assert set(sent.values()) <= {1, 2} and twice <= set(orphans(stack))


# FLUSHALL

def flush(stack, _worker=None):
    stack.redis.client().flushall()


@pytest.fixture(scope="module")
def emptied(broker, session_folder):
    yield from crowd(broker, session_folder / "crash-emptied", flush)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", ("initiating", *CROWD))
def test_redis_emptied_and_everybody_gets_through_without_a_second_initiate(emptied, step):
    """Leases, pointers, browsers and states: all forgotten, and filled again from Kafka."""
    emptied.check(step)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_redis_forgot_is_back(emptied):
    whole(emptied.stack)
    until(lambda: set(emptied.stack.topics.final()) <= set(emptied.stack.redis.states()), 60, "everything to be back")
    done = emptied.at["completed"]
    newer = done.again()
    newer.initialize()  # the last one has ended, and that is known again: asks anew
    assert newer.reference != done.reference
    assert until(lambda: newer.initiates() == 2, PATIENCE_S, "its own initiate")


@pytest.mark.slow
def test_redis_emptied_while_the_request_waits_for_a_worker(stack):
    ingress = stack.ingress(INITIATE_WAIT_MS=1000)
    stack.worker(**POD).process.kill()
    journey = Journey(stack, ingress).initialize()
    flush(stack)
    page = journey.open_start()
    assert page.status == 200 and not page.location, "unknown while the cache is filled again is no reason to send anybody away"
    stack.worker(**POD)
    check_approved(to_the_end(journey))
    assert journey.initiates() == 1


@pytest.mark.slow
def test_redis_emptied_during_the_initiate(stack):
    """The lease and the pointer are gone too."""
    stack.worker()
    ingress = stack.ingress(INITIATE_WAIT_MS=1000)
    journey = Journey(stack, ingress, "~delay=2500").initialize()
    until(lambda: journey.initiates() == 1, 20)
    flush(stack)
    again = begin_anew(journey)  # an impatient person; nobody may know of the first one
    assert again.reference == journey.reference
    check_approved(to_the_end(again.resumed()))
    assert journey.initiates() == 1


# Redis and Kafka away

@pytest.mark.slow
def test_redis_away_during_initialize_and_back(stack):
    """Accepted, answered with /start, and waiting; nothing is initiated twice."""
    stack.worker()
    ingress = stack.ingress()
    check_approved(Journey(stack, ingress, "~callback=0").sign_up())
    stack.redis.process.kill()
    journey = Journey(stack, ingress)
    answer = until(lambda: (a := journey.try_initialize()).status == 200 and a, 20)
    journey.accept(answer)
    page = journey.open_start()
    assert page.status == 200 and not page.location and WAITING in page.words.lower()
    stack.redis.start()  # empty
    check_approved(to_the_end(journey))
    assert journey.initiates() == 1


@pytest.mark.slow
def test_redis_hangs_during_initialize(stack):
    """Stopped, not gone: connections stay open and nothing answers."""
    stack.worker()
    ingress = stack.ingress()
    check_approved(Journey(stack, ingress, "~callback=0").sign_up())
    stack.redis.process.pause()
    journey = Journey(stack, ingress)
    try:
        answer = journey.try_initialize()
        assert answer.status == 200 and answer.elapsed_s < 9
        journey.accept(answer)
        page = journey.open_start()
        assert page.status == 200 and not page.location
        token = journey.token()
        assert journey.status(token)["status"] == "RETRY"
    finally:
        stack.redis.process.resume()
    check_approved(to_the_end(journey))
    assert journey.initiates() == 1


@pytest.mark.slow
def test_redis_away_while_the_person_is_at_jumio(stack):
    """/return cannot look at the browser's binding, and waits; the answer is never a verdict."""
    stack.worker()
    journey = Journey(stack, stack.ingress()).to_vendor()
    stack.redis.process.kill()
    journey.finish()
    page = journey.open_return()
    assert page.location or (page.status == 200 and WAITING in page.words.lower()), page.words
    journey.token()
    assert journey.status()["status"] == "RETRY" and "later" in journey.validate()["message"]
    stack.redis.start()
    come_back(journey)
    check_approved(journey.end(PATIENCE_S))
    assert journey.initiates() == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_kafka_paused_at_initialize_and_at_the_return(fragile, folder):
    with Stack(folder, fragile.servers) as stack:
        stack.worker()
        ingress = stack.ingress()
        journey = Journey(stack, ingress).to_vendor()
        journey.finish()
        java = fragile.java_pid()
        os.kill(java, signal.SIGSTOP)
        try:
            page = journey.open_return()
            assert page.ended - page.begun < 10 and page.status in (200, 302)
            answer = Journey(stack, ingress).try_initialize()
            assert answer.elapsed_s < 10
            assert answer.status == 200 or answer.code in ("queue_away", "overloaded")
        finally:
            os.kill(java, signal.SIGCONT)
        check_approved(back_to_the_end(journey))
        assert journey.initiates() == 1
        stack.judge()


@pytest.mark.slow
def test_the_ingress_killed_at_jumio_and_another_one_takes_its_place(stack):
    stack.worker()
    first = stack.ingress()
    journey = Journey(stack, first).to_vendor()
    journey.finish()
    first.process.kill()
    journey.ingress = stack.ingress()
    journey.come_back()
    journey.token()
    check_approved(journey.end(PATIENCE_S))
