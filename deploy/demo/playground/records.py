"""Every record in Kafka, for the panel: read by the librdkafka that verifyd itself uses, through ctypes, as a consumer of its own group."""
import ctypes
import ctypes.util
import json
import secrets
import threading

CONSUMER = 1          # RD_KAFKA_CONSUMER
ANY_PARTITION = -1    # RD_KAFKA_PARTITION_UA
TOPICS = ("requests.jumio.initiate", "requests.jumio.retrieve", "requests.biocatch.score", "delay.5s", "delay.30s", "delay.120s", "delay.600s", "results", "dead")


class Message(ctypes.Structure):
    """rd_kafka_message_t."""
    _fields_ = [("err", ctypes.c_int), ("topic", ctypes.c_void_p), ("partition", ctypes.c_int32), ("payload", ctypes.c_void_p), ("len", ctypes.c_size_t),
                ("key", ctypes.c_void_p), ("key_len", ctypes.c_size_t), ("offset", ctypes.c_int64), ("private", ctypes.c_void_p)]


def library():
    kafka = ctypes.CDLL(ctypes.util.find_library("rdkafka") or "librdkafka.so.1")
    for name, result, arguments in (
            ("rd_kafka_conf_new", ctypes.c_void_p, []), ("rd_kafka_conf_set", ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]),
            ("rd_kafka_new", ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
            ("rd_kafka_topic_partition_list_new", ctypes.c_void_p, [ctypes.c_int]),
            ("rd_kafka_topic_partition_list_add", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32]),
            ("rd_kafka_subscribe", ctypes.c_int, [ctypes.c_void_p, ctypes.c_void_p]), ("rd_kafka_poll_set_consumer", ctypes.c_int, [ctypes.c_void_p]),
            ("rd_kafka_consumer_poll", ctypes.POINTER(Message), [ctypes.c_void_p, ctypes.c_int]), ("rd_kafka_topic_name", ctypes.c_char_p, [ctypes.c_void_p]),
            ("rd_kafka_message_timestamp", ctypes.c_int64, [ctypes.POINTER(Message), ctypes.c_void_p]),
            ("rd_kafka_message_destroy", None, [ctypes.POINTER(Message)])):
        function = getattr(kafka, name)
        function.restype, function.argtypes = result, arguments
    return kafka


def settings(brokers, config_file):
    """As the programs' own: the file's lines, and what a look needs."""
    found = {}
    if config_file:
        with open(config_file, encoding="utf-8") as lines:
            found = dict((part.strip() for part in line.split("=", 1)) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return found | {"bootstrap.servers": brokers, "group.id": f"playground-{secrets.token_hex(4)}", "enable.auto.commit": "false",
                    "auto.offset.reset": "earliest", "log_level": "2"}


def shortened(text):
    """A record's JSON, with what is sealed cut short: it is as unreadable here as for anybody."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    for name in ("sealed", "link"):
        if isinstance(value.get(name), str):
            value[name] = value[name][:24] + "…"
    return json.dumps(value, ensure_ascii=False)


class Records(threading.Thread):
    """Calls found(topic, partition, offset, key, value, at_ms) for every record, also those of before."""

    def __init__(self, brokers, prefix, config_file, found):
        super().__init__(daemon=True)
        self.prefix, self.found, self.kafka = prefix, found, library()
        text = ctypes.create_string_buffer(512)
        conf = self.kafka.rd_kafka_conf_new()
        for name, value in settings(brokers, config_file).items():
            if self.kafka.rd_kafka_conf_set(conf, name.encode(), value.encode(), text, 512) != 0:
                raise OSError(text.value.decode())
        self.consumer = self.kafka.rd_kafka_new(CONSUMER, conf, text, 512)
        if not self.consumer:
            raise OSError(text.value.decode())

    def run(self):
        kafka, topics = self.kafka, self.kafka.rd_kafka_topic_partition_list_new(len(TOPICS))
        for name in TOPICS:
            kafka.rd_kafka_topic_partition_list_add(topics, (self.prefix + name).encode(), ANY_PARTITION)
        kafka.rd_kafka_poll_set_consumer(self.consumer)
        kafka.rd_kafka_subscribe(self.consumer, topics)
        while True:
            message = kafka.rd_kafka_consumer_poll(self.consumer, 1000)
            if not message:
                continue
            one = message.contents
            if one.err == 0:
                name = kafka.rd_kafka_topic_name(one.topic).decode().removeprefix(self.prefix)
                key = ctypes.string_at(one.key, one.key_len).decode(errors="replace") if one.key else ""
                value = ctypes.string_at(one.payload, one.len).decode(errors="replace") if one.payload else "(none)"
                self.found(name, one.partition, one.offset, key, shortened(value), kafka.rd_kafka_message_timestamp(message, None))
            kafka.rd_kafka_message_destroy(message)
