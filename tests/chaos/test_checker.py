"""The checker is checked: a good history has no violation, and each rule is seen to fail on a history that breaks it."""
import copy
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import checker
import people
from checker import Facts, check

SCORE, JOURNEY, STUCK = "v" + "s" * 21 + "A", "v" + "j" * 21 + "A", "v" + "u" * 21 + "A"
SESSION, OBJECT, UNDECIDED = "session-1~score=321", "object-1~outcome=approved", "object-2~outcome=unknown_document"
QUESTION = f"{SESSION} uuid-1"


def score_state(**more):
    return {"id": SCORE, "kind": "biocatch.score", "state": "completed", "rev": 2, "risk": "LOW", "score": 321, "attempts": 0,
            "created_ms": 100_000} | more


def journey_state(**more):
    return {"id": JOURNEY, "kind": "jumio.identity", "state": "completed", "rev": 6, "verdict": "verified", "attempts": 0,
            "created_ms": 100_000, "reference": "ref-1", "sends": 1} | more


def record(state, offset, at=103.0):
    return {"id": state["id"], "key": state["id"], "partition": 0, "offset": offset, "at": at, "state": state}


def request(identity, at=100.0, **more):
    return {"topic": "requests", "id": identity, "kind": "biocatch.score", "question": "q-" + identity, "created": at, "at": at,
            "session": None, "subject": None, "attempt": 0, "cause": None} | more


def said(op, phase="ok", at=104.0, status=200, **what):
    return {"t": at, "call": 1, "client": "c", "op": op, "phase": phase, "status": status} | what


def send(what, person, at, identity=None):
    return {"what": what, "person": person, "id": identity, "at": at}


def transaction(reference="ref-1", identity=JOURNEY):
    return {"reference": reference, "customer_reference": identity, "user": OBJECT, "initiated_ms": 101_000}


def good():
    """A score, a sign-up, and one that only a person can decide; everything as it should be."""
    done, verified = score_state(), journey_state()
    stuck = {"id": STUCK, "kind": "jumio.identity", "state": "checking", "rev": 5, "attempts": 0, "created_ms": 100_000, "reference": "ref-2",
             "sends": 1, "reason": "unknown_status"}
    journey = {"person": OBJECT, "question": "corr-1", "id": JOURNEY}
    return Facts(
        history=[
            said("score", person=SESSION, question=QUESTION, answer={"riskLevel": "LOW", "score": 321, "verificationId": SCORE}),
            said("score", at=106.0, person=SESSION, question=QUESTION, answer={"riskLevel": "UNKNOWN", "reason": "cache_away"}),
            said("initialize", **journey, answer={"transactionReference": JOURNEY, "redirectUrl": "r"}),
            said("start", **journey, answer={"location": True}),
            said("landed", **journey, answer={"object_id": OBJECT}),
            said("status", **journey, answer={"status": "RETRY"}),
            said("status", **journey, answer={"status": "SUCCESS"}),
            said("validate", **journey, answer={"success": True}),
            said("create", status=201, person=SESSION, question=QUESTION, answer={"id": SCORE, "state": "completed", "risk": "LOW", "score": 321}),
            said("read", person=SESSION, question=QUESTION, id=SCORE, answer={"id": SCORE, "state": "completed", "risk": "LOW", "score": 321}),
        ],
        requests=[request(SCORE, session=SESSION, subject="uuid-1"), request(JOURNEY, kind="jumio.identity", subject=OBJECT),
                  request(STUCK, kind="jumio.identity", subject=UNDECIDED)],
        results=[record(done, 0), record(verified, 1), record(stuck, 2)],
        sends=[send("score", SESSION, 101.0), send("initiate", OBJECT, 101.0, JOURNEY), send("initiate", UNDECIDED, 101.0, STUCK)],
        transactions=[transaction(), transaction("ref-2", STUCK)],
        cache={SCORE: done, JOURNEY: verified, STUCK: stuck},
        views={SCORE: {"status": 200} | done, JOURNEY: {"status": 200} | verified})


