"""GetScore as B2C asks it: both methods, the alias, its tolerance, and what a score is worth."""
import pytest

from lib.load import in_parallel

VERDICTS = [  # marks, risk, score
    ("", "LOW", 87), ("~score=0", "LOW", 0), ("~score=499", "LOW", 499), ("~score=500", "MEDIUM", 500),
    ("~score=799", "MEDIUM", 799), ("~score=800", "HIGH", 800), ("~score=1000", "HIGH", 1000),
    ("~risk=HIGH", "HIGH", 87), ("~risk=MEDIUM", "MEDIUM", 87), ("~score=912~risk=LOW", "HIGH", 912),
    ("~score=600~risk=LOW", "MEDIUM", 600), ("~bot", "HIGH", 87),
]
NO_SCORE = [  # marks, reason
    ("~not-collected", {"not_collected"}), ("~no-status", {"no_score"}), ("~string-score", {"no_score"}),
    ("~score=1001", {"no_score"}), ("~score=-1", {"no_score"}),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/api/BioCatch/GetScore", "/api/v6/score", "/API/biocatch/getscore", "//api//BioCatch//GetScore", "/Api/V6/SCORE"])
def test_every_way_to_ask_gives_the_score(service, method, path):
    answer = service.b2c.score(service.person(), service.person(kind="uuid"), method, path)
    assert (answer.status, answer["riskLevel"], answer["score"]) == (200, "LOW", 87)
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_names_are_matched_without_regard_to_case(service, method):
    session = service.person("~score=512")
    fields = {"CUSTOMERSESSIONID": session, "UUID": service.person(kind="uuid"), "ActivityTYPE": "LOGIN", "correlationid": "c-1",
              "customerid": "ignored", "ACTION": "getScore"}
    if method == "GET":
        answer = service.b2c.get("/api/BioCatch/GetScore?" + "&".join(f"{k}={v}" for k, v in fields.items()))
    else:
        answer = service.b2c.post("/api/BioCatch/GetScore", fields)
    assert (answer["riskLevel"], answer["score"]) == ("MEDIUM", 512)


@pytest.mark.parametrize("name", ["activityType", "activtyType"])
def test_both_spellings_of_the_activity_reach_the_vendor(service, name):
    session = service.person()
    assert service.b2c.score(session, **{name: "MAKE_PAYMENT"})["riskLevel"] == "LOW"
    assert "MAKE_PAYMENT" in str(service.vendor.requests(session))


def test_the_vendor_is_asked_with_our_settings_and_the_callers_fields(service):
    session, uuid = service.person(), service.person(kind="uuid")
    service.b2c.score(session, uuid, brand="retail", solution="ACQ", customerID="somebody-else", action="GETSCORE")
    (call,) = service.vendor.requests(session)
    seen = str(call)
    assert all(part in seen for part in (uuid, "contoso", "getScore", "retail", "ACQ", "LOGIN"))
    assert "somebody-else" not in seen


@pytest.mark.parametrize("marks,risk,score", VERDICTS, ids=[row[0] or "plain" for row in VERDICTS])
def test_the_more_severe_of_score_and_vendors_risk_wins(service, marks, risk, score):
    answer = service.b2c.score(service.person(marks))
    assert (answer["riskLevel"], answer["score"]) == (risk, score)


@pytest.mark.parametrize("marks,reasons", NO_SCORE, ids=[row[0] for row in NO_SCORE])
def test_an_answer_without_a_usable_score_is_unknown(service, marks, reasons):
    answer = service.b2c.score(service.person(marks))
    assert (answer.status, answer["riskLevel"]) == (200, "UNKNOWN")
    assert answer["reason"] in reasons and "score" not in answer.json


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("session", ["", None], ids=["empty", "absent"])
def test_no_session_is_unknown_without_a_call(service, method, session):
    uuid = service.person(kind="uuid")
    fields = {"uuid": uuid} | ({"customerSessionID": session} if session is not None else {})
    if method == "GET":
        answer = service.b2c.get("/api/BioCatch/GetScore?" + "&".join(f"{k}={v}" for k, v in fields.items()))
    else:
        answer = service.b2c.post("/api/BioCatch/GetScore", fields)
    assert answer.status == 200 and answer.json == {"riskLevel": "UNKNOWN", "reason": "no_session"}
    assert service.b2c.score(service.person())["score"] == 87
    assert not [call for call in service.vendor.requests() if call["uuid"] == uuid]


def test_values_are_kept_byte_for_byte(service):
    """Percent-encoding, plus signs and other alphabets reach the vendor as they were meant."""
    session = service.person("-ü/?&=+ %41\"\\ 日本")
    for method in ("GET", "POST"):
        assert service.b2c.score(session, uuid=f"a+b c&d {method}", method=method)["riskLevel"] == "LOW"
    assert {call["session"] for call in service.vendor.requests(session)} == {session}
    assert {call["uuid"] for call in service.vendor.requests(session)} == {"a+b c&d GET", "a+b c&d POST"}


def test_the_worker_asks_by_get_where_it_is_told_to(stack):
    stack.worker(BIOCATCH_METHOD="GET")
    ingress = stack.ingress()
    session = stack.person("-ü&~score=333")
    assert ingress.b2c.score(session)["score"] == 333
    (call,) = stack.vendor.requests(session)
    assert call["method"] == "GET" and call["session"] == session


def test_thresholds_are_settings(stack):
    stack.worker(RISK_MEDIUM_AT=100, RISK_HIGH_AT=200, RISK_BOT_IS_HIGH="no")
    ingress = stack.ingress()
    wanted = {"~score=99": "LOW", "~score=100": "MEDIUM", "~score=200": "HIGH", "~score=150~bot": "MEDIUM"}
    got = in_parallel(lambda marks: ingress.b2c.score(stack.person(marks))["riskLevel"], wanted)
    assert dict(zip(wanted, got)) == wanted


def test_a_score_is_in_kafka_and_in_redis(service):
    answer = service.b2c.score(service.person("~score=777"))
    identity = answer["verificationId"]
    for state in (service.redis.state(identity), service.topics.final()[identity]):
        assert (state["state"], state["risk"], state["score"], state["caller"]) == ("completed", "MEDIUM", 777, "b2c")
        assert state["created_ms"] <= state["taken_ms"] <= state["asked_ms"] <= state["answered_ms"] <= state["updated_ms"]
