"""The rendered policies in an emulator of Azure AD B2C, through Chromium and the real pages: every way that a person can take
through them, and those that nobody should. Needs B2C_EMULATOR and B2C_XSD (lib/b2c.py); without them it is skipped."""
import contextlib
import itertools
import json
import re
import secrets
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lib import forge, process
from lib.b2c import PAGES, PASSWORD, App, Person, Tenant, base_of, place_of, render, settings_text
from lib.chromium import Driver
from lib.process import until

API = "/api/Jumio/"
FRIENDLY = "This is not possible right now. Please try again in a moment."
SETS = {
    "jumio": {"Jumio": ("jumio", {})},
    "risk": {"Bio": ("biocatch", {}), "Block": ("biocatch", {"HighRisk": "block", "SecondFactorAtSignUp": "always"}), "Both": ("combined", {}),
             "Basic": ("biocatch", {"ApiAuth": "basic"}), "OAuth": ("biocatch", {"ApiAuth": "oauth", "OAuthScope": "api://verifyd/.default"})},
}


AUTH = {"api-key": {}, "basic": {}, "certificate": {}, "oauth": {"OAuthTokenUrl": "https://login.contoso.com/token", "OAuthScope": "api://x/.default"}}
CHOICES = {
    "jumio": {"UiUrl": (None, "https://contoso.blob.core.windows.net/ui/")},
    "biocatch": {"HighRisk": ("mfa", "block"), "SecondFactorAtSignUp": ("by-risk", "always"), "SocialProfile": (None, "Facebook-OAUTH")},
    "combined": {"SocialProfile": (None, "Facebook-OAUTH"), "Name": (None, "X_1")},
}
DEFINES = ("ClaimType", "ClaimsTransformation", "ContentDefinition", "TechnicalProfile", "UserJourney")
XML = "{http://schemas.microsoft.com/online/cpim/schemas/2013/06}"


def defined(folder):
    """What the policies of a folder define: (kind, id) -> elements; and all their elements."""
    elements = [element for file in sorted(Path(folder).glob("*.xml")) for element in ElementTree.parse(file).iter() if isinstance(element.tag, str)]
    found = {}
    for element in elements:
        kind = element.tag.removeprefix(XML)
        if kind in DEFINES and element.get("Id"):
            found.setdefault((kind, element.get("Id")), []).append(element)
    return found, elements


@pytest.mark.parametrize("journeys,auth", [(journeys, auth) for journeys in CHOICES for auth in AUTH])
def test_every_set_that_can_be_rendered_is_what_the_schema_says_and_has_nothing_that_is_not_used(folder, journeys, auth):
    base, schema = base_of(journeys), place_of("B2C_XSD")
    known, _ = defined(base)
    german = (PAGES / "src" / "common.js").read_text(encoding="utf-8")
    for number, values in enumerate(itertools.product(*CHOICES[journeys].values())):
        more = {name: value for name, value in zip(CHOICES[journeys], values) if value}
        out, said = render(folder / str(number), journeys, "https://idv.contoso.com", "--check", base, "--schema", schema, ApiAuth=auth, **AUTH[auth], **more)
        assert "no mistake" in said and "B2C_1A_" in said
        ours, elements = defined(out)
        used = {(element.get("Id"), value) for element in elements for name, value in element.attrib.items() if name != "Id"}
        used |= {(None, element.text) for element in elements if element.text}
        for (kind, name), made in ours.items():
            users = {user for user, value in used if value == name}
            assert (kind, name) in known or kind == "TechnicalProfile" and name == "PolicyProfile" or users - {name}, f"{kind} {name} is used by nobody ({more})"
            assert len(made) == 1 or name == "PolicyProfile", f"{kind} {name} is made twice"
        for item in elements:
            if "UserMessage" in item.get("Key", ""):
                assert f"'{item.text}':" in german, f"{item.text} has no German"


