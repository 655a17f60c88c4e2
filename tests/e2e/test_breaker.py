"""A vendor that is down: left alone by the whole fleet but for one probe at a time, nobody dies of it, callers are told at once."""
import time

import pytest

from lib.load import in_parallel
from lib.process import until
from lib.rates import calls

PROBE_MS, STACK_PROBE_MS, DOWN_S, WORKERS, CROWD = 1000, 500, 6, 2, 120
SCORE = "/biocatch/api/v6/score"
TRY_EVERY_S = 1  # while it is open, one question in so long goes on to the workers


def breaker(stack, vendor, operation):
    """What Redis says of it: since, next probe (ms by Redis's clock), reason; None: it is closed."""
    text = stack.redis.client().hget(f"verifyd:breaker:{vendor}", operation)
    if text is None:
        return None
    word, since, next_probe, reason = text.split(" ")
    assert word == "open"
    return int(since), int(next_probe), reason


def ingress_knows(ingress, vendor):
    return ingress.metric("verifyd_dependency_up", f'vendor="{vendor}"') == 0


def watch_probes(stack, probe_ms, for_s, meanwhile=lambda: None):
    """Every call in this time is a probe that Redis granted, one in probe_ms at most by its clock. Returns how long it took, in s.
    A slow machine makes the time longer and a call later than its grant; two of those that were granted before may come within it."""
    begun, (_, first, _) = len(calls(stack.vendor, SCORE)), breaker(stack, "biocatch", "score")
    since = time.monotonic()
    while time.monotonic() < since + for_s or breaker(stack, "biocatch", "score")[1] <= first:
        meanwhile()
    took_s = time.monotonic() - since
    made = len(calls(stack.vendor, SCORE)) - begun
    granted = (breaker(stack, "biocatch", "score")[1] - first) / probe_ms
    assert granted >= 1 and made <= granted + 2, (made, granted)
    return took_s


@pytest.mark.alone
@pytest.mark.slow
def test_an_outage_costs_one_probe_per_interval_and_no_attempt_and_get_score_does_not_wait(stack):
    workers = [stack.worker(BREAKER_FAILURES=None, BREAKER_PROBE_MS=str(PROBE_MS)) for _ in range(WORKERS)]
    ingress = stack.ingress()
    assert ingress.b2c.score(stack.person())["riskLevel"] == "LOW"
    stack.vendor.set(status=503)
    made = in_parallel(lambda _: ingress.b2c.create(stack.person(), deadline_ms=600_000)["id"], range(CROWD), threads=32)
    until(lambda: all(worker.metric("verifyd_breaker_open") >= 1 for worker in workers), 20, "the breaker to open")
    until(lambda: ingress_knows(ingress, "biocatch"), 20, "the ingress to know it")
    # Each has failed, if it has, and but for the one that is a probe it waits until the vendor is back.
    until(lambda: sum(worker.metric("verifyd_gate_waiting") for worker in workers) >= CROWD - 1, 30, "all to wait")
    known = stack.topics.final()  # only those that have failed
    attempts = {identity: known[identity]["attempts"] if identity in known else 0 for identity in made}
    answers = []

    def ask():
        answers.append(ingress.b2c.score(stack.person()))
        time.sleep(0.1)

    took_s = watch_probes(stack, PROBE_MS, DOWN_S, ask)
    assert {answer["riskLevel"] for answer in answers} == {"UNKNOWN"}
    assert {answer["reason"] for answer in answers} <= {"vendor_down", "pending"}
    told = sorted(answer.elapsed_s for answer in answers if answer["reason"] == "vendor_down")
    assert len(answers) - len(told) <= took_s / TRY_EVERY_S + 1 and told[len(told) // 2] < 0.1
    stack.vendor.set(status=200)
    for identity in made:
        view = until(lambda identity=identity: (v := ingress.b2c.read(identity, wait=20))["state"] != "queued" and v, 60)
        assert (view["state"], view["score"], view["attempts"]) == ("completed", 87, attempts[identity]), view.json
    assert not stack.topics.dead()
    assert breaker(stack, "biocatch", "score") is None
    until(lambda: ingress.b2c.score(stack.person())["riskLevel"] == "LOW", 20, "GetScore to ask again")


def test_a_night_without_a_valid_credential_leaves_nothing_dead(stack):
    stack.worker(BREAKER_FAILURES=None)
    ingress = stack.ingress()
    stack.vendor.set(status=401)
    made = [ingress.b2c.create(stack.person(), deadline_ms=600_000)["id"] for _ in range(20)]
    _, first, reason = until(lambda: breaker(stack, "biocatch", "score"), 20, "the breaker to open")
    assert reason == "credentials"
    until(lambda: breaker(stack, "biocatch", "score")[1] > first, 20, "a probe: what was on its way when it opened has arrived")
    watch_probes(stack, STACK_PROBE_MS, 2)
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
    until(lambda: breaker(stack, "jumio", "initiate"), 20, "the breaker to open")
    until(lambda: ingress_knows(ingress, "jumio"), 20, "the ingress to know it")
    second = ingress.b2c.post("/v1/verifications", second, headers={"Prefer": "wait=30"})
    assert second.status == 202 and second.elapsed_s < 15, "not held: it would be in vain"
    stack.vendor.set_jumio(status=200)
    for made in (first, second):
        until(lambda made=made: ingress.b2c.read(made["id"])["state"] == "awaiting_user", 30)
