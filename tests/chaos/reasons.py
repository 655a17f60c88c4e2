"""The nemesis log as an explanation: what happened between two moments, and which calls to a vendor it accounts for."""
import people

CALL_S = 2.0           # the longest vendor call with the settings of a shard, beside its own delay
EDGE_S = 0.4           # clocks of log, signal and vendor are read at different moments
CACHE_BACK_S = 6.0     # until everybody has connected to Redis again and it is filled
REFUSED_UNSENT = ({"status": 429}, {"scan_status": 429}, {"status": 401})


class Reasons:
    """The nemesis log, asked for what happened between two moments."""

    def __init__(self, faults):
        self.faults = [fault | {"end": fault["end"] if fault["end"] is not None else float("inf")} for fault in faults]

    def overlapping(self, begin, end, wanted):
        return [fault for fault in self.faults if wanted(fault) and fault["begin"] <= end and self.lasts(fault) >= begin]

    @staticmethod
    def lasts(fault):
        if fault["track"] == "redis":
            return fault["end"] + CACHE_BACK_S
        if fault["kind"] in ("kill", "crash", "crashed", "fenced", "term"):
            return fault["begin"]  # what a death does it does at once
        return fault["end"]

    def vendor_bad(self, vendor, at, scan=False, unsent=False):
        """Whether the vendor was told to fail calls that arrive at that moment; unsent: in a way that does nothing."""
        def wanted(fault):
            if fault["track"] != vendor or fault["kind"] != "vendor":
                return False
            argument = fault["argument"]
            if vendor == "jumio" and "down" not in argument and any(name.startswith("scan_") for name in argument) != scan:
                return False
            return not unsent or any(row.items() <= argument.items() for row in REFUSED_UNSENT)

        return bool(self.overlapping(at - EDGE_S, at + EDGE_S, wanted))

    def of_second_call(self, begin, end, again):
        """Why a call between begin and end may have been made again at `again`, or None. The first kind that fits. Redis
        counts until then: it holds the answer for whoever comes next when Kafka does not take the result."""
        for reason, until, wanted in (
                ("worker died in the call", end, lambda f: f["track"].startswith("worker") and f["kind"] in ("kill", "crash", "crashed", "fenced")),
                ("worker stood still in the call", end, lambda f: f["track"].startswith("worker") and f["kind"] in ("stop", "zombie")),
                ("Redis away, or emptied, before the result was in Kafka", max(end, again), lambda f: f["track"] == "redis")):
            if self.overlapping(begin - EDGE_S, until, wanted):
                return reason
        return None


def call_end(send):
    return send["at"] + people.number(send["person"] or "", "delay") / 1000 + CALL_S


def explain(facts, sends, count, what, reasons):
    """Finds a reason for each of `count` extra calls among these. Returns how many have none."""
    left = count
    for send, again in zip(sends, sends[1:]):
        if left == 0:
            break
        reason = reasons.of_second_call(send["at"], call_end(send), again["at"])
        if reason:
            facts.extras[what, reason] += 1
            left -= 1
    return left
