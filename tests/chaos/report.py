"""Sums up the lines of shards.jsonl: a sentence per shard, a markdown table for docs/reliability.md."""
import json
from collections import Counter
from pathlib import Path

import nemesis

DEATHS = ("kill", "crash", "crashed")  # SIGKILLs; a fenced worker ends by itself


def read(path):
    """The lines of the shards that came to their end."""
    path = Path(path)
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]


def kills(line):
    """SIGKILLs: by the nemesis, and by the processes themselves at a crash point."""
    return sum(count for name, count in line["faults"].items() if name.split()[1] in DEATHS)


def sentence(line):
    verdict = "clean" if not line["violations_count"] else f"{line['violations_count']} VIOLATIONS"
    return (f"shard {line['shard']}: {verdict}; {line['seconds']:.0f} s, {line['requests']} requests, {line['accepted']} accepted, "
            f"{sum(line['faults'].values())} faults, {kills(line)} kills, {len(line['crash_points'])} crash points, extras {line['extras']}")


def total(lines, name):
    """The sum of a member that is a count, or of its counts by name."""
    values = [line[name] for line in lines]
    if values and isinstance(values[0], dict):
        return sum((Counter(value) for value in values), Counter())
    return sum(values)


def rows(lines):
    faults, points = total(lines, "faults"), total(lines, "crash_points")
    names = nemesis.crash_points()
    missed = [name for name in names if name not in points]
    yield "time", f"{total(lines, 'seconds') / 60:.1f} min in {len(lines)} shards"
    yield "SIGKILLs", f"{sum(kills(line) for line in lines)}"
    for name, count in sorted(faults.items()):
        yield f"– {name}", str(count)
    yield "processes stood still", f"{total(lines, 'paused_s'):.0f} s in all"
    yield "requests of clients", str(total(lines, "requests"))
    for name, count in sorted(total(lines, "answers").items()):
        yield f"– {name}", str(count)
    yield "verifications accepted", str(total(lines, "accepted"))
    for name, count in sorted(total(lines, "ends").items()):
        yield f"– {name}", str(count)
    for name, count in sorted(total(lines, "sends").items()):
        yield f"raw vendor calls: {name}", str(count)
    for name, count in sorted(total(lines, "extras").items()):
        yield f"explained extra, {name}", str(count)
    yield "crash points hit", f"{len(points)} of {len(names)}" + (f"; not: {', '.join(missed)}" if missed else "")
    yield "violations", str(total(lines, "violations_count"))


def table(lines):
    if not lines:
        return "no shards"
    return "\n".join(["| what | how much |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows(lines))])
