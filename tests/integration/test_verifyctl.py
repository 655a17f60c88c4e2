"""verifyctl against a Redis of its own and the dev broker: what each command says, and with which exit status.

Records are planted as workers write them, so neither ingress nor worker is needed. VERIFYD_BIN_DIR (or VERIFYD_BIN)
names the folder of the programs (build/dev/bin).
"""

import base64
import json
import os
import pathlib
import re
import secrets
import shutil
import stat
import subprocess
import time

import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition

from lib.cache import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN_DIR = pathlib.Path(os.environ.get("VERIFYD_BIN_DIR") or os.environ.get("VERIFYD_BIN") or ROOT / "build/dev/bin")
PREFIX = "verifyd."
REQUESTS = "requests.biocatch.score"
TOPICS = (REQUESTS, "delay.5s", "delay.30s", "delay.120s", "delay.600s", "results", "dead")
CREATED_MS = 1_790_000_000_000
CANARY = "session-of-a-person"
WAIT_S = 30
COMMANDS = ("topics create", "topics check", "get", "decide", "dead list", "dead show", "dead replay", "cache rebuild", "keys new", "config check", "doctor", "plan")
FREE_ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("VERIFYD_")}


def ctl(*arguments, status=0, settings=None, timeout_s=WAIT_S):
    done = subprocess.run([BIN_DIR / "verifyctl", *map(str, arguments)], env=FREE_ENVIRONMENT | (settings or {}),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == status, f"verifyctl {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def lines(text):
    return text.strip().splitlines()


def until(condition, what):
    end = time.monotonic() + WAIT_S
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {WAIT_S} s for {what}"
        time.sleep(0.02)
    return value


def stop(child):
    child.terminate()
    try:
        assert child.wait(WAIT_S) == 0
    finally:
        child.kill()
        child.wait()


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory):
    port = free_port()
    child = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                              tmp_path_factory.mktemp("redis")], stdout=subprocess.DEVNULL)

    def answers():
        assert child.poll() is None, "redis-server ended"
        try:
            return redis.Redis(port=port).ping()
        except redis.RedisError:
            return False

    try:
        until(answers, "redis-server")
        yield port
    finally:
        stop(child)


class Kafka:
    def __init__(self, servers):
        self.servers = servers
        self.producer = Producer({"bootstrap.servers": servers, "linger.ms": 0, "partitioner": "murmur2_random"})

    def produce(self, topic, key, value, headers=None, partition=-1):
        """Returns the record's partition and offset."""
        placed = []
        self.producer.produce(PREFIX + topic, value, key, partition, headers=list((headers or {}).items()),
                              on_delivery=lambda error, message: placed.append((error, message)))
        assert self.producer.flush(WAIT_S) == 0 and placed[0][0] is None, placed
        return placed[0][1].partition(), placed[0][1].offset()

    def read(self, topic):
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "none", "enable.auto.commit": False})
        found = []
        try:
            name = PREFIX + topic
            for partition in consumer.list_topics(name, timeout=WAIT_S).topics[name].partitions:
                low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=WAIT_S)
                if high == low:
                    continue
                consumer.assign([TopicPartition(name, partition, low)])
                messages = []
                while len(messages) < high - low:
                    messages += consumer.consume(high - low - len(messages), WAIT_S)
                found += messages
        finally:
            consumer.close()
        return found


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kafka")
    ready = folder / "ready"
    with open(folder / "log", "wb") as log:
        child = subprocess.Popen([BIN_DIR / "verifyd-devbroker", "--ready-file", ready], env=FREE_ENVIRONMENT, stdout=log,
                                 stderr=log)
    try:
        def look():
            assert child.poll() is None, (folder / "log").read_text()
            return ready.exists() and ready.read_text().strip()

        yield Kafka(until(look, "verifyd-devbroker"))
    finally:
        stop(child)


@pytest.fixture
def settings(kafka, redis_port):
    return {"VERIFYD_KAFKA_BROKERS": kafka.servers, "VERIFYD_REDIS_URL": f"redis://127.0.0.1:{redis_port}"}


