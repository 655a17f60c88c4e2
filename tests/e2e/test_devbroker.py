"""The broker of the demo: it tells where it is, and a score goes all the way over it."""
import secrets

from lib.process import BIN, Process, until
from lib.stack import Stack


def test_a_score_over_the_dev_broker(folder):
    prefix = f"d{secrets.token_hex(4)}."
    ready = folder / "ready"
    devbroker = Process("devbroker", [BIN / "verifyd-devbroker", "--ready-file", ready, "--partitions", "3"], folder,
                        {"VERIFYD_TOPIC_PREFIX": prefix})
    try:
        servers = until(lambda: ready.exists() and ready.read_text().strip(), 30, "the dev broker")
        with Stack(folder, servers, prefix=prefix) as stack:
            stack.worker()
            ingress = stack.ingress()
            assert ingress.b2c.score(stack.person("~score=654"))["score"] == 654
            stack.judge()
    finally:
        status = devbroker.stop()
    assert status == 0, devbroker.tail()
    assert "forget" in devbroker.text() or "memory" in devbroker.text(), "it says loudly what it is not"
    assert not ready.exists()
