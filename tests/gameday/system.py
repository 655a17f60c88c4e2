"""The system of a game day: verifyd, its servers, people and scores, two Prometheus; what broke, what showed it, what mended it."""
import http.client
import http.server
import itertools
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "chaos")]

# pylint: disable=wrong-import-position
from cluster import KafkaNode
from lib import process
from lib.cache import free_port
from lib.journey import Journey, check_approved
from lib.load import Load, in_parallel
from lib.process import BIN, until
from lib.prometheus import ALERTS, Prometheus
from lib.stack import Stack

RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
SHOWN_WITHIN_S, GONE_WITHIN_S = 30, 60
LOOKS_BACK_S = 10  # of the rules whose alerts are seen to go
SCORES_PER_SECOND = 5
DAY_MS = 86_400_000
CONTRACT, CONTRACT_MS = 20, 5000  # initiates that the vendor allows, as a rule
RATE = f"{CONTRACT}/5s"
WIDTH = 104  # of what stands before a time


class Contract:
    """Stands before vendorsim's Jumio and lets so many initiates through in any five seconds; answers 429 to the others."""

    def __init__(self, vendor):
        self.limit, self.begun, self.lock = CONTRACT, [], threading.Lock()
        contract = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path.endswith("/initiate") and not contract.allows():
                    self.answer(429, "application/json", b'{"httpStatus":"429","message":"too many requests","requestURI":""}')
                    return
                link = http.client.HTTPConnection(vendor.address, timeout=60)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length", "connection")}
                try:
                    link.request(self.command, self.path, body or None, headers)
                    reply = link.getresponse()
                    self.answer(reply.status, reply.getheader("Content-Type", ""), reply.read())
                finally:
                    link.close()

            def answer(self, status, kind, body):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = pass_on

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jumio"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def allows(self):
        now = time.monotonic()
        with self.lock:
            self.begun = [at for at in self.begun if at > now - CONTRACT_MS / 1000]
            if len(self.begun) >= self.limit:
                return False
            self.begun.append(now)
            return True

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def commands(alert=None):
    """The runbook's commands against an alert, or against any, without their comments."""
    section = RUNBOOK.split("\n## Alerts\n")[1]
    section = (section.split(f"\n### {alert}\n")[1] if alert else section).split("\n##")[0]
    lines = [line for block in re.findall(r"^```\n(.*?)^```$", section, re.M | re.S) for line in block.splitlines()]
    return [re.sub(r"\s+#.*$", "", line) for line in lines]


def report(what, text, after=None):
    text = f"  {what:<9} {text}"
    print(text if after is None else f"{text:<{WIDTH}} after {after:4.1f} s", flush=True)


