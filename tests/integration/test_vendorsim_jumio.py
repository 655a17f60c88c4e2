"""vendorsim's Jumio keeps its promises: what its API takes and refuses, every outcome, every marker, over real sockets.

Sign-ups are judged by this stand-in's counters and answers, so it is judged first. VERIFYD_BIN_DIR (or VERIFYD_BIN) names
the folder of the program (build/dev/bin).
"""

import concurrent.futures
import json
import re
import time

import pytest
from jumio_sim import EMPTY, GUID, INITIATE, OUTCOMES, REFUSED, SCANS, TIME, UNKNOWN, error_of, order, query_of
from test_vendorsim import TIMEOUT_S, release

# Initiate


def test_an_initiate_gets_a_reference_and_a_link(sim):
    before_ms = time.time() * 1000
    reply = sim.initiate()
    answer = reply.json()
    assert (reply.status, set(answer)) == (200, {"timestamp", "transactionReference", "redirectUrl"})
    assert TIME.fullmatch(answer["timestamp"]) and GUID.fullmatch(answer["transactionReference"])
    host, port = sim.address
    link, token = answer["redirectUrl"].split("?authorizationToken=")
    assert link == f"http://{host}:{port}/jumio/capture"
    assert re.fullmatch(r"[\w-]{43}", token)
    (known,) = sim.transactions()
    assert before_ms - 1 <= known.pop("initiated_ms") <= time.time() * 1000 + 1
    assert known == {
        "reference": answer["transactionReference"],
        "user": "u-1",
        "customer_reference": "txn-1",
        "token": token,
        "success_url": "https://idv.contoso.example/return/T",
        "error_url": "https://idv.contoso.example/failed/T",
        "callback_url": "",
        "locale": "",
        "workflow": 0,
        "finished_ms": None,
        "outcome": None,
        "status_calls": 0,
        "data_calls": 0,
        "callbacks": 0,
        "callback_status": 0,
    }


def test_the_link_names_the_host_that_was_called(sim):
    reply = sim.request("POST", INITIATE, json.dumps(order()).encode(), Host="vendorsim:8090")
    assert reply.json()["redirectUrl"].startswith("http://vendorsim:8090/jumio/capture?")
    assert sim.request("POST", INITIATE, json.dumps(order()).encode(), Host='x"/y').status == 400


@pytest.mark.parametrize(
    "agent", [None, "", "curl/8.14.1", "Contoso", "Contoso verifyd", "Mozilla/5.0 (X11; Linux)", "Contoso verifyd/", " x/1"]
)
@pytest.mark.parametrize("target", [INITIATE, f"{SCANS}/{UNKNOWN}", f"{SCANS}/{UNKNOWN}/data"])
def test_who_does_not_name_company_and_app_gets_a_page_of_403(sim, target, agent):
    method, body = ("POST", json.dumps(order()).encode()) if target == INITIATE else ("GET", None)
    reply = sim.request(method, target, body, User_Agent=agent)
    assert (reply.status, reply.headers["content-type"]) == (403, "text/html")
    assert reply.body.startswith(b"<html>") and sim.transactions() == []


@pytest.mark.parametrize(
    "credentials",
    [
        None,
        "",
        "Basic",
        "Basic c2ltLXRva2VuOnNpbS1zZWNyZXQ",
        "Bearer c2ltLXRva2VuOnNpbS1zZWNyZXQ=",
        "Basic c2ltLXRva2VuOnNpbS1zZWNyZXU=",
    ],
)
@pytest.mark.parametrize("target", [INITIATE, f"{SCANS}/{UNKNOWN}"])
def test_other_credentials_are_refused_with_401(sim, target, credentials):
    method, body = ("POST", json.dumps(order()).encode()) if target == INITIATE else ("GET", None)
    reply = sim.request(method, target, body, Authorization=credentials)
    assert (reply.status, error_of(reply)["requestURI"]) == (401, target)
    assert reply.headers["www-authenticate"].startswith("Basic ") and sim.transactions() == []


@pytest.mark.parametrize("accept", [None, "*/*", "text/html", "application/jsonx", "application/xml, text/json"])
@pytest.mark.parametrize("target", [INITIATE, f"{SCANS}/{UNKNOWN}"])
def test_who_does_not_accept_json_is_refused(sim, target, accept):
    method, body = ("POST", json.dumps(order()).encode()) if target == INITIATE else ("GET", None)
    reply = sim.request(method, target, body, Accept=accept)
    assert reply.status == 400 and "Accept" in error_of(reply)["message"]


