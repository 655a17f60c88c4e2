"""Requests that break HTTP itself, sent byte by byte: one 400, the connection closed, nothing behind it served.

A row of REFUSED or HARMLESS is sent with a whole good request behind it. Where two HTTP parsers (a proxy's and ours) could disagree
about where the first one ends, that second one would be served to whoever comes next on the proxy's connection."""
import socket

import pytest

from lib.http import raw, schemas, split_answers
from lib.process import until
from lib.stack import KEYS

KEY = f"X-Api-Key: {KEYS['b2c']}\r\n"
JSON = "Content-Type: application/json\r\n"
POST = "POST /v1/verifications HTTP/1.1\r\n"
HOST = "Host: a\r\n"
GET = "GET /v1/verifications/vAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\n"
TYPED = POST + HOST + KEY + JSON
CHUNKED = TYPED + "Transfer-Encoding: chunked\r\n\r\n"
BEHIND = "GET /api/Oidc/.well-known/keys HTTP/1.1\r\nHost: a\r\n\r\n"  # answered with 200 wherever it is served
SERVED = b'"keys"'
LENGTH = "Content-Length: 2\r\n"
CODING = "Transfer-Encoding: chunked\r\n"
NO_CHUNKS = "\r\n0\r\n\r\n"
REFUSED = {  # with 400 or 431, and the connection closed
    # where does the body end?
    "length and coding": TYPED + LENGTH + CODING + NO_CHUNKS,
    "coding and length": TYPED + CODING + LENGTH + NO_CHUNKS,
    "coding and a length of nothing": TYPED + CODING + "Content-Length: 0\r\n" + NO_CHUNKS,
    "length and an unknown coding": TYPED + LENGTH + "Transfer-Encoding: x\r\n\r\n{}",
    "two lengths": TYPED + LENGTH + "Content-Length: 30\r\n\r\n{}",
    "two lengths, the longer first": TYPED + "Content-Length: 30\r\n" + LENGTH + "\r\n{}",
    "two lengths, equal": TYPED + LENGTH + LENGTH + "\r\n{}",
    "two lengths, one in capitals": TYPED + LENGTH + "CONTENT-LENGTH: 3\r\n\r\n{}",
    "list of lengths": TYPED + "Content-Length: 2, 2\r\n\r\n{}",
    "list of different lengths": TYPED + "Content-Length: 2, 30\r\n\r\n{}",
    "signed length": TYPED + "Content-Length: +2\r\n\r\n{}",
    "negative length": TYPED + "Content-Length: -1\r\n\r\n{}",
    "length in hex": TYPED + "Content-Length: 0x2\r\n\r\n{}",
    "length with a blank inside": TYPED + "Content-Length: 2 0\r\n\r\n{}",
    "length beyond 64 bits": TYPED + "Content-Length: 18446744073709551618\r\n\r\n{}",
    "no length after its name": TYPED + "Content-Length:\r\n\r\n{}",
    "unknown coding": TYPED + "Transfer-Encoding: gzip\r\n\r\n",
    "identity": TYPED + "Transfer-Encoding: identity\r\n" + NO_CHUNKS,
    "chunked twice": TYPED + CODING + CODING + NO_CHUNKS,
    "two codings": TYPED + CODING + "Transfer-Encoding: identity\r\n" + NO_CHUNKS,
    "chunked is not the last coding": TYPED + "Transfer-Encoding: chunked, gzip\r\n" + NO_CHUNKS,
    "chunked in quotes": TYPED + 'Transfer-Encoding: "chunked"\r\n' + NO_CHUNKS,
    "chunked with a parameter": TYPED + "Transfer-Encoding: chunked;q=1\r\n" + NO_CHUNKS,
    "chunked behind a vertical tab": TYPED + "Transfer-Encoding: \vchunked\r\n" + NO_CHUNKS,
    "chunked with a NUL": TYPED + "Transfer-Encoding: chunked\0\r\n" + NO_CHUNKS,
    "nearly chunked": TYPED + "Transfer-Encoding: xchunked\r\n" + NO_CHUNKS,
    "chunks before HTTP/1.1": TYPED.replace("1.1", "1.0") + "Connection: keep-alive\r\n" + CODING + NO_CHUNKS,
    # where does a header end?
    "space before the colon": TYPED + "Content-Length : 2\r\n\r\n{}",
    "space before the colon of a coding": TYPED + "Transfer-Encoding : chunked\r\n" + NO_CHUNKS,
    "tab before the colon": TYPED + "Transfer-Encoding\t: chunked\r\n" + NO_CHUNKS,
    "NUL in a name": TYPED + "Transfer-Encoding\0: chunked\r\n" + NO_CHUNKS,
    "name beyond ASCII": TYPED + "Transfer-Encod\xefng: chunked\r\n" + NO_CHUNKS,
    "no name": TYPED + ": chunked\r\n\r\n",
    "no colon": TYPED + "Transfer-Encoding chunked\r\n" + NO_CHUNKS,
    "folded coding": TYPED + "Transfer-Encoding:\r\n chunked\r\n" + NO_CHUNKS,
    "folded length": TYPED + "Content-Length:\r\n 2\r\n\r\n{}",
    "folded value": GET + HOST + KEY + "X: a\r\n b\r\n\r\n",
    "folded with a tab": GET + HOST + KEY + "X: a\r\n\tContent-Length: 60\r\n\r\n",
    "first header begins with a blank": POST + " " + HOST + HOST + KEY + JSON + LENGTH + "\r\n{}",
    "bare LF after a header": TYPED + "X: a\n" + LENGTH + "\r\n{}",
    "bare LF hides a coding": TYPED + "X: a\nTransfer-Encoding: chunked\r\n" + NO_CHUNKS,
    "bare LF hides a request": GET + HOST + KEY + "X: a\n\nGET /api/Oidc/keys HTTP/1.1\nHost: a\n\n",
    "bare LF everywhere": (GET + HOST + KEY).replace("\r", "") + "\n",
    "bare LF after the first line": GET.replace("\r", "") + HOST + KEY + "\r\n",
    "bare LF as the empty line": GET + HOST + KEY + "\n",
    "bare CR in a value": GET + HOST + KEY + "X: a\rContent-Length: 60\r\n\r\n",
    "NUL in a value": GET + HOST + KEY + "X: a\0b\r\n\r\n",
    "control character in a value": GET + HOST + KEY + "X: a\x01b\r\n\r\n",
    "huge header": GET + HOST + "X: " + "a" * 100_000 + "\r\n\r\n",
    "many headers": GET + HOST + "X: y\r\n" * 20_000 + "\r\n",
    # whose request is it?
    "no host": POST + KEY + JSON + LENGTH + "\r\n{}",
    "two hosts": POST + HOST + "Host: b\r\n" + KEY + JSON + LENGTH + "\r\n{}",
    "get with two hosts": GET + HOST + HOST + KEY + "\r\n",
    "get without host": GET + KEY + "\r\n",
    "list of hosts": GET + "Host: a, b\r\n" + KEY + "\r\n",
    "host with a user": GET + "Host: b@a\r\n" + KEY + "\r\n",
    "host with a path": GET + "Host: a/b\r\n" + KEY + "\r\n",
    "host with a blank": GET + "Host: a b\r\n" + KEY + "\r\n",
    # what does the first line say?
    "NUL in the target": "GET /v1/x\0y HTTP/1.1\r\n" + HOST + KEY + "\r\n",
    "NUL in the method": "GE\0T /v1/x HTTP/1.1\r\n" + HOST + KEY + "\r\n",
    "NUL after the method": "GET\0 /v1/x HTTP/1.1\r\n" + HOST + KEY + "\r\n",
    "NUL in the method's tail": "GET\0X /v1/x HTTP/1.1\r\n" + HOST + KEY + "\r\n",
    "encoded NUL in the path": "GET /v1/x%00y HTTP/1.1\r\n" + HOST + KEY + "\r\n",
    "blank in the target": "GET /v1/x y HTTP/1.1\r\n" + HOST + KEY + "\r\n",
    "tab in the target": "GET /v1/x\ty HTTP/1.1\r\n" + HOST + KEY + "\r\n",
    "target beyond ASCII": "GET /v1/\xe9 HTTP/1.1\r\n" + HOST + KEY + "\r\n",
    "two blanks": "GET  /v1/x  HTTP/1.1\r\n" + HOST + KEY + "\r\n",
    "two versions": "GET /v1/x HTTP/1.0 HTTP/1.1\r\n" + HOST + KEY + "\r\n",
    "version with a blank behind": "GET /v1/x HTTP/1.1 \r\n" + HOST + KEY + "\r\n",
    "version in small letters": "GET /v1/x http/1.1\r\n" + HOST + KEY + "\r\n",
    "version of our own": "GET /v1/x HTTP/1.2\r\n" + HOST + KEY + "\r\n",
    "huge target": "GET /" + "a" * 100_000 + " HTTP/1.1\r\n" + HOST + KEY + "\r\n",
    # what is a chunk?
    "chunk size is no number": CHUNKED + "ZZ\r\n{}\r\n0\r\n\r\n",
    "chunk size in C's hex": CHUNKED + "0x2\r\n{}\r\n0\r\n\r\n",
    "signed chunk size": CHUNKED + "+2\r\n{}\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": CHUNKED + "10000000000000002\r\n{}\r\n0\r\n\r\n",
    "chunk longer than its size": CHUNKED + "1\r\n{}\r\n0\r\n\r\n",
    "chunk size with a blank before it": CHUNKED + " 2\r\n{}\r\n0\r\n\r\n",
}
HARMLESS = {  # one answer at most; whatever stands behind it is not served
    "chunk with an extension": CHUNKED + "2;a=b\r\n{}\r\n0\r\n\r\n",
    "chunk extension with a bare LF": CHUNKED + "2;a\n{}\r\n0\r\n\r\n",
    "chunk size and a bare LF": CHUNKED + "2\n{}\n0\n\n",
    "chunk of the largest size": CHUNKED + "ffffffffffffffff\r\n{}",
    "last chunk and a trailer": CHUNKED + "2\r\n{}\r\n0\r\nContent-Length: 60\r\n\r\n",
    "last chunk and a trailer with a bare LF": CHUNKED + "2\r\n{}\r\n0\r\nX: a\n\n",
    "last chunk and garbage": CHUNKED + "2\r\n{}\r\n0\r\n\r\nXXXX",
    "coding behind a tab": TYPED + "Transfer-Encoding:\tchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "get with a body that is a request": GET + HOST + KEY + f"Content-Length: {len(BEHIND)}\r\n\r\n",
    "absolute target of another host": "GET http://b/v1/x HTTP/1.1\r\n" + HOST + KEY + "Connection: close\r\n\r\n",
    "connect": "CONNECT a:80 HTTP/1.1\r\n" + HOST + KEY + "Connection: close\r\n\r\n",
    "asterisk": "OPTIONS * HTTP/1.1\r\n" + HOST + KEY + "Connection: close\r\n\r\n",
    "upgrade to h2c": GET + HOST + KEY + "Connection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n",
    "expects to be told, then is ambiguous": TYPED + "Expect: 100-continue\r\n" + LENGTH + CODING + NO_CHUNKS,
    "garbage behind a body": TYPED + LENGTH + "Connection: close\r\n\r\n{}XXXX",
    "HTTP/0.9": "GET /v1/x\r\n",
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


def has_a_line(received):
    return b"\r\n" in received


def sent_with_another_behind(service, data, timeout_s):
    return raw(service.http.address, (data + BEHIND).encode("latin-1"), timeout_s)


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_an_ambiguous_message_is_refused_and_nothing_behind_it_is_served(service, data):
    received, closed = sent_with_another_behind(service, data, 10)
    assert closed, "the connection stayed open"
    assert SERVED not in received, "what stood behind it was served"
    answers = split_answers(received)
    assert len(answers) == 1, received
    status, headers, body = answers[0]
    assert headers["connection"] == "close", received
    code = schemas.check_problem(status, headers["content-type"], body)["type"].rpartition(":")[2]
    assert (status, code) in {(400, "malformed_request"), (400, "bad_json"), (431, "head_too_large")}, received


@pytest.mark.parametrize("data", HARMLESS.values(), ids=HARMLESS.keys())
def test_an_odd_message_has_one_answer_and_nothing_behind_it_is_served(service, data):
    received, _ = sent_with_another_behind(service, data, 1)
    assert SERVED not in received, "what stood behind it was served"
    answers = [answer for answer in split_answers(received) if answer[0] != 100]
    assert len(answers) <= 1 and all(400 <= status < 500 for status, _, _ in answers), received


def test_after_all_of_that_it_serves_and_what_is_good_may_be_pipelined(service):
    assert alive(service)
    received, _ = raw(service.http.address, (BEHIND + BEHIND.replace("Host", "Connection: close\r\nHost")).encode(), 10)
    assert [status for status, _, _ in split_answers(received)] == [200, 200] and received.count(SERVED) == 2


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_does_not_hurt_the_others(service, data):
    whole = len(data) > 1  # enough to be answered
    received, _ = raw(service.http.address, data, 10 if whole else 1, has_a_line)
    assert received.startswith(b"HTTP/1.1 4") or (not received and not whole), received[:200]
    assert alive(service)


def test_a_body_that_is_announced_too_long_is_not_waited_for(service):
    head = POST + HOST + KEY + JSON + "Content-Length: 10000000000\r\n\r\n{"
    received, _ = raw(service.http.address, head.encode(), timeout_s=10)
    assert received.startswith(b"HTTP/1.1 413"), received[:200]
    assert alive(service)


def test_a_chunked_body_beyond_the_limit_is_cut_off(service):
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    data = (POST + HOST + KEY + JSON + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunk * 8 + b"0\r\n\r\n"
    received, _ = raw(service.http.address, data, 10, has_a_line)
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


def in_hand(service):
    return service.ingress.ops.get("/healthz")["in_hand"]


def test_a_caller_that_leaves_while_it_is_held_hurts_nobody(service):
    session = service.person("~delay=4000")
    host, _, port = service.http.address.rpartition(":")
    request = f"GET /api/BioCatch/GetScore?uuid=u-gone&customerSessionID={session} HTTP/1.1\r\n{HOST}{KEY}\r\n".encode()
    links, before = [], in_hand(service)
    for _ in range(20):
        link = socket.create_connection((host, int(port)))
        link.sendall(request)
        links.append(link)
    until(lambda: in_hand(service) >= before + len(links), 20, "all to be held")
    for link in links:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
        link.close()
    service.vendor.release()
    answer = service.b2c.score(session, "u-gone")
    assert answer["score"] == 87 and service.vendor.calls(session) == 1
