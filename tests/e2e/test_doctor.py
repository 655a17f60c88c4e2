"""verifyctl doctor: a whole installation is good; each thing that is broken on purpose is found, with what mends it; plan needs nothing."""
import datetime
import json
import shutil
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lib import process
from lib.journey import Journey
from lib.process import until
from lib.stack import Stack

PATIENCE_S = 40
CHECKS = {"settings", "certificates", "kafka", "topics", "redis", "cache", "keys", "clocks", "workers", "groups", "vendors"}


def look(stack, timeout_s=15, **overrides):
    done = process.run("verifyctl", "doctor", "--json", "--timeout", timeout_s, settings=stack.environment(**overrides))
    return done, json.loads(done.stdout)


def doctor(stack, status, **overrides):
    """The document, after a look at the exit status; no secret is in it, nor in the text. What is good is so after a while: on a busy
    machine a worker may have been silent for seconds."""
    end = time.monotonic() + PATIENCE_S
    done, told = look(stack, **overrides)
    while status == 0 != done.returncode and time.monotonic() < end:
        done, told = look(stack, **overrides)
    assert done.returncode == status, told["lines"]
    assert told["good"] == (status == 0) == (told["errors"] + told["warnings"] == 0)
    secrets = [path.read_text().strip() for path in (stack.folder / "keys").iterdir() if path.name not in ("env", "signing-cert")]
    for secret in [*secrets, "sim-secret", *(key.partition(":")[2] for key in stack.secret("SEAL_KEYS").split(","))]:
        assert secret not in done.stdout + done.stderr
    return told


def found(told, check, *words):
    """The line of that check which has all of these words; it is a finding."""
    lines = [line for line in told["lines"] if line["check"] == check and all(word in line["text"] for word in words)]
    assert lines, (check, words, told["lines"])
    assert lines[0]["severity"] in ("warning", "error"), lines
    return lines[0]


def findings(told):
    return [line for line in told["lines"] if line["severity"] in ("warning", "error")]


def result_of(futures):
    (future,) = futures.values()
    return future.result(30)


def alter(stack, topic, name, value):
    """Returns when the broker tells of it, which is a little after it has taken it."""
    full = stack.topics.name(topic)
    resource = ConfigResource(ConfigResource.Type.TOPIC, full,
                              incremental_configs=[ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)])
    admin = AdminClient({"bootstrap.servers": stack.servers})  # must outlive its futures
    result_of(admin.incremental_alter_configs([resource]))
    asked = ConfigResource(ConfigResource.Type.TOPIC, full)
    until(lambda: result_of(admin.describe_configs([asked]))[name].value == value, 30, f"{topic}: {name} = {value}")