def test_types_may_have_parameters_and_stand_in_a_list(sim):
    body = json.dumps(order()).encode()
    assert sim.request("POST", INITIATE, body, Content_Type="application/json; charset=utf-8").status == 200
    assert sim.request("POST", INITIATE, body, Accept="text/html, Application/JSON;q=0.9, */*").status == 200
    for wrong in [None, "text/plain", "application/x-www-form-urlencoded"]:
        reply = sim.request("POST", INITIATE, body, Content_Type=wrong)
        assert reply.status == 400 and "Content-Type" in error_of(reply)["message"]


REFUSED_MEMBERS = [
    {"customerInternalReference": None},
    {"customerInternalReference": ""},
    {"customerInternalReference": "x" * 101},
    {"customerInternalReference": 7},
    {"customerInternalReference": "a\nb"},
    {"userReference": None},
    {"userReference": ""},
    {"userReference": "ü" * 101},
    {"userReference": ["u"]},
    {"reportingCriteria": "x" * 101},
    {"successUrl": "https://a.example/" + "x" * 2030},
    {"errorUrl": "https://a.example/" + "x" * 238},
    {"callbackUrl": "https://a.example/" + "x" * 238},
    {"successUrl": ""},
    {"workflowId": 103},
    {"workflowId": "200"},
    {"workflowId": 200.5},
    {"locale": "english"},
    {"locale": "de_DE"},
    {"locale": "DE"},
    {"tokenLifetimeInMinutes": 4},
    {"tokenLifetimeInMinutes": 86401},
    {"tokenLifetimeInMinutes": "30"},
    {"presets": {}},
    {"presets": []},
    {"presets": [{"index": 1, "country": "AUT"}]},
    {"presets": [{"index": 2, "country": "AUT", "type": "PASSPORT"}]},
    {"presets": [{"index": 1, "country": "AT", "type": "PASSPORT"}]},
    {"presets": [{"index": 1, "country": "AUT", "type": "VISA"}]},
]


@pytest.mark.parametrize("changes", REFUSED_MEMBERS, ids=lambda changes: json.dumps(changes)[:40])
def test_a_member_of_the_wrong_type_or_length_is_refused_by_name(sim, changes):
    reply = sim.request("POST", INITIATE, json.dumps(order() | changes).encode())
    assert reply.status == 400
    assert next(iter(changes)) in error_of(reply)["message"]
    assert sim.transactions() == []


@pytest.mark.parametrize("name", ["customerInternalReference", "userReference"])
def test_a_member_that_is_needed_must_be_there(sim, name):
    reply = sim.initiate(**({"user": None} if name == "userReference" else {name: None}))
    assert reply.status == 400 and name in error_of(reply)["message"]


def test_the_longest_and_rarest_that_is_allowed_is_taken(sim):
    wanted = {
        "customerInternalReference": "ü" * 100,
        "reportingCriteria": "x" * 100,
        "successUrl": "https://a.example/" + "x" * 2029,
        "errorUrl": "https://a.example/" + "x" * 237,
        "callbackUrl": "https://a.example/" + "x" * 237,
        "workflowId": 202,
        "locale": "pt-BR",
        "tokenLifetimeInMinutes": 86400,
        "presets": [{"index": 1, "country": "XKX", "type": "ID_CARD"}],
    }
    _, token = sim.begin("ü" * 100, **wanted)
    (known,) = sim.transactions()
    assert (known["user"], known["customer_reference"]) == ("ü" * 100, "ü" * 100)
    assert [known[name] for name in ("success_url", "error_url", "callback_url")] == [
        wanted["successUrl"],
        wanted["errorUrl"],
        wanted["callbackUrl"],
    ]
    assert (known["locale"], known["workflow"]) == ("pt-BR", 202)
    location = sim.press(token, "approved").headers["location"]
    assert location.startswith(wanted["successUrl"] + "?")
    assert query_of(location)["customerInternalReference"] == "ü" * 100


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"a":1}', b'{"userReference":"u","userReference":"v"}', b"\xff{}"])
def test_a_body_that_is_no_object_of_known_members_is_refused(sim, body):
    assert error_of(sim.request("POST", INITIATE, body))["httpStatus"] == "400"
    misspelt = sim.initiate(successURL="https://a.example/")
    assert misspelt.status == 400 and "unknown" in error_of(misspelt)["message"]
    assert sim.transactions() == []


