"""The person's browser: tickets, cookies, tabs, and what somebody else's browser gets; tokens that are not what they should be.
Every answer is a defined one: no 5xx, no null, nothing of our insides (lib/browser.py looks at each page)."""
import base64
import json
import secrets
import time

import pytest

from lib import forge
from lib.browser import Browser
from lib.journey import ORIGIN, api, check_approved
from lib.load import in_parallel
from lib.process import until

TICKET_LEN = 56
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# The parts of a ticket, in characters: id, when made, when it ends, MAC.
PARTS = {"id": range(0, 21), "made": range(22, 29), "ends": range(30, 34), "mac": range(35, 56)}


def ticket_of(url):
    ticket = url.partition("?")[0].rpartition("/")[2]
    assert len(ticket) == TICKET_LEN
    return ticket


def tampered(ticket, place):
    """Another character of the alphabet at that place."""
    return ticket[:place] + ALPHABET[(ALPHABET.index(ticket[place]) + 7) % 64] + ticket[place + 1:]


def is_page(page, *words):
    """A page that sends the browser nowhere, and says one of these words."""
    assert page.status in (200, 403, 404, 409, 410) and not page.location and not page.cookies, (page.status, page.words)
    assert any(word in page.words.lower() for word in words), page.words
    return True


# /start

def test_start_binds_the_first_browser_and_another_one_is_sent_back_to_it(service):
    journey = service.journey().initialize()
    journey.open_vendor()
    assert len(journey.browser.jar(journey.redirect_url)) == 1
    assert journey.open_start().location == journey.capture, "the same browser may open it again"
    stranger = Browser()
    is_page(journey.open_start(stranger), "continue", "began", "started")
    assert not stranger.jar(journey.redirect_url)
    journey.finish()
    journey.come_back()
    journey.token()
    check_approved(journey.end())


def test_of_many_browsers_at_once_one_is_bound(service):
    journey = service.journey().initialize()
    until(lambda: (s := journey.state()) and s["state"] == "awaiting_user", 20)
    browsers = [Browser() for _ in range(12)]
    pages = in_parallel(journey.open_start, browsers, threads=12)
    sent_on = [browser for browser, page in zip(browsers, pages) if page.location]
    assert len(sent_on) == 1
    journey.browser = sent_on[0]
    journey.open_vendor()
    journey.finish()
    journey.come_back()


def test_a_newer_journeys_browser_takes_over(service):
    """The person goes on at another device: B2C starts anew there, and only that one may come back."""
    first = service.journey().to_vendor()
    newer = first.again(browser=Browser())
    newer.initialize()
    assert newer.open_vendor() == first.capture
    newer.resumed()
    is_page(first.open_start(), "continue", "began", "started")
    first.finish()
    is_page(first.open_return(), "sign in")
    newer.back = first.back
    newer.come_back()
    newer.token()
    check_approved(newer.end())


def in_time(once, limit_s, wanted):
    """How late `once` was, as often as it takes to be in time so often; at most that often too late, since a machine that has more to
    do may stop any process for a second."""
    late_s = []
    while len(late_s) < 2 * wanted and sum(late < limit_s for late in late_s) < wanted:
        late_s.append(once())
    assert sum(late < limit_s for late in late_s) == wanted, late_s
    return late_s


@pytest.mark.alone
@pytest.mark.slow
def test_start_waits_and_sends_on_when_the_reference_is_known(service):
    """The vendor answers after 2.5 s; the browser is sent on within 300 ms of that."""
    def once():
        hasty = service.journey("~delay=2500")
        begun = time.time()
        hasty.initialize()
        page = hasty.open_start()
        while not page.location:
            assert page.status == 200, (page.status, page.words)
            page = hasty.open_start()
        known = hasty.transaction()["initiated_ms"] / 1000 + 2.5
        return time.time() - max(known, begun)

    print(f"/start sent on {[round(late * 1000) for late in in_time(once, 0.3, 2)]} ms after the vendor's answer")