def fault(track, kind, begin, end, argument=None):
    return {"track": track, "kind": kind, "argument": argument, "begin": begin, "end": end}


def broken(facts):
    return {rule for rule, _ in check(facts)}


def test_a_good_history_has_no_violation():
    facts = good()
    assert check(facts) == [] and not facts.extras


# One way at least to break each rule: (rule, what is done to the good facts)

def no_result(facts):
    facts.results = facts.results[1:]
    del facts.cache[SCORE], facts.views[SCORE]
    facts.history = [entry for entry in facts.history if entry["op"] not in ("score", "create", "read")]


def still_waiting(facts):
    facts.results[1]["state"] = facts.cache[JOURNEY] = facts.views[JOURNEY] = journey_state(state="checking", verdict=None)
    facts.views[JOURNEY] = {"status": 200} | facts.cache[JOURNEY]
    facts.history = [entry for entry in facts.history if entry["op"] not in ("status", "validate")]


def promised_only(facts):
    facts.history.append(said("create", status=202, person=SESSION, question="other", answer={"id": "v" + "x" * 22, "state": "queued"}))


def completed_twice(facts):
    facts.results.append(record(score_state(rev=3, score=322), 9))


def read_otherwise(facts):
    facts.history.append(said("read", person=SESSION, id=SCORE, question=QUESTION,
                              answer={"id": SCORE, "state": "completed", "risk": "UNKNOWN", "reason": "expired"}))


def answered_otherwise(facts):
    facts.history[0]["answer"]["verificationId"] = JOURNEY


def told_too_early(facts):
    facts.results[0]["at"] = 104.5


def verdict_told_too_early(facts):
    facts.results[1]["at"] = 104.5


def answer_of_another(facts):
    facts.history[0]["answer"]["score"] = 654
    facts.history[0]["answer"]["riskLevel"] = "MEDIUM"


def result_of_another(facts):
    for state in (facts.results[0]["state"], facts.cache[SCORE], facts.views[SCORE]):
        state["score"] = 654


def unknown_without_a_reason_to(facts):
    facts.history[0]["answer"] = {"riskLevel": "UNKNOWN", "reason": "not_collected", "verificationId": SCORE}


def undecided_is_verified(facts):
    facts.results[2]["state"] |= {"state": "completed", "verdict": "verified", "rev": 6}


def told_success(facts):
    facts.history.append(said("status", person=UNDECIDED, question="corr-2", id=STUCK, answer={"status": "SUCCESS"}))


def told_failed(facts):
    facts.history.append(said("status", person=OBJECT, question="corr-1", id=JOURNEY, answer={"status": "FAILED"}))


def told_failed_too_early(facts):
    facts.requests[1]["subject"] = OBJECT.replace("approved", "denied_fraud")
    state = journey_state(verdict="denied", reason="fraud")
    facts.results[1] = record(state, 1, at=105.0)
    facts.cache[JOURNEY], facts.views[JOURNEY] = state, {"status": 200} | state
    facts.history = [said("status", person=facts.requests[1]["subject"], question="corr-1", id=JOURNEY, answer={"status": "FAILED"})]


def landed_as_another(facts):
    facts.history.append(said("landed", person=OBJECT, question="corr-1", id=JOURNEY, answer={"object_id": UNDECIDED}))


def another_score_at_once(facts):
    facts.history.append(said("score", at=110.0, person=SESSION, question=QUESTION,
                              answer={"riskLevel": "LOW", "score": 322, "verificationId": SCORE}))


def another_reference(facts):
    facts.history.append(said("initialize", person=OBJECT, question="corr-1", id=None, answer={"transactionReference": STUCK}))


def asked_under_two_ids(facts):
    other = "v" + "t" * 21 + "A"
    facts.requests.append(request(other, at=105.0, session=SESSION, question="q-" + SCORE))
    facts.results.append(record(score_state(id=other), 3))
    facts.cache[other] = score_state(id=other)


