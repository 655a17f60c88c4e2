"""Bad input: each kind its own clear answer in the caller's dialect, and the connection goes on as if nothing had been."""
import json

import pytest

GOOD = {"kind": "biocatch.score", "subject": "s", "session": "x"}
LIMIT = 64 * 1024


def changed(**members):
    return json.dumps(GOOD | members).encode()


def without(name):
    return json.dumps({k: v for k, v in GOOD.items() if k != name}).encode()


def nested(levels):
    return b"[" * levels + b"]" * levels


def padded(size):
    body = json.dumps(GOOD).encode()
    return body[:-1] + b" " * (size - len(body)) + b"}"


BAD_JSON = {
    "empty": b"", "blank": b"  \n", "cut off": b'{"kind":"bio', "not json": b"kind=biocatch.score", "trailing": b"{} {}",
    "trailing comma": b'{"kind":"x",}', "comment": b"{/**/}", "single quotes": b"{'kind':'x'}", "key twice": b'{"kind":"a","kind":"b"}',
    "key twice inside": b'{"kind":{"a":1,"a":2}}', "33 deep": nested(33), "33 deep inside": b'{"kind":' + nested(32) + b"}",
    "10000 deep": nested(10000), "objects deep": b'{"a":' * 5000 + b"1" + b"}" * 5000, "many tokens": b"[" + b"1," * 20000 + b"1]",
    "bad utf-8": b'{"kind":"\xff\xfe"}', "overlong utf-8": b'{"kind":"\xc0\xaf"}', "lone surrogate": b'{"kind":"\\ud800"}',
    "utf-16": json.dumps(GOOD).encode("utf-16"), "nul byte": b'{"kind":"a\0b"}', "raw newline": b'{"kind":"a\nb"}',
    "nan": b'{"kind":NaN}', "huge number": b'{"deadline_ms":1e999}',
}
NOT_AN_OBJECT = {"array": b"[]", "string": b'"x"', "number": b"1", "null": b"null", "true": b"true"}
BAD_FIELDS = {
    "subject a number": changed(subject=5), "subject null": changed(subject=None), "subject an object": changed(subject={}),
    "subject too long": changed(subject="s" * 257), "session too long": changed(session="s" * 257),
    "session with control characters": changed(session="a\u0001b"), "session with line breaks": changed(session="a\r\nb"),
    "correlation too long": changed(correlation="c" * 129), "brand an array": changed(brand=["b"]),
    "kind unknown": changed(kind="biocatch.nothing"), "kind empty": changed(kind=""), "kind a number": changed(kind=1),
    "kind in other case": changed(kind="BioCatch.Score"), "unknown member": changed(surprise=1), "name in other case": changed(Brand="b"),
    "deadline 0": changed(deadline_ms=0), "deadline negative": changed(deadline_ms=-1), "deadline text": changed(deadline_ms="5"),
    "deadline fraction": changed(deadline_ms=1.5), "deadline too far": changed(deadline_ms=86_400_001),
    "deadline huge": changed(deadline_ms=2**63 - 1), "deadline true": changed(deadline_ms=True),
    "nul escape": b'{"kind":"biocatch.score","subject":"a\\u0000b","session":"x"}',
}
MISSING = {"no subject": without("subject"), "no session": without("session"), "no kind": without("kind"), "nothing": b"{}"}
EMPTY = {"subject empty": changed(subject=""), "session empty": changed(session="")}
ALL = ([(body, 400, {"bad_json"}) for body in BAD_JSON.values()] + [(body, 400, {"bad_json", "bad_field"}) for body in NOT_AN_OBJECT.values()]
       + [(body, 400, {"bad_field", "bad_json"} if b"\\u0000" in body else {"bad_field"}) for body in BAD_FIELDS.values()]
       + [(body, 400, {"missing_field"}) for body in MISSING.values()]
       + [(body, 400, {"missing_field", "bad_field"}) for body in EMPTY.values()] + [(padded(LIMIT + 1), 413, {"too_large"})])
NAMES = [*BAD_JSON, *NOT_AN_OBJECT, *BAD_FIELDS, *MISSING, *EMPTY, "64 KiB and 1"]
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def link(service):
    """One kept connection; at the end it, or its successor where the server closed it, still gives right answers."""
    one = service.http.connect()
    yield one
    for _ in range(2):
        assert service.b2c.ask("GET", "/v1/verifications/v" + "A" * 22, link=one).code == "not_found"
        assert service.b2c.score(service.person()).get("score") == 87
    one.close()


@pytest.mark.parametrize("body,status,codes", ALL, ids=NAMES)
def test_v1_says_what_is_wrong_with_a_body(service, link, body, status, codes):
    answer = service.b2c.ask("POST", "/v1/verifications", body, JSON, link=link)
    assert answer.status == status and answer.code in codes, answer.json


