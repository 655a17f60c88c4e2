"""A whole verifyd of a test's own: topics under a random prefix, a Redis, a vendor, ingresses and workers.

`Stack` is a context: at its end everything is stopped, exit statuses are looked at, and every record and every state
that was left behind is judged by schemas/ and searched for the people's data that the test used.
"""
import re
import secrets
from pathlib import Path

from lib import process
from lib.cache import RedisServer, free_port
from lib.http import Caller
from lib.kafka import ALL_REQUESTS, DELAYS, Topics, judge
from lib.process import BIN, Process
from lib.vendor import Vendor

PARTITIONS = 4
KEYS = {name: f"{name}-{secrets.token_hex(16)}" for name in ("b2c", "other")}
BASIC = {"basil": secrets.token_hex(16)}
ISSUER, AUDIENCE = "https://idv.contoso.example/", "https://contoso.b2clogin.example/"
B2C_URL = "http://127.0.0.1:1/tenant"  # nobody listens there: the tests stop at redirects to it
LADDER_S = "1,2,3,4,5,6,8,10,15,20,25,30,40,50,60"  # when the worker looks, in a hurry


class Stack:
    patience = {}  # settings of all programs on a machine that has much to do, where nothing is measured

    def __init__(self, folder, servers, redis=None, vendor=None, topics=True, prefix=None, **settings):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prefix = prefix or f"t{secrets.token_hex(5)}."
        self.topics = Topics(servers, self.prefix)
        self.servers = servers
        self.redis = redis
        self.vendor = vendor
        self.make_topics = topics
        self.settings = settings
        self.public_address = f"127.0.0.1:{free_port()}"  # of the first ingress that runs; what people and vendors are told
        self.public_url = f"http://{self.public_address}"
        self.programs = []
        self.bin = BIN  # where what is started next comes from
        self.people = set()  # values that must not be found anywhere
        self.poison = False  # records that break their schema were planted

    def __enter__(self):
        try:
            self.redis = self.redis or RedisServer(self.folder)
            self.vendor = self.vendor or Vendor(self.folder)
            keys = process.run("verifyctl", "keys", "new", "--out", self.folder / "keys", settings=self.base())
            assert keys.returncode == 0, keys.stderr
            if self.make_topics:
                self.create_topics()
        except BaseException:
            self.stop_all()
            raise
        return self

    def __exit__(self, kind, _value, _trace):
        troubles = self.stop_all()
        assert kind is not None or not troubles, "\n".join(troubles)
        return False

    # settings

    def base(self):
        return {"VERIFYD_KAFKA_BROKERS": self.servers, "VERIFYD_TOPIC_PREFIX": self.prefix, "VERIFYD_REDIS_URL": self.redis.url}

    def environment(self, **overrides):
        """Every program gets the same; None takes a setting away."""
        lines = (self.folder / "keys" / "env").read_text().splitlines()
        keys = dict(line.removeprefix("export ").split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        keys = {name: value.strip("'\"") for name, value in keys.items()}
        keys.pop("VERIFYD_AUTH_API_KEYS_FILE")
        wanted = keys | self.base() | {
            "VERIFYD_HTTP_LISTEN": "127.0.0.1:0", "VERIFYD_OPS_LISTEN": "127.0.0.1:0", "VERIFYD_LOG_LEVEL": "debug",
            "VERIFYD_AUTH_API_KEYS": ",".join(f"{name}={key}" for name, key in KEYS.items()),
            "VERIFYD_AUTH_BASIC_USERS": ",".join(f"{user}:{password}" for user, password in BASIC.items()),
            # Many tests make the vendor fail, and share a service: only what is about the breaker has the default.
            "VERIFYD_BREAKER_FAILURES": "1000000", "VERIFYD_BREAKER_PROBE_MS": "500",
            "VERIFYD_BIOCATCH_BASE_URL": self.vendor.base_url, "VERIFYD_BIOCATCH_CUSTOMER_ID": "contoso",
        } | self.journeys() | self.patience
        for name, value in (self.settings | overrides).items():
            wanted["VERIFYD_" + name] = value
        return {name: value for name, value in wanted.items() if value is not None}

    def journeys(self):
        """What the sign-ups with Jumio need."""
        return {
            "VERIFYD_PUBLIC_URL": self.public_url, "VERIFYD_B2C_BASE_REDIRECT_URL": B2C_URL, "VERIFYD_TOKEN_ISSUER": ISSUER,
            "VERIFYD_TOKEN_AUDIENCE": AUDIENCE, "VERIFYD_CALLBACK_ALLOW_FROM": "127.0.0.1",
            "VERIFYD_JUMIO_BASE_URL": self.vendor.jumio_url, "VERIFYD_JUMIO_AUTH_USERNAME": "sim-token",
            "VERIFYD_JUMIO_AUTH_PASSWORD": "sim-secret", "VERIFYD_JUMIO_USER_AGENT": "Contoso Verify/1.0",
            "VERIFYD_JUMIO_INITIATE_RATE": "1000/1s", "VERIFYD_JUMIO_RETRIEVE_RATE": "1000/1s",
            "VERIFYD_JUMIO_POLL_S": LADDER_S, "VERIFYD_JUMIO_TOKEN_LIFETIME_MIN": "5",
        }

    def secret(self, name):
        """The content of a key file that `keys new` made, by its setting."""
        return Path(self.environment()[f"VERIFYD_{name}_FILE"]).read_text().strip()

    # programs

    def ctl(self, *arguments, status=0, **overrides):
        done = process.run("verifyctl", *arguments, settings=self.environment(**overrides))
        assert done.returncode == status, f"verifyctl {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def create_topics(self):
        """Returns when the broker tells of them, which is a little after it has made them."""
        self.ctl("topics", "create", "--partitions", PARTITIONS)
        process.until(lambda: {*ALL_REQUESTS, *DELAYS, "results", "dead"} <= set(self.topics.metadata()), 60, "the topics")

    def spawn(self, program, *flags, **overrides):
        name = f"{program}-{len(self.programs)}"
        one = Process(name, [self.bin / program, *flags], self.folder, self.environment(**overrides))
        self.programs.append(one)
        return one

    def ingress(self, wait=True, **overrides):
        """The first one that runs has the public address, the others any."""
        running = [p for p in self.programs if p.name.startswith("verifyd-ingress") and p.running()]
        public = {} if running else {"HTTP_LISTEN": self.public_address}
        return Ingress(self.spawn("verifyd-ingress", **(public | overrides)), wait)

    def worker(self, wait=True, vendors="biocatch,jumio", **overrides):
        return Worker(self.spawn("verifyd-worker", "--vendor", vendors, **overrides), wait)

    def stop_all(self):
        """Returns what went wrong."""
        for program in self.programs:
            if program.running():
                program.resume()
                program.terminate()
        for program in self.programs:
            program.stop()
        troubles = [trouble for program in self.programs if (trouble := program.verdict())]
        for server in (self.vendor, self.redis):
            if server:
                server.stop()
        return troubles

    # judgement

    def judge(self):
        """Every record and every state against its schema, every log against the people it must not name."""
        for topic in (*ALL_REQUESTS, *DELAYS):
            for record in self.topics.read(topic, judged=False):
                if not self.poison:
                    judge(record)
        self.topics.results()
        self.topics.dead()
        self.redis.states()
        for program in self.programs:
            found = [person for person in self.people if person in program.text(whole=True)]
            assert not found, f"{program.name} logged a person's data: {found}"

    def person(self, marks="", kind="session"):
        """A value of a person's that nobody else has, and that is searched for at the end."""
        value = f"{kind}-{secrets.token_hex(8)}"
        self.people.add(value)
        return value + marks


class Service:
    """A program with an ops listener."""

    def __init__(self, program, wait):
        self.process = program
        if wait:
            self.wait()

    def wait(self):
        self.ops = Caller(self.process.address(listener="ops"))
        process.until(self.is_ready, 60, f"{self.process.name} to be ready")
        return self

    def is_ready(self):
        if not self.process.running():
            raise AssertionError(f"{self.process.name} ended:\n{self.process.tail()}")
        try:
            return self.ops.get("/readyz").status == 200
        except OSError:
            return False

    def metric(self, name, label=""):
        """Sum over the series of a metric; only those that have this label: name="value"."""
        text = self.ops.get("/metrics").json
        found = re.findall(rf"^{re.escape(name)}(\{{[^}}]*\}})? ([0-9.e+-]+)", text, re.M)
        return sum(float(value) for labels, value in found if label in labels)


class Ingress(Service):
    def wait(self):
        super().wait()
        self.http = Caller(self.process.address(listener="http"))
        self.b2c = self.http.with_key(KEYS["b2c"])
        self.other = self.http.with_key(KEYS["other"])
        self.basic = self.http.with_basic(*next(iter(BASIC.items())))
        return self


class Worker(Service):
    pass