@pytest.fixture
def without_redis(settings):
    return settings | {"VERIFYD_REDIS_URL": f"redis://127.0.0.1:{free_port()}"}


@pytest.fixture
def cache(redis_port):
    return redis.Redis(port=redis_port, decode_responses=True)


def new_id():
    return "v" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")


def state(identity, name, rev=1, **more):
    known = {"id": identity, "kind": "biocatch.score", "state": name, "rev": rev, "caller": "b2c", "attempts": 0,
             "replays": 0, "created_ms": CREATED_MS, "updated_ms": CREATED_MS + 5}
    return json.dumps(known | more)


def scored(identity, score, **more):
    times = {"taken_ms": CREATED_MS + 2, "asked_ms": CREATED_MS + 3, "answered_ms": CREATED_MS + 104,
             "updated_ms": CREATED_MS + 105}
    return state(identity, "completed", 2, risk="LOW", score=score, **(times | more))


def remember(cache, identity, text):
    cache.set(f"verifyd:v:{{{identity}}}", text)


def request(identity):
    return json.dumps({"id": identity, "kind": "biocatch.score", "caller": "b2c", "question": "A" * 43,
                       "created_ms": CREATED_MS, "sealed": "k1." + "A" * 60})


def dead_headers(**more):
    known = {"verifyd-schema": "1", "verifyd-op": "score", "verifyd-class": "biocatch.score", "verifyd-error": "server_error",
             "verifyd-message": "the vendor answered with a server error", "verifyd-attempts": "5",
             "verifyd-first-failure": str(CREATED_MS + 100), "verifyd-last-failure": str(CREATED_MS + 9100),
             "verifyd-replays": "0"}
    return known | {"verifyd-" + name.replace("_", "-"): str(value) for name, value in more.items()}


def die(kafka, cache, identity, **headers):
    """A dead letter, and the state that goes with it."""
    kafka.produce("dead", identity, request(identity), dead_headers(**headers))
    remember(cache, identity, state(identity, "dead", 2, reason="server_error", attempts=5))


# The command line


def test_help_names_every_command_and_each_command_has_its_own():
    told = ctl("--help").stdout
    for command in COMMANDS:
        assert command in told
        own = ctl(*command.split(), "--help").stdout
        assert own.startswith(f"Usage: verifyctl {command}")
    assert "VERIFYD_KAFKA_BROKERS" in told
    assert re.fullmatch(r"verifyctl \d+\.\d+\.\d+\n", ctl("--version").stdout)


@pytest.mark.parametrize("arguments", [
    [], ["nonsense"], ["--nonsense"], ["topics"], ["topics", "drop"], ["dead"], ["get"], ["get", "x"], ["get", "v" + "A" * 21],
    ["get", "v" + "A" * 22, "v" + "A" * 22], ["get", "v" + "A" * 22, "--all"], ["get", "v" + "A" * 22, "--json=yes"],
    ["get", "v" + "A" * 22, "--json", "--json"], ["topics", "create", "--partitions"], ["topics", "create", "--partitions", "0"],
    ["topics", "create", "--partitions", "4x"], ["topics", "create", "--partitions=99999999999"], ["topics", "check", "extra"],
    ["topics", "check", "--timeout", "0"], ["topics", "check", "--timeout=601"], ["dead", "list", "--jsn"], ["dead", "replay"],
    ["dead", "replay", "v" + "A" * 22, "nonsense"], ["dead", "replay", *["v" + "A" * 22] * 1001], ["keys", "new"],
    ["keys", "new", "--out="], ["config", "check", "--json"], ["dead", "replay", "--dry-run"], ["dead", "replay", "--limit", "5"],
    ["dead", "replay", "--vendor", "nobody"], ["dead", "replay", "--since", "yesterday"], ["dead", "replay", "--since", "2h", "--rate", "0"],
    ["dead", "replay", "--since", "2h", "--max-replays", "0"], ["dead", "replay", "--id", "nonsense"], ["dead", "list", "--rate", "5"],
    ["dead", "list", "--until", "2026-02-30"], ["dead", "show"], ["dead", "show", "x"], ["decide", "v" + "A" * 22],
    ["decide", "v" + "A" * 22, "--verdict", "verified"], ["decide", "v" + "A" * 22, "--verdict", "sold", "--reason", "x"],
    ["decide", "v" + "A" * 22, "--verdict", "denied", "--reason", "x" * 201], ["decide", "v" + "A" * 22, "--verdict", "denied", "--reason", "a\nb"],
    ["cache"], ["cache", "rebuild", "x"], ["cache", "rebuild", "--all"],
], ids=lambda arguments: " ".join(arguments)[:60] or "none")
def test_bad_usage_is_one_line_and_status_2(settings, arguments):
    done = ctl(*arguments, status=2, settings=settings)
    assert len(lines(done.stderr)) == 1 and done.stderr.startswith("verifyctl: ") and not done.stdout


