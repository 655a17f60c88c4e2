"""The rendered policies with the real pages, through the playground: what a person goes through, in Chromium and without a screen.

Screenshots of every page go to the test's folder, or to VERIFYD_SCREENSHOTS where that is set."""
import contextlib
import html
import http.server
import json
import os
import re
import secrets
import threading
import urllib.parse
from pathlib import Path

import pytest

from lib import forge
from lib.browser import check_words
from lib.chromium import Driver
from lib.playground import Playground
from lib.process import until

PHONE = {"width": 390, "height": 844, "phone": True}
DESKTOP = {"width": 1280, "height": 800}
SMALL = {"width": 320, "height": 640, "phone": True}  # also what 400 % leave of a desktop (WCAG 1.4.10)
LONG = "Maximiliane-Alexandrine-Wilhelmine.von-und-zu-Hohenlohe-Schillingsfürst-Waldenburg"
FIELDS = {"newPassword": "correct horse 1", "reenterPassword": "correct horse 1", "displayName": "Vesna"}


@pytest.fixture(scope="module")
def playground(service, session_folder):
    one = Playground(service, session_folder / "playground")
    yield one
    one.stop()
    service.vendor.set(score=None, down=None)
    service.vendor.set_jumio(pending=None)


@pytest.fixture(scope="module")
def driver(session_folder):
    folder = session_folder / "playground-chromium"
    folder.mkdir()
    with Driver(folder) as one:
        yield one


@pytest.fixture(scope="module")
def shots(session_folder):
    return Path(os.environ.get("VERIFYD_SCREENSHOTS") or session_folder / "playground-shots")


class Screen:
    """A person at a real browser."""

    def __init__(self, playground, browser, shots, device, scheme="light", language="en"):
        self.playground, self.shots, self.language = playground, shots, language
        self.looks = [(device, scheme), (DESKTOP if device is PHONE else PHONE, "dark" if scheme == "light" else "light")]
        self.browser = browser.device(**device, scheme=scheme, language=language)
        self.mail = f"{secrets.token_hex(4)}@example.com"

    def begin(self, journeys="combined"):
        self.browser.open(f"{self.playground.url}/app/start?journeys={journeys}")
        return self.at("next")

    def at(self, element, timeout_s=40):
        """Waits for a page that has this element."""
        until(lambda: self.has(element), timeout_s, f"{element}; the page says: {self.browser.text[:300]}")
        return self

    def has(self, element):
        return self.browser.run(f"!!document.getElementById('api') && !!document.getElementById({json.dumps(element)})")

    def is_shown(self, element):
        return self.browser.run(f"document.getElementById({json.dumps(element)}).checkVisibility()")

    def style(self, element, name):
        return self.browser.run(f"getComputedStyle(document.getElementById({json.dumps(element)}))[{json.dumps(name)}]")

    def says(self, words, timeout_s=40):
        until(lambda: words in self.browser.text, timeout_s, f"{words!r}; the page says: {self.browser.text[:500]}")
        return self

    def fill(self, **fields):
        for name, value in fields.items():
            self.browser.run(f"document.getElementById({json.dumps(name)}).value = {json.dumps(value)}")
        return self

    def click(self, selector):
        self.browser.run(f"document.querySelector({json.dumps(selector)}).click()")
        return self

    def shot(self, name, stays=True):
        """A page that can be shown, on a telephone and on a desktop, light and dark: pictures, no word of our insides, whole in the
        window, right for axe-core. stays: not one that goes on by itself in the meantime."""
        browser = self.browser
        assert browser.run("document.documentElement.lang")[:2] == self.language
        check_words(browser.title + " " + browser.text, name)
        for device, scheme in self.looks if stays else self.looks[:1]:
            browser.look(**device, scheme=scheme)
            where = f"{'phone' if device is PHONE else 'desktop'}-{scheme}-{self.language}"
            browser.shot(self.shots / f"playground-{name}-{where}.png", whole=True)
            self.fits(f"{name} ({where})")
            assert browser.accessibility(only=None if device is self.looks[0][0] else ["color-contrast"]) == [], f"{name} ({where})"
        browser.look(**SMALL)
        self.fits(f"{name} (small)")
        browser.look(**self.looks[0][0], scheme=self.looks[0][1])
        return self

    def rings(self, *elements):
        """Whoever goes by keyboard comes to these, in this order, and sees where they are."""
        self.browser.run("document.activeElement.blur()")
        for element in elements:
            self.browser.press_key("Tab")
            found = json.loads(self.browser.run("JSON.stringify((e => [e.id, getComputedStyle(e).outlineStyle, parseFloat(getComputedStyle(e).outlineWidth)])(document.activeElement))"))
            assert found[:2] == [element, "solid"] and found[2] >= 2, found
        return self

    def fits(self, what):
        assert not self.browser.run("document.documentElement.scrollWidth > document.documentElement.clientWidth"), f"{what} is wider than the window"

    def sign_up(self, agrees=True):
        self.click("#createAccount").at("email")
        self.fill(email=self.mail, **FIELDS)
        return self.click("[id^=identityCheckConsent]") if agrees else self

    def sign_in(self, journeys):
        return self.begin(journeys).fill(signInName=self.mail, password=FIELDS["newPassword"]).click("#next")

    def capture(self, outcome):
        self.browser.wait_url(self.playground.service.vendor.jumio_url)
        self.browser.click(f'button[value="{outcome}"]')
        return self

    def claims(self):
        """Of the token that the app shows."""
        until(lambda: self.browser.find("#claims tr") and "/app/callback" in self.browser.url, 30, f"the app; the page says: {self.browser.text[:300]}")
        return self.browser.run("Object.fromEntries([...document.querySelectorAll('#claims tr')].map(row => [row.cells[0].textContent, row.cells[1].textContent]))")


