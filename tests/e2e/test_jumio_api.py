"""The Jumio and OIDC routes as an interface: bad input of every kind, the 409 contract, callbacks, /v1 journeys,
discovery and keys."""
import json
import secrets

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from lib import process
from lib.browser import Browser, check_words
from lib.http import raw, split_answers
from lib.journey import CLIENT_ID, POLICY, Journey, api, check_approved, check_hint, key_set, query_of
from lib.load import in_parallel
from lib.process import until
from lib.stack import ISSUER

LIMIT = 64 * 1024
JSON = {"Content-Type": "application/json"}
SOME_ID = "v" + "A" * 22
GOOD = {
    "InitializeTransaction": {"ObjectId": "o", "ClientId": CLIENT_ID, "RedirectUri": "https://app.example/cb", "Scope": "openid",
                              "Policy": POLICY, "CorrelationId": "c"},
    "InitializeVerification": {"ObjectId": "o", "TransactionReference": SOME_ID},
    "VerifyTransactionStatus": {"verificationToken": "x"},
    "ValidateVerificationToken": {"ObjectId": "o", "TransactionReference": SOME_ID, "VerificationToken": "x"},
}
REQUIRED = {  # Scope may be absent
    "InitializeTransaction": ("ObjectId", "ClientId", "RedirectUri", "Policy", "CorrelationId"),
    "InitializeVerification": ("ObjectId", "TransactionReference"),
    "VerifyTransactionStatus": ("verificationToken",),
    "ValidateVerificationToken": ("ObjectId", "TransactionReference", "VerificationToken"),
}
BAD_JSON = {
    "empty": b"", "blank": b" \n", "cut off": b'{"ObjectId":"o', "a form": b"ObjectId=o", "two": b"{} {}", "nan": b'{"a":NaN}',
    "bad utf-8": b'{"ObjectId":"\xff"}', "lone surrogate": b'{"ObjectId":"\\ud800"}', "nul": b'{"ObjectId":"a\0b"}',
    "deep": b"[" * 10_000, "33 deep": b'{"a":' * 33 + b"1" + b"}" * 33, "many tokens": b"[" + b"1," * 20_000 + b"1]",
    "array": b"[]", "string": b'"x"', "number": b"1", "null": b"null", "key twice": b'{"ObjectId":"a","ObjectId":"b"}',
}
WRONG = {"number": 5, "true": True, "array": ["x"], "object": {"a": "b"}, "control": "a\u0001b", "line break": "a\r\nb", "huge": "x" * 40_000}
TAKEN_AS_TEXT = {("InitializeVerification", "ObjectId"), ("ValidateVerificationToken", "ObjectId"), ("ValidateVerificationToken", "VerificationToken"),
                 ("VerifyTransactionStatus", "verificationToken")}
ROUTES = list(GOOD)


def post(service, name, body, headers=None):
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = service.b2c.ask("POST", f"/api/Jumio/{name}", sent, JSON | (headers or {}))
    if answer.status == 409:
        check_words(answer["userMessage"], name)
    return answer


def no_transaction(service, before):
    assert len(service.vendor.transactions()) == before, "nothing was asked of Jumio"


@pytest.mark.parametrize("name", ROUTES)
def test_what_is_no_json_object_is_told_so(service, name):
    before = len(service.vendor.transactions())
    answers = {kind: post(service, name, body) for kind, body in BAD_JSON.items()}
    told = {kind: (answer.status, answer.code) for kind, answer in answers.items()}
    assert all(status == 409 and code in ("bad_json", "bad_field") for status, code in told.values()), told
    assert post(service, name, b" " * LIMIT + b"{}").code == "too_large"
    no_transaction(service, before)


