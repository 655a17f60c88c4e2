#!/usr/bin/env python3
"""A vendor that is down for a minute under a steady load of scores that may wait.

breaker.py [--down 60] [--rate 500] [--limit 1000]

Four workers, a quota of `limit` calls a second, `rate` scores a second through /v1 without a deadline. The vendor answers 503 for `down`
seconds; then the load stops, and what waits is drained. Beside it somebody asks GetScore ten times a second. Prints the probes, the dead,
how fast the backlog was drained, and how long GetScore took while the breaker was open. Exit status 1 when anything died, a half-open
interval had more than one probe, the drain used less than 90 % of the quota, or a GetScore took 20 ms or more at the median.

VERIFYD_BIN: the programs (default build/release/bin). Python and libraries as for tests/e2e (see make_venv in tests/run.sh).
"""
import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("VERIFYD_BIN", str(ROOT / "build" / "release" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

# pylint: disable=wrong-import-position
import http.client
import json

from lib.kafka import Broker
from lib.process import until
from lib.rates import most_within
from lib.stack import KEYS, Stack

WORKERS, CLIENTS, PROBE_MS = 4, 4, 5000
SETTLE_S = 3.0   # in which the breaker opens, and who was under way fails
SLACK_MS = 100   # between Redis's clock and the vendor's, on busy processors


class Client(threading.Thread):
    """A share of the load on one connection."""

    def __init__(self, address, number, per_second, ended):
        super().__init__(daemon=True)
        self.address, self.number, self.pause, self.ended = address, number, 1 / per_second, ended
        self.accepted = self.refused = 0

    def run(self):
        host, _, port = self.address.rpartition(":")
        link = http.client.HTTPConnection(host, int(port), timeout=30)
        due, count = time.monotonic(), 0
        while not self.ended.is_set():
            time.sleep(max(0, due - time.monotonic()))
            due += self.pause
            count += 1
            body = json.dumps({"kind": "biocatch.score", "subject": "s-1", "session": f"b-{self.number}-{count}"})
            link.request("POST", "/v1/verifications", body, {"X-Api-Key": KEYS["b2c"], "Content-Type": "application/json"})
            reply = link.getresponse()
            reply.read()
            self.accepted += reply.status == 202
            self.refused += reply.status != 202


class Asker(threading.Thread):
    """GetScore ten times a second: (when, seconds, riskLevel, reason)."""

    def __init__(self, ingress, ended):
        super().__init__(daemon=True)
        self.caller, self.ended, self.seen = ingress.b2c, ended, []

    def run(self):
        link, count = self.caller.connect(), 0
        while not self.ended.wait(0.1):
            count += 1
            begun = time.monotonic()
            answer = self.caller.ask("POST", "/api/BioCatch/GetScore", {"customerSessionID": f"g-{count}", "uuid": "u-1"}, link=link)
            self.seen.append((begun, answer.elapsed_s, answer["riskLevel"], answer.get("reason")))


def drain(stack, backlog):
    """Waits until the vendor has had that many more calls. Returns calls a second of the middle of it."""
    begun, first = time.monotonic(), stack.vendor.stats()["requests"]
    marks = []
    while True:
        made = stack.vendor.stats()["requests"] - first
        marks.append((time.monotonic() - begun, made))
        if made >= 0.95 * backlog or marks[-1][0] > 300:
            break
        time.sleep(0.25)
    inside = [mark for mark in marks if 0.05 * backlog <= mark[1] <= 0.9 * backlog]
    return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])


def run(arguments, stack):
    workers = [stack.worker(vendors="biocatch") for _ in range(WORKERS)]
    ingress = stack.ingress()
    ended, load_ended = threading.Event(), threading.Event()
    asker = Asker(ingress, ended)
    clients = [Client(ingress.http.address, n, arguments.rate / CLIENTS, load_ended) for n in range(CLIENTS)]
    for thread in (asker, *clients):
        thread.start()
    time.sleep(3)
    stack.vendor.set(status=503)
    down = time.monotonic()
    time.sleep(SETTLE_S)
    settled_ms, settled = 1000 * time.time(), time.monotonic()
    time.sleep(arguments.down - SETTLE_S)
    probes = [call["at_ms"] for call in stack.vendor.requests() if call["at_ms"] >= settled_ms]
    back = time.monotonic()
    load_ended.set()
    for client in clients:
        client.join()
    stack.vendor.set(status=200)
    lag = sum(worker.metric("verifyd_lag") for worker in workers)
    speed = drain(stack, lag)
    until(lambda: sum(worker.metric("verifyd_lag") for worker in workers) == 0, 120, "the rest")
    ended.set()
    asker.join()
    return report(arguments, stack, workers, clients, asker, (down, settled, back), probes, lag, speed)


def report(arguments, stack, workers, clients, asker, times, probes, lag, speed):
    _, settled, back = times
    accepted = sum(client.accepted for client in clients)
    dead = sum(1 for _ in stack.topics.dead())
    waited = sorted(took for begun, took, *_ in asker.seen if settled <= begun < back)
    answers = {(risk, why) for begun, _, risk, why in asker.seen if settled <= begun < back}
    p50, p99 = waited[len(waited) // 2], waited[len(waited) * 99 // 100]
    per_interval = most_within(probes, PROBE_MS - SLACK_MS)
    print(f"accepted {accepted} ({accepted / (arguments.down + 3):.0f}/s), refused {sum(client.refused for client in clients)}, dead {dead}")
    print(f"probes in {arguments.down - SETTLE_S:.0f} s: {len(probes)}, at most {per_interval} in any {PROBE_MS / 1000:.0f} s; "
          f"the workers counted {sum(worker.metric('verifyd_gate_probes_total') for worker in workers):.0f} in all")
    print(f"backlog {lag:.0f}, drained at {speed:.0f}/s: {speed / arguments.limit:.1%} of the quota")
    print(f"GetScore while it was down: {len(waited)} calls, p50 {1000 * p50:.1f} ms, p99 {1000 * p99:.1f} ms, {sorted(map(str, answers))}")
    return 1 if dead or per_interval > 1 or speed < 0.9 * arguments.limit or p50 >= 0.02 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name, default in (("--down", 60), ("--rate", 500), ("--limit", 1000)):
        parser.add_argument(name, type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="verifyd-breaker-") as folder:
        broker = Broker(folder)
        settings = {"BIOCATCH_RATE": f"{arguments.limit}/1s", "BREAKER_FAILURES": None, "BREAKER_PROBE_MS": str(PROBE_MS), "LOG_LEVEL": "info"}
        try:
            with Stack(Path(folder) / "stack", broker.wait().servers, **settings) as stack:
                return run(arguments, stack)
        finally:
            broker.stop()


if __name__ == "__main__":
    sys.exit(main())
