"""Real Kafka for the tests: one broker a session, and readers that judge every record by schemas/."""
import os
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from lib import schemas
from lib.process import BIN, Process, until

BROKER_PY = Path(__file__).resolve().parents[2] / "kafka" / "broker.py"
REQUESTS = "requests.biocatch.score"
INITIATES, RETRIEVALS = "requests.jumio.initiate", "requests.jumio.retrieve"
ALL_REQUESTS = (REQUESTS, INITIATES, RETRIEVALS)
DELAYS = ("delay.5s", "delay.30s", "delay.120s", "delay.600s")
READ_TIMEOUT_S = 30


@dataclass
class Record:
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str | None
    value: bytes | None
    headers: dict
    content: object = None  # the value, parsed and judged


class Broker:
    """tests/kafka/broker.py as a child. `stop` ends it and removes its data."""

    def __init__(self, folder, name="kafka", port=0):
        self.ready = Path(folder) / f"{name}.ready"
        command = [sys.executable, BROKER_PY, "start", "--ready-file", self.ready, "--dir", folder]
        cache = {name: os.environ[name] for name in ("VERIFYD_CACHE",) if name in os.environ}  # where the jars are
        self.process = Process(name, command + (["--port", port] if port else []), folder, cache)
        self.servers = None

    def wait(self):
        def look():
            assert self.process.running(), f"the broker ended:\n{self.process.tail()}"
            return self.ready.exists() and self.ready.read_text().strip()

        self.servers = until(look, 120, "Kafka")
        return self

    def java_pid(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def stop(self):
        return self.process.stop()


class SharedBroker:
    """A Broker as the other processes of the same run see it; who started it ends it."""

    def __init__(self, ready):
        self.ready = Path(ready)
        self.servers = until(lambda: self.ready.exists() and self.ready.read_text().strip(), 120, "Kafka")


class DevBroker:
    """verifyd-devbroker, which makes the topics of one prefix and forgets everything at its end."""

    def __init__(self, folder):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.prefix = f"d{secrets.token_hex(4)}."
        self.ready = folder / "devbroker.ready"
        self.process = Process("devbroker", [BIN / "verifyd-devbroker", "--ready-file", self.ready, "--partitions", "3"], folder,
                               {"VERIFYD_TOPIC_PREFIX": self.prefix})
        self.servers = until(lambda: self.ready.exists() and self.ready.read_text().strip(), 30, "the dev broker")

    def stop(self):
        return self.process.stop()


def watermarks(consumer, name):
    """(low, high) of each partition. A topic that was made a moment ago may have no leader yet."""
    def look():
        try:
            partitions = consumer.list_topics(name, timeout=30).topics[name].partitions
            return {p: consumer.get_watermark_offsets(TopicPartition(name, p), timeout=30) for p in partitions}
        except KafkaException as error:
            if error.args[0].code() in (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART,
                                        KafkaError.LEADER_NOT_AVAILABLE, KafkaError._UNKNOWN_PARTITION):
                return None
            raise

    return until(look, READ_TIMEOUT_S, f"leaders of {name}")


class Topics:
    """The topics of one prefix."""

    def __init__(self, servers, prefix):
        self.servers, self.prefix = servers, prefix

    def name(self, topic):
        return self.prefix + topic

    def metadata(self):
        found = AdminClient({"bootstrap.servers": self.servers}).list_topics(timeout=30).topics
        return {name.removeprefix(self.prefix): topic for name, topic in found.items() if name.startswith(self.prefix)}

    def produce(self, topic, key, value, headers=None, partition=None):
        failed = []
        producer = Producer({"bootstrap.servers": self.servers, "linger.ms": 0})
        place = {} if partition is None else {"partition": partition}
        producer.produce(self.name(topic), value, key, headers=list((headers or {}).items()),
                         on_delivery=lambda error, _: failed.append(error) if error else None, **place)
        assert producer.flush(30) == 0 and not failed, failed

    def read(self, topic, judged=True):
        """All records of a topic, from its start to the end it has now."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "none", "enable.auto.commit": False,
                             "enable.partition.eof": False, "auto.offset.reset": "earliest"})
        records = []
        try:
            name = self.name(topic)
            ends = watermarks(consumer, name)
            left = {p: high for p, (low, high) in ends.items() if high > low}
            consumer.assign([TopicPartition(name, p, ends[p][0]) for p in left])
            limit = time.monotonic() + READ_TIMEOUT_S
            while left:
                assert time.monotonic() < limit, f"{name} cannot be read to its end: {left}"
                for message in consumer.consume(1000, 0.1):
                    if message.error():
                        raise KafkaException(message.error())
                    records.append(self.record(topic, message))
                left = {p: high for p, high in left.items() if consumer.position([TopicPartition(name, p)])[0].offset < high}
        finally:
            consumer.close()
        for record in records if judged else ():
            judge(record)
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def left(self, topic, group):
        """How many records a group has not committed."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": self.name(group), "enable.auto.commit": False})
        try:
            name = self.name(topic)
            ends = watermarks(consumer, name)
            committed = consumer.committed([TopicPartition(name, partition) for partition in ends], timeout=30)
            # What was committed after the ends were read makes up for nothing elsewhere.
            return sum(max(0, ends[place.partition][1] - max(place.offset, ends[place.partition][0])) for place in committed)
        finally:
            consumer.close()

    @staticmethod
    def record(topic, message):
        headers = {name: (value or b"").decode("utf-8", "replace") for name, value in message.headers() or []}
        key = message.key()
        return Record(topic, message.partition(), message.offset(), message.timestamp()[1],
                      key.decode("utf-8", "replace") if key is not None else None, message.value(), headers)

    def requests(self, topic=REQUESTS):
        return self.read(topic, judged=False)

    def results(self):
        return self.read("results")

    def final(self):
        """What `results` says stands, per id: the higher rank, then rev, then attempts; of two completions the lower offset."""
        rank = {"completed": 1, "erased": 2}
        standing = {}
        for record in self.results():
            state = record.content
            known = standing.get(state["id"])
            ranks = rank.get(state["state"], 0), rank.get(known["state"], 0) if known else -1
            later = ranks == (0, 0) and (state["rev"], state["attempts"]) > (known["rev"], known["attempts"])
            if ranks[0] > ranks[1] or later:
                standing[state["id"]] = state
        return standing

    def dead(self):
        return self.read("dead")


def judge(record):
    """Sets record.content, or fails when the record breaks its schema."""
    if record.topic == "results":
        if record.value is None:
            return
        schemas.check_result_key(record.key)
        record.content = schemas.check_verification(record.value)
        assert record.key.split("!")[0] == record.content["id"]
        assert ("!" in record.key) == (record.content["state"] == "completed"), f"{record.key}: {record.content}"
    elif record.topic == "dead":
        record.content = schemas.check_dead(record.key, record.value, record.headers)
    else:
        record.content = schemas.check_request(record.value, record.headers, delayed=record.topic.startswith("delay."))
        assert record.key == record.content["id"]
