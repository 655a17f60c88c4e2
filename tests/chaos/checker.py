"""The history checker: given everything that was seen (Facts), says which promise was broken.

Each rule is a function from Facts to a list of sentences; no sentence, no violation. Calls to a vendor beyond the one that
an id is worth are not violations when a fault explains them; those are counted by reason in Facts.extras. Times are unix
seconds. tests/chaos/test_checker.py breaks every rule once.
"""
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import people
from reasons import EDGE_S, Reasons, call_end, explain

EXPIRED_PAGE = "This link has expired"
FINAL = ("completed", "dead", "erased")
RANK = {"completed": 1, "erased": 2}
CLOCK_S = 0.005        # the broker's milliseconds are cut off, the history's are not
FENCED_AFTER_S = 45.0  # a session, a join, and what a loaded machine adds
KNOWN_AFTER_S = 10.0   # in which Redis hears of what was accepted without it
CONNECTED_S = 1.5      # a new ingress takes calls at once, and is connected to Redis a little later
WINDOW_S = 30          # in which equal scores join
NEVER_SURE = ("pending", "queue_away", "cache_away", "vendor_down", "overloaded", "expired")


@dataclass
class Facts:
    history: list = field(default_factory=list)
    faults: list = field(default_factory=list)        # nemesis log: track, kind, argument, begin, end
    starts: list = field(default_factory=list)        # (track, when) of each start of a process
    requests: list = field(default_factory=list)      # records of the requests topics
    results: list = field(default_factory=list)       # records of `results`, by partition and offset
    dead: list = field(default_factory=list)          # ids of the dead letters
    sends: list = field(default_factory=list)         # raw requests at the vendors
    transactions: list = field(default_factory=list)  # what Jumio knows
    cache: dict = field(default_factory=dict)         # Redis: id -> state
    views: dict = field(default_factory=dict)         # id -> what GET says at the end
    lag: list = field(default_factory=list)
    orphan_ids: list = field(default_factory=list)    # ids of the logged orphaned references
    troubles: list = field(default_factory=list)      # endings of programs, records that break schemas, leaks, late clients
    extras: Counter = field(default_factory=Counter)  # explained calls beyond one per id, by (what, reason)

    def final(self):
        """What stands per id: the higher rank, then the rev; of two completions the first."""
        standing = {}
        for record in self.results:
            state, known = record["state"], standing.get(record["id"])
            new = RANK.get(state["state"], 0), state["rev"]
            old = (RANK.get(known["state"], 0), known["rev"]) if known else (-1, 0)
            if new[0] > old[0] or new[0] == old[0] == 0 and new[1] > old[1]:
                standing[record["id"]] = state
        return standing

    def states(self, identity):
        return [record["state"] for record in self.results if record["id"] == identity]

    def people(self):
        """{id: session or ObjectId}."""
        return {one["id"]: one["session"] or one["subject"] for one in self.requests if one["session"] or one["subject"]}

    def ends(self, *ops):
        return [entry for entry in self.history if entry["phase"] in ("ok", "fail") and (not ops or entry["op"] in ops)]


def accepted(facts):
    """Ids that somebody was promised an end for."""
    ids = {request["id"] for request in facts.requests}
    for entry in facts.ends("create", "initialize"):
        if entry["phase"] == "ok":
            ids.add(entry["answer"].get("id") or entry["answer"].get("transactionReference"))
    return ids - {None}


# ---- rules ----

def everything_ends(facts):
    """Everything that was accepted ends: completed or dead in `results`."""
    final, who = facts.final(), facts.people()
    found = []
    for identity in sorted(accepted(facts)):
        state = final.get(identity)
        person = who.get(identity)
        if state is None:
            found.append(f"{identity} ({person}) was accepted and has no result")
        elif state["state"] not in FINAL and not waits_for_a_person(state, person):
            found.append(f"{identity} ({person}) was accepted and is still {state['state']} (rev {state['rev']})")
    return found