def test_a_mistake_makes_the_check_fail(folder):
    base = base_of("jumio")
    out, _ = render(folder, "jumio", "https://idv.contoso.com")
    policy = out / "B2C_1A_Verifyd_Jumio.xml"
    policy.write_text(policy.read_text().replace('TechnicalProfileReferenceId="Verifyd-Polling"', 'TechnicalProfileReferenceId=" Verifyd-Polling"'))
    done = process.run("verifyctl", "policy", "render", "--check", out, "--base", base, settings={})
    assert done.returncode == 1 and '" Verifyd-Polling" is not defined' in done.stderr
    done = process.run("verifyctl", "policy", "render", "--check", out, settings={})
    assert done.returncode == 1 and done.stderr.count("B2C_1A_TrustFrameworkExtensions, which is not there") == 1


def test_a_settings_file_with_mistakes_makes_nothing(folder):
    (folder / "settings").write_text(settings_text("jumio", "http://idv.contoso.com"))
    done = process.run("verifyctl", "policy", "render", "--settings", folder / "settings", "--out", folder / "out", settings={})
    assert done.returncode == 2 and "ApiUrl: not an https:// URL" in done.stderr
    assert not (folder / "out").exists()


def test_the_walk_of_the_docs_runs_as_it_is_printed(folder):
    """docs/azure-b2c.md, what comes before the portal: each command by copy and paste, in a shell of its own."""
    pack = folder / "active-directory-b2c-custom-policy-starterpack"
    pack.mkdir()
    (pack / "LocalAccounts").symlink_to(base_of("jumio"))
    (pack / "TrustFrameworkPolicy_0.3.0.0.xsd").symlink_to(place_of("B2C_XSD"))
    text = (PAGES.parents[2] / "docs" / "azure-b2c.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```$", text[:text.index("### Pages")], re.S | re.M)
    assert "demo.sh" in blocks[0] and len(blocks) == 4
    done = subprocess.run(["sh", "-c", "\n".join(blocks[1:])], cwd=folder, env={"PATH": f"{process.BIN}:/usr/bin:/bin"}, capture_output=True, text=True, timeout=60)
    told = done.stdout + done.stderr
    assert done.returncode == 0 and "checked: 5 policies, no mistake" in done.stdout, told
    for missing in ("KAFKA_BROKERS", "REDIS_URL", "UI_DIR", "JUMIO_AUTH_USERNAME", "BIOCATCH_CUSTOMER_ID"):
        assert f"VERIFYD_{missing}: " in told, f"what is still missing is told: {missing}"
    assert (folder / "ingress.env").stat().st_mode & 0o077 == 0, "a key is in it"


# ---- in the browser


@pytest.fixture(scope="module")
def app():
    one = App()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def driver(session_folder):
    place_of("B2C_EMULATOR")
    folder = session_folder / "b2c-chromium"
    folder.mkdir()
    with Driver(folder) as one:
        yield one


def tenant_of(which, service, session_folder, app):
    place_of("B2C_EMULATOR")
    for _, more in SETS[which].values():
        if more.get("ApiAuth") == "oauth":
            more["OAuthTokenUrl"] = f"{app.url}/token"
    with Tenant(service.stack, session_folder / f"b2c-{which}", app, SETS[which]) as one:
        yield one
        assert not one.emulator.unsupported
        known = ("SingleSignOn", "Localization:", "written surname", "social sign-in buttons", "request without id_token_hint")
        assert not [warning for warning in one.emulator.warnings if not any(part in warning for part in known)]
        for call in one.emulator.calls:
            if call["method"] == "POST" and call["url"].startswith(one.api_url):
                names = {name.lower() for name in call["request_headers"]}
                assert names & {"x-api-key", "authorization"} and json.loads(call["request_body"])["CorrelationId"] == call["correlation"]


@pytest.fixture(scope="module")
def jumio(service, session_folder, app):
    yield from tenant_of("jumio", service, session_folder, app)


@pytest.fixture(scope="module")
def risk(service, session_folder, app):
    yield from tenant_of("risk", service, session_folder, app)


@pytest.fixture(scope="module")
def browsers(driver):
    """Starting a Chromium takes longer than a journey: two serve all, each journey in it begins without cookies."""
    return [driver.browser(), driver.browser()]


