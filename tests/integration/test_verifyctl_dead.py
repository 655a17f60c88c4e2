"""verifyctl dead list, show and replay with filters: which letters are meant, what becomes of each, and that a replay that is
cut off anywhere goes on where it ended."""

import json
import re
import signal
import subprocess
import time

import pytest

from test_verifyctl import (BIN_DIR, CREATED_MS, FREE_ENVIRONMENT, REQUESTS, WAIT_S, cache, ctl, dead_headers, die, kafka,  # noqa: F401
                            lines, new_id, redis_port, remember, replayed, request, scored, settings, state, without_redis)

HOUR_MS = 3_600_000
RETRIEVALS = "requests.jumio.retrieve"


@pytest.fixture
def since():
    """A moment of its own for each test, since the dev broker keeps what the others planted."""
    since.hours = getattr(since, "hours", 0) + 10
    return CREATED_MS + since.hours * HOUR_MS


def text(unix_ms):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_ms / 1000))


def window(begin_ms, hours=5):
    return ["--since", text(begin_ms), "--until", text(begin_ms + hours * HOUR_MS)]


def die_at(kafka, cache, at_ms, count=1, **headers):
    ids = [new_id() for _ in range(count)]
    for identity in ids:
        kafka.producer.produce("verifyd.dead", request(identity), identity, headers=list(dead_headers(last_failure=at_ms, **headers).items()))
        remember(cache, identity, state(identity, "dead", 2, reason="server_error", attempts=5))
    assert kafka.producer.flush(WAIT_S) == 0
    return ids


def die_checking(kafka, cache, at_ms):
    """A journey whose retrieval died."""
    identity = new_id()
    content = json.loads(request(identity)) | {"kind": "jumio.identity"}
    kafka.produce("dead", identity, json.dumps(content),
                  dead_headers(**{"class": RETRIEVALS}, error="still_pending", op="retrieve", cause="poll", poll=4, last_failure=at_ms))
    remember(cache, identity, state(identity, "dead", 9, kind="jumio.identity", question="A" * 43, reference="ref-1", sealed="k1.AAAA",
                                    reason="still_pending", checking_ms=CREATED_MS))
    return identity


def listed(settings, *flags):
    return [entry["id"] for entry in map(json.loads, lines(ctl("dead", "list", "--json", *flags, settings=settings).stdout)) if "id" in entry]


def test_filters_choose_by_vendor_class_and_time(settings, kafka, cache, since):
    (early,), (late,) = die_at(kafka, cache, since), die_at(kafka, cache, since + HOUR_MS, error="timeout")
    journey = die_checking(kafka, cache, since + 2 * HOUR_MS)
    everything = window(since)
    assert listed(settings, *everything) == [early, late, journey], "newest last"
    assert listed(settings, *everything, "--vendor", "jumio") == [journey]
    assert listed(settings, *everything, "--vendor", "biocatch") == [early, late]
    assert listed(settings, *everything, "--class", "timeout") == [late]
    for name in (RETRIEVALS, "retrieve", "jumio/retrieve", "still_pending"):
        assert listed(settings, *everything, "--class", name) == [journey]
    assert listed(settings, "--since", text(since + HOUR_MS), "--until", text(since + 2 * HOUR_MS)) == [late], "until is not in it"
    assert listed(settings, *everything, "--limit", 2) == [late, journey], "the newest"
    assert listed(settings, "--id", late, f"--id={early}", late) == [early, late] == listed(settings, late, early)
    assert not listed(settings, *everything, "--class", "nothing")


def test_an_id_that_died_again_of_something_else_is_not_found_by_what_it_died_of_before(settings, kafka, cache, since):
    (identity,) = die_at(kafka, cache, since, error="timeout")
    die(kafka, cache, identity, error="refused", last_failure=since + 1000, replays=1)
    assert not listed(settings, *window(since), "--class", "timeout")
    assert listed(settings, *window(since), "--class", "refused") == [identity]


def test_a_filter_replays_each_once_and_a_second_replay_does_nothing(settings, kafka, cache, since):
    """Nobody works on them here: what was sent waits in Kafka, and is known from there."""
    ids = die_at(kafka, cache, since, 20)
    remember(cache, ids[0], scored(ids[0], 87))
    done = ctl("dead", "replay", *window(since), settings=settings)
    told = lines(done.stdout)
    assert sorted(told[:-2]) == sorted(f"{identity}  replayed" for identity in ids[1:]) and not done.stderr
    assert told[-2] == "19 replayed, 1 skipped, 0 failed" and told[-1].split()[:2] == ["1", "alive:"]
    again = lines(ctl("dead", "replay", *window(since), settings=settings).stdout)
    assert again[0] == "0 replayed, 20 skipped, 0 failed"
    assert {line.split(":")[0].strip() for line in again[1:]} == {"1 alive", "19 waiting"}
    named = ctl("dead", "replay", ids[1], status=1, settings=settings)
    assert f"{ids[1]}  skipped: replayed already" in named.stderr
    assert sorted(m.key().decode() for m in replayed(kafka, *ids)) == sorted(ids[1:])


