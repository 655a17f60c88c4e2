"""The rendered policies of ApiAuth = certificate and oauth in an emulator of B2C, against an ingress that checks the certificate and the access token itself.
Without a browser: what a page posts is posted. Needs B2C_EMULATOR (lib/b2c.py); without it it is skipped."""
import importlib
import json
import secrets
import sys
import urllib.error
import urllib.parse
import urllib.request

import jwt
import pytest

from lib import certs
from lib.b2c import CLIENT_ID, PAGES, PASSWORD, TENANT, base_of, place_of, render
from lib.cache import free_port
from lib.issuer import AUDIENCE, Issuer
from lib.process import until

APP = "http://127.0.0.1:1/app"  # nobody listens there: the walk stops at the redirect to it


class Walk:
    """A sign-in with the biocatch set, page by page."""

    def __init__(self, tenant, name):
        self.tenant, self.base = tenant, f"http://127.0.0.1:{tenant.emulator.port}/{TENANT}/B2C_1A_{name}_SignUpSignIn"
        self.journey = None

    def get(self, url):
        """Returns where it leads to, if anywhere."""

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_):
                return None

        try:
            with urllib.request.build_opener(Stay).open(url, timeout=60):
                return None
        except urllib.error.HTTPError as error:
            assert error.code == 302, error.read()
            return error.headers["Location"]

    def begin(self):
        query = {"client_id": CLIENT_ID, "redirect_uri": APP, "response_type": "id_token", "scope": "openid", "nonce": "n"}
        assert self.get(f"{self.base}/oauth2/v2.0/authorize?{urllib.parse.urlencode(query)}") is None
        self.journey = list(self.tenant.emulator.journeys.values())[-1]

    def post(self, **form):
        tx = urllib.parse.quote(f"StateProperties={self.journey.id}")
        data = urllib.parse.urlencode({"request_type": "RESPONSE"} | form).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.base}/SelfAsserted?tx={tx}", data, {"X-CSRF-TOKEN": self.journey.csrf}), timeout=60) as reply:
            assert json.load(reply)["status"] == "200"
        return self.get(f"{self.base}/api/x/confirmed?csrf_token={self.journey.csrf}&tx={tx}")

    def sign_in(self, email, session):
        """Returns the claims of the token; None when a second factor is asked for."""
        self.begin()
        assert self.post(signInName=email, password=PASSWORD) is None
        location = self.post(clientSessionId=session)
        if location is None:
            return None
        return jwt.decode(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).fragment))["id_token"], options={"verify_signature": False})


