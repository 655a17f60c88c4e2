"""What is done to the programs, and when: a table of faults, and a schedule that one random.Random decides altogether.

Each track (a process, the broker, Redis, a vendor) has at most one fault at a time; tracks overlap freely. `crash` kills
the process and starts it so that it dies by itself at a named point (common/base/crash_points.def).
"""
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

POINTS_DEF = Path(__file__).resolve().parents[2] / "common" / "base" / "crash_points.def"
# Points that are passed seldom: dying at the first or second time is the only chance.
RARE = re.compile(r"worker\.(retry_saved|hop_|dead_letter_|counted|follower_|kept)|delay\.|projector\.")
PASSINGS_MAX, RARE_MAX = 5, 1
STEPS = {"worker": 5, "ingress": 1}  # how far a shard begins behind the one before, in the list of points
CRASH_ROOM_S = 5  # left to a process that is to die by itself, before the next fault strikes it

KINDS = {  # track's family: (kind, weight, shortest, longest in seconds)
    "worker": (("kill", 5, 0.0, 3), ("stop", 3, 1, 14), ("term", 2, 0.0, 2), ("crash", 6, 0.0, 1), ("zombie", 1, 3, 14)),
    "ingress": (("kill", 4, 0.0, 2), ("stop", 2, 1, 6), ("term", 2, 0.0, 1), ("crash", 4, 0.0, 1)),
    "broker": (("kill", 2, 0.0, 3), ("stop", 3, 1, 9)),
    "redis": (("kill", 3, 0.0, 4), ("stop", 3, 1, 9), ("flush", 2, 0.0, 0.0)),
    "biocatch": (("vendor", 1, 1, 6),),
    "jumio": (("vendor", 1, 1, 6),),
}
VENDOR_FAULTS = {
    "biocatch": ({"status": 503}, {"status": 429, "retry_after": 1}, {"html": True}, {"truncated": True}, {"reset": True},
                 {"down": True}, {"delay_ms": 3000}, {"status": 500}, {"status": 401}),
    "jumio": ({"status": 503}, {"status": 429, "retry_after": 1}, {"html": True}, {"truncated": True}, {"reset": True},
              {"down": True}, {"delay_ms": 3000}, {"scan_status": 503}, {"scan_html": True}, {"scan_reset": True},
              {"scan_truncated": True}, {"scan_delay_ms": 3000}, {"scan_status": 429}),
}
# Mean seconds between two faults. worker-1 is a dynamic member: each of its deaths holds its partitions for a session of 10 s.
GAPS = {"worker-0": 5, "worker-1": 10, "ingress-0": 9, "ingress-1": 9, "broker": 28, "redis": 14, "biocatch": 8, "jumio": 8}
TRACKS = tuple(GAPS)
STATIC = ("worker-0",)  # has a name of its own in its groups, so a second one of that name can be started


@dataclass(frozen=True)
class Fault:
    at: float  # seconds from the beginning of the load
    track: str
    kind: str
    seconds: float
    argument: object = field(default=None, hash=False)


def family(track):
    return track.partition("-")[0]


def crash_points(text=None):
    """Names of the table, in its order."""
    text = POINTS_DEF.read_text(encoding="utf-8") if text is None else text
    return re.findall(r"^CRASH_POINT_NAME\(([\w.]+)\)", text, re.M)


def owner(point):
    return "ingress" if point.startswith("ingress.") else "worker"


class Points:
    """Gives out crash points in turn, so that a few shards together ask for all of them."""

    def __init__(self, names, index):
        self.queues = {}
        for role in ("worker", "ingress"):
            own = [name for name in names if owner(name) == role]
            begin = index * STEPS[role] % len(own) if own else 0
            self.queues[role] = own[begin:] + own[:begin]

    def take(self, role, chance):
        if not self.queues[role]:
            return None
        name = self.queues[role].pop(0)
        self.queues[role].append(name)
        return f"{name}:{chance.randint(1, RARE_MAX if RARE.match(name) else PASSINGS_MAX)}"


def pick(track, chance, points):
    """One fault of a track: (kind, seconds, argument)."""
    kinds = [row for row in KINDS[family(track)] if row[0] != "zombie" or track in STATIC]
    (kind, _, shortest, longest), = chance.choices(kinds, [row[1] for row in kinds])
    seconds = round(chance.uniform(shortest, longest), 2)
    argument = None
    if kind == "vendor":
        argument = chance.choice(VENDOR_FAULTS[track])
    elif kind == "crash":
        argument = points.take(family(track), chance)
    return kind, seconds, argument


def schedule(seed, seconds, index=0, tracks=TRACKS, names=None):
    """The faults of one shard, by time. The same arguments give the same schedule."""
    chance = random.Random(f"{seed}/{index}/faults")
    points = Points(crash_points() if names is None else names, index)
    faults = []
    for track in tracks:
        at = chance.expovariate(1 / GAPS[track])
        while at < seconds:
            kind, length, argument = pick(track, chance, points)
            faults.append(Fault(round(at, 2), track, kind, length, argument))
            at += length + 1 + (CRASH_ROOM_S if kind == "crash" else 0) + chance.expovariate(1 / GAPS[track])
    return sorted(faults, key=lambda fault: (fault.at, fault.track))


def table(faults):
    """For people."""
    return "\n".join(f"{fault.at:6.2f}  {fault.track:<10} {fault.kind:<7} {fault.seconds:5.2f} s  {fault.argument or ''}"
                     for fault in faults)
