#!/usr/bin/env python3
"""A small stand-in of Azure AD B2C for deploy/demo.sh: runs the rendered policies with the real pages, for people who have no
tenant. Only the Python standard library; loopback only; no part of the product. README.md says what it interprets and what it hard-wires."""
import argparse
import base64
import functools
import hashlib
import hmac
import http.server
import json
import os
import secrets
import signal
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.cookies import SimpleCookie
from pathlib import Path

import pages
import policies
import providers
from journeys import Engine, Journey
from records import Records
from tracing import Trace

HERE = Path(__file__).resolve().parent
TENANT, CLIENT = "playground", "playground-app"
JOURNEYS = {"combined": "Verifyd", "jumio": "VerifydJumio", "biocatch": "VerifydBioCatch"}  # and the names of their policies (deploy/demo/policies.sh)
STATIC = {"/playground.css": "text/css", "/panel.js": "text/javascript"}
MOST_JOURNEYS = 1000
MOST_BODY = 64 * 1024


class Playground:
    def __init__(self, arguments, origin):
        self.origin, self.vendor = origin, arguments.vendor
        self.trace = Trace(arguments.vendor, os.environ["VERIFYD_REDIS_URL"], [arguments.verifyctl])
        self.api = providers.Api(Path(arguments.key_file).read_text(encoding="utf-8").strip().partition("=")[2], self.trace)
        self.engine = Engine(providers.Directory(), self.api)
        self.folder = Path(arguments.policies)
        self.journeys, self.lock, self.secret = {}, threading.Lock(), secrets.token_bytes(32)
        self.watch_kafka()
        self.settings = {"score": 87, "pending": 0, "down": False}

    def watch_kafka(self):
        try:
            Records(os.environ["VERIFYD_KAFKA_BROKERS"], os.environ["VERIFYD_TOPIC_PREFIX"], os.environ.get("VERIFYD_KAFKA_CONFIG_FILE"), self.trace.record).start()
        except OSError as error:
            self.trace.add("playground", "Kafka", "its records cannot be shown", str(error))

    @functools.cached_property
    def policies(self):
        """Read when the first person comes: they are made after the playground listens."""
        found = {}
        for folder in sorted(self.folder.iterdir()):
            found |= policies.load([HERE, folder])
        return found

    def set(self, name, value):
        """A switch of the panel."""
        if name == "down":
            self.api.down = bool(value)
        elif name == "score":
            self.at_vendor("biocatch", {"down": value is None, "score": value})
        elif name == "pending":
            self.at_vendor("jumio", {"pending": int(value)})
        else:
            raise ValueError(name)
        self.settings[name] = value

    def at_vendor(self, vendor, defaults):
        request = urllib.request.Request(f"{self.vendor}/control/{vendor}", json.dumps(defaults).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=5):
            pass

    # a journey

    def authorize(self, policy, asked, languages):
        if asked.get("client_id") != CLIENT or asked.get("redirect_uri") != f"{self.origin}/app/callback":
            raise providers.Refused("The app is not registered: client_id or redirect_uri is another.")
        wish = (asked.get("ui_locales") or languages or "en").split(",")[0].strip()
        journey = Journey(policy, asked, wish if wish[:2] in ("en", "de") else "en", self.trace)
        with self.lock:
            self.journeys[journey.name] = journey
            while len(self.journeys) > MOST_JOURNEYS:
                del self.journeys[next(iter(self.journeys))]
        self.trace.add("browser", "B2C", f"authorize {policy.name}", {key: value for key, value in asked.items() if key != "id_token_hint"})
        return journey

    def token(self, journey):
        given = providers.inputs(journey.policy.party, journey, journey.claims, "OutputClaims")
        now = int(time.time())
        claims = {"iss": f"{self.origin}/{TENANT}", "aud": CLIENT, "iat": now, "nbf": now, "exp": now + 3600, "acr": journey.policy.name.lower()} | given
        if "nonce" in journey.asked:
            claims["nonce"] = journey.asked["nonce"]
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
        signature = hmac.new(self.secret, b".".join(parts), hashlib.sha256).digest()
        self.trace.add("B2C", "app", "id_token", claims)
        return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()

    def back_to_app(self, journey, answer):
        if "state" in journey.asked:
            answer["state"] = journey.asked["state"]
        if "error" in answer:
            self.trace.add("B2C", "app", answer["error"], answer["error_description"])
        return journey.asked["redirect_uri"] + "#" + urllib.parse.urlencode(answer)

    def next(self, journey):
        """Where the browser goes; None: a page is to be shown."""
        try:
            if self.engine.go_on(journey):
                return None
            answer = {"id_token": self.token(journey)}
        except providers.Refused as refusal:
            answer = {"error": "server_error", "error_description": f"AADB2C90075: {refusal}"}
        self.end(journey)
        return self.back_to_app(journey, answer)

    def end(self, journey):
        with self.lock:
            self.journeys.pop(journey.name, None)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    playground = None

    def log_message(self, *_):
        pass

    def send(self, status, content_type="text/html; charset=utf-8", body=b"", headers=()):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in (("Content-Type", content_type), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"),
                            ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, value):
        self.send(200, "application/json", json.dumps(value))

    def redirect(self, url):
        self.send(302, headers=[("Location", url)])

    def do_GET(self):
        self.answer(self.get)

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > MOST_BODY or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self.send(413)
            return
        body = self.rfile.read(length).decode()
        self.answer(lambda path, query: self.post(path, query, body))

    def answer(self, act):
        parts = urllib.parse.urlsplit(self.path)
        if self.headers.get("Host") != self.playground.origin.partition("//")[2]:
            self.send(400)  # another name for loopback: a page of elsewhere is asking
            return
        try:
            act(parts.path, dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)))
        except (providers.Refused, policies.PolicyError) as error:
            self.send(400, body=pages.failed(str(error)))

    def get(self, path, query):
        if path == "/":
            self.send(200, body=pages.plain("home.html"))
        elif path in STATIC:
            self.send(200, STATIC[path], pages.plain(path[1:]))
        elif path in ("/app", "/app/callback"):
            self.send(200, body=pages.plain("app.html"))
        elif path == "/app/start":
            self.begin(query)
        elif path == "/panel.json":
            self.send_json(self.playground.trace.all() | {"settings": self.playground.settings})
        elif path.startswith(f"/{TENANT}/"):
            self.tenant(path.split("/")[2:], query)
        else:
            self.send(404, body=pages.failed("There is no such page."))

    def begin(self, query):
        name = JOURNEYS.get(query.pop("journeys", "combined"), "Verifyd")
        asked = {"client_id": CLIENT, "redirect_uri": f"{self.playground.origin}/app/callback", "response_type": "id_token", "scope": "openid",
                 "nonce": secrets.token_urlsafe(8)} | query
        self.redirect(f"/{TENANT}/B2C_1A_{name}_SignUpSignIn/oauth2/v2.0/authorize?" + urllib.parse.urlencode(asked))

    def tenant(self, parts, query):
        policy = self.playground.policies.get(parts[0].lower())
        if policy is None:
            raise providers.Refused(f"There is no policy {parts[0]}.")
        if parts[1:] == ["oauth2", "v2.0", "authorize"]:
            journey = self.playground.authorize(policy, query, self.headers.get("Accept-Language"))
            self.go_on(journey, [("Set-Cookie", f"b2c-{journey.name}={journey.cookie}; Path=/{TENANT}; HttpOnly; SameSite=Lax")])
        elif parts[1:3] == ["api", "SelfAsserted"]:
            self.act(self.journey(query.get("tx"), query.get("csrf_token")), parts[3:])
        else:
            raise providers.Refused("There is no such page.")

    def act(self, journey, action):
        if action == ["confirmed"]:
            self.playground.engine.confirm(journey)
        elif action == ["signup"]:
            self.playground.engine.choose_sign_up(journey)
        elif action == ["cancelled"]:
            self.playground.end(journey)
            answer = {"error": "access_denied", "error_description": "AADB2C90091: The user has cancelled entering self-asserted information."}
            self.redirect(self.playground.back_to_app(journey, answer))
            return
        else:
            raise providers.Refused("There is no such page.")
        self.go_on(journey)

    def go_on(self, journey, headers=()):
        """The next page, or the way back to the app."""
        location = self.playground.next(journey)
        if location:
            self.redirect(location)
            return
        self.playground.trace.add("B2C", "browser", f"page {journey.page_name}", journey.policy.pages.get(journey.page_name))
        self.send(200, body=pages.of_journey(journey, f"/{TENANT}/{journey.policy.name}"), headers=headers)

    def journey(self, name, csrf):
        """The one of this browser."""
        journey = self.playground.journeys.get(name or "")
        cookie = SimpleCookie(self.headers.get("Cookie") or "").get(f"b2c-{name}")
        if journey is None or cookie is None or cookie.value != journey.cookie or csrf != journey.csrf:
            raise providers.Refused("Your session is over. Please sign in again.")
        return journey

    def post(self, path, query, body):
        if path == "/panel/settings" and self.headers.get("Content-Type") == "application/json":
            asked = json.loads(body)
            self.playground.set(asked["name"], asked["value"])
            self.send_json({})
        elif path.startswith(f"/{TENANT}/") and path.endswith("/SelfAsserted"):
            journey = self.journey(query.get("tx"), self.headers.get("X-CSRF-TOKEN"))
            try:
                self.playground.engine.post(journey, dict(urllib.parse.parse_qsl(body, keep_blank_values=True)))
                self.send_json({"status": "200"})
            except providers.Refused as refusal:
                self.playground.trace.add("B2C", "browser", f"page {journey.page_name}: refused", str(refusal))
                self.send_json({"status": "400", "message": str(refusal)})
        else:
            self.send(404)


