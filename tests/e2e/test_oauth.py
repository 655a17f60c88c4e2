"""Access tokens as credentials: an issuer that is away and comes, tokens that are good, and tokens that are not."""
import base64
import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lib import process
from lib.cache import free_port
from lib.issuer import AUDIENCE, STRANGER, Issuer
from lib.process import until
from lib.stack import KEYS

TOKEN_OF_ANOTHER = "token-of-another-caller-0123456789"


@pytest.fixture(scope="module")
def issuer(service):
    """An ingress that believes it. First as nobody is there, then as it has come."""
    one = Issuer(free_port())
    one.ingress = service.stack.ingress(AUTH_BEARER_TOKENS=f"fixed={TOKEN_OF_ANOTHER}", **one.settings())
    health = one.ingress.ops.get("/healthz")
    assert health.status == 503 and health["oauth_keys"] == "down" and one.ingress.ops.get("/readyz").status == 200
    away = bearer(one, one.token())
    assert (away.status, away.code) == (409, "auth_away")
    away = one.ingress.http.without_credential().get("/v1/verifications/v" + "A" * 22, headers={"Authorization": f"Bearer {one.token()}"})
    assert (away.status, away.code) == (503, "auth_away") and away.headers["retry-after"]
    assert one.ingress.http.with_key(KEYS["b2c"]).score(service.person())["score"] == 87, "other credentials do without the issuer"
    one.start()
    until(lambda: one.ingress.ops.get("/healthz").json.get("oauth_keys") == "up", 60, "the issuer's keys")
    yield one
    one.stop()
    one.ingress.process.terminate()


def bearer(issuer, token, session=""):
    path = "/api/BioCatch/GetScore?uuid=u&customerSessionID=" + session
    return issuer.ingress.http.without_credential().get(path, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("more", [
    {}, {"kid": "ec-1"}, {"aud": [AUDIENCE, "x"]}, {"aud": "another"}, {"nbf": None}, {"headers": {"typ": "at+jwt"}},
    {"azp": None, "appid": "11111111-2222-4333-8444-555555555555"}, {"azp": None, "sub": "11111111-2222-4333-8444-555555555555"},
], ids=str)
def test_a_token_of_the_issuer_opens(service, issuer, more):
    assert bearer(issuer, issuer.token(**more), service.person())["score"] == 87


def test_its_caller_is_the_name_in_the_settings(service, issuer):
    answer = bearer(issuer, issuer.token(), service.person())
    assert service.redis.state(answer["verificationId"])["caller"] == "app"
    answer = bearer(issuer, TOKEN_OF_ANOTHER, service.person())
    assert service.redis.state(answer["verificationId"])["caller"] == "fixed"


def hs256_with_the_public_key(issuer):
    """The forgery that a library falls for which takes the algorithm from the token (RFC 8725, section 2.1)."""
    part = lambda value: base64.urlsafe_b64encode(value).rstrip(b"=")
    pem = issuer.keys["rsa-1"].public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claims = issuer.token().split(".")[1].encode()
    signed = part(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "rsa-1"}).encode()) + b"." + claims
    return (signed + b"." + part(hmac.digest(pem, signed, hashlib.sha256))).decode()


def unsigned(issuer):
    header = base64.urlsafe_b64encode(b'{"alg":"none","kid":"rsa-1"}').rstrip(b"=").decode()
    return f"{header}.{issuer.token().split('.')[1]}."


FORGED = {
    "alg none": unsigned, "HS256 by the public key": hs256_with_the_public_key,
    "another's key under its kid": lambda i: i.token(key=rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    "unknown kid": lambda i: i.token(headers={"kid": "rsa-9"}), "no kid": lambda i: i.token(headers={"kid": ""}),
    "RS512": lambda i: i.token(algorithm="RS512"), "PS256": lambda i: i.token(algorithm="PS256"),
    "expired": lambda i: i.token(exp=int(time.time()) - 61), "no end": lambda i: i.token(exp=None), "too early": lambda i: i.token(nbf=int(time.time()) + 600),
    "another's audience": lambda i: i.token(aud="https://graph.microsoft.com"), "no audience": lambda i: i.token(aud=None),
    "another issuer": lambda i: i.token(iss=i.name + "/"), "another program": lambda i: i.token(azp=STRANGER), "no program": lambda i: i.token(azp=None, sub=None),
    "crit": lambda i: i.token(headers={"crit": ["x"], "x": 1}), "id token": lambda i: i.token(headers={"typ": "id_token"}),
    "other claims": lambda i: ".".join(part if n != 1 else i.token(sub="x").split(".")[1] for n, part in enumerate(i.token().split("."))),
    "cut": lambda i: i.token()[:-1], "two parts": lambda i: i.token().rpartition(".")[0], "huge": lambda i: i.token(x="A" * 9000), "nothing": lambda i: "",
    "the client's id": lambda i: "11111111-2222-4333-8444-555555555555",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_opens_nothing(service, issuer, forge):
    token = forge(issuer)
    answer = bearer(issuer, token, service.person())
    assert (answer.status, answer.code) == (409, "unauthenticated")
    stranger = issuer.ingress.http.without_credential().get("/v1/verifications/v" + "A" * 22, headers={"Authorization": f"Bearer {token}"})
    assert (stranger.status, stranger.code) == (401, "unauthenticated")
    log = issuer.ingress.process.text(whole=True)
    assert not token or token not in log


def test_what_became_of_tokens_is_counted(issuer):
    text = issuer.ingress.ops.get("/metrics").json
    for verdict in ("good", "no_keys", "expired", "audience", "issuer", "signature", "algorithm", "unknown_key", "client", "malformed", "too_early"):
        (line,) = [line for line in text.splitlines() if line.startswith(f'verifyd_oauth_tokens_total{{verdict="{verdict}"}}')]
        assert float(line.rpartition(" ")[2]) > 0, line


def test_settings_that_are_half_there_are_all_complained_of(service):
    settings = service.stack.environment(OAUTH_ISSUER="https://login.contoso.example/", OAUTH_JWKS_URL="http://login.contoso.example/keys")
    done = process.run("verifyd-ingress", "--check-config", settings=settings)
    assert done.returncode == 2
    for name in ("VERIFYD_OAUTH_AUDIENCE", "VERIFYD_OAUTH_CLIENTS", "VERIFYD_OAUTH_JWKS_URL"):
        assert name in done.stderr
