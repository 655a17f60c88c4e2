"""A canary: values of a person's go every way there is, good and bad; afterwards they are found nowhere but at the vendor."""
import re
import secrets

from lib import forge
from lib.browser import Browser
from lib.http import Caller
from lib.journey import Journey, query_of
from lib.load import in_parallel
from lib.process import until


def canary(kind):
    return f"{kind}{secrets.token_hex(10)}"


def search(stack, broker, used, listing):
    """Fails when one of these texts, or a key, is found in Redis, Kafka's files, a log, metrics, or what verifyctl printed."""
    places = {"verifyctl": listing.encode(), "redis": stack.redis.everything()}
    for program in stack.programs:
        places[program.name] = program.log.read_bytes()
        if program.running():
            ops = Caller(program.address(listener="ops"))
            places[f"{program.name}: ops"] = ops.get("/metrics").body + ops.get("/healthz").body
    folder = broker.ready.parent
    segments = list(folder.glob(f"verifyd-kafka-*/data/{stack.prefix}*/*.log"))
    assert segments
    for path in segments:
        places[str(path)] = path.read_bytes()
    secret_files = [path for path in (stack.folder / "keys").iterdir() if path.name not in ("env", "README")]
    own = [line for path in secret_files for line in path.read_text().splitlines() if len(line) > 20 and "CERTIFICATE" not in path.read_text()]
    wanted = [text.encode() for text in used] + [re.sub("^[a-z0-9]+[=:]", "", key).encode() for key in own]
    found = {(place, text) for place, content in places.items() for text in wanted if text in content}
    assert not found, f"{len(found)} finds, e.g. {sorted(found)[:5]}"


def test_nothing_about_a_person_is_left_anywhere(stack, broker):
    stack.worker(RETRY_MAX_ATTEMPTS=1, BIOCATCH_TIMEOUT_MS=1000)
    ingress = stack.ingress()
    used = []

    def value(kind, marks=""):
        used.append(canary(kind))
        return used[-1] + marks

    marks = ["", "~score=900", "~status=500", "~html", "~truncated", "~reset", "~delay=1500", "~string-score", "~not-collected", "~status=400", "~status=429"]
    asked = [(value("session", mark), value("uuid"), value("corr"), value("brand"), method) for mark in marks for method in ("GET", "POST")]
    in_parallel(lambda a: ingress.b2c.score(a[0], a[1], a[4], CorrelationId=a[2], brand=a[3], customerID=value("customer")), asked)
    made = in_parallel(lambda mark: ingress.b2c.create(value("session", mark), value("subject"), wait=3, correlation=value("corr")), marks)
    poor = ingress.http.without_credential()
    bad = value("bad")
    for caller in (ingress.b2c, poor):
        caller.get(f"/nothing/{bad}?x={bad}")
        caller.get(f"/api/{bad}")
        caller.get(f"/v1/verifications/{bad}")
        caller.get(f"/api/BioCatch/GetScore?customerSessionID={bad}")
        caller.post("/v1/verifications", {"kind": bad, "subject": bad, "session": bad})
        caller.post("/v1/verifications", {"kind": "biocatch.score", "subject": bad, "session": bad, bad: bad})
        caller.post("/v1/verifications", {"kind": "biocatch.score", "subject": bad, "session": bad * 20})
        caller.ask("POST", "/v1/verifications", f'{{"kind":"{bad}'.encode(), {"Content-Type": "application/json"})
        caller.ask("POST", "/v1/verifications", bad.encode(), {"Content-Type": bad})
    ingress.http.get("/v1/verifications/x", headers={"X-Api-Key": bad, "Authorization": f"Basic {bad}", "Prefer": bad, "traceparent": bad})
    dead = until(lambda: [m["id"] for m in made if ingress.b2c.read(m["id"])["state"] == "dead"], 60, "one that failed")
    listing = stack.ctl("dead", "list") + stack.ctl("dead", "list", "--json")
    listing += stack.ctl("dead", "replay", dead[0]) + stack.ctl("get", dead[0]) + stack.ctl("get", dead[0], "--json")
    ended = {m["id"] for mark, m in zip(marks, made) if mark != "~status=429"}  # that one is tried again and again
    until(lambda: ended <= set(stack.topics.final()), 60, "all to end")

    search(stack, broker, used, listing)
    until(lambda: all(stack.vendor.calls(session) >= 1 for session, *_ in asked), 60, "the canaries to fly")