class System:
    """A context; the load runs as long as it lasts."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.troubles, self.restarts, self.ends = [], [], []
        self.broken_at = 0.0

    def __enter__(self):
        self.kafka = KafkaNode(self.folder / "kafka")
        self.stack = Stack(self.folder / "stack", self.kafka.servers, BREAKER_FAILURES=None, BREAKER_PROBE_MS=None, RETRY_MAX_ATTEMPTS=1,
                           JUMIO_INITIATE_RATE=RATE, INITIATE_WAIT_MS="0")
        self.ends.append(self.kafka.stop)
        try:
            self.stack.__enter__()
            self.ends.append(self.stack.stop_all)
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def start(self):
        self.contract = Contract(self.stack.vendor)
        self.ends.append(self.contract.stop)
        self.stack.settings["JUMIO_BASE_URL"] = self.contract.url
        self.worker = self.stack.worker(OPS_LISTEN=f"127.0.0.1:{free_port()}")
        self.ingress = self.stack.ingress(OPS_LISTEN=f"127.0.0.1:{free_port()}")
        targets = [self.worker.ops.address, self.ingress.ops.address]
        self.prometheus = self.watch("as-it-is", targets, ALERTS.read_text())
        self.hasty = self.watch("hasty", targets, re.sub(r"\[\d+m\]", f"[{LOOKS_BACK_S}s]", ALERTS.read_text()))
        for one in (self.prometheus, self.hasty):
            until(lambda one=one: one.scraped() == len(targets), 30, "verifyd to be scraped")
        people = (self.stack.person() for _ in itertools.count())
        self.load = Load(lambda session: self.ingress.b2c.create(session, deadline_ms=DAY_MS), people, SCORES_PER_SECOND)
        self.load.__enter__()
        self.ends.append(lambda: self.load.__exit__(None, None, None))
        until(lambda: len(self.accepted()) > 2 * SCORES_PER_SECOND, 30, "the load")

    def watch(self, name, targets, rules):
        folder = self.folder / name
        folder.mkdir()
        (folder / "rules.yaml").write_text(rules)
        one = Prometheus(folder, targets, folder / "rules.yaml")
        self.ends.append(one.stop)
        return one

    def stop(self):
        while self.ends:
            self.ends.pop()()

    def __exit__(self, *_):
        self.stop()
        return False

    # what is broken, and what shows it

    def broken(self, text):
        """Call it before it is broken."""
        report("broken", text)
        self.broken_at = time.monotonic()

    def since(self):
        return time.monotonic() - self.broken_at

    def quiet(self, alert, expression):
        """Neither shows anything before it is broken."""
        for one in (self.prometheus, self.hasty):
            assert alert not in one.alerts(), f"{alert} fires before anything is broken"
        assert not self.prometheus.query(expression), f"{expression} shows something before anything is broken"

    def shown(self, alert, expression, **labels):
        """Both must be there within the time; reports when each was."""
        seen = {}

        def look():
            found = self.prometheus.query(expression)
            if "metric" not in seen and found:
                seen["metric"] = f"{expression}  is {found[0]['value']:.3g}", self.since()
            firing = [one for one in self.prometheus.alerts().get(alert, []) if labels.items() <= one.items()]
            if "alert" not in seen and firing:
                seen["alert"] = f"{alert} ({firing[0]['severity']}) {' '.join(f'{k}={v}' for k, v in labels.items())}", self.since()
            return len(seen) == 2

        try:
            until(look, SHOWN_WITHIN_S - self.since(), every_s=0.2)
        except AssertionError:
            told = f"only {seen}" if seen else "nothing"
            raise AssertionError(f"{expression} and {alert} within {SHOWN_WITHIN_S} s: {told}; fires: {sorted(self.prometheus.alerts())}") from None
        for what in ("metric", "alert"):
            report(what, *seen[what])
        until(lambda: alert in self.hasty.alerts(), SHOWN_WITHIN_S, f"{alert} in the hasty Prometheus")

    def gone(self, alert):
        begun = time.monotonic()
        until(lambda: alert not in self.hasty.alerts(), GONE_WITHIN_S, f"{alert} to go", 0.2)
        report("gone", alert, time.monotonic() - begun)

    # what mends it

    def shell(self, command, status=0):
        env = process.environment(self.stack.environment())
        env["PATH"] = f"{BIN}:{env['PATH']}"
        done = subprocess.run(["sh", "-c", command], env=env, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False)
        assert status is None or done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def by_the_book(self, alert, begins, **words):
        """Runs the command of the alert's section that begins so, with `words` put in for its placeholders. Returns what it prints."""
        found = [one for one in commands(alert) if one.startswith(begins)]
        assert len(found) == 1, f"the runbook's section {alert} has no one command that begins with {begins}: {commands(alert)}"
        command = found[0]
        for word, value in words.items():
            assert re.search(rf"\b{word}\b", command), f"{command} has no {word}"
            command = re.sub(rf"\b{word}\b", str(value), command)
        printed = self.shell(command)
        lines = printed.strip().splitlines()
        report("command", f"$ {command}")
        report("", f"  {lines[-1][:WIDTH]}" if lines else "  (prints nothing)")
        return printed

    def first_look(self, *words):
        """The runbook's first command: it must say so, and that somebody should look."""
        (command,) = commands()
        printed = self.shell(command, 1)
        (line, *_) = [line for line in printed.splitlines() if all(word in line for word in words)] or [None]
        assert line, f"{command} does not say {words}:\n{printed}"
        report("command", f"$ {command}")
        report("", f"  {line.strip()[:WIDTH]}")

    def restart(self, service, what="mended", **settings):
        """With other settings."""
        begun = time.monotonic()
        service.process.stop()
        service.process.settings |= {"VERIFYD_" + name: str(value) for name, value in settings.items()}
        service.process.start()
        service.wait()
        self.restarts.append((begun, time.monotonic()))
        told = ", ".join(f"VERIFYD_{name}={value}" for name, value in settings.items())
        report(what, f"{told}; {service.process.name.rpartition('-')[0]} restarted")

    # people and scores

    def accepted(self):
        return [call.answer["id"] for call in list(self.load.calls) if call.answer and call.answer.status in (200, 201, 202)]

    def people(self, many):
        """So many begin to sign up."""
        return in_parallel(lambda _: Journey(self.stack, self.ingress).initialize(), range(many))

    def all_approved(self, journeys):
        """Each walks on to its end."""
        begun = time.monotonic()

        def walk(journey):
            journey.open_vendor(90)
            journey.finish()
            journey.come_back()
            journey.token()
            check_approved(journey.end())
            assert journey.initiates() >= 1

        in_parallel(walk, journeys)
        report("ended", f"{len(journeys)} of {len(journeys)} sign-ups: SUCCESS", time.monotonic() - begun)

    def scores_go_on(self, many=10):
        begun = time.monotonic()
        views = in_parallel(lambda _: self.ingress.b2c.create(self.stack.person(), wait=25, deadline_ms=DAY_MS), range(many))
        assert {(view["state"], view["score"]) for view in views} == {("completed", 87)}
        report("ended", f"{many} of {many} new scores: completed", time.monotonic() - begun)

    def end(self):
        """Everything that was accepted, since the beginning, is completed; nothing fires any more. Returns a sentence."""
        self.load.__exit__(None, None, None)
        self.ends.pop()
        lost = [call for call in self.load.calls if call.error and not any(begun <= call.ended and call.begun <= end for begun, end in self.restarts)]
        assert not lost, f"{len(lost)} calls had no answer, first: {lost[0].error!r}"
        refused = [call.answer for call in self.load.calls if call.answer and call.answer.status not in (200, 201, 202)]
        assert {(answer.status, answer.code) for answer in refused} <= {(503, "queue_away"), (503, "overloaded")}
        asked = set(self.accepted())
        self.completed(asked)
        until(lambda: not self.hasty.alerts(), GONE_WITHIN_S, "nothing to fire", 0.2)
        self.stack.judge()
        troubles = self.stack.stop_all()
        assert not troubles, "\n".join(troubles)
        return (f"{len(self.load.calls)} scores asked, {len(asked)} accepted, all completed; {len(refused)} told to come again, "
                f"{sum(call.error is not None for call in self.load.calls)} met an ingress that was being restarted")

    def completed(self, asked):
        def left():
            final = self.stack.topics.final()
            return {identity for identity in asked if final.get(identity, {}).get("state") != "completed"}

        until(lambda: not left(), 60, "what was accepted to be completed", 1)
