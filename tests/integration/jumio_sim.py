"""vendorsim's Jumio as its tests see it: a client that says what Jumio's guide demands, a browser's form, and somebody to be
called back."""

import base64
import contextlib
import http.server
import json
import re
import threading
import time
import urllib.parse

from test_vendorsim import TIMEOUT_S, Reply, Sim

INITIATE = "/jumio/api/v4/initiate"
SCANS = "/jumio/api/netverify/v2/scans"
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UNKNOWN = "00000000-0000-4000-8000-000000000000"
HEADERS = {
    "User-Agent": "Contoso verifyd/0.1.0",
    "Authorization": "Basic " + base64.b64encode(b"sim-token:sim-secret").decode(),
    "Accept": "application/json",
}
NASTY = "Ünï <b>\"'&=#?/%41+;</b>~7"  # as a reference: nothing of it may pass for syntax

OUTCOMES = {  # scan status, document status, identityVerification
    "approved": ("DONE", "APPROVED_VERIFIED", {"similarity": "MATCH", "validity": "true"}),
    "denied_fraud": ("DONE", "DENIED_FRAUD", None),
    "denied_type": ("DONE", "DENIED_UNSUPPORTED_ID_TYPE", None),
    "denied_country": ("DONE", "DENIED_UNSUPPORTED_ID_COUNTRY", None),
    "denied_name": ("DONE", "DENIED_NAME_MISMATCH", None),
    "unreadable": ("DONE", "ERROR_NOT_READABLE_ID", None),
    "no_document": ("FAILED", "NO_ID_UPLOADED", None),
    "error": ("FAILED", "NO_ID_UPLOADED", None),
    "no_match": ("DONE", "APPROVED_VERIFIED", {"similarity": "NO_MATCH", "validity": "true"}),
    "not_possible": ("DONE", "APPROVED_VERIFIED", {"similarity": "NOT_POSSIBLE", "validity": "true"}),
    "validity_string": (
        "DONE",
        "APPROVED_VERIFIED",
        {"similarity": "MATCH", "validity": "false", "reason": "SELFIE_IS_SCREEN_PAPER_VIDEO"},
    ),
    "validity_bool": (
        "DONE",
        "APPROVED_VERIFIED",
        {"similarity": "MATCH", "validity": False, "reason": "SELFIE_IS_SCREEN_PAPER_VIDEO"},
    ),
    "no_identity": ("DONE", "APPROVED_VERIFIED", None),
    "other_customer": ("DONE", "APPROVED_VERIFIED", {"similarity": "MATCH", "validity": "true"}),
    "other_reference": ("DONE", "APPROVED_VERIFIED", {"similarity": "MATCH", "validity": "true"}),
    "unknown_document": ("DONE", "APPROVED_PROVISIONALLY", {"similarity": "MATCH", "validity": "true"}),
    "unknown_scan": ("COMPLETED", "APPROVED_VERIFIED", {"similarity": "MATCH", "validity": "true"}),
}
REFUSED = {"DENIED_FRAUD": "100", "ERROR_NOT_READABLE_ID": "200"}
EMPTY = "NO_ID_UPLOADED"


def encode(method, target, address, headers, body):
    head = {"Host": f"{address[0]}:{address[1]}", "Connection": "close", **headers}
    if body is not None:
        head["Content-Length"] = len(body)
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items() if value is not None)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def order(user="u-1", **changes):
    wanted = {
        "customerInternalReference": "txn-1",
        "userReference": user,
        "successUrl": "https://idv.contoso.example/return/T",
        "errorUrl": "https://idv.contoso.example/failed/T",
        **changes,
    }
    return {name: value for name, value in wanted.items() if value is not None}


class JumioSim(Sim):
    def request(self, method, target, body=None, **headers):
        """One call. headers: instead of the usual ones, by their names with _ for -; None leaves one out."""
        usual = {**HEADERS, "Content-Type": None if body is None else "application/json"}
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        return Reply(self.send(encode(method, target, self.address, usual | changed, body)))

    def initiate(self, user="u-1", **changes):
        return self.request("POST", INITIATE, json.dumps(order(user, **changes)).encode())

    def begin(self, user="u-1", **changes):
        """Returns the reference and the token."""
        reply = self.initiate(user, **changes)
        assert reply.status == 200, reply.body
        return reply.json()["transactionReference"], reply.json()["redirectUrl"].rpartition("=")[2]

    def page(self, token):
        return self.request("GET", f"/jumio/capture?authorizationToken={token}", Authorization=None, User_Agent="Mozilla/5.0")

    def press(self, token, outcome=None, **headers):
        members = {"authorizationToken": token} | ({} if outcome is None else {"outcome": outcome})
        form = urllib.parse.urlencode(members).encode()
        headers = {"Content_Type": "application/x-www-form-urlencoded", "Authorization": None} | headers
        return self.request("POST", "/jumio/capture/finish", form, **headers)

    def status_reply(self, reference):
        return self.request("GET", f"{SCANS}/{reference}")

    def data_reply(self, reference):
        return self.request("GET", f"{SCANS}/{reference}/data")

    def status(self, reference):
        reply = self.status_reply(reference)
        assert reply.status == 200, reply.body
        assert reply.json()["scanReference"] == reference and TIME.fullmatch(reply.json()["timestamp"])
        return reply.json()["status"]

    def data(self, reference):
        reply = self.data_reply(reference)
        assert reply.status == 200, reply.body
        return reply.json()

    def transactions(self, user=None):
        suffix = "" if user is None else "?" + urllib.parse.urlencode({"user": user})
        return self.call("GET", "/control/jumio/transactions" + suffix).json()

    def control_reply(self, name, **members):
        return self.call("POST", f"/control/{name}", json.dumps(members).encode())


class Receiver(http.server.ThreadingHTTPServer):
    """Who is called back: keeps every call, answers with `status` after `wait_s`."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self):
        super().__init__(("127.0.0.1", 0), ReceiverHandler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1/callbacks/jumio/secret"
        self.calls = []
        self.status, self.wait_s = 200, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait(self, count=1):
        give_up = time.monotonic() + TIMEOUT_S
        while len(self.calls) < count:
            assert time.monotonic() < give_up, f"{len(self.calls)} callbacks of {count}"
            time.sleep(0.005)
        return self.calls


class ReceiverHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode("ascii")
        self.server.calls.append((time.monotonic(), self.path, dict(self.headers), body))
        time.sleep(self.server.wait_s)
        with contextlib.suppress(OSError):
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_):
        pass


def form_of(call):
    """The members of a callback, each of which may be there once; all of it percent-encoded."""
    body = call[3]
    assert re.fullmatch(r"[A-Za-z0-9._~=&%-]+", body)
    pairs = urllib.parse.parse_qsl(body, strict_parsing=True, errors="strict")
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def query_of(url):
    assert re.fullmatch(r"[!-~]+", url)
    pairs = urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def error_of(reply):
    """A refusal as Jumio's: JSON with the status as a string."""
    assert reply.headers["content-type"] == "application/json"
    error = reply.json()
    assert set(error) == {"httpStatus", "message", "requestURI"} and error["httpStatus"] == str(reply.status)
    return error
