#!/usr/bin/env python3
"""Four workers on two quotas at once, and a queue of initiates beside people who come back.

quota.py [--seconds 60] [--queue 10000] [--people 8]

BioCatch's quota is 75 in 5 s, with more scores than it allows; Jumio's are the documented ones (5 and 75 in 5 s), with a queue of
initiates that takes hours. Prints the most calls in any window by the vendor's clock, how much of each quota was used, and how long
people waited for their verdict with the queue and without it. Exit status 1 when a window held more, less than 90 % was
used, or the queue delayed a verdict by more than a second.

VERIFYD_BIN: the programs (default build/release/bin). Python and libraries as for tests/e2e (see make_venv in tests/run.sh).
"""
import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("VERIFYD_BIN", str(ROOT / "build" / "release" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

# pylint: disable=wrong-import-position
from lib.journey import CLIENT_ID, POLICY, Journey
from lib.kafka import Broker
from lib.load import in_parallel
from lib.rates import calls, most_within
from lib.stack import KEYS, Stack

WORKERS, LIMIT, WINDOW_MS, INITIATES = 4, 75, 5000, 5
CLIENTS = 8
SCORE, INITIATE = "/biocatch/api/v6/score", "/jumio/api/v4/initiate"
DELAY_S = 1.0  # at most, by which a queue may delay a verdict


class Link:
    """One caller's connection."""

    def __init__(self, caller):
        self.caller, self.link = caller, caller.connect()

    def post(self, path, body):
        self.link.request("POST", path, json.dumps(body), {"X-Api-Key": KEYS["b2c"], "Content-Type": "application/json"})
        reply = self.link.getresponse()
        content = reply.read()
        assert reply.status in (200, 202), (reply.status, content)


def send_all(caller, path, bodies):
    """Each of the clients sends its share, one after the other."""
    def one(share):
        link = Link(caller)
        for body in share:
            link.post(path, body)
    in_parallel(one, [bodies[n::CLIENTS] for n in range(CLIENTS)], threads=CLIENTS)


def person(number):
    return {"ObjectId": f"queue-{number}", "ClientId": CLIENT_ID, "Scope": "openid", "Policy": POLICY,
            "RedirectUri": "https://app.example/", "CorrelationId": f"correlation-{number}"}


def wait_for_verdict(journey):
    """From the return to the verdict, s."""
    journey.come_back()
    journey.token()
    begun = time.monotonic()
    assert journey.settle(every_s=0.05) == "SUCCESS"
    return time.monotonic() - begun


def begin(stack, ingress, count):
    """People who have finished at Jumio and have not come back yet."""
    people = []
    for _ in range(count):
        journey = Journey(stack, ingress)
        journey.initialize()
        journey.open_vendor()
        journey.finish()
        people.append(journey)
    return people


def table(name, times, limit, began_ms, ended_ms):
    """Prints a quota's row. Returns whether it held."""
    inside = [at for at in times if began_ms <= at < ended_ms]
    most = most_within(times, WINDOW_MS)
    used = len(inside) / ((ended_ms - began_ms) / WINDOW_MS * limit)
    print(f"{name:24} most in any {WINDOW_MS / 1000:.0f} s: {most:4} of {limit:4}   used {used:6.1%}   calls {len(inside)}")
    return most <= limit and used >= 0.9


def run(arguments, stack):
    workers = [stack.worker() for _ in range(WORKERS)]
    ingress = stack.ingress()
    assert len(workers) == WORKERS
    people = begin(stack, ingress, 2 * arguments.people)
    alone = in_parallel(wait_for_verdict, people[:arguments.people])
    scores = int(arguments.seconds * LIMIT / (WINDOW_MS / 1000) * 1.3)
    send_all(ingress.http, "/v1/verifications",
             [{"kind": "biocatch.score", "subject": "s-1", "session": f"q-{n}"} for n in range(scores)])
    began = time.time()
    send_all(ingress.http, "/api/Jumio/InitializeTransaction", [person(n) for n in range(arguments.queue)])
    print(f"{arguments.queue} initiates queued in {time.time() - began:.1f} s", flush=True)
    crowded = in_parallel(wait_for_verdict, people[arguments.people:])
    time.sleep(max(0, began + arguments.seconds - time.time()))
    ended = time.time()
    sent = calls(stack.vendor, SCORE)
    good = table("biocatch/score", sent, LIMIT, 1000 * began, 1000 * ended)
    good &= table("jumio/initiate", calls(stack.vendor, INITIATE), INITIATES, 1000 * began, 1000 * ended)
    late = max(crowded) - max(alone)
    print(f"from the return to the verdict, s: without a queue {max(alone):.2f} at most, with it {max(crowded):.2f}: {late:+.2f}")
    return 0 if good and late <= DELAY_S else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name, default in (("--seconds", 60), ("--queue", 10000), ("--people", 8)):
        parser.add_argument(name, type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="verifyd-quota-") as folder:
        broker = Broker(folder)
        settings = {"BIOCATCH_RATE": f"{LIMIT}/{WINDOW_MS}ms", "JUMIO_INITIATE_RATE": f"{INITIATES}/{WINDOW_MS}ms",
                    "JUMIO_RETRIEVE_RATE": f"{LIMIT}/{WINDOW_MS}ms", "INITIATE_WAIT_MS": "0", "LOG_LEVEL": "info"}
        try:
            with Stack(Path(folder) / "stack", broker.wait().servers, **settings) as stack:
                return run(arguments, stack)
        finally:
            broker.stop()


if __name__ == "__main__":
    sys.exit(main())