def waits_for_a_person(state, person):
    """A journey whose document nobody but an operator can judge, or whose person never handed one in."""
    if not person or "~outcome=" not in person:
        return False
    return state["state"] == "checking" and people.right_verdict(person) is None


def accepted_is_in_kafka(facts):
    """What a caller was promised is in Kafka."""
    there = {request["id"] for request in facts.requests}
    return [f"{identity} was accepted and is in no requests topic" for identity in sorted(accepted(facts) - there)]


def verdict_of(state):
    return tuple(state.get(name) for name in ("risk", "score", "verdict", "reason"))


def completed_stands(facts):
    """`completed` never changes: in results, and in everything that anybody read."""
    first, found, known_key = {}, [], {}
    for record in facts.results:
        state = record["state"]
        if state["state"] == "completed":
            known = first.setdefault(record["id"], verdict_of(state))
            if known != verdict_of(state):
                found.append(f"{record['id']} completed as {known} and again as {verdict_of(state)}")
            elif known_key.setdefault(record["id"], record["key"]) != record["key"]:
                facts.extras["completion", "written again, the same"] += 1
    seen = [(entry["answer"]["id"], entry["answer"]) for entry in facts.ends("create", "read") if entry["answer"].get("state") == "completed"]
    seen += [(identity, view) for identity, view in facts.views.items() if view.get("state") == "completed"]
    for identity, answer in seen:
        if first.get(identity) != verdict_of(answer):
            found.append(f"{identity} was read as {verdict_of(answer)}, results say {first.get(identity)}")
    for entry in facts.ends("score"):
        identity, answer = entry["answer"].get("verificationId"), entry["answer"]
        if answer.get("riskLevel", "UNKNOWN") != "UNKNOWN" and (first.get(identity) or (None,) * 4)[:2] != (answer["riskLevel"], answer["score"]):
            found.append(f"{identity} was answered as {answer}, results say {first.get(identity)}")
    return found


def durable_before_told(facts):
    """Nobody is told of a completion before it is in Kafka: `results` carries the broker's own time."""
    first, found = {}, []
    for record in facts.results:
        if record["state"]["state"] == "completed":
            first.setdefault(record["id"], record["at"])
    for entry in facts.ends("score", "create", "read", "status", "validate"):
        answer = entry["answer"]
        told = answer.get("state") == "completed" or answer.get("riskLevel", "UNKNOWN") != "UNKNOWN" or answer.get("status") == "SUCCESS"
        identity = answer.get("verificationId") or answer.get("id") or entry.get("id")
        if (told or answer.get("success") is True) and entry["t"] + CLOCK_S < first.get(identity, 0):
            found.append(f"{identity} was told {first[identity] - entry['t']:.3f} s before Kafka had it")
    return found


def right_answers(facts):
    """Whatever is said about a person is true of that person."""
    found, who = [], facts.people()
    for entry in facts.ends("score"):
        found += wrong_score(entry["person"], entry["answer"], entry["answer"].get("riskLevel"), "was told")
    for entry in facts.ends("create", "read"):
        if entry["answer"].get("state") == "completed":
            found += wrong_score(entry["person"], entry["answer"], entry["answer"]["risk"], "read")
    for identity, state in facts.final().items():
        person = who.get(identity)
        if person is None or state["state"] != "completed":
            continue
        if state["kind"] == "biocatch.score":
            found += wrong_score(person, state, state["risk"], "has the result")
        elif (state["verdict"], state.get("reason")) != people.right_verdict(person):
            found.append(f"{identity} ({person}) has the verdict {state['verdict']} {state.get('reason')}")
    return found


