"""A sign-up in a real browser: redirects, Secure cookies on loopback, cross-origin polls, and what the pages look like.

Screenshots of every page go to the test's folder, or to VERIFYD_SCREENSHOTS where that is set."""
import http.server
import os
import threading
import urllib.parse
from pathlib import Path

import pytest

from lib import forge
from lib.browser import check_words
from lib.cache import free_port
from lib.chromium import Driver
from lib.journey import Journey
from lib.load import taken
from lib.process import until

# B2C's page as the sample's: it polls with the first token until it is told SUCCESS or FAILED.
PAGE = """<!DOCTYPE html><html lang="en"><head><title>B2C</title></head><body><h1>Contoso</h1><p id="status">asking</p>
<script>
const poll = async () => {{
  const reply = await fetch({url}, {{method: 'POST', headers: {{'Content-Type': 'application/json', 'Prefer': 'wait=2'}},
                                    body: JSON.stringify({{verificationToken: {token}}})}});
  const answer = await reply.json();
  document.getElementById('status').textContent = answer.status || ('error ' + answer.code);
  if (answer.status === 'RETRY') setTimeout(poll, 200);
}};
poll();
</script></body></html>"""


class Tenant:
    """Plays B2C: its return policy's page, on a port of its own."""

    def __init__(self):
        self.ask = None  # called with the address that the browser came to; returns the page
        tenant = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                try:
                    page, status = tenant.ask(self.path).encode(), 200
                except (Exception, AssertionError) as error:  # pylint: disable=broad-except
                    tenant.trouble, page, status = error, b"trouble", 500
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass

        self.trouble = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.url = f"{self.origin}/tenant"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Place:
    """An ingress of its own address, so that a browser really reaches it, before a tenant of this test's."""

    def __init__(self, service, tenant, driver, folder):
        self.service, self.tenant, self.driver = service, tenant, driver
        address = f"127.0.0.1:{free_port()}"
        self.public_url = f"http://{address}"
        self.ingress = service.stack.ingress(HTTP_LISTEN=address, PUBLIC_URL=self.public_url, B2C_BASE_REDIRECT_URL=tenant.url, INITIATE_WAIT_MS=1000)
        self.shots = Path(os.environ.get("VERIFYD_SCREENSHOTS", folder))

    def journey(self, marks=""):
        journey = Journey(self.service.stack, self.ingress, marks, public_url=self.public_url, b2c_url=self.tenant.url)
        self.tenant.ask = lambda path: self.arrive(journey, path)
        return journey

    def arrive(self, journey, path):
        """What the return policy does: checks the hint, gets a token, shows the page that polls."""
        if not path.startswith("/tenant/"):
            return "<!DOCTYPE html><title>-</title>"  # a browser's own wish, such as an icon
        journey.land(self.tenant.origin + path)
        token = journey.token()
        return PAGE.format(url=repr(f"{self.public_url}//api/Jumio/VerifyTransactionStatus"), token=repr(token))

    def arrived(self, browser):
        """Waits until the browser is at B2C."""
        url = browser.wait_url(self.tenant.url)
        if self.tenant.trouble:
            taken(self.tenant.trouble)
        return url

    def shot(self, browser, name):
        """A screenshot; and the page must be one that can be shown to a person."""
        browser.shot(self.shots / f"{name}.png")
        if browser.url.startswith(self.public_url):
            check_words(browser.title + " " + browser.text, name)
            assert browser.title and browser.find("h1"), name
            wide = browser.run("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            assert not wide, f"{name} is wider than the window"


@pytest.fixture(scope="module")
def driver(session_folder):
    folder = session_folder / "chromium"
    folder.mkdir()
    with Driver(folder) as one:
        yield one


@pytest.fixture
def place(service, driver, folder):
    with Tenant() as tenant:
        yield Place(service, tenant, driver, folder)


@pytest.mark.slow
def test_a_sign_up_in_chromium(place):
    """Start, waiting page, capture page, return, B2C's page that polls over CORS: and then verified."""
    browser = place.driver.browser(waits=False)
    place.service.vendor.process.pause()
    try:
        journey = place.journey().initialize()
        browser.open(journey.redirect_url)
        until(lambda: "moment" in browser.showing()[0], 30, "the waiting page: Jumio has not answered")
        browser.shot(place.shots / "waiting.png")
        assert browser.showing()[1].startswith(place.public_url)
    finally:
        place.service.vendor.process.resume()
    browser.wait_url(journey.stack.vendor.jumio_url)
    place.shot(browser, "capture")
    (cookie,) = [c for c in browser.cookies() if c["name"].startswith("__Host-verifyd-")]
    assert cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/"
    assert browser.run("document.cookie") == "", "no script sees it"

    browser.click('button[value="approved"]')
    landed = place.arrived(browser)
    assert urllib.parse.urlsplit(landed).path == f"/tenant/{journey.fields['Policy']}/oauth2/v2.0/authorize"
    said = until(lambda: (words := browser.text.split()[-1:]) in (["SUCCESS"], ["FAILED"]) and words, 60, "the page's verdict")
    place.shot(browser, "b2c")
    assert said == ["SUCCESS"]
    assert journey.validate()["success"] is True
    browser.open(journey.redirect_url)
    until(lambda: browser.find("h1") and "done" in browser.text, 10, "the last page")
    place.shot(browser, "done")


@pytest.mark.slow
def test_another_browser_is_told_to_continue_where_it_began(place):
    """Two profiles, one ticket; and the one that began is not disturbed."""
    place.service.vendor.set_jumio(pending=1000)  # until we take it back
    try:
        journey = look_at_both(place)
    finally:
        place.service.vendor.set_jumio(pending=None)
    assert place.service.vendor.call_back(journey.transaction()["reference"]) == 200
    journey.wait_state("completed")


def look_at_both(place):
    journey = place.journey().initialize()
    first, second = place.driver.browser(), place.driver.browser()
    first.open(journey.redirect_url)
    first.wait_url(journey.stack.vendor.jumio_url)
    second.open(journey.redirect_url)
    assert second.url == journey.redirect_url and "continue" in second.text.lower()
    place.shot(second, "other-browser")
    second.open(journey.transaction()["success_url"])
    assert "sign in" in second.text.lower()
    place.shot(second, "sign-in-again")
    assert not [c for c in second.cookies() if c["name"].startswith("__Host-verifyd-")]
    first.click('button[value="approved"]')
    place.arrived(first)
    journey.wait_state("checking")
    first.open(journey.redirect_url)
    assert "checked" in first.text.lower()
    place.shot(first, "being-checked")
    return journey


@pytest.mark.slow
def test_the_other_pages(place):
    """Expired, denied, unreadable, nothing handed in: at the width of a telephone."""
    browser = place.driver.browser()
    browser.call("POST", "/window/rect", {"width": 500, "height": 800})
    journey = place.journey("~callback=0").initialize()
    browser.open(f"{place.public_url}/start/{forge.expired_ticket(journey.stack, 'start', journey.reference)}")
    assert "expired" in browser.text.lower()
    place.shot(browser, "expired")
    for outcome in ("denied_fraud", "unreadable", "no_document"):
        journey = place.journey("~callback=0").initialize()
        browser.open(journey.redirect_url)
        browser.wait_url(journey.stack.vendor.jumio_url)
        browser.click(f'button[value="{outcome}"]')
        place.arrived(browser)
        until(lambda journey=journey: journey.state()["state"] == "completed", 30)
        browser.open(journey.redirect_url)
        place.shot(browser, outcome)
