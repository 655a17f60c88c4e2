"""One shard: a fresh verifyd on the run's broker, a minute of clients and faults, healing, quiet, judgement."""
import json
import random
import time
from collections import Counter
from pathlib import Path

import evidence
import nemesis
from checker import FINAL, Facts, accepted, check, stands_for, waits_for_a_person
from clients import Office, SETTLE_S
from cluster import Cluster
from confluent_kafka import KafkaException
from history import History, read
from lib.stack import PARTITIONS, Stack

QUIET_S = 75
VIEWS = 400
SETTINGS = {  # short times, so that a minute is long enough for everything to happen
    "BIOCATCH_TIMEOUT_MS": 2000, "JUMIO_TIMEOUT_MS": 2000, "JUMIO_WATCHDOG_AFTER": "16s", "JUMIO_MAX_ATTEMPTS": 1000,
    "INITIATE_WAIT_MS": 1500, "LOG_LEVEL": "info", "BREAKER_FAILURES": 10, "BREAKER_PROBE_MS": 300,
}


# Everybody signs up at once, the vendor takes fifteen a second, and one of the two ingresses is killed in the middle.
BURST = {
    "crowd": {"ScoreClient": 6, "ProgramClient": 2, "SignUp": 60},
    "faults": [nemesis.Fault(9, "ingress-0", "kill", 6)],
    "settings": {"JUMIO_INITIATE_RATE": "15/1s", "BIOCATCH_RATE": "100/1s", "BREAKER_FAILURES": 1000},
}


def second_tries(history):
    """With one ingress gone: a call of B2C that got no answer got one at the other."""
    last = {}
    for event in history:
        if event["phase"] == "invoke" or event["op"] not in ("score", "initialize"):
            continue
        key = event["client"], event.get("question")
        if event["phase"] == "unknown" and last.get(key) == "unknown":
            yield "second_try", f"{event['client']}: {event['op']} got no answer from either ingress"
        last[key] = event["phase"]