def wrong_score(person, answer, risk, verb):
    right = people.right_score(person)
    if risk == "UNKNOWN" and (right is None or answer.get("reason") in NEVER_SURE):
        return []
    if risk == "UNKNOWN" and right[2] == answer.get("reason"):
        return []
    if risk == "UNKNOWN" and right[2] is None and answer.get("reason") in people.DEATHS:
        return []  # GetScore of one that died
    if right is None or (risk, answer.get("score")) != right[:2]:
        return [f"{person} {verb} {answer}, right is {right}"]
    return []


def sign_ups_are_told_the_truth(facts):
    """SUCCESS, FAILED and what ValidateVerificationToken says follow from what the person handed in, and do not change."""
    found, told, final = [], {}, facts.final()
    ended, died = {}, {record["id"] for record in facts.results if record["state"]["state"] == "dead"}
    for record in facts.results:
        if record["state"]["state"] in ("dead", "completed"):
            ended[record["id"]] = min(ended.get(record["id"], record["at"]), record["at"])
    for entry in facts.ends("status", "validate", "landed"):
        answer, identity, right = entry["answer"], entry["id"], people.right_verdict(entry["person"])
        if entry["op"] == "landed":
            if answer["object_id"] != entry["person"]:
                found.append(f"{entry['person']} came back to B2C as {answer['object_id']}")
            continue
        if entry["phase"] == "fail":
            continue
        success = answer.get("status") == "SUCCESS" or answer.get("success") is True
        failed = answer.get("status") == "FAILED"
        verified = right is not None and right[0] == "verified"
        if success and not verified:
            found.append(f"{identity} ({entry['person']}) was told {answer}")
        if failed and entry["t"] + CLOCK_S < ended.get(identity, float("inf")):
            found.append(f"{identity} ({entry['person']}) was told FAILED before it had an end")
        if failed and (verified or right is None) and identity not in died:
            found.append(f"{identity} ({entry['person']}) was told FAILED and never died")
        if success or failed:
            if told.setdefault(identity, success) != success:
                found.append(f"{identity} was told SUCCESS and FAILED")
        if success and final.get(identity, {}).get("verdict") != "verified":
            found.append(f"{identity} was told SUCCESS, results say {final.get(identity, {}).get('verdict')}")
    return found


def equal_questions_equal_answers(facts):
    """Within its window a question has one answer; the same journey has one transactionReference."""
    found, scores, journeys = [], defaultdict(list), defaultdict(set)
    for entry in facts.ends("score"):
        if entry["answer"].get("riskLevel", "UNKNOWN") != "UNKNOWN":
            scores[entry["question"]].append((entry["t"], entry["answer"]["riskLevel"], entry["answer"]["score"]))
    for question, answers in scores.items():
        for earlier, later in zip(sorted(answers), sorted(answers)[1:]):
            if later[0] - earlier[0] < WINDOW_S and later[1:] != earlier[1:]:
                found.append(f"{question} was answered {earlier[1:]} and {later[1:]}")
    for entry in facts.ends("initialize"):
        if entry["phase"] == "ok":
            journeys[entry["question"]].add(entry["answer"]["transactionReference"])
    found += [f"one journey has two references: {sorted(ids)}" for ids in journeys.values() if len(ids) > 1]
    return found


def equal_questions_join(facts):
    """Within its window a question is asked once, unless Redis was away for an ingress."""
    found, reasons, by_question, final = [], Reasons(facts.faults), defaultdict(dict), facts.final()
    for request in facts.requests:
        if request["kind"] == "biocatch.score":
            known = by_question[request["question"]].setdefault(request["id"], request["created"])
            by_question[request["question"]][request["id"]] = min(known, request["created"])
    for ids in by_question.values():
        made = sorted((created, identity) for identity, created in ids.items())
        for (first_at, first), (second_at, second) in zip(made, made[1:]):
            if second_at - first_at >= WINDOW_S - EDGE_S:
                continue
            if reasons.overlapping(first_at - EDGE_S, second_at + EDGE_S, lambda fault: fault["track"] == "redis"):
                facts.extras["question", "Redis away: asked under two ids"] += 1
            elif reasons.overlapping(first_at, second_at + EDGE_S, lambda fault: fault["track"].startswith("ingress") and fault["kind"] == "stop"):
                facts.extras["question", "an ingress that stood still took Redis for away: asked under two ids"] += 1
            elif any(track.startswith("ingress") and first_at - CONNECTED_S < at < second_at for track, at in facts.starts):
                facts.extras["question", "a new ingress was not connected to Redis yet: asked under two ids"] += 1
            elif final.get(first, {}).get("reason") == "expired":
                facts.extras["question", "the first had expired"] += 1
            else:
                found.append(f"{first} and {second} are the same question, {second_at - first_at:.1f} s apart")
    return found


