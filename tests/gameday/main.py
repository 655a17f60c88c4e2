"""The command behind ../gameday.sh: what is broken on a game day, one after the other."""
import argparse
import datetime
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from system import RATE, System, report

# pylint: disable=wrong-import-position
from lib import process
from lib.kafka import REQUESTS
from lib.process import until
from lib.stack import PARTITIONS

CLEAN, FAILED, USAGE = 0, 1, 2
CUT_TO = 2  # initiates in five seconds
CROWD = 40  # at that pace they wait for more than a minute and a half
CERTIFICATE_LASTS_S = 20
FULL_GONE_WITHIN_S = 15 * 60


def vendor(system):
    alert, metric = "VerifydVendorDown", 'verifyd_breaker_open{vendor="jumio",op="initiate"} > 0'
    system.quiet(alert, metric)
    system.broken("Jumio answers 503 to everybody, while 20 people sign up")
    system.stack.vendor.set_jumio(status=503)
    people = system.people(20)
    system.shown(alert, metric, vendor="jumio", op="initiate")
    system.first_look("jumio initiate", "breaker is open", "server_error")
    system.stack.vendor.set_jumio(status=None)
    system.gone(alert)
    died = {record.key for record in system.stack.topics.dead()}  # not before: each probe that fails is somebody's last try
    assert died, "those whose tries were used up before the breaker opened"
    report("", f"  {len(died)} died before the breaker opened or as its probes, the others waited")
    told = system.by_the_book(alert, "verifyctl dead replay")
    assert re.search(rf"\b{len(died)} replayed", told), told
    system.all_approved(people)


def quota(system):
    alert, metric = "VerifydVendorThrottles", 'increase(verifyd_vendor_failures_total{vendor="jumio",failure="throttled"}[1m]) > 0'
    system.quiet(alert, metric)
    system.broken(f"Jumio allows {CUT_TO} initiates in 5 s, no longer {RATE.partition('/')[0]}, while {CROWD} people sign up")
    usual, system.contract.limit = system.contract.limit, CUT_TO
    people = system.people(CROWD)
    system.shown(alert, metric, vendor="jumio", op="initiate")
    system.restart(system.worker, JUMIO_INITIATE_RATE=f"{CUT_TO}/5s")
    system.broken_at = time.monotonic()
    system.shown("VerifydQuotaSaturated", 'verifyd:drain_seconds{vendor="jumio",op="initiate"} > 60', vendor="jumio", op="initiate")
    system.gone(alert)
    system.contract.limit = usual
    report("", "  the vendor allows more again")
    system.restart(system.worker, JUMIO_INITIATE_RATE=RATE)
    system.gone("VerifydQuotaSaturated")
    system.all_approved(people)


def redis(system):
    alert, metric = "VerifydRedisLost", "increase(verifyd_cache_losses_total[1m]) > 0"
    system.quiet(alert, metric)
    people = system.people(3)
    known = system.accepted()
    system.completed(known)
    system.broken("Redis is wiped (FLUSHALL), while 3 people sign up")
    system.stack.redis.client().flushall()
    system.shown(alert, metric)
    system.by_the_book(alert, "verifyctl cache rebuild")
    views = [system.ingress.b2c.read(identity) for identity in known[-20:]]
    assert {view["state"] for view in views} == {"completed"}, "what Redis had forgotten is there again"
    system.gone(alert)
    system.all_approved(people)


def kafka(system):
    alert, metric = "VerifydKafkaDown", 'verifyd_dependency_up{dependency="kafka"} == 0'
    system.quiet(alert, metric)
    people = system.people(3)
    system.broken("the only broker is killed, while 3 people sign up")
    system.kafka.kill()
    system.shown(alert, metric)
    system.first_look("Kafka is not to be seen")
    answer = system.ingress.b2c.create(system.stack.person())
    assert (answer.status, answer.code) == (503, "queue_away"), "nothing is pretended"
    system.kafka.begin_start()
    report("mended", "the broker is started; verifyd connects by itself")
    until(system.kafka.answers, 90, "Kafka")
    system.gone(alert)
    system.scores_go_on()
    system.all_approved(people)


