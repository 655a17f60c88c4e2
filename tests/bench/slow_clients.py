#!/usr/bin/env python3
"""Thousands of senders that never get done, and of callers that wait and vanish: what the others feel, and when the places are free.

slow_clients.py [--count 5000] [--rate 200] [case...]     cases: quiet headers body waiters (default: all)

One ingress with its default times, real Kafka and Redis, no worker. Good requests (every second one is accepted into Kafka) come
at a steady rate from a process of their own, whose scheduling is part of what is measured: compare with `quiet`.

VERIFYD_BIN: the programs (default build/release/bin). Python and libraries as for tests/e2e (see make_venv in tests/run.sh).
"""
import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("VERIFYD_BIN", str(ROOT / "build" / "release" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

# pylint: disable=wrong-import-position
from lib import crowd
from lib.kafka import Broker
from lib.process import until
from lib.stack import KEYS, Stack

DEADLINE_S = 10  # HEADER_TIME_MS and BODY_TIME_MS
QUIET_S = 8
BUDGET_MS = 60000


def of_process(pid):
    """(resident MB, CPU s, open files) of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return resident, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), len(os.listdir(f"/proc/{pid}/fd"))


def felt(probe):
    share = {name: crowd.percentile(probe.taken_s, part) * 1000 for name, part in (("p50", .5), ("p99", .99), ("max", 1))}
    return f"{len(probe.taken_s)} good requests, {probe.bad} not good, " + ", ".join(f"{n} {v:.1f} ms" for n, v in share.items())


def quiet(bench, _):
    with bench.probe() as probe:
        time.sleep(QUIET_S)
    return felt(probe)


def slow(bench, head):
    with bench.probe() as probe:
        senders = crowd.SlowSenders(bench.ingress.http.address, bench.count, head(KEYS["b2c"]))
        resident, _, files = of_process(bench.ingress.process.pid)
        open_s = senders.drive(3 * DEADLINE_S)
    late = open_s[-1] - DEADLINE_S if open_s else float("nan")
    return (f"{len(open_s)} of {bench.count} cut off, the last {late:.2f} s after its time, the first {open_s[0]:.2f} s after its begin; "
            f"{felt(probe)}; {files} open files, {resident:.0f} MB")


def waiters(bench, _):
    before = of_process(bench.ingress.process.pid)[2]
    with bench.probe() as probe:
        links = crowd.waiting_callers(bench.ingress.http.address, KEYS["b2c"], [f"w-{n}" for n in range(bench.count)])
        crowd.wait_for_waiters(bench.ingress, bench.count)
        resident, cpu_before, _ = of_process(bench.ingress.process.pid)
        time.sleep(2)
        cpu = (of_process(bench.ingress.process.pid)[1] - cpu_before) / 2
        begin = time.monotonic()
        crowd.vanish(links)
        gone = time.monotonic()
        crowd.wait_for_waiters(bench.ingress, 0)
        freed = time.monotonic()
        until(lambda: of_process(bench.ingress.process.pid)[2] <= before + 3, 30, "open files to be as before", 0.02)
    return (f"{bench.count} held ({resident:.0f} MB, {cpu:.2f} of a core), all gone within {gone - begin:.2f} s, freed {freed - gone:.2f} s after the last "
            f"one left, their files closed {time.monotonic() - gone:.2f} s after it (their time: {BUDGET_MS / 1000:.0f} s); {felt(probe)}")


CASES = {"quiet": (quiet, None), "headers": (slow, crowd.slow_header), "body": (slow, crowd.slow_body), "waiters": (waiters, None)}


class Bench:
    def __init__(self, stack, count, rate):
        self.count, self.rate = count, rate
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
                bench = Bench(stack, wanted.count, wanted.rate)
                for name in wanted.case or CASES:
                    function, argument = CASES[name]
                    print(f"{name}: {function(bench, argument)}", flush=True)
        finally:
            broker.stop()


if __name__ == "__main__":  # the probe's process imports this file again
    main()
