#!/usr/bin/env python3
"""Checks deploy/compose.yaml, and runs it without a container engine (engine.py), from the file systems that deploy/image/build-rootfs.sh makes.

Usage: compose.py check VERIFYCTL <MODEL         one line a mistake; status 1 when there is one
       compose.py run DIR FOLDER CACHE <MODEL    images DIR/rootfs, DIR/rootfs-demo; as root, in a network namespace of its own (unshare --net)
MODEL is the file as Compose reads it: compose-spec's own reader, -format json.
"""
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from engine import Engine, EngineError

ROOT = Path(__file__).resolve().parents[2]
IMAGE = re.compile(r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)?[a-z0-9]+(?:[._-][a-z0-9]+)*:v?\d+\.\d+\.\d+")
SECRET = re.compile(r"(KEY|KEYS|SECRET|TOKEN|PASSWORD|USERS|TOKENS)$")
STAND_IN = {"VERIFYD_JUMIO_AUTH_PASSWORD": "sim-secret"}  # public: tests/sim/README.md
KAFKA = """\
set -eu
env | sed -n '/^KAFKA_HEAP_OPTS=/d; s/^KAFKA_//p' | while IFS='=' read -r name value; do
	printf '%s=%s\\n' "$(printf %s "$name" | tr A-Z_ a-z.)" "$value"
done >/tmp/server.properties
run() { java $KAFKA_HEAP_OPTS -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*' "$@"; }
run kafka.tools.StorageTool format -t 5L6g3nShT-eMCtK--X86sw -c /tmp/server.properties
exec java $KAFKA_HEAP_OPTS -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*' kafka.Kafka /tmp/server.properties
"""
KAFKA_TOPICS = "#!/bin/sh\nexec java $KAFKA_HEAP_OPTS -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*' org.apache.kafka.tools.TopicCommand \"$@\"\n"


# ---- what can be seen in the file ----

def of_privileges(service):
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add") or service.get("privileged"):
        yield "has capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "may get privileges"
    if not service.get("read_only") and service["image"].partition(":")[0] != "apache/kafka":
        yield "may write to its root"
    if not service.get("mem_limit") or not service.get("pids_limit") or service.get("logging", {}).get("options", {}).get("max-size") is None:
        yield "has no limit of memory, processes or logs"
    user = service.get("user", "")
    if not service["image"].startswith("apache/kafka:") and (not user or user.partition(":")[0] in ("0", "root")):
        yield "may run as root"


def of_image(service):
    build = service.get("build")
    if build:
        stages = re.findall(r"^FROM \S+ AS (\S+)$", (Path(build["context"]) / build["dockerfile"]).read_text(), re.M)
        if build["target"] not in stages:
            yield f"target {build['target']} is not a stage of {build['dockerfile']}"
    elif not IMAGE.fullmatch(service["image"]):
        yield f"image {service['image']} is not pinned"


def of_settings(service, settings):
    for name, value in (service.get("environment") or {}).items():
        option = name.removeprefix("VERIFYD_")
        if name.startswith("VERIFYD_") and option not in settings and option.removesuffix("_FILE") not in settings:
            yield f"{name} is not a setting"
        if name.startswith("VERIFYD_") and SECRET.search(name) and STAND_IN.get(name) != value:
            yield f"{name} is a secret in the file"


def of_places(model, service):
    for each in service.get("volumes") or []:
        if each["type"] == "bind" and not (Path(each["source"]).is_file() and each.get("read_only")):
            yield f"{each['source']} is not there, or not mounted read-only"
        if each["type"] == "volume" and each["source"] not in model["volumes"]:
            yield f"volume {each['source']} is not declared"
    for port in service.get("ports") or []:
        if port.get("host_ip") != "127.0.0.1":
            yield f"port {port['target']} is published to others than this machine"


def of_order(model, service):
    for other, how in (service.get("depends_on") or {}).items():
        needed = model["services"][other]
        if needed.get("profiles") and needed["profiles"] != service.get("profiles"):
            yield f"needs {other}, which another profile brings"
        if how["condition"] == "service_healthy" and "healthcheck" not in needed:
            yield f"waits for {other} to be healthy, which nobody checks"
        if how["condition"] == "service_completed_successfully" and needed.get("restart") != "no":
            yield f"waits for {other} to end, which is started again then"


def mistakes(model, settings):
    for name, service in model["services"].items():
        for found in (of_privileges(service), of_image(service), of_settings(service, settings), of_places(model, service), of_order(model, service)):
            yield from (f"{name} {mistake}" for mistake in found)