def test_a_body_over_64_kib_is_refused_and_recorded(sim):
    assert sim.initiate(reportingCriteria="x" * 70000).status == 413
    assert len(sim.requests()[0]["body"]) == 65536 and sim.transactions() == []


GOOD_URLS = [
    "https://a.example",
    "https://sub.a.example/path/?q=1&r=%2F",
    "HTTPS://a.example/",
    "http://127.0.0.1:8080/return/x",
    "https://127.0.0.1/",
    "http://localhost:1/x",
    "http://b2c.localhost:8080/",
    "http://[::1]:8080/",
    "https://a.example/?mytransactionStatus=1",
]
BAD_URLS = [
    "http://a.example/",
    "ftp://a.example/",
    "//a.example/",
    "a.example",
    "https://",
    "https://a.example:8443/",
    "https://a.example:443/",
    "https://203.0.113.5/",
    "https://[2001:db8::1]/",
    "https://a.example/#here",
    "https://a.example/#",
    "https://user:secret@a.example/",
    "https://a.example/a b",
    'https://a.example/"',
    "https://a.example/<>",
    "https://a.example/%zz",
    "https://a.example/ü",
    "https://a.example/?transactionStatus=x",
    "https://a.example/?a=b&customerInternalReference",
    "https://a.example/?TransactionReference=1",
    "https://a.example/?errorCode=",
    "http://127.0.0.1.a.example/",
    "http://localhost.a.example/",
]


@pytest.mark.parametrize("name", ["successUrl", "errorUrl", "callbackUrl"])
def test_urls_are_held_to_the_rules(sim, name):
    for url in GOOD_URLS:
        reply = sim.initiate(**{name: url})
        assert reply.status == 200, (url, reply.body)
    for url in BAD_URLS:
        reply = sim.initiate(**{name: url})
        assert reply.status == 400 and error_of(reply)["message"].startswith(name + " "), url


def test_a_refused_initiate_is_recorded_and_counted_all_the_same(sim):
    sim.initiate("u-7", locale="?")
    sim.request("POST", INITIATE, json.dumps(order("u-7")).encode(), Authorization=None)
    recorded = sim.requests("u-7")
    assert [(entry["path"], entry["uuid"]) for entry in recorded] == [(INITIATE, "txn-1")] * 2
    assert json.loads(recorded[0]["body"]) == order("u-7", locale="?")
    assert sim.stats()["requests"] == 2 and sim.transactions() == []


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", INITIATE, "POST"),
        ("POST", f"{SCANS}/{UNKNOWN}", "GET"),
        ("DELETE", f"{SCANS}/{UNKNOWN}/data", "GET"),
        ("POST", "/jumio/capture", "GET"),
        ("GET", "/jumio/capture/finish", "POST"),
    ],
)
def test_another_method_is_refused_with_the_right_one(sim, method, path, allow):
    reply = sim.request(method, path, b"" if method == "POST" else None)
    assert (reply.status, reply.headers["allow"]) == (405, allow)


@pytest.mark.parametrize(
    "path", ["/jumio/", "/jumio/api/v4", INITIATE + "/", SCANS, SCANS + "/", f"{SCANS}/{UNKNOWN}/images", f"{SCANS}//data"]
)
def test_other_paths_are_404_as_jumio_says_it(sim, path):
    reply = sim.request("GET", path)
    assert (reply.status, error_of(reply)["requestURI"]) == (404, path)


# Retrieval


def test_nothing_is_decided_before_the_page_was_finished(sim):
    reference, _ = sim.begin()
    assert sim.status(reference) == "PENDING"
    pending = sim.data_reply(reference)
    assert pending.status == 404 and "pending" in error_of(pending)["message"]


