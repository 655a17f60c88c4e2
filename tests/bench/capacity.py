#!/usr/bin/env python3
"""What `verifyctl plan` says, beside a run that is measured: scores at a steady rate, then sign-ups that come faster than the quota.

capacity.py [--scores-per-second 100] [--score-seconds 20] [--signups-per-minute 300] [--minutes 1] [--initiate-rate 15/5s] [--latency-ms 200]

Measured for each score and each sign-up: CPU of ingress, worker and Redis, bytes in Kafka's logs, memory in Redis; of the sign-ups also how
long the last one waited for the vendor's page and when the queue was empty. A sign-up is walked as a person does: B2C's calls, the
browser to the vendor's page and back, the page that polls until there is a verdict. Real Kafka and Redis, vendorsim. About two minutes.

VERIFYD_BIN: the programs (default build/release/bin). Python and libraries as for tests/e2e (see make_venv in tests/run.sh).
"""
import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("VERIFYD_BIN", str(ROOT / "build" / "release" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

# pylint: disable=wrong-import-position
from lib import process
from lib.journey import Journey
from lib.kafka import Broker
from lib.process import until
from lib.stack import Stack

TICKS = os.sysconf("SC_CLK_TCK")
THREADS = 400
LOOK_S = 3.0  # how often a browser looks whether its turn has come: what a measured wait may be too long by
QUIET_S = 3
IDLE_S = 8
LAST = 10  # people: their median wait is what the plan's last one has
LADDER_S, PENDING = "2,4,6,10,20,40,60", 2  # two looks find nothing, the third does, in a hurry: as many calls as in earnest


def cpu_s(one):
    """User and system time of a process so far."""
    fields = Path(f"/proc/{one.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Meter:
    """What has been used so far; `since` gives the difference for each of `count` verifications."""

    def __init__(self, stack, folder, ingress, worker):
        self.stack, self.folder, self.programs = stack, folder, {"ingress": ingress.process, "worker": worker.process}

    def kafka(self):
        """Bytes of the records, without indexes, by topic."""
        found = {}
        for log in self.folder.rglob("*.log"):
            topic = log.parent.name.rpartition("-")[0]
            if topic.startswith(self.stack.prefix):
                name = topic.removeprefix(self.stack.prefix)
                found[name] = found.get(name, 0) + log.stat().st_size
        return found

    def read(self):
        info = self.stack.redis.client().info()
        seen = {"redis_bytes": info["used_memory"], "cpu_redis": info["used_cpu_user"] + info["used_cpu_sys"]}
        seen |= {f"cpu_{name}": cpu_s(one) for name, one in self.programs.items()} | {"at": time.monotonic()}
        topics = self.kafka()
        seen["kafka_results"] = topics.get("results", 0)
        seen["kafka_week"] = sum(topics.values()) - seen["kafka_results"]
        return seen

    def settle(self):
        """Until nothing is written any more."""
        def quiet():
            before = self.kafka()
            time.sleep(QUIET_S)
            return self.kafka() == before
        until(quiet, 60, "Kafka to be quiet")
        return self.read()


def each(before, after, count, idle):
    """Differences, less what the programs use while nobody asks for anything."""
    passed = after["at"] - before["at"]
    return {name: (after[name] - before[name] - idle.get(name, 0) * passed) / count for name in before if name != "at"}


def idle_of(meter):
    """CPU a second."""
    before = meter.read()
    time.sleep(IDLE_S)
    after = meter.read()
    return {name: (after[name] - before[name]) / (after["at"] - before["at"]) for name in before if name.startswith("cpu_")}


def paced(function, count, per_second):
    """Calls function(n) at a steady rate, each in a thread of its own. Returns what they returned."""
    begun = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        futures = []
        for n in range(count):
            time.sleep(max(0, begun + n / per_second - time.monotonic()))
            futures.append(pool.submit(function, n))
        return [future.result() for future in futures]


def score(ingress, number):
    answer = ingress.b2c.score(f"capacity-{number}", uuid=f"uuid-{number}")
    assert answer.status == 200 and "score" in answer.json, answer.json


def sign_up(stack, ingress):
    """Returns when it began, and when the browser was sent to the vendor."""
    journey = Journey(stack, ingress)
    begun = time.monotonic()
    journey.initialize()
    page = journey.browser.wait_for_redirect(journey.redirect_url, 300, LOOK_S, at=ingress.http.address)
    sent_on = time.monotonic()
    journey.capture = page.location
    journey.finish()
    journey.come_back()
    journey.token()
    assert journey.settle(120, 1.0) == "SUCCESS"
    assert journey.validate()["success"]
    return begun, sent_on


def plan(stack, *flags):
    done = process.run("verifyctl", "plan", "--json", *flags, settings=stack.environment())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def row(name, planned, measured, unit):
    error = f"{100 * (planned / measured - 1):+7.0f} %" if measured else "      –"
    print(f"{name:44} {planned:12.1f} {measured:12.1f} {error}  {unit}")


def run(arguments, stack, folder):
    worker, ingress = stack.worker(), stack.ingress()
    stack.vendor.set(delay_ms=arguments.latency_ms)
    stack.vendor.set_jumio(delay_ms=arguments.latency_ms, pending=PENDING)
    meter = Meter(stack, folder, ingress, worker)
    for n in range(20):
        score(ingress, f"warm-{n}")
    sign_up(stack, ingress)
    start = meter.settle()
    idle = idle_of(meter)
    print("idle, of one core: " + ", ".join(f"{name.removeprefix('cpu_')} {share:.1%}" for name, share in idle.items()))
    start = meter.read()
    scores = arguments.scores_per_second * arguments.score_seconds
    paced(lambda n: score(ingress, n), scores, arguments.scores_per_second)
    middle = meter.settle()
    of_score = each(start, middle, scores, idle)

    people = arguments.signups_per_minute * arguments.minutes
    times = paced(lambda _: sign_up(stack, ingress), people, arguments.signups_per_minute / 60)
    of_signup = each(middle, meter.settle(), people, idle)
    first, last = min(begun for begun, _ in times), max(sent_on for _, sent_on in times)
    longest = max(sent_on - begun for begun, sent_on in times)
    late = statistics.median(sent_on - begun for begun, sent_on in sorted(times)[-LAST:])
    calls = stack.vendor.requests()
    looks = sum(1 for call in calls if "/scans/" in call["path"]) / (people + 1)

    planned = plan(stack, "--signups-per-minute", arguments.signups_per_minute, "--scores-per-second", arguments.scores_per_second,
                   "--minutes", arguments.minutes, "--initiate-rate", arguments.initiate_rate, "--vendor-latency-ms",
                   arguments.latency_ms)
    print(f"{'':44} {'plan':>12} {'measured':>12}     error")
    for kind, seen, assumed in (("score", of_score, planned["each"]["score"]), ("sign-up", of_signup, planned["each"]["signup"])):
        for name in ("cpu_ingress", "cpu_worker", "cpu_redis"):
            row(f"{name} of a {kind}", assumed[name + "_us"], 1e6 * seen[name], "us")
        for name in ("kafka_week", "kafka_results", "redis_bytes"):
            row(f"{name} of a {kind}", assumed[name if name == "redis_bytes" else name + "_bytes"], seen[name], "bytes")
    row("calls that look for a verdict, of a sign-up", planned["each"]["signup"]["retrieve_calls"], looks, "calls")
    row(f"wait for the vendor's page, of the last {LAST} to come", planned["longest_wait_s"], late, "s")
    row("the longest wait of all", planned["longest_wait_s"], longest, "s")
    row("from the first call until the queue is empty", planned["burst_s"] + planned["drain_s"], last - first, "s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name, default in (("--scores-per-second", 100), ("--score-seconds", 20), ("--signups-per-minute", 300), ("--minutes", 1), ("--latency-ms", 200)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--initiate-rate", default="15/5s")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="verifyd-capacity-") as folder:
        broker = Broker(folder)
        settings = {"JUMIO_INITIATE_RATE": arguments.initiate_rate, "JUMIO_RETRIEVE_RATE": None, "JUMIO_POLL_S": LADDER_S,
                    "JUMIO_TOKEN_LIFETIME_MIN": None, "LOG_LEVEL": "info"}
        try:
            with Stack(Path(folder) / "stack", broker.wait().servers, **settings) as stack:
                run(arguments, stack, Path(folder))
        finally:
            broker.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