def scores_are_bought_once(facts):
    """Raw calls about a session: one per id, one per failure that the vendor made, and what faults explain."""
    found, reasons, final = [], Reasons(facts.faults), facts.final()
    ids, sends = defaultdict(set), defaultdict(list)
    for request in facts.requests:
        if request["session"]:
            ids[request["session"]].add(request["id"])
    for send in facts.sends:
        if send["what"] == "score":
            sends[send["person"]].append(send)
    for person, calls in sends.items():
        calls.sort(key=lambda send: send["at"])
        own = people.own_failures(person)
        clean = [send for n, send in enumerate(calls) if n >= own and not reasons.vendor_bad("biocatch", send["at"])]
        known_failures = sum(final.get(identity, {}).get("attempts", 0) for identity in ids[person])
        allowed = len(ids[person]) + max(0, known_failures - (len(calls) - len(clean)))
        if not ids[person]:
            found.append(f"{person} was asked of the vendor and is in no request")
        elif len(clean) > allowed:
            left = explain(facts, clean, len(clean) - allowed, "score", reasons)
            if left:
                found.append(f"{person}: {len(calls)} calls ({len(clean)} not refused) for {len(ids[person])} ids, {left} without a reason: "
                             f"{[round(send['at'], 2) for send in calls]}")
    return found


def initiates_are_counted(facts):
    """At most two initiates per id, the second only when it was counted before and the first one's answer was lost."""
    found, reasons = [], Reasons(facts.faults)
    sends = defaultdict(list)
    for send in facts.sends:
        if send["what"] == "initiate":
            sends[send["id"]].append(send)
    known = {request["id"] for request in facts.requests}
    for identity, calls in sends.items():
        calls.sort(key=lambda send: send["at"])
        acted = [send for send in calls if not refused_unsent(send, calls, reasons)]
        if identity not in known:
            found.append(f"an initiate of {identity}, which nobody asked for")
        if len(acted) > 2:
            found.append(f"{identity} was initiated {len(acted)} times: {[round(send['at'], 2) for send in acted]}")
        elif len(acted) == 2:
            found += second_initiate(facts, identity, calls, acted, reasons)
    return found


def refused_unsent(send, calls, reasons):
    """Whether the vendor refused this one in a way that does nothing."""
    found = people.marks(send["person"])
    by_mark = found.get("status") == "429" and calls.index(send) < people.own_failures(send["person"])
    return by_mark or reasons.vendor_bad("jumio", send["at"], unsent=True)


def second_initiate(facts, identity, calls, acted, reasons):
    states = facts.states(identity)
    if not any(state.get("sends") == 2 for state in states):
        return [f"{identity} was initiated twice and no state counted it"]
    first = acted[0]
    if reasons.vendor_bad("jumio", first["at"]) or calls.index(first) < people.own_failures(first["person"]):
        reason = "the vendor lost the first one's answer"
    elif any(state["attempts"] > 0 for state in states):
        reason = "the first one failed on the way"
    else:
        reason = reasons.of_second_call(first["at"], call_end(first), acted[1]["at"])
    if reason is None:
        return [f"{identity} was initiated twice without a reason: {[round(send['at'], 2) for send in acted]}"]
    facts.extras["initiate", reason] += 1
    return []


