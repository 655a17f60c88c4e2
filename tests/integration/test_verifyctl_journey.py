"""verifyctl get of a journey: its story as a timeline, and nothing of what is sealed in its state."""

import json
import re

import pytest

from test_verifyctl import CREATED_MS, cache, ctl, kafka, lines, new_id, redis_port, remember, settings, state  # noqa: F401

REFERENCE = "8b7b3c2e-3f1a-4d36-9c0e-1f6a2f4b7c10"
SEALED = "U2VhbGVkLXBhcnRzLWFyZS1uZXZlci1zaG93bi1ieS12ZXJpZnljdGw"


def journey(identity, name, rev, **more):
    known = {"kind": "jumio.identity", "question": "A" * 43, "sends": 1, "taken_ms": CREATED_MS + 3, "asked_ms": CREATED_MS + 10,
             "answered_ms": CREATED_MS + 400, "initiated_ms": CREATED_MS + 401, "until_ms": CREATED_MS + 1_800_401,
             "reference": REFERENCE, "sealed": f"k1.{SEALED}", "link": f"k1.{SEALED}", "updated_ms": CREATED_MS + 401}
    members = {member: value for member, value in (known | more).items() if value is not None}
    return state(identity, name, rev, **members)


def timeline(told):
    return re.findall(r"^  (\w+(?: \w+)?) +2026-\d\d-\d\dT[\d:.]+Z +(?:(\+[\d.]+ \w+) )? +(\S.*)$", told, re.M)


def test_a_finished_journey_is_told_from_its_beginning_to_its_verdict(settings, cache):
    identity, returned = new_id(), CREATED_MS + 240_000
    remember(cache, identity, journey(
        identity, "completed", 9, verdict="denied", reason="fraud", poll=3, polls=2, resumed_ms=CREATED_MS + 90_000,
        returned_ms=returned, checking_ms=returned, called_back_ms=returned + 20_000, taken_ms=returned + 30_000,
        asked_ms=returned + 30_005, answered_ms=returned + 30_205, updated_ms=returned + 30_206))
    told = ctl("get", identity, settings=settings).stdout
    assert lines(told)[:8] == [
        f"{identity} (from Redis)", "kind      jumio.identity, asked by b2c", "state     completed (rev 9): decided",
        "verdict   denied", "reason    fraud: the vendor took the document for a fake or for somebody else's",
        f"reference {REFERENCE}", "sends     1 initiate sent to the vendor", "looks     2 without a verdict"]
    told_of = timeline(told)
    assert [(name, gap) for name, gap, _ in told_of] == [
        ("created", ""), ("page ready", "+401 ms"), ("joined", "+89.6 s"), ("returned", "+150.0 s"), ("checking", "+0 ms"),
        ("called back", "+20.0 s"), ("taken", "+10.0 s"), ("looked", "+5 ms"), ("seen", "+200 ms"), ("decided", "+1 ms"),
        ("token ends", "+25.5 min")]
    assert all(meaning for _, _, meaning in told_of)


def test_a_journey_that_waits_for_its_person_tells_how_it_was_initiated(settings, cache):
    identity = new_id()
    remember(cache, identity, journey(identity, "awaiting_user", 3))
    told = ctl("get", identity, settings=settings).stdout
    assert "state     awaiting_user (rev 3): the person is at the vendor's page, or has not gone there" in told
    assert [name for name, _, _ in timeline(told)] == ["created", "taken", "sent", "answered", "page ready", "updated", "token ends"]
    assert "looks" not in told and "next" not in told and "verdict" not in told


def test_a_checked_journey_tells_the_ladders_next_rung(settings, cache):
    identity = new_id()
    remember(cache, identity, journey(identity, "checking", 6, poll=4, polls=3, checking_ms=CREATED_MS + 9000))
    told = ctl("get", identity, settings=settings).stdout
    assert "looks     3 without a verdict" in told and "next      rung 4 of the poll ladder" in told


@pytest.mark.parametrize("more,meaning", [
    ({"reason": "sent_outcome_unknown", "sends": 2, "reference": None, "initiated_ms": None, "until_ms": None, "link": None},
     "given up before the person came to the vendor"),
    ({"reason": "still_pending", "checking_ms": CREATED_MS + 9000}, "given up while it was checked: a person has to decide, or replay it"),
], ids=["before", "while checked"])
def test_a_dead_journey_says_whether_the_person_had_been_there(settings, cache, more, meaning):
    identity = new_id()
    remember(cache, identity, journey(identity, "dead", 6, **more))
    told = ctl("get", identity, settings=settings).stdout
    assert f"state     dead (rev 6): {meaning}" in told and "died" in [name for name, _, _ in timeline(told)]


def test_an_adopted_journey_says_that_it_was_not_begun_by_us(settings, cache):
    identity = new_id()
    remember(cache, identity, journey(identity, "checking", 1, adopted=True, checking_ms=CREATED_MS, poll=None, sends=None, link=None,
                                      initiated_ms=None, until_ms=None, taken_ms=None, asked_ms=None, answered_ms=None))
    told = ctl("get", identity, settings=settings).stdout
    assert f"reference {REFERENCE} (adopted: not begun by us)" in told and "sends" not in told
    assert [name for name, _, _ in timeline(told)] == ["created", "checking", "updated"]


@pytest.mark.parametrize("source", ["redis", "kafka"])
def test_nothing_that_is_sealed_is_shown_from_either_source(settings, cache, kafka, source):
    identity = new_id()
    written = journey(identity, "awaiting_user", 3)
    if source == "redis":
        remember(cache, identity, written)
    else:
        kafka.produce("results", identity, written)
    shown = json.loads(ctl("get", identity, "--json", settings=settings).stdout)
    left_out = json.loads(written)
    del left_out["sealed"], left_out["link"]
    assert shown == left_out | {"source": source}
    assert SEALED not in ctl("get", identity, settings=settings).stdout


def test_a_reference_cannot_steer_the_terminal(settings, cache):
    identity = new_id()
    remember(cache, identity, journey(identity, "awaiting_user", 3, reference="r\u202ex"))
    assert re.search(r"^reference r\?{3}x$", ctl("get", identity, settings=settings).stdout, re.M)