def bought_twice(facts):
    facts.sends.append(send("score", SESSION, 102.0))


def bought_for_nobody(facts):
    facts.sends.append(send("score", "session-9~score=1", 102.0))


def initiated_three_times(facts):
    facts.sends += [send("initiate", OBJECT, at, JOURNEY) for at in (105.0, 110.0)]


def initiated_twice_uncounted(facts):
    facts.faults.append(fault("worker-0", "kill", 101.5, 102))
    facts.sends.append(send("initiate", OBJECT, 109.0, JOURNEY))


def initiated_twice_without_a_reason(facts):
    facts.results[1]["state"]["sends"] = 2
    facts.sends.append(send("initiate", OBJECT, 109.0, JOURNEY))


def initiated_for_nobody(facts):
    facts.sends.append(send("initiate", OBJECT, 109.0, "v" + "n" * 22))


def orphan_nobody_knows_of(facts):
    facts.transactions.append(transaction("ref-9"))


def reference_of_nobody(facts):
    facts.transactions[0]["reference"] = "ref-9"


def reference_of_two(facts):
    facts.results[2]["state"]["reference"] = "ref-1"
    facts.transactions[1] = transaction("ref-1", STUCK)


def dead_without_letter(facts):
    facts.results.insert(0, record(score_state(state="dead", rev=1, risk=None, score=None, reason="refused"), 7))
    facts.faults.append(fault("biocatch", "vendor", 90, 110, {"status": 503}))


def letter_without_death(facts):
    facts.dead.append(SCORE)


def dead_of_nothing(facts):
    facts.results.insert(0, record(score_state(state="dead", rev=1, risk=None, score=None, reason="timeout"), 7))
    facts.dead.append(SCORE)


def cache_forgot(facts):
    del facts.cache[SCORE]


def cache_says_otherwise(facts):
    facts.cache[SCORE] = score_state(score=322)


def cache_is_behind(facts):
    facts.cache[JOURNEY] = journey_state(rev=5, state="checking", verdict=None)


def api_forgot(facts):
    facts.views[SCORE] = {"status": 404}


def api_is_behind(facts):
    facts.views[JOURNEY] = {"status": 200} | journey_state(state="checking")


def accepted_and_gone(facts):
    facts.history.append(said("read", phase="fail", status=404, person=SESSION, id=SCORE, question=QUESTION, answer={}))


def sent_away(facts):
    facts.history.append(said("start", person=OBJECT, id=JOURNEY, question="corr-1", answer={"location": False, "page": "This link has expired. This"}))


def lag_left(facts):
    facts.lag.append({"group": "biocatch", "topic": "requests.biocatch.score", "partition": 1, "lag": 3, "due": 3})


def broken_answer(facts):
    facts.history.append({"t": 104.0, "call": 9, "phase": "broken", "op": "score", "client": "c", "why": "null"})


def fenced_for_nothing(facts):
    facts.faults.append(fault("worker-0", "fenced", 102, 102))


def program_ended(facts):
    facts.troubles.append("verifyd-worker-1 ended with 86")


