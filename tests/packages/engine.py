"""Runs the services of a Compose file without a container engine, as one would as far as that can be seen from inside: each in network and
mount namespaces of its own, with its image's root read-only, its volumes, its user and no capability; names of services resolve; published
ports are on this namespace's 127.0.0.1. As root, in a network namespace that is ours (unshare --net). Needs iproute2 and util-linux.

Images are folders; what none is given for runs from this machine's root, by the command that `stand_ins` names.
"""
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

NET = "10.213.44"
DIE_WITH_US = "setpriv", "--pdeathsig", "KILL"
# Arguments: root, work folder, rw or ro, network namespace, user, group, directory; mounts on standard input: kind, source, target, mode.
ENTER = r"""
set -eu
image=$1 own=$2 mode=$3 net=$4 uid=$5 gid=$6; shift 6
mount -t tmpfs tmpfs "$own"
mkdir -p "$own/upper" "$own/work" "$own/root"
mount -t overlay overlay -o "lowerdir=$image,upperdir=$own/upper,workdir=$own/work" "$own/root"
cd "$own/root"
mount --rbind /dev dev
while IFS='|' read -r kind source target access; do
	[ "$kind" != file ] || { mkdir -p "./${target%/*}"; [ -e "./$target" ] || : >"./$target"; }
	[ "$kind" = file ] || mkdir -p "./$target"
	if [ "$kind" = tmpfs ]; then mount -t tmpfs -o mode=1777 tmpfs "./$target"; else mount --bind "$source" "./$target"; fi
	[ "$access" != ro ] || mount -o remount,bind,ro "./$target"
done
mkdir -p proc mnt && mount -t proc proc proc
[ "$mode" != ro ] || mount -o remount,ro .
exec nsenter --net="$net" chroot . setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs --bounding-set -all --inh-caps -all -- "$@" </dev/null
"""


class EngineError(Exception):
    """A service did not come up."""


def sh(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)


def seconds(text, otherwise):
    return float(text.rstrip("s")) if text else otherwise