def fresh(browser):
    browser.ask("Network.clearBrowserCookies")
    browser.open("about:blank")
    return browser


def person(tenant, browser, name="Jumio"):
    return Person(tenant, fresh(browser), name, f"p{secrets.token_hex(6)}@example.com")


@pytest.mark.slow
def test_a_sign_up_that_is_approved_ends_with_a_token_and_the_next_sign_in_goes_straight_through(jumio, browsers):
    ada = person(jumio, browsers[0]).sign_up(agrees=False)
    assert "required" in ada.message(), "without consent there is no account"
    assert not jumio.emulator.find_user("signInNames.emailAddress", ada.email)
    ada.sign_up().hand_in()
    claims = ada.claims()
    user = jumio.user(ada.email)
    assert claims["identityVerified"] is True and claims["sub"] == user["objectId"] and claims["email"] == ada.email
    assert user["extension_identityVerified"] is True and user["extension_identityConsentAt"].startswith("20")
    assert ada.sign_in().claims()["identityVerified"] is True
    assert len(jumio.stack.vendor.initiates(user["objectId"])) == 1


@pytest.mark.slow
def test_an_account_that_never_agreed_is_asked_before_its_first_check(jumio, browsers):
    """One that was made before the check was introduced, or by a social provider."""
    old = person(jumio, browsers[0])
    jumio.emulator.users["old"] = {"objectId": secrets.token_hex(16), "signInNames.emailAddress": old.email, "password": PASSWORD, "displayName": "Old", "accountEnabled": True}
    old.sign_in().shown("#identityCheckConsent")
    assert old.forge_post()["status"] == "400" and not jumio.calls(API + "InitializeTransaction", old.email)
    old.agree()
    old.hand_in()
    assert old.claims()["identityVerified"] is True and jumio.user(old.email)["extension_identityConsentAt"].startswith("20")


@pytest.mark.slow
@pytest.mark.parametrize("outcome,words", [("denied_fraud", "did not succeed"), ("unreadable", "not clear enough")])
def test_who_is_not_confirmed_reads_why_cannot_post_past_it_and_gets_a_new_attempt(jumio, browsers, outcome, words):
    bob = person(jumio, browsers[0]).sign_up().hand_in(outcome).blocked()
    assert words in bob.browser.text and outcome.upper() not in bob.browser.text.upper()
    first = jumio.user(bob.email)["extension_identityReference"]
    assert bob.forge_post(identityConfirmed="true", mayGoOn="true", blockCode="")["status"] == "400"
    bob.press("#cancel")
    assert bob.refusal()["error"] == "access_denied"
    assert jumio.user(bob.email)["extension_identityVerified"] is False
    bob.sign_in().hand_in()
    assert bob.claims()["identityVerified"] is True
    assert jumio.user(bob.email)["extension_identityReference"] != first


@pytest.mark.slow
def test_a_slow_verdict_is_waited_for_and_is_there_at_the_next_sign_in_after_the_tab_was_closed(jumio, browsers):
    jumio.stack.vendor.set_jumio(pending=1000)  # until it is told otherwise
    try:
        sam = person(jumio, browsers[1]).sign_up().hand_in().polling()  # waits, and does nothing
        eve = person(jumio, browsers[0]).sign_up().hand_in().polling()
        eve.press("#continue")  # does not wait any longer
        eve.blocked()
        assert "still being checked" in eve.browser.text
        eve.press("#continue")
        assert "not been confirmed" in eve.message(), "looked again"
        fresh(eve.browser)
        jumio.stack.vendor.set_jumio(pending=0)
        assert sam.claims()["identityVerified"] is True, "the page goes on by itself"
    finally:
        jumio.stack.vendor.set_jumio(pending=0)
    reference = jumio.user(eve.email)["extension_identityReference"]
    until(lambda: jumio.stack.redis.state(reference)["state"] == "completed", 90, "the verdict")
    assert eve.sign_in().claims()["identityVerified"] is True
    assert len(jumio.stack.vendor.initiates(jumio.user(eve.email)["objectId"])) == 1


