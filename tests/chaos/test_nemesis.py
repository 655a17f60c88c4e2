"""The schedule: decided by its seed alone, one fault at a time on a track, every crash point asked for."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import nemesis
import report


def test_a_seed_decides_everything():
    first = nemesis.schedule("a", 30, 3)
    assert first and first == nemesis.schedule("a", 30, 3)
    assert first != nemesis.schedule("b", 30, 3) and first != nemesis.schedule("a", 30, 4)


def test_a_track_has_one_fault_at_a_time_and_tracks_overlap():
    overlapping = 0
    for index in range(20):
        faults = nemesis.schedule("a", 60, index)
        for track in nemesis.TRACKS:
            own = [fault for fault in faults if fault.track == track]
            assert all(earlier.at + earlier.seconds < later.at for earlier, later in zip(own, own[1:]))
        overlapping += sum(one.track != two.track and one.at <= two.at < one.at + one.seconds for one in faults for two in faults)
    assert overlapping > 20


def test_an_hour_of_shards_asks_for_every_kind_and_every_crash_point():
    faults = [fault for index in range(60) for fault in nemesis.schedule("a", 30, index)]
    seen = {(nemesis.family(fault.track), fault.kind) for fault in faults}
    assert seen == {(family, row[0]) for family, rows in nemesis.KINDS.items() for row in rows}
    assert {str(fault.argument) for fault in faults if fault.kind == "vendor"} == {str(f) for rows in nemesis.VENDOR_FAULTS.values() for f in rows}
    points = {fault.argument.partition(":")[0] for fault in faults if fault.kind == "crash"}
    assert points == set(nemesis.crash_points()) and len(points) > 20
    assert sum(fault.kind in report.DEATHS for fault in faults) >= 100


def test_crash_points_are_asked_for_in_their_own_program():
    for fault in nemesis.schedule("a", 300, 0):
        if fault.kind == "crash":
            assert nemesis.owner(fault.argument) == nemesis.family(fault.track)
