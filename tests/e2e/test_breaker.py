"""A vendor that is down: left alone by the whole fleet but for one probe at a time, nobody dies of it, callers are told at once."""
import time

import pytest

from lib.load import in_parallel
from lib.process import until
from lib.rates import calls, most_within

PROBE_MS, DOWN_S, WORKERS, CROWD = 1000, 6, 2, 120
SCORE = "/biocatch/api/v6/score"


@pytest.mark.alone
@pytest.mark.slow
def test_an_outage_costs_one_probe_per_interval_and_no_attempt_and_get_score_does_not_wait(stack):
    workers = [stack.worker(BREAKER_FAILURES=None, BREAKER_PROBE_MS=str(PROBE_MS)) for _ in range(WORKERS)]
    ingress = stack.ingress()
    assert ingress.b2c.score(stack.person())["riskLevel"] == "LOW"
    stack.vendor.set(status=503)
    made = in_parallel(lambda _: ingress.b2c.create(stack.person())["id"], range(CROWD), threads=32)
    until(lambda: all(worker.metric("verifyd_breaker_open") >= 1 for worker in workers), 20, "the breaker to open")
    time.sleep(1)
    quiet_ms = 1000 * time.time()
    answers = []
    for _ in range(10 * DOWN_S):
        answers.append(ingress.b2c.score(stack.person()))
        time.sleep(0.1)
    assert {answer["riskLevel"] for answer in answers} == {"UNKNOWN"}
    assert {answer["reason"] for answer in answers} <= {"vendor_down", "pending"}
    told = sorted(answer.elapsed_s for answer in answers if answer["reason"] == "vendor_down")
    assert len(told) > 0.8 * len(answers) and told[len(told) // 2] < 0.02
    probes = [at for at in calls(stack.vendor, SCORE) if at >= quiet_ms]
    assert 1 <= len(probes) <= DOWN_S + 2 and most_within(probes, PROBE_MS - 100) == 1
    stack.vendor.set(status=200)
    for identity in made:
        view = until(lambda identity=identity: (v := ingress.b2c.read(identity, wait=20))["state"] != "queued" and v, 60)
        assert view["state"] == "completed" and view["attempts"] <= 2, view.json
    assert not stack.topics.dead()
    assert stack.redis.client().hgetall("verifyd:breaker:biocatch") == {}
    until(lambda: ingress.b2c.score(stack.person())["riskLevel"] == "LOW", 10, "GetScore to ask again")


def test_a_night_without_a_valid_credential_leaves_nothing_dead(stack):
    stack.worker(BREAKER_FAILURES=None)
    ingress = stack.ingress()
    stack.vendor.set(status=401)
    made = [ingress.b2c.create(stack.person())["id"] for _ in range(20)]
    until(lambda: stack.redis.client().hgetall("verifyd:breaker:biocatch"), 20, "the breaker to open")
    at_first = len(calls(stack.vendor, SCORE))
    time.sleep(2)
    assert len(calls(stack.vendor, SCORE)) - at_first <= 5, "only probes"
    (text,) = stack.redis.client().hgetall("verifyd:breaker:biocatch").values()
    assert text.startswith("open ") and text.endswith(" credentials")
    stack.vendor.set(status=200)
    for identity in made:
        view = until(lambda identity=identity: (v := ingress.b2c.read(identity, wait=20))["state"] != "queued" and v, 60)
        assert (view["state"], view["attempts"]) == ("completed", 0)
    assert not stack.topics.dead()


def test_a_sign_up_that_finds_jumio_left_alone_is_accepted_and_goes_on_when_it_is_back(stack):
    stack.worker(BREAKER_FAILURES=None)
    ingress = stack.ingress()
    stack.vendor.set_jumio(status=401)
    first, second = ({"kind": "jumio.identity", "subject": stack.person(), "correlation": "c", "return_url": "https://a.example/"}
                     for _ in range(2))
    first = ingress.b2c.post("/v1/verifications", first)
    assert first.status == 202
    until(lambda: stack.redis.client().hget("verifyd:breaker:jumio", "initiate"), 20, "the breaker to open")
    time.sleep(0.5)
    second = ingress.b2c.post("/v1/verifications", second, headers={"Prefer": "wait=5"})
    assert second.status == 202 and second.elapsed_s < 1
    stack.vendor.set_jumio(status=200)
    for made in (first, second):
        until(lambda made=made: ingress.b2c.read(made["id"])["state"] == "awaiting_user", 30)
