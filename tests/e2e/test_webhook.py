"""callback_url: who gave one is told of the end, by whom it can check, as often as it takes; and whom nobody may have called."""
import base64
import hashlib
import hmac
import http.server
import json
import secrets
import signal
import socket
import threading
import time

import pytest

from lib import process, schemas
from lib.cache import free_port
from lib.kafka import REQUESTS
from lib.process import until
from lib.stack import Stack

POD = {"INSTANCE_ID": "pod-0"}  # whoever comes next under this name has the partitions at once
FIRST_S = 5  # the shortest delay topic
PATIENCE_S = 60
KEYS = {"": [secrets.token_bytes(24), secrets.token_bytes(32)], "other": [secrets.token_bytes(64)]}


def setting():
    entries = [(name, key) for name, keys in KEYS.items() for key in keys]
    return ",".join(f"{name}{'=' if name else ''}whsec_{base64.b64encode(key).decode()}" for name, key in entries)


class Receiver:
    """A caller's own server: writes down what comes, answers what it is told to."""

    def __init__(self):
        self.seen, self.answers = [], {}  # path -> [(time, headers, body)]; path -> statuses of the first tries
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                tries = receiver.tries(self.path)
                receiver.seen.append((self.path, time.monotonic(), dict(self.headers), body))
                left = receiver.answers.get(self.path, [])
                status = left[len(tries)] if len(tries) < len(left) else 204
                self.send_response(status)
                if status // 100 == 3:
                    self.send_header("Location", "/followed")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def tries(self, path):
        return [one[1:] for one in self.seen if one[0] == path]

    def wait(self, path, count=1, timeout_s=PATIENCE_S):
        until(lambda: len(self.tries(path)) >= count, timeout_s, f"{count} tries at {path}")
        return self.tries(path)


