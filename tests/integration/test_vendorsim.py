"""vendorsim keeps its promises: every marker, every control call, over real sockets.

Tests and benchmarks judge verifyd by vendorsim's counters, so vendorsim is judged first. VERIFYD_BIN_DIR (or VERIFYD_BIN)
names the folder of the program (build/dev/bin).
"""

import concurrent.futures
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN_DIR = pathlib.Path(os.environ.get("VERIFYD_BIN_DIR") or os.environ.get("VERIFYD_BIN") or ROOT / "build/dev/bin")
SCORE = "/biocatch/api/v6/score"
TIMEOUT_S = 30


class Reply:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}

    def json(self):
        return json.loads(self.body)


class Sim:
    def __init__(self):
        self.process = subprocess.Popen(
            [BIN_DIR / "vendorsim", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True
        )
        self.lines = []
        for text in self.process.stderr:
            self.lines.append(json.loads(text))
            if self.lines[-1]["event"] == "listening":
                break
        assert self.lines and self.lines[-1]["listener"] == "vendorsim"
        host, port = self.lines[-1]["address"].rsplit(":", 1)
        self.address = (host, int(port))
        threading.Thread(target=lambda: self.lines.extend(map(json.loads, self.process.stderr)), daemon=True).start()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_S)

    def send(self, data):
        """One connection, one request; everything that came until the server closed."""
        with socket.create_connection(self.address, TIMEOUT_S) as link:
            link.sendall(data)
            raw = b""
            while part := link.recv(65536):
                raw += part
            return raw

    def call(self, method, target, body=None, content_type="application/json"):
        head = f"{method} {target} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n"
        if body is not None:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        return Reply(self.send(head.encode() + b"\r\n" + (body or b"")))

    def get(self, session, **changes):
        return self.call("GET", f"{SCORE}?{query(session, **changes)}")

    def post(self, session, **changes):
        return self.call("POST", SCORE, json.dumps(fields(session, **changes)).encode())

    def control(self, name, **members):
        reply = self.call("POST", f"/control/{name}", json.dumps(members).encode())
        assert reply.status == 200, reply.body
        return reply.json()

    def stats(self):
        return self.call("GET", "/control/stats").json()

    def requests(self, session=None):
        suffix = "" if session is None else "?" + urllib.parse.urlencode({"session": session})
        return self.call("GET", "/control/requests" + suffix).json()


def fields(session, **changes):
    all_fields = {"customerID": "contoso", "uuid": "u-1", "customerSessionID": session, "action": "getScore", **changes}
    return {name: value for name, value in all_fields.items() if value is not None}


def query(session, **changes):
    return urllib.parse.urlencode(fields(session, **changes))


def wait_in_flight(sim, count):
    give_up = time.monotonic() + TIMEOUT_S
    while sim.stats()["in_flight"] < count:
        assert time.monotonic() < give_up


def release(sim, calls):
    """Until all have been answered: one may have been counted, and not have begun to wait."""
    give_up = time.monotonic() + TIMEOUT_S
    while not all(call.done() for call in calls):
        assert time.monotonic() < give_up
        sim.control("release")


@pytest.fixture(scope="module")
def process():
    sim = Sim()
    yield sim
    assert sim.stop() == 0


@pytest.fixture
def sim(process):
    process.control("reset")
    return process


# What a good request gets


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_session_without_markers_is_scored_87(sim, method):
    reply = getattr(sim, method)("plain")
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    answer = reply.json()
    assert (answer["bcStatus"], answer["score"], answer["isBot"]) == ("tested", 87, False)
    assert answer["customerSessionID"] == "plain"
    assert "riskLevel" not in answer


@pytest.mark.parametrize("missing", ["customerID", "uuid", "customerSessionID", "action"])
@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_request_without_a_needed_field_is_refused(sim, method, missing, value):
    assert getattr(sim, method)(**{"session": "s", missing: value}).status == 400