# ---- in Chromium ----

@pytest.mark.slow
def test_a_sign_up_in_german_on_a_telephone_ends_with_a_token(playground, driver, shots):
    """Consent, second factor, redirect, capture, a verdict that takes a while and that B2C cannot fetch at first, and the claims; then
    straight through."""
    me = Screen(playground, driver.browser(), shots, PHONE, "light", "de")
    vendor = playground.service.vendor
    before = {one["reference"] for one in vendor.transactions()}
    vendor.set_jumio(pending=1000)  # until we take it back
    try:
        me.begin().says("Anmelden").shot("signin").rings("signInName", "password", "next", "createAccount")
        me.sign_up().says("Einwilligung").shot("signup").click("#continue")
        me.at("verificationCode").says("Sicherheit").shot("mfa").fill(number="+49 30 555 0100", verificationCode="123456").click("#continue")
        me.capture("approved")
        me.at("verificationToken").says("Ihr Ausweis wird geprüft")
        playground.switch("down", True)
        me.shot("polling-live", stays=False)
        vendor.set_jumio(pending=0)
        (mine,) = {one["reference"] for one in vendor.transactions()} - before
        assert vendor.call_back(mine) == 200
        me.says("Das geht gerade nicht").says("Ihre Bilder sind nicht verloren").shot("polling-refused")
        playground.switch("down", False)
        me.click("#continue")
        assert me.claims()["identityVerified"] == "true"
    finally:
        playground.switch("down", False)
        vendor.set_jumio(pending=0)
    me.browser.shot(shots / "playground-app-phone-light.png", whole=True)
    me.sign_in("combined")
    claims = me.claims()
    assert (claims["riskLevel"], claims["score"], claims["identityVerified"]) == ("LOW", "87", "true"), claims


@pytest.mark.slow
def test_two_tabs_are_one_check_and_another_browser_takes_it_over(playground, driver):
    """Begun on a desktop in two tabs, gone on with on a telephone: one check, paid for once, and the desktop is told."""
    desk = Screen(playground, driver.browser(), None, DESKTOP)
    telephone = Screen(playground, driver.browser(), None, PHONE)
    telephone.mail = desk.mail
    desk.begin("jumio").sign_up().click("#continue")
    capture = desk.browser.wait_url(playground.service.vendor.jumio_url)
    with desk.browser.another_tab():
        desk.sign_in("jumio").browser.wait_url(capture)
    telephone.sign_in("jumio").browser.wait_url(capture)
    telephone.capture("approved")
    claims = telephone.claims()
    assert claims["identityVerified"] == "true"
    assert len(playground.service.vendor.transactions(claims["sub"])) == 1
    desk.capture("approved")  # the tab that was left open
    desk.says("Please sign in again")
    desk.sign_in("jumio")
    assert desk.claims()["sub"] == claims["sub"]


