"""What /metrics says against what docs/operations.md says it says, against Prometheus' own checks, and in numbers."""
import re
import subprocess
from pathlib import Path

import pytest

from conftest import running
from lib.cache import free_port
from lib.issuer import Issuer
from lib.process import until

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
MAX_SERIES = 400  # of metrics.h's 512: room for one more vendor
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}


def documented():
    """The names in the first column of the tables of "Metrics", by table."""
    section = RUNBOOK.split("\n## Metrics\n")[1].split("\n## ")[0]
    found, table = {}, None
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 2 and cells[2] == "meaning":
            table = found.setdefault(cells[1], set())
        elif len(cells) > 2 and table is not None:
            table |= set(re.findall(r"`((?:verifyd|process)_[a-z_]+)", cells[1]))
    return found


def families(text):
    """{name as documented: type} of the older text."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))


def promtool(*arguments, text=None):
    done = subprocess.run(["promtool", *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("which", ["ingress", "worker"])
def test_the_tables_name_what_is_shown_and_nothing_else(service, which):
    tables = documented()
    shown = families(getattr(service, which).ops.get("/metrics").json)
    assert set(shown) == tables["every process"] | tables[which]


def test_what_is_there_only_where_it_is_set_has_a_table_of_its_own(service):
    settings = Issuer(free_port()).settings()  # nobody is there, nor at the collector's address
    ingress = service.stack.ingress(OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}", **settings)
    shown = families(ingress.ops.get("/metrics").json)
    ingress.process.terminate()
    tables = documented()
    assert set(shown) == tables["every process"] | tables["ingress"] | tables["where it is set"]


@pytest.mark.parametrize("which", ["ingress", "worker"])
def test_promtool_finds_nothing_to_say(service, which):
    text = getattr(service, which).ops.get("/metrics").json
    assert promtool("check", "metrics", text=text) == ""


@pytest.mark.parametrize("which", ["ingress", "worker"])
def test_both_dialects_tell_the_same_within_the_limit(service, which):
    def names(text):
        return [line.rpartition(" ")[0] for line in text.splitlines() if line and not line.startswith("#")]

    program = getattr(service, which)
    plain, newer = names(program.ops.get("/metrics").json), names(program.ops.get("/metrics", headers=OPENMETRICS).json)
    assert plain == newer and len(set(plain)) == len(plain)
    series = {re.sub(r"(_bucket|_sum|_count)(?=[{ ]|$)", "", re.sub(r',?le="[^"]*"', "", name)).replace("{}", "") for name in plain}
    assert len(series) < MAX_SERIES


def test_every_metric_says_what_it_is_about(service):
    for program in (service.ingress, service.worker):
        helps = dict(re.findall(r"^# HELP (\S+) (.*)$", program.ops.get("/metrics").json, re.M))
        assert not [name for name, text in helps.items() if len(text) < 4]


def metric_of(program, name, **labels):
    """The sum over the series of a metric that have these labels."""
    text = program.ops.get("/metrics").json
    rows = re.findall(rf"^{re.escape(name)}(?:\{{([^}}]*)\}})? (\S+)$", text, re.M)
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(float(value) for found, value in rows if all(one in found.split(",") for one in wanted))


@pytest.fixture(scope="module")
def counted(broker, session_folder):
    """A service of nobody else's: what others left behind would be counted, too."""
    yield from running(session_folder / "counted", broker, BIOCATCH_RATE="50/1s")


def test_a_score_is_counted_once_at_each_station(counted):
    def look():
        return {
            "asked": metric_of(counted.ingress, "verifyd_http_requests_total", route="GetScore", status="2xx"),
            "accepted": metric_of(counted.ingress, "verifyd_questions_total", kind="biocatch.score", how="accepted"),
            "joined": metric_of(counted.ingress, "verifyd_questions_total", kind="biocatch.score", how="joined"),
            "taken": metric_of(counted.worker, "verifyd_jobs_taken_total", vendor="biocatch"),
            "called": metric_of(counted.worker, "verifyd_vendor_calls_total", vendor="biocatch"),
            "timed": metric_of(counted.worker, "verifyd_vendor_call_seconds_count", vendor="biocatch"),
            "bought": metric_of(counted.worker, "verifyd_calls_bought_total", kind="biocatch.score", verdict="LOW"),
            "completed": metric_of(counted.worker, "verifyd_jobs_total", vendor="biocatch", outcome="completed"),
        }

    before, person = look(), counted.person()
    for _ in range(2):
        assert counted.b2c.score(person)["riskLevel"] == "LOW"
    moved = until(lambda: all((d := {name: value - before[name] for name, value in look().items()}).values()) and d, 20, "every station to count")
    assert moved == {"asked": 2, "accepted": 1, "joined": 1, "taken": 1, "called": 1, "timed": 1, "bought": 1, "completed": 1}
    assert metric_of(counted.worker, "verifyd_vendor_calls_in_flight") == 0


