"""The ingress with TLS of its own, and client certificates as credentials: in TLS, and in a trusted proxy's header."""
import base64
import http.client
import socket
import ssl
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import pytest

from lib import certs, process
from lib.cache import free_port
from lib.http import Caller
from lib.process import Process, until
from lib.stack import KEYS, Ingress

GOOD = {"X-Api-Key": KEYS["b2c"]}


@dataclass
class TlsCaller(Caller):
    """Over TLS, with a certificate or without one."""
    authority: object = None
    own: object = None
    highest: object = None

    def connect(self):
        host, _, port = self.address.rpartition(":")
        context = ssl.create_default_context(cafile=self.authority.write("cert"))
        if self.highest:
            context.maximum_version = self.highest
        if self.own:
            context.load_cert_chain(self.own.write("both"))
        return http.client.HTTPSConnection(host, int(port), timeout=self.timeout_s, context=context)


class World:
    """An authority for servers, one for clients, and certificates of all kinds."""

    def __init__(self, folder):
        folder.mkdir()
        self.servers = certs.make(folder, "servers", authority=True)
        self.server = certs.make(folder, "server", self.servers, server=True)
        self.clients = certs.make(folder, "clients", authority=True, old=True)
        self.b2c = certs.make(folder, "b2c-portal", old=True)  # signs itself
        self.issued = certs.make(folder, "issued", self.clients, common="b2c-2026")
        self.both = certs.make(folder, "both", self.clients)
        self.late = certs.make(folder, "late", self.clients, days=(-9, -1))
        self.stranger = certs.make(folder, "stranger")
        self.as_server = certs.make(folder, "as-server", self.clients, server=True)
        self.folder = folder

    def tls(self):
        return {"TLS_CERT_FILE": self.server.write("cert"), "TLS_KEY_FILE": self.server.write("key")}

    def caller(self, ingress, own=None, **more):
        return TlsCaller(ingress.process.address(listener="http"), authority=self.servers, own=own, **more)


@pytest.fixture(scope="module")
def world(service, session_folder):
    yield World(session_folder / "certs")
    until(lambda: service.worker.metric("verifyd_vendor_calls_in_flight") == 0, 30, "calls that nobody waits for to end")


@pytest.fixture(scope="module")
def pinned(service, world):
    """Callers known by the keys of their certificates."""
    return service.stack.ingress(TLS_CLIENT_SPKI=f"portal={world.b2c.pin},late={world.late.pin}", TRUSTED_PROXIES="127.0.0.2", **world.tls())


@pytest.fixture(scope="module")
def issued(service, world):
    """Callers whom an authority named."""
    return service.stack.ingress(TLS_CLIENT_CA_FILE=world.clients.write("cert"), **world.tls())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_listener_speaks_tls_and_nothing_older_or_plainer(service, world, pinned, highest):
    answer = world.caller(pinned, headers=GOOD, highest=highest).score(service.person())
    assert answer["score"] == 87
    with pytest.raises((OSError, http.client.HTTPException)):
        pinned.http.get("/api/Oidc/keys")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    host, _, port = pinned.process.address(listener="http").rpartition(":")
    with pytest.raises(OSError), socket.create_connection((host, int(port)), timeout=30) as link, context.wrap_socket(link):
        pass


def test_the_end_of_its_certificate_is_shown(pinned):
    (line,) = [line for line in pinned.ops.get("/metrics").json.splitlines() if line.startswith('verifyd_certificate_expires_timestamp_seconds{certificate="tls"} ')]
    assert 29 < (float(line.split()[1]) - time.time()) / 86400 <= 30


def test_a_certificate_whose_key_is_pinned_names_its_caller(service, world, pinned):
    answer = world.caller(pinned, world.b2c).score(service.person())
    assert answer["score"] == 87 and service.redis.state(answer["verificationId"])["caller"] == "portal"
    link = world.caller(pinned, world.b2c)
    kept = link.connect()
    for _ in range(3):
        assert link.ask("POST", "/api/BioCatch/GetScore", {"customerSessionID": service.person(), "uuid": "u"}, link=kept)["score"] == 87
    kept.close()


def test_an_authority_names_its_callers(service, world, issued):
    answer = world.caller(issued, world.issued).score(service.person())
    assert answer["score"] == 87 and service.redis.state(answer["verificationId"])["caller"] == "b2c-2026"


