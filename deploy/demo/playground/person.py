#!/usr/bin/env python3
"""A person without a screen, for the demo's walk: signs up at the playground with their document, then signs in again. Prints
what happens; status 1 when it ends in anything but a token.

    python3 deploy/demo/playground/person.py http://127.0.0.1:PORT"""
import base64
import html
import http.cookiejar
import json
import re
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

PATIENCE_S = 60
AGAIN_S = 0.5


class Stop(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Person:
    def __init__(self, playground):
        self.playground, self.began = playground, time.monotonic()
        self.cookies = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(secure_protocols=("https", "http")))  # loopback is as good, as browsers see it
        self.browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stop, urllib.request.HTTPCookieProcessor(self.cookies))
        self.mail, self.password = f"person-{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(12)
        self.page = None

    def say(self, text):
        print(f"  {round((time.monotonic() - self.began) * 1000):6} ms  person   {text}", flush=True)

    def fetch(self, url, data=None, headers=None):
        """Returns: status, location (None: it stays), text."""
        request = urllib.request.Request(url, data, headers or {})
        try:
            with self.browser.open(request, timeout=30) as reply:
                return reply.status, None, reply.read().decode()
        except urllib.error.HTTPError as error:
            location = error.headers.get("Location")
            return error.code, urllib.parse.urljoin(url, location) if location else None, error.read().decode()

    def open(self, url):
        """Follows to a page, or to the app. A page that opens itself again does so."""
        end = time.monotonic() + PATIENCE_S
        while True:
            status, location, text = self.fetch(url)
            if location is None and re.search('<main [^>]*data-(again=|shows="waiting")', text) and time.monotonic() < end:
                time.sleep(AGAIN_S)
                continue
            if location is None:
                break
            url = location
            if "/app/callback" in url:
                return url
        if status != 200:
            raise SystemExit(f"{url}: {status}: {re.sub('<[^>]*>', ' ', text)[:300]}")
        found = re.search(r'<script id="facts" type="application/json">(.*?)</script>', text, re.S)
        self.page = json.loads(found[1]) if found else None
        self.text = text
        return url

    def claim(self, name):
        return html.unescape(re.search(rf'id="{name}"[^>]*>([^<]*)<', self.page["markup"])[1])

    def field(self, name):
        return html.unescape(re.search(rf'id="{name}"[^>]* value="([^"]*)"', self.page["markup"])[1])

    def address(self, action):
        settings = self.page["settings"]
        return f"{self.playground}{settings['base']}/api/SelfAsserted/{action}?tx={settings['transId']}&csrf_token={settings['csrf']}"

    def send(self, **form):
        """The page's form, and on to the next page."""
        settings = self.page["settings"]
        status, _, text = self.fetch(f"{self.playground}{settings['base']}/SelfAsserted?tx={settings['transId']}", urllib.parse.urlencode(form).encode(),
                                     {"X-CSRF-TOKEN": settings["csrf"]})
        answer = json.loads(text)
        if status != 200 or answer["status"] != "200":
            raise SystemExit(f"the page was refused: {answer}")
        return self.open(self.address("confirmed"))

    # pages

    def is_at(self, page):
        return self.page is not None and self.page["load"].endswith(f"/{page}.html")

    def expect(self, page):
        if not self.is_at(page):
            raise SystemExit(f"not at {page}.html but at {self.page and self.page['load']}")

    def poll(self):
        token = self.field("verificationToken")
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            _, _, text = self.fetch(self.claim("pollUrl"), json.dumps({"verificationToken": token}).encode(), {"Content-Type": "application/json", "Prefer": "wait=5"})
            answer = json.loads(text)
            self.say(f"the page asks: {answer['status']}")
            token = answer.get("verificationToken", token)
            if answer["status"] != "RETRY":
                return self.send(verificationToken=token)
        raise SystemExit("no verdict in time")

    def telephone(self):
        self.expect("mfa")
        self.say("gives the code by telephone")
        return self.send(number="+49 30 555 0100", verificationCode="123456")

    def begin(self, journeys="combined"):
        self.open(f"{self.playground}/app/start?journeys={journeys}")
        self.expect("signin")

    def sign_up(self, outcome="approved", journeys="combined"):
        """Up to the page that polls."""
        self.register(journeys)
        self.expect("redirect")
        self.say("is sent to Jumio")
        self.show_document(self.claim("redirectUrl"), outcome)

    def register(self, journeys="combined"):
        """An account, and the telephone where the journeys ask for it."""
        self.begin(journeys)
        self.open(self.address("signup"))
        self.expect("signup")
        self.say("signs up, and agrees to the check")
        self.send(email=self.mail, newPassword=self.password, reenterPassword=self.password, displayName="Vesna", identityCheckConsent="agreed")
        if journeys != "jumio":
            self.telephone()

    def show_document(self, address, outcome="approved"):
        """At Jumio, and back."""
        location = self.capture(address, outcome)
        self.say("shows the document, and comes back with a fresh id_token_hint")
        self.open(location)
        self.expect("polling")

    def capture(self, address, outcome="approved"):
        """Returns: where Jumio sends the browser."""
        url = self.open(address)
        capture = re.search(r'name="authorizationToken" value="([^"]*)"', self.text)[1]
        form = urllib.parse.urlencode({"authorizationToken": capture, "outcome": outcome}).encode()
        return self.fetch(urllib.parse.urljoin(url, "/jumio/capture/finish"), form)[1]

    def sign_in(self, session=None, journeys="combined"):
        """Up to the page, or the app, after the score."""
        self.begin(journeys)
        url = self.send(signInName=self.mail, password=self.password)
        if journeys == "jumio":
            return url
        self.expect("session")
        return self.send(clientSessionId=f"session-{secrets.token_hex(8)}" if session is None else session)

    def token(self, url):
        """The claims that the app gets."""
        answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).fragment))
        if "id_token" not in answer:
            raise SystemExit(f"no token: {answer}")
        body = answer["id_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        told = {name: claims.get(name) for name in ("identityVerified", "riskLevel", "score") if name in claims}
        self.say(f"is in; the token says {json.dumps(told)}")
        return claims


def main():
    person = Person(sys.argv[1])
    person.sign_up()
    first = person.token(person.poll())
    person.say("signs in again: the score is LOW, so no telephone, and the identity is known")
    second = person.token(person.sign_in())
    good = first.get("identityVerified") is True and second.get("identityVerified") is True and second.get("riskLevel") == "LOW" and first["sub"] == second["sub"]
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
