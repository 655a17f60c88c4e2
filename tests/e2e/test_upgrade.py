"""Old and new beside each other: records of an earlier version are finished by this one, and what only a newer one can read is neither lost,
nor dead, nor bought a second time (docs/operations.md, "Upgrade").

records/: what an earlier version left in Kafka when its workers stopped, with the keys it was sealed with: a score nobody has asked for yet, one that is known,
one that died, and a sign-up whose person is at the vendor.
"""
import json
import re
import time
from pathlib import Path

import pytest

from lib.kafka import REQUESTS
from lib.process import until
from lib.stack import Stack

DAY_MS = 86_400_000
PATIENCE_S = 60
EARLIER = sorted((Path(__file__).parent / "records").glob("*.json"))


def moved(text, by_ms):
    """Unix times as if it had been recorded now."""
    return re.sub(r"\b1[78]\d{11}\b", lambda found: str(int(found[0]) + by_ms), text)


@pytest.mark.parametrize("file", EARLIER, ids=lambda file: file.stem)
def test_what_an_earlier_version_left_is_finished(broker, folder, file):
    kept = json.loads(file.read_text())
    by_ms, ids = int(time.time() * 1000) - kept["recorded_ms"], kept["ids"]
    with Stack(folder, broker.servers, SEAL_KEYS=kept["seal_keys"], SEAL_KEYS_FILE=None, ID_KEY=kept["id_key"], ID_KEY_FILE=None) as stack:
        done = [record for record in kept["records"] if record["topic"].startswith("requests.") and record["key"] != ids["queued"]]
        for record in kept["records"]:
            if record in done:  # their offsets were stored
                continue
            headers = {name: moved(value, by_ms) for name, value in record["headers"].items()}
            stack.topics.produce(record["topic"], record["key"], moved(record["value"], by_ms), headers)
        letters = len(stack.topics.dead())
        stack.worker()
        front = stack.ingress()
        assert until(lambda: (v := front.b2c.read(ids["queued"], wait=5))["state"] == "completed" and v, PATIENCE_S)["score"] == 111
        assert front.b2c.read(ids["completed"])["score"] == 321
        assert front.b2c.read(ids["dead"])["state"] == "dead"
        assert stack.redis.state(ids["checking"])["state"] == "awaiting_user"
        stack.ctl("dead", "replay", ids["dead"])
        assert until(lambda: (v := front.b2c.read(ids["dead"], wait=5))["state"] == "completed" and v, PATIENCE_S)["score"] == 432
        assert len(stack.topics.dead()) == letters, "nothing of it was poison"
        stack.judge()


@pytest.fixture(scope="module")
def one(broker, session_folder):
    with Stack(session_folder / "upgrade", broker.servers) as stack:
        stack.front = stack.ingress()
        stack.work = stack.worker()
        until(lambda: stack.redis.client().get("verifyd:epoch"), PATIENCE_S, "the cache to be whole")
        yield stack


def asked_anew(stack, session):
    """A score's record as a worker reads it, of a question that was answered."""
    identity = stack.front.b2c.create(session, deadline_ms=DAY_MS, wait=20)["id"]
    return next(record for record in stack.topics.requests() if record.key == identity)


def delayed(stack, identity):
    found = [record for tier in ("delay.5s", "delay.30s") for record in stack.topics.read(tier, judged=False) if record.key == identity]
    return sorted(found, key=lambda record: int(record.headers["verifyd-not-before"]))


def test_a_record_of_a_newer_schema_goes_round_until_somebody_can_read_it(one):
    record = asked_anew(one, one.person())
    newer = {"verifyd-schema": "2", "verifyd-op": "score", "of-the-future": "yes"}
    one.topics.produce(REQUESTS, record.key, b'{"shape":"of the future"}', newer)
    found = until(lambda: delayed(one, record.key), PATIENCE_S, "it to be set aside")[0]
    assert found.value == b'{"shape":"of the future"}'
    assert newer.items() <= found.headers.items() and found.headers["verifyd-target"] == REQUESTS
    assert int(found.headers["verifyd-not-before"]) > found.timestamp_ms
    assert not [letter for letter in one.topics.dead() if letter.key == record.key]
    assert one.work.process.events("newer_record")


def test_a_delayed_record_with_a_newer_versions_target_goes_round_too(one):
    record = asked_anew(one, one.person())
    newer = {"verifyd-schema": "2", "verifyd-op": "dance", "verifyd-target": "moon", "verifyd-not-before": str(int(time.time() * 1000))}
    one.topics.produce("delay.5s", record.key, record.value, newer)
    first, second = until(lambda: len(found := delayed(one, record.key)) >= 2 and found[:2], PATIENCE_S, "it to come again")
    assert second.value == first.value and second.headers["verifyd-target"] == "moon" and second.headers["verifyd-schema"] == "2"
    assert int(second.headers["verifyd-not-before"]) > int(first.headers["verifyd-not-before"])


def test_a_state_that_a_newer_version_wrote_is_not_bought_again(one):
    session = one.person()
    record = asked_anew(one, session)
    key = f"verifyd:v:{{{record.key}}}"
    state = json.loads(one.redis.client().get(key))
    one.redis.client().set(key, json.dumps(state | {"verdict": "of_the_future"}), ex=60)
    one.topics.produce(REQUESTS, record.key, record.value, record.headers)
    assert until(lambda: delayed(one, record.key), PATIENCE_S, "it to wait")
    assert one.vendor.calls(session) == 1


def test_a_reason_and_members_of_the_future_are_read_over(one):
    session = one.person()
    record = asked_anew(one, session)
    key = f"verifyd:v:{{{record.key}}}"
    state = json.loads(one.redis.client().get(key))
    state.pop("score")
    state.pop("risk", None)
    one.redis.client().set(key, json.dumps(state | {"reason": "of_the_future", "of_the_future": {"a": [1]}}), ex=60)
    assert one.front.b2c.read(record.key, judged=False).status == 200
    one.topics.produce(REQUESTS, record.key, record.value, record.headers)
    until(lambda: one.topics.left(REQUESTS, "biocatch") == 0, PATIENCE_S, "it to be read")
    assert one.vendor.calls(session) == 1