def test_an_unknown_reference_is_404(sim):
    sim.begin()
    for reply in (sim.status_reply(UNKNOWN), sim.data_reply(UNKNOWN), sim.status_reply("x" * 2000)):
        assert reply.status == 404 and error_of(reply)["message"]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_is_told_in_the_documented_shape(sim, outcome):
    scan_status, document_status, identity = OUTCOMES[outcome]
    reference, token = sim.begin("u-9", reportingCriteria="crit")
    assert sim.press(token, outcome).status == 302
    assert sim.status(reference) == scan_status
    data = sim.data(reference)
    document, transaction, verification = data["document"], data["transaction"], data.get("verification")
    assert data["scanReference"] == reference and TIME.fullmatch(data["timestamp"])
    assert document["status"] == document_status
    assert (transaction["status"], transaction["source"]) == (scan_status, "WEB_CAM")
    assert TIME.fullmatch(transaction["date"]) and transaction["merchantReportingCriteria"] == "crit"
    assert (transaction["customerId"] == "u-9") is (outcome != "other_customer")
    assert (transaction["merchantScanReference"] == "txn-1") is (outcome != "other_reference")
    assert ("firstName" in document) is document_status.startswith("APPROVED")
    assert ("type" in document) is (verification is not None) is (document_status != EMPTY)
    if verification:
        assert verification["mrzCheck"] == ("OK" if "firstName" in document else "NOT_AVAILABLE")
        assert verification.get("identityVerification") == identity
        assert verification.get("rejectReason", {}).get("rejectReasonCode") == REFUSED.get(document_status)
    (known,) = sim.transactions()
    assert (known["outcome"], known["status_calls"], known["data_calls"]) == (outcome, 1, 1)


def test_reject_reasons_have_details_as_array_and_as_object(sim):
    reasons = {}
    for outcome in ("denied_fraud", "unreadable"):
        reference, token = sim.begin()
        sim.press(token, outcome)
        reasons[outcome] = sim.data(reference)["verification"]["rejectReason"]
    assert reasons["denied_fraud"] == {
        "rejectReasonCode": "100",
        "rejectReasonDescription": "MANIPULATED_DOCUMENT",
        "rejectReasonDetails": [
            {"detailsCode": "1001", "detailsDescription": "PHOTO"},
            {"detailsCode": "1005", "detailsDescription": "NAME"},
        ],
    }
    assert reasons["unreadable"]["rejectReasonDetails"] == {"detailsCode": "2001", "detailsDescription": "BLURRED"}


@pytest.mark.parametrize(
    ("code", "outcome", "told"),
    [
        (105, "denied_fraud", ("105", "FRAUDSTER")),
        (206, "unreadable", ("206", "MISSING_BACK")),
        (206, "denied_fraud", ("100", "MANIPULATED_DOCUMENT")),
    ],
)
def test_reject_names_the_code_where_it_belongs(sim, code, outcome, told):
    reference, token = sim.begin(f"u~reject={code}")
    sim.press(token, outcome)
    reason = sim.data(reference)["verification"]["rejectReason"]
    assert (reason["rejectReasonCode"], reason["rejectReasonDescription"]) == told


@pytest.mark.parametrize(("workflow", "compares"), [(100, False), (102, False), (200, True), (202, True)])
def test_a_workflow_without_faces_says_nothing_about_a_good_one(sim, workflow, compares):
    reference, token = sim.begin(workflowId=workflow)
    sim.press(token, "approved")
    assert ("identityVerification" in sim.data(reference)["verification"]) is compares
    reference, token = sim.begin(workflowId=workflow)
    sim.press(token, "no_match")
    assert sim.data(reference)["verification"]["identityVerification"]["similarity"] == "NO_MATCH"


def test_pending_counts_the_looks_after_the_finish(sim):
    reference, token = sim.begin("u~pending=2")
    assert [sim.status(reference) for _ in range(3)] == ["PENDING"] * 3
    sim.press(token, "approved")
    assert sim.data_reply(reference).status == 404
    assert [sim.status(reference) for _ in range(2)] == ["PENDING"] * 2
    assert sim.status(reference) == "DONE"
    assert sim.data(reference)["document"]["status"] == "APPROVED_VERIFIED"
    (known,) = sim.transactions()
    assert (known["status_calls"], known["data_calls"]) == (6, 2)


@pytest.mark.alone
def test_when_its_life_is_over_nobody_has_uploaded_anything(sim):
    reference, _ = sim.begin("u~life=1500")
    assert sim.status(reference) == "PENDING"
    time.sleep(1.55)
    assert sim.status(reference) == "FAILED"
    assert sim.data(reference)["document"] == {"status": EMPTY}
    (known,) = sim.transactions()
    assert (known["outcome"], known["finished_ms"]) == ("expired", None)


@pytest.mark.alone
def test_a_life_ends_only_what_was_not_finished(sim):
    reference, token = sim.begin("u~life=1500")
    sim.press(token, "approved")
    time.sleep(1.55)
    assert sim.status(reference) == "DONE"


# Markers of the initiate