@pytest.mark.alone
def test_initialize_answers_as_soon_as_the_vendor_has(service):
    """Not by polling: at most 50 ms after the vendor's reply."""
    def once():
        journey = service.journey("~delay=600")
        answer = journey.try_initialize()
        late = time.time() - (journey.transaction()["initiated_ms"] / 1000 + 0.6)
        assert answer.status == 200
        return late

    late_s = in_time(once, 0.6, 4)
    print(f"InitializeTransaction answered {[round(late * 1000) for late in late_s]} ms after the vendor's reply")
    assert min(late_s) < 0.05


def test_initialize_answers_when_its_time_is_up(service):
    ingress = service.stack.ingress(INITIATE_WAIT_MS=700)
    journey = service.journey("~delay=6000")
    journey.ingress = ingress
    answer = journey.try_initialize()
    assert answer.status == 200 and 0.6 < answer.elapsed_s < 5
    print(f"INITIATE_WAIT_MS=700: answered after {answer.elapsed_s * 1000:.0f} ms")


# /return

def test_return_needs_the_browser_that_began(service):
    journey, other = service.journey().to_vendor(), service.journey().to_vendor()
    journey.finish()
    is_page(journey.open_return(Browser()), "sign in")
    is_page(journey.open_return(other.browser), "sign in")
    thief = Browser()  # the other person's value under this journey's name
    (own,) = journey.browser.jar(journey.redirect_url).values()
    (theirs,) = other.browser.jar(other.redirect_url).values()
    thief.jar(journey.redirect_url)[own.name] = type(own)(own.name, theirs.value, own.ends)
    is_page(journey.open_return(thief), "sign in")
    assert journey.state()["state"] == "awaiting_user", "nothing was noted"
    now_ms = int(time.time() * 1000)
    journey.come_back()
    journey.token()
    check_approved(journey.end())
    assert journey.state()["returned_ms"] >= now_ms, "nor later: the first return is its own"


@pytest.mark.parametrize("value", ["", "x", "A" * 43, "A" * 5000, 'a"b', "%00", "null"], ids=lambda v: v[:8] or "empty")
def test_return_with_a_made_up_cookie(service, value):
    journey = service.journey().to_vendor()
    journey.finish()
    forger = Browser()
    (own,) = journey.browser.jar(journey.redirect_url).values()
    forger.jar(journey.redirect_url)[own.name] = type(own)(own.name, value, own.ends)
    is_page(journey.open_return(forger), "sign in")


@pytest.fixture(scope="module")
def finished(service):
    journey = service.journey().to_vendor()
    journey.finish()
    return journey


@pytest.mark.parametrize("route", ["start", "return"])
@pytest.mark.parametrize("part", PARTS)
def test_a_tampered_ticket_is_nobodys(service, finished, route, part):
    """Each part of it, at several places."""
    ticket = ticket_of(finished.redirect_url if route == "start" else finished.back)
    for place in list(PARTS[part])[::5]:
        page = finished.open_return(url=f"{service.stack.public_url}/{route}/{tampered(ticket, place)}")
        is_page(page, "expired", "sign in", "not valid")


@pytest.mark.parametrize("route", ["start", "return"])
@pytest.mark.parametrize("ticket", ["x", "A" * 56, "A" * 55, "A" * 57, "A" * 3000, "..%2f..%2fetc%2fpasswd", "null",
                                    "%3Cscript%3Ealert(1)%3C%2Fscript%3E", "v" + "A" * 22])
def test_what_is_no_ticket_is_nobodys(service, finished, route, ticket):
    page = finished.open_return(url=f"{service.stack.public_url}/{route}/{ticket}")
    is_page(page, "expired", "sign in", "not valid")
    assert "<script>alert" not in page.text