@pytest.mark.parametrize("name", ROUTES)
def test_what_is_missing_empty_or_null_is_told_so(service, name):
    before = len(service.vendor.transactions())
    for member in REQUIRED[name]:
        body = GOOD[name]
        for case in ({k: v for k, v in body.items() if k != member}, body | {member: None}, body | {member: ""}):
            answer = post(service, name, case)
            assert (answer.status, answer.code) in ((409, "missing_field"), (409, "bad_field")), (member, answer.json)
            assert answer.code == "missing_field" or case.get(member) == ""
    no_transaction(service, before)


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize("kind", WRONG)
def test_what_is_not_a_usable_text_is_told_so(service, name, kind):
    before = len(service.vendor.transactions())
    for member in GOOD[name]:
        answer = post(service, name, GOOD[name] | {member: WRONG[kind]})
        if answer.status == 200 and (name, member) in TAKEN_AS_TEXT and isinstance(WRONG[kind], str):  # nobody's, and worth nothing
            assert answer.get("status", "FAILED") == "FAILED" and answer.get("success", False) is False
        else:
            assert (answer.status, answer.code) == (409, "bad_field"), (member, answer.json)
    no_transaction(service, before)


BAD_FIELDS = {
    "Policy": ["a/b", "../x", "p?x=1", "p#", "p q", "p%41", "a" * 129, "ü"],
    "RedirectUri": ["http://app.example/cb", "javascript:alert(1)", "data:text/html,x", "//evil.example", "/relative", "https://", "nonsense",
                    "https://a.example/" + "x" * 2048, "file:///etc/passwd", "https://user:pass@a.example/"],
    "ObjectId": ["o" * 257], "ClientId": ["c" * 257], "CorrelationId": ["c" * 129], "Scope": ["s" * 1025], "Locale": ["l" * 17],
}


@pytest.mark.parametrize("member", BAD_FIELDS)
def test_fields_of_initialize_have_limits(service, member):
    before = len(service.vendor.transactions())
    for value in BAD_FIELDS[member]:
        answer = post(service, "InitializeTransaction", GOOD["InitializeTransaction"] | {member: value})
        assert (answer.status, answer.code) == (409, "bad_field"), (value[:60], answer.json)
    no_transaction(service, before)


@pytest.mark.parametrize("name", ["InitializeVerification", "ValidateVerificationToken"])
@pytest.mark.parametrize("reference", ["x", "v", SOME_ID[:-1], SOME_ID + "A", "'; DROP", "0b8e1c1e-1111-4222-8333-44445555666",
                                       "0b8e1c1e11114222833344445555666f", "../../etc/passwd", "{OAUTH-KV:transactionReference}"])
def test_a_reference_has_one_of_two_forms(service, name, reference):
    answer = post(service, name, GOOD[name] | {"TransactionReference": reference})
    if name == "InitializeVerification" or answer.status == 409:
        assert (answer.status, answer.code) == (409, "bad_field")
    else:
        assert answer["success"] is False


@pytest.mark.parametrize("redirect", ["https://app.example/cb?x=ä&y=%2F", "http://localhost:5000/cb", "http://127.0.0.1:8400", "com.contoso.app://auth/cb",
                                      "msal6f1de2a5://auth", "https://app.example/" + "x" * 1900])
def test_redirect_uris_that_apps_really_use_come_back_as_they_went(service, redirect):
    journey = service.journey(**{"RedirectUri": redirect}).to_vendor()
    journey.finish()
    journey.come_back()


@pytest.mark.parametrize("changes", [{"Scope": None}, {"Scope": ""}, {"Scope": "openid https://contoso.example/api.read offline_access"},
                                     {"Policy": "b2c_1a-x.Y_9"}, {"ClientId": "a b&c=d#e"}, {"surprise": {"a": [1]}}, {"Locale": "de-AT"}], ids=str)
def test_fields_of_initialize_that_may_be(service, changes):
    journey = service.journey(**changes).to_vendor()
    journey.finish()
    journey.come_back()