def check(model, verifyctl):
    schema = json.loads(subprocess.run([verifyctl, "config", "schema"], check=True, capture_output=True, text=True).stdout)
    known = set(schema["definitions"]["settings"]["properties"]) | set(schema["definitions"]["secretSetting"]["enum"])
    found = list(mistakes(model, known))
    print("\n".join(found) or f"{len(model['services'])} services")
    return 1 if found else 0


# ---- what it does ----

def kafka_image(folder):
    """What of apache/kafka's image the services use: its start makes server.properties of the environment; its tools."""
    folder.mkdir()
    (folder / "kafka-topics.sh").write_text(KAFKA_TOPICS)
    (folder / "kafka-topics.sh").chmod(0o755)
    (folder / "start.sh").write_text(KAFKA)
    return folder


def engine_of(model, images, folder, cache):
    (jars,) = [path for path in Path(cache).glob("kafka-*") if (path / ".complete").exists()][-1:]
    return Engine(
        model, folder, {"verifyd": f"{images}/rootfs", "verifyd-demo": f"{images}/rootfs-demo"},
        {"apache/kafka": lambda _: ["sh", "/opt/kafka/bin/start.sh"], "prom/prometheus": lambda given: ["prometheus", *given]},
        {"apache/kafka": "0:0", "prom/prometheus": "nobody:nogroup"},
        {"apache/kafka": {kafka_image(Path(folder) / "kafka-image"): "/opt/kafka/bin", jars: "/opt/kafka/libs"}})


def fetch(url, headers=None):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers or {}), timeout=30) as reply:
        return reply.read().decode()


def until(what, condition, patience_s=60):
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.5)
    raise EngineError(f"in {patience_s} s not: {what}")


def scraped(url):
    return {one["labels"]["instance"] for one in json.loads(fetch(f"{url}/api/v1/targets"))["data"]["activeTargets"] if one["health"] == "up"}


def look(engine, folder):
    """A score with the key that was made, a person's way through the playground, console, and what Prometheus sees."""
    key = (Path(folder) / "volumes/keys/verifyd/api-keys").read_text().strip().partition("=")[2]
    score = json.loads(fetch("http://127.0.0.1:8080/api/BioCatch/GetScore?customerSessionID=s~score=912&uuid=u&activityType=LOGIN", {"X-Api-Key": key}))
    if score.get("riskLevel") != "HIGH" or score.get("score") != 912:
        raise EngineError(f"not the score: {score}")
    print("a score, from the host through haproxy, Kafka and TLS to the stand-in and back")
    until("the playground", lambda: is_up("http://127.0.0.1:8081/"))
    done = subprocess.run([sys.executable, ROOT / "deploy/demo/playground/person.py", "http://127.0.0.1:8081"], capture_output=True, text=True, timeout=150, check=False)
    if done.returncode:
        raise EngineError(f"the person did not get through: {done.stdout[-1500:]}{done.stderr[-1500:]}")
    print("a person signs up and in, at the playground's published address")
    if "<html" not in fetch("http://127.0.0.1:9090/console"):
        raise EngineError("no console")
    print("the console")
    wanted = {f"{one.address}:9090" for name in ("ingress-1", "ingress-2", "worker") for one in engine.of(name)}
    until(f"Prometheus scrapes {wanted}", lambda: scraped("http://127.0.0.1:9091") >= wanted)
    print(f"Prometheus scrapes all {len(wanted)}")


def is_up(url):
    try:
        return bool(fetch(url))
    except OSError:
        return False


def clean_end(engine):
    statuses = engine.stop()
    ours = {name: status for name, status in statuses.items() if name.partition("-")[0] in ("ingress", "worker", "keys", "topics", "playground", "vendors")}
    if any(ours.values()) or None in ours.values():
        raise EngineError(f"not all ended well: {statuses}")
    print("all end with 0, drained")


def run(model, images, folder, cache):
    os.umask(0o022)
    engine = engine_of(model, images, folder, cache)
    try:
        for name in model["services"]:
            if name != "grafana":  # Debian has none
                engine.bring_up(name)
        look(engine, folder)
        clean_end(engine)
    except (EngineError, OSError) as error:
        print(error)
        for container in engine.started:
            print(container.tail())
        return 1
    finally:
        engine.stop()
    return 0


def main():
    model = json.load(sys.stdin)
    if sys.argv[1:2] == ["check"]:
        return check(model, sys.argv[2])
    return run(model, *sys.argv[2:5])


if __name__ == "__main__":
    sys.exit(main())
