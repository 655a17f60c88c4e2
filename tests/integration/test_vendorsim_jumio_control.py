"""vendorsim's Jumio towards tests: control calls, exact counters under load, its bounds, its end."""

import concurrent.futures
import json
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from jumio_sim import EMPTY, HEADERS, INITIATE, OUTCOMES, SCANS, UNKNOWN, JumioSim, Receiver, encode, form_of, order, query_of
from test_vendorsim import BIN_DIR, TIMEOUT_S, wait_in_flight

# Control


def test_control_finishes_without_a_browser(sim, receiver):
    reference, token = sim.begin("u~callback=0~outcome=unreadable", callbackUrl=receiver.url)
    location = sim.control("jumio/finish", reference=reference)["location"]
    assert query_of(location)["transactionReference"] == reference
    assert form_of(receiver.calls[0])["verificationStatus"] == "ERROR_NOT_READABLE_ID"
    assert sim.control("jumio/finish", reference=reference, outcome="approved")["location"] == location
    assert sim.press(token, "approved").headers["location"] == location
    assert sim.status(reference) == "DONE" and sim.data(reference)["document"]["status"] == "ERROR_NOT_READABLE_ID"
    (known,) = sim.transactions()
    assert known["outcome"] == "unreadable" and known["initiated_ms"] <= known["finished_ms"] <= time.time() * 1000 + 1
    assert len(receiver.calls) == 1


def test_control_finish_tells_no_location_when_there_is_none(sim):
    reference, _ = sim.begin(successUrl=None)
    assert sim.control("jumio/finish", reference=reference, outcome="denied_type") == {"location": None}


def test_control_calls_back_at_any_time(sim, receiver):
    reference, token = sim.begin(callbackUrl=receiver.url)
    receiver.status = 202
    assert sim.control("jumio/callback", reference=reference) == {"status": 202}
    sim.press(token, "approved")
    receiver.status = 200
    assert sim.control("jumio/callback", reference=reference) == {"status": 200}
    assert [form_of(call)["verificationStatus"] for call in receiver.calls] == [EMPTY, "APPROVED_VERIFIED"]
    assert sim.transactions()[0]["callbacks"] == 2


@pytest.mark.parametrize("name", ["jumio/finish", "jumio/callback"])
def test_control_of_one_transaction_refuses_what_it_cannot_do(sim, name):
    reference, _ = sim.begin("u~life=0")
    assert sim.control_reply(name, reference=UNKNOWN).status == 404
    assert sim.control_reply(name, reference=reference).status == 409  # over; without a callbackUrl
    for wrong in ({}, {"reference": 7}, {"reference": "x" * 40}, {"reference": reference, "outcome": "nobody"}):
        assert sim.control_reply(name, **wrong).status == 400
    assert sim.call("POST", f"/control/{name}", b"[]").status == 400
    assert sim.transactions()[0]["finished_ms"] is None


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/control/jumio/transactions", "GET"),
        ("GET", "/control/jumio/finish", "POST"),
        ("GET", "/control/jumio/callback", "POST"),
        ("GET", "/control/jumio", "POST"),
    ],
)
def test_control_refuses_other_methods_and_paths(sim, method, path, allow):
    reply = sim.call(method, path, b"{}" if method == "POST" else None)
    assert (reply.status, reply.headers["allow"]) == (405, allow)
    for unknown in ("/control/jumio/", "/control/jumio/x", "/control/biocatch/transactions", "/control/jumi"):
        assert sim.call(method, unknown, b"{}" if method == "POST" else None).status == 404


def test_transactions_come_oldest_first_and_by_user(sim):
    users = ["a", "b ü&=", "a", "c"]
    references = [sim.begin(user)[0] for user in users]
    assert [one["reference"] for one in sim.transactions()] == references
    assert [one["reference"] for one in sim.transactions("a")] == [references[0], references[2]]
    assert [one["reference"] for one in sim.transactions("b ü&=")] == [references[1]]
    assert sim.transactions("nobody") == []


def test_defaults_hold_for_all_and_markers_win(sim, receiver):
    wanted = {"outcome": "no_match", "pending": 1, "callback_ms": 0, "scan_fail_first": 1, "reject": 105, "html": None}
    told = sim.control("jumio", **wanted)
    assert told == {name: value for name, value in wanted.items() if value is not None}
    reference, token = sim.begin("u~pending=0", callbackUrl=receiver.url)
    sim.press(token)
    assert len(receiver.calls) == 1 and sim.status_reply(reference).status == 500
    assert sim.status(reference) == "DONE"
    assert sim.data(reference)["verification"]["identityVerification"]["similarity"] == "NO_MATCH"
    assert sim.control("jumio", **dict.fromkeys(wanted)) == {}