def test_the_persons_language_reaches_jumio(service):
    journey = service.journey(Locale="pt-BR").initialize()
    until(lambda: service.vendor.transactions(journey.object_id), 20)
    assert journey.transaction()["locale"] == "pt-BR"


@pytest.mark.parametrize("path", ["/api/jumio/initializetransaction", "//api/Jumio/InitializeTransaction", "/API//JUMIO///INITIALIZETRANSACTION"])
def test_names_of_routes_and_members_are_matched_as_the_original_does(service, path):
    journey = service.journey("~pending=4")  # no verdict before all has been asked
    body = {name.upper() if n % 2 else name.lower(): value for n, (name, value) in enumerate(journey.fields.items())}
    answer = service.b2c.post(path, body)
    assert answer.status == 200
    journey.accept(answer)
    journey.open_vendor()
    journey.finish()
    journey.come_back()
    reply = service.b2c.post("//api//jumio/INITIALIZEVERIFICATION", {"OBJECTID": journey.object_id, "transactionreference": journey.reference})
    journey.first_token = reply["verificationToken"]
    again = service.http.without_credential().post("//API/jumio/verifytransactionstatus", {"VERIFICATIONTOKEN": journey.first_token})
    assert again["status"] == "RETRY"
    done = service.b2c.post("/api/JUMIO//validateverificationtoken", {"objectid": journey.object_id, "TRANSACTIONREFERENCE": journey.reference,
                                                                    "verificationTOKEN": journey.first_token})
    assert done["success"] is False


def test_the_replys_names_are_spelt_exactly_so(service):
    """B2C matches them by case."""
    journey = service.journey("~callback=0")
    answer = journey.try_initialize()
    assert set(answer.json) == {"transactionReference", "redirectUrl"}
    journey.accept(answer)
    token = journey.call("InitializeVerification", {"ObjectId": journey.object_id, "TransactionReference": journey.reference})
    assert set(token.json) == {"verificationToken"}
    journey.first_token = token["verificationToken"]
    assert set(journey.status().json) == {"status", "verificationToken"}
    assert set(journey.validate().json) == {"success", "message"}


@pytest.mark.parametrize("name", ["InitializeTransaction", "InitializeVerification", "ValidateVerificationToken"])
def test_b2cs_calls_need_a_credential_and_the_pages_does_not(service, name):
    for caller in (service.http.without_credential(), service.http.with_key("x" * 40)):
        answer = caller.post(f"/api/Jumio/{name}", GOOD[name])
        assert (answer.status, answer.code) == (409, "unauthenticated")
    assert service.basic.post(f"/api/Jumio/{name}", {}).code == "missing_field"
    assert service.http.without_credential().post("/api/Jumio/VerifyTransactionStatus", {}).code == "missing_field"