def expired_certificate(path):
    """A pair as VERIFYD_SIGNING_CERT_FILE takes it, which ended yesterday."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "expired")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=9)).not_valid_after(now - datetime.timedelta(days=1, hours=1))
            .sign(key, hashes.SHA256()))
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
                     + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="module", name="whole")
def whole_stack(broker, session_folder):
    """With an ingress, a worker, and a person under way, whose data are sealed in Redis."""
    with Stack(session_folder / "doctor", broker.servers) as stack:
        worker, ingress = stack.worker(), stack.ingress()
        Journey(stack, ingress).to_vendor()
        stack.of_worker = worker
        yield stack


def test_a_whole_installation_is_good_and_each_area_was_looked_at(whole):
    told = until(lambda: (t := look(whole)[1])["good"] and t, PATIENCE_S, "the worker to tell of itself")
    assert {line["check"] for line in told["lines"]} == CHECKS
    told = doctor(whole, 0)
    text = whole.ctl("doctor")
    assert text.splitlines()[-1] == "good" and "\033" not in text
    assert any("Kafka 4" in line["text"] for line in told["lines"] if line["check"] == "kafka"), told["lines"]  # as pom.xml has it
    keys = [line["text"] for line in told["lines"] if line["check"] == "keys"]
    assert any("opens what is sealed" in text for text in keys), keys
    (vendors,) = [[line["text"] for line in told["lines"] if line["check"] == "vendors"]]
    assert any("biocatch: reached" in text for text in vendors) and any("jumio: reached" in text for text in vendors)
    calls = len(whole.vendor.requests())
    doctor(whole, 0)
    assert len(whole.vendor.requests()) == calls  # reached, not called
    groups = [line["text"] for line in told["lines"] if line["check"] == "groups"]
    assert any("jumio: 2 members" in text for text in groups), groups


def test_a_redis_that_throws_data_away_or_is_full_is_found(whole):
    link = whole.redis.client()
    link.config_set("maxmemory-policy", "allkeys-lru")
    line = found(doctor(whole, 1), "redis", "allkeys-lru")
    assert line["severity"] == "error" and "CONFIG SET maxmemory-policy noeviction" in line["fix"]
    link.config_set("maxmemory-policy", "noeviction")
    link.config_set("maxmemory", int(link.info()["used_memory"] * 1.1))
    assert "verifyctl plan" in found(doctor(whole, 1), "redis", "of maxmemory")["fix"]
    link.config_set("maxmemory", 0)
    doctor(whole, 0)


def test_a_topic_with_wrong_settings_is_found_and_the_command_mends_it(whole):
    alter(whole, "results", "cleanup.policy", "delete")
    alter(whole, "delay.5s", "message.timestamp.type", "CreateTime")
    alter(whole, "dead", "compression.type", "gzip")
    told = until(lambda: (t := doctor(whole, 1)) and len(findings(t)) == 3 and t, PATIENCE_S, "these findings alone")
    line = found(told, "topics", "results: cleanup.policy is delete, needs compact,delete")
    assert line["fix"] == (f"kafka-configs.sh --bootstrap-server {whole.servers} --alter --entity-type topics --entity-name "
                           f"{whole.topics.name('results')} --add-config cleanup.policy=[compact,delete]")
    found(told, "topics", "delay.5s: message.timestamp.type is CreateTime")
    found(told, "topics", "dead: compression.type is gzip")
    alter(whole, "results", "cleanup.policy", "compact,delete")
    alter(whole, "delay.5s", "message.timestamp.type", "LogAppendTime")
    alter(whole, "dead", "compression.type", "producer")
    doctor(whole, 0)


def test_missing_topics_and_too_few_copies_in_sync_are_found(broker, folder):
    with Stack(folder, broker.servers, topics=False) as stack:
        admin = AdminClient({"bootstrap.servers": broker.servers})
        wrong = NewTopic(stack.topics.name("requests.jumio.retrieve"), 2, 1, config={"min.insync.replicas": "2"})
        result_of(admin.create_topics([wrong]))
        until(lambda: "requests.jumio.retrieve" in stack.topics.metadata(), 30, "the topic")
        told = doctor(stack, 1)
        assert found(told, "topics", "requests.jumio.initiate: missing")["fix"] == "verifyctl topics create"
        found(told, "topics", "requests.jumio.retrieve: cannot be written: 1 copies are in sync, min.insync.replicas is 2")
        assert found(told, "workers", "no live worker")["fix"].startswith("verifyd-worker")
        found(told, "cache", "not whole")
        stack.create_topics()
        told = doctor(stack, 1)
        found(told, "topics", "partitions, another request topic has")


def test_settings_certificates_keys_and_vendors_that_are_wrong_are_found(whole):
    told = doctor(whole, 1, SIGNING_CERT_FILE=expired_certificate(Path(whole.folder) / "expired.pem"))
    assert found(told, "certificates", "VERIFYD_SIGNING_CERT_FILE: its certificate ended 1 days ago")["fix"] == "renew it"
    told = doctor(whole, 1, TLS_CERT_FILE=Path(whole.folder) / "expired.pem", TLS_KEY_FILE=Path(whole.folder) / "expired.pem")
    found(told, "certificates", "VERIFYD_TLS_CERT_FILE: its certificate ended 1 days ago")
    told = doctor(whole, 1, BIOCATCH_BASE_URL="http://127.0.0.1:1", VENDOR_MAX_CONNECTIONS="many")
    assert "firewall" in found(told, "vendors", "biocatch: not reached")["fix"]
    found(told, "settings", "worker: VERIFYD_VENDOR_MAX_CONNECTIONS")
    notes = [line["text"] for line in look(whole, NO_SUCH_SETTING="1")[1]["lines"] if "NO_SUCH_SETTING" in line["text"]]
    assert len(notes) == 1
    assert any(line["text"].startswith("jumio: reached") for line in told["lines"])
    other = Path(whole.folder) / "other-keys"
    shutil.rmtree(other, ignore_errors=True)
    whole.ctl("keys", "new", "--out", other)
    ring = (other / "seal-keys").read_text().strip().partition(":")
    told = doctor(whole, 1, SEAL_KEYS_FILE=None, SEAL_KEYS=f"zz9:{ring[2]}")
    found(told, "keys", "is not in VERIFYD_SEAL_KEYS")


def test_what_is_away_is_told_and_the_rest_is_looked_at_all_the_same(whole):
    told = doctor(whole, 1, timeout_s=3, KAFKA_BROKERS="127.0.0.1:1")
    assert "VERIFYD_KAFKA_BROKERS" in found(told, "kafka", "no broker answered")["fix"]
    assert {line["check"] for line in findings(told)} == {"kafka"}, told["lines"]
    told = doctor(whole, 1, timeout_s=3, REDIS_URL="redis://127.0.0.1:1")
    found(told, "redis", "127.0.0.1:1")
    assert {line["check"] for line in told["lines"]} == CHECKS
    told = doctor(whole, 1, REDIS_URL=whole.redis.url.replace("redis://", "redis://someone:wrong-password@"))
    assert "wrong-password" not in json.dumps(told) and "user and password" in found(told, "redis", "WRONGPASS")["fix"]
    for wrong in (["now"], ["--watch"], ["--timeout", "0"]):
        assert process.run("verifyctl", "doctor", *wrong, settings=whole.environment()).returncode == 2
    assert process.run("verifyctl", "doctor", settings=whole.environment() | {"VERIFYD_REDIS_URL": "nonsense"}).returncode == 2


def test_without_workers_each_class_is_named(whole):
    whole.of_worker.process.kill()
    link = whole.redis.client()
    silent = until(lambda: next((line for line in look(whole)[1]["lines"] if "silent for" in line["text"]), None), PATIENCE_S, "a silent worker")
    assert silent["severity"] == "warning" and "look at its log" in silent["fix"]
    link.delete("verifyd:workers")
    told = doctor(whole, 1)
    found(told, "workers", "no live worker")


def test_plan_needs_no_settings_and_refuses_what_is_out_of_bounds():
    done = process.run("verifyctl", "plan", "--json", "--signups-per-minute", "300", "--minutes", "1", "--initiate-rate", "15/5s")
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["bottleneck"] == "initiate_rate"
    assert told["waiting_most"] == pytest.approx(129) and told["drain_s"] == pytest.approx(129 / 2.85)
    text = process.run("verifyctl", "plan", "--scores-per-second", "10").stdout
    assert "Pods" in text and "Bottleneck" in text
    for wrong in ([], ["--minutes", "5"], ["--signups-per-minute", "-1"], ["--signups-per-minute", "1", "--signups-per-minute", "2"],
                  ["--scores-per-second", "1", "--hours", "25"], ["--scores-per-second", "1", "--hours", "1", "--minutes", "1"], ["now"]):
        done = process.run("verifyctl", "plan", *wrong)
        assert done.returncode == 2 and done.stderr and not done.stdout, wrong
