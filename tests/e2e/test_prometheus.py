"""A real Prometheus looks at a running verifyd: every expression of the dashboard and of the alerts finds data, under load and with
the vendor down, and the alert comes and goes."""
import itertools
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib.journey import Journey
from lib.load import Load
from lib.process import until
from lib.prometheus import Prometheus

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = json.loads((ROOT / "deploy/grafana/verifyd.json").read_text())
VARIABLES = {"$__rate_interval": "5s", "$__range": "60s", "$namespace": ".*"}
SHOWN_WITHIN_S, ALERT_FOR_S = 30, 30
PER_SECOND = 20
BUSY = ("Questions", "Jobs ended", "Latency", "Calls", "Rate", "Duration, p99", "Bought", "Cost report", "CPU", "Memory")


def panels():
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions(panel):
    for target in panel["targets"]:
        expression = target["expr"]
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        yield expression


def test_the_dashboard_is_well_formed():
    assert subprocess.run([sys.executable, ROOT / "deploy/grafana/build.py", "--check"], check=False).returncode == 0, "run build.py"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(ids)
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}" and len(panel["description"]) > 4, panel["title"]
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
        assert re.findall(r"\$\w+", "".join(expressions(panel))) == [], panel["title"]
    assert {one["name"] for one in DASHBOARD["templating"]["list"]} == {"datasource", "namespace"}


class Watched:
    """A verifyd under load, and a Prometheus that looks at it."""

    def __init__(self, stack):
        self.stack = stack
        self.worker, self.ingress = stack.worker(BREAKER_FAILURES=None), stack.ingress()
        self.prometheus = Prometheus(stack.folder, [self.ingress.ops.address, self.worker.ops.address])
        stack.programs.append(self.prometheus.process)
        until(lambda: self.prometheus.scraped() == 2, 30, "both to be scraped")
        self.began = time.time()

    def load(self):
        people = (self.stack.person() for _ in itertools.count())
        return Load(self.ingress.b2c.score, people, PER_SECOND)


@pytest.fixture
def watched(stack):
    return Watched(stack)


def moves(prometheus, title):
    (panel,) = [panel for panel in panels() if panel["title"] == title]
    return any(one["value"] > 0 for expression in expressions(panel) for one in prometheus.query(expression))


def found_by(prometheus, panel, began):
    """[(expression, what an instant query found, what a range query found)]."""
    return [(expression, prometheus.query(expression), prometheus.query_range(expression, began, time.time())) for expression in expressions(panel)]


@pytest.mark.slow
def test_every_panel_and_rule_has_data_and_the_alert_of_a_vendor_that_is_down_comes_and_goes(watched):
    prometheus, stack = watched.prometheus, watched.stack
    for _ in range(3):
        Journey(stack, watched.ingress).initialize()
    with watched.load():
        for title in BUSY:
            until(lambda title=title: moves(prometheus, title), SHOWN_WITHIN_S, f"{title} to show the load")
        stack.vendor.set(status=503)
        (alert,) = until(lambda: prometheus.alerts().get("VerifydVendorDown"), SHOWN_WITHIN_S, "the alert")
        assert (alert["vendor"], alert["op"], alert["severity"]) == ("biocatch", "score", "critical")
        look_at_all(prometheus, watched.began)
        stack.vendor.set(status=200)
        until(lambda: "VerifydVendorDown" not in prometheus.alerts(), ALERT_FOR_S, "the alert to go")


WHILE_DOWN = {  # panel: what it shows under load, with the vendor down
    "Alerts": lambda value: value >= 1, "Vendors left alone": lambda value: value == 1, "Scores without verdict": lambda value: value > 0.1,
    "Redis": lambda value: value == 1, "Dependencies away": lambda value: value == 0, "Ingresses": lambda value: value == 1, "Workers": lambda value: value == 1,
}


def look_at_all(prometheus, began):
    """A scrape that a busy machine was late with leaves a gap of a second or two."""
    def shown(panel):
        found = found_by(prometheus, panel, began)
        good = WHILE_DOWN.get(panel["title"], lambda _: True)
        return all(instant and whole for _, instant, whole in found) and good(found[-1][1][0]["value"])

    for panel in panels():
        until(lambda panel=panel: shown(panel), SHOWN_WITHIN_S, f"{panel['title']} to show it by {list(expressions(panel))}")
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 25 and [rule for rule in rules if rule["health"] != "ok"] == []