def test_an_answer_without_a_verdict_and_a_problem_are_counted_by_why(service):
    def look():
        return [metric_of(service.ingress, "verifyd_pending_answers_total", route="GetScore", why="no_session"),
                metric_of(service.ingress, "verifyd_pending_answers_total"),
                metric_of(service.ingress, "verifyd_problems_total", code="missing_field"),
                metric_of(service.ingress, "verifyd_problems_total")]

    before = look()
    assert service.b2c.get("/api/BioCatch/GetScore?uuid=" + service.person() + "&customerSessionID=100")["riskLevel"] == "UNKNOWN"
    assert service.b2c.get("/api/BioCatch/GetScore?customerSessionID=100").status == 409
    assert [now - then for now, then in zip(look(), before)] == [1, 1, 1, 1]


def test_failures_of_the_vendor_are_counted_by_how_they_failed(strict):
    before = {name: metric_of(strict.worker, "verifyd_vendor_failures_total", vendor="biocatch", failure=name)
              for name in ("server_error", "garbage", "throttled")}
    strict.b2c.create(strict.person("~status=503"))
    until(lambda: metric_of(strict.worker, "verifyd_vendor_failures_total", vendor="biocatch", failure="server_error")
          == before["server_error"] + 1, 20, "the failure to be counted")
    assert metric_of(strict.worker, "verifyd_vendor_failures_total", vendor="biocatch", failure="garbage") == before["garbage"]
    assert metric_of(strict.worker, "verifyd_calls_bought_total", kind="biocatch.score", verdict="failed") >= 1


def test_a_sign_up_says_what_was_bought_for_it(counted):
    def bought():
        return {verdict: metric_of(counted.worker, "verifyd_calls_bought_total", kind="jumio.identity", verdict=verdict)
                for verdict in ("page", "verified", "denied", "failed")}

    before = bought()
    assert counted.journey().sign_up().success
    moved = {verdict: count - before[verdict] for verdict, count in bought().items()}
    assert moved == {"page": 1, "verified": 1, "denied": 0, "failed": 0}


def test_redis_that_was_emptied_is_counted_and_a_used_quota_is_forgotten_when_nobody_calls_any_more(counted):
    worker = counted.worker
    assert metric_of(worker, "verifyd_cache_losses_total") == 0
    for _ in range(5):
        counted.b2c.score(counted.person())
    assert metric_of(worker, "verifyd_quota_limit", op="score") == 50
    assert metric_of(worker, "verifyd_quota_period_seconds", op="score") == 1
    until(lambda: metric_of(worker, "verifyd_quota_used", op="score") == 0, 20, "the quota to be free again")
    counted.redis.client().flushall()
    until(lambda: metric_of(worker, "verifyd_cache_losses_total") == 1 and metric_of(worker, "verifyd_cache_whole") == 1, 30,
          "the loss to be seen, and mended")


def test_dependencies_workers_and_the_certificate_are_shown(service):
    for program in (service.ingress, service.worker):
        for labels in ({"dependency": "kafka"}, {"dependency": "redis"}, {"vendor": "jumio"}, {"vendor": "biocatch"}):
            until(lambda program=program, labels=labels: metric_of(program, "verifyd_dependency_up", **labels) == 1, 20, f"{labels} to be seen")
    for op in ("initiate", "retrieve", "score"):
        until(lambda op=op: metric_of(service.ingress, "verifyd_class_workers", op=op) >= 1, 10, f"a worker for {op}")
    days = (metric_of(service.ingress, "verifyd_certificate_expires_timestamp_seconds", certificate="signing")
            - metric_of(service.ingress, "process_start_time_seconds")) / 86400
    assert 30 < days < 4000


def test_the_alerts_are_right_and_fire_when_they_should():
    assert "SUCCESS" in promtool("check", "rules", ROOT / "deploy/prometheus/alerts.yaml")
    assert "SUCCESS" in promtool("test", "rules", ROOT / "deploy/prometheus/alerts_test.yaml")
    tested = (ROOT / "deploy/prometheus/alerts_test.yaml").read_text()
    untested = [name for name in alerts() if f"alertname: {name}\n" not in tested]
    assert not untested


def alerts():
    text = (ROOT / "deploy/prometheus/alerts.yaml").read_text()
    return re.findall(r"^ +- alert: (\w+)$", text, re.M)


def test_every_alert_has_its_section_of_the_runbook_and_every_section_its_alert():
    text = (ROOT / "deploy/prometheus/alerts.yaml").read_text()
    section = RUNBOOK.split("\n## Alerts\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (\w+)$", section, re.M) == alerts()
    assert re.findall(r"runbook_url: docs/operations\.md#(\S+)$", text, re.M) == [name.lower() for name in alerts()]


def test_alerts_use_only_metrics_that_there_are():
    text = re.sub(r"^ *#.*$", "", (ROOT / "deploy/prometheus/alerts.yaml").read_text(), flags=re.M)
    used = set(re.findall(r"\b((?:verifyd|process)_[a-z_]+)", text))
    known = set().union(*documented().values())
    known |= {name + suffix for name in known for suffix in ("_bucket", "_sum", "_count")}
    assert used <= known, used - known