@pytest.mark.parametrize("method", ["get", "post"])
def test_names_are_case_sensitive_and_the_action_must_be_getscore(sim, method):
    assert getattr(sim, method)("s", customerID=None, customerId="contoso").status == 400
    assert getattr(sim, method)("s", action="getscore").status == 400


def test_other_methods_paths_and_types_are_refused(sim):
    assert sim.call("GET", SCORE).json() == {"message": "empty request"}
    refused = sim.call("PUT", SCORE, b"{}")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, POST")
    assert sim.call("POST", SCORE, json.dumps(fields("s")).encode(), "text/plain").status == 415
    assert sim.call("POST", SCORE, b"{").status == 400
    assert sim.call("POST", SCORE, b"[]").status == 400
    assert sim.call("POST", SCORE, b"").status == 400
    assert sim.call("POST", SCORE, json.dumps(fields("s", uuid=7)).encode()).status == 400
    assert sim.call("GET", "/biocatch/api/v6/other?" + query("s")).status == 404
    assert sim.call("GET", "/elsewhere").status == 404


def test_a_body_over_64_kib_is_refused_and_recorded(sim):
    assert sim.post("s", padding="x" * 70000).status == 413
    assert len(sim.requests()[0]["body"]) == 65536


# Markers


def test_score_and_risk_are_what_the_markers_say(sim):
    answer = sim.post("a~score=912~risk=HIGH-17").json()
    assert (answer["score"], answer["riskLevel"], answer["bcStatus"]) == (912, "HIGH", "tested")
    assert sim.post("a~score=-1").json()["score"] == -1


def test_bot(sim):
    assert sim.post("a~bot").json()["isBot"] is True


def test_string_score(sim):
    assert sim.post("a~string-score~score=5").json()["score"] == "5"


def test_not_collected_has_no_score_unless_one_is_asked_for(sim):
    reply = sim.post("a~not-collected")
    assert (reply.status, reply.json()["bcStatus"]) == (200, "client_data_not_collected")
    assert "score" not in reply.json()
    assert sim.post("a~not-collected~score=1").json()["score"] == 1


def test_no_status_keeps_the_score(sim):
    answer = sim.post("a~no-status").json()
    assert "bcStatus" not in answer
    assert answer["score"] == 87


def test_status_and_retry_after(sim):
    reply = sim.post("a~status=503~retry-after=7")
    assert (reply.status, reply.headers["retry-after"]) == (503, "7")
    assert "score" not in reply.json()
    assert "retry-after" not in sim.post("a~retry-after=7").headers


def test_html(sim):
    reply = sim.post("a~html")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html")
    assert reply.body.startswith(b"<html>")
    assert sim.post("a~html~status=502").status == 502


def test_truncated_promises_more_than_it_sends_and_closes(sim):
    raw = sim.send(f"GET {SCORE}?{query('a~truncated')} HTTP/1.1\r\nHost: sim\r\n\r\n".encode())
    reply = Reply(raw)
    assert reply.status == 200
    assert 0 < len(reply.body) < int(reply.headers["content-length"])


