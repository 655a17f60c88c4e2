"""schemas/ against themselves and against the tables of the code; no server."""
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from lib import schemas

ROOT = Path(__file__).resolve().parents[2]


def names(table, macro, column):
    """One column of a .def table, without empty strings."""
    text = (ROOT / table).read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    rows = re.findall(rf"^{macro}\(([^)]*)\)", text, re.M)
    return [value for row in rows if (value := row.split(",")[column].strip().strip('"'))]


def test_openapi_is_a_valid_openapi_3_1_document():
    assert schemas.API["openapi"].startswith("3.1")
    validate(schemas.API)


@pytest.mark.parametrize("name", schemas.FILES)
def test_schema_is_valid_and_its_examples_conform(name):
    schema = schemas.FILES[name]
    Draft202012Validator.check_schema(schema)
    assert schema["examples"]
    for example in schema["examples"]:
        schemas.check(example, {"$ref": schema["$id"]}, "the example")


def test_states_verdicts_reasons_and_causes_are_those_of_the_tables():
    verification, request = schemas.FILES["verification.v1"], schemas.FILES["request.v1"]
    reasons = verification["$defs"]["reason"]["enum"]
    assert sorted(verification["properties"]["state"]["enum"]) == sorted(names("common/domain/states.def", "STATE", 1))
    assert sorted(verification["$defs"]["verdict"]["enum"]) == sorted(names("common/domain/verdicts.def", "VERDICT", 1))
    assert sorted(reasons) == sorted(names("common/domain/reasons.def", "REASON", 1))
    assert sorted(request["$defs"]["cause"]["enum"]) == sorted(names("common/domain/causes.def", "CAUSE", 1))
    documented = schemas.API["components"]["schemas"]["Reason"]["description"]
    assert [reason for reason in reasons if reason not in documented] == []


def test_request_fields_are_those_that_a_kind_may_have():
    fields = schemas.API["components"]["schemas"]["VerificationRequest"]["properties"]
    table = {symbol: (name, int(limit)) for symbol, name, limit in zip(
        *(names("common/domain/request_fields.def", "REQUEST_FIELD", column) for column in range(3)))}
    kinds = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workers/vendors").glob("*/kinds.def"))
    may = {table[symbol] for symbol in re.findall(r"FIELD\((\w+)\)", kinds)}
    assert {(name, fields[name].get("maxLength")) for name, _ in may} == may


def test_every_member_that_is_written_is_described():
    """The codec's members; a new one is not left out of the schema."""
    text = (ROOT / "common/domain/verification_codec.c").read_text(encoding="utf-8")
    written = set(re.findall(r'(?:WIDE|NARROW)\((\w+)\)', text)) - {"member"}
    written |= set(re.findall(r'(?:write_text|json_out_\w+)\(&?json, "(\w+)"', text))
    assert written == set(schemas.FILES["verification.v1"]["properties"])


VERIFICATION = {"$ref": "urn:verifyd:schema:verification.v1"}
SCORED, WAITING, DENIED = schemas.FILES["verification.v1"]["examples"]


@pytest.mark.parametrize("change", [
    {"state": "done"}, {"score": 1001}, {"score": 87.5}, {"score": "87"}, {"risk": "UNKNOWN"}, {"rev": 0}, {"id": "x"},
    {"state": "queued"}, {"reason": "expired"}, {"state": "dead"}, {"created_ms": "1"},
], ids=str)
def test_a_broken_verification_does_not_pass(change):
    assert schemas.problems(SCORED | change, VERIFICATION)


@pytest.mark.parametrize("change", [
    {"verdict": "verified"}, {"sealed": WAITING["sealed"]}, {"link": WAITING["link"]}, {"reference": "r"}, {"checking_ms": 1},
    {"state": "checking", "checking_ms": 1, "sealed": WAITING["sealed"], "reference": "r"},
], ids=lambda change: "+".join(change))
def test_a_score_has_nothing_of_a_journey(change):
    base = {k: v for k, v in SCORED.items() if "state" not in change or k not in ("risk", "score")}
    assert schemas.problems(base | change, VERIFICATION)


@pytest.mark.parametrize("example,change", [
    (DENIED, {"verdict": "approved"}), (DENIED, {"verdict": "verified"}), (DENIED, {"risk": "LOW", "score": 1}),
    (DENIED, {"state": "checking"}), (DENIED, {"reason": None}), (DENIED, {"verdict": None}), (DENIED, {"question": None}),
    (DENIED, {"sends": 3}), (DENIED, {"poll": 0}), (DENIED, {"adopted": False}), (DENIED, {"sealed": "clear text"}),
    (WAITING, {"sealed": None}), (WAITING, {"link": None}), (WAITING, {"reference": None}), (WAITING, {"until_ms": None}),
    (WAITING, {"state": "checking"}), (WAITING, {"state": "dead"}), (WAITING, {"link": "https://vendor.example/page"}),
], ids=str)
def test_a_broken_journey_does_not_pass(example, change):
    """None: the member is left out."""
    changed = {name: value for name, value in (example | change).items() if value is not None}
    assert schemas.problems(changed, VERIFICATION)


def test_a_journey_may_be_checked_completed_and_adopted():
    checked = WAITING | {"state": "checking", "checking_ms": 1790000240000, "poll": 1}
    assert not schemas.problems(checked, VERIFICATION)
    plain = {name: value for name, value in DENIED.items() if name not in ("reason", "link")}
    assert not schemas.problems(plain | {"verdict": "verified", "adopted": True}, VERIFICATION)


@pytest.mark.parametrize("headers,good", [
    ({"verifyd-op": "initiate"}, True), ({"verifyd-op": "retrieve"}, False),
    ({"verifyd-op": "retrieve", "verifyd-cause": "returned"}, True), ({"verifyd-op": "retrieve", "verifyd-cause": "mood"}, False),
    ({"verifyd-op": "retrieve", "verifyd-cause": "poll"}, False),
    ({"verifyd-op": "retrieve", "verifyd-cause": "poll", "verifyd-poll": "3"}, True),
    ({"verifyd-op": "retrieve", "verifyd-cause": "callback", "verifyd-poll": "3"}, False),
    ({"verifyd-op": "retrieve", "verifyd-cause": "poll", "verifyd-poll": "three"}, False),
], ids=str)
def test_a_retrieval_says_its_cause_and_a_poll_its_number(headers, good):
    found = schemas.problems({"verifyd-schema": "1"} | headers, {"$ref": "urn:verifyd:schema:request.v1#/$defs/headers"})
    assert bool(found) != good


@pytest.mark.parametrize("change", [{"sealed": "k1.AAAA"}, {"link": "k1.AAAA"}, {"reference": ""}, {"state": "queued"}], ids=str)
def test_a_carried_state_holds_nothing_sealed_and_has_a_reference(change):
    good = schemas.FILES["request.v1"]["examples"][1]
    assert schemas.problems(good | {"state": good["state"] | change}, {"$ref": "urn:verifyd:schema:request.v1"})


@pytest.mark.parametrize("change", [{"sealed": "clear text"}, {"question": "short"}, {"id": "v" + "A" * 21 + "B"}, {"kind": "x"}], ids=str)
def test_a_broken_request_does_not_pass(change):
    good = schemas.FILES["request.v1"]["examples"][0]
    assert schemas.problems(good | change, {"$ref": "urn:verifyd:schema:request.v1"})
