#!/usr/bin/env python3
"""One record in a hundred is poison: half of them cannot be read, half are answered with nonsense by the vendor every time.

poison.py [--count 4000] [--rate 100] [--attempts 3] [--rounds 5]

The same load of scores without poison and with it, in turns, on two workers. Prints how long the good ones took, and whether each bad one
is dead after the attempts that are set. Exit status 1 when one is not, when a good one is lost, or when the good ones' p99 is more
than 10 % (and 10 ms) above that without poison.

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
from collections import Counter

from confluent_kafka import Producer

from lib.kafka import Broker
from lib.load import in_parallel
from lib.process import until
from lib.stack import Stack

CLIENTS, DELAY_MS, LIMIT_S = 24, 100, 60


def one_load(stack, ingress, count, rate, poison):
    """Asks `count` scores in their time and waits for each. Returns seconds of the good ones, and (id, session) of the bad."""
    producer = Producer({"bootstrap.servers": stack.servers}) if poison else None
    took, bad, begun = [], [], time.monotonic()
    lock = threading.Lock()

    def ask(n):
        time.sleep(max(0, begun + n / rate - time.monotonic()))
        is_bad = poison and n % 200 == 100
        if poison and n % 200 == 0:
            producer.produce(stack.topics.name("requests.biocatch.score"), b'{"not":', key=f"poison-{n}")
            producer.poll(0)
        session = stack.person("~html" if is_bad else "")
        asked = time.monotonic()
        answer = ingress.b2c.create(session, wait=None if is_bad else LIMIT_S)
        with lock:
            if is_bad:
                bad.append((answer["id"], session))
            elif answer["state"] == "completed":
                took.append(time.monotonic() - asked)

    in_parallel(ask, range(count), threads=CLIENTS)
    if producer:
        producer.flush(10)
    return sorted(took), bad


def row(name, took):
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    print(f"{name:16} good {len(took)}  p50 {1000 * p50:6.1f} ms  p99 {1000 * p99:6.1f} ms  max {1000 * took[-1]:6.1f} ms", flush=True)
    return p99


def run(arguments, stack):
    workers = [stack.worker(vendors="biocatch") for _ in range(2)]
    ingress = stack.ingress()
    stack.poison = True
    stack.vendor.set(delay_ms=DELAY_MS)
    one_load(stack, ingress, arguments.count // 10, arguments.rate, False)
    clean, dirty, bad = [], [], []
    for _ in range(arguments.rounds):  # what else the machine does meets both
        clean += one_load(stack, ingress, arguments.count // arguments.rounds, arguments.rate, False)[0]
        took, more = one_load(stack, ingress, arguments.count // arguments.rounds, arguments.rate, True)
        dirty += took
        bad += more
    took, clean = dirty, row("without poison", sorted(clean))
    dirty = row("1 % of poison", sorted(dirty))
    lost = arguments.count - len(bad) - len(took)
    until(lambda: all(ingress.b2c.read(identity)["state"] == "dead" for identity, _ in bad), LIMIT_S, "the bad ones to be dead")
    attempts = Counter(ingress.b2c.read(identity)["attempts"] for identity, _ in bad)
    calls = Counter(stack.vendor.calls(session) for _, session in bad)
    unread = sum(1 for letter in stack.topics.dead() if letter.headers["verifyd-class"] == "poison")
    opened = sum(worker.metric("verifyd_gate_probes_total") for worker in workers)
    print(f"dead {len(bad)} after attempts {dict(attempts)}, calls at the vendor {dict(calls)}; unreadable {unread}; good ones lost {lost}; "
          f"probes of a breaker {opened:.0f}")
    planted = arguments.rounds * ((arguments.count // arguments.rounds + 199) // 200)
    good = set(attempts) == {arguments.attempts} and set(calls) == {arguments.attempts} and lost == 0 and unread == planted
    return 0 if good and dirty <= max(1.1 * clean, clean + 0.01) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name, default in (("--count", 4000), ("--rate", 100), ("--attempts", 3), ("--rounds", 5)):
        parser.add_argument(name, type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="verifyd-poison-") as folder:
        broker = Broker(folder)
        settings = {"RETRY_MAX_ATTEMPTS": str(arguments.attempts), "BREAKER_FAILURES": None, "LOG_LEVEL": "info"}
        try:
            with Stack(Path(folder) / "stack", broker.wait().servers, **settings) as stack:
                return run(arguments, stack)
        finally:
            broker.stop()


if __name__ == "__main__":
    sys.exit(main())