def main():
    parser = argparse.ArgumentParser(prog="playground", description="A stand-in of Azure AD B2C on loopback.",
                                     epilog="Kafka and Redis as VERIFYD_KAFKA_BROKERS, _KAFKA_CONFIG_FILE, _TOPIC_PREFIX and _REDIS_URL say.")
    parser.add_argument("--port", type=int, required=True, help="of 127.0.0.1, where browsers come; 0: any free one")
    parser.add_argument("--bind", default="127.0.0.1", help="the address it listens on; another one in a container whose port is published on the host's 127.0.0.1")
    parser.add_argument("--policies", required=True, help="a folder with a folder for each rendered set of policies; may be filled later")
    parser.add_argument("--key-file", required=True, help="the API key of every policy key: NAME=KEY")
    parser.add_argument("--vendor", required=True, help="http://HOST:PORT of vendorsim")
    parser.add_argument("--verifyctl", required=True, help="its path")
    arguments = parser.parse_args()
    server = http.server.ThreadingHTTPServer((arguments.bind, arguments.port), Handler)
    Handler.playground = Playground(arguments, f"http://127.0.0.1:{server.server_port}")
    print(json.dumps({"event": "listening", "listener": "playground", "address": f"127.0.0.1:{server.server_port}"}, separators=(",", ":")), file=sys.stderr, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
