"""/v1/verifications: create, read, wait; and the operators' listener beside it."""
import datetime
import json

import pytest

from lib import process
from lib.process import until


def test_created_then_read(service):
    session = service.person("~score=321")
    made = service.b2c.create(session, service.person(kind="subject"))
    assert made.status in (201, 202)
    assert made.headers["location"] == f"/v1/verifications/{made['id']}"
    view = service.b2c.get(made.headers["location"], headers={"Prefer": "wait=20"})
    assert (view.status, view["state"], view["risk"], view["score"], view["kind"]) == (200, "completed", "LOW", 321, "biocatch.score")
    assert view["attempts"] == 0 and view["rev"] >= made["rev"]
    created = datetime.datetime.fromisoformat(view["created"])
    assert created.tzinfo and abs(datetime.datetime.now(datetime.UTC) - created) < datetime.timedelta(minutes=5)


def test_without_prefer_the_answer_does_not_wait_for_the_vendor(service):
    made = service.b2c.create(service.person("~delay=3000"))
    assert made.status == 202 and made["state"] in ("queued", "pending") and made.elapsed_s < 3
    assert service.b2c.read(made["id"], wait=20)["state"] == "completed"


def test_prefer_wait_holds_until_it_is_final(service):
    made = service.b2c.create(service.person("~delay=700~score=901"), wait=20)
    assert (made.status, made["state"], made["score"]) == (201, "completed", 901)
    assert made.elapsed_s < 20


def test_prefer_wait_gives_what_is_known_when_the_time_is_up(service):
    made = service.b2c.create(service.person("~delay=3500"), wait=1)
    assert made.status == 202 and made["state"] == "queued" and 0.9 <= made.elapsed_s < 3.4
    assert service.b2c.read(made["id"], wait=20)["state"] == "completed"


@pytest.mark.parametrize("prefer", ["wait=junk", "wait=-1", "wait=", "respond-async", "wait=99999999999999999999", "", ";;;,,"])
def test_a_preference_that_is_not_understood_is_no_error(service, prefer):
    """RFC 7240 section 2: what cannot be honoured is ignored."""
    made = service.b2c.post("/v1/verifications", {"kind": "biocatch.score", "subject": "s", "session": service.person()},
                            headers={"Prefer": prefer})
    assert made.status in (201, 202)


def test_among_several_preferences_wait_is_found(service):
    made = service.b2c.post("/v1/verifications", {"kind": "biocatch.score", "subject": "s", "session": service.person("~delay=400")},
                            headers={"Prefer": "respond-async, wait=20; x=1"})
    assert made.status == 201 and made["state"] == "completed"


def test_every_field_is_accepted_and_an_exact_limit_too(service):
    made = service.b2c.create("s" * 256, service.person(kind="subject"), wait=20, activity="a" * 64, brand="b" * 64,
                              solution="S" * 64, correlation="c" * 128, deadline_ms=86_400_000)
    assert (made.status, made["score"]) == (201, 87)


@pytest.mark.parametrize("identity", ["v" + "A" * 22, "vAAAAAAAAAAAAAAAAAAAAAQ", "x", "v", "..", "v" + "A" * 300])
def test_an_unknown_id_is_404(service, identity):
    answer = service.b2c.get(f"/v1/verifications/{identity}")
    assert (answer.status, answer.code) == (404, "not_found")


def test_another_callers_verification_is_404_as_an_unknown_one(service):
    made = service.b2c.create(service.person(), wait=20)
    for stranger in (service.other, service.basic):
        seen = stranger.read(made["id"])
        unknown = stranger.read("v" + "A" * 22)
        assert (seen.status, seen.code, seen["detail"]) == (404, "not_found", unknown["detail"])
    assert service.b2c.read(made["id"]).status == 200


def test_a_waiting_stranger_is_not_told_either(service):
    made = service.b2c.create(service.person("~delay=1000"))
    answer = service.other.read(made["id"], wait=20)
    assert answer.status == 404


def test_verifyctl_get_shows_the_same(service):
    made = service.b2c.create(service.person("~score=444"), wait=20)
    seen = json.loads(service.stack.ctl("get", made["id"], "--json"))
    assert (seen["id"], seen["state"], seen["score"]) == (made["id"], "completed", 444)
    assert made["id"] in service.stack.ctl("get", made["id"])
    gone = process.run("verifyctl", "get", "v" + "A" * 22, settings=service.stack.environment())
    assert gone.returncode == 1 and gone.stderr.strip()


@pytest.mark.parametrize("which", ["ingress", "worker"])
def test_the_ops_listener_tells_how_it_is(service, which):
    program = getattr(service, which)
    assert program.ops.get("/livez").status == 200
    assert program.ops.get("/readyz").status == 200
    health = program.ops.get("/healthz")
    assert health.status == 200
    assert "kafka" in health.body.decode().lower() and "redis" in health.body.decode().lower()
    metrics = program.ops.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"})
    assert metrics.headers["content-type"].startswith("application/openmetrics-text")
    assert metrics.body.endswith(b"# EOF\n")
    assert program.ops.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
    assert program.ops.ask("GET", "/nothing", judged=False).status == 404
    assert program.ops.ask("POST", "/livez", b"", judged=False).status in (404, 405)


def test_metrics_are_well_formed_and_move(service):
    def samples(text):
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")}

    before = samples(service.ingress.ops.get("/metrics").json)
    service.b2c.score(service.person())
    after = until(lambda: (s := samples(service.ingress.ops.get("/metrics").json)) != before and s, 10)
    assert set(before) <= set(after)
    assert all(after[name] >= value for name, value in before.items() if name.split("{")[0].endswith(("_total", "_count", "_bucket")))
