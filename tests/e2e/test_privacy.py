"""A canary: values of a person's go every way there is, good and bad; afterwards they are found nowhere but at the vendor."""
import re
import secrets

from lib.load import in_parallel
from lib.process import until


def canary(kind):
    return f"{kind}{secrets.token_hex(10)}"


def test_nothing_about_a_person_is_left_anywhere(stack, broker):
    worker = stack.worker(RETRY_MAX_ATTEMPTS=1, BIOCATCH_TIMEOUT_MS=1000)
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
    dead = [m["id"] for m in made if m["state"] == "dead"]
    listing = stack.ctl("dead", "list") + stack.ctl("dead", "list", "--json")
    if dead:
        listing += stack.ctl("dead", "replay", dead[0]) + stack.ctl("get", dead[0]) + stack.ctl("get", dead[0], "--json")
    until(lambda: len(stack.topics.final()) >= len(marks), 30)

    places = {"verifyctl": listing.encode(), "redis": stack.redis.everything()}
    for name, service in (("ingress", ingress), ("worker", worker)):
        places[f"{name}: ops"] = service.ops.get("/metrics").body + service.ops.get("/healthz").body
    for program in stack.programs:
        places[program.name] = program.log.read_bytes()
    folder = broker.ready.parent
    segments = list(folder.glob(f"verifyd-kafka-*/data/{stack.prefix}*/*.log"))
    assert segments
    for path in segments:
        places[str(path)] = path.read_bytes()
    own = [(stack.folder / "keys" / name).read_text().strip() for name in ("id-key", "seal-keys", "api-keys")]
    wanted = [text.encode() for text in used] + [re.sub("^[a-z0-9]+[=:]", "", key).encode() for key in own]
    found = {(place, text) for place, content in places.items() for text in wanted if text in content}
    assert not found, f"{len(found)} finds, e.g. {sorted(found)[:5]}"
    assert all(stack.vendor.calls(session) >= 1 for session, *_ in asked), "the canaries did fly"