@pytest.mark.slow
def test_a_denied_document_ends_at_a_page_that_nothing_gets_past(playground, driver, shots):
    """The reason in the person's words, a look again, a forged post, and the way back to the app; then a second attempt."""
    me = Screen(playground, driver.browser(), shots, DESKTOP, "dark", "en")
    me.begin("jumio").shot("signin")
    me.fill(signInName=me.mail, password="wrong").click("#next").says("password is not right").shot("signin-refused")
    me.sign_up(agrees=False).click("#continue").says("Something is missing").shot("signup-refused")
    me.fill(displayName=LONG).click("[id^=identityCheckConsent]").shot("signup").click("#continue")
    me.capture("unreadable")
    me.says("We could not read your document").says("in good light").shot("block-unreadable")
    assert not me.is_shown("continue"), "looking again would change nothing"
    forged = me.browser.ask("Runtime.evaluate", awaitPromise=True, returnByValue=True, expression="""
        fetch(SETTINGS.base + '/SelfAsserted?tx=' + SETTINGS.transId, {method: 'POST', headers: {'X-CSRF-TOKEN': SETTINGS.csrf},
            body: new URLSearchParams({request_type: 'RESPONSE', identityConfirmed: 'true', identityAccepted: 'true', mayGoOn: 'true'})}).then(r => r.json())""")
    assert forged["result"]["value"]["status"] == "400"
    me.click("#cancel")
    until(lambda: "came back without signing in" in me.browser.text, 20, "the app")
    me.browser.shot(shots / "playground-app-cancelled-desktop-dark.png", whole=True)
    me.sign_in("jumio").capture("approved")
    claims = me.claims()
    assert claims["identityVerified"] == "true" and claims["displayName"] == LONG
    me.browser.look(**SMALL)
    me.fits("the app, with a long name")


@pytest.mark.slow
def test_a_risk_that_is_high_is_blocked_and_a_medium_one_asks_for_the_telephone(playground, driver, shots):
    """Through the page of a moment that hands the session on: its script's own session reaches BioCatch."""
    me = Screen(playground, driver.browser(), shots, PHONE, "dark", "en")
    vendor = playground.service.vendor
    try:
        vendor.set(score=600)
        me.begin("biocatch").click("#createAccount").at("email").shot("signup-without-check")
        me.fill(email=me.mail, **FIELDS).click("#continue")
        me.at("verificationCode").shot("mfa").fill(number="+49 30 555 0100", verificationCode="123456").click("#continue")
        assert me.claims()["riskLevel"] == "MEDIUM"
        session = me.browser.run(f"fetch('{playground.url}/app') && sessionStorage.getItem('verifyd-session')")
        assert re.fullmatch("[0-9a-f]{32}", session) and vendor.calls(session) == 1
        me.sign_in("jumio").says("Before your identity is checked").shot("consent")  # this account was made without a word about it
        me.click("#cancel")
        me.browser.run("sessionStorage.clear()")  # another session, or it is the same question
        me.sign_in("biocatch").at("verificationCode").shot("mfa-known")
        vendor.set(score=900)
        me.browser.run("sessionStorage.clear()")
        me.sign_in("biocatch").says("You cannot sign in right now").shot("block-risk")
        assert not me.has("continue")
    finally:
        vendor.set(score=None)


def facts(load, markup, scripts=True, lang="en"):
    return {"load": load, "markup": markup, "scripts": scripts, "settings": {"locale": {"lang": lang}, "csrf": "c", "transId": "t", "base": "/nowhere"}}


def paragraph(name, text):
    return f'<li class="Paragraph"><div class="attrEntry"><p>{name}</p><p id="{name}" class="textParagraph">{html.escape(text)}</p></div></li>'


def form(*rows, buttons=("continue", "cancel")):
    made = "".join(f'<button id="{name}" type="button">{name.title()}</button>' for name in buttons)
    return ('<form><div class="error pageLevel" id="claimVerificationServerError" role="alert" style="display:none"></div>'
            f'<div class="attr"><ul>{"".join(rows)}</ul></div><div class="buttons">{made}</div></form>')