def check(headers, body, caller=""):
    """As a receiver does that knows its key. Returns the notice."""
    headers = {name.lower(): value for name, value in headers.items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = ["v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in KEYS[caller]]
    assert headers["webhook-signature"].split(" ") == wanted
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["content-type"] == "application/json"
    operation = schemas.API["webhooks"]["verificationEnded"]["post"]
    for parameter in operation["parameters"]:
        schemas.check(headers[parameter["name"]], parameter["schema"], parameter["name"])
    notice = schemas.check(schemas.parse(body), {"$ref": schemas.pointer("components", "schemas", "Notice")}, "a notice")
    assert headers["webhook-id"] == f"{notice['data']['id']}-{notice['data']['rev']}"
    return notice


class Callers:
    """A verifyd whose callers may be called back, and what all the tests ask of it, asked at once: most of it is waiting."""

    def __init__(self, stack):
        self.stack, self.receiver = stack, Receiver()
        self.worker, self.ingress = stack.worker(**POD), stack.ingress()
        self.secret = stack.person(kind="token")  # in the addresses: belongs into no log and no record
        self.path = {name: f"/{name}?token={self.secret}" for name in ("score", "again", "gone", "moved", "theirs", "dead", "journey")}
        self.receiver.answers = {self.path["again"]: [500], self.path["gone"]: [410], self.path["moved"]: [302]}
        self.made = {name: self.ask(name) for name in ("score", "again", "gone", "moved")}
        self.made["theirs"] = self.ask("theirs", caller=self.ingress.other)
        self.made["dead"] = self.ask("dead", marks="~status=400")
        self.subject = stack.person(kind="object")
        self.made["journey"] = self.ingress.b2c.post("/v1/verifications", {
            "kind": "jumio.identity", "subject": self.subject, "correlation": secrets.token_hex(8), "return_url": "https://app.contoso.example/",
            "callback_url": self.receiver.url(self.path["journey"])}, headers={"Prefer": "wait=20"})

    def ask(self, name, marks="~score=321", caller=None):
        made = (caller or self.ingress.b2c).create(self.stack.person(marks), self.stack.person(kind="subject"),
                                                    callback_url=self.receiver.url(self.path[name]))
        assert made.status in (201, 202), made.body
        return made


@pytest.fixture(scope="module")
def callers(broker, session_folder):
    with Stack(session_folder / "webhook", broker.servers, WEBHOOK_ALLOW="127.0.0.1:*, *.hooks.example", WEBHOOK_KEY=setting()) as stack:
        yield Callers(stack)
        stack.judge()


def test_who_gave_an_address_is_told_of_the_score(callers):
    (_, headers, body), = callers.receiver.wait(callers.path["score"])
    notice = check(headers, body)
    view = callers.ingress.b2c.read(callers.made["score"]["id"])
    assert notice["type"] == "verification.completed" and notice["timestamp"] == view["updated"]
    assert {name: notice["data"][name] for name in ("id", "kind", "state", "rev", "risk", "score")} == {
        name: view[name] for name in ("id", "kind", "state", "rev", "risk", "score")}
    assert not any(person in body.decode() for person in callers.stack.people)


def test_callers_have_keys_of_their_own(callers):
    (_, headers, body), = callers.receiver.wait(callers.path["theirs"])
    assert check(headers, body, "other")["data"]["id"] == callers.made["theirs"]["id"]


def test_of_a_death_its_caller_is_told_too(callers):
    (_, headers, body), = callers.receiver.wait(callers.path["dead"])
    notice = check(headers, body)
    assert notice["type"] == "verification.dead" and notice["data"]["reason"] == "refused"


def test_a_journeys_verdict_is_told_when_it_comes(callers):
    assert callers.made["journey"]["state"] == "awaiting_user"
    reference = callers.stack.vendor.transaction(callers.subject)["reference"]
    callers.stack.vendor.finish(reference, "approved")
    assert callers.stack.vendor.call_back(reference) == 200
    (_, headers, body), = callers.receiver.wait(callers.path["journey"])
    notice = check(headers, body)
    assert (notice["data"]["kind"], notice["data"]["verdict"]) == ("jumio.identity", "verified")


def test_of_a_persons_decision_its_caller_is_told_as_of_the_vendors(callers):
    stack, path, subject = callers.stack, "/decided", callers.stack.person(kind="object")
    made = callers.ingress.b2c.post("/v1/verifications", {
        "kind": "jumio.identity", "subject": subject, "correlation": secrets.token_hex(8), "return_url": "https://app.contoso.example/",
        "callback_url": callers.receiver.url(path)}, headers={"Prefer": "wait=20"})
    reference = stack.vendor.transaction(subject)["reference"]
    stack.vendor.finish(reference, "unknown_document")
    assert stack.vendor.call_back(reference) == 200
    until(lambda: (stack.redis.state(made["id"]) or {}).get("polls", 0) >= 1, PATIENCE_S, "a look at Jumio")
    stack.ctl("decide", made["id"], "--verdict", "denied", "--reason", "compared by hand")
    (_, headers, body), = callers.receiver.wait(path)
    assert check(headers, body)["data"]["verdict"] == "denied" and b"by hand" not in body


def test_a_failure_is_tried_again_under_the_same_name(callers):
    (first_s, first, body), (second_s, second, again) = callers.receiver.wait(callers.path["again"], 2)
    assert body == again and first["webhook-id"] == second["webhook-id"]
    assert check(second, again)["data"]["id"] == callers.made["again"]["id"]
    assert second_s - first_s > FIRST_S - 1


def test_a_redirect_is_not_followed_but_a_failure(callers):
    callers.receiver.wait(callers.path["moved"], 2)
    assert not callers.receiver.tries("/followed")


def test_who_is_gone_is_called_once_and_the_rest_is_a_dead_letter(callers):
    callers.receiver.wait(callers.path["gone"])
    key = callers.made["gone"]["id"] + "!webhook"
    letter, = until(lambda: [record for record in callers.stack.topics.dead() if record.key == key], PATIENCE_S, "the dead letter")
    assert letter.headers["verifyd-class"] == "webhook" and letter.headers["verifyd-attempts"] == "1"
    assert callers.secret.encode() not in letter.value
    assert len(callers.receiver.tries(callers.path["gone"])) == 1
    assert callers.worker.metric("verifyd_webhooks_total") >= 4


def test_asked_with_and_without_an_address_are_two_questions_and_the_address_is_told(callers):
    stack, caller = callers.stack, callers.ingress.b2c
    session, path = stack.person(), "/late"
    plain = caller.create(session, "s-1")
    told = caller.create(session, "s-1", callback_url=callers.receiver.url(path))
    assert told["id"] != plain["id"]
    assert caller.create(session, "s-1", callback_url=callers.receiver.url(path))["id"] == told["id"]
    (_, headers, body), = callers.receiver.wait(path)
    assert check(headers, body)["data"]["id"] == told["id"]


@pytest.mark.parametrize("url", [
    "https://evil.example/", "https://hooks.example/", "http://a.hooks.example/", "https://a.hooks.example:22/", "https://u:p@a.hooks.example/",
    "https://a.hooks.example/#x", "https://127.1/", "http://127.0.0.2:80/", "http://[::1]/", "ftp://a.hooks.example/", "a.hooks.example", "https://"])
def test_an_address_that_nobody_allowed_is_422_and_nothing_is_asked(callers, url):
    session = callers.stack.person()
    refused = callers.ingress.b2c.create(session, callback_url=url)
    assert (refused.status, refused.code) == (422, "callback_refused")
    assert callers.stack.vendor.calls(session) == 0


def test_without_the_setting_there_are_no_addresses(service):
    assert service.b2c.create(service.person(), callback_url="https://a.hooks.example/").code == "callback_refused"
    assert service.b2c.create(service.person(), callback_url="x" * 2049).code == "bad_field"


@pytest.mark.parametrize("point", ["worker.notice_sent", "worker.notice_acked"])
def test_a_worker_that_dies_around_the_notice_tells_all_the_same(callers, point):
    stack, path = callers.stack, f"/{point}"
    callers.worker.process.terminate()
    assert callers.worker.process.wait() == 0
    dying = stack.worker(CRASH_AT=f"{point}:1", **POD)
    session = stack.person()
    made = callers.ingress.b2c.create(session, callback_url=callers.receiver.url(path))
    dying.process.wait()
    assert dying.process.child.returncode == -signal.SIGKILL
    dying.process.expect_status = -signal.SIGKILL
    callers.worker = stack.worker(**POD)
    tries = callers.receiver.wait(path)
    assert json.loads(tries[0][2])["data"]["id"] == made["id"]
    assert len({headers["webhook-id"] for _, headers, _ in tries}) == 1
    until(lambda: stack.topics.left(REQUESTS, "biocatch") == 0, PATIENCE_S, "nothing to be left for the next one that dies")


def test_what_cannot_be_a_key_or_a_host_is_told_before_the_start(callers):
    for name, value, told in (("WEBHOOK_KEY", "whsec_short" * 4, "WEBHOOK_KEY"), ("WEBHOOK_ALLOW", "*", "WEBHOOK_ALLOW"),
                              ("WEBHOOK_KEY", None, "WEBHOOK_KEY")):
        refused = process.run("verifyd-worker", "--vendor", "biocatch", "--check-config", settings=callers.stack.environment(**{name: value}))
        assert refused.returncode == 2 and told in refused.stderr
        assert (value or "whsec_") not in refused.stderr or value == "*"


def test_a_server_that_hangs_holds_up_neither_other_callers_nor_the_delay_topics(callers):
    """40 notices for one that never answers: more than may be open at once. Other callers' and the vendor's retries go on."""
    stack, hanging = callers.stack, free_port()
    with socket.create_server(("127.0.0.1", hanging), backlog=128):
        for _ in range(40):
            callers.ingress.b2c.create(stack.person(), callback_url=f"http://127.0.0.1:{hanging}/hang")
        other = callers.ingress.other.create(stack.person(), callback_url=callers.receiver.url("/unhurt"))
        begin = time.monotonic()
        retried = callers.ingress.b2c.create(stack.person("~fail-first=1~status=429~retry-after=3"), wait=25)  # by way of delay.5s
        assert retried["state"] == "completed" and time.monotonic() - begin < 20
        (_, headers, body), = callers.receiver.wait("/unhurt", timeout_s=15)
        assert check(headers, body, "other")["data"]["id"] == other["id"]
        assert callers.worker.metric("verifyd_webhooks_in_hand") <= 33
