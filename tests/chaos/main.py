"""The command behind run.sh: runs shards, keeps their lines, sums them up."""
import argparse
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

# pylint: disable=wrong-import-position
import report
from lib.process import BIN
from cluster import KafkaNode
from shard import BURST, Shard

QUICK_SEED = "quick-152"  # its shards have a fault of every kind
QUICK_SHARDS, QUICK_LOAD_S = 3, 18
SHARD_LOAD_S = 30
BURST_LOAD_S = 20
CLEAN, VIOLATION, USAGE = 0, 1, 2


def parse(arguments):
    parser = argparse.ArgumentParser(prog="run.sh", description="Faults of every kind against a whole verifyd, and a judgement of what was left.")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--quick", action="store_true", help="a few shards of fixed seeds, less than 4 minutes")
    kind.add_argument("--full", action="store_true", help="shards until --minutes are full; goes on where an earlier run in --dir stopped")
    kind.add_argument("--report", action="store_true", help="sums up --dir as a table for docs/reliability.md")
    kind.add_argument("--shard", type=int, metavar="N", help="one shard again, with the schedule that --seed gives it")
    kind.add_argument("--burst", action="store_true", help="one shard: a crowd signs up, and one of two ingresses is killed")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--dir", type=Path, default=None, help="where shards.jsonl and the folders of violations are kept")
    parser.add_argument("--seed", default=None)
    options = parser.parse_args(arguments)
    if options.report and not options.dir or options.minutes <= 0:
        parser.error("--report needs --dir, --minutes is more than 0")
    return options


class Run:
    def __init__(self, folder, seed):
        self.folder, self.seed = Path(folder), seed
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lines_path = self.folder / "shards.jsonl"
        self.kafka = None

    def lines(self):
        return report.read(self.lines_path)

    def broker(self):
        """The run's broker; a new one when the last shard broke it."""
        if self.kafka is not None and self.kafka.answers():
            return self.kafka
        self.stop_broker()
        self.kafka = KafkaNode(self.folder / f"kafka-{os.getpid()}-{secrets.token_hex(3)}")
        return self.kafka

    def stop_broker(self):
        if self.kafka is not None:
            self.kafka.stop()
            shutil.rmtree(self.kafka.node.folder, ignore_errors=True)
            self.kafka = None

    def one(self, index, load_s, plan=None):
        """Returns the shard's line, which is kept before anything else is done."""
        folder = self.folder / f"shard-{index:04}"
        shutil.rmtree(folder, ignore_errors=True)
        line = Shard(self.broker(), folder, self.seed, index, load_s, plan).run()
        with open(self.lines_path, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
        if line["violations_count"] == 0:
            shutil.rmtree(folder, ignore_errors=True)
        print(report.sentence(line), flush=True)
        for text in line["violations"][:10]:
            print(f"  VIOLATION {text}", flush=True)
        if line["violations_count"]:
            print(f"  kept: {folder}; again: sh tests/chaos/run.sh --shard {index} --seed {self.seed}", flush=True)
        return line


def quick(options):
    folder = options.dir or Path(tempfile.mkdtemp(prefix="verifyd-chaos-"))
    run = Run(folder, options.seed or QUICK_SEED)
    run.lines_path.unlink(missing_ok=True)
    print(f"chaos: quick, seed {run.seed}", flush=True)
    try:
        bad = sum(run.one(index, QUICK_LOAD_S)["violations_count"] for index in range(QUICK_SHARDS))
    finally:
        run.stop_broker()
    if not bad and options.dir is None:
        shutil.rmtree(folder, ignore_errors=True)
    return VIOLATION if bad else CLEAN


def full(options):
    folder = options.dir or Path.cwd() / "chaos-run"
    seed_file = folder / "seed"
    folder.mkdir(parents=True, exist_ok=True)
    if seed_file.exists():
        seed = seed_file.read_text().strip()
        if options.seed and options.seed != seed:
            print(f"chaos: {folder} was begun with seed {seed}", file=sys.stderr)
            return USAGE
    else:
        seed = options.seed or secrets.token_hex(4)
        seed_file.write_text(seed + "\n")
    run = Run(folder, seed)
    lines = run.lines()
    print(f"chaos: full, seed {seed}, {sum(line['seconds'] for line in lines) / 60:.1f} of {options.minutes:g} minutes done", flush=True)
    try:
        while sum(line["seconds"] for line in lines) < options.minutes * 60:
            lines.append(run.one(max((line["shard"] for line in lines), default=-1) + 1, SHARD_LOAD_S))
    finally:
        run.stop_broker()
    print(report.table(lines))
    return VIOLATION if any(line["violations_count"] for line in lines) else CLEAN


def burst(options):
    run = Run(options.dir or Path(tempfile.mkdtemp(prefix="verifyd-chaos-")), options.seed or QUICK_SEED)
    try:
        return VIOLATION if run.one(0, BURST_LOAD_S, BURST)["violations_count"] else CLEAN
    finally:
        run.stop_broker()


def single(options):
    run = Run(options.dir or Path(tempfile.mkdtemp(prefix="verifyd-chaos-")), options.seed or QUICK_SEED)
    try:
        load_s = QUICK_LOAD_S if run.seed == QUICK_SEED else SHARD_LOAD_S
        return VIOLATION if run.one(options.shard, load_s)["violations_count"] else CLEAN
    finally:
        run.stop_broker()


def on_signal(number, _frame):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main(arguments):
    options = parse(arguments)
    if options.report:
        print(report.table(report.read(options.dir / "shards.jsonl")))
        return CLEAN
    if not (BIN / "verifyd-worker").exists():
        print(f"chaos: no programs in {BIN}: build first, or set VERIFYD_BIN", file=sys.stderr)
        return USAGE
    signal.signal(signal.SIGTERM, on_signal)
    begun = time.monotonic()
    try:
        status = next(run for asked, run in ((options.quick, quick), (options.full, full), (options.burst, burst), (True, single)) if asked)(options)
    except KeyboardInterrupt:
        print("chaos: interrupted", file=sys.stderr)
        return 130
    print(f"chaos: {'clean' if status == CLEAN else 'VIOLATIONS' if status == VIOLATION else 'usage'} after {time.monotonic() - begun:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
