"""Steady load: so many GetScore calls a second, each answer kept with when it was asked."""
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

THREADS = 64


@dataclass
class Call:
    session: str
    begun: float  # time.monotonic(); ended, too
    ended: float = float("inf")
    answer: object = None
    error: Exception | None = None


def in_parallel(function, items, threads=16):
    """[function(item) for item in items], several at a time; the first exception comes through."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def outcomes(function, items, threads=32):
    """{item: what function(item) returned or raised}, all at the same time: for ways that mostly wait."""
    def one(item):
        try:
            return function(item)
        except (Exception, AssertionError) as error:  # pylint: disable=broad-except
            return error

    items = list(items)
    return dict(zip(items, in_parallel(one, items, threads)))


def taken(found):
    """One of the values of `outcomes`: returned, or raised here."""
    if isinstance(found, BaseException):
        raise found
    return found


class Load:
    """A context: calls begin when it is entered and end when it is left; then `calls` is complete."""

    def __init__(self, ask, sessions, per_second=10):
        self.ask, self.sessions, self.pause = ask, sessions, 1 / per_second
        self.calls = []
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.drive)

    def one(self, call):
        try:
            call.answer = self.ask(call.session)
        except Exception as error:  # pylint: disable=broad-except
            call.error = error
        call.ended = time.monotonic()

    def drive(self):
        with ThreadPoolExecutor(THREADS) as pool:
            for session in self.sessions:
                if self.end.wait(self.pause):
                    break
                call = Call(session, time.monotonic())
                self.calls.append(call)
                pool.submit(self.one, call)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()

    def check(self, longest_s):
        """Every call was answered, well-formed (judged when read) and in time."""
        broken = [call for call in self.calls if call.error]
        assert not broken, f"{len(broken)} of {len(self.calls)} calls failed, first: {broken[0].error!r}"
        slow = [call.answer.elapsed_s for call in self.calls if call.answer.elapsed_s > longest_s]
        assert not slow, f"{len(slow)} of {len(self.calls)} answers took longer than {longest_s} s: {max(slow):.1f} s"
        odd = [call.answer.json for call in self.calls if call.answer.status != 200]
        assert not odd, odd[:3]

    def answered(self, since=0.0, before=float("inf")):
        """The answers to what was asked in that time."""
        return [call.answer for call in self.calls if since <= call.begun < before]

    def within(self, since=0.0, before=float("inf")):
        """The answers to what was asked and answered in that time."""
        return [call.answer for call in self.calls if since <= call.begun and call.ended < before]