def test_a_start_ticket_is_no_return_ticket_and_the_other_way_round(service, finished):
    swapped = (f"/return/{ticket_of(finished.redirect_url)}", f"/start/{ticket_of(finished.back)}")
    for path in swapped:
        is_page(finished.open_return(url=service.stack.public_url + path), "expired", "sign in", "not valid")


@pytest.mark.parametrize("route", ["start", "return"])
def test_an_expired_ticket_is_told_so(service, finished, route):
    """The right browser, the right cookie, a ticket of ours: too late. With time left the same is taken."""
    url = f"{service.stack.public_url}/{route}/"
    is_page(finished.open_return(url=url + forge.expired_ticket(service.stack, route, finished.reference)), "expired")
    now = time.time()
    alive = forge.ticket(service.stack, route, finished.reference, int(now * 1000) + 1000, int(now) + 600)
    assert finished.open_return(url=url + alive).location


def test_a_ticket_for_a_verification_that_nobody_knows_is_told_to_begin_again(service):
    now = time.time()
    accepted = now - 61  # before that it is waited for: the ticket proves that it was accepted
    for route in ("start", "return"):
        lost = forge.ticket(service.stack, route, "v" + "A" * 22, int(accepted * 1000), int(now) + 600)
        page = Browser().open(f"{service.stack.public_url}/{route}/{lost}")
        assert page.status in (200, 403, 404, 410) and not page.location and "again" in page.words.lower()


def test_a_ticket_of_another_installation_is_nobodys(service, folder, finished):
    """The same everything, another VERIFYD_ID_KEY."""
    key = folder / "id-key"
    key.write_text(secrets.token_urlsafe(48))
    other = service.stack.ingress(ID_KEY_FILE=key)
    for url in (finished.redirect_url, finished.back):
        is_page(finished.browser.open(url, at=other.http.address), "expired", "sign in", "not valid")


def test_two_tabs_of_two_people_in_one_browser_do_not_collide(service):
    """A family's computer: one browser, two sign-ups, in turn."""
    ann = service.journey().initialize()
    bob = service.journey(browser=ann.browser).initialize()
    for step in ("open_vendor", "finish", "come_back", "token"):
        getattr(ann, step)()
        if step == "finish":
            bob.finish("denied_fraud")
        else:
            getattr(bob, step)()
    assert ann.capture != bob.capture and len(ann.browser.jar(ann.redirect_url)) == 2
    check_approved(ann.end())
    end = bob.end()
    assert (end.status, end.success) == ("FAILED", False)


def test_return_drops_what_jumio_and_others_append(service):
    journey = service.journey().to_vendor()
    journey.finish()
    place = journey.back.partition("?")[0]
    for query in ("", "?transactionReference=v" + "A" * 22, "?transactionStatus=ERROR&errorCode=9820", "?id_token_hint=x&redirect_uri=https://evil.example",
                  "?a=%0d%0aSet-Cookie:x", "?" + "a" * 3000):
        journey.back = place + query
        journey.come_back()  # judges every parameter


def test_return_before_anything_was_handed_in_is_a_return_all_the_same(service):
    """Somebody presses the link of an old mail: it goes to B2C, which is told that it is not finished."""
    journey = service.journey().to_vendor()
    journey.back = journey.transaction()["success_url"]
    journey.come_back()
    journey.token()
    assert journey.status()["status"] == "RETRY" and journey.validate()["success"] is False
    journey.finish()  # the other tab
    check_approved(journey.end())


# tokens and references

