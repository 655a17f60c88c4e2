"""Dead letters: found, replayed, and revived once; records nobody can read stop nothing."""
import json
import signal
import subprocess

import pytest

from lib import process
from lib.journey import Journey, check_approved
from lib.kafka import REQUESTS
from lib.load import Load, in_parallel
from lib.process import BIN, until
from lib.stack import PARTITIONS

DAY_MS = 86_400_000
BURST_MS = 100  # of this time a replay sends at once what it is late with
POISON = {
    "not json": b"\x00\xff not json", "empty": b"", "array": b"[]", "wrong shape": b'{"id":5}', "deep": b"[" * 5000,
    "other id": b'{"id":"x","kind":"biocatch.score","caller":"b2c","question":"q","created_ms":1,"sealed":"k1.x"}',
    "huge": b'{"id":"' + b"a" * 200_000 + b'"}',
}


def dead_one(service, session):
    made = service.b2c.create(session, deadline_ms=DAY_MS)
    view = until(lambda: (v := service.b2c.read(made["id"], wait=20))["state"] == "dead" and v, 60)
    return made["id"], view


def listed(service):
    """Ids of `verifyctl dead list --json`: one JSON array, or one object a line."""
    text = service.stack.ctl("dead", "list", "--json").strip()
    entries = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    return {entry["id"]: entry for entry in entries}


def test_a_dead_letter_is_listed_and_a_replay_revives_and_completes_it(strict):
    session = strict.person("~fail-first=1~score=432")
    identity, dead = dead_one(strict, session)
    assert dead["reason"] == "server_error"
    assert identity in strict.stack.ctl("dead", "list")
    entry = listed(strict)[identity]
    assert "server_error" in json.dumps(entry)

    assert strict.stack.ctl("dead", "replay", identity).strip()
    view = until(lambda: (v := strict.b2c.read(identity, wait=20))["state"] == "completed" and v, 60)
    assert view["score"] == 432 and view["rev"] > dead["rev"]
    assert strict.redis.state(identity)["replays"] == 1
    assert strict.vendor.calls(session) == 2


def test_a_second_and_a_third_replay_of_the_same_change_nothing(strict):
    session = strict.person("~fail-first=1")
    identity, _ = dead_one(strict, session)
    strict.stack.ctl("dead", "replay", identity)
    view = until(lambda: (v := strict.b2c.read(identity, wait=20))["state"] == "completed" and v, 60)
    calls = strict.vendor.calls(session)
    for _ in range(2):  # whatever it says about it
        done = process.run("verifyctl", "dead", "replay", identity, settings=strict.stack.environment())
        assert done.returncode in (0, 1), done.stderr
    until(lambda: strict.topics.left(REQUESTS, "biocatch") == 0, 30, "the worker to have read on")
    assert strict.b2c.read(identity).json == view.json
    assert strict.vendor.calls(session) == calls == 2
    completed = [r for r in strict.topics.results() if r.content["id"] == identity and r.content["state"] == "completed"]
    assert len(completed) == 1


def test_a_replay_that_fails_again_is_dead_again_and_can_be_replayed_again(strict):
    session = strict.person("~fail-first=2")
    identity, first = dead_one(strict, session)
    strict.stack.ctl("dead", "replay", identity)
    second = until(lambda: (v := strict.b2c.read(identity, wait=5))["rev"] > first["rev"] and v["state"] == "dead" and v, 60)
    assert second["reason"] == "server_error"
    strict.stack.ctl("dead", "replay", identity)
    assert until(lambda: (v := strict.b2c.read(identity, wait=20))["state"] == "completed" and v, 60)["score"] == 87
    assert strict.vendor.calls(session) == 3


def test_several_are_replayed_with_one_command(strict):
    sessions = [strict.person("~fail-first=1") for _ in range(4)]
    ids = in_parallel(lambda session: dead_one(strict, session)[0], sessions)
    strict.stack.ctl("dead", "replay", *ids)
    for identity in ids:
        until(lambda identity=identity: strict.b2c.read(identity, wait=20)["state"] == "completed", 60)
    assert [strict.vendor.calls(session) for session in sessions] == [2] * 4


