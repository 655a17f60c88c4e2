"""A stand-in for an OpenTelemetry collector: takes OTLP/HTTP with JSON, looks at every byte of it, and answers as it is told."""
import http.server
import json
import threading
import time
from dataclasses import dataclass

import jsonschema

from lib.process import until

HEX16, HEX32 = {"type": "string", "pattern": "^(?!0+$)[0-9a-f]{16}$"}, {"type": "string", "pattern": "^(?!0+$)[0-9a-f]{32}$"}
NANOS = {"type": "string", "pattern": "^[1-9][0-9]{18}$"}


def thing(required, **members):
    return {"type": "object", "additionalProperties": False, "required": required, "properties": members}


def things(of):
    return {"type": "array", "items": of, "minItems": 1}


VALUE = {"oneOf": [thing(["stringValue"], stringValue={"type": "string", "minLength": 1}),
                   thing(["intValue"], intValue={"type": "string", "pattern": "^-?[0-9]+$"})]}
ATTRIBUTES = things(thing(["key", "value"], key={"type": "string", "pattern": r"^[a-z][a-z_]*(\.[a-z_]+)*$"}, value=VALUE))
SPAN = thing(["traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"], traceId=HEX32, spanId=HEX16, parentSpanId=HEX16,
             name={"type": "string", "minLength": 1}, kind={"enum": [1, 2, 3, 4, 5]}, startTimeUnixNano=NANOS, endTimeUnixNano=NANOS,
             attributes=ATTRIBUTES, links=things(thing(["traceId", "spanId"], traceId=HEX32, spanId=HEX16)), status=thing(["code"], code={"const": 2}))
SCOPE = thing(["name", "version"], name={"const": "verifyd"}, version={"type": "string"})
REQUEST = thing(["resourceSpans"], resourceSpans=things(thing(
    ["resource", "scopeSpans"], resource=thing(["attributes"], attributes=ATTRIBUTES),
    scopeSpans=things(thing(["scope", "spans"], scope=SCOPE, spans=things(SPAN))))))
VALIDATOR = jsonschema.Draft202012Validator(REQUEST)


@dataclass(frozen=True)
class Span:
    service: str
    trace: str
    own: str
    parent: str  # "": none
    name: str
    kind: int
    begin_ns: int
    end_ns: int
    attributes: dict
    links: tuple
    failed: bool

    def __hash__(self):
        return hash(self.own)


def attributes_of(item):
    return {a["key"]: a["value"].get("stringValue", a["value"].get("intValue")) for a in item.get("attributes", [])}


class Collector:
    """`mode`: ok, or a status; hang: takes the request and says nothing; some: says that it refused one. It also is what a callback_url leads to."""

    def __init__(self):
        self.mode, self.requests, self.troubles, self.batches = "ok", [], [], []
        self.called_back = []  # headers of what came to hook
        self.lock = threading.Lock()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/hook":
                    collector.called_back.append({name.lower(): value for name, value in self.headers.items()})
                else:
                    collector.take(self.path, dict(self.headers), body)
                if collector.mode == "hang":
                    while collector.mode == "hang":
                        time.sleep(0.05)
                    self.close_connection = True
                    return
                status = collector.mode if isinstance(collector.mode, int) else 200
                answer = b'{"partialSuccess":{"rejectedSpans":"1"}}' if collector.mode == "some" else b"{}"
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server.server_port}/base"

    @property
    def hook(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def take(self, path, headers, body):
        with self.lock:
            self.requests.append((path, headers, body))
            try:
                assert path == "/base/v1/traces" and headers["Content-Type"] == "application/json", (path, headers)
                content = json.loads(body)
                VALIDATOR.validate(content)
                if self.mode == "ok":
                    self.batches.append(content)
            except Exception as trouble:  # pylint: disable=broad-except
                self.troubles.append(repr(trouble)[:2000])

    def spans(self, trace=None, verification=None):
        """What was taken, of a trace or about a verification."""
        with self.lock:
            assert not self.troubles, self.troubles[0]
            found = []
            for batch in self.batches:
                for resource in batch["resourceSpans"]:
                    service = attributes_of(resource["resource"])["service.name"]
                    for span in resource["scopeSpans"][0]["spans"]:
                        found.append(Span(service, span["traceId"], span["spanId"], span.get("parentSpanId", ""), span["name"], span["kind"],
                                          int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"]), attributes_of(span),
                                          tuple((link["traceId"], link["spanId"]) for link in span.get("links", [])), "status" in span))
        return [one for one in found if (trace is None or one.trace == trace) and
                (verification is None or one.attributes.get("verifyd.verification.id") == verification)]

    def wait(self, *names, trace=None, timeout_s=60):
        """Until spans whose names begin so are there. Returns all of the trace."""
        def look():
            spans = self.spans(trace)
            return all(any(span.name.startswith(name) for span in spans) for name in names) and spans
        return until(look, timeout_s, f"spans {names} of {trace}; there are {sorted(s.name for s in self.spans(trace))}")

    def text(self):
        with self.lock:
            return b"\n".join(body for _, _, body in self.requests).decode()

    def stop(self):
        self.mode = 503
        self.server.shutdown()
        self.server.server_close()


def one(spans, name):
    """The only span whose name begins so."""
    found = [span for span in spans if span.name.startswith(name)]
    assert len(found) == 1, f"{name}: {sorted(span.name for span in spans)}"
    return found[0]