@pytest.mark.slow
def test_two_tabs_are_one_check_and_the_older_one_still_leads_to_the_end(jumio, browsers):
    first = person(jumio, browsers[0]).sign_up().to_capture()
    capture = first.browser.url
    with first.browser.another_tab() as show:
        first.sign_in().to_capture()  # before anything was handed in
        assert first.browser.url == capture
        show(True)
        assert first.hand_in().claims()["identityVerified"] is True
        show(False)
        first.hand_in()  # the other one goes on, too
        assert first.claims()["identityVerified"] is True
    user = jumio.user(first.email)
    assert len(jumio.stack.vendor.initiates(user["objectId"])) == 1
    assert len({json.loads(call["request_body"])["CorrelationId"] for call in jumio.calls(API + "InitializeTransaction", first.email)}) == 2


def start_of(jumio, email):
    """The address by which this person's browser was last sent to the check."""
    return [j.bag.get("redirectUrl") for j in jumio.emulator.journeys.values() if j.bag.get("email") == email and j.bag.get("redirectUrl")][-1]


@pytest.mark.slow
def test_who_goes_on_in_another_browser_takes_the_check_over_and_the_first_one_is_told(jumio, browsers):
    desk = person(jumio, browsers[0]).sign_up().to_capture()
    capture, begun = desk.browser.url, start_of(jumio, desk.email)
    telephone = desk.in_tab(fresh(browsers[1]))
    telephone.browser.open(begun)  # a link that was sent from one to the other leads nowhere
    assert "continue where you began" in telephone.browser.text
    telephone.sign_in().to_capture()
    assert telephone.browser.url == capture
    telephone.hand_in()
    assert telephone.claims()["identityVerified"] is True
    desk.hand_in()  # the page that was left open
    until(lambda: "Please sign in again" in desk.browser.text, 30, "the page for a browser that lost the check")
    assert desk.sign_in().claims()["identityVerified"] is True
    assert len(jumio.stack.vendor.initiates(jumio.user(desk.email)["objectId"])) == 1


@pytest.mark.slow
def test_a_link_whose_time_is_over_says_so_and_signing_in_again_leads_on(jumio, browsers):
    ivy = person(jumio, browsers[0]).sign_up().to_capture()
    reference = jumio.user(ivy.email)["extension_identityReference"]
    ivy.browser.open(f"{jumio.api_url}/start/{forge.expired_ticket(jumio.stack, 'start', reference)}")
    assert "This link has expired" in ivy.browser.text
    ivy.browser.open(f"{jumio.api_url}/return/{forge.expired_ticket(jumio.stack, 'return', reference)}")
    assert "expired" in ivy.browser.text or "sign in again" in ivy.browser.text
    ivy.sign_in().hand_in()
    assert ivy.claims()["identityVerified"] is True


@contextlib.contextmanager
def without(browser, url):
    """The browser does not reach these addresses."""
    browser.ask("Network.enable")
    browser.ask("Network.setBlockedURLs", urls=[url])
    try:
        yield
    finally:
        browser.ask("Network.setBlockedURLs", urls=[])


@pytest.mark.slow
def test_nobody_gets_past_the_redirect_page_by_posting_its_form(jumio, browsers):
    """The page that sends the browser on would otherwise be a way around the check."""
    ann = person(jumio, browsers[0])
    with without(ann.browser, f"{jumio.api_url}/start/*"):
        ann.sign_up()
        at_page = lambda j: j.pending and j.pending[1]["id"] == "Verifyd-Redirect" and j.bag.get("email") == ann.email
        journey = until(lambda: next(filter(at_page, list(jumio.emulator.journeys.values())), None), 30, "the page")
        answer = jumio.emulator.selfasserted_post(journey, {"request_type": "RESPONSE", "identityConfirmed": "true"})
        assert answer["status"] == "400" and "not been confirmed" in answer["message"] and journey.pending
    assert jumio.user(ann.email)["extension_identityVerified"] is False