@pytest.mark.alone
def test_two_hundred_replayed_at_a_rate_and_cut_off_in_the_middle_are_each_called_exactly_once_more(stack):
    """The rate by when each was sent; the rest by the vendor's count."""
    stack.settings |= {"RETRY_MAX_ATTEMPTS": 1, "BIOCATCH_TIMEOUT_MS": 2000}
    stack.worker()
    ingress = stack.ingress()
    sessions = [stack.person("~fail-first=1") for _ in range(200)]
    ids = in_parallel(lambda session: ingress.b2c.create(session, deadline_ms=DAY_MS)["id"], sessions)
    until(lambda: len({record.key for record in stack.topics.dead()}) == len(ids), 60, "all to die", 0.5)
    states = stack.redis.states
    until(lambda: all(state["state"] == "dead" for state in states().values()), 60, "Redis to know it")
    command = ["dead", "replay", "--vendor", "biocatch", "--since", "1h", "--rate", "50"]
    settings = process.environment(stack.environment())
    with subprocess.Popen([BIN / "verifyctl", *command], env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        begun = [child.stdout.readline() for _ in range(50)]
        child.send_signal(signal.SIGINT)
        rest, told = child.communicate(timeout=60)
    sent = len(begun) + rest.count("  replayed\n")
    assert child.returncode == 1 and 50 <= sent < 200 and f"interrupted: {200 - sent} were not sent" in told
    assert f"{200 - sent} replayed, " in stack.ctl(*command), "the same command goes on"
    replays = [r.timestamp_ms for r in stack.topics.requests() if r.headers.get("verifyd-replays") == "1"]
    assert len(replays) == 200, "each once"
    parts = sorted(replays)[:sent], sorted(replays)[sent:]
    for part in parts:
        due_ms, took_ms = (len(part) - 1) * 1000 / 50, part[-1] - part[0]
        assert due_ms - BURST_MS - 2 < took_ms < 2 * due_ms + 2000, "what a stopped machine has missed is not made up for"
    until(lambda: stack.vendor.stats()["requests"] >= 400, 60, "the vendor's calls")
    for identity in ids:
        until(lambda identity=identity: ingress.b2c.read(identity, wait=20)["state"] == "completed", 60)
    assert stack.ctl(*command).splitlines()[0] == "0 replayed, 200 skipped, 0 failed", "a second replay does nothing"
    assert [stack.vendor.calls(session) for session in sessions] == [2] * 200


def test_a_night_of_refused_credentials_leaves_nothing_dead(stack):
    """401 from both vendors, under load: sign-ups wait before Jumio's page, for their verdict, and scores for their answer."""
    stack.settings |= {"JUMIO_INITIATE_RATE": "100/5s", "RETRY_MAX_ATTEMPTS": 2}
    for _ in range(2):
        stack.worker()
    ingress = stack.ingress()
    handed_in = in_parallel(lambda _: Journey(stack, ingress).to_vendor(), range(4))
    for journey in handed_in:
        journey.finish()
    stack.vendor.set(status=401)
    stack.vendor.set_jumio(status=401, scan_status=401)
    for journey in handed_in:
        journey.come_back()
        journey.token()
    new = in_parallel(lambda _: Journey(stack, ingress).initialize(), range(4))
    with Load(lambda session: ingress.b2c.create(session, deadline_ms=DAY_MS), (stack.person() for _ in range(1000)), 40) as load:
        until(lambda: len(load.calls) >= 100, 60)
    assert all(call.error is None for call in load.calls)
    asked = [call.answer["id"] for call in load.calls]
    night = until(lambda: [one for one in stack.vendor.requests() if "/biocatch/" in one["path"]], 30, "a try")
    assert len(night) < len(asked), "they wait for a probe, they do not all try"
    stack.vendor.set(status=None)
    stack.vendor.set_jumio(status=None, scan_status=None)
    for journey in new:
        journey.open_vendor(60)
        journey.finish()
        journey.come_back()
        journey.token()
    for end in in_parallel(lambda journey: journey.end(), handed_in + new):
        check_approved(end)
    for identity in asked:
        view = until(lambda identity=identity: (v := ingress.b2c.read(identity, wait=20))["state"] != "queued" and v, 60)
        assert (view["state"], view["score"], view["attempts"]) == ("completed", 87, 0), "no attempt burned"
    assert not stack.topics.dead()
    assert stack.ctl("dead", "list").splitlines()[-1] == "0 shown; 0 not dead any more"
    assert [journey.initiates() for journey in handed_in] == [1] * 4


@pytest.mark.parametrize("identity", ["v" + "A" * 21 + "Q", "nonsense"])
def test_replaying_what_is_not_there_says_so(strict, identity):
    done = process.run("verifyctl", "dead", "replay", identity, settings=strict.stack.environment())
    assert done.returncode in (1, 2) and done.stderr.strip()


def test_a_poison_record_is_a_dead_letter_and_the_partition_goes_on(stack):
    stack.poison = True
    stack.worker()
    ingress = stack.ingress()
    for value in POISON.values():
        for partition in range(PARTITIONS):
            stack.topics.produce(REQUESTS, "poison", value, {"verifyd-schema": "1", "verifyd-op": "score"}, partition)
    stack.topics.produce(REQUESTS, None, None, partition=0)  # a tombstone, without key and headers
    went_on = set()
    for _ in range(60):  # ids of one moment lead to one partition
        views = in_parallel(lambda _: ingress.b2c.create(stack.person(), wait=25, deadline_ms=DAY_MS), range(4))
        assert {(view["state"], view["score"]) for view in views} == {("completed", 87)}
        went_on |= {r.partition for r in stack.topics.requests() if r.key in {view["id"] for view in views}}
        if went_on == set(range(PARTITIONS)):
            break
    assert went_on == set(range(PARTITIONS)), "every partition went on"

    letters = until(lambda: (found := stack.topics.dead()) and len(found) > len(POISON) * PARTITIONS and found, 30, "all of it, and the tombstone")
    assert {record.headers["verifyd-error"] for record in letters} == {"poison"}
    values = [record.value or b"" for record in letters]
    for name, value in POISON.items():
        assert values.count(value) == PARTITIONS + (value == b""), f"{name}: not as it came"
    stack.ctl("dead", "list")
    listed_json = stack.ctl("dead", "list", "--json")
    assert listed_json.count("poison") >= len(letters)


@pytest.mark.slow
def test_poison_on_a_delay_topic_does_not_hold_up_the_others(stack):
    stack.poison = True
    stack.worker()
    ingress = stack.ingress()
    bad = {
        "no headers": {}, "no target": {"verifyd-not-before": "1"}, "no such target": {"verifyd-not-before": "1", "verifyd-target": "nowhere"},
        "target a delay": {"verifyd-not-before": "1", "verifyd-target": "delay.5s"}, "no time": {"verifyd-target": REQUESTS},
        "time no number": {"verifyd-not-before": "soon", "verifyd-target": REQUESTS},
    }
    for headers in bad.values():
        for partition in range(PARTITIONS):
            stack.topics.produce("delay.5s", "poison", b"not json", headers, partition)
    made = in_parallel(lambda _: ingress.b2c.create(stack.person("~fail-first=1~status=429~retry-after=3"), deadline_ms=DAY_MS), range(12))
    for one in made:  # each round of 429 costs seconds, and there are more of them where not all are asked at once
        view = until(lambda one=one: (v := ingress.b2c.read(one["id"], wait=20))["state"] != "queued" and v, 90, "a score")
        assert (view["state"], view["score"]) == ("completed", 87)


def test_a_record_whose_seal_does_not_open_is_dead_with_its_reason(stack):
    worker = stack.worker()
    ingress = stack.ingress()
    good = ingress.b2c.create(stack.person(), wait=25)
    (record,) = [r for r in stack.topics.requests() if r.key == good["id"]]
    content = json.loads(record.value)
    forged = "v" + "B" * 21 + "Q"  # a good seal, moved to another id
    stack.topics.produce(REQUESTS, forged, json.dumps(content | {"id": forged}).encode(), record.headers)
    damaged = "v" + "C" * 21 + "Q"
    sealed = content["sealed"][:-6] + ("AAAAAA" if not content["sealed"].endswith("AAAAAA") else "BBBBBB")
    stack.topics.produce(REQUESTS, damaged, json.dumps(content | {"id": damaged, "sealed": sealed}).encode(), record.headers)
    unknown = "v" + "D" * 21 + "Q"
    stack.topics.produce(REQUESTS, unknown, json.dumps(content | {"id": unknown, "sealed": "zz." + content["sealed"].split(".")[1]}).encode(), record.headers)
    for identity in (forged, damaged, unknown):
        state = until(lambda identity=identity: (s := stack.redis.state(identity)) and s["state"] == "dead" and s, 30)
        assert state["reason"] == "unreadable_seal"
    assert {r.key for r in stack.topics.dead()} == {forged, damaged, unknown}
    assert stack.vendor.stats()["requests"] == 1
    assert ingress.b2c.score(stack.person())["score"] == 87 and worker.process.running()