@pytest.mark.parametrize("word,choices", [("dead", "list, show, replay"), ("topics", "create, check"), ("keys", "new")])
def test_half_a_command_is_told_its_other_half(word, choices):
    assert f"{word}: needs one of: {choices} " in ctl(word, status=2).stderr


@pytest.mark.parametrize("arguments", [["topics", "create"], ["topics", "check"], ["get", "v" + "A" * 22], ["dead", "list"],
                                       ["dead", "replay", "v" + "A" * 22]], ids=" ".join)
def test_without_brokers_it_says_which_setting_is_missing(arguments):
    done = ctl(*arguments, status=2, settings={"VERIFYD_REDIS_URL": "redis://127.0.0.1:1"})
    assert len(lines(done.stderr)) == 1 and "VERIFYD_KAFKA_BROKERS" in done.stderr


@pytest.mark.parametrize("arguments", [["topics", "create"], ["topics", "check"], ["get", "v" + "A" * 22], ["dead", "list"],
                                       ["dead", "replay", "v" + "A" * 22]], ids=" ".join)
def test_brokers_that_are_away_are_named_within_the_time_limit(settings, arguments):
    brokers = f"127.0.0.1:{free_port()}"
    began = time.monotonic()
    done = ctl(*arguments, "--timeout", 2, status=1, settings=settings | {"VERIFYD_KAFKA_BROKERS": brokers})
    assert brokers in done.stderr and len(lines(done.stderr)) == 1
    assert time.monotonic() - began < 12


def test_its_own_settings_are_shown_without_secrets(settings):
    secret = secrets.token_hex(8)
    shown = ctl("--print-config", settings=settings | {"VERIFYD_REDIS_URL": f"redis://u:{secret}@127.0.0.1:1"}).stdout
    assert settings["VERIFYD_KAFKA_BROKERS"] in shown and secret not in shown
    ctl("--check-config", settings=settings)
    ctl("--check-config", status=2)


# topics


def test_topics_that_are_there_are_accepted_and_no_redis_is_needed(kafka):
    for arguments in ([], ["--partitions", 4]):
        told = ctl("topics", "create", *arguments, settings={"VERIFYD_KAFKA_BROKERS": kafka.servers}).stdout
        assert all(PREFIX + topic in told for topic in TOPICS), told


def test_topics_check_names_every_topic_that_is_missing(settings):
    done = ctl("topics", "check", status=1, settings=settings | {"VERIFYD_TOPIC_PREFIX": "nobody."})
    assert all("nobody." + topic in done.stdout for topic in TOPICS), done.stdout


# get


def test_a_state_in_redis_is_shown_with_its_timeline(settings, cache):
    identity = new_id()
    remember(cache, identity, scored(identity, 87))
    told = ctl("get", identity, settings=settings).stdout
    assert lines(told)[0] == f"{identity} (from Redis)"
    assert re.search(r"^state +completed \(rev 2\)$", told, re.M) and re.search(r"^risk +LOW$", told, re.M)
    assert re.search(r"^score +87$", told, re.M)
    gaps = re.findall(r"^  (\w+) +2026-\d\d-\d\dT[\d:.]+Z +(\+\d+ ms)?", told, re.M)
    assert gaps == [("created", ""), ("taken", "+2 ms"), ("asked", "+1 ms"), ("answered", "+101 ms"), ("updated", "+1 ms")]


