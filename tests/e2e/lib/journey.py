"""One sign-up as the sample's policies and pages walk it (contracts 6): B2C's REST calls, the person's browser, the page
that polls. Every step checks what B2C and the person get; a test changes the order, the browser, or what fails.
"""
import base64
import hashlib
import time
import urllib.parse
from dataclasses import dataclass

import jwt
from cryptography import x509

from lib.browser import Browser, check_words
from lib.process import until
from lib.stack import AUDIENCE, B2C_URL, ISSUER

CLIENT_ID = "6f1de2a5-3a53-4a4c-9f3e-b7b1b4c1a111"
POLICY = "B2C_1A_JUMIO_SIGNUP_RETURN"
ORIGIN = "http://127.0.0.1:1"  # of the page that polls: B2C's
HINT_LIFE_S = 15 * 60
CLOCKS_S = 60  # by which B2C's clock may differ from ours
WORST_CASE_S = 90


@dataclass
class End:
    """What B2C knows at the end of a journey."""
    status: str  # the page's last answer
    success: bool
    message: str


def api(caller, name, body, **more):
    """One of the four calls. A 409 must be fit for a person's eyes, and nothing is ever null."""
    answer = caller.post(f"/api/Jumio/{name}", body, **more)
    assert answer.status in (200, 409), f"{name}: {answer.status} {answer.body[:500]!r}"
    assert None not in answer.json.values(), answer.body
    if answer.status == 409:
        check_words(answer["userMessage"], name)
    return answer


def query_of(url):
    """A query's members, each of which must be there once."""
    pairs = urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), f"a parameter twice: {url}"
    return dict(pairs)


def key_set(caller):
    """Discovery, then the keys, as B2C reads them on every return. Returns both documents."""
    anybody = caller.without_credential()
    discovery = anybody.get("/api/Oidc/.well-known/openid-configuration")
    assert discovery.status == 200 and discovery["issuer"] == ISSUER
    assert discovery["id_token_signing_alg_values_supported"] == ["RS256"]
    place = urllib.parse.urlsplit(discovery["jwks_uri"])
    assert place.scheme and place.netloc, "absolute"
    return discovery, anybody.get(place.path)


def check_hint(caller, hint, object_id):
    """Checks an id_token_hint as B2C does, and the key that signed it. Returns the claims."""
    _, keys = key_set(caller)
    head = jwt.get_unverified_header(hint)
    assert head["alg"] == "RS256"
    (key,) = [key for key in keys["keys"] if key["kid"] == head["kid"]]
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    public = jwt.PyJWK(key, "RS256").key
    certificate = base64.b64decode(key["x5c"][0])
    assert x509.load_der_x509_certificate(certificate).public_key().public_numbers() == public.public_numbers()
    assert key["x5t"] == base64.urlsafe_b64encode(hashlib.sha1(certificate).digest()).decode().rstrip("=")
    claims = jwt.decode(hint, public, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER,
                        options={"require": ["exp", "nbf", "iss", "aud"]})
    left_s = claims["exp"] - time.time()
    assert HINT_LIFE_S - 30 < left_s <= HINT_LIFE_S, "fresh"
    assert -1 <= time.time() - claims["nbf"] <= CLOCKS_S + 30, "begins now, but for clocks that differ"
    assert claims["ObjectId"] == object_id
    return claims


