"""A worker dies after the vendor answered and before Kafka has the result: the answer is not bought again."""
import os
import signal

import pytest

from lib.process import until
from lib.stack import Stack

DAY_MS = 86_400_000
TOKEN_LEN = 16


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_an_answer_outlives_the_worker_that_got_it(fragile, folder):
    with Stack(folder, fragile.servers) as stack:
        worker, ingress = stack.worker(), stack.ingress()
        session = stack.person("~score=444")
        stack.vendor.process.pause()  # it answers when it is told to
        identity = ingress.b2c.create(session, deadline_ms=DAY_MS)["id"]
        lease = f"verifyd:lease:{{{identity}}}:score"
        until(lambda: stack.redis.client().exists(lease), 30, "the worker to be at it")
        java = fragile.java_pid()
        os.kill(java, signal.SIGSTOP)  # from here on no result can become durable
        try:
            stack.vendor.process.resume()
            until(lambda: len(stack.redis.client().get(lease) or "") > TOKEN_LEN, 30, "the answer beside the lease")
            assert stack.redis.state(identity)["state"] == "queued", "nobody is told what is not durable"
            worker.process.kill()
        finally:
            os.kill(java, signal.SIGCONT)
        stack.worker()
        view = until(lambda: (v := ingress.b2c.read(identity, wait=10))["state"] == "completed" and v, 90, "the result")
        assert (view["risk"], view["score"]) == ("LOW", 444)
        assert stack.vendor.calls(session) == 1
        assert stack.topics.final()[identity]["score"] == 444
        assert until(lambda: stack.redis.client().get(lease) is None, 30, "the lease to go")
        stack.judge()


@pytest.mark.slow
def test_a_lease_without_an_answer_is_waited_for(stack):
    """Its holder may be at work: nobody else asks until it has run out."""
    ingress = stack.ingress()
    session = stack.person("~score=555")
    identity = ingress.b2c.create(session, deadline_ms=DAY_MS)["id"]
    link = stack.redis.client()
    lease = f"verifyd:lease:{{{identity}}}:score"
    link.set(lease, "0123456789abcdef", px=DAY_MS)
    asked = []
    with link.monitor() as seen:
        stack.worker()

        def has_asked():
            command = seen.next_command()["command"]
            asked.extend([command] if command.startswith("EVAL") and lease in command else [])
            return len(asked) >= 3

        until(has_asked, 30, "the worker to ask for it again and again", 0)
    assert stack.vendor.calls(session) == 0
    link.pexpire(lease, 100)
    view = until(lambda: (v := ingress.b2c.read(identity, wait=10))["state"] == "completed" and v, 30, "the result")
    assert view["score"] == 555
    assert stack.vendor.calls(session) == 1