def test_what_died_again_after_its_replay_may_be_replayed_again_up_to_the_limit(settings, kafka, cache, since):
    (identity,) = die_at(kafka, cache, since)
    for replay in (1, 2, 3):
        (line,) = lines(ctl("dead", "replay", "--json", *window(since), settings=settings).stdout)
        assert json.loads(line) == {"id": identity, "result": "replayed", "replays": replay}
        die(kafka, cache, identity, replays=replay, last_failure=since + replay)
        remember(cache, identity, state(identity, "dead", 2 + 2 * replay, reason="server_error", replays=replay))
    done = ctl("dead", "replay", *window(since), status=1, settings=settings)
    assert lines(done.stdout)[0] == "0 replayed, 1 skipped, 0 failed" and "looping: replayed as often as is allowed" in done.stdout
    ctl("dead", "replay", *window(since), "--max-replays", 4, settings=settings)
    assert [dict(m.headers())["verifyd-replays"] for m in replayed(kafka, identity)] == [b"1", b"2", b"3", b"4"]


def test_a_limit_takes_those_that_failed_first_and_leaves_the_rest_for_the_next_time(settings, kafka, cache, since):
    ids = [die_at(kafka, cache, since + n)[0] for n in range(5)]
    done = ctl("dead", "replay", *window(since), "--limit", 2, settings=settings)
    assert "2 replayed, 3 skipped, 0 failed" in done.stdout and "3 later: " in done.stdout
    assert sorted(m.key().decode() for m in replayed(kafka, *ids)) == sorted(ids[:2])
    assert "2 replayed, 3 skipped" in ctl("dead", "replay", *window(since), "--limit", 2, settings=settings).stdout
    assert sorted(m.key().decode() for m in replayed(kafka, *ids)) == sorted(ids[:4])


def test_a_dry_run_sends_nothing_and_counts_by_class_and_hour(settings, kafka, cache, since):
    ids = die_at(kafka, cache, since + 10, 3) + die_at(kafka, cache, since + HOUR_MS, 2) + die_at(kafka, cache, since + 20, deadline=CREATED_MS)
    journey = die_checking(kafka, cache, since + 30)
    remember(cache, ids[0], scored(ids[0], 87))
    rows = [json.loads(line) for line in lines(ctl("dead", "replay", *window(since), "--dry-run", "--json", settings=settings).stdout)]
    nothing = dict.fromkeys(("replay", "alive", "waiting", "stale", "looping", "poison", "unknown", "later"), 0)
    first, second = (text(ms)[:16] + "Z" for ms in (since, since + HOUR_MS))
    assert sorted(rows, key=lambda row: (row["hour"], row["class"])) == [
        {"hour": first[:14] + "00Z", "class": "biocatch.score"} | nothing | {"replay": 2, "alive": 1, "stale": 1},
        {"hour": first[:14] + "00Z", "class": RETRIEVALS} | nothing | {"replay": 1},
        {"hour": second[:14] + "00Z", "class": "biocatch.score"} | nothing | {"replay": 2}]
    table = lines(ctl("dead", "replay", *window(since), "--dry-run", settings=settings).stdout)
    assert table[0].split()[:3] == ["hour", "class", "replay"] and table[-1].split() == ["all", "5", "1", "0", "1", "0", "0", "0", "0"]
    assert not replayed(kafka, *ids) and not [m for m in kafka.read(RETRIEVALS) if m.key().decode() == journey]


def test_stale_and_unreadable_ones_are_left_and_said_with_status_1(settings, kafka, cache, since):
    die_at(kafka, cache, since, 2, deadline=CREATED_MS)
    kafka.produce("dead", new_id(), b"{", dead_headers(error="poison", last_failure=since))
    done = ctl("dead", "replay", *window(since), status=1, settings=settings)
    assert lines(done.stdout)[0] == "0 replayed, 3 skipped, 0 failed"
    assert re.search(r"^ +2 stale: .*--include-stale", done.stdout, re.M) and re.search(r"^ +1 poison: ", done.stdout, re.M)
    done = ctl("dead", "replay", *window(since), "--vendor", "biocatch", "--include-stale", settings=settings)
    assert "2 replayed, 0 skipped, 0 failed" in done.stdout, "poison has no vendor"


