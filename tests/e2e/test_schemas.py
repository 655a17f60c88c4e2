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


def test_states_and_reasons_are_those_of_the_tables():
    properties = schemas.FILES["verification.v1"]["properties"]
    reasons = schemas.FILES["verification.v1"]["$defs"]["reason"]["enum"]
    assert sorted(properties["state"]["enum"]) == sorted(names("common/domain/states.def", "STATE", 1))
    assert sorted(reasons) == sorted(names("common/domain/reasons.def", "REASON", 1))
    documented = schemas.API["components"]["schemas"]["Reason"]["description"]
    assert [reason for reason in reasons if reason not in documented] == []


def test_request_fields_are_those_of_the_table():
    fields = schemas.API["components"]["schemas"]["VerificationRequest"]["properties"]
    table = dict(zip(names("common/domain/request_fields.def", "REQUEST_FIELD", 1),
                     names("common/domain/request_fields.def", "REQUEST_FIELD", 2)))
    assert {name: fields[name]["maxLength"] for name in table} == {name: int(limit) for name, limit in table.items()}


@pytest.mark.parametrize("change", [
    {"state": "done"}, {"score": 1001}, {"score": 87.5}, {"score": "87"}, {"risk": "UNKNOWN"}, {"rev": 0}, {"id": "x"},
    {"state": "queued"}, {"reason": "expired"}, {"state": "dead"}, {"created_ms": "1"},
], ids=str)
def test_a_broken_verification_does_not_pass(change):
    good = schemas.FILES["verification.v1"]["examples"][0]
    assert schemas.problems(good | change, {"$ref": "urn:verifyd:schema:verification.v1"})


@pytest.mark.parametrize("change", [{"sealed": "clear text"}, {"question": "short"}, {"id": "v" + "A" * 21 + "B"}, {"kind": "x"}], ids=str)
def test_a_broken_request_does_not_pass(change):
    good = schemas.FILES["request.v1"]["examples"][0]
    assert schemas.problems(good | change, {"$ref": "urn:verifyd:schema:request.v1"})