BREAKS = [
    ("everything_ends", no_result), ("everything_ends", still_waiting), ("accepted_is_in_kafka", promised_only),
    ("completed_stands", completed_twice), ("completed_stands", read_otherwise), ("completed_stands", answered_otherwise),
    ("durable_before_told", told_too_early), ("durable_before_told", verdict_told_too_early), ("right_answers", answer_of_another), ("right_answers", result_of_another), ("right_answers", unknown_without_a_reason_to),
    ("right_answers", undecided_is_verified), ("sign_ups_are_told_the_truth", told_success), ("sign_ups_are_told_the_truth", told_failed),
    ("sign_ups_are_told_the_truth", told_failed_too_early), ("sign_ups_are_told_the_truth", landed_as_another), ("equal_questions_equal_answers", another_score_at_once),
    ("equal_questions_equal_answers", another_reference), ("equal_questions_join", asked_under_two_ids),
    ("scores_are_bought_once", bought_twice), ("scores_are_bought_once", bought_for_nobody),
    ("initiates_are_counted", initiated_three_times), ("initiates_are_counted", initiated_twice_uncounted),
    ("initiates_are_counted", initiated_twice_without_a_reason), ("initiates_are_counted", initiated_for_nobody),
    ("orphans_are_on_record", orphan_nobody_knows_of), ("orphans_are_on_record", reference_of_nobody), ("orphans_are_on_record", reference_of_two),
    ("dead_letters_match", dead_without_letter), ("dead_letters_match", letter_without_death), ("deaths_have_a_reason", dead_of_nothing),
    ("cache_is_what_kafka_says", cache_forgot), ("cache_is_what_kafka_says", cache_is_behind), ("cache_is_what_kafka_says", cache_says_otherwise), ("api_is_what_kafka_says", api_forgot),
    ("api_is_what_kafka_says", api_is_behind), ("accepted_is_never_unknown", accepted_and_gone), ("accepted_is_never_unknown", sent_away), ("offsets_are_at_the_end", lag_left),
    ("contract_holds", broken_answer), ("programs_behave", program_ended),
    ("programs_behave", fenced_for_nothing),
]


@pytest.mark.parametrize("rule,spoil", BREAKS, ids=[spoil.__name__ for _, spoil in BREAKS])
def test_what_breaks_a_rule_is_named_by_it(rule, spoil):
    facts = copy.deepcopy(good())
    spoil(facts)
    assert rule in broken(facts)


def test_every_rule_is_broken_once():
    assert {rule for rule, _ in BREAKS} == {rule.__name__ for rule in checker.RULES}


# What explains an extra call, and what does not

EXPLAINED = [
    ("a worker was killed in the call", fault("worker-1", "kill", 101.5, 103), True),
    ("a worker died at a crash point in the call", fault("worker-1", "crashed", 102.9, 102.9, "worker.answered"), True),
    ("a worker was killed long before", fault("worker-1", "kill", 90, 103), False),
    ("a worker was killed long after the answer", fault("worker-1", "kill", 106, 107), False),
    ("a worker stood still", fault("worker-0", "stop", 98, 108), True),
    ("Redis came back empty a moment ago", fault("redis", "kill", 97, 99), True),
    ("Redis was away long before", fault("redis", "kill", 50, 60), False),
    ("a worker was asked to end, which must not cut a call", fault("worker-0", "term", 101.5, 103), False),
    ("an ingress was killed", fault("ingress-0", "kill", 101.5, 103), False),
    ("Kafka was away", fault("broker", "kill", 101, 105), False),
    ("the vendor refused the other one's calls", fault("jumio", "vendor", 100, 105, {"status": 503}), False),
    ("the vendor failed this call", fault("biocatch", "vendor", 100.8, 101.5, {"status": 503}), True),
]


@pytest.mark.parametrize("cause,explained", [row[1:] for row in EXPLAINED], ids=[row[0] for row in EXPLAINED])
def test_a_second_call_is_a_violation_unless_its_reason_overlaps_the_first(cause, explained):
    facts = good()
    bought_twice(facts)
    facts.sends[-1]["at"] = 112.0
    facts.faults.append(cause)
    assert ("scores_are_bought_once" not in broken(facts)) == explained


def test_one_death_explains_one_extra_call_and_no_more():
    facts = good()
    facts.sends += [send("score", SESSION, at) for at in (112.0, 124.0)]
    facts.faults.append(fault("worker-0", "kill", 101.5, 103))
    assert "scores_are_bought_once" in broken(facts)
    facts.faults.append(fault("worker-1", "kill", 112.5, 113))
    assert "scores_are_bought_once" not in broken(facts) and facts.extras["score", "worker died in the call"] == 2


def test_a_redis_that_lost_the_answer_before_its_result_was_in_kafka_explains_a_second_call():
    facts = good()
    facts.sends.append(send("score", SESSION, 116.0))
    facts.faults += [fault("broker", "stop", 101.5, 112), fault("redis", "kill", 107, 108)]
    assert "scores_are_bought_once" not in broken(facts)
    facts.faults[1] = fault("redis", "kill", 117, 118)
    assert "scores_are_bought_once" in broken(facts)