def orphans_are_on_record(facts):
    """What Jumio made and nobody uses is logged, or its id died saying so; what is used is one of Jumio's."""
    found, final, by_id, reasons = [], facts.final(), defaultdict(list), Reasons(facts.faults)
    for one in facts.transactions:
        by_id[one["customer_reference"]].append(one)
    for identity, made in by_id.items():
        state = final.get(identity, {})
        reference = state.get("reference")
        if reference and reference not in {one["reference"] for one in made}:
            found.append(f"{identity} stands on {reference}, which Jumio did not make for it")
        if len(made) < 2:
            continue
        facts.extras["orphaned reference", "on record" if identity in facts.orphan_ids else "by its state"] += 1
        lost = reasons.overlapping(made[-1]["initiated_ms"] / 1000 - EDGE_S, made[-1]["initiated_ms"] / 1000 + 20,
                                   lambda fault: fault["track"].startswith("worker"))
        if identity not in facts.orphan_ids and state.get("reason") != "sent_outcome_unknown" and not lost:
            found.append(f"{identity} has {len(made)} transactions at Jumio, and no orphan is on record")
    references = Counter(state["reference"] for state in final.values() if state.get("reference"))
    return found + [f"{reference} is used by {count} ids" for reference, count in references.items() if count > 1]


def dead_letters_match(facts):
    """Who is dead has a dead letter, and a dead letter belongs to somebody who was dead, or whose worker died between the two."""
    found, reasons, begun, ended = [], Reasons(facts.faults), {}, {}
    died = {record["id"] for record in facts.results if record["state"]["state"] == "dead"}
    for record in facts.requests:
        begun[record["id"]] = min(begun.get(record["id"], record["at"]), record["at"])
    for record in facts.results:
        ended[record["id"]] = max(ended.get(record["id"], record["at"]), record["at"])
    letters = set(facts.dead)
    for identity in sorted(letters - died):
        lost = reasons.overlapping(begun.get(identity, 0), ended.get(identity, float("inf")), lambda fault:
                                   fault["track"].startswith("worker") and fault["kind"] in ("kill", "crashed", "stop", "zombie"))
        if lost:
            facts.extras["dead letter", "its worker died before the state"] += 1
        else:
            found.append(f"{identity} has a dead letter and was never dead")
    return [f"{identity} died without a dead letter" for identity in sorted(died - letters)] + found


def deaths_have_a_reason(facts):
    """Nobody dies but by the vendor's doing."""
    found, who, reasons = [], facts.people(), Reasons(facts.faults)
    for record in facts.results:
        state, person = record["state"], who.get(record["id"], "")
        if state["state"] != "dead" or state["reason"] in ("sent_outcome_unknown", "superseded"):
            continue
        right = people.right_score(person) if state["kind"] == "biocatch.score" else people.right_verdict(person)
        vendor = state["kind"].partition(".")[0]
        hurt = reasons.overlapping(state["created_ms"] / 1000, record["at"], lambda fault, v=vendor: fault["track"] == v)
        frozen = reasons.overlapping(state["created_ms"] / 1000, record["at"], lambda fault: fault["kind"] in ("stop", "zombie"))
        if right is not None and not hurt and not frozen:
            found.append(f"{record['id']} ({person}) died of {state['reason']} without a fault of the vendor's")
    return found


def timeless(state):
    """All but when it happened: two workers that reach the same state do so at their own times."""
    return {name: value for name, value in state.items() if not name.endswith("_ms")}


def stands_for(cached, state):
    """Whether Redis has what stands. Of two that say the same, one of them a dead worker's, it may have either."""
    if cached is None or cached["state"] != "completed" or state["state"] != "completed":
        return cached is not None and timeless(cached) == timeless(state)
    return verdict_of(cached) == verdict_of(state) and cached.get("reference") == state.get("reference")