def test_a_reason_is_shown_with_its_sentence(settings, cache):
    identity = new_id()
    remember(cache, identity, state(identity, "dead", 2, reason="server_error", attempts=5, replays=1))
    told = ctl("get", identity, settings=settings).stdout
    assert re.search(r"^reason +server_error: the vendor answered with a server error$", told, re.M)
    assert re.search(r"^attempts +5 failed$", told, re.M) and re.search(r"^replays +1$", told, re.M)


def test_json_is_one_document_with_its_source(settings, cache):
    identity = new_id()
    remember(cache, identity, scored(identity, 87))
    (line,) = lines(ctl("get", identity, "--json", settings=settings).stdout)
    assert json.loads(line) == json.loads(scored(identity, 87)) | {"source": "redis"}


@pytest.mark.parametrize("away", [False, True], ids=["redis has none", "redis away"])
def test_what_redis_does_not_have_comes_from_kafka_and_the_first_completion_stands(settings, without_redis, kafka, away):
    identity = new_id()
    partition, _ = kafka.produce("results", identity, state(identity, "dead", 7, reason="timeout"))
    kafka.produce("results", f"{identity}!{'0' * 16}", scored(identity, 111), partition=partition)
    kafka.produce("results", f"{identity}!{'1' * 16}", scored(identity, 999), partition=partition)
    kafka.produce("results", identity, state(identity, "dead", 8, reason="timeout"))
    used = without_redis if away else settings
    seen = json.loads(ctl("get", identity, "--json", settings=used).stdout)
    assert (seen["state"], seen["score"], seen["source"]) == ("completed", 111, "kafka")
    told = lines(ctl("get", identity, settings=used).stdout)[0]
    assert told == f"{identity} (from Kafka's results; {'Redis is away' if away else 'Redis has none'})"


def test_among_unfinished_states_the_higher_rev_stands(settings, kafka):
    identity = new_id()
    for rev in (1, 3, 2):
        kafka.produce("results", identity, state(identity, "dead", rev, reason="timeout"))
    kafka.produce("results", identity, b"not a state")
    assert json.loads(ctl("get", identity, "--json", settings=settings).stdout)["rev"] == 3


def test_an_unknown_id_is_one_line_and_status_1(settings, without_redis):
    identity = new_id()
    for used, word in ((settings, "unknown"), (without_redis, "may still be queued")):
        done = ctl("get", identity, status=1, settings=used)
        assert len(lines(done.stderr)) == 1 and identity in done.stderr and word in done.stderr and not done.stdout


def test_logs_are_off_unless_asked_for(without_redis):
    done = ctl("get", new_id(), status=1, settings=without_redis | {"VERIFYD_LOG_LEVEL": "warn"})
    assert any(line.startswith("{") for line in lines(done.stderr))


# dead


def listed(settings, *flags):
    return [json.loads(line) for line in lines(ctl("dead", "list", "--json", *flags, settings=settings).stdout)]


def test_dead_list_shows_the_newest_letter_of_an_id(settings, kafka, cache):
    identity = new_id()
    die(kafka, cache, identity)
    die(kafka, cache, identity, replays=1, last_failure=CREATED_MS + 20_000)
    (entry,) = [entry for entry in listed(settings) if entry.get("id") == identity]
    assert entry | {"partition": 0, "offset": 0} == {
        "id": identity, "kind": "biocatch.score", "class": "biocatch.score", "error": "server_error", "attempts": 5,
        "replays": 1, "first_failure_ms": CREATED_MS + 100, "last_failure_ms": CREATED_MS + 20_000,
        "message": "the vendor answered with a server error", "state": "dead", "partition": 0, "offset": 0}
    (row,) = [line for line in lines(ctl("dead", "list", settings=settings).stdout) if identity in line]
    assert row.split()[:6] == [identity, "biocatch.score", "biocatch.score", "server_error", "5", "1"]