@pytest.mark.alone
@pytest.mark.parametrize("default", ["delay_ms", "scan_delay_ms"])
def test_delays_may_be_defaults(sim, default):
    reference, _ = sim.begin()
    sim.control("jumio", **{default: 1000})
    begun = time.monotonic()
    assert sim.initiate().status == 200
    initiated = time.monotonic()
    assert sim.status(reference) == "PENDING"
    slow, quick = initiated - begun, time.monotonic() - initiated
    if default != "delay_ms":
        slow, quick = quick, slow
    assert slow >= 1 > quick


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"delay":1}',
        b'{"delay_ms":-1}',
        b'{"outcome":"nobody"}',
        b'{"outcome":"leave"}',
        b'{"reject":101}',
        b'{"down":1}',
        b'{"callback_ms":"0"}',
    ],
)
def test_wrong_defaults_are_refused_and_change_nothing(sim, body):
    sim.control("jumio", outcome="error")
    assert sim.call("POST", "/control/jumio", body).status == 400
    assert sim.control("jumio") == {"outcome": "error"}


def test_down_resets_the_api_until_it_is_taken_back(sim):
    reference, token = sim.begin()
    sim.control("jumio", down=True)
    for call in (sim.initiate, lambda: sim.status_reply(reference), lambda: sim.data_reply(UNKNOWN)):
        with pytest.raises(ConnectionResetError):
            call()
    assert sim.press(token, "approved").status == 302, "the page is not the API"
    assert sim.stats()["requests"] == 5 and len(sim.transactions()) == 1
    sim.control("jumio", down=False)
    assert sim.status(reference) == "DONE"


def test_reset_forgets_everything(sim):
    reference, _ = sim.begin("u~fail-first=0")
    sim.initiate("v~fail-first=1")
    sim.control("jumio", outcome="error", pending=7)
    sim.control("reset")
    assert sim.transactions() == [] and sim.stats()["requests"] == 0 and sim.requests() == []
    assert sim.control("jumio") == {}
    assert sim.status_reply(reference).status == 404
    assert sim.initiate("v~fail-first=1").status == 500, "counted anew"


def test_biocatch_and_jumio_do_not_share_defaults(sim):
    sim.control("jumio", status=503)
    assert sim.post("s").status == 200
    assert sim.control("biocatch") == {}


# Counters


def test_every_call_is_recorded_under_its_user(sim):
    reference, token = sim.begin("u 1&ü", customerInternalReference="c 1")
    sim.page(token)
    sim.press(token, "approved")
    sim.status(reference)
    sim.data(reference)
    sim.status_reply(UNKNOWN)
    recorded = sim.requests("u 1&ü")
    assert [(entry["method"], entry["path"], entry["uuid"]) for entry in recorded] == [
        ("POST", INITIATE, "c 1"),
        ("GET", "/jumio/capture", "c 1"),
        ("POST", "/jumio/capture/finish", "c 1"),
        ("GET", f"{SCANS}/{reference}", "c 1"),
        ("GET", f"{SCANS}/{reference}/data", "c 1"),
    ]
    assert recorded[2]["body"] == f"authorizationToken={token}&outcome=approved"
    (stray,) = sim.requests("")
    assert stray["path"] == f"{SCANS}/{UNKNOWN}"
    stats = sim.stats()
    assert (stats["requests"], stats["distinct"], stats["in_flight"]) == (6, 1, 0)


def test_200_initiates_at_once_are_counted_exactly(sim):
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        made = list(pool.map(lambda n: sim.begin(f"u-{n % 100}~delay=100", customerInternalReference=f"c-{n}"), range(200)))
    assert len({reference for reference, _ in made}) == len({token for _, token in made}) == 200
    stats = sim.stats()
    assert (stats["requests"], stats["distinct"], stats["in_flight"]) == (200, 200, 0)
    assert 2 <= stats["max_in_flight"] <= 50
    known = sim.transactions()
    assert {one["reference"] for one in known} == {reference for reference, _ in made}
    assert sorted(one["customer_reference"] for one in known) == sorted(f"c-{n}" for n in range(200))
    assert len(sim.requests("u-7~delay=100")) == 2