def test_a_404_is_admitted_only_for_a_moment_and_with_redis_away():
    facts = good()
    facts.history.append(said("read", phase="fail", at=102.0, status=404, person=SESSION, id=SCORE, question=QUESTION, answer={}))
    facts.faults.append(fault("redis", "stop", 95, 99))
    assert "accepted_is_never_unknown" not in broken(facts)
    facts.history[-1]["t"] = 111.0
    assert "accepted_is_never_unknown" in broken(facts)


def test_a_failed_call_that_the_state_counts_is_no_extra():
    facts = good()
    bought_twice(facts)
    for state in (facts.results[0]["state"], facts.cache[SCORE]):
        state["attempts"] = 1
    assert check(facts) == [] and not facts.extras


def test_a_counted_second_initiate_whose_first_answer_was_lost_is_explained_and_an_orphan_on_record():
    facts = good()
    facts.results[1]["state"]["sends"] = facts.cache[JOURNEY]["sends"] = 2
    facts.sends.append(send("initiate", OBJECT, 109.0, JOURNEY))
    facts.transactions.append(transaction("ref-9"))
    facts.orphan_ids.append(JOURNEY)
    facts.faults.append(fault("worker-0", "kill", 101.5, 103))
    assert check(facts) == []
    assert facts.extras == {("initiate", "worker died in the call"): 1, ("orphaned reference", "on record"): 1}


def test_two_ids_for_a_question_are_explained_by_redis_alone():
    facts = good()
    asked_under_two_ids(facts)
    facts.sends.append(send("score", SESSION, 105.5))
    facts.faults.append(fault("redis", "flush", 103, 103))
    assert check(facts) == []
    facts.faults[0]["track"] = "broker"
    assert broken(facts) == {"equal_questions_join"}


def test_two_ids_for_a_question_are_explained_by_an_ingress_that_has_just_started():
    facts = good()
    asked_under_two_ids(facts)
    facts.sends.append(send("score", SESSION, 105.5))
    facts.starts = [("ingress-0", 99.0), ("worker-0", 104.0)]
    assert check(facts) == []
    facts.starts = [("ingress-0", 98.0), ("worker-0", 104.0)]
    assert broken(facts) == {"equal_questions_join"}


def test_a_second_completion_that_says_the_same_is_counted_and_may_stand_in_redis():
    facts = good()
    again = score_state(taken_ms=7)
    facts.results.append(record(again, 9) | {"key": SCORE + "!2"})
    facts.cache[SCORE] = again
    assert check(facts) == [] and facts.extras == {("completion", "written again, the same"): 1}


def test_a_worker_that_kafka_shuts_out_after_it_was_away_is_counted():
    facts = good()
    facts.faults += [fault("broker", "kill", 90, 93), fault("worker-0", "fenced", 102, 102)]
    assert check(facts) == [] and sum(facts.extras.values()) == 1


def test_of_two_completions_the_first_stands_and_rank_goes_before_rev():
    facts = good()
    facts.results = [record(score_state(rev=2), 0), record(score_state(rev=7, state="dead"), 1), record(score_state(rev=9, score=1), 2)]
    assert facts.final()[SCORE] == score_state(rev=2)


def test_marks_say_what_is_right():
    assert people.right_score("session-a~score=800~delay=700") == ("HIGH", 800, None)
    assert people.right_score("session-a~not-collected") == ("UNKNOWN", None, "not_collected")
    assert people.right_score("session-a~status=400") is None
    assert people.right_score("session-a~score=5~fail-first=2~reset") == ("LOW", 5, None)
    assert people.right_verdict("object-a~outcome=no_match") == ("denied", "face_differs")
    assert people.right_verdict("object-a~outcome=unknown_document") is None
    assert people.own_failures("object-a~outcome=approved~scan-fail-first=1") == 0