class Journey:
    """A person, a browser, and one B2C journey. `marks` tell vendorsim how Jumio behaves for this person."""

    def __init__(self, stack, ingress, marks="", object_id=None, browser=None, public_url=None, b2c_url=B2C_URL, **fields):
        self.stack, self.ingress = stack, ingress
        self.public_url, self.b2c_url = public_url or stack.public_url, b2c_url
        self.browser = browser or Browser()
        self.object_id = object_id or stack.person(marks, kind="object")
        self.fields = {
            "ObjectId": self.object_id, "ClientId": CLIENT_ID, "Scope": "openid offline_access", "Policy": POLICY,
            "RedirectUri": f"https://{stack.person(kind='app')}.example/signin-oidc?from=a%2Fb&to=c+d",
            "CorrelationId": stack.person(kind="corr"),
        } | fields
        self.reference = None  # our transactionReference
        self.redirect_url = None
        self.back = None  # where Jumio sends the browser
        self.first_token = None
        self.begun_ms = int(time.time() * 1000)

    def again(self, browser=None, **fields):
        """The same person begins anew at B2C, in the same browser unless told otherwise."""
        return Journey(self.stack, self.ingress, object_id=self.object_id, browser=browser or self.browser,
                       public_url=self.public_url, b2c_url=self.b2c_url, **fields)

    # B2C's calls

    def call(self, name, body, **more):
        return api(self.ingress.b2c, name, body, **more)

    def try_initialize(self, **changes):
        return self.call("InitializeTransaction", self.fields | changes)

    def begin(self):
        """InitializeTransaction; again, as the person is told, where Kafka did not take it in time."""
        return until(lambda: (answer := self.try_initialize()).code != "queue_away" and answer, 60, "Kafka to take it", 0.2)

    def initialize(self):
        answer = self.begin()
        assert answer.status == 200, answer.json
        self.accept(answer)
        return self

    def accept(self, answer):
        self.reference, self.redirect_url = answer["transactionReference"], answer["redirectUrl"]
        assert self.redirect_url.startswith(self.public_url + "/start/") and len(self.redirect_url) <= 255

    def token(self):
        answer = self.call("InitializeVerification", {"ObjectId": self.object_id, "TransactionReference": self.reference})
        assert answer.status == 200, answer.json
        self.first_token = self.first_token or answer["verificationToken"]
        return answer["verificationToken"]

    def validate(self, token=None, **changes):
        body = {"ObjectId": self.object_id, "TransactionReference": self.reference, "VerificationToken": token or self.first_token}
        answer = self.call("ValidateVerificationToken", body | changes)
        if answer.status == 200:
            assert isinstance(answer["success"], bool) and answer["message"]
            check_words(answer["message"], "ValidateVerificationToken")
        return answer

    # the page that polls

    def status(self, token=None, wait=None):
        headers = {"Origin": ORIGIN} | ({"Prefer": f"wait={wait}"} if wait is not None else {})
        sent = token or self.first_token
        answer = api(self.ingress.http.without_credential(), "VerifyTransactionStatus", {"verificationToken": sent}, headers=headers)
        assert answer.headers.get("access-control-allow-origin") == ORIGIN, answer.headers
        if answer.status == 200:
            assert answer["status"] in ("SUCCESS", "FAILED", "RETRY") and answer["verificationToken"] == sent
        return answer

    def settle(self, timeout_s=WORST_CASE_S, every_s=0.3):
        """Polls with the first token, as the page does, until it stops."""
        return until(lambda: (s := self.status()["status"]) != "RETRY" and s, timeout_s, f"a verdict on {self.reference}", every_s)

    # the person's browser

    def open_start(self, browser=None):
        return (browser or self.browser).open(self.redirect_url, at=self.ingress.http.address)

    def open_vendor(self, timeout_s=30):
        """Follows /start to the vendor's page, and looks at that. Returns its address."""
        page = self.browser.wait_for_redirect(self.redirect_url, timeout_s, at=self.ingress.http.address)
        assert "no-store" in page.headers.get("cache-control", ""), "the vendor's address is a secret"
        capture = page.location
        assert capture.startswith(self.stack.vendor.jumio_url + "/capture?authorizationToken=")
        shown = self.browser.open(capture)
        assert shown.status == 200 and "approved" in shown.text
        self.capture = capture
        return capture

    def finish(self, outcome="approved"):
        """The person hands in the document (or what `outcome` says). Keeps where Jumio sends the browser then."""
        form = query_of(self.capture) | {"outcome": outcome}
        page = self.browser.open(f"{self.stack.vendor.jumio_url}/capture/finish", form)
        assert page.location, f"{page.status}: {page.text[:500]}"
        self.back = page.location
        given = query_of(self.back)
        assert given["customerInternalReference"] == self.reference
        assert self.back.startswith(self.public_url + "/return/")
        return self.back

    def open_return(self, browser=None, url=None):
        return (browser or self.browser).open(url or self.back, at=self.ingress.http.address)

    def come_back(self):
        """Returns the claims of the hint that B2C gets. A page that says that it comes again, since Kafka is slow, does so."""
        page = until(lambda: (p := self.open_return()) and (p.location or "very busy" not in p.words) and p, 30, "the way back", 0.5)
        assert page.location, f"{page.status}: {page.words}"
        assert "no-store" in page.headers.get("cache-control", "")
        return self.land(page.location)

    def land(self, location):
        """B2C's authorize endpoint: everything is there, once, and nothing of the vendor's."""
        assert location.partition("?")[0] == f"{self.b2c_url}/{self.fields['Policy']}/oauth2/v2.0/authorize"
        assert location.isascii() and " " not in location and '"' not in location
        given = query_of(location)
        hint = given.pop("id_token_hint")
        assert given == {"client_id": self.fields["ClientId"], "redirect_uri": self.fields["RedirectUri"],
                         "scope": self.fields.get("Scope") or "openid", "response_type": "id_token",
                         "transactionReference": self.reference}
        return check_hint(self.ingress.http, hint, self.object_id)

    # whole ways

    def to_vendor(self):
        self.initialize()
        self.open_vendor()
        return self

    def to_b2c(self, outcome="approved"):
        """From initialize to B2C's return policy with its token."""
        self.to_vendor()
        self.finish(outcome)
        self.come_back()
        self.token()
        return self

    def end(self, timeout_s=WORST_CASE_S):
        """The page polls until it stops, then B2C validates."""
        status = self.settle(timeout_s)
        answer = self.validate()
        assert answer.status == 200, answer.json
        return End(status, answer["success"], answer["message"])

    def sign_up(self, outcome="approved"):
        return self.to_b2c(outcome).end()

    # what is behind it

    def state(self):
        """The judged state in Redis, or None."""
        return self.stack.redis.state(self.reference)

    def resumed(self):
        """This one goes on with what was under way. Waits until the worker has heard of it: from then on its way back counts."""
        until(lambda: (s := self.state()) and s.get("resumed_ms", 0) >= self.begun_ms, 30, f"{self.reference} to be resumed")
        return self

    def wait_state(self, *wanted, timeout_s=60):
        return until(lambda: (s := self.state()) and s["state"] in wanted and s, timeout_s, f"{self.reference} to be {wanted}")

    def result(self):
        """What Kafka's results say, or None."""
        return self.stack.topics.final().get(self.reference)

    def transaction(self):
        return self.stack.vendor.transaction(self.object_id)

    def initiates(self):
        return len(self.stack.vendor.initiates(self.object_id))


def check_approved(end):
    assert (end.status, end.success) == ("SUCCESS", True), end


def check_refused(end):
    assert (end.status, end.success) == ("FAILED", False), end