def test_dead_list_hides_what_lives_again_unless_all(settings, kafka, cache):
    identity = new_id()
    die(kafka, cache, identity)
    before = lines(ctl("dead", "list", settings=settings).stdout)[-1]
    remember(cache, identity, scored(identity, 87))
    assert identity not in {entry.get("id") for entry in listed(settings)}
    (entry,) = [entry for entry in listed(settings, "--all") if entry.get("id") == identity]
    assert entry["state"] == "completed"
    after = lines(ctl("dead", "list", settings=settings).stdout)[-1]
    count = [int(re.match(r"(\d+) shown; \d+ not dead any more", line)[1]) for line in (before, after)]
    assert count[0] - count[1] == 1


def test_dead_list_without_redis_shows_all_and_says_so(without_redis, kafka, cache):
    identity = new_id()
    die(kafka, cache, identity)
    remember(cache, identity, scored(identity, 87))
    done = ctl("dead", "list", settings=without_redis)
    assert identity in done.stdout and "away" in done.stderr and len(lines(done.stderr)) == 1


def test_poison_is_listed_without_a_byte_of_it(settings, kafka):
    _, offset = kafka.produce("dead", f"key-{CANARY}", f"value-{CANARY}", dead_headers(error="poison", message="not\x1b[2J JSON"))
    done = ctl("dead", "list", settings=settings)
    json_done = ctl("dead", "list", "--json", settings=settings)
    assert CANARY not in done.stdout + json_done.stdout
    assert "\x1b" not in done.stdout and "not?[2J JSON" in done.stdout
    assert any(e["error"] == "poison" and "id" not in e and e["offset"] == offset for e in map(json.loads, lines(json_done.stdout)))


def test_two_poison_records_with_one_key_are_two_rows(settings, kafka):
    for _ in range(2):
        kafka.produce("dead", "same", b"\x00", dead_headers(error="poison", message="the same key"))
    assert len([e for e in listed(settings) if e["message"] == "the same key"]) == 2


def test_more_dead_letters_than_one_question_to_redis_holds(settings, kafka, cache):
    ids = [new_id() for _ in range(700)]
    for identity in ids:
        kafka.producer.produce(PREFIX + "dead", request(identity), identity, headers=list(dead_headers().items()))
        remember(cache, identity, state(identity, "dead", 2, reason="server_error"))
    assert kafka.producer.flush(WAIT_S) == 0
    for identity in ids[::2]:
        remember(cache, identity, scored(identity, 87))
    shown = {entry.get("id") for entry in listed(settings)}
    assert {identity for identity in ids if identity in shown} == set(ids[1::2])


def replayed(kafka, *ids):
    return [m for m in kafka.read(REQUESTS) if m.key().decode() in ids]


def test_a_replay_is_the_same_value_one_replay_on_with_no_attempts(settings, kafka, cache):
    identity, trace = new_id(), f"00-{'a' * 32}-{'b' * 16}-01"
    deadline = str(int(time.time() * 1000) + 3_600_000)
    kafka.produce("dead", identity, request(identity), dead_headers(replays=2, deadline=deadline) | {"traceparent": trace})
    remember(cache, identity, state(identity, "dead", 4, reason="server_error", replays=2))
    done = ctl("dead", "replay", identity, settings=settings)
    assert lines(done.stdout) == [f"{identity}  replayed", "1 replayed, 0 skipped, 0 failed"] and not done.stderr
    (message,) = replayed(kafka, identity)
    assert message.value() == request(identity).encode()
    assert dict(message.headers()) == {"verifyd-schema": b"1", "verifyd-op": b"score", "verifyd-attempt": b"0",
                                       "verifyd-replays": b"3", "traceparent": trace.encode(),
                                       "verifyd-deadline": deadline.encode()}


def test_what_is_not_to_be_replayed_is_skipped_with_a_line_each(settings, kafka, cache):
    good, alive, done_before, poison, stale, nowhere = (new_id() for _ in range(6))
    die(kafka, cache, good)
    die(kafka, cache, alive)
    remember(cache, alive, state(alive, "queued", 3))
    die(kafka, cache, done_before)
    remember(cache, done_before, scored(done_before, 87))
    kafka.produce("dead", poison, b"{", dead_headers(error="poison"))
    die(kafka, cache, stale, deadline=CREATED_MS)
    done = ctl("dead", "replay", good, alive, done_before, poison, stale, nowhere, good, status=1, settings=settings)
    assert lines(done.stdout) == [f"{good}  replayed", "1 replayed, 5 skipped, 0 failed"]
    told = dict(re.findall(r"^verifyctl: (v\S+)  skipped: (.+)$", done.stderr, re.M))
    assert set(told) == {alive, done_before, poison, stale, nowhere}
    assert "queued" in told[alive] and "completed" in told[done_before] and "poison" in told[poison]
    assert "deadline" in told[stale] and "no dead letter" in told[nowhere]
    assert [m.key().decode() for m in replayed(kafka, good, *told)] == [good]


