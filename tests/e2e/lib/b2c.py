"""An emulator of Azure AD B2C that runs the rendered policies, and a person's way through them in Chromium.

The emulator is no part of this tree: B2C_EMULATOR names its folder (emulator.py), the starter packs lie beside that folder as
starterpack and starterpack-LocalAccounts. B2C_XSD names Microsoft's TrustFrameworkPolicy_0.3.0.0.xsd. Without them the
tests are skipped. Its pages need jQuery 3.7.1: B2C_JQUERY, or fetched by npm into the tests' cache."""
import http.server
import importlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import threading
import urllib.parse
import urllib.request
from pathlib import Path

import jwt
import pytest

from lib import process
from lib.cache import free_port
from lib.process import until
from lib.stack import AUDIENCE, BASIC, KEYS

TENANT = "contoso.onmicrosoft.com"
CLIENT_ID = "6f1de2a5-3a53-4a4c-9f3e-b7b1b4c1a222"
EXTENSIONS = "11111111-2222-4333-8444-555555555555"
PAGES = Path(__file__).resolve().parents[3] / "deploy" / "b2c" / "ui"
PASSWORD = "Passw0rd!x"
BASES = {"jumio": "starterpack-LocalAccounts", "biocatch": "starterpack", "combined": "starterpack"}
((USER, PASSWORD_OF_USER),) = BASIC.items()
POLICY_KEYS = {"ApiKey": KEYS["b2c"], "ApiUser": USER, "ApiPassword": PASSWORD_OF_USER, "OAuthClientId": "client", "OAuthClientSecret": "secret"}
JQUERY = "jquery-3.7.1.min.js"


def place_of(name):
    """The path that an environment variable names; skips where there is none."""
    path = os.environ.get(name)
    if not path or not Path(path).exists():
        pytest.skip(f"{name} does not point to it")
    return Path(path)


def base_of(journeys):
    return place_of("B2C_EMULATOR").parent / BASES[journeys]


def jquery():
    if os.environ.get("B2C_JQUERY"):
        return place_of("B2C_JQUERY")
    cache = Path(os.environ.get("VERIFYD_CACHE") or Path.home() / ".cache" / "verifyd")
    if not (cache / JQUERY).exists():
        if not shutil.which("npm"):
            pytest.skip("jQuery 3.7.1 is not in the cache, and there is no npm to fetch it")
        made = cache / f"npm-{os.getpid()}"
        made.mkdir(parents=True)
        subprocess.run(["npm", "pack", "jquery@3.7.1"], cwd=made, check=True, capture_output=True, timeout=120)
        with tarfile.open(made / "jquery-3.7.1.tgz") as package:
            (made / JQUERY).write_bytes(package.extractfile("package/dist/jquery.min.js").read())
        (made / JQUERY).rename(cache / JQUERY)
        shutil.rmtree(made)
    return cache / JQUERY


def settings_text(journeys, api_url, **more):
    values = {"Journeys": journeys, "Tenant": TENANT, "ApiUrl": api_url, "TokenAudience": AUDIENCE, "ExtensionsAppId": EXTENSIONS,
              "ExtensionsAppObjectId": EXTENSIONS} | more
    return "".join(f"{name} = {value}\n" for name, value in values.items())


