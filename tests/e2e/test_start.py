"""Starting: what is missing is waited for and named; every mistake of the configuration is told at once."""
import pytest

from lib import process
from lib.cache import RedisServer, free_port
from lib.kafka import Broker
from lib.process import until
from lib.stack import Stack

PROGRAMS = {"verifyd-ingress": [], "verifyd-worker": ["--vendor", "biocatch"]}
TEXT = str.lower


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kafka_and_redis_down_at_start_are_waited_for_and_named(folder):
    """Then Redis comes, then Kafka without topics, then the topics; and it serves without a restart."""
    port = free_port()
    redis = RedisServer(folder, start=False)
    broker = None
    with Stack(folder, f"127.0.0.1:{port}", redis=redis, topics=False) as stack:
        try:
            worker, ingress = stack.worker(wait=False), stack.ingress(wait=False)
            for service in (worker, ingress):
                program = service.process
                until(lambda p=program: "kafka" in TEXT(p.text()) and "redis" in TEXT(p.text()), 30, f"{program.name} to name what it waits for")
                assert program.running()
            redis.start()
            broker = Broker(folder, port=port).wait()
            for service in (worker, ingress):
                assert service.process.running(), service.process.tail()
            stack.create_topics()
            worker.wait()
            ingress.wait()
            until(lambda: ingress.b2c.score(stack.person()).get("score") == 87, 60, "a score", 0.5)
            stack.judge()
            assert not stack.stop_all()
        finally:
            if broker:
                broker.stop()


@pytest.mark.slow
def test_a_program_that_still_waits_ends_at_sigterm(folder):
    redis = RedisServer(folder, start=False)
    with Stack(folder, f"127.0.0.1:{free_port()}", redis=redis, topics=False) as stack:
        for service in (stack.worker(wait=False), stack.ingress(wait=False)):
            until(lambda s=service: s.process.events(), 30)
            service.process.terminate()
            assert service.process.wait(30) == 0


WRONG = {
    "KAFKA_BROKERS": "", "REDIS_URL": "http://x", "OPS_LISTEN": "nowhere", "DRAIN_MS": "soon", "RESULT_RETENTION": "1s",
    "LOG_LEVEL": "loud", "SEAL_KEYS": "k1:short", "TOPIC_PREFIX": "x" * 65,
}
WRONG_OF = {
    "verifyd-ingress": WRONG | {"HTTP_LISTEN": "127.0.0.1", "HTTP_THREADS": "65", "SYNC_BUDGET_MS": "-1", "MAX_BODY_BYTES": "1e9", "ID_KEY": "short",
                                "AUTH_API_KEYS": "b2c=tooshort"},
    "verifyd-worker": WRONG | {"MAX_IN_FLIGHT": "0", "RETRY_MAX_ATTEMPTS": "many", "BIOCATCH_METHOD": "PUT", "BIOCATCH_TIMEOUT_MS": "1",
                               "BIOCATCH_BASE_URL": "http://vendor.example", "BIOCATCH_CUSTOMER_ID": "", "RISK_HIGH_AT": "1001",
                               "RISK_BOT_IS_HIGH": "maybe"},
}


@pytest.mark.parametrize("program", WRONG_OF)
def test_check_config_lists_every_mistake_at_once(program):
    settings = {f"VERIFYD_{name}": value for name, value in WRONG_OF[program].items()}
    for flag in (["--check-config"], []):  # a plain start refuses the same
        done = process.run(program, *PROGRAMS[program], *flag, settings=settings)
        assert done.returncode == 2, done.stderr
        told = [name for name in settings if name in done.stderr + done.stdout]
        assert sorted(told) == sorted(settings), f"not told: {set(settings) - set(told)}\n{done.stderr}"
        for secret in ("k1:short", "b2c=tooshort", "tooshort"):
            assert secret not in done.stderr + done.stdout


@pytest.mark.parametrize("program", WRONG_OF)
def test_nothing_set_at_all_names_what_is_required(program):
    done = process.run(program, *PROGRAMS[program], "--check-config")
    assert done.returncode == 2
    required = ["KAFKA_BROKERS", "REDIS_URL", "SEAL_KEYS", "ID_KEY" if program == "verifyd-ingress" else "BIOCATCH_BASE_URL"]
    assert all(f"VERIFYD_{name}" in done.stderr + done.stdout for name in required), done.stderr


@pytest.mark.parametrize("program", WRONG_OF)
def test_good_settings_pass_the_check_and_are_printed_without_secrets(service, program):
    settings = service.stack.environment()
    assert process.run(program, *PROGRAMS[program], "--check-config", settings=settings).returncode == 0
    shown = process.run(program, *PROGRAMS[program], "--print-config", settings=settings)
    assert shown.returncode == 0 and service.stack.prefix in shown.stdout
    folder = service.stack.folder / "keys"
    secrets = [(folder / name).read_text().strip() for name in ("id-key", "seal-keys")]
    secrets += [settings["VERIFYD_AUTH_API_KEYS"], settings["VERIFYD_REDIS_URL"]]
    assert not any(secret in shown.stdout + shown.stderr for secret in secrets)


@pytest.mark.parametrize("program", ["verifyd-ingress", "verifyd-worker", "verifyctl", "vendorsim", "verifyd-devbroker"])
def test_help_and_version_need_no_settings(program):
    for flag in ("--help", "--version"):
        done = process.run(program, flag)
        assert done.returncode == 0 and done.stdout.strip(), f"{program} {flag}: {done.stderr}"


@pytest.mark.parametrize("program,arguments", [
    ("verifyd-ingress", ["--nonsense"]), ("verifyd-ingress", ["extra"]), ("verifyd-worker", []), ("verifyd-worker", ["--vendor", "nobody"]),
    ("verifyd-worker", ["--vendor"]), ("verifyctl", []), ("verifyctl", ["nonsense"]), ("verifyctl", ["topics"]), ("verifyctl", ["get"]),
    ("verifyctl", ["topics", "create", "--partitions", "0"]), ("verifyctl", ["topics", "create", "--partitions", "x"]),
    ("verifyctl", ["dead", "replay"]), ("verifyctl", ["keys", "new"]), ("vendorsim", ["--listen"]), ("vendorsim", ["--listen", "nowhere"]),
    ("verifyd-devbroker", ["--partitions", "0"]),
], ids=lambda value: value if isinstance(value, str) else " ".join(value) or "none")
def test_bad_usage_is_one_clear_line_and_status_2(service, program, arguments):
    done = process.run(program, *arguments, settings=service.stack.environment())
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.mark.parametrize("listener", ["HTTP_LISTEN", "OPS_LISTEN"])
def test_an_address_in_use_is_named(service, listener):
    address = service.ingress.http.address
    done = process.run("verifyd-ingress", settings=service.stack.environment(**{listener: address}))
    assert done.returncode == 1 and address in done.stderr


def test_verifyctl_names_a_broker_that_is_away(service):
    for arguments in (["topics", "check"], ["topics", "create"], ["dead", "list"]):
        done = process.run("verifyctl", *arguments, "--timeout", 1, settings=service.stack.environment(KAFKA_BROKERS=f"127.0.0.1:{free_port()}"))
        assert done.returncode == 1 and "127.0.0.1" in done.stderr + done.stdout