def test_a_stale_one_is_replayed_without_a_deadline_when_asked_for(settings, kafka, cache):
    identity = new_id()
    die(kafka, cache, identity, deadline=CREATED_MS)
    (line,) = lines(ctl("dead", "replay", "--include-stale", "--json", identity, settings=settings).stdout)
    assert json.loads(line) == {"id": identity, "result": "replayed", "replays": 1}
    (message,) = replayed(kafka, identity)
    assert "verifyd-deadline" not in dict(message.headers())


def test_without_redis_a_replay_goes_by_kafkas_results(without_redis, kafka, cache):
    dead, completed = new_id(), new_id()
    for identity in (dead, completed):
        die(kafka, cache, identity)
        kafka.produce("results", identity, state(identity, "dead", 2, reason="server_error", replays=4))
    partition, _ = kafka.produce("results", completed, state(completed, "dead", 3, reason="server_error"))
    kafka.produce("results", f"{completed}!{'0' * 16}", scored(completed, 87), partition=partition)
    done = ctl("dead", "replay", dead, completed, "--max-replays", 5, status=1, settings=without_redis)
    assert f"{dead}  replayed" in done.stdout and f"{completed}  skipped: it is completed" in done.stderr
    (message,) = replayed(kafka, dead)
    assert dict(message.headers())["verifyd-replays"] == b"5", "one on from the highest that is known"


# keys


KEY_FILES = {"id-key": "ID_KEY_FILE", "seal-keys": "SEAL_KEYS_FILE", "api-keys": "AUTH_API_KEYS_FILE", "signing-cert.pem": "SIGNING_CERT_FILE",
             "token-signing-key": "TOKEN_SIGNING_KEY_FILE", "token-encryption-key": "TOKEN_ENCRYPTION_KEY_FILE",
             "callback-secret": "CALLBACK_SECRET_FILE"}


