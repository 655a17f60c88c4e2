"""Every page that a person can be shown, in a real browser: telephone and desktop, light and dark, English and German, with
and without a script; axe-core finds nothing wrong with any. The states are planted: an ingress and a Redis, no Kafka.

Screenshots go to the test's folder, or to VERIFYD_SCREENSHOTS where that is set."""
import json
import os
import re
import secrets
import time
from pathlib import Path

import pytest

from lib import forge
from lib.browser import check_words
from lib.cache import free_port
from lib.chromium import Driver
from lib.http import Caller
from lib.process import until
from lib.stack import Stack

NOBODY = "127.0.0.1:1"
APP = "Fjord Bank & Söhne"
DEVICES = {
    "phone": {"width": 390, "height": 844, "phone": True}, "desktop": {"width": 1280, "height": 800},
    "small": {"width": 320, "height": 640, "phone": True},
}
# name: state, what else, route, a word of it in English and in German
PAGES = {
    "waiting": ({"state": "queued"}, "start", "moment", "Moment"),
    "checking": ({"state": "checking", "checking_ms": 1}, "start", "being checked", "wird geprüft"),
    "done": ({"state": "completed", "verdict": "verified"}, "start", "confirmed", "bestätigt"),
    "denied": ({"state": "completed", "verdict": "denied", "reason": "fraud"}, "start", "could not confirm", "nicht bestätigen"),
    "unreadable": ({"state": "completed", "verdict": "unreadable", "reason": "not_readable"}, "start", "good light", "bei gutem Licht"),
    "no-document": ({"state": "completed", "verdict": "no_document", "reason": "not_uploaded"}, "start", "No document", "kein Ausweis"),
    "unsupported": ({"state": "completed", "verdict": "denied", "reason": "unsupported_type"}, "start", "another document", "anderen Ausweis"),
    "face-unclear": ({"state": "completed", "verdict": "denied", "reason": "face_unclear"}, "start", "your face", "Ihr Gesicht"),
    "out-of-time": ({"state": "completed", "verdict": "expired"}, "start", "in time", "rechtzeitig"),
    "try-again": ({"state": "dead", "reason": "timeout"}, "start", "did not work", "nicht geklappt"),
    "too-many": ({"state": "dead", "reason": "too_many_attempts"}, "start", "tomorrow", "morgen"),
    "expired": (None, "start", "expired", "abgelaufen"),
    "not-finished": ({"state": "queued"}, "return", "has not begun", "noch nicht begonnen"),
    "sign-in-again": ({"state": "awaiting_user"}, "return", "recognise", "wiedererkannt"),
    "other-browser": ({"state": "awaiting_user"}, "start", "another browser", "anderen Browser"),
    "failed": ("garbage", "start", "went wrong", "schiefgegangen"),
    "busy": ({"state": "awaiting_user", "reference": "0b8e1c1e-1111-4222-8333-444455556666", "sealed": "k1:x", "question": "q" * 43}, "return", "very busy", "sehr viel los"),
}


