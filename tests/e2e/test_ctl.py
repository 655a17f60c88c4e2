"""verifyctl: topics and keys."""
import base64
import re
import stat
import subprocess

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from lib.kafka import DELAYS, REQUESTS
from lib.process import until
from lib.stack import PARTITIONS, Stack

OURS = {REQUESTS, "results", "dead", *DELAYS}
WEEK_MS = 7 * 86_400_000


def topic_settings(stack, topic):
    resource = ConfigResource(ConfigResource.Type.TOPIC, stack.topics.name(topic))
    admin = AdminClient({"bootstrap.servers": stack.servers})  # must outlive its futures
    (future,) = admin.describe_configs([resource]).values()
    return {name: entry.value for name, entry in future.result(30).items()}


def test_topics_are_made_with_what_they_need_and_making_them_again_is_no_harm(stack):
    for _ in range(2):
        stack.ctl("topics", "create", "--partitions", PARTITIONS)
        made = until(lambda: (seen := stack.topics.metadata()) and OURS <= set(seen) and seen, 30, "the topics")
        assert {len(made[name].partitions) for name in OURS} == {PARTITIONS}
    results = topic_settings(stack, "results")
    assert {part.strip() for part in results["cleanup.policy"].split(",")} == {"compact", "delete"}
    assert int(results["retention.ms"]) == 30 * 86_400_000
    for name in OURS - {"results"}:
        settings = topic_settings(stack, name)
        assert settings["cleanup.policy"] == "delete" and int(settings["retention.ms"]) >= WEEK_MS
    assert {topic_settings(stack, name)["message.timestamp.type"] for name in DELAYS} == {"LogAppendTime"}
    assert "results" in stack.ctl("topics", "check")


def test_topics_check_tells_what_is_missing_and_what_is_wrong(broker, folder):
    with Stack(folder, broker.servers, topics=False) as stack:
        told = stack.ctl("topics", "check", status=1)
        assert all(name in told for name in OURS)
        admin = AdminClient({"bootstrap.servers": broker.servers})
        wrong = NewTopic(stack.topics.name("results"), 2, 1, config={"cleanup.policy": "delete", "retention.ms": "3600000"})
        for future in admin.create_topics([wrong]).values():
            future.result(30)
        stack.create_topics()
        told = stack.ctl("topics", "check", status=1)
        assert "results" in told and ("policy" in told or "compact" in told) and "retention" in told


def test_keys_are_random_private_and_not_overwritten(stack):
    folder = stack.folder / "more-keys"
    stack.ctl("keys", "new", "--out", folder)
    texts = {path.name: path.read_text().strip() for path in folder.iterdir() if path.name != "env"}
    first = stack.folder / "keys"
    for name in ("id-key", "seal-keys", "api-keys"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert texts[name] != (first / name).read_text().strip()
    assert len(texts["id-key"]) >= 32
    name, _, key = texts["seal-keys"].split(",")[0].partition(":")
    assert re.fullmatch("[a-z0-9]{1,16}", name) and len(base64.b64decode(key)) == 32
    assert re.fullmatch(r"demo=\S{24,}", texts["api-keys"])
    script = f'set -a; . "{folder}/env"; set +a; env'
    seen = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    for variable in ("ID_KEY", "SEAL_KEYS", "AUTH_API_KEYS"):
        assert re.search(rf"^VERIFYD_{variable}_FILE=.*more-keys/", seen, re.M), f"{variable}: env sets it to an absolute path"
    stack.ctl("keys", "new", "--out", folder, status=1)
    assert (folder / "id-key").read_text().strip() == texts["id-key"]


@pytest.mark.parametrize("setting,status", [({}, 0), ({"REDIS_URL": "nonsense"}, 2)], ids=["good", "bad"])
def test_config_check(stack, setting, status):
    stack.ctl("config", "check", status=status, **setting)