def test_a_token_of_another_person_or_reference_is_nothing(service):
    mine = service.journey("~callback=0")
    check_approved(mine.sign_up())
    other = service.journey().to_b2c()
    stolen = mine.first_token
    told = [other.validate(stolen), mine.validate(other.first_token), mine.validate(ObjectId=other.object_id),
            mine.validate(TransactionReference=other.reference), other.validate(stolen, TransactionReference=mine.reference),
            mine.validate(TransactionReference="v" + "A" * 22), mine.validate(ObjectId="somebody")]
    assert [answer["success"] for answer in told] == [False] * len(told)
    forged = other.call("InitializeVerification", {"ObjectId": other.object_id, "TransactionReference": mine.reference})
    assert other.status(forged["verificationToken"])["status"] == "FAILED", "the reference's person is another"
    answer = other.call("ValidateVerificationToken", {"ObjectId": other.object_id, "TransactionReference": mine.reference,
                                                      "VerificationToken": forged["verificationToken"]})
    assert answer["success"] is False
    check_approved(other.end())


def segment(data):
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


def garbage_tokens(token):
    head, key, iv, text, tag = token.split(".")
    claims = segment({"ObjectId": "x", "transactionReference": "v" + "A" * 22, "exp": 9999999999})
    return {
        "a word": "x", "dots": "....", "more dots": "." * 200, "binary": "\u0000\u0001\u00ff", "long": "A" * 20_000, "null": "null",
        "no tag": ".".join((head, key, iv, text, "")), "no text": ".".join((head, key, iv, "", tag)), "shortened": token[:-4],
        "lengthened": token + "AAAA", "other tag": ".".join((head, key, iv, text, tag[::-1])), "other iv": ".".join((head, key, iv[::-1], text, tag)),
        "other text": ".".join((head, key, iv, text[:40] + ("A" if text[40] != "A" else "B") + text[41:], tag)),
        "alg none": ".".join((segment({"alg": "none"}), claims, "")), "plain JWS": ".".join((segment({"alg": "HS256"}), claims, "AAAA")),
        "other alg": ".".join((segment({"alg": "RSA-OAEP", "enc": "A256GCM"}), key, iv, text, tag)),
        "other enc": ".".join((segment({"alg": "dir", "enc": "A128CBC-HS256"}), key, iv, text, tag)),
        "zip bomb": ".".join((segment({"alg": "dir", "enc": "A256CBC-HS512", "zip": "DEF"}), key, iv, text, tag)),
        "an object as head": ".".join((segment([]), key, iv, text, tag)), "a hint's form": ".".join((segment({"alg": "RS256"}), claims, "AAAA")),
    }


def test_a_garbage_token_is_a_plain_no(service):
    journey = service.journey("~callback=0")
    check_approved(journey.sign_up())
    for name, token in garbage_tokens(journey.first_token).items():
        for answer in (journey.status(token), journey.validate(token)):
            assert answer.status in (200, 409), name
            if answer.status == 200:
                assert answer.get("status", "FAILED") == "FAILED" and answer.get("success", False) is False, name
            else:
                assert answer.code in ("bad_field", "bad_json"), name
    check_approved(journey.end())


def test_an_expired_token_is_a_plain_no(service):
    """Made with our keys, for this person and reference; only its time is over. With time left the same is taken."""
    journey = service.journey("~callback=0")
    check_approved(journey.sign_up())

    def told(**how):
        token = forge.token(service.stack, journey.object_id, journey.reference, **how)
        return journey.status(token)["status"], journey.validate(token)["success"]

    assert told() == ("SUCCESS", True)
    for how in ({"age_s": 90_000}, {"age_s": 200, "life_s": 100}, {"age_s": -600}, {"iss": "https://evil.example"}, {"aud": "x"}):
        assert told(**how) == ("FAILED", False), how


def test_a_token_of_another_installation_is_a_plain_no(service, folder):
    """Good in form, made with other keys."""
    keys = {}
    for name in ("TOKEN_SIGNING_KEY", "TOKEN_ENCRYPTION_KEY"):
        keys[f"{name}_FILE"] = folder / name
        keys[f"{name}_FILE"].write_text(secrets.token_urlsafe(72))
    foreign = service.stack.ingress(**keys)
    journey = service.journey("~callback=0")
    check_approved(journey.sign_up())
    made = api(foreign.b2c, "InitializeVerification", {"ObjectId": journey.object_id, "TransactionReference": journey.reference})
    assert journey.status(made["verificationToken"])["status"] == "FAILED"
    assert journey.validate(made["verificationToken"])["success"] is False
    only_signed = service.stack.ingress(TOKEN_SIGNING_KEY_FILE=keys["TOKEN_SIGNING_KEY_FILE"])  # encrypted as ours, signed by another
    made = api(only_signed.b2c, "InitializeVerification", {"ObjectId": journey.object_id, "TransactionReference": journey.reference})
    assert journey.validate(made["verificationToken"])["success"] is False


