#!/usr/bin/env python3
"""Thousands of senders that never get done, and of callers that wait and vanish: what the others feel, and when the places are free.

slow_clients.py [--count 5000] [--rate 200] [case...]     cases: quiet headers body waiters full (default: all)

One ingress with its default times, real Kafka and Redis, no worker (but for `full`). Good requests (every second one is accepted into Kafka) come
at a steady rate from a process of their own, whose scheduling is part of what is measured: compare with `quiet`.

`full`: Kafka is stopped (SIGSTOP), so that what the ingress may have on its way fills up: how fast callers are refused then.

VERIFYD_BIN: the programs (default build/release/bin). Python and libraries as for tests/e2e (see make_venv in tests/run.sh).
"""
import argparse
import collections
import concurrent.futures
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("VERIFYD_BIN", str(ROOT / "build" / "release" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

# pylint: disable=wrong-import-position
from lib import crowd
from lib.journey import CLIENT_ID, POLICY
from lib.kafka import Broker
from lib.process import until
from lib.stack import KEYS, Stack

DEADLINE_S = 10  # HEADER_TIME_MS and BODY_TIME_MS
QUIET_S = 8
FULL_CALLS = 400
AT_ONCE_S = 1  # who is refused only after that has looked whether Kafka is back
BUDGET_MS = 60000


def of_process(pid):
    """(resident MB, CPU s, open files) of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return resident, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), len(os.listdir(f"/proc/{pid}/fd"))


def felt(probe):
    share = {name: crowd.percentile(probe.taken_s, part) * 1000 for name, part in (("p50", .5), ("p99", .99), ("max", 1))}
    return f"{len(probe.taken_s)} good requests, {probe.bad} not good, " + ", ".join(f"{n} {v:.1f} ms" for n, v in share.items())


class Work:
    """What a process used while it lasts: `share` of a core. Unlike how long an answer took it does not depend on what else the machine does."""

    def __init__(self, pid):
        self.pid, self.share = pid, 0.0

    def __enter__(self):
        self.cpu, self.begin = of_process(self.pid)[1], time.monotonic()
        return self

    def __exit__(self, *_):
        self.share = (of_process(self.pid)[1] - self.cpu) / (time.monotonic() - self.begin)


def quiet(bench, _):
    with bench.probe() as probe, Work(bench.ingress.process.pid) as work:
        time.sleep(QUIET_S)
    return f"{felt(probe)}; {work.share:.2f} of a core"


def slow(bench, head):
    with bench.probe() as probe, Work(bench.ingress.process.pid) as work:
        senders = crowd.SlowSenders(bench.ingress.http.address, bench.count, head(KEYS["b2c"]))
        resident, _, files = of_process(bench.ingress.process.pid)
        open_s = senders.drive(3 * DEADLINE_S)
    late = open_s[-1] - DEADLINE_S if open_s else float("nan")
    return (f"{len(open_s)} of {bench.count} cut off, the last {late:.2f} s after its time, the first {open_s[0]:.2f} s after its begin; "
            f"{felt(probe)}; {files} open files, {resident:.0f} MB, {work.share:.2f} of a core")


def waiters(bench, _):
    before = of_process(bench.ingress.process.pid)[2]
    with bench.probe() as probe:
        links = crowd.waiting_callers(bench.ingress.http.address, KEYS["b2c"], [f"w-{n}" for n in range(bench.count)])
        crowd.wait_for_waiters(bench.ingress, bench.count)
        resident = of_process(bench.ingress.process.pid)[0]
        with Work(bench.ingress.process.pid) as work:
            time.sleep(2)
        begin = time.monotonic()
        crowd.vanish(links)
        gone = time.monotonic()
        crowd.wait_for_waiters(bench.ingress, 0)
        freed = time.monotonic()
        until(lambda: of_process(bench.ingress.process.pid)[2] <= before + 3, 30, "open files to be as before", 0.02)
    return (f"{bench.count} held ({resident:.0f} MB, {work.share:.2f} of a core), all gone within {gone - begin:.2f} s, freed {freed - gone:.2f} s after the last "
            f"one left, their files closed {time.monotonic() - gone:.2f} s after it (their time: {BUDGET_MS / 1000:.0f} s); {felt(probe)}")


def full(bench, _):
    ingress, taken, others = bench.ingress, {503: [], 409: []}, collections.Counter()
    journey = {"ClientId": CLIENT_ID, "Policy": POLICY, "Scope": "openid", "RedirectUri": "https://app.example/signin"}

    def create(session):
        return ingress.b2c.post("/v1/verifications", {"kind": "biocatch.score", "subject": "s-1", "session": session}, judged=False)

    def refused(number):
        if number % 2:
            return 503, create(f"full-{number}")
        return 409, ingress.b2c.post("/api/Jumio/InitializeTransaction", {**journey, "ObjectId": f"o-{number}", "CorrelationId": f"c-{number}"}, judged=False)

    bench.stack.worker(vendors="jumio")  # fills the cache: without it nobody knows whose journey to join, and calls wait for that
    os.kill(bench.broker.java_pid(), signal.SIGSTOP)
    try:
        # Eight make it slow; of those who come then a few a second look whether it is back, and wait for it.
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            asked = [pool.submit(create, f"before-{number}") for number in range(8)]
            time.sleep(2)
            told = []
            for number in range(FULL_CALLS):
                told.append(pool.submit(refused, number))
                time.sleep(0.01)
            time.sleep(1)
            os.kill(bench.broker.java_pid(), signal.SIGCONT)
            for status, answer in (one.result() for one in told):
                if answer.status == status and answer.elapsed_s < AT_ONCE_S:
                    taken[status].append(answer.elapsed_s)
                else:
                    others[answer.status] += 1
    finally:
        os.kill(bench.broker.java_pid(), signal.SIGCONT)
    late = {status: [crowd.percentile(times, part) * 1000 for part in (.5, .99, 1)] for status, times in taken.items()}
    words = ", ".join(f"{status}: {len(taken[status])}, p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {top:.1f} ms" for status, (p50, p99, top) in late.items())
    return f"{words}; looked whether it is back: {dict(others)}; of those before, {sum(one.result().status == 202 for one in asked)} of 8 were accepted"


CASES = {"quiet": (quiet, None), "headers": (slow, crowd.slow_header), "body": (slow, crowd.slow_body), "waiters": (waiters, None), "full": (full, None)}


class Bench:
    def __init__(self, stack, broker, count, rate):
        self.stack, self.broker, self.count, self.rate = stack, broker, count, rate
        self.ingress = stack.ingress(LOG_LEVEL="info", MAX_WAITERS=count + 500, MAX_WAITERS_PER_CREDENTIAL=count, SYNC_BUDGET_MS=BUDGET_MS)

    def probe(self):
        return crowd.Probe(self.ingress.http.address, self.ingress.b2c.headers, self.rate)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("case", nargs="*", choices=[*CASES, []], default=[])
    wanted = parser.parse_args()
    if not crowd.allow_files(wanted.count):
        sys.exit(f"slow_clients.py: the limit of open files is too low for {wanted.count} connections")
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder))
        try:
            with Stack(Path(folder) / "stack", broker.wait().servers) as stack:
                bench = Bench(stack, broker, wanted.count, wanted.rate)
                for name in wanted.case or CASES:
                    function, argument = CASES[name]
                    print(f"{name}: {function(bench, argument)}", flush=True)
        finally:
            broker.stop()


if __name__ == "__main__":  # the probe's process imports this file again
    main()
