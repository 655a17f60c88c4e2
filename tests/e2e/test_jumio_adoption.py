"""Cut-over from Microsoft's sample: a reference that Jumio gave to a user of the sample is taken over, for that user, until a
date."""
import base64
import datetime
import json
import urllib.request
import uuid

import pytest

from lib.journey import Journey, check_approved
from lib.process import until


def sample_transaction(stack, user, outcome="approved"):
    """As Microsoft's sample begins it: at Jumio, without us. Returns Jumio's reference."""
    body = {"customerInternalReference": str(uuid.uuid4()), "userReference": user, "workflowId": 200,
            "successUrl": "https://contoso.b2clogin.example/x", "errorUrl": "https://contoso.b2clogin.example/y"}
    token = base64.b64encode(b"sim-token:sim-secret").decode()
    request = urllib.request.Request(f"{stack.vendor.jumio_url}/api/v4/initiate", json.dumps(body).encode(), method="POST", headers={
        "Content-Type": "application/json", "Accept": "application/json", "Authorization": f"Basic {token}", "User-Agent": "Contoso Sample/1.0"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        reference = json.load(reply)["transactionReference"]
    if outcome:
        stack.vendor.finish(reference, outcome)
    return reference


@pytest.fixture(scope="module")
def adopting(service):
    tomorrow = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)).date()
    return service.stack.ingress(JUMIO_ADOPT_UNTIL=tomorrow.isoformat())


def adopted(service, ingress, user, reference):
    """The sample's policy goes on with the reference that Jumio gave to it."""
    journey = Journey(service.stack, ingress, object_id=user)
    journey.reference = reference
    journey.token()
    return journey


@pytest.mark.parametrize("outcome,status,success", [("approved", "SUCCESS", True), ("denied_fraud", "FAILED", False)])
def test_a_reference_of_the_samples_is_taken_over(service, adopting, outcome, status, success):
    user = service.person(kind="object")
    journey = adopted(service, adopting, user, sample_transaction(service.stack, user, outcome))
    end = journey.end()
    assert (end.status, end.success) == (status, success)
    again = adopted(service, adopting, user, journey.reference)
    assert (again.status()["status"], again.validate()["success"]) == (status, success)
    seen = service.vendor.transaction(user)
    assert seen["data_calls"] == 1, "asked once, whoever asks again"


def test_a_reference_of_another_person_is_never_taken_over(service, adopting):
    owner, thief = service.person(kind="object"), service.person(kind="object")
    reference = sample_transaction(service.stack, owner)
    journey = adopted(service, adopting, thief, reference)
    assert journey.status(wait=1)["status"] != "SUCCESS"
    until(lambda: service.vendor.transaction(owner)["data_calls"] == 1, 30, "a look at whose it is")
    for _ in range(4):
        assert journey.status(wait=1)["status"] != "SUCCESS"
        assert journey.validate()["success"] is False
    assert service.vendor.transaction(owner)["data_calls"] == 1
    end = adopted(service, adopting, owner, reference).end()
    check_approved(end)  # who asked first does not lock the owner out


def test_an_unfinished_or_unknown_reference_is_not_verified(service, adopting):
    user = service.person(kind="object")
    unfinished = adopted(service, adopting, user, sample_transaction(service.stack, user, None))
    unknown = adopted(service, adopting, user, str(uuid.uuid4()))
    for _ in range(3):
        for journey in (unfinished, unknown):
            assert journey.status(wait=1)["status"] != "SUCCESS" and journey.validate()["success"] is False
    service.vendor.finish(unfinished.reference, "approved")
    check_approved(unfinished.end())


def test_after_its_date_and_without_one_nothing_is_taken_over(service):
    user = service.person(kind="object")
    reference = sample_transaction(service.stack, user)
    for setting in ({"JUMIO_ADOPT_UNTIL": "2020-01-31"}, {}):
        ingress = service.stack.ingress(**setting)
        journey = adopted(service, ingress, user, reference)
        assert journey.status()["status"] == "FAILED" and journey.validate()["success"] is False
    assert service.vendor.transaction(user)["status_calls"] == 0