def test_many_finish_and_are_called_back_at_once_each_once(sim, receiver):
    def one(n):
        reference, token = sim.begin(f"u-{n}~callback={(0, 50)[n % 2]}", callbackUrl=receiver.url)
        outcome = list(OUTCOMES)[n % len(OUTCOMES)]
        assert sim.press(token, outcome).status == 302
        assert sim.status(reference) == OUTCOMES[outcome][0]
        return reference

    receiver.wait_s = 0.02
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        references = list(pool.map(one, range(200)))
    called = [form_of(call)["jumioIdScanReference"] for call in receiver.wait(200)]
    assert sorted(called) == sorted(references)
    give_up = time.monotonic() + TIMEOUT_S
    while not all((one["callbacks"], one["callback_status"]) == (1, 200) for one in sim.transactions()):
        assert time.monotonic() < give_up


def test_one_that_is_finished_twice_at_once_has_one_end_and_one_callback(sim, receiver):
    for n in range(20):
        _, token = sim.begin(f"u-{n}~callback=1", callbackUrl=receiver.url)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            ways = list(pool.map(lambda outcome: sim.press(token, outcome).headers["location"], ["approved", "error"] * 2))
        assert len(set(ways)) == 1
    receiver.wait(20)
    time.sleep(0.2)
    assert len(receiver.calls) == 20


def pipeline(sim, bodies):
    """Sends all initiates over one connection. Returns how many were answered 200."""
    good = 0
    headers = HEADERS | {"Content-Type": "application/json", "Connection": None}
    with socket.create_connection(sim.address, 60) as link, link.makefile("rb") as answers:

        def write():
            for body in bodies:
                link.sendall(encode("POST", INITIATE, sim.address, headers, body))

        writer = threading.Thread(target=write)
        writer.start()
        for _ in bodies:
            good += answers.readline().startswith(b"HTTP/1.1 200")
            length = 0
            while (line := answers.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            answers.read(length)
        writer.join()
    return good


@pytest.mark.slow
def test_beyond_100000_the_one_that_finished_first_goes_then_the_oldest(sim):
    finished = [sim.begin(f"f-{n}") for n in range(3)]
    for reference, _ in (finished[1], finished[0]):
        sim.control("jumio/finish", reference=reference)
    body = json.dumps(order("crowd")).encode()
    assert pipeline(sim, [body] * 99997) == 99997
    sim.begin("newest")
    listed = sim.call("GET", "/control/jumio/transactions?user=f-1")
    assert (listed.json(), listed.headers["vendorsim-dropped"]) == ([], "1")
    assert len(sim.transactions("f-0")) == len(sim.transactions("f-2")) == 1
    sim.begin("newest")
    assert sim.transactions("f-0") == []
    sim.begin("newest")  # nobody is finished now
    assert sim.transactions("f-2") == [] and len(sim.transactions("newest")) == 3
    everything = sim.call("GET", "/control/jumio/transactions")
    assert (len(everything.json()), everything.headers["vendorsim-dropped"]) == (100000, "3")


# The process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_while_callbacks_and_answers_wait(number):
    sim, receiver = JumioSim(), Receiver()
    receiver.wait_s = 30
    for _ in range(3):
        _, token = sim.begin("later~callback=3600000", callbackUrl=receiver.url)
        sim.press(token, "approved")
    links = []
    for _, token in [sim.begin(f"now-{n}~callback=0", callbackUrl=receiver.url) for n in range(100)]:  # more than are sent at once
        form = f"authorizationToken={token}&outcome=approved".encode()
        links.append(socket.create_connection(sim.address, TIMEOUT_S))
        links[-1].sendall(
            encode("POST", "/jumio/capture/finish", sim.address, {"Content-Type": "application/x-www-form-urlencoded"}, form)
        )
    wait_in_flight(sim, 100)
    receiver.wait(64)
    time.sleep(0.1)
    assert len(receiver.calls) == 64 and sim.stats()["in_flight"] == 100
    begun = time.monotonic()
    assert sim.stop(number) == 0
    assert time.monotonic() - begun < 15, "not when the answers were due"
    for link in links:
        link.close()
    receiver.shutdown()
    socket.socket.close(receiver.socket)


def test_nothing_about_a_person_reaches_the_log(sim, receiver):
    reference, token = sim.begin("secret-user~callback=0", customerInternalReference="secret-c", callbackUrl=receiver.url)
    sim.page(token)
    sim.press(token, "approved")
    sim.data(reference)
    sim.initiate("secret-user~unknown")
    assert not re.search(f"secret|VESNA|{token}|{reference}", json.dumps(sim.lines))


def test_help_names_jumio():
    told = subprocess.run([BIN_DIR / "vendorsim", "--help"], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert told.returncode == 0 and "/jumio" in told.stdout and "sim-token" in told.stdout