@pytest.mark.parametrize("which", ["stranger", "late", "issued", None])
def test_other_certificates_open_nothing_where_keys_are_pinned(service, world, pinned, which):
    caller = world.caller(pinned, which and getattr(world, which))
    answer = caller.score(service.person())
    assert (answer.status, answer.code) == (409, "unauthenticated")
    assert caller.get("/v1/verifications/v" + "A" * 22).status == 401
    assert caller.get("/api/Oidc/keys").status == 200, "what is open stays open"
    assert caller.get("/api/v6/score?uuid=u&customerSessionID=" + service.person(), headers=GOOD)["score"] == 87, "an API key does without"


@pytest.mark.parametrize("which", ["stranger", "late", "as_server", "b2c"])
def test_other_certificates_open_nothing_where_an_authority_is_set(service, world, issued, which):
    assert world.caller(issued, getattr(world, which)).score(service.person()).code == "unauthenticated"


def test_a_wrong_key_is_not_helped_by_a_good_certificate(service, world, pinned):
    answer = world.caller(pinned, world.b2c, headers={"X-Api-Key": "x" * 40}).score(service.person())
    assert answer.code == "unauthenticated"


def test_a_held_call_over_tls_is_answered_and_one_that_has_left_is_noticed(service, world, pinned):
    caller = world.caller(pinned, headers=GOOD)
    answer = caller.score(service.person("~delay=1500"))
    assert answer["score"] == 87 and answer.elapsed_s >= 1.4
    link = caller.connect()
    before = pinned.ops.get("/healthz")["in_hand"]
    link.request("POST", "/api/BioCatch/GetScore", f'{{"customerSessionID": "{service.person("~delay=4900")}", "uuid": "u"}}', GOOD | {"Content-Type": "application/json"})
    until(lambda: pinned.ops.get("/healthz")["in_hand"] > before, 20, "the call to be held")
    link.close()
    until(lambda: pinned.ops.get("/healthz")["in_hand"] <= before, 4, "its place to be free, before there is an answer")
    service.vendor.release()


# ---- a proxy in front


def forms(cert):
    der = base64.b64encode(cert.der).decode()
    return {"app service": der, "rfc 9440": f":{der}:", "nginx": urllib.parse.quote(cert.pem, safe=""), "apache": cert.pem.replace("\n", " ")}


@pytest.fixture(scope="module")
def behind(service, world):
    """Plain HTTP behind a proxy on 127.0.0.2, which is whoever calls from there."""
    return service.stack.ingress(HTTP_LISTEN="0.0.0.0:0", CLIENT_CERT_HEADER="X-ARR-ClientCert", TRUSTED_PROXIES="127.0.0.2", TLS_CLIENT_SPKI=f"portal={world.b2c.pin}")


@dataclass
class From(Caller):
    source: str = "127.0.0.1"

    def connect(self):
        _, _, port = self.address.rpartition(":")
        return http.client.HTTPConnection("127.0.0.1", int(port), timeout=self.timeout_s, source_address=(self.source, 0))


def through(behind, source, **headers):
    return From(behind.process.address(listener="http"), {name.replace("_", "-"): value for name, value in headers.items()}, source=source)


@pytest.mark.parametrize("form", ["app service", "rfc 9440", "nginx", "apache"])
def test_a_trusted_proxy_passes_a_certificate_on(service, world, behind, form):
    answer = through(behind, "127.0.0.2", X_ARR_ClientCert=forms(world.b2c)[form]).score(service.person())
    assert answer["score"] == 87 and service.redis.state(answer["verificationId"])["caller"] == "portal"
    assert through(behind, "127.0.0.1", X_ARR_ClientCert=forms(world.b2c)[form]).score(service.person()).code == "unauthenticated", "anybody else may say anything"


def test_a_proxys_header_that_is_no_good_certificate_opens_nothing(service, world, behind):
    for value in ("", "x", forms(world.stranger)["app service"], forms(world.b2c)["app service"][:-4], "A" * 9000):
        assert through(behind, "127.0.0.2", X_ARR_ClientCert=value).score(service.person()).code == "unauthenticated"
    link = through(behind, "127.0.0.2").connect()
    link.putrequest("GET", "/api/v6/score?uuid=u&customerSessionID=s")
    for _ in range(2):  # the caller's own, which the proxy let pass, and the proxy's
        link.putheader("X-ARR-ClientCert", forms(world.b2c)["app service"])
    link.endheaders()
    assert link.getresponse().status == 409
    link.close()


