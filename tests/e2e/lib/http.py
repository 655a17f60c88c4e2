"""An HTTP caller that looks at everything: each answer is judged by schemas/openapi.yaml."""
import base64
import contextlib
import http.client
import json
import socket
import time
import urllib.parse
from dataclasses import dataclass, field

from lib import schemas

TIMEOUT_S = 60


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes
    elapsed_s: float
    json: object = None
    closed: bool = False  # the server closed the connection after it

    def __getitem__(self, name):
        return self.json[name]

    def get(self, name, default=None):
        return self.json.get(name, default)

    @property
    def code(self):
        """The error's code in either dialect."""
        return self.json.get("code") or self.json.get("type", "").rpartition(":")[2]


@dataclass
class Caller:
    """One caller: an address and a credential. Makes a new connection per call unless `link` is used."""
    address: str
    headers: dict = field(default_factory=dict)
    timeout_s: float = TIMEOUT_S

    def with_key(self, key):
        return Caller(self.address, {"X-Api-Key": key}, self.timeout_s)

    def with_basic(self, user, password):
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        return Caller(self.address, {"Authorization": f"Basic {token}"}, self.timeout_s)

    def without_credential(self):
        return Caller(self.address, timeout_s=self.timeout_s)

    def connect(self):
        host, _, port = self.address.rpartition(":")
        return http.client.HTTPConnection(host, int(port), timeout=self.timeout_s)

    def ask(self, method, path, body=None, headers=None, link=None, judged=True):
        """body: bytes as they are, anything else as JSON."""
        sent = dict(self.headers)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        own = link or self.connect()
        begin = time.monotonic()
        try:
            own.request(method, path, body, sent)
            reply = own.getresponse()
            content = reply.read()
        finally:
            if link is None:
                own.close()
        answer = Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, content,
                        time.monotonic() - begin, closed=reply.will_close)
        if judged and method != "HEAD":
            answer.json = schemas.check_answer(method, path, answer.status, answer.headers, content)
        return answer

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body, **more):
        return self.ask("POST", path, body, **more)

    def score(self, session, uuid="u-1", method="POST", path="/api/BioCatch/GetScore", **more):
        """GetScore as B2C asks it."""
        fields = {"customerSessionID": session, "uuid": uuid, **more}
        if method == "GET":
            return self.get(f"{path}?{urllib.parse.urlencode(fields)}")
        return self.post(path, fields)

    def create(self, session, subject="s-1", wait=None, **more):
        headers = {"Prefer": f"wait={wait}"} if wait is not None else None
        return self.post("/v1/verifications", {"kind": "biocatch.score", "subject": subject, "session": session, **more},
                         headers=headers)

    def read(self, identity, wait=None, **more):
        headers = {"Prefer": f"wait={wait}"} if wait is not None else None
        return self.get(f"/v1/verifications/{identity}", headers=headers, **more)


def raw(address, data, timeout_s=10, enough=lambda received: False):
    """Sends bytes as they are. Returns all that came until it was enough, the server closed or `timeout_s` passed, and whether it closed."""
    host, _, port = address.rpartition(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=timeout_s) as link:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it did not want all of it; what it said is still there
            link.sendall(data)
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and not enough(received):
            link.settimeout(max(0.05, end - time.monotonic()))
            try:
                more = link.recv(65536)
            except TimeoutError:
                return received, False
            except ConnectionResetError:
                return received, True
            if not more:
                return received, True
            received += more
    return received, False


def split_answers(data):
    """Cuts the bytes of one connection into (status, headers, body) of each answer."""
    answers = []
    while data:
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            break
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        answers.append((int(lines[0].split()[1]), headers, rest[:length]))
        data = rest[length:]
    return answers