def render(folder, journeys, api_url, *flags, **more):
    """Returns the folder of the policies, and what was printed. Loopback's http is allowed."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings, out = folder / "settings", folder / "out"
    settings.write_text(settings_text(journeys, api_url, **more))
    done = process.run("verifyctl", "policy", "render", "--settings", settings, "--out", out, "--loopback-http", *flags, settings={})
    assert done.returncode == 0, done.stderr
    return out, done.stdout


class App:
    """The app that a person comes from, and goes back to with a token or an error in the address's fragment."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!DOCTYPE html><title>app</title><p>app")

            def do_POST(self):
                """Also a token endpoint, for the policies that get tokens by client credentials."""
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                app.token_requests.append((self.headers.get("Authorization"), dict(urllib.parse.parse_qsl(form))))
                body = json.dumps({"access_token": app.token, "token_type": "Bearer", "expires_in": 3600}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        app = self
        self.token, self.token_requests = secrets.token_urlsafe(32), []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/app"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Tenant:
    """An emulator with the policies of these sets, and an ingress of its own. A context."""

    def __init__(self, stack, folder, app, sets):
        """sets: {name: (journeys, settings)}, all on the same base."""
        self.stack, self.app = stack, app
        port = free_port()
        self.origin = f"http://127.0.0.1:{port}"
        address = f"127.0.0.1:{free_port()}"
        self.api_url = f"http://{address}"
        self.ingress = stack.ingress(HTTP_LISTEN=address, PUBLIC_URL=self.api_url, B2C_BASE_REDIRECT_URL=f"{self.origin}/{TENANT}", UI_DIR=str(PAGES))
        folders = [render(Path(folder) / name, journeys, self.api_url, Name=name, **more)[0] for name, (journeys, more) in sets.items()]
        code = place_of("B2C_EMULATOR")
        sys.path.insert(0, str(code))
        try:
            emulator = importlib.import_module("emulator")
        finally:
            sys.path.remove(str(code))
        (base,) = {base_of(journeys) for journeys, _ in sets.values()}
        self.emulator = emulator.Emulator(
            [*map(str, folders), str(base)], port=port, tenant=TENANT, clients={CLIENT_ID: [app.url]}, jquery=str(jquery()),
            keys={f"B2C_1A_{name}{key}": value for name in sets for key, value in POLICY_KEYS.items()}, only=lambda policy: any(f"_{name}_" in policy for name in sets))

    def __enter__(self):
        self.emulator.start()
        return self

    def __exit__(self, *_):
        self.emulator.stop()

    def authorize(self, policy, **more):
        query = {"client_id": CLIENT_ID, "redirect_uri": self.app.url, "response_type": "id_token", "scope": "openid", "nonce": "n"} | more
        return f"{self.origin}/{TENANT}/{policy}/oauth2/v2.0/authorize?{urllib.parse.urlencode(query)}"

    def user(self, email):
        (one,) = [u for u in self.emulator.users.values() if u.get("signInNames.emailAddress") == email]
        self.stack.people.update((one["objectId"], email))
        return one

    def calls(self, name, email):
        """B2C's calls of one route about this person, repetitions included."""
        person = self.user(email)["objectId"]
        return [call for call in self.emulator.calls if call["url"].endswith(name) and person in (call.get("request_body") or "")]


class Person:
    """Walks through a set's journeys in a browser."""

    def __init__(self, tenant, browser, name, email):
        self.tenant, self.browser, self.name, self.email = tenant, browser, name, email
        self.stack = tenant.stack

    def in_tab(self, browser):
        return Person(self.tenant, browser, self.name, self.email)

    # what is shown

    def shown(self, selector, timeout_s=40):
        """Waits until it is there; what is shown instead is told otherwise."""
        try:
            until(lambda: self.browser.run(f"!!document.querySelector({json.dumps(selector)})"), timeout_s, selector)
        except AssertionError as error:
            raise AssertionError(f"{error}; shown is {self.browser.url}: {self.browser.text[:600]}") from None

    def value(self, selector):
        return self.browser.run(f"(e => e.value === undefined ? e.textContent : e.value)(document.querySelector({json.dumps(selector)}))")

    def fill(self, **values):
        for claim, value in values.items():
            self.browser.run(f"document.getElementById({json.dumps(claim)}).value = {json.dumps(value)}")

    def press(self, selector):
        self.shown(selector)
        self.browser.run(f"document.querySelector({json.dumps(selector)}).click()")

    def message(self):
        """What B2C itself says on the page."""
        return until(lambda: self.browser.run("[...document.querySelectorAll('.error.pageLevel')].map(e => e.textContent).join('').trim()"), 30, "B2C's message")

    # steps

    def open(self, **more):
        self.browser.open(self.tenant.authorize(f"B2C_1A_{self.name}_SignUpSignIn", **more))
        self.shown("#next")
        return self

    def sign_up(self, agrees=True, **more):
        self.open(**more)
        self.press("#createAccount")
        self.shown("#newPassword")
        self.fill(email=self.email, newPassword=PASSWORD, reenterPassword=PASSWORD, displayName="Ada Sample")
        if agrees and self.browser.find("#identityCheckConsent"):
            return self.agree()
        self.press("#continue")
        return self

    def agree(self):
        self.browser.run("document.getElementById('identityCheckConsent').checked = true")
        self.press("#continue")
        return self

    def sign_in(self, **more):
        self.open(**more)
        self.fill(signInName=self.email, password=PASSWORD)
        self.press("#next")
        return self

    def give_code(self, number="+15550100"):
        """The second factor."""
        self.shown("#verificationCode")
        if self.browser.find("#number"):
            self.fill(number=number)
        self.fill(verificationCode="123456")
        self.press("#continue")
        return self

    def to_capture(self):
        self.browser.wait_url(self.stack.vendor.jumio_url)
        self.shown("button[value=approved]")
        return self

    def hand_in(self, outcome="approved"):
        self.to_capture()
        self.press(f'button[value="{outcome}"]')
        return self

    def polling(self):
        self.shown("#verificationToken")
        return self

    def blocked(self, code="not_confirmed"):
        look = "(document.getElementById('blockCode') || {}).textContent"
        try:
            until(lambda: self.browser.run(look) == code, 60, f"the page {code}")
        except AssertionError as error:
            raise AssertionError(f"{error}; shown is {self.browser.url}: {self.browser.text[:600]}; {self.tenant.emulator.calls[-3:]}") from None
        return self

    def landed(self, timeout_s=60):
        """What the app gets."""
        url = self.browser.wait_url(self.tenant.app.url, timeout_s)
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).fragment))

    def claims(self):
        got = self.landed()
        assert "id_token" in got, got
        return jwt.decode(got["id_token"], options={"verify_signature": False})

    def refusal(self):
        """The error that the app gets; fit for a person's eyes."""
        got = self.landed()
        assert "id_token" not in got and got["error"]
        assert self.tenant.api_url not in got["error_description"] and "AADB2C90075: The claims exchange" not in got["error_description"]
        return got

    def forge_post(self, **form):
        """Posts the page's form as a person without scruples would, and tries to go on. Returns B2C's answer."""
        settings = json.loads(self.browser.run("JSON.stringify(SETTINGS)"))
        url = f"{self.tenant.origin}{settings['base']}/SelfAsserted?tx={urllib.parse.quote(settings['transId'])}"
        data = urllib.parse.urlencode({"request_type": "RESPONSE"} | form).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data, {"X-CSRF-TOKEN": settings["csrf"]}), timeout=60) as reply:
            answer = json.load(reply)
        on = f"{self.tenant.origin}{settings['base']}/api/{settings['api']}/confirmed?csrf_token={settings['csrf']}&tx={urllib.parse.quote(settings['transId'])}"
        try:
            with urllib.request.urlopen(on, timeout=60) as reply:
                assert "id_token" not in reply.url
        except urllib.error.HTTPError as error:
            assert error.code == 400
        return answer
