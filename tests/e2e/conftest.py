"""Fixtures: one broker a session; `service`, a running verifyd that the tests of a session share; `stack`, an empty one.

tests/run.sh lets files run side by side (pytest-xdist), since most tests wait: each process has its own `service`, all
share one broker. What measures time is marked `alone` and comes afterwards. Without xdist everything runs in one process.
"""
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

pytest.register_assert_rewrite("lib")  # before it is imported: its checks show their values, too

# pylint: disable=wrong-import-position
from lib.journey import Journey
from lib.kafka import Broker, SharedBroker
from lib.process import BIN
from lib.stack import Stack

# Files whose tests run one after the other, in one process; every other file is such a group of its own. Chromium is most of the work there is: two at a time.
TOGETHER = {"test_b2c_policies": "chromium-1", "test_jumio_chromium": "chromium-1", "test_playground": "chromium-2", "test_console": "chromium-2",
            "test_pages_chromium": "chromium-2"}
# The files that take longest, so that no process is left with one of them at the end.
LONGEST = (*TOGETHER, "test_jumio_crash", "test_crash_points", "test_jumio_signup", "test_worker_kill", "test_rebalance", "test_redis_outage", "test_redis_replaced", "test_drain",
           "test_jumio_join", "test_answer_kept", "test_verifyctl", "test_privacy", "test_kafka_outage", "test_devbroker", "test_prometheus", "test_rolling")
PARTS = {"all": (False, True), "crowd": (False,), "alone": (True,)}  # which of those that are not, and are, marked alone
HOST_OF_BROKER = pytest.StashKey()
# The broker of all files at a time may stand still for a second; what is about a slow Kafka has a setting of its own.
Stack.patience = {"VERIFYD_QUEUE_SLOW_MS": "5000"}


def pytest_addoption(parser):
    parser.addoption("--part", choices=PARTS, default="all", help="crowd: without the tests that are marked alone; alone: only those")


def pytest_configure():
    """SIGTERM ends a run as Ctrl-C does: what was started is ended, what was written is removed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """xdist, before it starts a process: they share a broker, which the one that hands out the tests starts and ends."""
    config = node.config
    if HOST_OF_BROKER not in config.stash:
        folder = Path(tempfile.mkdtemp(prefix="verifyd-e2e-"))
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        config.stash[HOST_OF_BROKER] = Broker(folder)
        config.add_cleanup(config.stash[HOST_OF_BROKER].stop)
    node.workerinput["broker"] = str(config.stash[HOST_OF_BROKER].ready)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """As --dist loadfile, but for the files that are TOGETHER."""
    from xdist.scheduler import LoadScopeScheduling  # pylint: disable=import-outside-toplevel  # not everywhere there

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::", 1)[0]
            return TOGETHER.get(Path(file).stem, file)

    return Scheduling(config, log)


def pytest_sessionstart(session):
    if not (BIN / "verifyd-ingress").exists() and not hasattr(session.config, "workerinput"):
        pytest.exit(f"no programs in {BIN}: build first (cmake --preset dev && cmake --build --preset dev)", returncode=2)


def pytest_collection_modifyitems(config, items):
    wanted = PARTS[config.getoption("part")]
    left_out = [item for item in items if (item.get_closest_marker("alone") is not None) not in wanted]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    kept = [item for item in items if (item.get_closest_marker("alone") is not None) in wanted]
    items[:] = sorted(kept, key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the last lines of every program it used."""
    report = yield
    if report.failed:
        stacks = {id(s): s for s in (getattr(v, "stack", v) for v in item.funcargs.values()) if isinstance(s, Stack)}
        for stack in stacks.values():
            for program in stack.programs:
                report.sections.append((f"log of {program.name}", program.tail(25)))
    return report


@pytest.fixture(scope="session")
def session_folder():
    folder = Path(tempfile.mkdtemp(prefix="verifyd-e2e-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def broker(request, session_folder):
    shared = getattr(request.config, "workerinput", {}).get("broker")
    if shared:
        yield SharedBroker(shared)
        return
    one = Broker(session_folder)
    try:
        yield one.wait()
    finally:
        one.stop()


@pytest.fixture(scope="session")
def fragile(session_folder):
    """A broker for the tests that hurt it. They leave it running."""
    folder = session_folder / "fragile"
    folder.mkdir()
    one = Broker(folder)
    try:
        yield one.wait()
    finally:
        one.stop()


@pytest.fixture
def folder(session_folder):
    """A folder of the test's own."""
    return Path(tempfile.mkdtemp(dir=session_folder))


@pytest.fixture
def stack(broker, folder):
    """A stack without ingress and worker: the test starts what it needs. Judged at the end."""
    with Stack(folder, broker.servers) as one:
        yield one
        one.judge()


class Running:
    """A stack with one ingress and one worker."""

    def __init__(self, stack):
        self.stack = stack
        self.worker = stack.worker()
        self.ingress = stack.ingress()
        self.http, self.b2c = self.ingress.http, self.ingress.b2c
        self.other, self.basic = self.ingress.other, self.ingress.basic
        self.vendor, self.redis, self.topics = stack.vendor, stack.redis, stack.topics
        self.person = stack.person

    def journey(self, marks="", **more):
        """A new person's sign-up; nothing has been asked yet."""
        return Journey(self.stack, self.ingress, marks, **more)


def running(folder, broker, **settings):
    with Stack(folder, broker.servers, prefix=getattr(broker, "prefix", None), **settings) as stack:
        yield Running(stack)
        stack.judge()


@pytest.fixture(scope="session")
def service_on_kafka(session_folder, broker):
    """The default settings."""
    yield from running(session_folder / "service", broker)


@pytest.fixture(scope="session")
def strict_on_kafka(session_folder, broker):
    """One failed vendor call is the last one: for what a failure looks like, without its retries. Whoever initiates hears of it
    however long that takes here."""
    yield from running(session_folder / "strict", broker, RETRY_MAX_ATTEMPTS=1, BIOCATCH_TIMEOUT_MS=2000, INITIATE_WAIT_MS=20000)


@pytest.fixture(scope="session")
def hurried_on_kafka(session_folder, broker):
    """Looks soon after people who do not come back, and lets a person try twice a day."""
    yield from running(session_folder / "hurried", broker, JUMIO_WATCHDOG_AFTER="6s", JUMIO_MAX_ATTEMPTS=2)


# Under these names tests ask for them; a file may place them on another broker.

@pytest.fixture(scope="session")
def service(service_on_kafka):
    return service_on_kafka


@pytest.fixture(scope="session")
def strict(strict_on_kafka):
    return strict_on_kafka


@pytest.fixture(scope="session")
def hurried(hurried_on_kafka):
    return hurried_on_kafka
