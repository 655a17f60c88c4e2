"""Kafka away: nothing is pretended, and it heals by itself."""
import os
import signal
import time

import pytest

from lib.process import until
from lib.stack import Stack


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kafka_stopped_and_back(fragile, folder):
    with Stack(folder, fragile.servers) as stack:
        stack.worker()
        ingress = stack.ingress(SYNC_BUDGET_MS=3000, QUEUE_SLOW_MS=None)
        until(lambda: ingress.b2c.score(stack.person()).get("score") == 87, 60, "a score")
        java = fragile.java_pid()
        os.kill(java, signal.SIGSTOP)
        try:
            answer = ingress.b2c.score(stack.person())
            assert (answer.status, answer["riskLevel"]) == (200, "UNKNOWN")
            assert answer["reason"] in ("queue_away", "pending") and answer.elapsed_s < 10
            refused = until(lambda: (a := ingress.b2c.create(stack.person())).status == 503 and a, 90, "503")
            assert refused.code == "queue_away" and refused.elapsed_s < 30
            assert ingress.ops.get("/readyz").status == 200
        finally:
            os.kill(java, signal.SIGCONT)
        healed = until(lambda: (a := ingress.b2c.score(stack.person())).get("score") == 87 and a, 90, "scores to come again", 0.5)
        assert healed.status == 200
        until(lambda: ingress.b2c.create(stack.person(), wait=10).status == 201, 60, "/v1 to accept again", 0.5)
        asked = {record.key for record in stack.topics.requests()}
        until(lambda: asked <= {k for k, s in stack.topics.final().items() if s["state"] == "completed"}, 90, "all to end", 1)
        time.sleep(0.5)
        stack.judge()
