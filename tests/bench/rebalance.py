#!/usr/bin/env python3
"""Workers join and leave under a steady load of scores: what is lost, what is bought twice, and how long answers pause.

rebalance.py [--events 100] [--rate 500] [--seed 1] [--partitions 8]

Four workers, two with INSTANCE_ID (static members) and two without; a vendor that takes 100 ms; real Kafka and Redis. One
event after the other, in an order that the seed decides: SIGTERM, kill -9, either with a start a second later, and start. The
next one comes when every partition has had answers again for a second. A pause is the longest time without an answer in any one
partition from the event on. A score that was bought twice is explained when its first call was under way when a worker was
killed: the one window that stays. Prints a table; exit status 1 when an accepted request has no result or a double no explanation.

VERIFYD_BIN: the programs (default build/release/bin). Python and libraries as for tests/e2e (see make_venv in tests/run.sh).
"""
import argparse
import collections
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("VERIFYD_BIN", str(ROOT / "build" / "release" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

# pylint: disable=wrong-import-position
from confluent_kafka import Consumer, TopicPartition

from lib.kafka import Broker
from lib.process import until
from lib.stack import KEYS, Stack

DELAY_MS = 100
CLIENTS = 20
DAY_MS = 86_400_000
QUIET_S = 0.5        # a partition without an answer for so long is not going on
SETTLED_S = 1.0      # the next event comes when all went on for so long
SETTLE_LIMIT_S = 40
SLACK_MS = 400       # between the vendor's clock for a call and ours for a kill, on busy processors
END_LIMIT_S = 90


class Clients(threading.Thread):
    """A share of the load on one connection; a refused or broken call is counted and not repeated."""

    def __init__(self, bench, number, per_second):
        super().__init__(daemon=True)
        self.bench, self.number, self.pause = bench, number, 1 / per_second
        self.accepted, self.refused = [], 0

    def ask(self, link, count):
        body = json.dumps({"kind": "biocatch.score", "subject": "s-1", "session": f"b-{self.number}-{count}",
                           "deadline_ms": DAY_MS})
        link.request("POST", "/v1/verifications", body, {"X-Api-Key": KEYS["b2c"], "Content-Type": "application/json"})
        reply = link.getresponse()
        content = reply.read()
        if reply.status == 202:
            self.accepted.append(json.loads(content)["id"])
        else:
            self.refused += 1

    def run(self):
        host, _, port = self.bench.address.rpartition(":")
        link = http.client.HTTPConnection(host, int(port), timeout=30)
        due = time.monotonic() + random.random() * self.pause
        count = 0
        while not self.bench.ended.is_set():
            time.sleep(max(0, due - time.monotonic()))
            due += self.pause
            count += 1
            try:
                self.ask(link, count)
            except OSError:
                self.refused += 1
                link.close()


class Watcher(threading.Thread):
    """Reads `results` as they come: when each partition had its answers, and which ids have ended."""

    def __init__(self, stack, partitions):
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.ended = collections.defaultdict(list)  # id: keys of its completed results
        self.times = [[] for _ in range(partitions)]
        self.consumer = Consumer({"bootstrap.servers": stack.servers, "group.id": "bench", "enable.auto.commit": False,
                                  "auto.offset.reset": "earliest", "fetch.wait.max.ms": 10})
        self.consumer.assign([TopicPartition(stack.topics.name("results"), p, 0) for p in range(partitions)])

    def run(self):
        while not self.stop.is_set():
            for message in self.consumer.consume(500, 0.02):
                if message.error() or b'"completed"' not in message.value():
                    continue
                self.times[message.partition()].append(time.monotonic())
                key = message.key().decode()
                self.ended[key.partition("!")[0]].append(key)
        self.consumer.close()

    def is_going_on(self):
        now = time.monotonic()
        return all(times and now - times[-1] < QUIET_S for times in self.times)

    def longest_pause(self, since, until_):
        """Of any partition: between two answers of which the later one is after `since`."""
        longest = 0.0
        for times in self.times:
            inside = [t for t in times if since - QUIET_S < t <= until_]
            longest = max([longest] + [b - a for a, b in zip(inside, inside[1:]) if b > since])
        return longest


class Bench:
    def __init__(self, arguments, folder, servers):
        self.arguments = arguments
        self.random = random.Random(arguments.seed)
        self.stack = Stack(folder, servers, topics=False, LOG_LEVEL="info")
        self.ended = threading.Event()
        self.workers = {}  # name: Worker; those that run
        self.kills = []    # unix ms
        self.pauses = collections.defaultdict(list)
        self.events = 0
        self.doubles = {}  # session: unix ms of its calls

    # workers: a and b are static members, c and d are not

    @staticmethod
    def is_static(name):
        return name in "ab"

    def start(self, name, wait=True):
        instance = f"pod-{name}" if self.is_static(name) else None
        worker = self.stack.worker(wait=wait, vendors="biocatch", INSTANCE_ID=instance)
        self.workers[name] = worker

    def kill(self, name):
        self.kills.append(time.time() * 1000)
        self.workers.pop(name).process.kill()

    def settle(self, since):
        """Waits until every partition goes on. Returns when that began."""
        good = None
        while True:
            now = time.monotonic()
            good = (good or now) if self.watcher.is_going_on() else None
            if good and now - good >= SETTLED_S and now - since > 1.5:
                return now
            assert now - since < SETTLE_LIMIT_S, "the answers do not go on"
            time.sleep(0.05)

    def choose(self):
        """The next event: (what, worker). At least two workers stay."""
        away = [name for name in "abcd" if name not in self.workers]
        if away and (len(away) == 2 or self.random.random() < 0.5):
            return "start", self.random.choice(away)
        name = self.random.choice(sorted(self.workers))
        soon_back = self.random.random() < (0.85 if self.is_static(name) else 0.3)  # a static member is expected back
        return self.random.choice(["SIGTERM", "kill -9"]) + (", start" if soon_back else ""), name

    def one_event(self):
        what, name = self.choose()
        since = time.monotonic()
        if what == "start":
            self.start(name)
        elif what.startswith("SIGTERM"):
            worker = self.workers.pop(name)
            worker.process.terminate()
            assert worker.process.wait() == 0
        else:
            self.kill(name)
        if what.endswith(", start"):
            time.sleep(1)
            self.start(name)
            self.events += 1
        end = self.settle(since)
        self.events += 1
        pause = self.watcher.longest_pause(since, end)
        self.pauses[f"{what}, {'static' if self.is_static(name) else 'dynamic'}"].append(pause)
        self.note_doubles()
        print(f"{self.events:4} {what:15} {name} pause {pause:6.2f} s", flush=True)

    def note_doubles(self):
        """The vendor keeps the newest 20,000 calls only, so doubles are looked for after each event that made some."""
        stats = self.stack.vendor.stats()
        if stats["requests"] - stats["distinct"] == sum(len(times) - 1 for times in self.doubles.values()):
            return
        calls = collections.defaultdict(list)
        for call in self.stack.vendor.requests():
            calls[call["session"]].append(call["at_ms"])
        self.doubles |= {session: sorted(times) for session, times in calls.items() if len(times) > 1}

    def is_explained(self, times):
        return all(any(t - SLACK_MS <= kill <= t + DELAY_MS + SLACK_MS for kill in self.kills) for t in times[:-1])

    def run(self):
        partitions = self.arguments.partitions
        self.stack.ctl("topics", "create", "--partitions", partitions)
        self.stack.vendor.set(delay_ms=DELAY_MS)
        for name in "abcd":
            self.start(name)
        self.address = self.stack.ingress().http.address
        self.watcher = Watcher(self.stack, partitions)
        self.watcher.start()
        began = time.monotonic()
        clients = [Clients(self, n, self.arguments.rate / CLIENTS) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        self.settle(began)
        calm = time.monotonic()
        time.sleep(3)
        self.pauses["nothing happens"].append(self.watcher.longest_pause(calm, time.monotonic()))
        while self.events < self.arguments.events:
            self.one_event()
        self.ended.set()
        took = time.monotonic() - began
        for client in clients:
            client.join()
        accepted = [identity for client in clients for identity in client.accepted]
        return self.report(accepted, sum(client.refused for client in clients), took)

    def report(self, accepted, refused, took):
        try:
            until(lambda: len(self.watcher.ended) >= len(accepted), END_LIMIT_S, "all to end", every_s=0.5)
        except AssertionError as error:
            print(error)
        self.watcher.stop.set()
        self.watcher.join()
        lost = [identity for identity in accepted if identity not in self.watcher.ended]
        self.note_doubles()
        stats = self.stack.vendor.stats()
        extra = stats["requests"] - stats["distinct"]
        explained = sum(len(times) - 1 for times in self.doubles.values() if self.is_explained(times))
        print(f"\n{self.events} joins and leaves in {took:.0f} s, {len(accepted) / took:.0f} requests/s, "
              f"seed {self.arguments.seed}, {self.arguments.partitions} partitions, load average {os.getloadavg()[0]:.1f}")
        print(f"accepted {len(accepted)}, refused {refused}, ended {len(accepted) - len(lost)}, lost {len(lost)}")
        again = sum(len(keys) - 1 for keys in self.watcher.ended.values())
        twice = sum(len(set(keys)) - 1 for keys in self.watcher.ended.values())
        print(f"vendor calls {stats['requests']}, doubled {extra}: in flight at a kill {explained}, "
              f"unexplained {extra - explained}; kills {len(self.kills)}")
        print(f"results written again as they were {again - twice}, a second result {twice} (the first one stands)")
        print(f"\n{'pause of the slowest partition, s':36} {'events':>6} {'p50':>6} {'p99':>6} {'max':>6}")
        for kind, pauses in sorted(self.pauses.items()):
            pauses.sort()
            p50, p99 = (pauses[min(len(pauses) - 1, int(len(pauses) * q))] for q in (0.5, 0.99))
            print(f"{kind:36} {len(pauses):6} {p50:6.2f} {p99:6.2f} {pauses[-1]:6.2f}")
        for session, times in self.doubles.items():
            if not self.is_explained(times):
                print(f"unexplained: {session} at {times}; kills near: {[k for k in self.kills if abs(k - times[0]) < 60_000]}")
        return 1 if lost or extra != explained else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name, default in (("--events", 100), ("--rate", 500), ("--seed", 1), ("--partitions", 8)):
        parser.add_argument(name, type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="verifyd-rebalance-") as folder:
        broker = Broker(folder)
        try:
            bench = Bench(arguments, Path(folder) / "stack", broker.wait().servers)
            with bench.stack:
                return bench.run()
        finally:
            broker.stop()


if __name__ == "__main__":
    sys.exit(main())
