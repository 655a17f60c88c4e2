"""What happened on the way, for the panel: the playground's own calls, those that reached the vendors' stand-ins, and what a
verification left in Redis and Kafka."""
import json
import re
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

MOST = 400  # events that are kept
ID = re.compile(r"\bv[\w-]{21}[AQgw]\b")
# Values that would let somebody act as B2C, or as the person, are shortened; the rest of the playground's people are invented.
SECRET = re.compile(r'("(?:verificationToken|VerificationToken|id_token_hint|password|newPassword)": ?")([^"]{12})[^"]*')


class Trace:
    def __init__(self, vendor, redis, ctl):
        self.vendor, self.redis, self.ctl = vendor, redis, ctl
        self.lock, self.events, self.seen = threading.Lock(), [], []

    def add(self, source, target, what, detail=None, took_ms=None):
        text = detail if isinstance(detail, str) or detail is None else json.dumps(detail, ensure_ascii=False)
        with self.lock:
            self.events.append({"at": time.time() * 1000, "from": source, "to": target, "what": what, "took_ms": took_ms,
                                "detail": SECRET.sub(r"\1\2…", text)[:2000] if text else None})
            del self.events[:-MOST]
            for found in ID.findall(text or ""):
                if found not in self.seen:
                    self.seen.append(found)

    def record(self, topic, partition, offset, key, value, at_ms):
        """One that is in Kafka. Producer: by its topic."""
        source = "ingress" if topic.startswith("requests") else "worker"
        with self.lock:
            self.events.append({"at": at_ms, "from": source, "to": "Kafka", "what": f"{topic} [{partition}]@{offset} key {key}", "took_ms": None, "detail": value[:2000]})
            del self.events[:-MOST]

    def all(self):
        """Our own events and the vendors', by time; and of the last verifications what is stored."""
        with self.lock:
            events, last = list(self.events), self.seen[-3:]
        events += self.at_vendors(min((event["at"] for event in events), default=time.time() * 1000))
        return {"events": sorted(events, key=lambda event: event["at"])[-MOST:], "stored": [self.stored(one) for one in reversed(last)]}

    def at_vendors(self, since):
        try:
            with urllib.request.urlopen(f"{self.vendor}/control/requests", timeout=3) as reply:
                calls = json.load(reply)
        except (OSError, ValueError):
            return []
        return [{"at": call["at_ms"], "from": "worker" if "/capture" not in call["path"] else "browser", "took_ms": None,
                 "to": "BioCatch" if "biocatch" in call["path"] else "Jumio", "what": f"{call['method']} {call['path']}",
                 "detail": (call.get("body") or urllib.parse.unquote(call.get("query") or "") or None)}
                for call in calls[-MOST:] if call["at_ms"] >= since - 1000]

    def stored(self, identity):
        keys = {}
        try:
            with Redis(self.redis) as redis:
                for key in redis.call("KEYS", f"verifyd:*{identity}*"):
                    kind = redis.call("TYPE", key)
                    value = redis.call("GET", key) if kind == "string" else kind
                    keys[key] = {"ttl_s": redis.call("TTL", key), "value": (value or "")[:1500]}
        except OSError as error:
            keys = {"Redis": {"ttl_s": None, "value": str(error)}}
        done = subprocess.run([*self.ctl, "get", identity], capture_output=True, text=True, timeout=15, check=False)
        return {"id": identity, "keys": keys, "story": done.stdout or done.stderr}


class Redis:
    """As much of the protocol as a look needs (RESP2)."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port or 6379), timeout=3)
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def call(self, *words):
        raw = [word.encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in raw))
        return self.answer()

    def answer(self):
        line = self.stream.readline()
        if not line:
            raise OSError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"$":
            return None if rest == "-1" else self.stream.read(int(rest) + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        if kind == b"-":
            raise OSError(rest)
        return int(rest) if kind == b":" else rest