def return_url(jumio, email):
    """The last address by which this person's browser came back."""
    params = [seen["params"] for seen in jumio.emulator.authorizes if seen["params"].get("transactionReference") == jumio.user(email)["extension_identityReference"]]
    return params[-1]


@pytest.mark.slow
def test_another_check_an_older_link_and_another_persons_token_lead_nowhere(jumio, browsers):
    good = person(jumio, browsers[1]).sign_up().hand_in()
    good.claims()
    mallory = person(jumio, browsers[0]).sign_up().hand_in("denied_fraud").blocked()
    theirs, mine = return_url(jumio, good.email), return_url(jumio, mallory.email)
    policy = "B2C_1A_Jumio_Return"

    for reference in (theirs["transactionReference"], "", "v" + "x" * 22):
        mallory.browser.open(jumio.authorize(policy, **mine | {"transactionReference": reference}))
        mallory.blocked("link")
        assert mallory.forge_post(referenceIsOurs="true", mayGoOn="true")["status"] == "400"

    token = next(post["form"]["verificationToken"] for post in jumio.emulator.posts if "verificationToken" in post["form"])
    with without(mallory.browser, f"{jumio.api_url}/api/Jumio/VerifyTransactionStatus"):
        mallory.browser.open(jumio.authorize(policy, **mine))
        mallory.polling()
        mallory.forge_post(verificationToken=token, identityConfirmed="true")
    journey = [j for j in jumio.emulator.journeys.values() if j.params.get("transactionReference") == mine["transactionReference"]][-1]
    assert journey.bag.get("identityConfirmed") is False and not journey.done

    jumio.emulator.clock_offset = 3600
    try:
        mallory.browser.open(jumio.authorize(policy, **theirs))
        assert "AADB2C90208" in mallory.refusal()["error_description"], "a hint lives for minutes"
    finally:
        jumio.emulator.clock_offset = 0
    tampered = theirs["id_token_hint"].rpartition(".")[0] + "." + mine["id_token_hint"].rpartition(".")[2]
    mallory.browser.open(jumio.authorize(policy, **theirs | {"id_token_hint": tampered}))
    assert "AADB2C90233" in mallory.refusal()["error_description"]
    mallory.browser.open(jumio.authorize(policy, transactionReference=theirs["transactionReference"]))
    mallory.refusal()
    jumio.user(good.email)["accountEnabled"] = False
    mallory.browser.open(jumio.authorize(policy, **theirs))
    mallory.refusal()


@pytest.mark.slow
def test_an_api_that_is_away_is_told_in_our_words_and_a_lost_reply_is_no_second_check(jumio, browsers):
    kim = person(jumio, browsers[0])
    jumio.emulator.faults["down"] = ["InitializeTransaction"]
    try:
        kim.sign_up()
        assert FRIENDLY in kim.refusal()["error_description"]
    finally:
        jumio.emulator.faults["down"] = []
    jumio.emulator.faults["drop_first_reply"] = [API + name for name in ("InitializeTransaction", "InitializeVerification", "ValidateVerificationToken")]
    kim.sign_in().hand_in()
    assert kim.claims()["identityVerified"] is True
    assert not jumio.emulator.faults["drop_first_reply"]
    assert len(jumio.stack.vendor.initiates(jumio.user(kim.email)["objectId"])) == 1
    lee = person(jumio, browsers[0])
    jumio.emulator.faults["down"] = ["ValidateVerificationToken"]
    try:
        lee.sign_up().hand_in().polling()
        assert FRIENDLY in lee.message()
    finally:
        jumio.emulator.faults["down"] = []
    lee.press("#continue")
    assert lee.claims()["identityVerified"] is True


# ---- risk


def known_person(risk, browser, name):
    """Somebody with an account, a telephone and, in the combined set, a checked identity."""
    one = person(risk, browser, name).sign_up(**session("~score=600"))
    one.give_code()
    if name == "Both":
        one.hand_in()
    one.claims()
    return one


SESSIONS = (f"s{number}-{secrets.token_hex(6)}" for number in itertools.count())


def session(marks=""):
    return {"clientSessionId": next(SESSIONS) + marks}


