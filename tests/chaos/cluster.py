"""The programs under attack: two workers, two ingresses, Kafka, Redis, the vendors; how each fault is begun and ended, and
what became of every process. Only the main thread may call: children die with the thread that started them.
"""
import json
import os
import signal
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kafka"))

# pylint: disable=wrong-import-position
import broker as kafka_broker
from lib.cache import free_port
from lib.http import Caller
from lib.process import until
from lib.stack import BIN, KEYS

RESTART_AFTER_CRASH_S = 0.5
READY_S = 60
CLIENT_TIMEOUT_S = 12  # B2C gives up after 10 s
ANY_END = {0, 1, -signal.SIGKILL}  # of a process that lost its name to another one
VENDOR_BASE = {"biocatch": {"delay_ms": 60}, "jumio": {"delay_ms": 60}}
FENCED = 1  # status of a worker that Kafka has shut out for good; whoever runs it starts a new one


class KafkaNode:
    """One broker that can be killed and comes back with its data, at the same address."""

    def __init__(self, folder):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.node = kafka_broker.Broker(kafka_broker.fetch(kafka_broker.default_cache()), folder, 0, "512m")
        self.servers = f"127.0.0.1:{self.node.port}"
        try:
            self.node.configure()
            self.node.format()
            if not self.node.start():
                raise AssertionError("Kafka ended right after its start:\n" + self.node.tail())
        except BaseException:
            self.node.stop()
            raise

    @property
    def pid(self):
        return self.node.process.pid

    def kill(self):
        self.node.process.kill()
        self.node.process.wait()

    def begin_start(self):
        """Does not wait until it answers."""
        self.node.process = self.node.run("kafka.Kafka", "server.properties")

    def answers(self):
        if self.node.process.poll() is not None:
            self.begin_start()
        return kafka_broker.answers(self.node.port)

    def stop(self):
        if self.node.process and self.node.process.poll() is None:
            os.kill(self.pid, signal.SIGCONT)
        self.node.stop()


@dataclass
class Front:
    """An ingress as its callers see it; which process stands behind the address is no matter to them."""
    address: str

    def __post_init__(self):
        self.http = Caller(self.address, timeout_s=CLIENT_TIMEOUT_S)
        self.b2c = self.http.with_key(KEYS["b2c"])


class Slot:
    """A place for a process: `worker-0`."""

    def __init__(self, stack, name, program, flags=(), **settings):
        self.stack, self.name, self.program, self.flags, self.settings = stack, name, program, flags, settings
        self.process = None
        self.wanted = None  # a start that waits for the last one's end
        self.starts = []    # (name, when)

    def start(self, **more):
        self.wanted = None
        self.starts.append((self.name, time.time()))
        self.process = self.stack.spawn(self.program, *self.flags, **(self.settings | more))

    def running(self):
        return self.process is not None and self.process.running()


