"""What is left behind after a shard: Kafka's records, Redis, the vendors' own record of what they were asked, what the
API says, offsets, logs. Collected once everything is quiet; judged by checker.py, which never looks anywhere else.
"""
import base64
import json
import re
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lib import schemas
from lib.kafka import ALL_REQUESTS, DELAYS, Topics, judge
from lib.load import in_parallel

TIERS_S = {"delay.5s": 5, "delay.30s": 30, "delay.120s": 120, "delay.600s": 600}
TOPICS = (*ALL_REQUESTS, *DELAYS, "results", "dead")
GROUPS = {"jumio": ALL_REQUESTS[1:], "biocatch": ALL_REQUESTS[:1], "delay": DELAYS, "projector": ("results",)}
FORWARD_SLACK_S = 6
PERSON = re.compile(r"(?:session|uuid|object|app|corr(?:elationid)?)-[0-9a-f]{16}")
JUDGED_RECORDS = 500  # of each topic; schemas take a millisecond or two a record


class Tail:
    """Reads all topics of one prefix, ever on from where it was."""

    def __init__(self, servers, prefix, partitions):
        self.prefix, self.records = prefix, {topic: [] for topic in TOPICS}
        self.consumer = Consumer({"bootstrap.servers": servers, "group.id": "none", "enable.auto.commit": False,
                                  "auto.offset.reset": "earliest", "fetch.wait.max.ms": 20})
        self.places = [TopicPartition(prefix + topic, p, 0) for topic in TOPICS for p in range(partitions)]
        self.next = {(place.topic, place.partition): 0 for place in self.places}
        self.ends = {}
        self.consumer.assign(self.places)

    def take(self, message):
        topic = message.topic().removeprefix(self.prefix)
        self.records[topic].append(Topics.record(topic, message))
        self.next[message.topic(), message.partition()] = message.offset() + 1

    def catch_up(self, timeout_s=30):
        """Everything that is there now."""
        limit = time.monotonic() + timeout_s
        for place in self.places:
            self.ends[place.topic, place.partition] = self.consumer.get_watermark_offsets(place, timeout=timeout_s)[1]
        while any(self.next[place] < end for place, end in self.ends.items()):
            assert time.monotonic() < limit, "the topics cannot be read to their end"
            for message in self.consumer.consume(2000, 0.05):
                if message.error():
                    raise KafkaException(message.error())
                self.take(message)
        return self

    def close(self):
        self.consumer.close()


def administrator(servers):
    return AdminClient({"bootstrap.servers": servers, "log_level": 4})  # warnings and worse


def stamp_by_broker(servers, name):
    """Records of that topic carry the time at which the broker had them."""
    admin = administrator(servers)
    resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[
        ConfigEntry("message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET)])
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def lags(servers, tail):
    """Each partition that a group has not read to its end: what is missing, and whether that may be."""
    admin, found, now = administrator(servers), [], time.time()
    for group, topics in GROUPS.items():
        places = [place for place in tail.places if place.topic.removeprefix(tail.prefix) in topics]
        asked = ConsumerGroupTopicPartitions(tail.prefix + group, [TopicPartition(p.topic, p.partition) for p in places])
        done = admin.list_consumer_group_offsets([asked])[asked.group_id].result(30)
        for place in done.topic_partitions:
            topic, committed = place.topic.removeprefix(tail.prefix), max(place.offset, 0)
            waiting = [record for record in tail.records[topic] if record.partition == place.partition and record.offset >= committed]
            due = [record for record in waiting if record.timestamp_ms / 1000 + TIERS_S.get(topic, 0) + FORWARD_SLACK_S < now]
            if waiting if topic not in TIERS_S else due:
                found.append({"group": group, "topic": topic, "partition": place.partition, "lag": len(waiting), "due": len(due)})
    return found


class Opener:
    """Opens what is sealed, with the installation's own keys."""

    def __init__(self, stack):
        self.keys = {}
        for part in stack.secret("SEAL_KEYS").split(","):
            name, _, key = part.partition(":")
            self.keys[name] = AESGCM(base64.b64decode(key.replace("-", "+").replace("_", "/") + "=="))

    def open(self, sealed, identity):
        name, _, text = sealed.partition(".")
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        try:
            return json.loads(self.keys[name].decrypt(raw[:12], raw[12:], identity.encode()))
        except (KeyError, InvalidTag):
            return {}


def request_of(record, opener):
    content = schemas.parse(record.value)
    person = opener.open(content["sealed"], content["id"])
    return {"topic": record.topic, "id": content["id"], "kind": content["kind"], "question": content["question"],
            "created": content["created_ms"] / 1000, "at": record.timestamp_ms / 1000, "session": person.get("session"),
            "subject": person.get("subject"), "attempt": int(record.headers.get("verifyd-attempt", 0)),
            "cause": record.headers.get("verifyd-cause")}


def result_of(record):
    return {"id": record.key.split("!")[0], "key": record.key, "partition": record.partition, "offset": record.offset,
            "at": record.timestamp_ms / 1000, "state": schemas.parse(record.value)}


def send_of(call, places):
    """One raw request at vendorsim. places: {reference: our id}."""
    path, at = call["path"], call["at_ms"] / 1000
    if "/biocatch/" in path:
        return {"what": "score", "person": call["session"], "id": None, "at": at}
    if path.endswith("/initiate"):
        body = json.loads(call["body"]) if call.get("body") else {}
        return {"what": "initiate", "person": body.get("userReference"), "id": body.get("customerInternalReference"), "at": at}
    if "/scans/" in path:
        reference = path.split("/scans/")[1].split("/")[0]
        return {"what": "retrieve", "person": call["session"], "id": places.get(reference), "at": at}
    return None


def schema_faults(tail):
    """Records that break their schema, of a sample."""
    faults = []
    for topic, records in tail.records.items():
        step = max(1, len(records) // JUDGED_RECORDS)
        for record in records[::step]:
            try:
                judge(record)
            except (AssertionError, ValueError, KeyError) as error:
                faults.append(f"{topic}/{record.partition}@{record.offset}: {error}"[:600])
    return faults


def leaks(stack):
    """Programs whose log names a person."""
    return [f"{program.name} logged {found[0]}" for program in stack.programs
            if program.name.startswith("verifyd") and (found := PERSON.search(program.text(whole=True)))]


def log_events(stack, *names):
    found = []
    for program in stack.programs:
        if program.name.startswith("verifyd"):
            for event in program.events():
                if event.get("event") in names:
                    found.append(event)
    return found


def read_views(fronts, ids):
    """What GET /v1/verifications says of each id."""
    def one(pair):
        n, identity = pair
        try:
            answer = fronts[n % len(fronts)].b2c.read(identity)
            return identity, {"status": answer.status} | (answer.json if answer.status == 200 else {})
        except (OSError, AssertionError) as error:
            return identity, {"status": 0, "why": repr(error)}

    return dict(in_parallel(one, list(enumerate(ids)), threads=4))


def vendor_calls(vendor):
    """(raw sends, transactions, how many records vendorsim has dropped)."""
    transactions = vendor.transactions()
    places = {one["reference"]: one["customer_reference"] for one in transactions}
    sends = [send for call in vendor.requests() if (send := send_of(call, places))]
    return sends, transactions, vendor.stats()["dropped"]
