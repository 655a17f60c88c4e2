"""schemas/ as judges: what went over the wire, into Kafka and into Redis must be what they say."""
import json
import re
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FOLDER = Path(__file__).resolve().parents[3] / "schemas"
FILES = {name: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
         for name in ("request.v1", "verification.v1", "dead.v1")}
API = yaml.safe_load((FOLDER / "openapi.yaml").read_text(encoding="utf-8"))
API_URI = "urn:verifyd:openapi"
REGISTRY = Registry().with_resources(
    [(schema["$id"], Resource.from_contents(schema)) for schema in FILES.values()]
    + [(API_URI, Resource.from_contents(API, default_specification=DRAFT202012))])


def problems(instance, schema):
    checker = Draft202012Validator(schema, registry=REGISTRY, format_checker=validator_for({}).FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(instance)]


def check(instance, schema, what):
    found = problems(instance, schema)
    assert not found, f"{what} breaks its schema: {found}\n{json.dumps(instance, default=str)[:2000]}"
    return instance


def no_duplicates(pairs):
    assert len({key for key, _ in pairs}) == len(pairs), f"a key twice: {[key for key, _ in pairs]}"
    return dict(pairs)


def parse(text):
    """Strict JSON: verifyd never writes a key twice."""
    return json.loads(text, object_pairs_hook=no_duplicates)


def check_verification(value):
    return check(parse(value), {"$ref": "urn:verifyd:schema:verification.v1"}, "a verification")


def check_result_key(key):
    return check(key, {"$ref": "urn:verifyd:schema:verification.v1#/$defs/key"}, "a key on results")


def check_request(value, headers, delayed=False):
    name = "delay_headers" if delayed else "headers"
    check(headers, {"$ref": f"urn:verifyd:schema:request.v1#/$defs/{name}"}, "headers of a request")
    return check(parse(value), {"$ref": "urn:verifyd:schema:request.v1"}, "a request")


def check_dead(key, value, headers):
    value = value or b""  # a record without a value is poison like any other
    try:
        content = parse(value)
    except (ValueError, AssertionError, RecursionError):
        content = value.decode("latin-1")
    check({"key": key, "value": content, "headers": headers}, {"$ref": "urn:verifyd:schema:dead.v1"}, "a dead letter")
    return content


def pointer(*parts):
    return API_URI + "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


def resolve(node, place):
    """Follows a $ref inside openapi.yaml. Returns the node and where it stands."""
    while "$ref" in node:
        place = [part.replace("~1", "/").replace("~0", "~") for part in node["$ref"].removeprefix("#/").split("/")]
        node = API
        for part in place:
            node = node[part]
    return node, place


def find_path(path):
    """The path item of a request's path, with the tolerance of /api, or None."""
    plain = re.sub("/{2,}", "/", path.split("?", 1)[0])
    for template in API["paths"]:
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
        flags = re.I if template.startswith("/api/") else 0
        if re.fullmatch(pattern, plain if flags else path.split("?", 1)[0], flags):
            return template
    return None


def check_problem(status, content_type, body):
    assert content_type.split(";")[0].strip() == "application/problem+json", f"content type {content_type}"
    document = check(parse(body), {"$ref": pointer("components", "schemas", "Problem")}, "a problem")
    assert document["status"] == status
    return document


def check_answer(method, path, status, headers, body):
    """Judges one HTTP answer by openapi.yaml. Returns the parsed body, or the text when it is not JSON."""
    template = find_path(path)
    content_type = headers.get("content-type", "")
    if template is None:
        assert status in (400, 401, 404, 405, 409), f"unknown route answered {status}"
        if status == 409 and re.match("/+api/", path, re.I):
            return check(parse(body), {"$ref": pointer("components", "schemas", "B2cError")}, "an error to B2C")
        return check_problem(status, content_type, body)
    item, place = resolve(API["paths"][template], ["paths", template])
    verb = method.lower() if method.lower() in item else next(v for v in ("get", "post", "options") if v in item)
    responses = item[verb]["responses"]
    if "servers" in item and str(status) not in responses:  # a route of the other listener
        assert status == 404, f"{method} {path} answered {status}"
        return check_problem(status, content_type, body)
    assert str(status) in responses, f"{method} {path} answered {status}, which openapi.yaml does not list: {body[:500]!r}"
    response, place = resolve(responses[str(status)], [*place, verb, "responses", str(status)])
    for name, header in response.get("headers", {}).items():
        header, at = resolve(header, [])
        value = headers.get(name.lower())
        assert value is not None or not header.get("required"), f"{method} {path}: {status} without {name}"
        if value is not None:
            check(value, header["schema"], f"header {name}")
    plain_type = content_type.split(";")[0].strip()
    if "content" not in response:  # a redirect, a bare 200 or 204
        assert not body, f"{method} {path}: {status} with a body: {body[:200]!r}"
        return ""
    assert plain_type in response["content"], f"{method} {path}: {status} of type {content_type!r}"
    if not plain_type.endswith("json"):
        return body.decode("utf-8")
    return check(parse(body), {"$ref": pointer(*place, "content", plain_type, "schema")}, f"{method} {path}: {status}")
