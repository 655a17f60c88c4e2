"""Who may ask: API keys and Basic; and what somebody without a credential is told, in either dialect."""
import base64

import pytest

from lib import process
from lib.stack import BASIC, KEYS, Ingress

GOOD = KEYS["b2c"]
USER, PASSWORD = next(iter(BASIC.items()))


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


REFUSED = {
    "nothing": {}, "wrong key": {"X-Api-Key": "x" * 40}, "empty key": {"X-Api-Key": ""}, "shortened key": {"X-Api-Key": GOOD[:-1]},
    "longer key": {"X-Api-Key": GOOD + "x"}, "key in other case": {"X-Api-Key": GOOD.upper()}, "name as key": {"X-Api-Key": "b2c"},
    "whole setting": {"X-Api-Key": f"b2c={GOOD}"}, "key elsewhere": {"Authorization": GOOD}, "bearer": {"Authorization": f"Bearer {GOOD}"},
    "wrong password": {"Authorization": basic(f"{USER}:nope")}, "wrong user": {"Authorization": basic(f"nobody:{PASSWORD}")},
    "no colon": {"Authorization": basic(USER)}, "empty basic": {"Authorization": "Basic "}, "not base64": {"Authorization": "Basic ***"},
    "huge": {"Authorization": "Basic " + "A" * 4000}, "nul": {"Authorization": basic(f"{USER}:{PASSWORD}\0x")},
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED.keys())
def test_no_or_wrong_credential(service, headers):
    stranger = service.http.without_credential()
    answer = stranger.get("/v1/verifications/v" + "A" * 22, headers=headers)
    assert (answer.status, answer.code) == (401, "unauthenticated")
    answer = stranger.get("/api/BioCatch/GetScore?uuid=u&customerSessionID=s", headers=headers)
    assert (answer.status, answer.code) == (409, "unauthenticated")
    secrets = [GOOD, PASSWORD, *[v for v in headers.values() if len(v) > 20]]
    assert not any(secret in answer.body.decode() for secret in secrets)


@pytest.mark.parametrize("name", ["X-Api-Key", "x-api-key", "X-API-KEY"])
def test_a_key_is_good_whatever_the_case_of_its_header(service, name):
    assert service.http.get("/api/v6/score?uuid=u&customerSessionID=" + service.person(), headers={name: GOOD})["score"] == 87


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_basic_is_good_whatever_the_case_of_its_name(service, scheme):
    value = scheme + basic(f"{USER}:{PASSWORD}")[5:]
    assert service.http.get("/api/v6/score?uuid=u&customerSessionID=" + service.person(), headers={"Authorization": value})["score"] == 87


def test_the_header_of_the_key_is_a_setting(service):
    other = service.stack.ingress(AUTH_API_KEY_HEADER="Ocp-Apim-Subscription-Key")
    path = "/api/v6/score?uuid=u&customerSessionID=" + service.person()
    assert other.http.get(path, headers={"Ocp-Apim-Subscription-Key": GOOD}).status == 200
    assert other.http.get(path, headers={"X-Api-Key": GOOD}).code == "unauthenticated"


def test_keys_made_by_verifyctl_are_good(service):
    folder = service.stack.folder / "keys"
    setting = (folder / "api-keys").read_text().strip()
    ingress = service.stack.ingress(AUTH_API_KEYS=None, AUTH_API_KEYS_FILE=folder / "api-keys", AUTH_BASIC_USERS=None)
    assert ingress.http.with_key(setting.removeprefix("demo=")).score(service.person())["score"] == 87
    assert ingress.http.with_key(GOOD).score(service.person()).code == "unauthenticated"


def test_without_any_credential_set_it_does_not_start(service):
    settings = service.stack.environment(AUTH_API_KEYS=None, AUTH_BASIC_USERS=None)
    refused = process.run("verifyd-ingress", settings=settings)
    assert refused.returncode == 2 and "AUTH" in refused.stderr
    refused = process.run("verifyd-ingress", "--insecure-no-auth", settings=settings | {"VERIFYD_HTTP_LISTEN": "0.0.0.0:0"})
    assert refused.returncode == 2 and refused.stderr.strip()


def test_open_to_anybody_only_when_told_so_and_on_loopback(service):
    program = service.stack.spawn("verifyd-ingress", "--insecure-no-auth", AUTH_API_KEYS=None, AUTH_BASIC_USERS=None)
    ingress = Ingress(program, wait=True)
    answer = ingress.http.score(service.person())
    assert answer["score"] == 87
    assert service.redis.state(answer["verificationId"])["caller"] == "anonymous"
