#!/usr/bin/env python3
"""How long Redis takes to be filled again from `results`, and what calls feel of it meanwhile.

rebuild.py [--results 1000000] [--journeys 10] [--rate 100] [--workers 2] [--partitions 12] [--kill 0] [--back 0]

Makes so many records of `results` on a real Kafka (of --journeys percent of the ids a sign-up's eight states each, of the
others one score), lets the projector bring them into an empty Redis, then empties Redis (--kill 1: kills it, and starts an
empty one) under a load of --rate scores a second and times the rebuild. --back N: so many processes come back from an outage of
their own while it is filled. Prints a table; exit status 1 when Redis then lacks one or shows a lower state.

VERIFYD_BIN: the programs (default build/release/bin). Python and libraries as for tests/e2e (see make_venv in tests/run.sh).
"""
import argparse
import base64
import json
import os
import random
import sys
import tempfile
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("VERIFYD_BIN", str(ROOT / "build" / "release" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

# pylint: disable=wrong-import-position
from confluent_kafka import Producer

from lib.kafka import Broker
from lib.load import Load
from lib.process import until
from lib.stack import Stack

DAY_MS = 86_400_000
JOURNEY_STATES = (("queued", 2), ("queued", 3), ("awaiting_user", 4), ("awaiting_user", 5), ("checking", 6), ("checking", 7),
                  ("checking", 8), ("completed", 9))
OPEN_EACH = 50  # of so many sign-ups one is still being checked
OPEN_AT_ONCE = 5000
LIMIT_S = 900


def text(source, octets):
    return base64.urlsafe_b64encode(source.randbytes(octets)).decode().rstrip("=")


class Maker:
    """Records as the workers write them; all ids are made up."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.source = random.Random(1)
        self.highest = {}  # id: state, of a sample

    def base(self, kind, at_ms):
        return {"id": "v" + text(self.source, 16), "kind": kind, "caller": "b2c", "attempts": 0, "replays": 0,
                "created_ms": at_ms, "taken_ms": at_ms + 5, "asked_ms": at_ms + 10, "answered_ms": at_ms + 400, "updated_ms": at_ms + 410}

    def score(self, at_ms):
        yield self.base("biocatch.score", at_ms) | {"state": "completed", "rev": 2, "risk": "LOW", "score": 87}

    def journey(self, at_ms):
        state = self.base("jumio.identity", at_ms) | {
            "question": text(self.source, 32), "sends": 1, "sealed": "k1." + text(self.source, 240)}
        states = JOURNEY_STATES[:-1] if self.source.randrange(OPEN_EACH) == 0 else JOURNEY_STATES
        reference = text(self.source, 16)
        for name, rev in states:
            more = {"reference": reference, "until_ms": at_ms + DAY_MS, "link": "k1." + text(self.source, 200)} if rev >= 4 else {}
            verdict = {"verdict": "verified"} if name == "completed" else {}
            yield state | more | verdict | {"state": name, "rev": rev}

    def records(self):
        """(id, key, value), so many; a sign-up's states with others' in between."""
        now = int(time.time() * 1000)
        made, open_ones = 0, []
        while made < self.arguments.results:
            at_ms = now - DAY_MS + made
            if self.source.randrange(1000) < self.arguments.journeys * 10:
                open_ones.append(self.journey(at_ms))
            goes_on = open_ones and (len(open_ones) > OPEN_AT_ONCE or self.source.random() < 0.4)
            one = open_ones[self.source.randrange(len(open_ones))] if goes_on else self.score(at_ms)
            state = next(one, None)
            if state is None:
                open_ones.remove(one)
                continue
            made += 1
            if state["kind"] == "jumio.identity" and (len(self.highest) < 2000 or state["id"] in self.highest):
                self.highest[state["id"]] = state["rev"]
            key = state["id"] + ("!" + text(self.source, 12) if state["state"] == "completed" else "")
            yield state["id"], key, json.dumps(state, separators=(",", ":"))

    def fill(self, servers, topic):
        """Returns how many ids there are."""
        producer = Producer({"bootstrap.servers": servers, "linger.ms": 50, "batch.num.messages": 10000, "queue.buffering.max.messages": 200000,
                             "queue.buffering.max.kbytes": 400000})
        ids = set()
        for identity, key, value in self.records():
            ids.add(identity)
            while True:
                try:
                    producer.produce(topic, value, key, partition=zlib.crc32(identity.encode()) % self.arguments.partitions)
                    break
                except BufferError:
                    producer.poll(0.05)
            producer.poll(0)
        assert producer.flush(120) == 0
        return len(ids)


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def latencies(load, since, before):
    return [answer.elapsed_s for answer in load.answered(since, before) if answer]


def states_in(redis):
    return redis.client().dbsize()


def is_whole(workers):
    return all(worker.metric("verifyd_cache_whole") == 1 for worker in workers)


def processor_s(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rebuilt(workers):
    return [event for worker in workers for event in worker.process.events("cache_rebuilt")]


def empty(stack, kill):
    if not kill:
        stack.redis.client().flushall(asynchronous=True)
        return
    stack.redis.process.kill()
    stack.redis.start()


def measure(stack, arguments):
    maker = Maker(arguments)
    stack.ctl("topics", "create", "--partitions", arguments.partitions, "--timeout", 60)
    workers = [stack.worker() for _ in range(arguments.workers)]
    ingress = stack.ingress()
    began = time.monotonic()
    ids = maker.fill(stack.servers, stack.topics.name("results"))
    print(f"{arguments.results} records of {ids} ids made in {time.monotonic() - began:.0f} s", flush=True)
    until(lambda: sum(w.metric("verifyd_projected_total") for w in workers) >= arguments.results, LIMIT_S, "the projector", every_s=0.5)
    print(f"{'the projector had them after':40} {time.monotonic() - began:7.1f} s", flush=True)
    before_keys, known = states_in(stack.redis), len(rebuilt(workers))
    programs = {f"worker {n}": w.process for n, w in enumerate(workers)}
    with Load(ingress.b2c.score, (stack.person() for _ in iter(int, 1)), per_second=arguments.rate) as load:
        time.sleep(10)
        spent = {name: processor_s(process) for name, process in programs.items()}
        emptied = time.monotonic()
        empty(stack, arguments.kill)
        for _ in range(arguments.back):
            time.sleep(0.5)
            stack.redis.client().incr("verifyd:rebuild:missed")
        until(lambda: len(rebuilt(workers)) > known and is_whole(workers), LIMIT_S, "the rebuild", every_s=0.1)
        filled = time.monotonic()
        spent = {name: processor_s(process) - spent[name] for name, process in programs.items()}
        time.sleep(2)
    goes_on = sum(len(worker.process.events("cache_rebuild_goes_on")) for worker in workers)
    print(f"{'rebuilds, short reads after them':40} {len(rebuilt(workers)) - known:7} {goes_on}")
    return report(stack, maker, rebuilt(workers)[known:], load, emptied, filled, spent, before_keys)


def report(stack, maker, events, load, emptied, filled, spent, before_keys):
    print(f"{'emptied to whole again':40} {filled - emptied:7.1f} s  {events}")
    for name, seconds in spent.items():
        print(f"{'processor time of ' + name:40} {seconds:7.1f} s")
    print(f"{'keys before, after':40} {before_keys} {states_in(stack.redis)}")
    for name, since, before in (("before", 0, emptied), ("meanwhile", emptied, filled)):
        times = latencies(load, since, before)
        unknown = sum(answer["riskLevel"] == "UNKNOWN" for answer in load.answered(since, before) if answer)
        print(f"{'scores ' + name:40} {len(times):7} p50 {quantile(times, 0.5) * 1000:.0f} ms  p99 {quantile(times, 0.99) * 1000:.0f} ms  "
              f"max {quantile(times, 1) * 1000:.0f} ms  UNKNOWN {unknown}")
    redis = stack.redis.client()
    wrong = 0
    for identity, rev in maker.highest.items():
        value = redis.get(f"verifyd:v:{{{identity}}}")
        wrong += value is None or json.loads(value)["rev"] != rev
    print(f"{'of so many looked at, wrong':40} {len(maker.highest):7} {wrong}")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name, default in (("--results", 1_000_000), ("--journeys", 10), ("--rate", 100), ("--workers", 2), ("--partitions", 12), ("--kill", 0), ("--back", 0)):
        parser.add_argument(name, type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="verifyd-rebuild-") as folder:
        broker = Broker(folder)
        try:
            with Stack(Path(folder) / "stack", broker.wait().servers, topics=False, LOG_LEVEL="info") as stack:
                return measure(stack, arguments)
        finally:
            broker.stop()


if __name__ == "__main__":
    sys.exit(main())
