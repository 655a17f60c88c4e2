"""Child processes of a test: started with a clean environment, ended by their own pid whatever happens.

Standard error goes to a file; the JSON lines in it are how a test learns addresses and events. A program that was not
killed on purpose must end with status 0 on SIGTERM, so a sanitizer's report (status 86) fails the test.
"""
import ctypes
import json
import os
import signal
import subprocess
import time
from pathlib import Path

BIN = Path(os.environ.get("VERIFYD_BIN", Path(__file__).resolve().parents[3] / "build" / "dev" / "bin"))
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 40
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "JAVA_HOME")
SANITIZERS = {  # unless whoever runs the tests says otherwise; 86 is a status that no program uses itself
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:exitcode=86",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=86",
    "LSAN_OPTIONS": "exitcode=86",
    "TSAN_OPTIONS": f"halt_on_error=0:exitcode=86:suppressions={Path(__file__).resolve().parents[2] / 'tsan' / 'suppressions.txt'}",
}
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", ": runtime error:")
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """Between fork and exec. Linux ties this to the forking thread, so programs are started from the main thread."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def environment(settings=None):
    """What a child sees: the few variables above and the test's own; never the VERIFYD_* of whoever runs the tests."""
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    sanitizers = {name: os.environ.get(name, value) for name, value in SANITIZERS.items()}
    return passed_on | sanitizers | {name: str(value) for name, value in (settings or {}).items()}


def until(condition, timeout_s=30, what="it", every_s=0.05):
    """Returns the first true value of condition(); the time limit is only for the case that it never comes."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout_s} s for {what}; last seen: {value!r}")
        time.sleep(every_s)


def run(program, *arguments, settings=None, timeout_s=60, text=True, **more):
    """Runs a program to its end. Returns subprocess.CompletedProcess; a sanitizer's report fails the test here."""
    done = subprocess.run([BIN / program, *map(str, arguments)], env=environment(settings), stdin=subprocess.DEVNULL,
                          capture_output=True, text=text, timeout=timeout_s, preexec_fn=die_with_parent, **more)
    assert done.returncode != 86 and done.returncode >= 0, f"{program} {arguments}: {done.returncode}\n{done.stderr}"
    return done


class Process:
    """One child. `name` is for people and names its log file."""

    def __init__(self, name, command, folder, settings=None):
        self.name, self.command, self.settings = name, [str(part) for part in command], settings or {}
        self.log = Path(folder) / f"{name}.log"
        self.child = None
        self.expect_status = 0
        self.start()

    def start(self):
        self.expect_status = 0
        with open(self.log, "ab") as log:
            self.mark = log.tell()
            self.child = subprocess.Popen(self.command, env=environment(self.settings), stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, cwd=self.log.parent, preexec_fn=die_with_parent)
        return self

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def text(self, whole=False):
        """What this start of it wrote (whole: every start)."""
        with open(self.log, "rb") as log:
            log.seek(0 if whole else self.mark)
            return log.read().decode("utf-8", "replace")

    def tail(self, lines=40):
        """Its last lines; or a sanitizer's report from where that begins."""
        if not self.log.exists():
            return "(its log is gone)"
        written = self.text(whole=True).splitlines()
        for n, line in enumerate(written):
            if any(mark in line for mark in SANITIZER_MARKS):
                report = written[n:n + 60]
                end = next((m for m, line in enumerate(report) if line.startswith("SUMMARY:")), len(report))
                return "\n".join(report[:end + 1])
        return "\n".join(written[-lines:])

    def events(self, event=None):
        """The JSON lines it wrote since its last start."""
        found = []
        for line in self.text().splitlines():
            if line.startswith("{") and line.endswith("}"):
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if event is None or entry.get("event") == event:
                    found.append(entry)
        return found

    def wait_event(self, event, timeout_s=START_TIMEOUT_S, **fields):
        def look():
            for entry in self.events(event):
                if all(entry.get(k) == v for k, v in fields.items()):
                    return entry
            if not self.running():
                raise AssertionError(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")
            return None

        return until(look, timeout_s, f"{self.name} to log {event} {fields}")

    def address(self, **fields):
        return self.wait_event("listening", **fields)["address"]

    def signal(self, number):
        os.kill(self.pid, number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """As a machine that loses power: no chance to say goodbye."""
        self.child.kill()
        self.child.wait()
        self.expect_status = -signal.SIGKILL

    def terminate(self):
        self.child.terminate()

    def stop(self, timeout_s=STOP_TIMEOUT_S):
        """SIGTERM, then SIGKILL. Returns the exit status."""
        if self.running():
            self.signal(signal.SIGCONT)
            self.terminate()
            try:
                self.child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode

    def wait(self, timeout_s=STOP_TIMEOUT_S):
        try:
            return self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout_s} s:\n{self.tail()}") from None

    def verdict(self):
        """None when it ended as it should, else what is wrong."""
        if self.child.returncode == self.expect_status:
            return None
        return f"{self.name} ended with {self.child.returncode}, not {self.expect_status}:\n{self.tail()}"