class Cluster:
    def __init__(self, stack, kafka, log):
        self.stack, self.kafka, self.log_path = stack, kafka, log
        self.fronts = [Front(stack.public_address), Front(f"127.0.0.1:{free_port()}")]
        worker = ("--vendor", "biocatch,jumio")
        self.slots = {slot.name: slot for slot in (
            Slot(stack, "worker-0", "verifyd-worker", worker, INSTANCE_ID="worker-0"),
            Slot(stack, "worker-1", "verifyd-worker", worker),
            Slot(stack, "ingress-0", "verifyd-ingress", HTTP_LISTEN=self.fronts[0].address),
            Slot(stack, "ingress-1", "verifyd-ingress", HTTP_LISTEN=self.fronts[1].address))}
        self.open = {}    # Fault -> its entry, while it lasts
        self.log = []     # entries: track, kind, argument, begin, end (None while it lasts)
        self.zombies = []
        self.troubles = []  # endings that nobody asked for
        self.restarts = []  # (when, slot)
        self.crash_events = []

    # ready and well

    def start(self):
        for vendor, defaults in VENDOR_BASE.items():
            self.control(vendor, defaults)
        for slot in self.slots.values():
            slot.start()
        self.wait_ready()

    def wait_ready(self):
        for slot in self.slots.values():
            until(lambda slot=slot: self.watch() or self.is_ready(slot), READY_S, f"{slot.name} to be ready")

    @staticmethod
    def is_ready(slot):
        if not slot.running():
            return False
        address = next((e["address"] for e in slot.process.events("listening") if e.get("listener") == "ops"), None)
        try:
            return bool(address) and Caller(address, timeout_s=5).get("/readyz").status == 200
        except OSError:
            return False

    def control(self, vendor, body):
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.stack.vendor.address}/control/{vendor}", data, method="POST",
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            reply.read()

    # faults

    def begin(self, fault):
        """Returns whether there was anything to do it to."""
        entry = {"track": fault.track, "kind": fault.kind, "argument": fault.argument, "begin": time.time(), "end": None}
        place = fault.track if fault.track in ("broker", "redis") else "vendor" if fault.kind == "vendor" else "slot"
        if not getattr(self, f"begin_{place}")(fault):
            return False
        self.open[fault] = entry
        self.log.append(entry)
        return True

    def end(self, fault):
        entry = self.open.pop(fault, None)
        if entry is None:
            return
        place = fault.track if fault.track in ("broker", "redis") else "vendor" if fault.kind == "vendor" else "slot"
        getattr(self, f"end_{place}")(fault)
        entry["end"] = time.time()

    def begin_slot(self, fault):
        slot = self.slots[fault.track]
        if not slot.running():
            return False
        if fault.kind in ("kill", "crash"):
            slot.process.resume()
            slot.process.kill()
        elif fault.kind == "stop":
            slot.process.pause()
        elif fault.kind == "term":
            slot.process.terminate()
        elif fault.kind == "zombie":
            slot.process.pause()
            self.zombies.append(slot.process)
            slot.start()
        return True

    def end_slot(self, fault):
        slot = self.slots[fault.track]
        if fault.kind == "stop":
            if slot.running():
                slot.process.resume()
        elif fault.kind == "zombie":
            for zombie in self.zombies:
                if zombie.running():
                    zombie.resume()
        else:
            slot.wanted = {"CRASH_AT": fault.argument} if fault.kind == "crash" and fault.argument else {}
            self.start_wanted(slot)

    @staticmethod
    def start_wanted(slot):
        if slot.wanted is not None and not slot.running():
            slot.start(**slot.wanted)

    def begin_broker(self, fault):
        if self.kafka.node.process.poll() is not None:
            return False
        if fault.kind == "kill":
            self.kafka.kill()
        else:
            os.kill(self.kafka.pid, signal.SIGSTOP)
        return True

    def end_broker(self, fault):
        if fault.kind == "kill":
            self.kafka.begin_start()
        else:
            os.kill(self.kafka.pid, signal.SIGCONT)

    def begin_redis(self, fault):
        redis = self.stack.redis
        if fault.kind == "kill":
            redis.process.kill()
        elif fault.kind == "stop":
            redis.process.pause()
        else:
            redis.client().flushall()
        return True

    def end_redis(self, fault):
        redis = self.stack.redis
        if fault.kind == "kill":
            redis.start()
        elif fault.kind == "stop":
            redis.process.resume()

    def begin_vendor(self, fault):
        self.control(fault.track, fault.argument)
        return True

    def end_vendor(self, fault):
        self.control(fault.track, {name: VENDOR_BASE[fault.track].get(name) for name in fault.argument})

    # what became of the processes

    def watch(self):
        """Looks after processes that ended by themselves. Call often."""
        for slot in self.slots.values():
            process = slot.process
            if process is None or process.running() or getattr(process, "seen", False):
                self.start_wanted(slot)
                continue
            process.seen = True
            if process.child.returncode != process.expect_status:
                self.note_end(slot, process)
            if slot.wanted is None and not any(fault.track == slot.name and fault.kind in ("kill", "crash", "term")
                                               for fault in self.open):
                self.restarts.append((time.time() + RESTART_AFTER_CRASH_S, slot))
            self.start_wanted(slot)
        for when, slot in list(self.restarts):
            if when <= time.time():
                self.restarts.remove((when, slot))
                if not slot.running():
                    slot.start()

    def note_end(self, slot, process):
        points = process.events("crash_point")
        if process.child.returncode == -signal.SIGKILL and points:
            process.expect_status = -signal.SIGKILL
            at = process.log.stat().st_mtime
            self.crash_events.append(points[-1]["name"])
            self.log.append({"track": slot.name, "kind": "crashed", "argument": points[-1]["name"], "begin": at, "end": at})
            return
        at = time.time()
        if process.child.returncode == FENCED and process.events("kafka_consumer_fatal"):
            self.log.append({"track": slot.name, "kind": "fenced", "argument": None, "begin": at, "end": at})
        else:
            self.troubles.append(f"{process.name} ({slot.name}) ended by itself: {process.verdict()}")
        process.expect_status = process.child.returncode

    def heal(self):
        """Everything is running again, and well."""
        for fault in list(self.open):
            self.end(fault)
        for zombie in self.zombies:
            if zombie.running():
                zombie.resume()
                zombie.terminate()
        until(self.kafka.answers, 90, "Kafka to answer again")
        until(self.stack.redis.answers, 30, "Redis to answer again")
        self.wait_ready()

    def stop_zombies(self):
        for zombie in self.zombies:
            if (status := zombie.stop()) not in ANY_END:
                self.troubles.append(f"{zombie.name}, fenced, ended with {status}:\n{zombie.tail()}")
            zombie.expect_status = status

    def programs_there(self):
        return [(name, (BIN / name).exists()) for name in ("verifyd-ingress", "verifyd-worker", "verifyctl", "vendorsim")]

    def starts(self):
        return [start for slot in self.slots.values() for start in slot.starts]

    def write_log(self):
        Path(self.log_path).write_text("".join(json.dumps(entry) + "\n" for entry in self.log), encoding="utf-8")
