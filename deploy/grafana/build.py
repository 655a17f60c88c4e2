#!/usr/bin/env python3
"""Makes verifyd.json, the dashboard, from the rows below: the first one says within ten seconds whether anything is wrong.

Usage: build.py            writes verifyd.json beside this file
       build.py --check    status 1 when it is not what this file makes
"""
import json
import sys
from pathlib import Path

OUT = Path(__file__).resolve().parent / "verifyd.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
NS = 'namespace=~"$namespace"'
CLASS = "{{vendor}} {{op}}"
GREEN, ORANGE, RED = "green", "orange", "red"


class Board:
    """Places panels from left to right in rows of 24, as Grafana does."""

    def __init__(self):
        self.panels, self.x, self.y, self.height = [], 0, 0, 0

    def place(self, width, height):
        if self.x + width > 24:
            self.x, self.y = 0, self.y + self.height
            self.height = 0
        at = {"x": self.x, "y": self.y, "w": width, "h": height}
        self.x, self.height = self.x + width, max(self.height, height)
        return at

    def row(self, title):
        if self.x:
            self.x, self.y, self.height = 0, self.y + self.height, 0
        at = self.place(24, 1)
        self.x, self.y, self.height = 0, at["y"] + 1, 0
        self.panels.append({"id": len(self.panels) + 1, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": at})

    def add(self, kind, title, what, targets, width, height, defaults, options, overrides=()):
        self.panels.append({
            "id": len(self.panels) + 1, "type": kind, "title": title, "description": what, "datasource": SOURCE,
            "gridPos": self.place(width, height),
            "targets": [{"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": expr, "legendFormat": legend,
                         "instant": kind in ("stat", "table", "bargauge"), "range": kind not in ("stat", "table", "bargauge"),
                         "format": "table" if kind == "table" else "time_series"}
                        for n, (expr, legend) in enumerate(targets)],
            "fieldConfig": {"defaults": defaults, "overrides": list(overrides)}, "options": options,
        })

    def stat(self, title, what, expr, unit="short", steps=((None, GREEN), (1, RED)), width=3, text=None, decimals=None):
        defaults = {"unit": unit, "color": {"mode": "thresholds"}, "noValue": "–",
                    "thresholds": {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]},
                    "mappings": [{"type": "value", "options": {value: {"text": shown} for value, shown in (text or {}).items()}}] if text else []}
        if decimals is not None:
            defaults["decimals"] = decimals
        self.add("stat", title, what, [(expr, "")], width, 4, defaults,
                 {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "background",
                  "graphMode": "none", "textMode": "value", "justifyMode": "center"})

    def lines(self, title, what, targets, unit="short", width=8, stacked=False, least=0, limit=None, decimals=None):
        custom = {"lineWidth": 2, "fillOpacity": 25 if stacked else 8, "showPoints": "never",
                  "stacking": {"mode": "normal" if stacked else "none", "group": "A"}}
        defaults = {"unit": unit, "min": least, "color": {"mode": "palette-classic"}, "custom": custom}
        if decimals is not None:
            defaults["decimals"] = decimals
        if limit is not None:
            custom["thresholdsStyle"] = {"mode": "dashed"}
            defaults["thresholds"] = {"mode": "absolute", "steps": [{"value": None, "color": GREEN}, {"value": limit, "color": RED}]}
        self.add("timeseries", title, what, targets, width, 8, defaults,
                 {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                  "tooltip": {"mode": "multi", "sort": "desc"}})

    def states(self, title, what, expr, legend, text, width=8):
        """text: {value: (word, colour)}."""
        self.add("state-timeline", title, what, [(expr, legend)], width, 8, {
            "custom": {"fillOpacity": 80, "lineWidth": 0}, "color": {"mode": "thresholds"},
            "thresholds": {"mode": "absolute", "steps": [{"value": None, "color": GREEN}]},
            "mappings": [{"type": "value", "options": {value: {"text": word, "color": color} for value, (word, color) in text.items()}}]},
            {"showValue": "never", "mergeValues": True, "rowHeight": 0.8, "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
             "tooltip": {"mode": "single", "sort": "none"}})

    def table(self, title, what, expr, unit="short", width=12, decimals=0):
        hidden = [{"matcher": {"id": "byName", "options": "Time"}, "properties": [{"id": "custom.hidden", "value": True}]}]
        self.add("table", title, what, [(expr, "")], width, 8, {"unit": unit, "decimals": decimals, "custom": {"align": "auto"}},
                 {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": "Value", "desc": True}]}, hidden)


def total(name, more="", by="", over="$__rate_interval"):
    labels = NS + ("," + more if more else "")
    return f"sum{' by (' + by + ')' if by else ''} (rate({name}{{{labels}}}[{over}]))"


def share(name, more, of):
    """Of the answers that `of` chooses."""
    return f"{total(name, more)} / clamp_min({total('verifyd_http_requests_total', of)}, 0.001)"


def gained(name, more="", by="", over="$__range"):
    labels = NS + ("," + more if more else "")
    return f"sum{' by (' + by + ')' if by else ''} (increase({name}{{{labels}}}[{over}]))"


def quantile(share, name, by, more=""):
    labels = NS + ("," + more if more else "")
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({name}_bucket{{{labels}}}[$__rate_interval])))"


def or_one(all_of, one):
    """Those that are not zero; when all are, one: a panel that says 0 is better than one that says nothing."""
    return f"{all_of} > 0 or {one}"


def drain():
    return (f"sum by (vendor, op) (verifyd_drain_seconds{{{NS}}}) > 0 or sum by (vendor, op) (verifyd_lag{{{NS}}}) / "
            f"clamp_min(sum by (vendor, op) (rate(verifyd_jobs_taken_total{{{NS}}}[1m])), 0.01)")


def wrong(board):
    """Is anything wrong?"""
    board.row("Is anything wrong?")
    board.stat("Alerts", "Alerts of deploy/prometheus/alerts.yaml that fire. docs/operations.md, \"Alerts\", says what to do",
               f'count(ALERTS{{{NS},alertname=~"Verifyd.*",alertstate="firing"}}) or vector(0)')
    board.stat("Vendors left alone", "Open breakers", f"count(max by (vendor, op) (verifyd_breaker_open{{{NS}}}) > 0) or vector(0)")
    board.stat("Dependencies away", "Processes that do not reach Kafka or Redis",
               f'sum(verifyd_dependency_up{{{NS},dependency=~"kafka|redis"}} == bool 0)')
    board.stat("Redis", "Whether Redis is the one that was filled from Kafka", f"min(verifyd_cache_whole{{{NS}}})",
               steps=((None, RED), (1, GREEN)), text={"0": "being filled", "1": "whole"})
    board.stat("Longest queue", "How long it takes: at the vendor's quota; without one, at the pace of the last minute", f"max({drain()})", "s",
               ((None, GREEN), (30, ORANGE), (300, RED)), decimals=0)
    board.stat("Dead letters, 1 h", "Jobs that died, and records that nobody can read",
               f'sum(increase(verifyd_jobs_total{{{NS},outcome=~"dead|poison"}}[1h]))', steps=((None, GREEN), (0.5, ORANGE), (10, RED)), decimals=0)
    board.stat("Our errors", "Share of the answers that tell a problem of ours: queue_away, overloaded, internal",
               share("verifyd_problems_total", 'code=~"internal|queue_away|overloaded|idempotency_key_away|auth_away"', ""),
               "percentunit", ((None, GREEN), (0.001, ORANGE), (0.01, RED)), decimals=1)
    board.stat("Scores without verdict", "Share of GetScore's answers that are UNKNOWN, for whatever reason: those people are asked for MFA",
               share("verifyd_pending_answers_total", 'route="GetScore"', 'route="GetScore"'),
               "percentunit", ((None, GREEN), (0.05, ORANGE), (0.5, RED)), decimals=1)


def flow(board):
    board.row("Flow: callers → Kafka → workers → vendors")
    board.lines("Questions", "What callers ask: accepted (Kafka has it), joined (an equal one was there), refused", [
        (total("verifyd_questions_total", by="kind, how"), "{{kind}} {{how}}")], "reqps", 6, stacked=True)
    board.lines("Jobs ended", "Records that workers are done with", [
        (or_one(total("verifyd_jobs_total", by="vendor, op, outcome"), total("verifyd_jobs_total", 'outcome="completed"', "vendor, op, outcome")),
         CLASS + " {{outcome}}")], "ops", 6)
    board.lines("Queue", "Requests in Kafka that are not done", [(f"sum by (vendor, op) (verifyd_lag{{{NS}}})", CLASS)], width=6)
    board.lines("Queue drains in", "At the vendor's quota; without one, at the pace of the last minute", [(drain(), CLASS)], "s", 6)
    board.lines("In hand", "Callers that are held; jobs of the workers; calls that are open at a vendor", [
        (f"sum(verifyd_waiters{{{NS}}})", "callers held"), (f"sum(verifyd_jobs_in_flight{{{NS}}})", "jobs"),
        (f"sum(verifyd_vendor_calls_in_flight{{{NS}}})", "vendor calls")])
    board.lines("Wait for a call", "Jobs that wait for quota or breaker, by who waits", [
        (f"sum by (priority) (verifyd_gate_waiting{{{NS}}})", "{{priority}}")], stacked=True)
    board.lines("Tried again", "After less than 2 s, or through a delay topic; and records that wait there", [
        (total("verifyd_retries_total", by="how"), "{{how}} a second"), (f"sum(verifyd_delay_lag{{{NS}}})", "in delay topics")])


def vendors(board):
    board.row("Vendors")
    board.lines("Latency", "How long vendor calls take", [
        (quantile(0.5, "verifyd_vendor_call_seconds", "vendor, op"), CLASS + " p50"),
        (quantile(0.99, "verifyd_vendor_call_seconds", "vendor, op"), CLASS + " p99")], "s", 6)
    board.lines("Calls", "Sent a second", [(total("verifyd_vendor_calls_total", by="vendor, op"), CLASS)], "reqps", 6)
    board.lines("Failures", "By how they failed", [
        (or_one(total("verifyd_vendor_failures_total", by="vendor, failure"), total("verifyd_vendor_failures_total", 'failure="timeout"', "vendor, failure")),
         "{{vendor}} {{failure}}")], "reqps", 6, stacked=True)
    board.lines("Quota used", "By the whole fleet, of what the contract allows", [
        (f"max by (vendor, op) (verifyd_quota_used{{{NS}}}) / (max by (vendor, op) (verifyd_quota_limit{{{NS}}}) > 0)", CLASS)],
        "percentunit", 6, limit=0.8)
    board.states("Breakers", "Open: nobody calls this vendor but for probes", f"max by (vendor, op) (verifyd_breaker_open{{{NS}}})", CLASS,
                 {"0": ("closed", GREEN), "1": ("open", RED)}, 12)
    board.lines("Probes", "Calls to see whether the vendor is back", [(gained("verifyd_gate_probes_total", by="vendor, op", over="1m"), CLASS)], width=6)
    board.lines("What nobody expects", "Answers that this version does not understand; references that were paid for and that nobody uses", [
        (gained("verifyd_unknown_vendor_statuses_total", by="vendor", over="1h"), "{{vendor}} unknown status, 1 h"),
        (gained("verifyd_orphaned_references_total", by="vendor", over="1h"), "{{vendor}} orphaned, 1 h")], width=6)


def callers(board):
    board.row("Ingress: rate, errors, duration")
    board.lines("Rate", "Answers", [
        (or_one(total("verifyd_http_requests_total", by="route"), total("verifyd_http_requests_total", 'route="GetScore"', "route")), "{{route}}")], "reqps", 6, stacked=True)
    board.lines("Errors", "Answers that tell a problem, by its code", [
        (or_one(total("verifyd_problems_total", by="code"), total("verifyd_problems_total", 'code="internal"', "code")), "{{code}}")], "reqps", 6, stacked=True)
    board.lines("Duration, p99", "Held time included; B2C gives up after 10 s", [
        (quantile(0.99, "verifyd_http_request_seconds", "route") + " > 0", "{{route}}")], "s", 6, limit=10)
    board.lines("Answers without a verdict", "By why", [
        (or_one(total("verifyd_pending_answers_total", by="route, why"),
                total("verifyd_pending_answers_total", 'route="GetScore",why="pending"', "route, why")), "{{route}} {{why}}")], "reqps", 6, stacked=True)
    board.lines("Connections", "Open now", [(f"sum by (instance) (verifyd_connections{{{NS}}})", "{{instance}}")])
    board.lines("Too many", "Calls that were refused or not held; connections that were cut off", [
        (or_one(total("verifyd_calls_limited_total", by="why"), total("verifyd_calls_limited_total", 'why="waiters"', "why")), "{{why}}"),
        (or_one(total("verifyd_connections_ended_total", by="why"), total("verifyd_connections_ended_total", 'why="idle"', "why")), "cut off: {{why}}")], "reqps")
    board.lines("Callbacks", "The vendor's hints to look", [(total("verifyd_callbacks_total", by="what"), "{{what}}")], "reqps")


def ends(board):
    board.row("Dead letters, notices, cost")
    board.lines("Dead letters", "In five minutes; verifyctl dead list", [
        (gained("verifyd_jobs_total", 'outcome=~"dead|poison"', "vendor, op, outcome", "5m"), CLASS + " {{outcome}}")], decimals=0)
    board.lines("Notices to callers", "Webhooks, by what became of them", [(total("verifyd_webhooks_total", by="outcome"), "{{outcome}}")], "reqps")
    board.lines("Bought", "Vendor calls by what they were good for", [
        (or_one(total("verifyd_calls_bought_total", by="kind, verdict"), total("verifyd_calls_bought_total", 'verdict="failed"', "kind, verdict")),
         "{{kind}} {{verdict}}")], "reqps", stacked=True)
    board.table("Cost report", "Vendor calls of the time range above, by what they were good for: times the contract's price",
                f'sort_desc({gained("verifyd_calls_bought_total", by="vendor, op, kind, verdict")} > 0)')
    board.table("Saved", "Questions of the time range above: what was joined was not bought again",
                f'sort_desc({gained("verifyd_questions_total", by="kind, how")})')


def below(board):
    board.row("Dependencies")
    board.states("Kafka, Redis, vendors", "As each process sees them; red: one does not reach it",
                 f"min by (dependency, vendor) (verifyd_dependency_up{{{NS}}})", "{{dependency}} {{vendor}}", {"0": ("away", RED), "1": ("there", GREEN)})
    board.states("Workers of a class", "Whether a worker serves it", f"max by (vendor, op) (clamp_max(verifyd_class_workers{{{NS}}}, 1))", CLASS,
                 {"0": ("none", RED), "1": ("served", GREEN)})
    board.lines("Redis behind Kafka", "Results that Redis was not looked at for yet; ids that it does not know yet; losses", [
        (f"sum(verifyd_projector_lag{{{NS}}})", "results to look at"), (f"sum(verifyd_states_unsaved{{{NS}}})", "unsaved ids"),
        (gained("verifyd_cache_losses_total", over="5m"), "losses, 5 min"),
        (total("verifyd_jobs_without_lease_total"), "jobs without Redis a second")])
    board.row("Processes")
    board.lines("Event loop is late, p99", "What everything in this process is late by; above 25 ms for long: the core is full", [
        (quantile(0.99, "verifyd_loop_lag_seconds", "instance"), "{{instance}}")], "s", 6, limit=0.025)
    board.lines("CPU", "Cores", [(total("process_cpu_seconds_total", by="job, instance") + " and on (job, instance) verifyd_build_info", "{{instance}}")], width=6, decimals=2)
    board.lines("Memory", "Resident", [("process_resident_memory_bytes{" + NS + "} and on (job, instance) verifyd_build_info", "{{instance}}")], "bytes", 6)
    board.lines("Open files", "Of what is allowed", [
        ("process_open_fds{" + NS + "} / process_max_fds and on (job, instance) verifyd_build_info", "{{instance}}")], "percentunit", 6, limit=0.8)
    board.lines("Watermark gap", "Records behind the oldest one that is not done: what comes again if the worker dies", [
        (f"max by (instance, op) (verifyd_watermark_gap{{{NS}}})", "{{instance}} {{op}}")], limit=12000)
    board.table("Programs", "Which version runs where, and for how long",
                f"(time() - process_start_time_seconds{{{NS}}}) * on (job, instance) group_left (program, version) verifyd_build_info", "s", 8)
    board.stat("Signing certificate", "Until it is over", f"min(verifyd_certificate_expires_timestamp_seconds{{{NS}}}) - time()", "s",
               ((None, RED), (86400, ORANGE), (14 * 86400, GREEN)), 4, decimals=0)
    board.stat("Ingresses", "That are scraped", f'count(verifyd_build_info{{{NS},program="verifyd-ingress"}}) or vector(0)', steps=((None, RED), (1, GREEN)), width=2)
    board.stat("Workers", "That are scraped", f'count(verifyd_build_info{{{NS},program="verifyd-worker"}}) or vector(0)', steps=((None, RED), (1, GREEN)), width=2)


def make():
    board = Board()
    for part in (wrong, flow, vendors, callers, ends, below):
        part(board)
    return {
        "uid": "verifyd", "title": "verifyd", "tags": ["verifyd"], "timezone": "browser", "schemaVersion": 39, "version": 1, "editable": True,
        "graphTooltip": 1, "refresh": "10s", "time": {"from": "now-1h", "to": "now"}, "timepicker": {}, "links": [],
        "annotations": {"list": [{"name": "Alerts", "enable": True, "datasource": SOURCE, "iconColor": RED, "titleFormat": "{{alertname}}",
                                  "expr": f'ALERTS{{{NS},alertname=~"Verifyd.*",alertstate="firing"}}', "step": "30s"}]},
        "templating": {"list": [
            {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0, "refresh": 1, "current": {}},
            {"name": "namespace", "label": "Namespace", "type": "query", "datasource": SOURCE, "query": {"query": "label_values(verifyd_build_info, namespace)", "refId": "A"},
             "includeAll": True, "allValue": ".*", "multi": True, "refresh": 2, "sort": 1, "hide": 0, "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}]},
        "panels": board.panels,
    }


def main():
    text = json.dumps(make(), indent=1, ensure_ascii=False) + "\n"
    if "--check" in sys.argv[1:]:
        return 0 if OUT.exists() and OUT.read_text(encoding="utf-8") == text else 1
    OUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