@pytest.mark.slow
def test_only_a_low_risk_spares_the_second_factor(risk, browsers):
    sue = person(risk, browsers[1], "Bio").sign_up(**session("~score=87"))
    assert sue.claims()["score"] == 87
    sue.sign_in(**session("~delay=60000"))  # BioCatch hangs, which takes its time
    mia = known_person(risk, browsers[0], "Bio")
    claims = mia.sign_in(**session("~score=87")).claims()
    assert (claims["riskLevel"], claims["score"]) == ("LOW", 87)
    for marks, level, score in (("~score=600", "MEDIUM", 600), ("~score=912", "HIGH", 912), ("~not-collected", "UNKNOWN", None)):
        claims = mia.sign_in(**session(marks)).give_code().claims()
        assert (claims["riskLevel"], claims.get("score")) == (level, score)
    claims = mia.sign_in(clientSessionId="100").give_code().claims()
    assert claims["riskLevel"] == "UNKNOWN", "the tutorial's default is no session"
    risk.emulator.faults["down"] = ["GetScore"]
    try:
        claims = mia.sign_in(**session("~score=87")).give_code().claims()
    finally:
        risk.emulator.faults["down"] = []
    assert claims["riskLevel"] == "UNKNOWN" and "score" not in claims
    claims = sue.give_code().claims()
    assert claims["riskLevel"] == "UNKNOWN" and "score" not in claims
    (call,) = risk.calls("GetScore", sue.email)[1:]
    assert call["status"] == 200, "told in time: B2C did not have to ask twice"


@pytest.mark.slow
def test_basic_and_oauth_prove_who_calls_as_the_settings_say(risk, app, browsers):
    assert person(risk, browsers[0], "Basic").sign_up(**session("~score=87")).claims()["riskLevel"] == "LOW"
    kai = person(risk, browsers[0], "OAuth").sign_up(**session("~score=87")).give_code()  # the ingress itself takes no tokens: not LOW
    assert kai.claims()["riskLevel"] == "UNKNOWN"
    (call,) = risk.calls("GetScore", kai.email)
    assert call["request_headers"]["Authorization"] == f"Bearer {app.token}"
    basic, form = app.token_requests[-1]
    assert basic == "Basic Y2xpZW50OnNlY3JldA==" and form == {"grant_type": "client_credentials", "scope": "api://verifyd/.default"}


@pytest.mark.slow
def test_a_high_risk_is_stopped_where_the_settings_say_so_and_nobody_posts_past_it(risk, browsers):
    max_ = person(risk, browsers[0], "Block").sign_up(**session("~score=87")).give_code()  # a new account gives its telephone
    assert max_.claims()["riskLevel"] == "LOW"
    max_.sign_in(**session("~score=912")).blocked("risk")
    assert max_.forge_post(riskLevel="LOW", mayGoOn="true")["status"] == "400"
    max_.press("#cancel")
    assert max_.refusal()["error"] == "access_denied"
    assert max_.sign_in(**session("~score=600")).give_code().claims()["riskLevel"] == "MEDIUM"


@pytest.mark.slow
def test_with_both_a_high_risk_asks_for_a_new_check_and_until_it_ends_well_nothing_else_will_do(risk, browsers):
    zoe = known_person(risk, browsers[0], "Both")
    claims = zoe.sign_in(**session("~score=87")).claims()
    assert claims["identityVerified"] is True and claims["riskLevel"] == "LOW"
    first = risk.user(zoe.email)["extension_identityReference"]
    zoe.sign_in(**session("~score=912")).give_code().to_capture()
    assert risk.user(zoe.email)["extension_identityReference"] != first
    zoe.sign_in(**session("~score=87")).to_capture()  # trying until the risk is low is no way around it
    zoe.hand_in()
    assert zoe.claims()["identityVerified"] is True
    assert zoe.sign_in(**session("~score=87")).claims()["sub"] == risk.user(zoe.email)["objectId"]
    assert len(risk.stack.vendor.initiates(risk.user(zoe.email)["objectId"])) == 2