def test_keys_can_be_rotated_while_tokens_live(service, folder):
    """The new key first, the last one behind it: tokens of before are good, and new ones carry the new key."""
    rotated = {}
    for name in ("TOKEN_SIGNING_KEY", "TOKEN_ENCRYPTION_KEY"):
        rotated[f"{name}_FILE"] = folder / f"rotated-{name}"
        rotated[f"{name}_FILE"].write_text(f"{secrets.token_urlsafe(72)},{service.stack.secret(name)}")
    newer = service.stack.ingress(**rotated)
    journey = service.journey("~callback=0")
    check_approved(journey.sign_up())
    journey.ingress = newer
    assert journey.validate()["success"] is True and journey.status()["status"] == "SUCCESS"
    fresh = journey.token()
    assert journey.validate(fresh)["success"] is True
    journey.ingress = service.ingress
    assert journey.validate(fresh)["success"] is False


# CORS

def preflight(caller, origin, method="POST", headers="content-type,prefer"):
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return caller.without_credential().ask("OPTIONS", "/api/Jumio/VerifyTransactionStatus", headers=asked)


def test_the_page_may_ask_from_b2cs_origin_and_nobody_elses_page_may(service):
    answer = preflight(service.http, ORIGIN)
    assert answer.status in (200, 204) and answer.headers["access-control-allow-origin"] == ORIGIN
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"content-type", "prefer"} <= allowed
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers
    for origin in ("https://evil.example", "null", ORIGIN + "0", ORIGIN + ".evil.example", ""):
        assert "access-control-allow-origin" not in preflight(service.http, origin).headers, origin


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"verificationToken":5}', b'{"verificationToken":"' + b"x" * 70_000 + b'"}'],
                         ids=["empty", "cut", "nothing", "number", "huge"])
def test_errors_carry_the_cors_header_too(service, body):
    answer = service.http.without_credential().ask("POST", "/api/Jumio/VerifyTransactionStatus", body,
                                                   {"Content-Type": "application/json", "Origin": ORIGIN})
    assert answer.status == 409 and answer.headers["access-control-allow-origin"] == ORIGIN
    answer = service.http.without_credential().ask("POST", "/api/Jumio/VerifyTransactionStatus", body,
                                                   {"Content-Type": "application/json", "Origin": "https://evil.example"})
    assert answer.status == 409 and "access-control-allow-origin" not in answer.headers


def test_origins_are_a_setting(service):
    ingress = service.stack.ingress(CORS_ORIGINS="https://login.contoso.example,https://contoso.b2clogin.example")
    for origin, allowed in (("https://login.contoso.example", True), ("https://contoso.b2clogin.example", True), (ORIGIN, False)):
        assert (preflight(ingress.http, origin).headers.get("access-control-allow-origin") == origin) is allowed


def test_prefer_wait_holds_the_page_until_there_is_a_verdict(service):
    journey = service.journey("~pending=2").to_b2c()  # looked for after 1 and 2 s, and found after 3
    begun = time.monotonic()
    assert journey.status(wait=20)["status"] == "SUCCESS"
    assert 0.5 < time.monotonic() - begun < 15
    waiting = service.journey().to_vendor()
    waiting.token()
    begun = time.monotonic()
    assert waiting.status(wait=1)["status"] == "RETRY" and 0.9 < time.monotonic() - begun < 4