B2C_BODIES = [(body, {"too_large"} if codes == {"too_large"} else {"bad_json", "bad_field", "missing_field"})
              for body, _, codes in ALL if body in [*BAD_JSON.values(), *NOT_AN_OBJECT.values(), padded(LIMIT + 1)]] + [
    (b"{}", {"missing_field"}), (b'{"customerSessionID":"x"}', {"missing_field"}), (b'{"uuid":"","customerSessionID":"x"}', {"missing_field", "bad_field"}),
    (b'{"uuid":5,"customerSessionID":"x"}', {"bad_field"}), (b'{"uuid":{},"customerSessionID":"x"}', {"bad_field"}),
    (b'{"uuid":"u","customerSessionID":["x"]}', {"bad_field"}), (b'{"uuid":"u","customerSessionID":"' + b"s" * 257 + b'"}', {"bad_field"}),
    (b'{"uuid":"u","customerSessionID":"a\\u0001b"}', {"bad_field"}), (b'{"uuid":"u","customerSessionID":"x","action":"init"}', {"bad_field"}), (b'{"uuid":"u","UUID":"v","customerSessionID":"x"}', {"bad_field", "bad_json"}),
]


@pytest.mark.parametrize("body,codes", B2C_BODIES, ids=range(len(B2C_BODIES)))
def test_b2c_is_told_in_its_own_dialect(service, link, body, codes):
    answer = service.b2c.ask("POST", "/api/BioCatch/GetScore", body, JSON, link=link)
    assert answer.status == 409 and answer.code in codes, answer.json


@pytest.mark.parametrize("query", ["", "?", "?uuid=", "?uuid", "?customerSessionID=x", "?uuid=" + "u" * 257, "?uuid=a%00b", "?uuid=a%0d%0ab",
                                   "?uuid=u&uuid=v", "?uuid=%ff%fe", "?uuid=%01"])
def test_a_query_without_a_usable_uuid_is_refused(service, link, query):
    answer = service.b2c.ask("GET", f"/api/BioCatch/GetScore{query}&customerSessionID=x" if "=" in query else f"/api/BioCatch/GetScore{query}", link=link)
    assert answer.status == 409 and answer.code in ("missing_field", "bad_field"), answer.json


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
                                          "application/jsonp", "", None])
def test_only_json_is_read(service, link, content_type):
    headers = {"Content-Type": content_type}
    answer = service.b2c.ask("POST", "/v1/verifications", changed(), headers, link=link)
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    answer = service.b2c.ask("POST", "/api/BioCatch/GetScore", b'{"uuid":"u"}', headers, link=link)
    assert (answer.status, answer.code) == (409, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=\"utf-8\""])
def test_json_with_parameters_is_json(service, content_type):
    body = json.dumps(GOOD | {"session": service.person()}).encode()
    assert service.b2c.ask("POST", "/v1/verifications", body, {"Content-Type": content_type}).status in (201, 202)


def test_a_body_of_exactly_the_limit_is_read(service):
    body = json.dumps(GOOD | {"session": service.person()}).encode()
    body = body[:-1] + b" " * (LIMIT - len(body)) + b"}"
    assert len(body) == LIMIT
    assert service.b2c.ask("POST", "/v1/verifications", body, JSON).status in (201, 202)


def test_32_levels_are_read(service):
    answer = service.b2c.ask("POST", "/v1/verifications", b'{"extra":' + nested(31) + b"}", JSON)
    assert answer.code in ("bad_field", "missing_field")


@pytest.mark.parametrize("method,path,allowed", [
    ("PUT", "/v1/verifications", {"POST"}), ("DELETE", "/v1/verifications", {"POST"}), ("GET", "/v1/verifications", {"POST"}),
    ("PATCH", "/v1/verifications/v" + "A" * 22, {"GET"}), ("POST", "/v1/verifications/v" + "A" * 22, {"GET"}),
    ("DELETE", "/v1/verifications/v" + "A" * 22, {"GET"}),
])
def test_a_wrong_method_is_405_with_allow(service, link, method, path, allowed):
    answer = service.b2c.ask(method, path, b"{}" if method in ("PUT", "PATCH", "POST") else None, JSON, link=link)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert allowed <= {name.strip() for name in answer.headers["allow"].split(",")}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "BREW"])
def test_a_wrong_method_of_b2c_is_409(service, link, method):
    answer = service.b2c.ask(method, "/api/BioCatch/GetScore?uuid=u", link=link)
    assert (answer.status, answer.code) == (409, "method_not_allowed")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/verifications/", "/v2/verifications", "/V1/verifications",
                                  "/v1/verifications/x/y", "/metrics", "/livez", "/etc/passwd", "/../../etc/passwd", "/%2e%2e/%2e%2e",
                                  "/" + "a" * 2000])
def test_an_unknown_route_is_404(service, link, path):
    answer = service.b2c.ask("GET", path, link=link)
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/BioCatch", "/api/BioCatch/GetScore/x", "/api/v6/scores", "/api/Nobody/Nothing"])
def test_an_unknown_route_of_b2c_says_so(service, link, path):
    answer = service.b2c.ask("GET", path, link=link)
    assert answer.status in (404, 409) and answer.code == "not_found"


def test_no_vendor_call_came_of_any_of_it(service):
    """The bodies above that were refused all had session x or none."""
    assert service.vendor.calls("x") == 0


def test_every_error_has_its_own_request_id(service):
    seen = {service.b2c.get("/nothing")["requestId"] for _ in range(20)} | {service.b2c.get("/api/BioCatch/GetScore")["requestId"] for _ in range(20)}
    assert len(seen) == 40
