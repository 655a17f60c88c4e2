"""What the clients saw: one JSON line when a call begins and one when it ends, in the order in which that happened.

A call's second line says how it ended: `ok` (answered, and taken), `fail` (answered, and refused), `unknown` (nobody can say
whether it was taken: the connection broke or the time was up), `broken` (the answer breaks the contract).
"""
import json
import threading
import time


class History:
    """Writes the file. Any thread may call."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.lock = threading.Lock()
        self.calls = 0
        self.ends = {}

    def line(self, entry):
        text = json.dumps({"t": round(time.time(), 4)} | entry, default=str)
        with self.lock:
            self.file.write(text + "\n")

    def invoke(self, client, op, **what):
        """Returns the call's number."""
        with self.lock:
            self.calls += 1
            number = self.calls
        self.line({"call": number, "phase": "invoke", "client": client, "op": op} | what)
        return number

    def end(self, number, phase, client, op, **what):
        with self.lock:
            self.ends[phase] = self.ends.get(phase, 0) + 1
        self.line({"call": number, "phase": phase, "client": client, "op": op} | what)

    def close(self):
        with self.lock:
            self.file.close()


def read(path):
    """The entries of a file; a last line that was cut off is left out."""
    entries = []
    for line in open(path, encoding="utf-8"):
        if line.endswith("\n"):
            entries.append(json.loads(line))
    return entries