class Place:
    def __init__(self, stack, folder):
        address = f"127.0.0.1:{free_port()}"
        self.stack, self.url = stack, f"http://{address}"
        self.ingress = stack.ingress(wait=False, HTTP_LISTEN=address, PUBLIC_URL=self.url, APPLICATION_NAMES=f"*={APP}")
        self.ingress.process.address(listener="http")
        self.redis = stack.redis.client()
        self.shots = Path(os.environ.get("VERIFYD_SCREENSHOTS") or folder)
        self.ops = Caller(self.ingress.process.address(listener="ops"))
        until(lambda: any(event.get("event") == "redis_up" for event in self.ingress.process.events()), 30, "Redis to be seen")

    def plant(self, state):
        """Returns the id of a journey in that state."""
        identity = "v" + secrets.token_urlsafe(16)[:21] + "A"
        now = int(time.time() * 1000)
        value = {"id": identity, "kind": "jumio.identity", "state": "queued", "rev": 2, "caller": "b2c", "attempts": 0, "replays": 0,
                 "created_ms": now - 5000, "updated_ms": now}
        if state:
            self.redis.set(f"verifyd:v:{{{identity}}}", "garbage" if state == "garbage" else json.dumps(value | state), ex=600)
        return identity

    def change(self, identity, **more):
        """As a worker would, with its wake-up left out."""
        key = f"verifyd:v:{{{identity}}}"
        self.redis.set(key, json.dumps(json.loads(self.redis.get(key)) | {"rev": 9} | more), ex=600)

    def ticket(self, identity, use="start"):
        now = time.time()
        return forge.ticket(self.stack, use, identity, int(now * 1000), int(now) + 600)

    def address(self, identity, use="start"):
        return f"{self.url}/{use}/{self.ticket(identity, use)}"

    def queue(self, identity, ahead, limit=5, breaker="closed", **more):
        """Workers of four partitions say that so many are before this one; from a clock that is ahead, so that it stays fresh."""
        queue = {"vendor": "jumio", "op": "initiate", "in_flight": 0, "max_in_flight": 100, "waiting": [0, 0, 0, 0], "lag": ahead + 5,
                 "quota": {"limit": limit, "period_ms": 5000, "used": 0}, "breaker": breaker,
                 "watermarks": {str(partition): 1000 - ahead // 4 for partition in range(4)}} | more
        status = {"at_ms": int(time.time() * 1000) + 60_000, "version": "1", "started_ms": 1, "draining": False, "loop_lag_ms": 0, "classes": [queue]}
        self.redis.hset("verifyd:workers", "planted", json.dumps(status))
        self.redis.set(f"verifyd:place:{{{identity}}}", "0:1000", ex=600)
        self.until_workers(1)

    def no_queue(self):
        self.redis.delete("verifyd:workers")
        self.until_workers(0)

    def until_workers(self, count):
        """What the ingress has read."""
        until(lambda: f'verifyd_class_workers{{vendor="jumio",op="initiate"}} {count}\n' in self.ops.get("/metrics").json, 30, f"{count} workers to be seen")

    def open(self, browser, name):
        """Shows the page of that name of PAGES."""
        state, use, *_ = PAGES[name]
        identity = self.plant(state)
        url = self.address(identity, use)
        if name == "expired":
            url = f"{self.url}/start/{forge.expired_ticket(self.stack, 'start', identity)}"
        elif name == "other-browser":
            self.redis.set(f"verifyd:browser:{{{identity}}}", f"{int(time.time() * 1000)} {'x' * 43}", ex=600)
        elif name in ("not-finished", "busy"):
            self.bind(browser, identity)
        return browser.open(url)

    def bind(self, browser, identity):
        """This browser begins the journey, and leaves its page again."""
        kept = self.redis.get(f"verifyd:v:{{{identity}}}")
        self.redis.set(f"verifyd:v:{{{identity}}}", json.dumps(json.loads(kept) | {"state": "checking", "checking_ms": 1}), ex=600)
        browser.open(self.address(identity))
        until(lambda: any(cookie["name"].endswith(identity) for cookie in browser.cookies()), 10, "the browser to be bound")
        self.redis.set(f"verifyd:v:{{{identity}}}", kept, ex=600)


@pytest.fixture(scope="module")
def place(session_folder):
    folder = session_folder / "pages"
    with Stack(folder, NOBODY, topics=False) as stack:
        yield Place(stack, folder / "shots")


@pytest.fixture(scope="module")
def browser(session_folder):
    folder = session_folder / "pages-chromium"
    folder.mkdir()
    with Driver(folder) as driver:
        one = driver.browser()
        one.plain = driver.browser(waits=False, scripts=False)
        yield one


def check_page(browser, name, words):
    """It can be shown to a person: says what it must, whole in the window, and axe-core finds nothing."""
    assert words in browser.text, browser.text
    check_words(browser.title + " " + browser.text, name)
    assert APP in browser.title and APP in browser.text
    assert not browser.run("document.documentElement.scrollWidth > document.documentElement.clientWidth"), f"{name} is wider than the window"
    assert browser.accessibility() == [], name


@pytest.mark.slow
@pytest.mark.parametrize("device,scheme,language", [("phone", "light", "de"), ("desktop", "dark", "en"), ("small", "dark", "de")])
def test_every_page_reads_well_and_axe_finds_nothing(place, browser, device, scheme, language):
    place.no_queue()
    browser.device(**DEVICES[device], scheme=scheme, language=language)
    browser.complaints()
    for name, (_, _, english, german) in PAGES.items():
        place.open(browser, name)
        browser.run("for (let timer = setTimeout(() => 0); timer; timer--) clearTimeout(timer)")  # the busy page would go in the middle of it
        browser.shot(place.shots / f"{name}-{device}-{scheme}-{language}.png")
        assert browser.run("document.documentElement.lang") == language
        check_page(browser, name, german if language == "de" else english)
        background = browser.run("getComputedStyle(document.body).backgroundColor")
        light = sum(int(number) for number in re.findall(r"\d+", background)[:3]) / 3
        assert (light < 60) == (scheme == "dark"), background
        complaints = [line for line in browser.complaints() if "status of" not in line]  # of 4xx and 5xx it tells, too
        assert not complaints, f"{name}: {complaints}"


@pytest.mark.slow
def test_without_a_script_pages_say_the_same_and_waiting_ones_come_again(place, browser):
    """No script: a page that waits opens itself again; every other one stays."""
    quiet = browser.plain.device(**DEVICES["phone"])
    for name in ("checking", "done", "denied", "not-finished", "busy"):
        place.open(quiet, name)
        seen = "document.body && [document.body.innerText, !!document.querySelector('meta[http-equiv=refresh]')]"  # of one document
        _, again = until(lambda name=name: (found := quiet.run(seen)) and PAGES[name][2] in found[0] and found, 20, f"{name} without a script")
        assert again == (name in ("checking", "busy")), name
    identity = place.plant({"state": "queued"})
    place.queue(identity, 20)
    quiet.open(place.address(identity))
    until(lambda: "w=1&n=20&t=0" in quiet.url, 20, "the waiting page to come again")
    until(lambda: "About 20 people are before you. It takes less than a minute." in quiet.text, 20, "its text")
    quiet.shot(place.shots / "waiting-without-script.png")
    place.no_queue()
    place.change(identity, state="completed", verdict="denied")
    until(lambda: "could not confirm" in quiet.text, 20, "the page to go on by itself")


@pytest.mark.slow
def test_a_waiting_page_tells_its_place_and_goes_on_without_being_loaded_again(place, browser):
    """The numbers come down while the page stays; nothing grows; then it goes on."""
    browser.device(**DEVICES["desktop"], language="de")
    identity = place.plant({"state": "queued"})
    place.queue(identity, 96)
    browser.open(place.address(identity))
    assert "Vor Ihnen sind etwa 100 Personen. Es dauert etwa 2 Minuten." in browser.text, browser.text
    browser.shot(place.shots / "waiting-place-desktop.png")
    assert browser.accessibility() == []
    browser.run("window.mark = 1")
    place.queue(identity, 160, limit=25)  # more have come, and it goes faster
    until(lambda: "etwa 100 Personen. Es dauert weniger als eine Minute." in browser.text, 20, "the page to hear of it")
    place.queue(identity, 8, limit=1)
    until(lambda: "weniger als 10 Personen" in browser.text, 20, "the place to come down")
    assert browser.run("window.mark") == 1, "the same document all the time"
    browser.device(**DEVICES["phone"], scheme="dark", language="de")
    browser.shot(place.shots / "waiting-place-phone-dark.png")
    place.change(identity, state="completed", verdict="verified")
    until(lambda: "Ihre Identität ist bestätigt." in browser.text, 30, "the page to go on by itself")
    assert browser.run("window.mark") is None
    place.no_queue()


@pytest.mark.slow
def test_a_page_of_a_document_that_is_checked_shows_the_verdict_by_itself(place, browser):
    browser.device(**DEVICES["phone"])
    identity = place.plant({"state": "checking", "checking_ms": int(time.time() * 1000)})
    browser.open(place.address(identity))
    assert "being checked" in browser.text
    place.change(identity, state="completed", verdict="unreadable")
    until(lambda: "could not read your document" in browser.text, 20, "the verdict")


@pytest.mark.slow
def test_a_waiting_page_outlasts_an_ingress_that_is_away(place, browser):
    browser.device(**DEVICES["desktop"])
    identity = place.plant({"state": "queued"})
    browser.open(place.address(identity))
    assert "moment" in browser.text
    browser.run("window.mark = 1")
    process = place.ingress.process
    process.pause()
    time.sleep(2)
    place.change(identity, state="completed", verdict="verified")
    process.resume()
    until(lambda: "confirmed" in browser.text, 30, "the page to go on")
