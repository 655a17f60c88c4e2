"""Traces from the caller through Kafka to the vendor and back: one tree of spans, the same id in the logs, and no harm from a
collector that is away."""
import base64
import secrets
import time

import pytest

from lib.collector import Collector, one
from lib.journey import Journey, check_approved
from lib.load import in_parallel
from lib.process import until

SCORES, INITIATES, RETRIEVES = "requests.biocatch.score", "requests.jumio.initiate", "requests.jumio.retrieve"
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
DAY_MS = 86_400_000
SLACK_NS = 2_000_000  # Kafka's times are whole milliseconds


@pytest.fixture(scope="module")
def collector():
    server = Collector()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def traced(broker, tmp_path_factory, collector):
    """A service that tells the collector everything."""
    from conftest import running  # pylint: disable=import-outside-toplevel
    key = secrets.token_hex(8)
    for service in running(tmp_path_factory.mktemp("traced"), broker, OTLP_ENDPOINT=collector.endpoint, OTLP_HEADERS=f"X-Key={key}", RETRY_MAX_ATTEMPTS=2,
                           WEBHOOK_ALLOW="127.0.0.1:*", WEBHOOK_KEY=f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"):
        service.key = key
        yield service


def caller(sampled=True):
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, {"traceparent": f"00-{trace}-{span}-{'01' if sampled else '00'}"}


def ask(service, session, headers, **more):
    return service.b2c.post("/api/BioCatch/GetScore", {"customerSessionID": session, "uuid": "u-1", **more}, headers=headers)


def traceparents(request):
    return [request["traceparent"]] if "traceparent" in request else []


def check_tree(spans, root_parent):
    """Every span hangs on another one, the first on the caller's; none begins before its parent or ends before it begins."""
    by_id = {span.own: span for span in spans}
    assert len(by_id) == len(spans), "an id twice"
    for span in spans:
        assert span.begin_ns <= span.end_ns
        if span.parent == root_parent:
            continue
        assert span.parent in by_id, f"{span.name} has a parent that nobody told of"
        assert by_id[span.parent].begin_ns <= span.begin_ns + SLACK_NS, f"{span.name} begins before {by_id[span.parent].name}"
    assert [span.kind for span in spans if span.parent == root_parent] == [SERVER]


def tree(collector, trace, root_parent, *names):
    """Spans of these names, and all whose parent has been told of; children end before their parents, and each program tells its own."""
    def look():
        spans = collector.spans(trace)
        own = {span.own for span in spans}
        named = all(any(span.name.startswith(name) for span in spans) for name in names)
        return named and all(span.parent == root_parent or span.parent in own for span in spans) and spans

    spans = until(look, 60, f"a tree of {names}; there are {sorted((s.name, s.own, s.parent) for s in collector.spans(trace))}")
    check_tree(spans, root_parent)
    return spans


def test_a_score_is_one_tree_from_the_caller_to_the_vendor_and_back(traced, collector):
    trace, span, headers = caller()
    session = traced.person()
    assert ask(traced, session, headers)["score"] == 87
    requests = traced.topics.name(SCORES)
    results = f"send {traced.topics.name('results')}"
    spans = tree(collector, trace, span, "POST /api", "answer", f"send {requests}", f"wait in {requests}", f"process {requests}", "POST biocatch/score", results)
    server, process, call = one(spans, "POST /api"), one(spans, f"process {requests}"), one(spans, "POST biocatch/score")
    sent = one(spans, f"send {requests}")
    assert (server.name, server.kind, server.service) == ("POST /api/BioCatch/GetScore", SERVER, "verifyd-ingress")
    assert sent.parent == server.own and sent.kind == PRODUCER and sent.service == "verifyd-ingress"
    assert process.parent == sent.own and process.kind == CONSUMER and process.service == "verifyd-worker"
    assert one(spans, "wait in").parent == sent.own and one(spans, "answer").parent == server.own
    assert call.parent == process.own and call.kind == CLIENT
    assert one(spans, results).parent == process.own
    assert server.begin_ns <= sent.begin_ns and call.end_ns <= one(spans, results).begin_ns and one(spans, "answer").end_ns == server.end_ns
    identity = process.attributes["verifyd.verification.id"]
    assert all(item.attributes["verifyd.verification.id"] == identity for item in spans)
    assert server.attributes["http.response.status_code"] == "200" and call.attributes["http.response.status_code"] == "200"
    assert server.attributes["http.route"] == "/api/BioCatch/GetScore" and call.attributes["server.address"] == "127.0.0.1"
    assert process.attributes["verifyd.outcome"] == "completed" and process.attributes["messaging.destination.name"] == requests

    (seen,) = traced.vendor.requests(session)
    assert traceparents(seen) == [f"00-{trace}-{call.own}-01"], "the vendor could go on with it"
    for topic, sender in ((SCORES, sent), ("results", one(spans, results))):
        (record,) = [r for r in traced.topics.read(topic) if r.headers.get("traceparent", "").startswith(f"00-{trace}")]
        assert record.headers["traceparent"] == f"00-{trace}-{sender.own}-01"
    assert all(headers.get("X-Key") == traced.key for _, headers, _ in collector.requests)

    for program, event in ((traced.ingress, "accepted"), (traced.worker, "completed")):
        line = until(lambda: [e for e in program.process.events(event) if e.get("id") == identity], 10, event)  # pylint: disable=cell-var-from-loop
        assert [entry["trace_id"] for entry in line] == [trace]


def test_retries_delays_and_dead_letters_stay_in_the_trace_and_a_replay_links_to_it(traced, collector):
    trace, span, headers = caller()
    session = traced.person("~fail-first=2~score=321")
    made = traced.b2c.post("/v1/verifications", {"kind": "biocatch.score", "subject": traced.person(), "session": session, "deadline_ms": DAY_MS}, headers=headers)
    until(lambda: traced.b2c.read(made["id"], wait=20)["state"] == "dead", 60)
    spans = tree(collector, trace, span, "POST /v1", f"send {traced.topics.name('dead')}", f"send {traced.topics.name('results')}", f"process {traced.topics.name(SCORES)}")
    calls = [item for item in spans if item.name == "POST biocatch/score"]
    assert [call.failed for call in calls] == [True, True] and calls[0].attributes["error.type"] == "server_error"
    assert sorted(call.attributes.get("http.request.resend_count", "0") for call in calls) == ["0", "1"]
    letter = one(spans, f"send {traced.topics.name('dead')}")
    (record,) = [r for r in traced.topics.dead() if r.key == made["id"]]
    assert record.headers["traceparent"] == f"00-{trace}-{letter.own}-01"
    assert until(lambda: [e["trace_id"] for e in traced.worker.process.events("dead") if e["id"] == made["id"]], 20, "the log") == [trace]

    traced.stack.ctl("dead", "replay", made["id"])
    assert until(lambda: (v := traced.b2c.read(made["id"], wait=20))["state"] == "completed" and v, 60)["score"] == 321
    again = until(lambda: [s for s in collector.spans(verification=made["id"]) if s.links], 30, "the replay's span")
    assert [item.links for item in again] == [((trace, letter.own),)]
    assert again[0].trace != trace and again[0].parent == ""
    assert one(collector.spans(again[0].trace), "POST biocatch/score").parent == again[0].own


def test_a_journey_goes_on_in_its_traces_through_the_delay_topics(traced, collector):
    person = Journey(traced.stack, traced.ingress)
    person.initialize()
    person.to_vendor()
    person.to_b2c()
    check_approved(person.end())
    identity = person.reference
    initiate = until(lambda: [s for s in collector.spans(verification=identity) if s.name == "POST jumio/initiate"], 30)[0]
    first = tree(collector, initiate.trace, "", "POST /api/Jumio/InitializeTransaction", f"process {traced.topics.name(INITIATES)}", "POST jumio/initiate",
                 f"send {traced.topics.name('delay')}")
    back = until(lambda: [s for s in collector.spans(verification=identity) if s.name == "GET /return/{…}"], 30)[0]
    second = tree(collector, back.trace, "", f"process {traced.topics.name(RETRIEVES)}", "GET jumio/retrieve")
    sends = {item.attributes.get("server.address") for item in first + second if item.kind == CLIENT}
    assert sends == {"127.0.0.1"}


def test_who_is_called_back_gets_the_trace_too(traced, collector):
    trace, span, headers = caller()
    body = {"kind": "biocatch.score", "subject": traced.person(), "session": traced.person(), "callback_url": collector.hook}
    made = traced.b2c.post("/v1/verifications", body, headers=headers | {"Prefer": "wait=20"})
    assert made["state"] == "completed"
    (seen,) = until(lambda: [one for one in collector.called_back if one.get("traceparent", "").startswith(f"00-{trace}-")], 60, "the notice")
    spans = tree(collector, trace, span, "POST callback_url")
    call = one(spans, "POST callback_url")
    assert seen["traceparent"] == f"00-{trace}-{call.own}-01" and call.kind == CLIENT and not call.failed
    assert call.parent == one(spans, f"send {traced.topics.name('delay.5s')}").own


@pytest.mark.parametrize("given", [
    "", "nonsense", "00-{trace}-{span}-01-more", "ff-{trace}-{span}-01", "00-{trace}-0000000000000000-01", "00-{TRACE}-{span}-01", "00-{trace}-{span}",
])
def test_a_traceparent_that_is_none_begins_a_trace_of_its_own(traced, collector, given):
    trace, span, _ = caller()
    session = traced.person()
    before = {item.own for item in collector.spans()}
    ask(traced, session, {"traceparent": given.format(trace=trace, span=span, TRACE=trace.upper())})
    (seen,) = traced.vendor.requests(session)
    (parent,) = traceparents(seen)
    assert trace not in parent and parent.endswith("-01")
    spans = collector.wait("POST /api", trace=parent[3:35])
    assert one(spans, "POST /api").parent == "" and one(spans, "POST /api").own not in before


def test_who_does_not_want_to_be_traced_is_not_but_the_id_goes_on(traced, collector):
    trace, span, headers = caller(sampled=False)
    session = traced.person()
    answer = ask(traced, session, headers)
    assert answer["score"] == 87
    (seen,) = traced.vendor.requests(session)
    assert traceparents(seen) == [f"00-{trace}-{span}-00"]
    marker, _, headers = caller()
    ask(traced, traced.person(), headers)
    collector.wait("POST /api", f"process {traced.topics.name(SCORES)}", trace=marker)
    assert not collector.spans(trace)
    until(lambda: any(event.get("trace_id") == trace for event in traced.worker.process.events("completed")), 20, "the log")


def test_a_refusal_is_one_line_and_one_failed_or_plain_span(traced, collector):
    trace, _, headers = caller()
    answer = traced.http.post("/v1/verifications", {}, headers=headers)
    assert answer.status == 401
    span = one(collector.wait("POST /v1/verifications", trace=trace), "POST")
    assert span.attributes["http.response.status_code"] == "401" and not span.failed
    (line,) = [event for event in traced.ingress.process.events("refused") if event.get("trace_id") == trace]
    assert line["status"] == 401 and line["request_id"] == answer.headers["x-request-id"] == span.attributes["verifyd.request.id"]


def test_nothing_about_a_person_is_told(traced, collector):
    session, uuid = traced.person(), traced.person(kind="uuid")
    trace, _, headers = caller()
    traced.b2c.get(f"/api/BioCatch/GetScore?customerSessionID={session}&uuid={uuid}", headers=headers)
    person = Journey(traced.stack, traced.ingress)
    person.initialize()
    person.open_start()
    collector.wait("GET /api", trace=trace)
    until(lambda: [s for s in collector.spans() if s.name == "GET /start/{…}"], 30)
    text = collector.text()
    found = [value for value in traced.stack.people if value in text]
    assert not found and person.object_id not in text
    assert "/start/{" in text and not any(part in text for part in ("/start/A", "customerSessionID", "access_token"))


def lost(programs):
    return [program.metric("verifyd_spans_dropped_total") for program in programs]


def end(stack):
    """Ends both programs, as a deployment does. Returns how long that took."""
    begun = time.monotonic()
    for program in stack.programs:
        program.terminate()
    for program in stack.programs:
        program.wait()
        assert not program.verdict()
    return time.monotonic() - begun


def test_a_collector_that_fails_harms_nothing_and_what_is_lost_is_counted(stack):
    collector = Collector()
    programs = stack.worker(OTLP_ENDPOINT=collector.endpoint), stack.ingress(OTLP_ENDPOINT=collector.endpoint)
    worker, ingress = programs
    for mode in (500, 503, "hang"):
        before, collector.mode = lost(programs), mode
        answers = in_parallel(lambda _: ingress.b2c.score(stack.person()), range(60), threads=12)
        assert {answer["riskLevel"] for answer in answers} == {"LOW"}
        if mode != "hang":  # that one is waited for, until its time is up
            until(lambda: all(now > then for now, then in zip(lost(programs), before)), 30, f"{mode}: spans that are counted as lost")  # pylint: disable=cell-var-from-loop
    assert worker.metric("verifyd_spans_exported_total") == ingress.metric("verifyd_spans_exported_total") == 0
    assert all(program.process.events("traces_not_exported") for program in programs)
    assert end(stack) < 12, "a collector must not hold a drain up"
    collector.mode = "ok"
    collector.stop()
    worker, ingress = stack.worker(OTLP_ENDPOINT=collector.endpoint), stack.ingress(OTLP_ENDPOINT=collector.endpoint)  # nobody listens
    assert ingress.b2c.score(stack.person())["riskLevel"] == "LOW"
    until(lambda: min(lost((worker, ingress))) > 0, 30, "nobody there: spans that are counted as lost")


def test_what_is_left_is_flushed_when_the_programs_end_and_a_refused_span_is_counted(stack):
    collector = Collector()
    collector.mode = "some"
    worker, ingress = stack.worker(OTLP_ENDPOINT=collector.endpoint), stack.ingress(OTLP_ENDPOINT=collector.endpoint, OTLP_SAMPLE="0")
    trace, _, headers = caller()
    ingress.b2c.score(stack.person())  # begins here: not sampled
    ask(ingress, stack.person(), headers)
    until(lambda: ingress.metric("verifyd_spans_dropped_total") >= 1, 30, "a refused span")
    until(lambda: worker.metric("verifyd_spans_exported_total") >= 1, 30, "the others")
    collector.mode = "ok"
    ask(ingress, stack.person(), headers)
    end(stack)
    spans = collector.spans()
    assert {span.trace for span in spans} == {trace}
    assert {"verifyd-ingress", "verifyd-worker"} == {span.service for span in spans}
    collector.stop()