class Tenant:
    """An emulator with both sets, an issuer of tokens, and the two ingresses that they call."""

    def __init__(self, service, folder):
        self.issuer = Issuer(free_port())
        self.issuer.start()
        emulator_port, tls_port = free_port(), free_port()
        servers = certs.make(folder, "servers", authority=True)
        server = certs.make(folder, "server", servers, server=True)
        self.own = certs.make(folder, "b2c-portal", old=True)
        stack = service.stack
        self.plain = stack.ingress(UI_DIR=str(PAGES), CORS_ORIGINS=f"http://127.0.0.1:{emulator_port}", AUTH_API_KEYS=None, AUTH_BASIC_USERS=None, **self.issuer.settings())
        self.tls = stack.ingress(HTTP_LISTEN=f"127.0.0.1:{tls_port}", TLS_CERT_FILE=server.write("cert"), TLS_KEY_FILE=server.write("key"),
                                 TLS_CLIENT_SPKI=f"portal={self.own.pin}", TLS_CLIENT_CA_FILE=self.own.write("cert"), AUTH_API_KEYS=None, AUTH_BASIC_USERS=None)
        until(lambda: self.plain.ops.get("/healthz").json.get("oauth_keys") == "up", 60, "the issuer's keys")
        url = f"http://{self.plain.process.address(listener='http')}"
        oauth = {"ApiAuth": "oauth", "OAuthTokenUrl": f"{self.issuer.url}/token", "OAuthScope": f"{AUDIENCE}/.default"}
        sets = {"OAuth": (url, oauth), "Cert": (f"https://127.0.0.1:{tls_port}", {"ApiAuth": "certificate", "UiUrl": f"{url}/ui"})}
        folders = [render(folder / name, "biocatch", api, Name=name, **more)[0] for name, (api, more) in sets.items()]
        code = place_of("B2C_EMULATOR")
        sys.path.insert(0, str(code))
        try:
            emulator = importlib.import_module("emulator")
        finally:
            sys.path.remove(str(code))
        keys = {"OAuthOAuthClientId": "client", "OAuthOAuthClientSecret": "secret", "CertApiCertificate": str(self.own.write("both"))}
        self.emulator = emulator.Emulator([*map(str, folders), str(base_of("biocatch"))], port=emulator_port, tenant=TENANT, clients={CLIENT_ID: [APP]}, ca=str(servers.write("cert")),
                                          keys={f"B2C_1A_{name}": value for name, value in keys.items()}, only=lambda policy: any(f"_{name}_" in policy for name in sets))
        self.emulator.start()

    def user(self):
        email = f"p{secrets.token_hex(6)}@example.com"
        self.emulator.users[email] = {"objectId": secrets.token_hex(16), "signInNames.emailAddress": email, "password": PASSWORD, "displayName": "Ada", "accountEnabled": True}
        return email

    def calls(self):
        """Those of GetScore, oldest first: (status, headers that were sent, what came back)."""
        return [(call.get("status"), call["request_headers"], call.get("response_body")) for call in self.emulator.calls if call["url"].endswith("/GetScore")]

    def stop(self):
        self.emulator.stop()
        self.issuer.stop()
        for ingress in (self.plain, self.tls):
            ingress.process.terminate()


@pytest.fixture(scope="module")
def tenant(service, session_folder):
    place_of("B2C_EMULATOR")
    folder = session_folder / "b2c-auth"
    folder.mkdir()
    one = Tenant(service, folder)
    yield one
    assert not one.emulator.unsupported
    one.stop()


@pytest.mark.parametrize("name,caller", [("OAuth", "app"), ("Cert", "portal")])
def test_a_policy_of_this_kind_gets_its_score_and_its_caller(service, tenant, name, caller):
    session = service.person("~score=87")
    claims = Walk(tenant, name).sign_in(tenant.user(), session)
    assert (claims["riskLevel"], claims["score"]) == ("LOW", 87)
    status, headers, body = tenant.calls()[-1]
    names = {header.lower() for header in headers}
    assert status == 200 and "x-api-key" not in names and ("authorization" in names) == (name == "OAuth")
    assert service.redis.state(json.loads(body)["verificationId"])["caller"] == caller
    if name == "OAuth":
        credential, form = tenant.issuer.asked[-1]
        assert credential.startswith("Basic ") and form == {"grant_type": "client_credentials", "scope": f"{AUDIENCE}/.default"}


@pytest.mark.parametrize("name", ["OAuth", "Cert"])
def test_without_a_good_proof_the_second_factor_is_asked_for(service, tenant, name):
    """The ingress refuses the call; a policy that gets no risk takes it for one."""
    if name == "OAuth":
        kept, tenant.issuer.name = tenant.issuer.name, "https://another.example/"
    else:
        kept, tenant.emulator.keys["B2C_1A_CertApiCertificate"] = tenant.emulator.keys["B2C_1A_CertApiCertificate"], None
    try:
        assert Walk(tenant, name).sign_in(tenant.user(), service.person("~score=87")) is None
        assert tenant.calls()[-1][0] == 409
    finally:
        if name == "OAuth":
            tenant.issuer.name = kept
        else:
            tenant.emulator.keys["B2C_1A_CertApiCertificate"] = kept
