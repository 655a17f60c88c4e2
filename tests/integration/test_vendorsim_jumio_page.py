"""vendorsim's Jumio towards people and callbacks: the page and its buttons, the way back, what is posted to callbackUrl."""

import json
import re
import socket
import time

import pytest
from jumio_sim import EMPTY, NASTY, OUTCOMES, REFUSED, TIME, form_of, query_of

# The page


def test_the_page_offers_every_outcome_and_says_what_it_is(sim):
    reference, token = sim.begin(locale="de")
    page = sim.page(token)
    text = page.body.decode()
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "stand-in" in text and reference in text and "txn-1" in text and "<script" not in text
    assert re.findall(r'<button class="primary" name="outcome" value="(\w+)">', text) == ["approved"]
    others = re.findall(r'<button name="outcome" value="(\w+)">', text)
    assert sorted(others) == sorted(set(OUTCOMES) - {"approved"} | {"leave"})


def test_the_page_escapes_what_it_shows(sim):
    _, token = sim.begin(customerInternalReference=NASTY)
    text = sim.page(token).body.decode()
    assert "Ünï &lt;b&gt;&quot;&#39;&amp;=#?/%41+;&lt;/b&gt;~7" in text
    assert "<b>" not in text


@pytest.mark.parametrize(
    "query", ["", *("?authorizationToken=" + token for token in ("", "nobody", "x" * 2000, "%zz"))], ids=lambda query: query[:25]
)
def test_an_unknown_token_gets_a_page_with_404(sim, query):
    sim.begin()
    page = sim.request("GET", "/jumio/capture" + query)
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    finish = sim.request("POST", "/jumio/capture/finish", query[1:].encode(), Content_Type="application/x-www-form-urlencoded")
    assert finish.status == 404 and b"<h1>" in finish.body


def test_a_token_that_has_ended_gets_a_page_with_404(sim):
    _, token = sim.begin()
    sim.press(token, "approved")
    assert sim.page(token).status == 404
    _, short = sim.begin("u~life=0")
    assert (sim.page(short).status, sim.press(short, "approved").status) == (404, 404)


def test_the_main_button_does_what_marker_or_default_say(sim):
    def main_button(token):
        return re.search(r'class="primary" name="outcome" value="(\w+)"', sim.page(token).body.decode())[1]

    sim.control("jumio", outcome="unreadable")
    _, token = sim.begin("a")
    _, marked = sim.begin("b~outcome=no_match-17")
    assert (main_button(token), main_button(marked)) == ("unreadable", "no_match")
    sim.press(token)
    sim.press(marked)
    assert [one["outcome"] for one in sim.transactions()] == ["unreadable", "no_match"]


def test_who_leaves_may_come_back(sim):
    reference, token = sim.begin()
    left = sim.press(token, "leave")
    assert left.status == 200 and b"You left" in left.body and "location" not in left.headers
    assert f"../capture?authorizationToken={token}" in left.body.decode()
    assert sim.status(reference) == "PENDING" and sim.page(token).status == 200
    assert sim.press(token, "approved").status == 302


@pytest.mark.parametrize("outcome", ["nonsense", "APPROVED", "expired", "x" * 100, "%zz"])
def test_an_unknown_outcome_is_refused_and_ends_nothing(sim, outcome):
    reference, token = sim.begin()
    raw = f"authorizationToken={token}&outcome={outcome}".encode()
    assert sim.request("POST", "/jumio/capture/finish", raw, Content_Type="application/x-www-form-urlencoded").status == 400
    assert sim.press(token, "approved", Content_Type="application/json").status == 400
    assert sim.status(reference) == "PENDING"


def test_the_back_button_finds_the_same_way_and_changes_nothing(sim):
    reference, token = sim.begin()
    first = sim.press(token, "denied_fraud")
    for again in ["approved", "denied_fraud", "error", "leave", None]:
        reply = sim.press(token, again)
        assert (reply.status, reply.headers["location"]) == (302, first.headers["location"])
    assert sim.data(reference)["document"]["status"] == "DENIED_FRAUD"


@pytest.mark.parametrize(
    ("url", "start"),
    [
        ("https://a.example", "https://a.example?"),
        ("https://a.example/return/x", "https://a.example/return/x?"),
        ("https://a.example/?", "https://a.example/?"),
        ("https://a.example/?a=%26b", "https://a.example/?a=%26b&"),
        ("https://a.example/?a=b?", "https://a.example/?a=b?&"),
    ],
)
def test_the_way_back_has_the_documented_parameters_all_encoded(sim, url, start):
    reference, token = sim.begin(customerInternalReference=NASTY, successUrl=url)
    reply = sim.press(token, "approved")
    location = reply.headers["location"]
    assert reply.status == 302 and location.startswith(start + "transactionStatus=SUCCESS&")
    assert re.fullmatch(r"[A-Za-z0-9._~=&%-]+", location[len(start) :])
    given = query_of(location)
    given.pop("a", None)
    assert given == {
        "transactionStatus": "SUCCESS",
        "customerInternalReference": NASTY,
        "transactionReference": reference,
    }


def test_an_error_comes_back_by_the_other_url_with_its_code(sim):
    reference, token = sim.begin()
    location = sim.press(token, "error").headers["location"]
    assert location.startswith("https://idv.contoso.example/failed/T?")
    assert query_of(location) == {
        "transactionStatus": "ERROR",
        "customerInternalReference": "txn-1",
        "transactionReference": reference,
        "errorCode": "9800",
    }


