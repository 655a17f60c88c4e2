#!/usr/bin/env python3
"""A sign-up burst: everybody comes within a minute, the vendor accepts a few, and each waits in a browser until it is sent on.

burst.py [--people 10000] [--seconds 60] [--speed 10] [--ingresses 2] [--workers 2] [--again 5] [--in-flight 2000]

The vendor's quota is 15 initiates in 5 s, times --speed: with 10 a queue of 10,000 is served in 5.5 minutes and not in 55, and
everything else is as it is in earnest. Every person's B2C calls InitializeTransaction; --again of a hundred call twice at once, as after a
time-out of theirs, at another ingress. Then a browser opens redirectUrl and does what the page's script does: it asks /wait as
often as that says, and opens the page again when it is ready, until it is sent to the vendor. Real Kafka and Redis, vendorsim.

--in-flight is the workers' VERIFYD_MAX_IN_FLIGHT (default: theirs). What does not fit waits in Kafka, in the partitions.

Prints how the calls went, how the browsers were sent on (how long after the vendor's answer, and how far out of the order in which they
came), initiates by person, and what it cost. Exit status 1 when a call failed or took 9 s, a question was initiated twice, or a browser
was left. VERIFYD_BIN: the programs (default build/release/bin). Python and libraries as for tests/e2e.
"""
import argparse
import asyncio
import collections
import json
import os
import random
import resource
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("VERIFYD_BIN", str(ROOT / "build" / "release" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

# pylint: disable=wrong-import-position
from lib.journey import CLIENT_ID, POLICY
from lib.kafka import Broker
from lib.stack import KEYS, Stack

QUOTA, PERIOD_S = 15, 5
LIMIT_S = 9.0        # B2C gives up after 10
PARTITIONS = 8
PATIENCE = 3         # times the time that the quota needs, then a browser counts as left
SAMPLE_S = 1.0


class Http:
    """HTTP/1.1 over connections that are kept. Small, since thousands of browsers share one process."""

    def __init__(self, address):
        self.host, _, port = address.rpartition(":")
        self.port, self.idle = int(port), []

    async def call(self, method, path, headers="", body=b""):
        """Returns status, headers (lower case) and body."""
        for attempt in (1, 2):
            kept = bool(self.idle) and attempt == 1
            reader, writer = self.idle.pop() if kept else await asyncio.open_connection(self.host, self.port)
            try:
                writer.write(f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = dict(line.lower().split(": ", 1) if line.lower().startswith("content-length") else
                              (line.partition(": ")[0].lower(), line.partition(": ")[2]) for line in head[1:] if line)
                content = await reader.readexactly(int(fields.get("content-length", 0)))
                if fields.get("connection", "").lower() == "close":
                    writer.close()
                else:
                    self.idle.append((reader, writer))
                return int(head[0].split()[1]), fields, content
            except (OSError, asyncio.IncompleteReadError):
                writer.close()
                if not kept:  # else the server has closed what was kept
                    raise
        raise AssertionError("unreachable")


class Person:
    def __init__(self, number):
        self.number = number
        self.object_id = f"person-{number:06}"
        self.accepted = self.sent_on = None  # time.monotonic()
        self.reference = self.ticket = self.cookie = None
        self.shown, self.looks, self.grew = [], 0, False


class Burst:
    def __init__(self, arguments, stack):
        self.arguments, self.stack = arguments, stack
        self.limit = QUOTA * arguments.speed
        self.people = [Person(number) for number in range(arguments.people)]
        self.calls, self.failed = [], collections.Counter()  # seconds of each call
        self.cost = collections.defaultdict(lambda: [0, 0])  # program: most MB, most open files
        self.over = False

    # B2C

    async def initialize(self, person, http):
        body = json.dumps({"ObjectId": person.object_id, "ClientId": CLIENT_ID, "Policy": POLICY, "Scope": "openid",
                           "RedirectUri": "https://app.example/signin", "CorrelationId": f"corr-{person.number}"}).encode()
        begun = time.monotonic()
        try:
            status, _, content = await http.call("POST", "/api/Jumio/InitializeTransaction",
                                                 f"X-Api-Key: {KEYS['b2c']}\r\nContent-Type: application/json\r\n", body)
        except OSError as error:
            status, content = type(error).__name__, b""
        self.calls.append(time.monotonic() - begun)
        if status != 200:
            self.failed[f"{status} {content[:80]!r}"] += 1
            return
        answer = json.loads(content)
        person.reference, person.ticket = answer["transactionReference"], urllib.parse.urlsplit(answer["redirectUrl"]).path.rpartition("/")[2]
        person.accepted = person.accepted or time.monotonic()

    # the browser

    async def open(self, person, http):
        """Opens /start. Returns where it was sent, or None."""
        cookie = f"Cookie: {person.cookie}\r\n" if person.cookie else ""
        status, fields, content = await http.call("GET", f"/start/{person.ticket}", cookie)
        person.cookie = fields.get("set-cookie", person.cookie or "").partition(";")[0] or None
        if status == 302:
            return fields["location"]
        assert status == 200 and b'data-shows="waiting"' in content, (status, content[:300])
        return None

    async def browse(self, person, http):
        """As the page's script."""
        ahead = minutes = -1
        while not await self.open(person, http):
            while True:
                person.looks += 1
                status, _, content = await http.call("GET", f"/wait/{person.ticket}?shows=waiting&lang=en&n={ahead}&t={minutes}")
                if status != 200:
                    self.failed[f"/wait {status}"] += 1
                    await asyncio.sleep(2)
                    continue
                answer = json.loads(content)
                if answer["ready"]:
                    break
                person.grew |= ahead >= 0 and answer["ahead"] > ahead
                ahead, minutes = answer["ahead"], answer["minutes"]
                person.shown.append((time.monotonic(), ahead, minutes))
                await asyncio.sleep(answer["again_ms"] / 1000 * (0.9 + random.random() * 0.2))
        person.sent_on = time.monotonic()

    async def live(self, person, https, begin):
        await asyncio.sleep(begin + person.number * self.arguments.seconds / self.arguments.people - time.monotonic())
        http = https[person.number % len(https)]
        calls = [self.initialize(person, http)]
        if random.random() * 100 < self.arguments.again:
            calls.append(self.initialize(person, https[(person.number + 1) % len(https)]))
        await asyncio.gather(*calls)
        if person.ticket:
            try:
                await self.browse(person, http)
            except (OSError, AssertionError, asyncio.IncompleteReadError) as error:
                self.failed[f"browser: {error!r}"[:200]] += 1

    # what it costs

    async def watch(self):
        while not self.over:
            for program in self.stack.programs:
                try:
                    status = Path(f"/proc/{program.pid}/status").read_text(encoding="ascii")
                    rss = int(status.partition("VmHWM:")[2].split()[0]) // 1024
                    files = len(os.listdir(f"/proc/{program.pid}/fd"))
                except (OSError, IndexError, ValueError):
                    continue
                self.cost[program.name] = [max(was, now) for was, now in zip(self.cost[program.name], (rss, files))]
            sent = sum(person.sent_on is not None for person in self.people)
            if int(time.monotonic()) % 30 == 0:
                print(f"  {time.monotonic() - self.begin:5.0f} s: {len(self.calls)} calls, {sent} sent on", flush=True)
            await asyncio.sleep(SAMPLE_S)

    async def run(self, addresses):
        https = [Http(address) for address in addresses]
        self.begin = time.monotonic() + 1
        longest = self.arguments.seconds + self.arguments.people / (self.limit / PERIOD_S) * PATIENCE + 60
        watcher = asyncio.create_task(self.watch())
        lives = [asyncio.create_task(self.live(person, https, self.begin)) for person in self.people]
        _, left = await asyncio.wait(lives, timeout=longest)
        for task in left:
            task.cancel()
        self.over = True
        await watcher


def quantiles(values, *parts):
    values = sorted(values) or [0]
    return [values[min(len(values) - 1, int(len(values) * part))] for part in parts]


def beyond(took, told):
    """By how many minutes it took more or less than the page said, which rounds up: to a minute, above ten to five; 0 is less than one."""
    least, most = (told - (1 if told <= 10 else 5), told) if told else (0, 1)
    return max(0, took - most, least - took)


def report(burst, offset_s):
    """offset_s: monotonic minus unix time. Returns whether all that was promised holds."""
    arguments, people = burst.arguments, burst.people
    transactions = burst.stack.vendor.control("GET", "jumio/transactions")
    initiated = {one["user"]: one["initiated_ms"] / 1000 + offset_s for one in transactions}
    counts = collections.Counter(one["user"] for one in transactions)
    stats = burst.stack.vendor.stats()
    sent = sorted((person for person in people if person.sent_on), key=lambda person: person.sent_on)
    late = [person.sent_on - initiated[person.object_id] for person in sent if person.object_id in initiated]
    came = {person: place for place, person in enumerate(sorted(sent, key=lambda person: person.number))}
    moved = [abs(place - came[person]) for place, person in enumerate(sent)]
    waits = [person.sent_on - person.accepted for person in sent]
    first, last = (sent[0].sent_on, sent[-1].sent_on) if sent else (0, 1)
    print(f"\n{arguments.people} people in {arguments.seconds} s, quota {burst.limit}/{PERIOD_S} s (15/5 s times {arguments.speed}), "
          f"{arguments.ingresses} ingresses, {arguments.workers} workers with {arguments.in_flight} in flight, load average {os.getloadavg()[0]:.1f}")
    p50, p99, top = quantiles(burst.calls, 0.5, 0.99, 1)
    print(f"InitializeTransaction: {len(burst.calls)} calls, p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max {top * 1000:.0f} ms; failed: {dict(burst.failed)}")
    print(f"initiates {stats['requests']}, people initiated {len(counts)}, twice {sum(count > 1 for count in counts.values())}")
    print(f"browsers sent on {len(sent)}, left {len(people) - len(sent)}; {len(sent) / (last - first):.1f} a second (the quota allows "
          f"{burst.limit / PERIOD_S:.0f}); waited p50 {quantiles(waits, 0.5)[0]:.0f} s, max {quantiles(waits, 1)[0]:.0f} s")
    p50, p99, top = quantiles(late, 0.5, 0.99, 1)
    print(f"after the vendor's answer: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max {top * 1000:.0f} ms")
    p50, p99, top = quantiles(moved, 0.5, 0.99, 1)
    print(f"out of the order of their coming by p50 {p50}, p99 {p99}, at most {top} places")
    looks = sum(person.looks for person in people)
    told = [person for person in sent if any(ahead >= 0 for _, ahead, _ in person.shown)]
    times = [(person, *next((at, minutes) for at, _, minutes in person.shown if minutes >= 0)) for person in told
             if any(minutes >= 0 for _, _, minutes in person.shown)]
    p50, p90, p99 = quantiles((beyond((person.sent_on - at) / 60, minutes) for person, at, minutes in times), 0.5, 0.9, 0.99)
    print(f"looks at the queue {looks} ({looks / (last - burst.begin):.0f} a second); told a place {len(told)}, whose number grew: "
          f"{sum(person.grew for person in people)}; the first time that was told ({len(times)} people) was wrong, beyond its rounding, by p50 {p50:.2f}, p90 {p90:.2f}, p99 {p99:.2f} minutes")
    for name, (rss, files) in sorted(burst.cost.items()):
        print(f"{name:20} at most {rss} MB, {files} open files")
    return not burst.failed and max(burst.calls) < LIMIT_S and len(sent) == len(people) and set(counts.values()) == {1}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name, default in (("--people", 10000), ("--seconds", 60), ("--speed", 10), ("--ingresses", 2), ("--workers", 2), ("--again", 5),
                          ("--in-flight", 2000)):
        parser.add_argument(name, type=int, default=default)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory(prefix="verifyd-burst-") as folder:
        broker = Broker(folder)
        try:
            with Stack(Path(folder) / "stack", broker.wait().servers, topics=False, LOG_LEVEL="info", JUMIO_TOKEN_LIFETIME_MIN="60",
                       JUMIO_INITIATE_RATE=f"{QUOTA * arguments.speed}/{PERIOD_S}s") as stack:
                stack.ctl("topics", "create", "--partitions", PARTITIONS)
                for _ in range(arguments.workers):
                    stack.worker(vendors="jumio", MAX_IN_FLIGHT=arguments.in_flight)
                burst = Burst(arguments, stack)
                addresses = [stack.ingress(AUTH_BASIC_USERS=None).http.address for _ in range(arguments.ingresses)]
                asyncio.run(burst.run(addresses))
                return 0 if report(burst, time.monotonic() - time.time()) else 1
        finally:
            broker.stop()


if __name__ == "__main__":
    sys.exit(main())
