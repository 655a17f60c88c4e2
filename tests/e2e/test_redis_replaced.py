"""Another Redis at the same address, under a load of sign-ups and scores: an empty one, and a replica that missed the last
second and is promoted. No question is put to Jumio twice, nobody hears anything wrong, and what was lost is filled in again.
And `verifyctl cache rebuild`, which does the same on purpose.
"""
import json
import subprocess
import threading
import time

import pytest

from lib.cache import RedisServer
from lib.journey import Journey
from lib.load import Load
from lib.process import BIN, die_with_parent, environment, until

PATIENCE_S = 90
MISSED_S = 1.2  # of what the primary took, the replica lacks the last so much


class People:
    """A context: so many sign up, one after the other, each to their end. Then `journeys` holds everybody's."""

    def __init__(self, stack, ingress, many):
        self.stack, self.ingress = stack, ingress
        self.journeys, self.troubles = [], []
        self.end = threading.Event()
        self.threads = [threading.Thread(target=self.sign_up_on_and_on) for _ in range(many)]

    def sign_up(self):
        journey = Journey(self.stack, self.ingress)
        self.journeys.append(journey)
        journey.initialize()
        journey.open_vendor(PATIENCE_S)
        journey.finish()
        page = journey.browser.wait_for_redirect(journey.back, PATIENCE_S, at=journey.ingress.http.address)
        journey.land(page.location)
        journey.token()
        assert journey.settle(PATIENCE_S) == "SUCCESS"
        assert until(lambda: self.judged(journey), PATIENCE_S, "B2C's answer")["success"]

    @staticmethod
    def judged(journey):
        """B2C's last call; while nobody can know, it says "still being checked" even of who has been told SUCCESS."""
        answer = journey.validate()
        return answer.status == 200 and (answer["success"] or "still being checked" not in answer["message"]) and answer

    def sign_up_on_and_on(self):
        while not self.end.is_set():
            try:
                self.sign_up()
            except Exception as error:  # pylint: disable=broad-except
                self.troubles.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()


def by_an_empty_one(stack):
    stack.redis.process.kill()
    stack.redis.start()


def by_a_late_replica(stack):
    """Its link to the primary is cut, the primary dies, it gets the primary's address, and only then it is promoted."""
    primary, replica = stack.redis, stack.replica
    link = replica.client()
    link.replicaof("127.0.0.1", 1)  # nobody is there
    time.sleep(MISSED_S)
    identity = primary.client().info("replication")["master_replid"]
    primary.process.kill()
    link.config_set("port", primary.port)
    replica.port, replica.url = primary.port, primary.url
    stack.redis, stack.replica = replica, None
    time.sleep(1)  # whoever connects now finds a replica with a good epoch
    link = replica.client()
    before = link.info("replication")
    assert before["master_replid"] == identity == link.get("verifyd:epoch"), "it cannot be told from its primary"
    link.replicaof("no", "one")
    after = link.info("replication")
    assert after["master_replid"] != identity and after["master_replid2"] == identity
    print(f"the replica lacked {MISSED_S} s, its epoch named {after['master_replid2']}")


def start_replica(stack):
    stack.replica = RedisServer(stack.folder, "replica")
    stack.replica.client().replicaof("127.0.0.1", stack.redis.port)
    until(lambda: stack.replica.client().info("replication").get("master_link_status") == "up", 30, "the replica")


def everything_ended(stack):
    """Every request that Kafka acked has a final result in Kafka. Returns them."""
    def look():
        asked = {record.key for topic in ("requests.biocatch.score", "requests.jumio.initiate") for record in stack.topics.requests(topic)}
        final = stack.topics.final()
        return asked <= {k for k, state in final.items() if state["state"] == "completed"} and final

    return until(look, PATIENCE_S, "every accepted request to end", every_s=1)


def rebuilds(workers):
    return [event for worker in workers for event in worker.process.events("cache_rebuilt")]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("replace", [by_an_empty_one, by_a_late_replica])