def test_a_replayed_retrieval_keeps_its_cause(settings, kafka, cache, since):
    journey = die_checking(kafka, cache, since)
    ctl("dead", "replay", journey, settings=settings)
    (message,) = [m for m in kafka.read(RETRIEVALS) if m.key().decode() == journey]
    assert dict(message.headers()) == {"verifyd-schema": b"1", "verifyd-op": b"retrieve", "verifyd-attempt": b"0", "verifyd-replays": b"1",
                                       "verifyd-cause": b"poll", "verifyd-poll": b"4"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_replay_that_is_cut_off_goes_on_with_the_rest(settings, kafka, cache, since, number):
    ids = die_at(kafka, cache, since, 60)
    command = [BIN_DIR / "verifyctl", "dead", "replay", *window(since), "--rate", "10"]
    child = subprocess.Popen(command, env=FREE_ENVIRONMENT | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    begun = [child.stdout.readline() for _ in range(4)]
    child.send_signal(number)
    _, told = child.communicate(timeout=WAIT_S)
    assert child.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 1)
    before = len(replayed(kafka, *ids))
    assert 4 <= before < 60 and all(line.endswith("  replayed\n") for line in begun)
    if number != signal.SIGKILL:
        assert f"interrupted: {60 - before} were not sent" in told
    rest = lines(ctl("dead", "replay", *window(since), settings=settings).stdout)
    assert f"{60 - before} replayed, {before} skipped, 0 failed" in rest
    assert sorted(m.key().decode() for m in replayed(kafka, *ids)) == sorted(ids), "each once"


def test_the_rate_is_held(settings, kafka, cache, since):
    die_at(kafka, cache, since, 50)
    began = time.monotonic()
    ctl("dead", "replay", *window(since), "--rate", 25, settings=settings)
    assert time.monotonic() - began > 49 / 25 * 0.9


def test_without_redis_a_selection_goes_by_kafkas_results(without_redis, kafka, cache, since):
    ids = die_at(kafka, cache, since, 3)
    partition, _ = kafka.produce("results", ids[0], state(ids[0], "dead", 2, reason="timeout"))
    kafka.produce("results", f"{ids[0]}!{'0' * 16}", scored(ids[0], 87), partition=partition)
    done = ctl("dead", "replay", *window(since), settings=without_redis)
    assert "2 replayed, 1 skipped, 0 failed" in done.stdout and "asking Kafka's results instead" in done.stderr
    assert sorted(m.key().decode() for m in replayed(kafka, *ids)) == sorted(ids[1:])


# show


def test_one_letter_is_shown_with_all_but_the_person(settings, kafka, cache, since):
    journey = die_checking(kafka, cache, since)
    told = ctl("dead", "show", journey, settings=settings).stdout
    for pattern in (rf"^{journey} \(partition \d+, offset \d+; 1 dead letter of this id\)$", "^kind +jumio.identity$",
                    f"^class +{RETRIEVALS}$", "^error +still_pending: ", "^attempts +5 failed$", "^cause +poll$", "^poll +4$",
                    r"^state now +dead \(rev 9, 0 replays; from Redis\)$", f"^a replay +would send it to {RETRIEVALS} as replay 1$"):
        assert re.search(pattern, told, re.M), f"{pattern}\n{told}"
    assert "k1." not in told
    shown = json.loads(ctl("dead", "show", journey, "--json", settings=settings).stdout)
    assert (shown["id"], shown["fate"], shown["state"], shown["letters"], shown["poll"]) == (journey, "replay", "dead", 1, 4)


def test_it_says_what_a_replay_would_not_do(settings, kafka, cache, since):
    (identity,) = die_at(kafka, cache, since)
    ctl("dead", "replay", identity, settings=settings)
    assert "a replay       would skip it: replayed already" in ctl("dead", "show", identity, settings=settings).stdout
    remember(cache, identity, scored(identity, 87))
    shown = json.loads(ctl("dead", "show", identity, "--json", settings=settings).stdout)
    assert (shown["fate"], shown["reason"]) == ("alive", "it is completed, not dead")


def test_no_dead_letter_is_one_line_and_status_1(settings):
    done = ctl("dead", "show", new_id(), status=1, settings=settings)
    assert len(lines(done.stderr)) == 1 and "no dead letter" in done.stderr and not done.stdout