def sourced(folder):
    script = 'set -a; . "$1/env"; env -0'
    text = subprocess.run(["sh", "-c", script, "sh", folder], env=FREE_ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    return {k: v for k, v in (entry.split("=", 1) for entry in text.split("\0") if entry) if k.startswith("VERIFYD_")}


@pytest.mark.parametrize("name", ["keys", "it's a \"folder\" $HOME"])
def test_keys_are_good_private_and_named_for_a_shell(tmp_path, name):
    folder = tmp_path / name
    told = ctl("keys", "new", "--out", folder).stdout
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} == {*KEY_FILES, "env"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    text = {file: (folder / file).read_text().removesuffix("\n") for file in KEY_FILES}
    assert len(base64.b64decode(text["id-key"], validate=True)) == 48
    assert text["seal-keys"].startswith("k1:") and len(base64.b64decode(text["seal-keys"][3:], validate=True)) == 32
    assert re.fullmatch(r"demo=[A-Za-z0-9_-]{43}", text["api-keys"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{86}", text["token-signing-key"]) and re.fullmatch(r"[A-Za-z0-9_-]{86}", text["token-encryption-key"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", text["callback-secret"])
    assert len(set(text.values())) == len(KEY_FILES)
    assert sourced(folder) == {f"VERIFYD_{variable}": str(folder / file) for file, variable in KEY_FILES.items()}
    assert all(file in told for file in KEY_FILES) and not any(secret[5:] in told for secret in text.values())
    other = tmp_path / "other"
    ctl("keys", "new", "--out", other)
    assert all((other / file).read_text() != (folder / file).read_text() for file in KEY_FILES)


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_the_certificate_signs_for_two_years_and_fits_its_key(tmp_path):
    ctl("keys", "new", "--out", tmp_path)
    pem = tmp_path / "signing-cert.pem"
    assert openssl("x509", "-in", pem, "-noout", "-pubkey") == openssl("pkey", "-in", pem, "-pubout")
    shown = openssl("x509", "-in", pem, "-noout", "-text", "-nameopt", "RFC2253")
    assert "CN=verifyd id_token_hint" in shown and "Public-Key: (2048 bit)" in shown and "sha256WithRSAEncryption" in shown
    openssl("verify", "-CAfile", pem, pem)
    openssl("x509", "-in", pem, "-noout", "-checkend", 729 * 24 * 3600)
    with pytest.raises(subprocess.CalledProcessError):
        openssl("x509", "-in", pem, "-noout", "-checkend", 731 * 24 * 3600)
    ctl("keys", "new", "--out", tmp_path / "other")
    serials = {openssl("x509", "-in", folder / "signing-cert.pem", "-noout", "-serial") for folder in (tmp_path, tmp_path / "other")}
    assert len(serials) == 2


def test_key_files_are_never_overwritten_and_those_in_the_way_are_named(tmp_path):
    (tmp_path / "seal-keys").write_text("precious")
    (tmp_path / "env").symlink_to("/nowhere")
    done = ctl("keys", "new", "--out", tmp_path, status=1)
    assert "seal-keys" in done.stderr and "env" in done.stderr and "id-key" not in done.stderr
    assert (tmp_path / "seal-keys").read_text() == "precious" and not (tmp_path / "id-key").exists()


@pytest.mark.parametrize("place", ["missing/folder", "file"])
def test_a_folder_that_cannot_be_made_is_said(tmp_path, place):
    (tmp_path / "file").write_text("")
    assert len(lines(ctl("keys", "new", "--out", tmp_path / place, status=1).stderr)) == 1


# config


def test_config_check_takes_the_keys_that_were_made(tmp_path, settings):
    ctl("keys", "new", "--out", tmp_path / "keys")
    done = ctl("config", "check", settings=settings | sourced(tmp_path / "keys"))
    assert lines(done.stdout) == ["ingress: ok", "worker: ok", "ctl: ok"] and not done.stderr


def test_config_check_tells_every_mistake_of_every_program(settings):
    wrong = {"VERIFYD_HTTP_LISTEN": "nowhere", "VERIFYD_MAX_IN_FLIGHT": "many", "VERIFYD_LOG_LEVEL": "loud"}
    told = lines(ctl("config", "check", status=2, settings=settings | wrong).stdout)
    for program, names in {"ingress": ("HTTP_LISTEN", "LOG_LEVEL", "ID_KEY", "SEAL_KEYS"), "ctl": ("LOG_LEVEL",),
                           "worker": ("MAX_IN_FLIGHT", "LOG_LEVEL", "SEAL_KEYS")}.items():
        for name in names:
            assert len([line for line in told if line.startswith(f"{program}: VERIFYD_{name}: ")]) == 1, f"{program} {name}"


def test_config_check_reads_what_only_looks_like_text(settings, tmp_path):
    secret = secrets.token_hex(20)
    kafka_file = tmp_path / "kafka.properties"
    kafka_file.write_text(f"sasl.password={secret}\nacks=0\n")
    good = {"VERIFYD_ID_KEY": "k" * 40, "VERIFYD_SEAL_KEYS": "k1:" + base64.b64encode(bytes(32)).decode()}
    for name, value in (("REDIS_URL", f"ftp://u:{secret}@host"), ("SEAL_KEYS", f"k1:{secret}"), ("KAFKA_CONFIG_FILE", str(kafka_file))):
        done = ctl("config", "check", status=2, settings=settings | good | {f"VERIFYD_{name}": value})
        assert f"worker: VERIFYD_{name}: " in done.stdout and secret not in done.stdout + done.stderr


def test_config_check_names_a_setting_that_nobody_reads_once(settings):
    told = ctl("config", "check", status=2, settings=settings | {"VERIFYD_NONSENSE": "1"}).stdout
    assert told.count("VERIFYD_NONSENSE") == 1
