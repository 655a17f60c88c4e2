#!/usr/bin/env python3
"""The morning after: how evenly dead letters are replayed, and what a replay that is cut off costs; how much a long list needs.

replay.py [--dead 1000] [--rate 100] [--listed 0]

Real Kafka and Redis, one worker, a vendor that refuses each score's first call. All die; they are replayed by a filter at the
rate; SIGINT comes after a third of them, kill -9 after a second third, and the same command goes on; then it is run once more. The
rate is told by the broker's clock, of each of the parts; the vendor's count tells whether any job was called more than once more. With
--listed N as many more letters are planted, and `dead list` and a dry run are timed over all of them. Exit status 1 when the rate was
missed by more than a tenth, or a job was called too often or never.

VERIFYD_BIN: the programs (default build/release/bin). Python and libraries as for tests/e2e (tests/venv.sh).
"""
import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("VERIFYD_BIN", str(ROOT / "build" / "release" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

# pylint: disable=wrong-import-position
from confluent_kafka import Producer

from lib import process
from lib.kafka import Broker
from lib.load import in_parallel
from lib.process import BIN, until
from lib.stack import Stack

DAY_MS = 86_400_000
LIMIT_S = 300


def kill_all(stack, ingress, count):
    """Asks for `count` scores whose first call fails. Returns their sessions."""
    sessions = [stack.person("~fail-first=1") for _ in range(count)]
    in_parallel(lambda session: ingress.b2c.create(session, deadline_ms=DAY_MS), sessions)
    until(lambda: len({record.key for record in stack.topics.dead()}) == count, LIMIT_S, "all to die", 1)
    return sessions


def run_part(stack, command, number, after):
    """Runs the command; with a number, that signal comes after so many lines. Returns its exit status and how many it named."""
    with subprocess.Popen([BIN / "verifyctl", *command], env=process.environment(stack.environment(LOG_LEVEL=None)), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as child:
        begun = [child.stdout.readline() for _ in range(after)] if number else []
        if number:
            child.send_signal(number)
        rest, told = child.communicate(timeout=LIMIT_S)
    print(f"  exit {child.returncode}: {(told.strip() or rest.strip()).splitlines()[-1] if told.strip() or rest.strip() else '(killed)'}")
    return len(begun) + rest.count("  replayed\n")


def replays_of(stack):
    return sorted(r.timestamp_ms for r in stack.topics.requests() if r.headers.get("verifyd-replays") == "1")


def replay(stack, sessions, arguments):
    command = ["dead", "replay", "--vendor", "biocatch", "--since", "1h", "--rate", str(arguments.rate)]
    good, done = True, 0
    for name, number in (("until SIGINT", signal.SIGINT), ("until kill -9", signal.SIGKILL), ("the rest", None)):
        print(f"{name}:")
        run_part(stack, command, number, arguments.dead // 3)
        times = replays_of(stack)[done:]
        done += len(times)
        held = (len(times) - 1) * 1000 / (times[-1] - times[0])
        good = good and abs(held - arguments.rate) <= arguments.rate / 10
        print(f"  {len(times)} sent in {(times[-1] - times[0]) / 1000:.2f} s: {held:.1f} a second")
    until(lambda: sum(state["state"] == "completed" for state in stack.topics.final().values()) == arguments.dead, LIMIT_S, "all to complete", 1)
    calls = {}
    for one in stack.vendor.requests():
        calls[one["session"]] = calls.get(one["session"], 0) + 1
    print("once more:")
    run_part(stack, command, None, 0)
    again = stack.vendor.stats()["requests"]
    wrong = [session for session in sessions if calls.get(session) != 2]
    print(f"requests with a replay {done}, vendor calls {sum(calls.values())}, jobs not called exactly once more {len(wrong)}, "
          f"calls by the last replay {again - sum(calls.values())}")
    return good and done == arguments.dead and not wrong and again == sum(calls.values())


def long_list(stack, count):
    """Copies one dead letter under many ids, and lists them."""
    (record, *_) = stack.topics.dead()
    producer = Producer({"bootstrap.servers": stack.servers, "linger.ms": 50, "queue.buffering.max.messages": 500_000})
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for n in range(count):
        digits = "".join(alphabet[n >> 6 * i & 63] for i in range(6))
        identity = f"v{digits}{'A' * 16}"
        while True:
            try:
                producer.produce(stack.topics.name("dead"), record.value.replace(record.key.encode(), identity.encode()), identity,
                                 headers=list(record.headers.items()))
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(LIMIT_S) == 0
    for command in (["dead", "list"], ["dead", "replay", "--since", "1h", "--dry-run"]):
        began = time.monotonic()
        with subprocess.Popen([BIN / "verifyctl", *command, "--timeout", "60"], env=process.environment(stack.environment(LOG_LEVEL=None)),
                              stdout=subprocess.PIPE, text=True) as child:
            most = Most(child.pid)
            told = sum(1 for _ in child.stdout)
        print(f"{' '.join(command)}: exit {child.returncode}, {told} lines in {time.monotonic() - began:.1f} s, at most {most.end():.0f} MiB")


class Most(threading.Thread):
    """The most memory that a process had in RAM, by the system's own mark."""

    def __init__(self, pid):
        super().__init__()
        self.status, self.kib = Path(f"/proc/{pid}/status"), 0
        self.start()

    def run(self):
        while True:
            try:
                found = [line for line in self.status.read_text().splitlines() if line.startswith("VmHWM:")]
            except OSError:
                return
            if not found:
                return
            self.kib = max(self.kib, int(found[0].split()[1]))
            time.sleep(0.02)

    def end(self):
        self.join()
        return self.kib / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name, default in (("--dead", 1000), ("--rate", 100), ("--listed", 0)):
        parser.add_argument(name, type=int, default=default)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="verifyd-replay-") as folder:
        broker = Broker(folder)
        try:
            servers = broker.wait().servers
            with Stack(Path(folder) / "stack", servers, RETRY_MAX_ATTEMPTS=1, LOG_LEVEL="info") as stack:
                stack.worker()
                sessions = kill_all(stack, stack.ingress(), arguments.dead)
                good = replay(stack, sessions, arguments)
                if arguments.listed:
                    long_list(stack, arguments.listed)
                return 0 if good else 1
        finally:
            broker.stop()


if __name__ == "__main__":
    sys.exit(main())
