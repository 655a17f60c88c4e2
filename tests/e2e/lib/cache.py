"""A redis-server of a test's own, and a look inside it that judges what is kept there by schemas/."""
import os
import random
import re
import socket

import redis

from lib import schemas
from lib.process import Process, until

KNOWN_KEYS = re.compile(r"verifyd:(v:\{v[\w-]{22}\}|lease:\{v[\w-]{22}\}:(score|initiate)|(q|s|key):[\w-]{43}|(browser|place):\{v[\w-]{22}\}"
                        r"|ref:jumio:[\w-]{1,64}|(quota|gate):(jumio:(initiate|retrieve)|biocatch:score)|breaker:(jumio|biocatch)|epoch|rebuild(:missed|:progress)?|workers|ingresses|projector[\w:.-]*)")
FOR_EVER = {"verifyd:epoch"}  # the only key without an end
PORTS = range(10240, 32768)  # below those that Linux gives to outgoing connections: nothing takes them between choice and use
SLICES = 8  # processes of one run that choose ports at the same time
GIVEN = set()  # ports of this process: some are bound long after they were chosen, and others are chosen meanwhile


def own_ports():
    """Of those that run side by side (pytest -n names them gw0, gw1, …) each has its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    return PORTS[int(worker.removeprefix("gw")) % SLICES::SLICES] if worker else PORTS


def free_port():
    """One that nobody has, and that this process has not been given before."""
    while True:
        port = random.choice(own_ports())
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in GIVEN:
            GIVEN.add(port)
            return port


class RedisServer:
    def __init__(self, folder, name="redis", port=None, start=True):
        self.folder, self.name, self.port = folder, name, port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.process = None
        if start:
            self.start()

    def start(self):
        command = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                   "--maxmemory-policy", "noeviction", "--dir", self.folder, "--daemonize", "no"]
        self.process = Process(self.name, command, self.folder)
        until(self.answers, 30, "redis-server")
        return self

    def client(self):
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=30)

    def answers(self):
        assert self.process.running(), f"redis-server ended:\n{self.process.tail()}"
        try:
            return self.client().ping()
        except redis.RedisError:
            return False

    def state(self, identity):
        """The judged state of one verification, or None."""
        value = self.client().get(f"verifyd:v:{{{identity}}}")
        return schemas.check_verification(value) if value is not None else None

    def states(self):
        """Every state, judged; fails on a key of a name that nobody agreed on."""
        link = self.client()
        found = {}
        for key in link.scan_iter(count=1000):
            assert KNOWN_KEYS.fullmatch(key), f"a key nobody knows: {key}"
            assert key in FOR_EVER or key.startswith("verifyd:projector") or link.ttl(key) != -1, f"{key} would stay for ever"
            if key.startswith("verifyd:v:"):
                value = link.get(key)
                if value is not None:
                    state = schemas.check_verification(value)
                    assert key == f"verifyd:v:{{{state['id']}}}"
                    found[state["id"]] = state
        return found

    def everything(self):
        """All keys and values as one text, for canaries."""
        link = redis.Redis(port=self.port, socket_timeout=30)
        parts = []
        for key in link.scan_iter(count=1000):
            kind = link.type(key)
            if kind == b"none":  # its time ended between the two looks
                continue
            read = {b"string": link.get, b"hash": link.hgetall, b"set": link.smembers,
                    b"zset": lambda k: link.zrange(k, 0, -1), b"list": lambda k: link.lrange(k, 0, -1)}[kind]
            parts.append(key + b"=" + repr(read(key)).encode())
        return b"\n".join(parts)

    def stop(self):
        return self.process.stop() if self.process else 0
