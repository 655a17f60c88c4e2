"""Invented people, each with a marker that says what the right answer about them is, and what that answer is.

The marker travels inside the session id (BioCatch) or the ObjectId (Jumio), where vendorsim reads it; so an answer that
belongs to somebody else is seen as such wherever it turns up.
"""
import re

MEDIUM_AT, HIGH_AT = 500, 800
# Weight, marks of a score; {score} is the person's own.
SCORES = (
    (78, "~score={score}"), (10, "~score={score}~delay=700"), (5, "~score={score}~fail-first=1"),
    (2, "~score={score}~fail-first=2~reset"), (2, "~not-collected"), (1, "~status=400"), (2, "~score={score}~fail-first=3"),
)
# What the person does at Jumio's page: weight, outcome, marks beside it.
OUTCOMES = (
    (50, "approved", ""), (10, "denied_fraud", ""), (8, "unreadable", ""), (6, "no_document", ""), (6, "no_match", ""),
    (4, "unknown_document", ""), (6, "approved", "~delay=800"), (4, "approved", "~pending=1"), (3, "approved", "~fail-first=1~reset"),
    (3, "approved", "~fail-first=1~status=429"), (3, "approved", "~scan-fail-first=1"), (2, "approved", "~callback=100"),
)
VERDICTS = {  # of an outcome: verdict and reason; None: a person has to decide, so none
    "approved": ("verified", None), "denied_fraud": ("denied", "fraud"), "unreadable": ("unreadable", "not_readable"),
    "no_document": ("no_document", "not_uploaded"), "no_match": ("denied", "face_differs"), "unknown_document": None,
}


def marks(text):
    """{name: value or True} of the markers in a session id or ObjectId."""
    return {name: value if value else True for name, value in re.findall(r"~([a-z-]+)(?:=([\w-]+))?", text)}


def number(text, name):
    return int(marks(text).get(name, 0))


def new_score(chance, score):
    """A session id."""
    weights = [row[0] for row in SCORES]
    pattern = chance.choices(SCORES, weights)[0][1]
    return f"session-{chance.getrandbits(64):016x}" + pattern.format(score=score)


def new_journey(chance):
    """(ObjectId, what they do at the vendor's page)."""
    _, outcome, more = chance.choices(OUTCOMES, [row[0] for row in OUTCOMES])[0]
    return f"object-{chance.getrandbits(64):016x}~outcome={outcome}{more}", outcome


def risk_of(score):
    return "HIGH" if score >= HIGH_AT else "MEDIUM" if score >= MEDIUM_AT else "LOW"


def right_score(session):
    """(risk, score, reason) that a completed verification of this session must have, or None when it must die."""
    found = marks(session)
    if "status" in found and "fail-first" not in found:
        return None
    if "not-collected" in found:
        return "UNKNOWN", None, "not_collected"
    return risk_of(int(found["score"])), int(found["score"]), None


def right_verdict(object_id):
    """(verdict, reason), or None when nobody but a person may decide."""
    return VERDICTS[marks(object_id)["outcome"]]


def own_failures(text, scan=False):
    """How many first calls about this person fail by the person's own marker."""
    return number(text, "scan-fail-first" if scan else "fail-first")


# Reasons of a score that died, as GetScore tells them.
DEATHS = ("timeout", "connect", "reset", "server_error", "throttled", "credentials", "refused", "garbage", "too_large")