TOKEN = '<li class="TextBox"><div class="attrEntry"><label for="verificationToken">Token</label><input id="verificationToken" value="x"></div></li>'
AGREE = "I agree that my document and my picture are checked"
CONSENT = (f'<li class="CheckboxMultiSelect"><div class="attrEntry"><fieldset><legend>{AGREE}</legend><input type="checkbox" id="identityCheckConsent_agreed" '
           'name="identityCheckConsent" value="agreed"><label for="identityCheckConsent_agreed">I agree</label></fieldset></div></li>')
WRONG = ('<li class="EmailBox"><div class="attrEntry"><label for="email">E-mail</label><div class="error itemLevel" role="alert"><p>Please enter a valid e-mail address.</p></div>'
         '<input id="email" class="textInput highlightError" aria-invalid="true" autocomplete="email" value="nobody"></div></li>')
GIVEN = f'<li class="Readonly"><div class="attrEntry"><label for="given">Name</label><input id="given" readonly value="{LONG}"></div></li>{paragraph("long", LONG * 2)}'
BOTH, BACK = ("continue", "cancel"), ("cancel",)
TEXTS = {  # block page: code, message, B2C's buttons, what it says in English and German, whether it offers to look again
    "not-finished": ("not_confirmed", "Your document is still being checked. Please sign in again later.", BOTH, "is still being checked", "wird noch geprüft", True),
    "denied": ("not_confirmed", "The check of your document did not succeed. If you think that this is a mistake, please contact the support of the app that you came from.",
               BOTH, "contact the support", "Kundendienst der App", False),
    "unknown-reason": ("not_confirmed", "A reason of tomorrow.", BOTH, "A reason of tomorrow.", "A reason of tomorrow.", True),
    "link": ("link", "", BACK, "belongs to another check", "gehört zu einer anderen Prüfung", False),
    "risk": ("risk", "", BACK, "cannot sign in right now", "gerade nicht anmelden", False),
}