def cache_is_what_kafka_says(facts):
    """Redis ends up with what `results` says, for every id."""
    found, final = [], facts.final()
    for identity, state in sorted(final.items()):
        cached = facts.cache.get(identity)
        if not stands_for(cached, state):
            shown = None if cached is None else {name: cached.get(name) for name in ("state", "rev", "risk", "score", "verdict", "reference")}
            found.append(f"{identity}: Redis has {shown}, Kafka {state['state']} rev {state['rev']}")
    return found


def api_is_what_kafka_says(facts):
    """Whoever asks at the end is told what `results` says."""
    found, final = [], facts.final()
    for identity, view in sorted(facts.views.items()):
        state = final.get(identity)
        if state is None:
            continue
        if view.get("status") != 200 or view.get("state") != state["state"] or verdict_of(view) != verdict_of(state):
            found.append(f"{identity}: the API says {view}, Kafka {state['state']} {verdict_of(state)}")
    return found


def accepted_is_never_unknown(facts):
    """No id that was accepted is answered as if it did not exist. But for a moment: an ingress that accepted without Redis
    has nobody to tell but Kafka, and another one, which has Redis, knows nothing yet."""
    found, reasons, made = [], Reasons(facts.faults), {}
    for request in facts.requests:
        made[request["id"]] = min(made.get(request["id"], request["created"]), request["created"])
    for entry in facts.ends("read", "start", "return"):
        if entry["status"] not in (404, 410) and EXPIRED_PAGE not in entry["answer"].get("page", ""):
            continue
        begun = made.get(entry["id"], 0)
        alone = entry["t"] - begun < KNOWN_AFTER_S and reasons.overlapping(begun - EDGE_S, entry["t"], lambda fault: fault["track"] == "redis")
        if alone and entry["op"] == "read":
            facts.extras["answer", "404 a moment after an ingress without Redis accepted"] += 1
        else:
            found.append(f"{entry['id']} was answered {entry['status']} {entry['answer'].get('page', '')} to {entry['op']} at {entry['t']:.2f}")
    return found


def offsets_are_at_the_end(facts):
    """Nobody has anything left to read."""
    return [f"group {row['group']} has {row['lag']} records left of {row['topic']}/{row['partition']}" for row in facts.lag]


def contract_holds(facts):
    """Every answer is one that the contract knows."""
    return [f"{entry['op']} at {entry['t']:.2f}: {entry.get('why')}" for entry in facts.history if entry["phase"] == "broken"]


def programs_behave(facts):
    """No program ends by itself, but a worker that Kafka shuts out, and that only after Kafka or the worker was hurt."""
    found, reasons = list(facts.troubles), Reasons(facts.faults)
    for fault in facts.faults:
        if fault["kind"] == "fenced":
            hurt = reasons.overlapping(fault["begin"] - FENCED_AFTER_S, fault["begin"],
                                       lambda other, track=fault["track"]: other["track"] in ("broker", track) and other["kind"] != "fenced")
            if not hurt:
                found.append(f"{fault['track']} was shut out by Kafka for no reason")
            else:
                facts.extras["worker", "shut out by Kafka, which was away, and started anew"] += 1
    return found


RULES = (everything_ends, accepted_is_in_kafka, completed_stands, durable_before_told, right_answers, sign_ups_are_told_the_truth, equal_questions_equal_answers,
         equal_questions_join, scores_are_bought_once, initiates_are_counted, orphans_are_on_record, dead_letters_match,
         deaths_have_a_reason, cache_is_what_kafka_says, api_is_what_kafka_says, accepted_is_never_unknown, offsets_are_at_the_end,
         contract_holds, programs_behave)


def check(facts):
    """[(rule, sentence)]; fills facts.extras."""
    facts.extras.clear()
    return [(rule.__name__, sentence) for rule in RULES for sentence in rule(facts)]
