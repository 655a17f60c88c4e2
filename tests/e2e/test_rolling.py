"""Every ingress, behind haproxy, and every worker is restarted under load, one after the other: no caller sees an error.

VERIFYD_OLD_BIN: programs of an earlier build, which all begin with; each restart is then an upgrade, with both at work in between.
VERIFYD_ROLLING_RATE: calls a second (200).
"""
import http.client
import itertools
import os
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from lib import process
from lib.cache import free_port
from lib.http import Caller
from lib.journey import CLIENT_ID, POLICY
from lib.process import BIN, Process, until
from lib.stack import KEYS, Stack

CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "haproxy" / "haproxy.cfg"
OLD_BIN = Path(os.environ.get("VERIFYD_OLD_BIN", BIN))
RATE = int(os.environ.get("VERIFYD_ROLLING_RATE", "200"))
CALLERS = 40
NOTICE = {"DRAIN_NOTICE_MS": 2500}  # haproxy looks twice a second


class Callers:
    """Calls of every kind at a steady rate, on connections that are kept as B2C keeps them. `failed` lists what no caller should see."""

    def __init__(self, stack, front):
        self.stack, self.caller = stack, Caller(front).with_key(KEYS["b2c"])
        self.counts, self.failed, self.unknown = Counter(), [], 0
        self.begun = self.seconds = 0.0
        self.serial = itertools.count()
        self.end = threading.Event()
        self.threads = [threading.Thread(target=self.drive, args=(n,)) for n in range(CALLERS)]

    def score(self, link):
        session = self.stack.person("~score=111")
        body = {"customerSessionID": session, "uuid": self.stack.person(kind="uuid"), "activityType": "LOGIN", "brand": "retail"}
        answer = self.ask("POST", "/api/BioCatch/GetScore", body, link, (200,))
        if answer and b'"UNKNOWN"' in answer.body:
            self.unknown += 1

    def sign_up(self, link):
        fields = {"ObjectId": self.stack.person(kind="object"), "ClientId": CLIENT_ID, "Scope": "openid", "Policy": POLICY,
                  "RedirectUri": "https://app.example/signin-oidc", "CorrelationId": self.stack.person(kind="corr")}
        self.ask("POST", "/api/Jumio/InitializeTransaction", fields, link, (200,))

    def create(self, link):
        body = {"kind": "biocatch.score", "subject": self.stack.person(kind="uuid"), "session": self.stack.person()}
        answer = self.ask("POST", "/v1/verifications", body, link, (201, 202))
        if answer:
            place = answer.headers["location"]
            self.ask("GET", place, None, link, (200,))

    def ask(self, method, path, body, link, good):
        name = path.split("/")[3] if path.startswith("/api") else f"{method} /v1"
        try:
            answer = self.caller.ask(method, path, body, link=link, judged=False)
        except (OSError, http.client.HTTPException) as error:
            link.close()
            self.failed.append((time.time(), name, repr(error)))
            return None
        self.counts[name] += 1
        if answer.status not in good:
            self.failed.append((time.time(), name, answer.status, answer.body[:200]))
            return None
        return answer

    def drive(self, first):
        link = self.caller.connect()
        every = CALLERS / RATE
        due = time.monotonic() + every * first / CALLERS
        while not self.end.wait(max(0, due - time.monotonic())):
            (self.score, self.score, self.sign_up, self.create)[next(self.serial) % 4](link)
            due = max(due + every, time.monotonic() - 1)

    def __enter__(self):
        self.begun = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.seconds = time.monotonic() - self.begun
        for thread in self.threads:
            thread.join()


def configured(places, front):
    settings = {"FRONT": front}
    for n, (http_at, ops_at) in enumerate(places, 1):
        settings |= {f"INGRESS_{n}": http_at, f"OPS_{n}": ops_at.rpartition(":")[2]}
    return settings


@pytest.fixture
def rolling(broker, folder):
    """A stack whose programs are all of the old build, its callers' address, and its services by what they listen on."""
    places = [tuple(f"127.0.0.1:{free_port()}" for _ in range(2)) for _ in range(2)]
    front = f"127.0.0.1:{free_port()}"
    with Stack(folder, broker.servers) as stack:
        stack.bin = OLD_BIN
        stack.places = places
        ingresses = [ingress_at(stack, place) for place in places]
        workers = [stack.worker(INSTANCE_ID=f"pod-{n}") for n in range(2)]
        balancer = Process("haproxy", ["/usr/sbin/haproxy", "-db", "-f", CONFIG], stack.folder, configured(places, front))
        stack.programs.append(balancer)
        balancer.expect_status = -15
        until(lambda: is_served(front), 30, "haproxy to see an ingress")
        yield stack, front, ingresses, workers


def ingress_at(stack, place):
    http_at, ops_at = place
    return stack.ingress(HTTP_LISTEN=http_at, OPS_LISTEN=ops_at, **NOTICE)


def is_served(front):
    try:
        return Caller(front).get("/v1/verifications/none", judged=False).status == 401
    except OSError:
        return False


def test_nobody_notices_restarts(rolling):
    stack, front, ingresses, workers = rolling
    with Callers(stack, front) as callers:
        time.sleep(3)
        stack.bin = process.BIN
        for n, place in enumerate(stack.places):
            ingresses[n].process.terminate()
            assert ingresses[n].process.wait() == 0
            ingresses[n] = ingress_at(stack, place)
            time.sleep(1)
        for n, worker in enumerate(workers):
            worker.process.terminate()
            assert worker.process.wait() == 0
            workers[n] = stack.worker(INSTANCE_ID=f"pod-{n}")
            time.sleep(1)
    asked = sum(callers.counts.values())
    print(f"{asked} calls, {asked / callers.seconds:.0f} a second: {dict(callers.counts)}; failed {len(callers.failed)}, UNKNOWN {callers.unknown}")
    assert not callers.failed, f"{len(callers.failed)} of {asked}: {callers.failed[:5]}"
    assert callers.unknown <= asked / 100, "a restart may make a score late"
    scores = callers.counts["GetScore"] + callers.counts["POST /v1"]
    until(lambda: (now := states(stack))["completed"] == scores and now["queued"] == 0, 60, "every score to end, and every sign-up to have its page", 1)
    assert stack.vendor.stats()["requests"] == scores + callers.counts["InitializeTransaction"], "nothing was bought twice"


def states(stack):
    return Counter(state["state"] for state in stack.redis.states().values())