@pytest.mark.parametrize("session", ["a~reset", "a~reset~delay=50"])
def test_reset_is_an_rst_without_a_byte(sim, session):
    with socket.create_connection(sim.address, TIMEOUT_S) as link:
        link.sendall(f"GET {SCORE}?{query(session)} HTTP/1.1\r\nHost: sim\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            link.recv(1)
    assert sim.stats()["requests"] == 1
    assert [entry["session"] for entry in sim.requests()] == [session]


@pytest.mark.alone
def test_delay_holds_the_answer_for_that_long(sim):
    begun = time.monotonic()
    assert sim.post("a~delay=300-x").status == 200
    assert 0.3 <= time.monotonic() - begun < 3


def test_fail_first_counts_the_calls_of_each_session(sim):
    assert [sim.post("a~fail-first=2").status for _ in range(4)] == [500, 500, 200, 200]
    assert [sim.post("b~fail-first=1~status=429").status for _ in range(2)] == [429, 200]
    assert sim.post("a~fail-first=2").json()["score"] == 87


def test_fail_first_heals_the_other_failures_too(sim):
    with pytest.raises(ConnectionResetError):
        sim.post("a~reset~fail-first=1")
    assert sim.post("a~reset~fail-first=1").json()["score"] == 87
    assert sim.post("a~html~fail-first=1").headers["content-type"] == "text/html"
    assert sim.post("a~html~fail-first=1").json()["score"] == 87


@pytest.mark.parametrize(
    "session", ["a~scor=5", "a~score", "a~score=x", "a~delay=-1", "a~status=99", "a~bot=yes", "a~risk="]
)
def test_a_mistyped_marker_is_refused(sim, session):
    assert sim.post(session).status == 400


def test_a_tilde_that_is_no_marker_is_left_alone(sim):
    assert sim.post("~71~~2~").status == 200


# Counters and records


def test_stats_count_requests_and_pairs(sim):
    for session, uuid in [("a", "1"), ("a", "1"), ("a", "2"), ("a1", ""), ("a", "12"), ("a1", "2")]:
        sim.post(session, uuid=uuid)
    stats = sim.stats()
    assert (stats["requests"], stats["distinct"]) == (6, 4)
    assert (stats["in_flight"], stats["dropped"]) == (0, 0)


def test_in_flight_is_what_waits_now_and_its_maximum_stays(sim):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(sim.post, f"s{i}~delay=60000") for i in range(8)]
        wait_in_flight(sim, 8)
        release(sim, calls)
        assert [call.result().status for call in calls] == [200] * 8
    stats = sim.stats()
    assert (stats["in_flight"], stats["max_in_flight"]) == (0, 8)


def test_a_release_is_for_those_that_wait_and_for_nobody_later(sim):
    assert sim.control("release") == {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(sim.post, f"s~delay=60000~score={i}") for i in range(2)]
        wait_in_flight(sim, 2)
        release(sim, calls)
        assert {call.result().json()["score"] for call in calls} == {0, 1}
    begun = time.monotonic()
    assert sim.post("s~delay=300").status == 200
    assert time.monotonic() - begun >= 0.3


def test_requests_are_recorded_as_they_came(sim):
    before_ms = time.time() * 1000
    body = json.dumps(fields("a b", extra="é")).encode()
    sim.call("POST", SCORE, body)
    sim.get("a b", uuid="x%y")
    posted, got = sim.requests()
    assert (posted["method"], posted["path"], posted["body"]) == ("POST", SCORE, body.decode())
    assert (got["method"], got["query"]) == ("GET", query("a b", uuid="x%y"))
    assert (got["session"], got["uuid"]) == ("a b", "x%y")
    assert before_ms - 1 <= posted["at_ms"] <= got["at_ms"] <= time.time() * 1000 + 1


def test_requests_can_be_asked_for_by_session(sim):
    sim.post("a~7=&c")
    sim.post("other")
    assert [entry["session"] for entry in sim.requests("other")] == ["other"]
    assert len(sim.requests("a~7=&c")) == 1
    assert sim.requests("none") == []


def test_a_request_that_breaks_off_is_not_counted(sim):
    with socket.create_connection(sim.address, TIMEOUT_S) as link:
        link.sendall(f"POST {SCORE} HTTP/1.1\r\nHost: sim\r\nContent-Length: 100\r\n\r\n{{".encode())
    assert sim.stats()["requests"] == 0


def test_the_ring_keeps_the_newest_20000_and_says_what_it_dropped(sim):
    wanted = 20010
    with socket.create_connection(sim.address, TIMEOUT_S) as link, link.makefile("rb") as answers:

        def write():
            for i in range(wanted):
                link.sendall(f"GET {SCORE}?{query(f's{i}')} HTTP/1.1\r\nHost: sim\r\n\r\n".encode())

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(wanted):
            length = 0
            while (line := answers.readline()) != b"\r\n":
                if line.startswith(b"Content-Length:"):
                    length = int(line.split(b":")[1])
            answers.read(length)
        writer.join()
    reply = sim.call("GET", "/control/requests")
    sessions = [entry["session"] for entry in reply.json()]
    assert reply.headers["vendorsim-dropped"] == "10"
    assert (len(sessions), sessions[0], sessions[-1]) == (20000, "s10", f"s{wanted - 1}")
    stats = sim.stats()
    assert (stats["requests"], stats["distinct"], stats["dropped"]) == (wanted, wanted, 10)


