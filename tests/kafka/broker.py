#!/usr/bin/env python3
"""A real Apache Kafka for tests and the demo: one KRaft node on loopback, in a data directory that goes when it stops.

broker.py fetch                      the jars named in pom.xml, from Maven Central, into the cache
broker.py start --ready-file FILE    runs in the foreground, writes H:P into FILE once it answers; SIGTERM or Ctrl-C ends it
Needs Java 17 or newer and, for the first fetch, Maven. Only the standard library of Python 3.11 is used.
"""
import argparse
import ctypes
import itertools
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent
POM = HERE / "pom.xml"
HOST = "127.0.0.1"
READY_TIMEOUT_S = 90
STOP_TIMEOUT_S = 15
START_TRIES = 3  # a port found free may be taken before Kafka binds it
# Not of those that Linux gives to outgoing connections: a client that calls a broker which is away could be given the
# broker's own port, connect to itself and keep it. Nor of those that the tests' other servers take.
PORTS = range(6400, 8000)
PR_SET_PDEATHSIG = 1

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
num.partitions=4
num.network.threads=2
num.io.threads=4
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=16777216
controlled.shutdown.enable=false
"""


class BrokerError(Exception):
    """Something the person who runs this can act on."""


def kafka_version():
    space = {"m": "http://maven.apache.org/POM/4.0.0"}
    return ET.parse(POM).getroot().findtext("m:properties/m:kafka.version", namespaces=space)


def default_cache():
    return Path(os.environ.get("VERIFYD_CACHE") or Path.home() / ".cache" / "verifyd")


def need(program, package):
    path = shutil.which(program)
    if not path:
        raise BrokerError(f"{program} is not installed (Debian: {package})")
    return path


def fetch(cache):
    """Returns the folder with the jars; fetched into a side folder first, so that it is whole or not there."""
    jars = cache / f"kafka-{kafka_version()}"
    if (jars / ".complete").exists():
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    side = Path(tempfile.mkdtemp(prefix="kafka-fetch-", dir=cache))
    try:
        command = [need("mvn", "maven"), "-q", "-B", "-f", str(POM), "dependency:copy-dependencies",
                   "-DincludeScope=runtime", f"-DoutputDirectory={side}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise BrokerError("Maven could not fetch Kafka:\n" + done.stdout[-2000:])
        (side / ".complete").touch()
        if jars.exists():
            shutil.rmtree(jars)
        try:
            side.rename(jars)
        except OSError:
            if not (jars / ".complete").exists():  # else another run was faster
                raise
    finally:
        shutil.rmtree(side, ignore_errors=True)
    return jars


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count):
    return list(itertools.islice(filter(is_free, random.sample(PORTS, len(PORTS))), count))


def answers(port):
    """True once the broker lists itself: Metadata v1 for no topic, and at least one broker in the answer."""
    body = struct.pack(">hhih5s", 3, 1, 7, 5, b"ready") + struct.pack(">i", 0)
    try:
        with socket.create_connection((HOST, port), timeout=1) as link:
            link.settimeout(5)
            link.sendall(struct.pack(">i", len(body)) + body)
            reply = b""
            while len(reply) < 12:
                more = link.recv(4096)
                if not more:
                    return False
                reply += more
            return struct.unpack(">iii", reply[:12])[2] >= 1
    except OSError:
        return False


def die_with_parent():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Broker:
    """One attempt to run the server: its folder, its process."""

    def __init__(self, jars, folder, port, heap):
        self.folder = Path(folder)
        self.port, self.controller = port, None
        ports = free_ports(2)
        self.port = port or ports[0]
        self.controller = ports[1]
        self.log = self.folder / "kafka.log"
        self.java = [need("java", "default-jre-headless"), f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                     "-Xshare:auto", "-cp", f"{jars}/*"]
        self.process = None

    def configure(self):
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        text = SERVER_PROPERTIES.format(host=HOST, port=self.port, controller=self.controller, data=self.folder / "data")
        (self.folder / "server.properties").write_text(text, encoding="ascii")

    def run(self, main_class, *arguments):
        log = open(self.log, "ab")
        with log:
            return subprocess.Popen([*self.java, main_class, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    cwd=self.folder, preexec_fn=die_with_parent)

    def format(self):
        self.process = self.run("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", "server.properties")
        if self.process.wait(READY_TIMEOUT_S):
            raise BrokerError("formatting the data directory failed:\n" + self.tail())

    def start(self):
        """True when it answers, False when it ended by itself."""
        self.process = self.run("kafka.Kafka", "server.properties")
        end = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return False
            if answers(self.port):
                return True
            time.sleep(0.1)
        raise BrokerError(f"no answer within {READY_TIMEOUT_S} s:\n" + self.tail())

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


def write_whole(path, text):
    side = Path(f"{path}.{os.getpid()}")
    side.write_text(text, encoding="ascii")
    side.replace(path)


class Stopped(Exception):
    """SIGTERM or SIGINT came."""


def on_signal(_number, _frame):
    raise Stopped


def bring_up(options, jars, folder):
    for _ in range(START_TRIES):
        broker = Broker(jars, folder, options.port, options.heap)
        try:
            broker.configure()
            broker.format()
            if broker.start():
                return broker
        except BaseException:
            broker.stop()
            raise
    raise BrokerError("Kafka ended right after its start:\n" + broker.tail())


def start(options):
    jars = fetch(options.cache)
    folder = tempfile.mkdtemp(prefix="verifyd-kafka-", dir=options.dir)
    broker = None
    try:
        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        broker = bring_up(options, jars, folder)
        write_whole(options.ready_file, f"{HOST}:{broker.port}\n")
        status = broker.process.wait()
        raise BrokerError(f"Kafka ended by itself (status {status}):\n" + broker.tail())
    except Stopped:
        return 0
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if broker:
            broker.stop()
        if options.ready_file.exists():
            options.ready_file.unlink()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=default_cache(), help="default: $VERIFYD_CACHE or ~/.cache/verifyd")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch")
    run = commands.add_parser("start")
    run.add_argument("--ready-file", type=Path, required=True)
    run.add_argument("--port", type=int, default=0, help="default: a free one")
    run.add_argument("--heap", default="512m")
    run.add_argument("--dir", default=None, help="where the temporary data directory is made")
    options = parser.parse_args()
    try:
        if options.command == "fetch":
            print(fetch(options.cache))
            return 0
        return start(options)
    except BrokerError as error:
        print(f"broker.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
