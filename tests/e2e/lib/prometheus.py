"""A real Prometheus (Debian's, whose service needs not run) that scrapes the programs of a test once a second, with verifyd's
own alerts."""
import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from lib.cache import free_port
from lib.process import Process, until

ALERTS = Path(__file__).resolve().parents[3] / "deploy" / "prometheus" / "alerts.yaml"
EVERY_S = 1


class Prometheus:
    def __init__(self, folder, targets, rules=ALERTS):
        """targets: addresses of ops listeners, or a function that tells them; they may change (retarget)."""
        self.folder = Path(folder) / "prometheus"
        self.folder.mkdir(parents=True)
        self.address = f"127.0.0.1:{free_port()}"
        self.retarget(targets)
        shutil.copy(rules, self.folder / "alerts.yaml")
        config = self.folder / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": f"{EVERY_S}s", "scrape_timeout": f"{EVERY_S}s", "evaluation_interval": f"{EVERY_S}s"},
            "rule_files": [str(self.folder / "alerts.yaml")],
            "scrape_configs": [{"job_name": "verifyd", "file_sd_configs": [
                {"files": [str(self.folder / "targets.json")], "refresh_interval": f"{EVERY_S}s"}]}],
        }))
        self.process = Process("prometheus", [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={self.address}", "--log.level=warn"], self.folder)
        until(self.is_ready, 30, "Prometheus to be ready")

    def retarget(self, targets):
        new = self.folder / "targets.new"
        new.write_text(json.dumps([{"targets": list(targets)}]))
        new.replace(self.folder / "targets.json")

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5) as reply:
                return reply.status == 200
        except OSError:
            assert self.process.running(), self.process.tail()
            return False

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}?{query}", timeout=30) as reply:
                answer = json.load(reply)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read()}") from None
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression):
        """What an instant query found: [{"metric": labels, "value": number}]."""
        found = self.ask("query", query=expression)
        if found["resultType"] == "scalar":
            return [{"metric": {}, "value": float(found["result"][1])}]
        return [{"metric": one["metric"], "value": float(one["value"][1])} for one in found["result"]]

    def value(self, expression):
        """The sum of what was found; None when nothing was."""
        found = self.query(expression)
        return sum(one["value"] for one in found) if found else None

    def query_range(self, expression, begin, end, step=EVERY_S):
        return self.ask("query_range", query=expression, start=begin, end=end, step=step)["result"]

    def alerts(self, state="firing"):
        """{name: [labels of each]} of what fires now."""
        found = {}
        for alert in self.ask("alerts")["alerts"]:
            if alert["state"] == state:
                found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return found

    def scraped(self):
        """How many targets were reached by the last scrape."""
        return sum(target["health"] == "up" for target in self.ask("targets", state="active")["activeTargets"])

    def stop(self):
        self.process.stop()