# Control


def test_control_calls_are_not_counted(sim):
    sim.stats()
    sim.requests()
    assert sim.stats()["requests"] == 0


def test_defaults_hold_for_all_sessions_and_markers_win(sim):
    assert sim.control("biocatch", score=700, status=None) == {"score": 700}
    assert sim.post("a").json()["score"] == 700
    assert sim.post("a~score=1").json()["score"] == 1
    assert sim.control("biocatch", status=503, delay_ms=100) == {"score": 700, "delay_ms": 100, "status": 503}
    begun = time.monotonic()
    assert sim.post("b").status == 503
    assert time.monotonic() - begun >= 0.1
    assert sim.control("biocatch", status=None, delay_ms=0, score=None) == {"delay_ms": 0}
    assert sim.post("b").json()["score"] == 87


def test_down_resets_every_call_until_it_is_taken_back(sim):
    sim.control("biocatch", down=True)
    for session in ["a", "a~fail-first=1", "a~fail-first=1"]:
        with pytest.raises(ConnectionResetError):
            sim.post(session)
    assert sim.stats()["requests"] == 3
    sim.control("biocatch", down=False)
    assert sim.post("a").status == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"delay":1}', b'{"delay_ms":"1"}', b'{"delay_ms":-1}', b'{"down":1}', b'{"risk":"HI GH"}'],
)
def test_wrong_defaults_are_refused_and_change_nothing(sim, body):
    assert sim.call("POST", "/control/biocatch", body).status == 400
    assert sim.call("POST", "/control/biocatch", b"{}").json() == {}


def test_reset_forgets_counters_requests_defaults_and_calls(sim):
    sim.control("biocatch", status=503)
    sim.post("a")
    sim.control("reset")
    assert sim.stats() == {"requests": 0, "distinct": 0, "in_flight": 0, "max_in_flight": 0, "dropped": 0}
    assert sim.requests() == []
    assert sim.post("a~fail-first=1").status == 500


def test_control_refuses_other_methods_and_paths(sim):
    for method, path, allow in [
        ("POST", "/control/stats", "GET"),
        ("POST", "/control/requests", "GET"),
        ("GET", "/control/reset", "POST"),
        ("GET", "/control/release", "POST"),
        ("GET", "/control/biocatch", "POST"),
    ]:
        reply = sim.call(method, path, b"" if method == "POST" else None)
        assert (reply.status, reply.headers["allow"]) == (405, allow)
    assert sim.call("POST", "/control/nobody", b"{}").status == 404


# The process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_while_answers_are_waiting(number):
    sim = Sim()
    links = [socket.create_connection(sim.address, TIMEOUT_S) for _ in range(50)]
    for i, link in enumerate(links):
        link.sendall(f"GET {SCORE}?{query(f's{i}~delay=60000')} HTTP/1.1\r\nHost: sim\r\n\r\n".encode())
    wait_in_flight(sim, len(links))
    begun = time.monotonic()
    assert sim.stop(number) == 0
    assert time.monotonic() - begun < 30, "not when the answers were due"
    for link in links:
        link.close()


def test_sessions_never_reach_the_log(sim):
    sim.post("secret-session", uuid="secret-person")
    sim.post("secret-session~unknown")
    assert "secret" not in json.dumps(sim.lines)


def test_help_version_and_mistakes():
    def run(*arguments):
        return subprocess.run([BIN_DIR / "vendorsim", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S)

    assert "--listen" in run("--help").stdout
    assert run("--version").stdout.startswith("vendorsim ")
    for arguments in [("--nonsense",), ("extra",), ("--listen",), ("--listen", "nowhere")]:
        mistake = run(*arguments)
        assert (mistake.returncode, mistake.stderr.count("\n"), mistake.stdout) == (2, 1, "")