def test_without_a_url_the_page_says_that_it_has_ended(sim):
    reference, token = sim.begin(successUrl=None, errorUrl=None)
    page = sim.press(token, "approved")
    assert page.status == 200 and "location" not in page.headers and b"ended" in page.body
    assert sim.status(reference) == "DONE"


# Callbacks

ALWAYS = {
    "callBackType", "jumioIdScanReference", "verificationStatus", "idScanStatus", "idScanSource", "idCheckDataPositions",
    "idCheckDocumentValidation", "idCheckHologram", "idCheckMRZcode", "idCheckMicroprint", "idCheckSecurityFeatures",
    "idCheckSignature", "transactionDate", "callbackDate",
}  # fmt: skip
CALLBACK_IDENTITY = {
    "approved": {"similarity": "MATCH", "validity": True},
    "no_match": {"similarity": "NO_MATCH", "validity": True},
    "validity_string": {"similarity": "MATCH", "validity": "false", "reason": "SELFIE_IS_SCREEN_PAPER_VIDEO"},
    "validity_bool": {"similarity": "MATCH", "validity": False, "reason": "SELFIE_IS_SCREEN_PAPER_VIDEO"},
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_callback_says_what_is_documented(sim, receiver, outcome):
    _, document_status, identity = OUTCOMES[outcome]
    reference, token = sim.begin("u~callback=0", customerInternalReference=NASTY, callbackUrl=receiver.url)
    assert sim.press(token, outcome).status == 302
    (call,) = receiver.calls
    assert call[1] == "/v1/callbacks/jumio/secret"
    assert call[2]["Content-Type"] == "application/x-www-form-urlencoded"
    form = form_of(call)
    assert ALWAYS < set(form)
    approved = document_status.startswith("APPROVED")
    assert (form["callBackType"], form["jumioIdScanReference"]) == ("NETVERIFYID", reference)
    assert (form["verificationStatus"], form["idScanSource"]) == (document_status, "WEB_CAM")
    assert form["idScanStatus"] == ("SUCCESS" if approved else "ERROR")
    assert {form[name] for name in ALWAYS if name.startswith("idCheck")} == {"OK" if approved else "N/A"}
    assert TIME.fullmatch(form["transactionDate"]) and TIME.fullmatch(form["callbackDate"])
    assert (form["merchantIdScanReference"] == NASTY) is (outcome != "other_reference")
    assert (form["customerId"] == "u~callback=0") is (outcome != "other_customer")
    assert ("idLastName" in form) is approved and ("idType" in form) is (document_status != EMPTY)
    assert ("identityVerification" in form) is (identity is not None)
    if outcome in CALLBACK_IDENTITY:
        assert json.loads(form["identityVerification"]) == CALLBACK_IDENTITY[outcome]
    assert ("rejectReason" in form) is (document_status in REFUSED)
    if "rejectReason" in form:
        assert json.loads(form["rejectReason"])["rejectReasonCode"] == REFUSED[document_status]


def test_without_marker_there_is_no_callback(sim, receiver):
    _, token = sim.begin(callbackUrl=receiver.url)
    sim.press(token, "approved")
    time.sleep(0.2)
    assert receiver.calls == []
    (known,) = sim.transactions()
    assert (known["callbacks"], known["callback_status"]) == (0, 0)


@pytest.mark.alone
def test_a_callback_at_0_is_over_before_the_redirect(sim, receiver):
    receiver.wait_s = 0.4
    _, token = sim.begin("u~callback=0", callbackUrl=receiver.url)
    begun = time.monotonic()
    assert sim.press(token, "approved").status == 302
    assert len(receiver.calls) == 1 and 0.4 <= time.monotonic() - begun < 5
    (known,) = sim.transactions()
    assert (known["callbacks"], known["callback_status"]) == (1, 200)


@pytest.mark.alone
def test_a_later_callback_comes_that_long_after_the_redirect_and_once(sim, receiver):
    _, token = sim.begin("u~callback=1500", callbackUrl=receiver.url)
    begun = time.monotonic()
    assert sim.press(token, "approved").status == 302
    assert time.monotonic() - begun < 1.4 and receiver.calls == []
    sim.press(token, "approved")  # again: no second callback
    (call,) = receiver.wait()
    assert 1.5 <= call[0] - begun < 5
    time.sleep(0.6)
    assert len(receiver.calls) == 1


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_callback_that_is_refused_is_not_repeated(sim, receiver, status):
    receiver.status = status
    _, token = sim.begin("u~callback=0", callbackUrl=receiver.url)
    assert sim.press(token, "approved").status == 302
    time.sleep(0.2)
    (known,) = sim.transactions()
    assert (known["callbacks"], known["callback_status"], len(receiver.calls)) == (1, status, 1)


def test_nobody_there_to_be_called_back_keeps_no_browser_waiting(sim):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        _, token = sim.begin("u~callback=0", callbackUrl=url)
        assert sim.press(token, "approved").status == 302
    (known,) = sim.transactions()
    assert (known["callbacks"], known["callback_status"]) == (1, 0)


@pytest.mark.alone
def test_a_callback_of_what_was_forgotten_is_not_sent(sim, receiver):
    _, token = sim.begin("u~callback=1000", callbackUrl=receiver.url)
    sim.press(token, "approved")
    sim.control("reset")
    time.sleep(1.2)
    assert receiver.calls == []


def test_a_marker_without_url_calls_nobody_back(sim):
    _, token = sim.begin("u~callback=0")
    assert sim.press(token, "approved").status == 302
    assert sim.transactions()[0]["callbacks"] == 0