class Names:
    """The engine's name server: A records of services, all containers of one at once."""

    def __init__(self):
        self.addresses = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((f"{NET}.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, caller = self.socket.recvfrom(512)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            found = self.addresses.get(".".join(labels).lower())
            wanted = (found or []) if query[at + 1:at + 3] == b"\0\1" else []
            answers = b"".join(struct.pack(">HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(one) for one in wanted)
            head = query[:2] + struct.pack(">HHHHH", 0x8180 if found else 0x8183, 1, len(wanted), 0, 0)
            self.socket.sendto(head + query[12:at + 5] + answers, caller)


class Port:
    """A published one: from 127.0.0.1 here to a container."""

    def __init__(self, here, address, there):
        self.there = (address, there)
        self.listener = socket.create_server(("127.0.0.1", here), backlog=128)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            one, _ = self.listener.accept()
            try:
                other = socket.create_connection(self.there, timeout=5)
                other.settimeout(None)
            except OSError:
                one.close()
                continue
            for source, target in ((one, other), (other, one)):
                threading.Thread(target=self.carry, args=(source, target), daemon=True).start()

    @staticmethod
    def carry(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            target.close()


class Container:
    def __init__(self, engine, name, service):
        self.engine, self.name, self.service = engine, name, service
        self.image = service["image"].partition(":")[0]
        self.folder = engine.folder / name
        self.folder.mkdir()
        self.log = self.folder / "log"
        owner = service.get("network_mode", "").partition("service:")[2]
        self.net = engine.containers[owner].net if owner else engine.add_network(name, service.get("network_mode") != "none")
        self.address = engine.containers[owner].address if owner else engine.address_of(name)
        self.environment = {key: str(value) for key, value in (service.get("environment") or {}).items()}
        self.process, self.looks = None, 0

    def root(self):
        return self.engine.images.get(self.image, "/")

    def mounts(self):
        resolv = self.engine.folder / "resolv.conf"
        rows = [f"file|{resolv}|/etc/resolv.conf|ro"]
        for each in self.service.get("volumes") or []:
            source = self.engine.volume(each["source"], self.root(), each["target"]) if each["type"] == "volume" else Path(each["source"])
            rows.append(f"{'dir' if source.is_dir() else 'file'}|{source}|{each['target']}|{'ro' if each.get('read_only') else 'rw'}")
        rows += [f"tmpfs||{target}|rw" for target in self.service.get("tmpfs") or []]
        rows += [f"dir|{source}|{target}|ro" for source, target in self.engine.lent.get(self.image, {}).items()]
        return "\n".join(rows) + "\n"

    def start(self, command, log, suffix=""):
        uid, _, gid = str(self.engine.users.get(self.image) or self.service["user"]).partition(":")
        own = Path(f"{self.folder}/{suffix or 'main'}")
        own.mkdir()
        environment = {"PATH": "/opt/kafka/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"} | self.environment
        mode = "ro" if self.service.get("read_only") else "rw"
        process = subprocess.Popen(
            [*DIE_WITH_US, "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=TERM", "sh", "-c", ENTER, "sh", self.root(), own, mode, self.net,
             uid, gid or uid, *command],
            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment, text=True, start_new_session=True)
        process.stdin.write(self.mounts())
        process.stdin.close()
        return process

    def run(self):
        command = self.engine.stand_ins.get(self.image, lambda given: given)(self.service.get("command") or ["false"])
        with open(self.log, "wb") as log:
            self.process = self.start(command, log)

    def tail(self):
        return f"{self.name}:\n" + self.log.read_text(errors="replace")[-3000:]

    def is_healthy(self):
        """One look by the service's own check, in a container beside it in the same network."""
        self.looks += 1
        check = self.service["healthcheck"]
        with open(self.folder / "health", "wb") as log:
            process = self.start(check["test"][1:], log, f"look-{self.looks}")
            try:
                return process.wait(max(30, seconds(check.get("timeout"), 5))) == 0
            except subprocess.TimeoutExpired:
                process.kill()
                return False

    def wait(self, condition, patience_s):
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            status = self.process.poll()
            if condition == "service_completed_successfully":
                if status == 0:
                    return
            elif status is not None:
                break
            elif condition == "service_started" or self.is_healthy():
                return
            if status:
                break
            time.sleep(0.2)
        checked = self.folder / "health"
        raise EngineError(f"not {condition}: {self.tail()}\n{checked.read_text(errors='replace') if checked.exists() else ''}")

    def inner(self):
        """The service's own process: the child of unshare."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def stop(self):
        """Its exit status; None when it had to be killed."""
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        inner = self.inner()
        if inner:
            os.kill(inner, signal.SIGTERM)
        try:
            return self.process.wait(seconds(self.service.get("stop_grace_period"), 10) + 10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return None


class Engine:
    def __init__(self, model, folder, images, stand_ins, users, lent):
        """images: folder by image; stand_ins: what makes this machine's command of a service's; users: of images that name none, or one this
        machine has not; lent: folders that such an image has and this machine has elsewhere."""
        self.model, self.folder = model, Path(folder)
        self.images, self.stand_ins, self.users, self.lent = images, stand_ins, users, lent
        self.containers, self.ports, self.started = {}, [], []
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "engine", "type", "bridge")
        sh("ip", "address", "add", f"{NET}.1/24", "dev", "engine")
        sh("ip", "link", "set", "engine", "up")
        (self.folder / "resolv.conf").write_text(f"nameserver {NET}.1\n")
        (self.folder / "volumes").mkdir()
        self.names = Names()
        self.holders = {}

    def add_network(self, name, is_connected):
        """Its namespace is held by a process that sleeps in it. Returns its path."""
        number = len(self.holders) + 2
        holder = subprocess.Popen([*DIE_WITH_US, "unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL)
        self.holders[name] = (holder, f"{NET}.{number}")
        path = f"/proc/{holder.pid}/ns/net"
        own = os.stat("/proc/self/ns/net").st_ino
        while os.stat(path).st_ino == own:
            time.sleep(0.01)
        if not is_connected:
            return path
        sh("ip", "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        sh("ip", "link", "set", f"v{number}", "master", "engine", "up")
        for command in (["link", "set", "lo", "up"], ["address", "add", f"{NET}.{number}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            sh("nsenter", f"--net={path}", "ip", *command)
        return path

    def address_of(self, name):
        return self.holders[name][1]

    def volume(self, name, root, target):
        """New ones take over what the image has there, and whose it is."""
        folder = self.folder / "volumes" / name
        if not folder.exists():
            folder.mkdir()
            inside = Path(f"{root}{target}")
            if root != "/" and inside.is_dir():
                shutil.copystat(inside, folder)
                os.chown(folder, inside.stat().st_uid, inside.stat().st_gid)
            else:
                folder.chmod(0o777)
        return folder

    def bring_up(self, name, patience_s=120):
        """What it depends on, then it. Returns its containers."""
        service = self.model["services"][name]
        for other, how in (service.get("depends_on") or {}).items():
            for container in self.bring_up(other, patience_s):
                container.wait(how["condition"], patience_s)
        if name in self.containers:
            return self.of(name)
        made = []
        for number in range(service.get("scale") or 1):
            label = name if number == 0 else f"{name}-{number + 1}"
            container = Container(self, label, service)
            self.containers[label] = container
            made.append(container)
            self.started.append(container)
        self.names.addresses[name] = [container.address for container in made]
        for container in made:
            container.run()
        for port in service.get("ports") or []:
            self.ports.append(Port(int(port["published"]), made[0].address, port["target"]))
        return made

    def of(self, name):
        return [container for container in self.started if container.service is self.model["services"][name]]

    def stop(self):
        """Those who ask before those who answer. Returns exit statuses by name."""
        statuses = {container.name: container.stop() for container in reversed(self.started)}
        for holder, _ in self.holders.values():
            holder.kill()
            holder.wait()
        return statuses
