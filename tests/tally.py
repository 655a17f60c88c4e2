#!/usr/bin/env python3
"""Adds up JUnit reports of ctest and pytest and prints the one line that tests/run.sh ends with.

A ctest entry that is a cmocka program, or a vendor's table of cases, counts as what is inside it; one that broke off
counts as one failure more. Of chaos (a .jsonl, one line a shard) each clean shard counts as passed; a shard that is not
clean is a step that failed. A .log is one whose last line is "N passed, N failed".
Usage: tally.py BROKEN REPORT...   BROKEN: steps that failed and are in no report. Exit status 1 when any failed.
"""
import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

CMOCKA_LINE = re.compile(r"\[\s*(RUN|OK|FAILED|SKIPPED)\s*\] (\S+)$")
VENDOR_LINE = re.compile(r"^\w+: (\d+) cases in \d+ files, (\d+) failed$", re.M)


def failed(case):
    return case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail"


def skipped(case):
    return case.find("skipped") is not None or case.get("status") in ("notrun", "disabled")


def count_cmocka(text):
    """[passed, failed, skipped] of the tests of one cmocka program; one that began and has no result has failed."""
    counts = {"OK": 0, "FAILED": 0, "SKIPPED": 0}
    running = None
    for line in text.splitlines():
        found = CMOCKA_LINE.search(line)
        if found and found[1] == "RUN":
            running = found[2]
        elif found and found[2] == running:  # the lists at the end repeat names
            counts[found[1]] += 1
            running = None
    counts["FAILED"] += running is not None
    return list(counts.values())


def count_case(case):
    """[passed, failed, skipped] of one testcase element."""
    text = case.findtext("system-out") or ""
    inner = count_cmocka(text)
    for cases, bad in VENDOR_LINE.findall(text):
        inner = [inner[0] + int(cases) - int(bad), inner[1] + int(bad), inner[2]]
    if sum(inner) and not skipped(case):
        inner[1] += failed(case) and not inner[1]
        return inner
    if failed(case):
        return [0, 1, 0]
    return [0, 0, 1] if skipped(case) else [1, 0, 0]


def main():
    total = [0, int(sys.argv[1]), 0]
    for name in sys.argv[2:]:
        if not Path(name).is_file():
            total[1] += 1
            continue
        if name.endswith(".jsonl"):
            total[0] += sum(not json.loads(line)["violations_count"] for line in Path(name).read_text().splitlines())
            continue
        if name.endswith(".log"):
            closing = re.search(r"^(\d+) passed, (\d+) failed$", Path(name).read_text(), re.M)
            total = [a + b for a, b in zip(total, [int(closing[1]), int(closing[2]), 0] if closing else [0, 1, 0])]
            continue
        for case in ET.parse(name).getroot().iter("testcase"):
            total = [a + b for a, b in zip(total, count_case(case))]
    line = f"{total[0]} passed, {total[1]} failed"
    print(line + (f", {total[2]} skipped" if total[2] else ""))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