@pytest.mark.parametrize("name", ROUTES)
def test_wrong_methods_and_types(service, name):
    for method in ("GET", "PUT", "DELETE"):
        answer = service.b2c.ask(method, f"/api/Jumio/{name}")
        assert (answer.status, answer.code) == (409, "method_not_allowed")
    answer = service.b2c.ask("POST", f"/api/Jumio/{name}", b"ObjectId=o", {"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status, answer.code) == (409, "unsupported_media_type")
    assert service.b2c.post(f"/api/Jumio/{name}x", {}).code == "not_found"


def test_a_token_is_minted_without_asking_anybody(service):
    """For a reference that nobody knows too: what it is worth is decided when it is used."""
    token = post(service, "InitializeVerification", GOOD["InitializeVerification"])["verificationToken"]
    answer = service.http.without_credential().post("/api/Jumio/VerifyTransactionStatus", {"verificationToken": token})
    assert answer["status"] == "FAILED"
    assert post(service, "ValidateVerificationToken", GOOD["ValidateVerificationToken"] | {"VerificationToken": token})["success"] is False


# callbacks

def callback(caller, secret, form, headers=None, content_type="application/x-www-form-urlencoded"):
    return caller.without_credential().ask("POST", f"/v1/callbacks/jumio/{secret}", form,
                                           {"Content-Type": content_type} | (headers or {}))


def test_a_callback_with_a_wrong_secret_finds_nothing(service):
    secret = service.stack.secret("CALLBACK_SECRET")
    for wrong in ("x", secret[:-1], secret + "x", secret.upper() if secret.upper() != secret else secret.lower(), secret[::-1]):
        assert callback(service.http, wrong, b"").status == 404, wrong
    assert callback(service.http, secret, b"").status == 200
    assert service.http.without_credential().ask("GET", f"/v1/callbacks/jumio/{secret}").status in (404, 405)


def test_a_callback_from_elsewhere_is_refused(service):
    """CALLBACK_ALLOW_FROM and, behind proxies that are trusted, X-Forwarded-For."""
    secret = service.stack.secret("CALLBACK_SECRET")
    strict = service.stack.ingress(CALLBACK_ALLOW_FROM="192.0.2.1, 198.51.100.0/24")
    assert callback(strict.http, secret, b"").status == 403
    assert callback(strict.http, secret, b"", {"X-Forwarded-For": "192.0.2.1"}).status == 403, "nobody vouches for that"
    behind = service.stack.ingress(CALLBACK_ALLOW_FROM="192.0.2.1, 198.51.100.0/24, 2001:db8::/32", TRUSTED_PROXIES="127.0.0.1,10.0.0.0/8")
    allowed = ["192.0.2.1", "198.51.100.77", "203.0.113.9, 192.0.2.1", "192.0.2.1, 10.1.2.3", "2001:db8::5", " 192.0.2.1 "]
    refused = ["203.0.113.9", "192.0.2.1, 203.0.113.9", "192.0.2.10", "nonsense", "10.1.2.3", "2001:db9::1", ""]
    assert [callback(behind.http, secret, b"", {"X-Forwarded-For": value}).status for value in allowed] == [200] * len(allowed)
    assert [callback(behind.http, secret, b"", {"X-Forwarded-For": value}).status for value in refused] == [403] * len(refused)
    assert callback(behind.http, "wrong", b"", {"X-Forwarded-For": "203.0.113.9"}).status in (403, 404)


GARBAGE = {
    "empty": b"", "no form": b"\x00\xff\xfe", "json": b'{"jumioIdScanReference":"x"}', "half escapes": b"jumioIdScanReference=%&%4=%zz",
    "many": b"&".join(b"a%d=b" % n for n in range(3000)), "long value": b"jumioIdScanReference=" + b"A" * 60_000, "nul": b"jumioIdScanReference=%00",
    "unknown": b"jumioIdScanReference=0b8e1c1e-1111-4222-8333-444455556666", "twice": b"jumioIdScanReference=a&jumioIdScanReference=b",
    "injection": b"jumioIdScanReference=%0d%0aSET%20x%20y&merchantIdScanReference=v*%0aFLUSHALL", "our form": b"merchantIdScanReference=" + SOME_ID.encode(),
    "utf-16": "jumioIdScanReference=x".encode("utf-16"), "equals": b"=" * 500, "ampersands": b"&" * 5000,
}


def test_whatever_a_callback_says_the_answer_is_200_and_empty(service):
    secret = service.stack.secret("CALLBACK_SECRET")
    for name, body in GARBAGE.items():
        answer = callback(service.http, secret, body)
        assert (answer.status, answer.body) == (200, b""), name
    for content_type in ("application/json", "multipart/form-data; boundary=x", "text/plain", None):
        assert callback(service.http, secret, b"x=y", content_type=content_type).status == 200
    assert callback(service.http, secret, b"a=" + b"b" * LIMIT).status in (200, 413)


def test_a_callback_is_a_hint_and_never_a_verdict(service):
    """It says APPROVED_VERIFIED; Jumio, when asked, says that the person has not finished."""
    journey = service.journey().to_vendor()
    journey.token()
    reference = journey.transaction()["reference"]
    form = f"callBackType=NETVERIFYID&jumioIdScanReference={reference}&verificationStatus=APPROVED_VERIFIED&idScanStatus=SUCCESS" \
           f"&customerId={journey.object_id}&merchantIdScanReference={journey.reference}" \
           "&identityVerification=%7B%22similarity%22%3A%22MATCH%22%2C%22validity%22%3Atrue%7D"
    answer = callback(service.http, service.stack.secret("CALLBACK_SECRET"), form.encode())
    assert answer.status == 200
    until(lambda: journey.transaction()["status_calls"] >= 1, 20, "a look at Jumio")
    assert journey.status()["status"] == "RETRY" and journey.validate()["success"] is False
    journey.finish()
    journey.come_back()
    check_approved(journey.end())


@pytest.mark.parametrize("form", ["jumioIdScanReference={0}", "JUMIOIDSCANREFERENCE={0}", "merchantIdScanReference={1}", "MerchantIDScanReference={1}&x=y",
                                  "jumioIdScanReference={0}&merchantIdScanReference={1}"])
def test_a_callback_is_understood_by_either_reference(service, form):
    journey = service.journey().to_vendor()
    reference = journey.transaction()["reference"]
    service.vendor.finish(reference, "approved")
    body = form.format(reference, journey.reference).encode()
    assert callback(service.http, service.stack.secret("CALLBACK_SECRET"), body).status == 200
    assert journey.wait_state("completed", timeout_s=20)["verdict"] == "verified"


def test_a_storm_of_callbacks_makes_no_storm_of_retrievals(service):
    """The same one fifty times: some may be looked at, and the verdict is fetched once."""
    journey = service.journey().to_vendor()
    reference = journey.transaction()["reference"]
    service.vendor.finish(reference, "approved")
    body, secret = f"jumioIdScanReference={reference}".encode(), service.stack.secret("CALLBACK_SECRET")
    answers = in_parallel(lambda _: callback(service.http, secret, body).status, range(50))
    assert set(answers) == {200}
    journey.wait_state("completed", timeout_s=30)
    assert journey.transaction()["data_calls"] <= 2


# /v1

def test_a_journey_over_v1(service):
    subject, back = service.person(kind="subject"), f"https://{service.person(kind='app')}.example/done?a=b%26c#part"
    made = service.b2c.post("/v1/verifications", {"kind": "jumio.identity", "subject": subject, "correlation": service.person(kind="corr"),
                                                  "locale": "en-GB", "return_url": back}, headers={"Prefer": "wait=10"})
    assert made.status in (201, 202) and made["kind"] == "jumio.identity"
    assert made["state"] in ("queued", "awaiting_user") and made["start_url"].startswith(service.stack.public_url + "/start/")
    seen = service.b2c.read(made["id"])
    assert "verdict" not in seen.json and "start_url" not in seen.json, "a ticket is given once, to who began"
    journey = Journey(service.stack, service.ingress, object_id=subject)
    journey.reference, journey.redirect_url = made["id"], made["start_url"]
    journey.open_vendor()
    journey.finish("denied_country")
    page = journey.open_return()
    assert page.location == back.replace("#part", f"&verification={made['id']}#part")
    view = until(lambda: (v := service.b2c.read(made["id"], wait=20))["state"] == "completed" and v, 60)
    assert (view["verdict"], view["reason"]) == ("denied", "unsupported_country") and "risk" not in view.json
    assert subject not in view.body.decode()
    assert service.other.read(made["id"]).status == 404
    shown = json.loads(service.stack.ctl("get", made["id"], "--json"))
    assert (shown["state"], shown["verdict"]) == ("completed", "denied")
    story = service.stack.ctl("get", made["id"])
    assert subject not in story and made["id"] in story and "denied" in story


@pytest.mark.parametrize("change,code", [
    ({"subject": None}, "bad_field"), ({"subject": ""}, "missing_field"), ({"session": "x"}, "bad_field"), ({"brand": "x"}, "bad_field"),
    ({"return_url": "javascript:alert(1)"}, "bad_field"), ({"return_url": "http://evil.example/"}, "bad_field"), ({"return_url": "x" * 3000}, "bad_field"),
    ({"redirect_uri": "https://a.example/"}, "bad_field"), ({"back_url": "https://a.example/"}, "bad_field"), ({"locale": "l" * 17}, "bad_field"),
    ({"policy": "p"}, "bad_field"), ({"notify_url": "https://a.example/"}, "bad_field"),
], ids=str)
def test_fields_of_a_v1_journey(service, change, code):
    body = {"kind": "jumio.identity", "subject": "s", "correlation": "c", "return_url": "https://a.example/"} | change
    answer = service.b2c.post("/v1/verifications", body)
    assert answer.status == 400 and answer.code in (code, "bad_field", "missing_field"), answer.json


@pytest.mark.parametrize("member", ["subject", "correlation", "return_url"])
def test_a_v1_journey_needs(service, member):
    body = {"kind": "jumio.identity", "subject": "s", "correlation": "c", "return_url": "https://a.example/"}
    body.pop(member)
    answer = service.b2c.post("/v1/verifications", body)
    assert (answer.status, answer.code) == (400, "missing_field")


# discovery, keys, and settings

def test_discovery_and_keys(service):
    discovery, keys = key_set(service.http)
    assert discovery["jwks_uri"].startswith(service.stack.public_url) and discovery["jwks_uri"].lower().endswith("/keys")
    for answer in (discovery, keys):
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["cache-control"] == "public, max-age=300"
    for key in keys["keys"]:
        assert {"kid", "use", "kty", "alg", "x5c", "x5t", "n", "e"} <= set(key) and not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
    for path in ("/api/Oidc/keys", "/api/oidc/.well-known/KEYS", "//api/Oidc//.well-known/keys", "/API/OIDC/.WELL-KNOWN/openid-configuration"):
        answer = service.http.without_credential().get(path)
        assert answer.status == 200 and answer.json in (keys.json, discovery.json)
    assert service.http.without_credential().ask("POST", "/api/Oidc/.well-known/keys", b"{}", JSON).code == "method_not_allowed"


def test_a_pfx_signs_too_and_a_key_to_come_is_published(service, folder):
    """SIGNING_CERT_FILE as PKCS #12, as Azure's Key Vault gives it; and PEM with two pairs."""
    pem = service.stack.secret("SIGNING_CERT").encode() + b"\n"
    key, certificate = serialization.load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)
    pfx = folder / "signing.pfx"
    pfx.write_bytes(pkcs12.serialize_key_and_certificates(b"s", key, certificate, None, serialization.BestAvailableEncryption(b"p w")))
    by_pfx = service.stack.ingress(SIGNING_CERT_FILE=pfx, SIGNING_CERT_PASSWORD="p w")
    assert key_set(by_pfx.http)[1].json == key_set(service.http)[1].json
    journey = service.journey()
    journey.ingress = by_pfx
    journey.to_vendor()
    journey.finish()
    journey.come_back()


def test_without_a_public_url_there_are_no_such_routes(service):
    """A scores-only installation needs none of the sign-ups' settings, and answers as if the routes were not there."""
    off = {name.removeprefix("VERIFYD_"): None for name in service.stack.environment() if name.startswith((
        "VERIFYD_PUBLIC", "VERIFYD_B2C", "VERIFYD_TOKEN", "VERIFYD_SIGNING", "VERIFYD_CALLBACK"))}
    ingress = service.stack.ingress(**off)
    for name in ROUTES:
        answer = ingress.b2c.ask("POST", f"/api/Jumio/{name}", json.dumps(GOOD[name]).encode(), JSON)
        assert (answer.status, answer.code) == (409, "not_found")
    for path in ("/api/Oidc/.well-known/keys", "/api/Oidc/.well-known/openid-configuration"):
        assert ingress.b2c.ask("GET", path).code == "not_found"
    for path in ("/start/x", "/return/x"):
        assert ingress.http.ask("GET", path).status == 404
    assert ingress.http.ask("POST", "/v1/callbacks/jumio/x", b"").status == 404
    assert ingress.b2c.score(service.person())["score"] == 87


MISTAKES = {
    "PUBLIC_URL": ["http://idv.example", "nonsense", "https://"], "B2C_BASE_REDIRECT_URL": [None, "http://evil.example/t"],
    "SIGNING_CERT_FILE": [None, "/nonexistent"], "TOKEN_ISSUER": [None], "TOKEN_AUDIENCE": [None], "CALLBACK_ALLOW_FROM": ["1.2.3", "10.0.0.0/33"],
    "JUMIO_ADOPT_UNTIL": ["tomorrow!!", "2026-13-01"], "CORS_ORIGINS": ["*", "b2c"], "TRUSTED_PROXIES": ["everybody"],
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_settings_is_named_at_the_start(service, name):
    for value in MISTAKES[name]:
        settings = service.stack.environment(**{name: value})
        done = process.run("verifyd-ingress", "--check-config", settings=settings)
        assert done.returncode == 2 and name in done.stderr, f"{value}: {done.returncode} {done.stderr}"


@pytest.mark.parametrize("path", ["/start/", "/start", "/return/", "/return", "/start/a/b", "/START/x"])
def test_other_paths_are_nothing(service, path):
    (answer, *_) = split_answers(raw(service.http.address, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())[0])
    assert answer[0] in (404, 405, 200)
    assert b"null" not in answer[2]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("route", ["start", "return"])
def test_people_only_open_pages(service, route, method):
    answer = service.http.ask(method, f"/{route}/{'A' * 56}", b"")
    assert answer.status == 405 and "GET" in answer.headers["allow"]


def test_head_of_a_page_is_not_an_opening(service):
    """A mail scanner or a link preview asks HEAD: it must not become the browser that is bound."""
    journey = service.journey().initialize()
    until(lambda: (s := journey.state()) and s["state"] == "awaiting_user", 20)
    answer = service.http.ask("HEAD", journey.redirect_url.removeprefix(service.stack.public_url))
    assert answer.status in (200, 302, 405) and "set-cookie" not in answer.headers
    journey.open_vendor()


def test_a_browsers_other_cookies_do_not_disturb(service):
    journey = service.journey().initialize()
    journey.open_vendor()
    journey.finish()
    (cookie,) = journey.browser.jar(journey.back).values()
    for header in (f"a=b; {cookie.name}={cookie.value}; c=d", f"{cookie.name}={cookie.value};;; x", "x=" + "y" * 6000 + f"; {cookie.name}={cookie.value}",
                   f"{cookie.name}=forged; {cookie.name}={cookie.value}"):
        page = Browser().open(journey.back, at=service.http.address, headers={"Cookie": header})
        assert page.status in (200, 302, 403), page.words
        if "forged" not in header:
            journey.land(page.location)


def test_the_hint_is_minted_anew_at_every_return(service):
    journey = service.journey().to_vendor()
    journey.finish()
    first = query_of(journey.open_return().location)["id_token_hint"]
    claims = check_hint(service.http, first, journey.object_id)
    assert {"iss", "aud", "exp", "nbf", "ObjectId"} <= set(claims) and claims["iss"] == ISSUER
    until(lambda: query_of(journey.open_return().location)["id_token_hint"] != first, 5, "another one", every_s=0.4)


def test_initialize_needs_no_redis_to_refuse_bad_input(service):
    answer = api(service.b2c, "InitializeTransaction", {"ObjectId": secrets.token_hex(4)})
    assert answer.code == "missing_field"
