"""How many calls fell into any window of time."""


def most_within(times_ms, window_ms):
    """The most of these that any window of that length holds, both its ends counted as one."""
    times = sorted(times_ms)
    most = first = 0
    for last, time in enumerate(times):
        while time - times[first] >= window_ms:
            first += 1
        most = max(most, last - first + 1)
    return most


def calls(vendor, path):
    """When each recorded call whose path begins so arrived, unix ms."""
    return [call["at_ms"] for call in vendor.requests() if call["path"].startswith(path)]