def poison(system):
    alert, metric = "VerifydPoison", 'increase(verifyd_jobs_total{vendor="biocatch",outcome="poison"}[1m]) > 0'
    system.quiet(alert, metric)
    system.stack.poison = True
    system.broken(f"somebody else writes into {REQUESTS}: one record that is no JSON into each partition")
    for partition in range(PARTITIONS):
        system.stack.topics.produce(REQUESTS, f"poison-{partition}", b"\x00\xff not json", {"verifyd-schema": "1", "verifyd-op": "score"}, partition)
    system.shown(alert, metric, vendor="biocatch", op="score")
    system.first_look("dead letters in the last hour")
    told = system.by_the_book(alert, "verifyctl dead list")
    assert f"{PARTITIONS} shown" in told, told
    told = system.by_the_book(alert, "journalctl", **{"journalctl -u verifyd-worker -o cat": f"cat {system.worker.process.log}"})
    assert all(f'"topic":"{REQUESTS}","partition":{partition},' in told for partition in range(PARTITIONS)), told
    system.scores_go_on(8 * PARTITIONS)
    system.gone(alert)


def short_lived(path, seconds):
    """A pair for VERIFYD_SIGNING_CERT_FILE."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signs for a moment")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=365)).not_valid_after(now + datetime.timedelta(seconds=seconds)).sign(key, hashes.SHA256()))
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
                     + made.public_bytes(serialization.Encoding.PEM))
    return path


def certificate(system):
    alert, left = "VerifydCertificateExpired", 'verifyd_certificate_expires_timestamp_seconds{certificate="signing"} - time()'
    system.quiet(alert, f"{left} < 86400")
    people = system.people(3)
    system.broken(f"the certificate that signs id_token_hint is over in {CERTIFICATE_LASTS_S} s, while 3 people sign up")
    old = short_lived(system.folder / "signing.pem", CERTIFICATE_LASTS_S)
    over_at = time.monotonic() + CERTIFICATE_LASTS_S + 2  # it is good to the end of its last second
    system.restart(system.ingress, "", SIGNING_CERT_FILE=old)
    system.shown(alert, f"{left} < 86400", certificate="signing")
    until(lambda: time.monotonic() > over_at and system.prometheus.query(f"{left} < 0"), CERTIFICATE_LASTS_S + 30, "its end")
    report("broken", "it is over")
    refused = process.run("verifyd-ingress", "--check-config", settings=system.stack.environment(SIGNING_CERT_FILE=old))
    assert refused.returncode == 2, "it would not start again"
    report("", f"  an ingress that starts now: {refused.stderr.strip()}")
    system.by_the_book(alert.replace("Expired", "Expires"), "verifyctl keys new", DIR="next")
    new = system.folder / "next" / "signing-cert.pem"
    old.write_bytes(new.read_bytes() + old.read_bytes())
    system.restart(system.ingress, SIGNING_CERT_FILE=old)
    system.gone(alert)
    system.all_approved(people)


SCENARIOS = {"vendor": vendor, "quota": quota, "redis": redis, "kafka": kafka, "poison": poison, "certificate": certificate}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="gameday.sh", description="Breaks one thing after the other on a running verifyd.")
    parser.add_argument("--full", action="store_true", help="waits until every alert has gone by the rules as they are: a quarter of an hour")
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    options = parser.parse_args(arguments)
    unknown = [one for one in options.scenario if one not in SCENARIOS]
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    return options


def wait_for_all_to_go(system):
    begun = time.monotonic()
    while firing := sorted(system.prometheus.alerts()):
        assert time.monotonic() - begun < FULL_GONE_WITHIN_S, f"still firing: {firing}"
        time.sleep(1)
    report("gone", "every alert, by the rules as they are", time.monotonic() - begun)


def play(system, options):
    """Returns how many passed, and how many failed; after a failure the system is not what it was, so the rest is not played."""
    passed = 0
    begun = time.monotonic()
    for number, name in enumerate(options.scenario or SCENARIOS, 1):
        print(f"\n{number}. {name}, at {time.monotonic() - begun:.0f} s", flush=True)
        try:
            SCENARIOS[name](system)
            passed += 1
        except Exception as error:  # pylint: disable=broad-except
            report("FAILED", f"{type(error).__name__}: {error}")
            for program in system.stack.programs:
                print(f"--- {program.name}\n{program.tail(15)}")
            return passed, 1
    print("\nat the end", flush=True)
    try:
        if options.full:
            wait_for_all_to_go(system)
        report("ended", system.end())
    except Exception as error:  # pylint: disable=broad-except
        report("FAILED", f"{type(error).__name__}: {error}")
        return passed, 1
    print(f"\n{time.monotonic() - begun:.0f} s", flush=True)
    return passed + 1, 0


def main():
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = tempfile.mkdtemp(prefix="verifyd-gameday-")
    try:
        with System(folder) as system:
            passed, failed = play(system, options)
    finally:
        shutil.rmtree(Path(folder), ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return FAILED if failed else CLEAN


if __name__ == "__main__":
    sys.exit(main())