class Shard:
    """plan: who calls, which faults and settings, in place of the usual ones (as BURST)."""

    def __init__(self, kafka, folder, seed, index, load_s, plan=None):
        self.kafka, self.folder, self.seed, self.index, self.load_s = kafka, Path(folder), seed, index, load_s
        self.plan = plan or {}
        self.faults = self.plan.get("faults") or nemesis.schedule(seed, load_s, index)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "schedule.txt").write_text(f"seed {seed}, shard {index}, {load_s} s\n{nemesis.table(self.faults)}\n")

    def run(self):
        """Returns the shard's line for shards.jsonl."""
        begun = time.time()
        self.history = History(self.folder / "history.jsonl")
        late = []
        stack = Stack(self.folder, self.kafka.servers, **(SETTINGS | self.plan.get("settings", {})))
        try:
            stack.__enter__()
            evidence.stamp_by_broker(self.kafka.servers, stack.prefix + "results")
            try:
                facts = self.live(stack, late)
            finally:
                self.history.close()
                troubles = stack.stop_all()
            facts.troubles += troubles + evidence.leaks(stack)
            facts.history = read(self.folder / "history.jsonl")
            violations = check(facts)
            if self.plan:
                violations += list(second_tries(facts.history))
        finally:
            self.drop_topics(stack.prefix)
        line = self.line(facts, violations, time.time() - begun)
        seen = {name: value for name, value in vars(facts).items() if name not in ("history", "extras")}
        (self.folder / "facts.json").write_text(json.dumps(seen))
        (self.folder / "violations.txt").write_text("".join(f"{rule}: {text}\n" for rule, text in violations))
        return line

    def live(self, stack, late):
        """Load and faults, healing, quiet; everything is collected while the programs still run."""
        cluster = Cluster(stack, self.kafka, self.folder / "faults.jsonl")
        cluster.start()
        office = Office(stack, cluster.fronts, self.history, f"{self.seed}/{self.index}", self.plan.get("crowd"))
        try:
            office.start()
            self.hurt(cluster)
            cluster.heal()
            late += office.close(cluster.watch)
            cluster.wait_ready()
            cluster.stop_zombies()
            facts = Facts(faults=cluster.log)
            facts.troubles += [f"{name} was not done {SETTLE_S} s after everything was healed" for name in late]
            self.collect(stack, cluster, facts)
        finally:
            office.abandon()
            cluster.write_log()
        facts.troubles += cluster.troubles
        facts.starts = cluster.starts()
        self.cluster = cluster
        return facts

    def hurt(self, cluster):
        """The schedule, in the main thread."""
        start = time.monotonic()
        agenda = [(fault.at, n, "begin", fault) for n, fault in enumerate(self.faults)]
        agenda += [(fault.at + fault.seconds, n, "end", fault) for n, fault in enumerate(self.faults)]
        agenda.sort(key=lambda row: (row[0], row[1], row[2]))
        while (now := time.monotonic() - start) < self.load_s:
            while agenda and agenda[0][0] <= now:
                _, _, what, fault = agenda.pop(0)
                getattr(cluster, what)(fault)
            cluster.watch()
            time.sleep(0.02)

    def collect(self, stack, cluster, facts):
        tail = evidence.Tail(self.kafka.servers, stack.prefix, PARTITIONS)
        try:
            self.wait_quiet(stack, cluster, facts, tail)
            facts.sends, facts.transactions, dropped = evidence.vendor_calls(stack.vendor)
            if dropped:
                facts.troubles.append(f"vendorsim forgot {dropped} requests: the shard is too large to be judged")
            facts.troubles += evidence.schema_faults(tail)
            final = facts.final()
            ids = random.Random(f"{self.seed}/{self.index}/views").sample(sorted(final), min(VIEWS, len(final)))
            facts.views = evidence.read_views(cluster.fronts, ids)
            facts.orphan_ids = [event["id"] for event in evidence.log_events(stack, "orphaned_reference")]
        finally:
            tail.close()

    def wait_quiet(self, stack, cluster, facts, tail):
        """Until everything that was accepted has ended, is in Redis, and nobody has anything to read; or too late."""
        opener = evidence.Opener(stack)
        end = time.monotonic() + QUIET_S
        while True:
            cluster.watch()
            try:
                self.look(stack, facts, tail, opener)
                if self.is_quiet(facts) or time.monotonic() > end:
                    return
            except (KafkaException, OSError):
                if time.monotonic() > end:
                    raise
            time.sleep(0.7)

    def look(self, stack, facts, tail, opener):
        tail.catch_up()
        topics = tail.records
        facts.requests = [evidence.request_of(record, opener) for topic in evidence.ALL_REQUESTS for record in topics[topic]]
        results = sorted(topics["results"], key=lambda record: (record.partition, record.offset))
        facts.results = [evidence.result_of(record) for record in results if record.value is not None]
        facts.dead = [record.key for record in topics["dead"]]
        facts.lag = evidence.lags(self.kafka.servers, tail)
        link = stack.redis.client()
        keys = list(link.scan_iter(match="verifyd:v:*", count=1000))
        values = link.mget(keys) if keys else []
        facts.cache = {state["id"]: state for value in values if value for state in [json.loads(value)]}

    @staticmethod
    def is_quiet(facts):
        final, who = facts.final(), facts.people()
        over = all((state := final.get(identity)) and (state["state"] in FINAL or waits_for_a_person(state, who.get(identity)))
                   for identity in accepted(facts))
        return over and not facts.lag and all(stands_for(facts.cache.get(identity), state) for identity, state in final.items())

    def drop_topics(self, prefix):
        """The run's broker goes on; what this shard made on it does not."""
        try:
            admin = evidence.administrator(self.kafka.servers)
            for future in admin.delete_topics([prefix + topic for topic in evidence.TOPICS], operation_timeout=20).values():
                future.result(30)
        except KafkaException:
            pass  # the broker is broken or the topics were never made: the next shard has topics of its own

    # the line

    def line(self, facts, violations, seconds):
        done = Counter(f"{nemesis.family(entry['track'])} {entry['kind']}" for entry in facts.faults)
        paused = sum((entry["end"] or 0) - entry["begin"] for entry in facts.faults if entry["kind"] in ("stop", "zombie") and entry["end"])
        final = Counter(f"{state['kind']} {state['state']}" for state in facts.final().values())
        return {
            "shard": self.index, "seed": self.seed, "seconds": round(seconds, 1), "load_s": self.load_s, "faults": dict(sorted(done.items())),
            "paused_s": round(paused, 1), "requests": self.history.calls, "answers": dict(sorted(self.history.ends.items())),
            "accepted": len(accepted(facts)), "ends": dict(sorted(final.items())),
            "sends": dict(sorted(Counter(send["what"] for send in facts.sends).items())),
            "extras": {f"{what}: {reason}": count for (what, reason), count in sorted(facts.extras.items())},
            "crash_points": dict(sorted(Counter(self.cluster.crash_events).items())),
            "violations": [f"{rule}: {text}" for rule, text in violations[:50]], "violations_count": len(violations),
        }