@contextlib.contextmanager
def nowhere():
    """An address that a browser stays where it is for: 204."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/x"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("device,scheme,language", [(PHONE, "light", "de"), (DESKTOP, "dark", "en")], ids=["de", "en"])
def test_pages_that_a_person_seldom_sees(playground, driver, shots, device, scheme, language):
    """Redirect while the next page comes, or without an address; polling that takes long, or without a connection; the other reasons."""
    me = Screen(playground, driver.browser(), shots, device, scheme, language)
    german = language == "de"
    lines = paragraph("pageLanguage", "de-AT" if german else "en-US")
    pages = playground.public_url + "/ui"

    def show(page, markup):
        me.browser.open(playground.url + "/app")
        until(lambda: me.browser.find("#go") and me.browser.run("location.pathname") == "/app", 20, "the app")
        source = (Path(__file__).resolve().parents[2] / "deploy/demo/playground/b2c.html").read_text(encoding="utf-8")
        source = source.replace("{{facts}}", json.dumps(facts(f"{pages}/{page}.html", markup, lang=language)).replace("<", "\\u003c"))
        me.browser.run(f"document.open(); document.write({json.dumps(source)}); document.close()")
        return me.at("title")

    with nowhere() as address:
        show("redirect", form(paragraph("redirectUrl", address), lines, buttons=("cancel",)))
        me.says("Weiter zur Prüfung" if german else "Continue to the check").shot("redirect")
        assert me.browser.run("document.getElementById('go').href") == address
        show("polling", form(TOKEN, paragraph("pollUrl", address), lines))
        me.says("weniger als eine Minute" if german else "less than a minute").shot("polling-begin")
        assert not me.browser.run("document.getElementById('continue').checkVisibility()"), "the button comes after a minute"
    show("redirect", form(paragraph("redirectUrl", "javascript:alert(1)"), lines, buttons=("cancel",)))
    me.says("konnte nicht beginnen" if german else "could not begin").shot("redirect-broken")
    show("polling", form(TOKEN, paragraph("pollUrl", "ftp://nowhere"), lines))
    me.says("Nicht länger warten" if german else "Do not wait any longer").shot("polling-long")
    for page, (code, message, buttons, english, deutsch, again) in TEXTS.items():
        show("block", form(paragraph("blockCode", code), paragraph("blockMessage", message), lines, buttons=buttons))
        me.says(deutsch if german else english).shot(f"block-{page}")
        assert me.is_shown("cancel") and (me.has("continue") and me.is_shown("continue")) is again
        assert me.browser.run("document.getElementById('blockCode').checkVisibility()") is False
    show("signup", form(WRONG, GIVEN, CONSENT))
    me.says("Konto anlegen" if german else "Create your account").shot("signup-wrong-field")
    assert me.style("email", "borderTopColor") != me.style("given", "borderTopColor") and me.style("given", "borderTopStyle") == "dashed"
    show("consent", form(CONSENT, lines))
    me.says("Ich bin einverstanden" if german else "I agree").shot("consent")
    show("error", "<div><p>AADB2C90037</p></div>")
    me.says("schiefgegangen" if german else "went wrong").shot("error")
    if german:  # these take seconds, and wait for them only once
        show("polling", form(TOKEN, paragraph("pollUrl", "http://127.0.0.1:1/"), lines))
        me.says("keine Verbindung").shot("polling-offline")
        show("session", form(lines))
        me.says("Weiter").shot("session")


@pytest.mark.slow
def test_the_panel_shows_every_call_and_what_is_stored(playground, driver, shots):
    person = playground.person()
    person.sign_up()
    person.token(person.poll())
    browser = driver.browser().device(**DESKTOP)
    browser.open(playground.url)
    for words in ("POST /api/Jumio/InitializeTransaction", "verifyd → B2C", "worker → Jumio", "directory", "Redis: verifyd:v:", "decided", "results ["):
        until(lambda words=words: words in browser.text, 20, words)
    browser.shot(shots / "playground-panel-desktop.png")
    for label, score in (("HIGH", 900), ("LOW", 87)):
        browser.run(f"[...document.querySelectorAll('#score button')].find(button => button.textContent === '{label}').click()")
        until(lambda score=score: playground.service.vendor.control("POST", "biocatch", {}).get("score") == score, 10, label)
    assert browser.accessibility() == []
    browser.device(**PHONE, scheme="dark")
    browser.open(playground.url)
    until(lambda: "InitializeTransaction" in browser.text, 20, "the panel")
    browser.shot(shots / "playground-panel-phone.png")
    assert not browser.run("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert browser.accessibility() == []
    browser.open(playground.url + "/app")
    browser.shot(shots / "playground-app-begin-phone.png")
    assert browser.accessibility() == []


# ---- without a screen ----

def answer_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).fragment))


def test_who_closes_the_tab_goes_on_with_the_same_check(playground):
    person = playground.person()
    person.register("jumio")
    person.expect("redirect")
    person.open(person.claim("redirectUrl"))  # at Jumio; and the tab is closed
    person.sign_in(journeys="jumio")
    person.expect("redirect")
    person.show_document(person.claim("redirectUrl"))
    claims = person.token(person.poll())
    assert claims["identityVerified"] is True
    assert len(playground.service.vendor.transactions(claims["sub"])) == 1


def test_two_tabs_are_one_check_and_each_ends_with_a_token(playground):
    person = playground.person()
    person.register("jumio")
    first = person.claim("redirectUrl")
    person.sign_in(journeys="jumio")
    second = person.claim("redirectUrl")
    location = person.capture(first)
    person.open(location)
    person.expect("polling")
    claims = person.token(person.poll())
    assert len(playground.service.vendor.transactions(claims["sub"])) == 1
    status, _, text = person.fetch(second)
    assert status == 200 and "confirmed" in text, "the other tab is told that it is done"
    assert person.token(person.sign_in(journeys="jumio"))["identityVerified"] is True


def test_a_verdict_that_comes_while_nobody_waits_is_found_at_the_next_sign_in(playground):
    person = playground.person()
    person.sign_up(journeys="jumio")  # and leaves the page that waits
    (transaction,) = [one for one in playground.service.vendor.transactions() if one["token"]][-1:]
    until(lambda: playground.service.redis.state(transaction["customer_reference"])["state"] == "completed", 30, "the verdict")
    assert person.token(person.sign_in(journeys="jumio"))["identityVerified"] is True


def test_an_expired_link_says_so_and_the_next_sign_in_gets_another(playground):
    person = playground.person()
    person.register("jumio")
    expired = forge.expired_ticket(playground.service.stack, "start", "v" + secrets.token_urlsafe(16)[:21] + "A")
    _, _, text = person.fetch(f"{playground.public_url}/start/{expired}")
    assert "This link has expired" in text
    person.sign_in(journeys="jumio")
    person.show_document(person.claim("redirectUrl"))
    assert person.token(person.poll())["identityVerified"] is True


def test_another_checks_reference_in_the_address_ends_at_the_block_page(playground):
    person, other = playground.person(), playground.person()
    other.sign_up(journeys="jumio")
    person.register("jumio")
    location = person.capture(person.claim("redirectUrl"))
    _, onward, _ = person.fetch(location)  # B2C's address with the hint
    stranger = urllib.parse.quote("v" + secrets.token_urlsafe(16)[:21] + "A")
    swapped = re.sub(r"transactionReference=[^&]*", f"transactionReference={stranger}", onward)
    person.open(swapped)
    person.expect("block")
    assert person.claim("blockCode") == "link" and 'id="continue"' not in person.page["markup"]
    with pytest.raises(SystemExit, match="Please sign in again"):
        person.send(referenceIsOurs="true", mayGoOn="true")
    person.open(onward)
    person.expect("polling")
    assert person.token(person.poll())["identityVerified"] is True


def test_another_persons_token_confirms_nobody(playground):
    person, other = playground.person(), playground.person()
    other.sign_up(journeys="jumio")
    token = other.field("verificationToken")
    other.poll()
    person.sign_up("denied_fraud", journeys="jumio")
    person.send(verificationToken=token)
    person.expect("block")
    assert person.claim("blockCode") == "not_confirmed"
    with pytest.raises(SystemExit, match="has not been confirmed"):
        person.send(identityConfirmed="true")


def test_while_the_service_is_away_a_sign_up_says_so_without_our_address_and_a_sign_in_needs_the_telephone(playground):
    person = playground.person()
    person.sign_up()
    person.token(person.poll())
    playground.switch("down", True)
    try:
        stranger = playground.person()
        stranger.begin("jumio")
        stranger.open(stranger.address("signup"))
        answer = answer_of(stranger.send(email=stranger.mail, newPassword=stranger.password, reenterPassword=stranger.password, displayName="V", identityCheckConsent="agreed"))
        assert answer["error"] == "server_error" and "try again" in answer["error_description"]
        assert "http" not in answer["error_description"] and "127.0.0.1" not in answer["error_description"]
        person.sign_in()
        person.expect("mfa")
        claims = person.token(person.telephone())
        assert claims["riskLevel"] == "UNKNOWN" and claims["identityVerified"] is True
    finally:
        playground.switch("down", False)
    stranger.sign_in(journeys="jumio")
    stranger.expect("redirect")


def test_an_account_that_was_made_without_consent_is_asked_before_the_check(playground):
    person = playground.person()
    person.begin("biocatch")
    person.open(person.address("signup"))
    person.send(email=person.mail, newPassword=person.password, reenterPassword=person.password, displayName="Vesna")
    person.sign_in(journeys="jumio")
    person.expect("consent")
    with pytest.raises(SystemExit, match="missing"):
        person.send()
    person.send(identityCheckConsent="agreed")
    person.expect("redirect")


@pytest.mark.parametrize("session,risk,page", [("s~score=10", "LOW", None), ("s~score=600", "MEDIUM", "mfa"), ("s~score=900", "HIGH", "mfa"),
                                               ("s~not-collected", "UNKNOWN", "mfa"), ("s~status=400", "UNKNOWN", "mfa"),
                                               ("", "UNKNOWN", "mfa"), pytest.param("s~delay=60000", "UNKNOWN", "mfa", marks=pytest.mark.slow, id="BioCatch hangs")])
def test_only_a_low_risk_spares_the_telephone_and_a_high_one_asks_for_the_document_again(playground, known, session, risk, page):
    """Of a person who is verified. HIGH: the second factor, and then a new check of the identity."""
    url = known.sign_in(session and session.replace("s~", f"s{secrets.token_hex(6)}~"))
    if page:
        known.expect(page)
        url = known.telephone()
    if risk == "HIGH":
        known.expect("redirect")
        known.show_document(known.claim("redirectUrl"))
        url = known.poll()
    claims = known.token(url)
    assert claims["identityVerified"] is True
    if risk != "HIGH":  # the way back by the other policy knows no risk
        assert claims["riskLevel"] == risk


@pytest.fixture(scope="module")
def known(playground):
    """Somebody who is verified."""
    person = playground.person()
    person.sign_up()
    person.token(person.poll())
    return person