def test_nothing_of_a_sign_up_is_left_anywhere(stack, broker):
    """ObjectIds, redirect URIs, correlation ids, locales; and what opens doors: tickets, cookies, tokens, hints, Jumio's page."""
    stack.worker(RETRY_MAX_ATTEMPTS=2)
    ingress = stack.ingress(INITIATE_WAIT_MS=30000)  # who cannot begin hears of it, after two tries
    used = []

    def value(kind, marks=""):
        used.append(canary(kind))
        return used[-1] + marks

    def walk(step):
        marks, outcome = step
        used.append(locale := canary("l")[:16])
        journey = Journey(stack, ingress, object_id=value("object", marks), ClientId=value("client"), Scope=value("scope"), Policy=value("policy"),
                          RedirectUri=f"https://{value('app')}.example/{value('path')}", CorrelationId=value("corr"), Locale=locale)
        answer = journey.try_initialize()
        if answer.status != 200:
            return journey
        journey.accept(answer)
        journey.open_vendor()
        journey.finish(outcome)
        hint = query_of(journey.open_return().location)["id_token_hint"]
        journey.open_return(Browser())
        journey.token()
        journey.status(wait=3)
        journey.validate()
        journey.validate(ObjectId=value("other"))
        journey.status(value("token"))
        used.extend(cookie.value for cookie in journey.browser.jar(journey.back).values())
        used.extend((hint, journey.first_token, query_of(journey.capture)["authorizationToken"]))
        used.extend(url.partition("?")[0].rpartition("/")[2] for url in (journey.redirect_url, journey.back))
        return journey

    steps = [("", "approved"), ("~callback=0", "denied_fraud"), ("~callback=100", "other_customer"), ("", "unknown_document"), ("~status=400", ""),
             ("~scan-status=400", "approved"), ("~scan-html", "approved"), ("~html", ""), ("~fail-first=1~reset", "unreadable")]
    journeys = in_parallel(walk, steps)
    bad = value("bad")
    stranger = Browser()
    for route in ("start", "return"):
        stranger.open(f"{stack.public_url}/{route}/{bad}?{bad}={bad}")
        used.append(forge.expired_ticket(stack, route, "v" + "A" * 22))
        stranger.open(f"{stack.public_url}/{route}/{used[-1]}")
    caller = ingress.b2c
    for name in ("InitializeTransaction", "InitializeVerification", "ValidateVerificationToken", "VerifyTransactionStatus"):
        caller.post(f"/api/Jumio/{name}", {member: bad for member in ("ObjectId", "TransactionReference", "VerificationToken", "RedirectUri", "Policy")})
        caller.ask("POST", f"/api/Jumio/{name}", f'{{"ObjectId":"{bad}'.encode(), {"Content-Type": "application/json", "Origin": bad, "Cookie": bad})
    secret = stack.secret("CALLBACK_SECRET")
    form = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": bad}
    caller.ask("POST", f"/v1/callbacks/jumio/{secret}", f"jumioIdScanReference={bad}&idFirstName={bad}&merchantIdScanReference={bad}".encode(), form)
    caller.ask("POST", f"/v1/callbacks/jumio/{bad}", f"jumioIdScanReference={bad}".encode(), form)
    made = caller.post("/v1/verifications", {"kind": "jumio.identity", "subject": value("subject"), "correlation": value("corr"),
                                             "return_url": f"https://{value('back')}.example/"})
    used.append(made["start_url"].rpartition("/")[2])
    known = [journey.reference for journey in journeys if journey.reference]
    listing = stack.ctl("dead", "list") + stack.ctl("dead", "list", "--json")
    for reference in known:
        listing += stack.ctl("get", reference) + stack.ctl("get", reference, "--json")
    until(lambda: set(known) <= set(stack.topics.final()), 60, "all to be known")
    search(stack, broker, used, listing)
    assert all(stack.vendor.calls(journey.object_id) >= 1 for journey in journeys), "the canaries did fly"
