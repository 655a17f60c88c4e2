"""verifyctl status: true figures while a slow vendor keeps a small queue waiting, and what it can tell without a worker, without Redis."""
import json
import signal
import subprocess

from lib import process
from lib.load import in_parallel
from lib.process import BIN, until

LONG_MS = 600_000
SLOW_MS, HELD_MS = 2000, 50_000


def status(stack, *flags, code=None):
    """The document of `status --json`, after a look at the exit status."""
    done = process.run("verifyctl", "status", "--json", *flags, settings=stack.environment())
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["healthy"] else 1)
    assert code is None or done.returncode == code, told["attention"]
    return told


def of_class(told, op="score"):
    (found,) = [one for one in told["classes"] if one["op"] == op]
    return found


def codes(told):
    return {one["code"] for one in told["attention"]}


def ask(stack, ingress, count):
    in_parallel(lambda _: ingress.b2c.create(stack.person(), deadline_ms=LONG_MS), range(count))


def test_figures_are_true_under_a_small_backlog_and_without_a_worker(stack):
    stack.vendor.set(delay_ms=HELD_MS)
    ingress = stack.ingress()
    ask(stack, ingress, 12)

    told = status(stack, code=1)  # nobody has begun: Kafka alone tells what waits
    assert codes(told) >= {"no_worker"} and not told["workers"], told["attention"]
    assert of_class(told)["lag"] == 12 and of_class(told)["drain"] == "stands" and of_class(told)["workers"] == 0
    assert "no workers" in stack.ctl("status", status=1)

    worker = stack.worker(MAX_IN_FLIGHT=6, BIOCATCH_TIMEOUT_MS=60_000)  # two of each class
    link = stack.redis.client()
    (name,) = until(lambda: link.hkeys("verifyd:workers"), 20)
    seen = until(lambda: (c := said(link, name)["classes"][0])["in_flight"] == 2 and c["lag"] > 0 and c, 20, "a worker that works")
    assert (seen["lag"], seen["completed"], sum(seen["watermarks"].values())) == (12, 0, 0), "never 0, though nothing was done yet"
    stack.vendor.set(delay_ms=SLOW_MS)
    stack.vendor.release()

    told = status(stack)
    score = of_class(told)
    assert "no_worker" not in codes(told) and score["workers"] == 1 and [w["name"] for w in told["workers"]] == [name]
    assert score["in_flight"] <= 2 == score["max_in_flight"] and 2 <= score["lag"] <= 12  # between two it is 0 for a moment
    assert 0 <= score["per_second"]["completed"] <= 4
    assert score["drain"] in ("seconds", "unknown") and score["breaker"]["state"] == "closed"  # unknown: nothing ended in these seconds

    until(lambda: of_class(status(stack))["lag"] == 0, 60)
    told = status(stack, code=0)
    assert of_class(told)["drain"] == "nothing" and told["redis"]["whole"] and told["dead"] == {
        "hour": 0, "day": 0, "day_read": 0, "day_unreadable": 0}
    assert worker.process.stop() == 0
    assert not link.exists("verifyd:workers")  # who drains takes its name along
    assert codes(status(stack, code=1)) == {"no_worker"}


def test_a_worker_is_seen_as_soon_as_it_is_ready(stack):
    stack.worker().process.stop()
    stack.worker()  # is ready sooner: Redis is whole
    assert len(stack.redis.client().hkeys("verifyd:workers")) == 1


def said(link, name):
    return json.loads(link.hget("verifyd:workers", name))


def test_what_is_dead_or_away_is_told_and_the_rest_is_shown_all_the_same(stack):
    ingress = stack.ingress()
    worker = stack.worker(RETRY_MAX_ATTEMPTS=1, BIOCATCH_RATE="20/1s", BREAKER_PROBE_MS=400)
    made = ingress.b2c.create(stack.person("~status=503"), deadline_ms=LONG_MS, wait=20)
    until(lambda: ingress.b2c.read(made["id"])["state"] == "dead", 30)
    told = status(stack, code=1)
    assert codes(told) == {"dead_letters"} and of_class(told)["dead_day"] == 1
    assert told["dead"] == {"hour": 1, "day": 1, "day_read": 1, "day_unreadable": 0}

    assert (quota := of_class(told)["quota"])["limit"] == 20 and quota["period_ms"] == 1000 and quota["used"] <= 20

    stack.vendor.set(status=401)
    in_parallel(lambda _: ingress.b2c.create(stack.person(), deadline_ms=LONG_MS), range(3))
    told = until(lambda: "breaker_open" in codes(t := status(stack, code=1)) and sum(of_class(t)["waiting"]) and t, 30, "an open breaker")
    breaker = of_class(told)["breaker"]
    assert breaker["state"] == "open" and breaker["reason"] and breaker["since_ms"] <= told["at_ms"]
    assert of_class(told)["drain"] == "stands" and 1 <= of_class(told)["lag"] <= 4
    assert "OPEN" in stack.ctl("status", status=1)
    stack.vendor.reset()
    until(lambda: of_class(t := status(stack))["breaker"]["state"] == "closed" and of_class(t)["lag"] == 0, 30, "the backlog to drain")

    watching = subprocess.Popen([BIN / "verifyctl", "status", "--watch", "1", "--json"], env=process.environment(stack.environment()),
                                stdout=subprocess.PIPE, text=True, preexec_fn=process.die_with_parent)
    first, second = (json.loads(watching.stdout.readline()) for _ in range(2))
    assert second["at_ms"] > first["at_ms"] and of_class(second)["per_second"]["taken"] == 0
    watching.send_signal(signal.SIGINT)
    assert watching.wait(20) == 1  # as the last picture was

    worker.process.kill()
    stack.redis.process.kill()
    stack.redis.process.expect_status = None
    told = status(stack, code=1)
    assert "redis_away" in codes(told) and "workers" not in told and of_class(told)["dead_day"] == 1 and told["kafka"]["up"]
    text = stack.ctl("status", status=1)
    assert "Redis  away" in text and "\033" not in text
    told = json.loads(stack.ctl("status", "--json", status=1, KAFKA_BROKERS="127.0.0.1:1"))
    assert codes(told) >= {"redis_away", "kafka_away"} and "lag" not in of_class(told)
    stack.redis.start()


def test_a_wrong_command_line_is_refused(stack):
    for wrong in (["now"], ["--watch=0"], ["--watch", "soon"], ["--watch", "1", "--watch"], ["--all"]):
        done = process.run("verifyctl", "status", *wrong, settings=stack.environment())
        assert done.returncode == 2 and done.stderr, wrong
