"""Many connections at once, in one thread: senders that never get done, callers that wait and vanish."""
import http.client
import multiprocessing
import resource
import select
import selectors
import socket
import struct
import time

from lib.http import Caller
from lib.process import until


def allow_files(count):
    """Raises the limit of open files as far as it goes. Returns whether `count` more can be opened."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard == resource.RLIM_INFINITY or hard > count + 200


def connect(address):
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=30)


class Pace:
    """How much time somebody lost who wants to take a step every moment: whoever had the machine instead."""

    MOMENT_S = 0.2

    def __init__(self):
        self.last, self.lost_s = time.monotonic(), 0.0

    def step(self):
        now = time.monotonic()
        self.lost_s += max(0.0, now - self.last - self.MOMENT_S)
        self.last = now


class SlowSenders:
    """`count` connections that each send `head`, then a byte now and then, until the other side closes them. `pace` tells what of the
    times is our own."""

    def __init__(self, address, count, head, drip=b"x", every_s=1.0):
        self.drip, self.every_s = drip, every_s
        self.selector = selectors.DefaultSelector()
        self.began, self.closed_after = {}, []
        self.pace = Pace()
        for _ in range(count):
            begin = time.monotonic()
            link = connect(address)
            self.began[link] = begin
            link.sendall(head)
            link.setblocking(False)
            self.selector.register(link, selectors.EVENT_READ)

    def close(self, link):
        self.selector.unregister(link)
        link.close()
        self.closed_after.append(time.monotonic() - self.began.pop(link))

    def read(self, timeout_s):
        for key, _ in self.selector.select(timeout_s):
            try:
                gone = not key.fileobj.recv(4096)
            except OSError:
                gone = True
            if gone:
                self.close(key.fileobj)

    def write(self):
        for link in list(self.began):
            try:
                link.send(self.drip)
            except OSError:
                self.close(link)

    def drive(self, limit_s):
        """Goes on until all are closed. Returns how long each was open, in seconds; those that never closed are left out."""
        end = time.monotonic() + limit_s
        next_drip = time.monotonic()
        while self.began and time.monotonic() < end:
            if time.monotonic() >= next_drip:
                self.write()
                next_drip += self.every_s
            self.read(max(0.0, min(0.05, next_drip - time.monotonic())))
            self.pace.step()
        for link in list(self.began):
            link.close()
        return sorted(self.closed_after)


def slow_header(key):
    return f"POST /v1/verifications HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nX-Slow: ".encode()


def slow_body(key):
    return (f"POST /v1/verifications HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nContent-Type: application/json\r\n"
            'Content-Length: 1000\r\n\r\n{"kind":"').encode()


def under_way(address, head):
    """A connection with that request on it."""
    link = connect(address)
    link.sendall(f"{head}Host: a\r\n\r\n".encode())
    return link


def waiting_callers(address, key, sessions):
    """A connection each, with a GetScore under way on it."""
    return [under_way(address, f"GET /api/BioCatch/GetScore?uuid=u-1&customerSessionID={session} HTTP/1.1\r\nX-Api-Key: {key}\r\n") for session in sessions]


def waiting_readers(address, key, identity, count):
    """The same about one verification, each as long as it may be."""
    return [under_way(address, f"GET /v1/verifications/{identity} HTTP/1.1\r\nX-Api-Key: {key}\r\nPrefer: wait=20\r\n") for _ in range(count)]


def answered(links):
    """Those on which something came."""
    return select.select(links, [], [], 0)[0]


def answer_on(link):
    """Reads its head; the body is its read()."""
    answer = http.client.HTTPResponse(link)
    answer.begin()
    return answer


def vanish(links):
    """Half of them say goodbye, half are reset."""
    for number, link in enumerate(links):
        if number % 2:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()


def wait_for_waiters(ingress, count, timeout_s=60):
    """Returns how long it took."""
    begin = time.monotonic()
    until(lambda: ingress.metric("verifyd_waiters") == count, timeout_s, f"{count} held calls, not {ingress.metric('verifyd_waiters')}", 0.05)
    return time.monotonic() - begin


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def probe(address, headers, per_second, ready, stop, answers):
    """Good requests on kept connections: every second one is accepted into Kafka, the others only look."""
    caller = Caller(address, headers)
    link, taken, bad, number = caller.connect(), [], 0, 0
    due = time.monotonic()
    while not stop.is_set():
        number += 1
        begin = time.monotonic()
        if number % 2:
            body = {"kind": "biocatch.score", "subject": "s-1", "session": f"probe-{begin}-{number}"}
            answer = caller.post("/v1/verifications", body, link=link, judged=False)
            bad += answer.status != 202
        else:
            answer = caller.get("/v1/verifications/vAAAAAAAAAAAAAAAAAAAAAA", link=link, judged=False)
            bad += answer.status not in (200, 404)  # 200: pending, where no worker has filled the cache
        taken.append(time.monotonic() - begin)
        ready.set()
        due += 1 / per_second
        time.sleep(max(0.0, due - time.monotonic()))
    answers.put((taken, bad))


class Probe:
    """A context: good requests, from a process of its own, as long as it lasts; then `taken_s`, `lost_s` and `bad`."""

    def __init__(self, address, headers, per_second=100):
        context = multiprocessing.get_context("spawn")
        self.ready, self.stop, self.answers = context.Event(), context.Event(), context.Queue()
        self.process = context.Process(target=probe, args=(address, headers, per_second, self.ready, self.stop, self.answers), daemon=True)
        self.taken_s, self.bad = [], 0
        self.lost_s = 0.0  # by its calls that took longer than a moment

    def __enter__(self):
        self.process.start()
        assert self.ready.wait(60)
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.taken_s, self.bad = self.answers.get(timeout=30)
        self.lost_s = sum(max(0.0, taken - Pace.MOMENT_S) for taken in self.taken_s)
        self.process.join(30)