def test_no_question_is_asked_twice_and_everything_heals(stack, replace):
    if replace is by_a_late_replica:
        start_replica(stack)
    workers = [stack.worker(), stack.worker()]
    ingress = stack.ingress(SYNC_BUDGET_MS=3000, INITIATE_WAIT_MS=1000)
    known = len(rebuilds(workers))
    with People(stack, ingress, 5) as people, Load(ingress.b2c.score, (stack.person() for _ in iter(int, 1)), per_second=8) as load:
        time.sleep(4)
        replace(stack)
        until(lambda: len(rebuilds(workers)) > known, 60, "Redis to be filled again")
        time.sleep(3)
    load.check(10)
    answers = load.answered()
    assert {answer["riskLevel"] for answer in answers} <= {"LOW", "UNKNOWN"}
    assert {answer["score"] for answer in answers if answer["riskLevel"] == "LOW"} == {87}
    assert not people.troubles, people.troubles[:3]
    print(f"{len(people.journeys)} sign-ups, {len(answers)} scores; rebuilds: "
          f"{[(event['states'], event['took_ms']) for event in rebuilds(workers)[known:]]}")
    asked = {journey.reference: journey.initiates() for journey in people.journeys}
    assert set(asked.values()) == {1}, {reference: times for reference, times in asked.items() if times != 1}

    final = everything_ended(stack)
    assert {final[reference]["verdict"] for reference in asked} == {"verified"}
    revs = {key: state["rev"] for key, state in final.items()}
    until(lambda: revs.items() <= {key: state["rev"] for key, state in stack.redis.states().items()}.items(), 30, "Redis to hold everything as Kafka does", every_s=0.5)
    link = stack.redis.client()
    assert link.get("verifyd:epoch") == link.info("replication")["master_replid"]


def follow_a_rebuild(stack, after_its_first_word):
    """The documents of `cache rebuild --json`."""
    told = subprocess.Popen([BIN / "verifyctl", "cache", "rebuild", "--json"], env=environment(stack.environment()), stdout=subprocess.PIPE, text=True,
                            preexec_fn=die_with_parent)
    first = told.stdout.readline()
    after_its_first_word()
    rest, _ = told.communicate(timeout=60)
    assert told.returncode == 0
    return [json.loads(line) for line in (first + rest).splitlines()]


def test_a_rebuild_on_purpose_fills_in_what_was_lost_and_says_so(stack):
    worker, ingress = stack.worker(), stack.ingress()
    made = [ingress.b2c.create(stack.person(), wait=20)["id"] for _ in range(3)]
    link = stack.redis.client()
    link.delete(f"verifyd:v:{{{made[0]}}}")
    told = stack.ctl("cache", "rebuild").splitlines()
    assert told[0].startswith("being filled by ") and told[-1].startswith("whole again after "), told
    assert told[-1].endswith(" s: 6 states looked at, 1 of them were lacking"), "of three results and three requests"
    assert set(made) <= set(stack.redis.states())
    assert link.get("verifyd:epoch") and not link.exists("verifyd:rebuild")

    link.delete("verifyd:epoch")
    link.set("verifyd:rebuild", "0123456789abcdef another", px=60000)
    link.set("verifyd:rebuild:progress", json.dumps({"by": "pod-7", "phase": "reading", "at_ms": 1, "began_ms": 1, "read": 50,
                                                     "to_read": 200, "states": 40, "written": 30}), px=60000)
    documents = follow_a_rebuild(stack, lambda: link.delete("verifyd:rebuild"))
    assert documents[0] | {"after_ms": 0} == {"event": "progress", "after_ms": 0, "was_running": True, "by": "pod-7", "read": 50,
                                             "to_read": 200, "states": 40, "written": 30}
    assert documents[-1]["event"] == "whole" and documents[-1]["by"] != "pod-7" and documents[-1]["states"] == 6
    assert stack.ctl("cache", "rebuild", "--timeout", 30).splitlines()[0].startswith("being filled by "), "another one's figures are not ours"

    assert worker.process.stop() == 0
    done = stack.ctl("cache", "rebuild", "--timeout", 1, status=1)
    assert "whole" not in done
    assert not link.exists("verifyd:epoch"), "the next worker fills it"
    stack.redis.process.kill()
    try:
        assert stack.ctl("cache", "rebuild", "--timeout", 10, status=1) == ""
    finally:
        stack.redis.start()