HAPROXY = """global
    maxconn 100
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend front
    bind 127.0.0.1:{port} ssl crt {server} ca-file {any} verify optional ca-ignore-err all crt-ignore-err all
    http-request del-header X-ARR-ClientCert
    http-request set-header X-ARR-ClientCert %[ssl_c_der,base64] if {{ ssl_c_used }}
    default_backend back
backend back
    server one 127.0.0.1:{ingress} source 127.0.0.2
"""


def test_a_real_proxy_passes_on_what_it_saw_and_nothing_that_a_caller_says(service, world, behind, session_folder):
    """As docs/operations.md writes it for HAProxy."""
    if not Path("/usr/sbin/haproxy").exists():
        pytest.skip("no haproxy")
    port, config = free_port(), world.folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port, server=world.server.write("both"), any=world.clients.write("cert"), ingress=behind.process.address(listener="http").rpartition(":")[2]))
    proxy = Process("haproxy-tls", ["/usr/sbin/haproxy", "-db", "-f", config], session_folder)
    try:
        caller = lambda own, **headers: TlsCaller(f"127.0.0.1:{port}", headers, authority=world.servers, own=own)
        until(lambda: is_open(port), 30, "haproxy")
        answer = caller(world.b2c).score(service.person())
        assert answer["score"] == 87 and service.redis.state(answer["verificationId"])["caller"] == "portal"
        forged = {"X-ARR-ClientCert": forms(world.b2c)["app service"]}
        for own in (None, world.stranger):
            assert caller(own, **forged).score(service.person()).code == "unauthenticated"
    finally:
        proxy.stop()


def is_open(port):
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0


def test_a_proxys_own_certificate_does_not_stand_for_its_callers(service, world):
    """One that speaks TLS with the ingress, too: what counts is the header, and there is none."""
    ingress = service.stack.ingress(CLIENT_CERT_HEADER="X-ARR-ClientCert", TRUSTED_PROXIES="127.0.0.0/8", TLS_CLIENT_SPKI=f"portal={world.b2c.pin}", **world.tls())
    assert world.caller(ingress, world.b2c).score(service.person()).code == "unauthenticated"
    passed = world.caller(ingress, world.stranger, headers={"X-ARR-ClientCert": forms(world.b2c)["app service"]})
    assert passed.score(service.person())["score"] == 87
    ingress.process.terminate()


def test_settings_that_cannot_work_are_all_complained_of(service, world):
    settings = service.stack.environment(TLS_CERT_FILE=world.server.write("cert"), TLS_CLIENT_SPKI="portal=short", CLIENT_CERT_HEADER="X-Client-Cert")
    done = process.run("verifyd-ingress", "--check-config", settings=settings)
    assert done.returncode == 2
    for words in ("VERIFYD_TLS_KEY_FILE: missing", "VERIFYD_TLS_CLIENT_SPKI: a value", "VERIFYD_CLIENT_CERT_HEADER: VERIFYD_TRUSTED_PROXIES"):
        assert words in done.stderr, done.stderr
    wrong = service.stack.environment(TLS_CERT_FILE=world.server.write("cert"), TLS_KEY_FILE=world.servers.write("key"))
    done = process.run("verifyd-ingress", settings=wrong)
    assert done.returncode == 2 and "VERIFYD_TLS_KEY_FILE: is not the key" in done.stderr


def test_a_drain_over_tls_answers_who_is_held(service, world):
    ingress = Ingress(service.stack.spawn("verifyd-ingress", **world.tls()), wait=True)
    link = world.caller(ingress, headers=GOOD).connect()
    link.request("POST", "/api/BioCatch/GetScore", f'{{"customerSessionID": "{service.person("~delay=3000")}", "uuid": "u"}}', GOOD | {"Content-Type": "application/json"})
    until(lambda: ingress.ops.get("/healthz")["in_hand"] > 0, 20, "the call to be held")
    ingress.process.terminate()
    reply = link.getresponse()
    assert reply.status == 200 and b"riskLevel" in reply.read()
    link.close()
