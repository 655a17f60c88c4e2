"""A queue before the vendor: who comes now is answered at once, hears how long it takes, and is sent on when its turn comes."""
import pytest

from lib.journey import Journey
from lib.load import in_parallel
from lib.process import until

CROWD = 60
WAIT_S = 15


def look(service, journey, shown=None):
    """What the waiting page's script is told."""
    path = journey.redirect_url.partition("/start/")[2]
    query = f"?shows=waiting&lang=en&n={shown['ahead']}&t={shown['minutes']}" if shown else "?lang=en"
    answer = service.http.without_credential().get(f"/wait/{path}{query}")
    assert answer.status == 200, answer.body
    return answer.json


@pytest.mark.slow
def test_a_crowd_is_told_its_places_and_served_in_turn(stack):
    """A quota of two a second, and sixty people at once; each call may be held for half of the time that this takes."""
    stack.worker(JUMIO_INITIATE_RATE="10/5s")
    ingress = stack.ingress(INITIATE_WAIT_MS=WAIT_S * 1000)
    crowd = [Journey(stack, ingress) for _ in range(CROWD)]

    def come(journey):
        """How it was answered, and what the page was told then, where that was long before the call's time was up."""
        answer = journey.try_initialize()
        assert answer.status == 200
        journey.accept(answer)
        return look(ingress, journey) if answer.elapsed_s < WAIT_S - 5 else None

    told = in_parallel(come, crowd, threads=CROWD)
    spared = {journey: first for journey, first in zip(crowd, told) if first and not first["ready"]}
    assert len(spared) >= 5, "whoever cannot be served in time is not held"
    one = max(spared, key=lambda journey: spared[journey]["ahead"])
    shown = [spared[one]]
    assert shown[0]["ahead"] >= 20, shown
    assert "people are before you. It takes " in shown[0]["news"]

    def is_ready():
        answer = look(ingress, one, shown[-1])
        if not answer["ready"]:
            shown.append(answer)
        return answer["ready"]

    until(is_ready, 90, "its turn", every_s=1)
    places = [answer["ahead"] for answer in shown if answer["ahead"] >= 0]
    assert places == sorted(places, reverse=True), "a place never grows"
    one.open_vendor()
    assert one.initiates() == 1