def test_a_delayed_initiate_exists_from_the_request_on(sim):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        begun = time.monotonic()
        call = pool.submit(sim.begin, "u~delay=60000")
        while not sim.transactions():
            assert time.monotonic() - begun < TIMEOUT_S
        assert not call.done()
        release(sim, [call])
        reference, _ = call.result()
    assert [one["reference"] for one in sim.transactions()] == [reference]


def test_status_and_retry_after_make_no_transaction(sim):
    reply = sim.initiate("u~status=429~retry-after=7")
    assert (reply.status, reply.headers["retry-after"]) == (429, "7")
    assert error_of(reply)["httpStatus"] == "429" and sim.transactions() == []
    assert "retry-after" not in sim.initiate("u~retry-after=7").headers


def test_fail_first_counts_the_initiates_of_each_user(sim):
    assert [sim.initiate("a~fail-first=2").status for _ in range(4)] == [500, 500, 200, 200]
    assert [sim.initiate("b~fail-first=1~status=503").status for _ in range(2)] == [503, 200]
    assert sim.initiate("c~fail-first=1", locale="?").status == 400
    assert [sim.initiate("c~fail-first=1").status for _ in range(2)] == [500, 200]
    assert len(sim.transactions()) == 4


def test_a_reset_initiate_was_taken_all_the_same(sim):
    with pytest.raises(ConnectionResetError):
        sim.initiate("u~reset~fail-first=1")
    assert len(sim.transactions("u~reset~fail-first=1")) == 1
    sim.begin("u~reset~fail-first=1")
    assert len(sim.transactions()) == 2 and len(sim.requests("u~reset~fail-first=1")) == 2


def test_html_and_truncated_initiates_were_taken_all_the_same(sim):
    page = sim.initiate("u~html")
    assert (page.status, page.headers["content-type"]) == (200, "text/html")
    torn = sim.initiate("u~truncated")
    assert 0 < len(torn.body) < int(torn.headers["content-length"])
    assert len(sim.transactions()) == 2
    assert sim.initiate("u~html~status=502").status == 502 and len(sim.transactions()) == 2


@pytest.mark.parametrize(
    "user",
    [
        "u~outcom=approved",
        "u~outcome=nobody",
        "u~outcome",
        "u~pending=-1",
        "u~status=99",
        "u~reset=1",
        "u~reject=101",
        "u~life=x",
        "u~scan=1",
    ],
)
def test_a_mistyped_marker_is_refused(sim, user):
    reply = sim.initiate(user)
    assert reply.status == 400 and error_of(reply)["message"]
    assert sim.transactions() == []


# Markers of retrievals


def test_scan_markers_break_retrievals_and_nothing_else(sim):
    reference, token = sim.begin("u~scan-status=503~scan-retry-after=3")
    assert sim.press(token, "approved").status == 302
    for reply in (sim.status_reply(reference), sim.data_reply(reference)):
        assert (reply.status, reply.headers["retry-after"]) == (503, "3")
        assert error_of(reply)["httpStatus"] == "503"
    (known,) = sim.transactions()
    assert (known["status_calls"], known["data_calls"]) == (1, 1)


def test_scan_fail_first_counts_the_retrievals_of_each_transaction(sim):
    for _ in range(2):
        reference, token = sim.begin("u~scan-fail-first=2~pending=1")
        sim.press(token, "approved")
        calls = [sim.status_reply, sim.data_reply, sim.status_reply, sim.status_reply]
        replies = [call(reference) for call in calls]
        assert [reply.status for reply in replies] == [500, 500, 200, 200]
        assert [reply.json()["status"] for reply in replies[2:]] == ["PENDING", "DONE"]


@pytest.mark.alone
def test_scan_reset_html_truncated_and_delay(sim):
    reset, _ = sim.begin("a~scan-reset~scan-fail-first=1")
    with pytest.raises(ConnectionResetError):
        sim.status_reply(reset)
    assert sim.status(reset) == "PENDING"
    page = sim.status_reply(sim.begin("b~scan-html")[0])
    assert (page.status, page.headers["content-type"]) == (200, "text/html")
    torn = sim.status_reply(sim.begin("c~scan-truncated")[0])
    assert 0 < len(torn.body) < int(torn.headers["content-length"])
    slow, _ = sim.begin("d~scan-delay=300")
    begun = time.monotonic()
    assert sim.status(slow) == "PENDING"
    assert 0.3 <= time.monotonic() - begun < 3
