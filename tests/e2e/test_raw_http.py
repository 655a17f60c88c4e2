"""Requests that break HTTP itself, sent byte by byte: one 400, the connection closed, nothing behind it served."""
import socket
import time

import pytest

from lib.http import raw, schemas, split_answers
from lib.stack import KEYS

KEY = f"X-Api-Key: {KEYS['b2c']}\r\n"
JSON = "Content-Type: application/json\r\n"
SECOND = "GET /v1/verifications/vAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: a\r\n\r\n"
POST = "POST /v1/verifications HTTP/1.1\r\n"
HOST = "Host: a\r\n"
AMBIGUOUS = {
    "length and coding": POST + HOST + KEY + JSON + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": POST + HOST + KEY + JSON + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "two lengths": POST + HOST + KEY + JSON + "Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}",
    "two lengths, the longer first": POST + HOST + KEY + JSON + "Content-Length: 30\r\nContent-Length: 2\r\n\r\n{}",
    "space before the colon": POST + HOST + KEY + JSON + "Content-Length : 2\r\n\r\n{}",
    "space before the colon of a coding": POST + HOST + KEY + JSON + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "no host": POST + KEY + JSON + "Content-Length: 2\r\n\r\n{}",
    "two hosts": POST + HOST + "Host: b\r\n" + KEY + JSON + "Content-Length: 2\r\n\r\n{}",
    "unknown coding": POST + HOST + KEY + JSON + "Transfer-Encoding: gzip\r\n\r\n",
    "two codings": POST + HOST + KEY + JSON + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "list of lengths": POST + HOST + KEY + JSON + "Content-Length: 2, 2\r\n\r\n{}",
    "signed length": POST + HOST + KEY + JSON + "Content-Length: +2\r\n\r\n{}",
    "get with two hosts": "GET /v1/verifications/vAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\n" + HOST + HOST + KEY + "\r\n",
    "get without host": "GET /v1/verifications/vAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\n" + KEY + "\r\n",
}
GARBAGE = {
    "nothing": b"", "one byte": b"G", "noise": bytes(range(256)) * 8, "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 300,
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 64, "no version": b"GET /\r\n\r\n", "far version": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "huge header": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", "many headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "huge url": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", "nul in header": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "no such length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "length too long": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "bad chunk": (POST + HOST + KEY + JSON).encode() + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
    "huge chunk": (POST + HOST + KEY + JSON).encode() + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
    "folded": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "bare lf": b"GET / HTTP/1.1\nHost: a\n\n",
}


def alive(service):
    return service.b2c.score(service.person())["score"] == 87


@pytest.mark.parametrize("data", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_an_ambiguous_message_is_refused_and_nothing_behind_it_is_served(service, data):
    received, closed = raw(service.http.address, (data + SECOND).encode())
    assert closed, "the connection stayed open"
    answers = split_answers(received)
    status, headers, body = answers[0]
    assert status == 400 and headers.get("connection", "").lower() == "close", received
    assert b"HTTP/1.1 404" not in received, "what stood behind it was served"
    if "content-type" in headers:  # else libmicrohttpd refused it before we saw it; 0.9.75 then writes its header twice
        assert len(answers) == 1, received
        assert schemas.check_problem(status, headers["content-type"], body)["type"].endswith(":malformed_request")
    assert alive(service)


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_does_not_hurt_the_others(service, data):
    try:
        received, _ = raw(service.http.address, data, timeout_s=1)
    except (BrokenPipeError, ConnectionResetError):
        received = b""
    assert not received or received.startswith(b"HTTP/1.1 4") or received.startswith(b"HTTP/1.0 4") or received.startswith(b"HTTP/1.1 5"), received[:200]
    assert alive(service)


def test_a_body_that_is_announced_too_long_is_not_waited_for(service):
    head = POST + HOST + KEY + JSON + "Content-Length: 10000000000\r\n\r\n{"
    received, _ = raw(service.http.address, head.encode(), timeout_s=10)
    assert received.startswith(b"HTTP/1.1 413"), received[:200]
    assert alive(service)


def test_a_chunked_body_beyond_the_limit_is_cut_off(service):
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    data = (POST + HOST + KEY + JSON + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunk * 8 + b"0\r\n\r\n"
    received, _ = raw(service.http.address, data, timeout_s=2)
    assert received.startswith(b"HTTP/1.1 413"), received[:200]
    assert alive(service)


def test_a_chunked_body_within_the_limit_is_read(service):
    body = b'{"kind":"biocatch.score","subject":"s","session":"%s"}' % service.person().encode()
    data = (POST + HOST + KEY + JSON + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
    for part in (body[:7], body[7:]):
        data += b"%x\r\n%s\r\n" % (len(part), part)
    received, _ = raw(service.http.address, data + b"0\r\n\r\n", timeout_s=20)
    assert received[9:12] in (b"201", b"202"), received[:200]


def test_pipelined_requests_are_answered_in_order(service):
    one = "GET /v1/verifications/vAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\n" + HOST + KEY
    two = "GET /nothing HTTP/1.1\r\n" + HOST + KEY + "Connection: close\r\n"
    received, closed = raw(service.http.address, (one + "\r\n" + one + "\r\n" + two + "\r\n").encode())
    answers = split_answers(received)
    assert closed and [status for status, _, _ in answers] == [404, 404, 404]


def test_a_caller_that_leaves_while_it_is_held_hurts_nobody(service):
    session = service.person("~delay=1500")
    host, _, port = service.http.address.rpartition(":")
    request = f"GET /api/BioCatch/GetScore?uuid=u-gone&customerSessionID={session} HTTP/1.1\r\n{HOST}{KEY}\r\n".encode()
    links = []
    for _ in range(20):
        link = socket.create_connection((host, int(port)))
        link.sendall(request)
        links.append(link)
    time.sleep(0.3)
    for link in links:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
        link.close()
    answer = service.b2c.score(session, "u-gone")
    assert answer["score"] == 87 and service.vendor.calls(session) == 1
