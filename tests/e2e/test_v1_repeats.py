"""/v1 asked again: for news of a verification (ETag, long poll), with the same Idempotency-Key, and too often."""
import secrets
import threading
import time

import pytest

from lib.process import until

SLOW = "~delay=4800"  # the vendor's answer comes by answered_soon; later it would be asked again


def in_a_moment(seconds, do):
    timer = threading.Timer(seconds, do)
    timer.start()
    return timer


def answered_soon(service):
    """The vendor answers what it holds, in a moment."""
    in_a_moment(0.3, service.vendor.release)


def question(service, marks="", **more):
    return {"kind": "biocatch.score", "subject": service.person(kind="subject"), "session": service.person(marks), **more}


def create(caller, body, key=None, wait=None):
    headers = {"Idempotency-Key": key, "Prefer": f"wait={wait}" if wait is not None else None}
    return caller.post("/v1/verifications", body, headers=headers)


def read(caller, identity, tag, wait=None):
    return caller.read(identity) if tag is None else caller.get(
        f"/v1/verifications/{identity}", headers={"If-None-Match": tag, "Prefer": f"wait={wait}" if wait is not None else None})


# ETag

def test_what_has_been_seen_is_304_and_news_is_200(service):
    made = create(service.b2c, question(service, SLOW))
    tag = service.b2c.read(made["id"]).headers["etag"]
    for seen in (tag, "W/" + tag, f'"x", {tag}', "*"):
        answer = read(service.b2c, made["id"], seen)
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
    assert read(service.b2c, made["id"], '"x"').status == 200
    answered_soon(service)
    done = service.b2c.read(made["id"], wait=20)
    assert done["state"] == "completed" and done.headers["etag"] != tag
    assert read(service.b2c, made["id"], tag).status == 200
    assert read(service.b2c, made["id"], done.headers["etag"]).status == 304


def test_with_a_tag_a_long_poll_is_held_until_there_is_news(service):
    made = create(service.b2c, question(service, SLOW))
    tag = service.b2c.read(made["id"]).headers["etag"]
    early = read(service.b2c, made["id"], tag, wait=1)
    assert early.status == 304 and early.headers["preference-applied"] == "wait=1" and early.elapsed_s >= 0.9
    answered_soon(service)
    news = read(service.b2c, made["id"], tag, wait=20)
    assert news.status == 200 and news["state"] == "completed" and news.elapsed_s < 10
    assert news.headers["preference-applied"] == "wait=20"


def test_a_long_poll_is_told_every_step_of_a_journey_and_not_only_the_last(service):
    journey = service.journey()
    made = service.b2c.post("/v1/verifications", {
        "kind": "jumio.identity", "subject": journey.object_id, "correlation": secrets.token_hex(8),
        "return_url": "https://app.contoso.example/back"}, headers={"Prefer": "wait=10"})
    assert made["state"] == "awaiting_user" and made.headers["etag"]
    assert read(service.b2c, made["id"], made.headers["etag"], wait=1).status == 304


def test_an_unknown_or_anothers_verification_is_404_whatever_the_tag(service):
    made = create(service.b2c, question(service), wait=20)
    for caller, identity in ((service.other, made["id"]), (service.b2c, "v" + "A" * 22)):
        assert read(caller, identity, made.headers["etag"], wait=5).status == 404


def test_another_pods_news_ends_a_long_poll(service):
    second = service.stack.ingress()
    made = create(service.b2c, question(service, SLOW))
    tag = service.b2c.read(made["id"]).headers["etag"]
    answered_soon(service)
    news = read(second.b2c, made["id"], tag, wait=20)
    assert news["state"] == "completed" and news.elapsed_s < 10


# Idempotency-Key

def test_the_same_key_and_body_is_the_same_verification_however_late(service):
    body, key = question(service, "~score=222"), secrets.token_hex(16)
    first = create(service.b2c, body, key, wait=20)
    assert (first.status, first["score"]) == (201, 222)
    assert create(service.b2c, body, f'"{key}"')["id"] == first["id"]
    link = service.redis.client()
    link.delete(*[name for name in link.scan_iter("verifyd:q:*") if link.get(name) == first["id"]])  # as after 30 s: an equal question would be asked anew
    again = create(service.b2c, body, key)
    assert (again.status, again["id"], again["score"]) == (201, first["id"], 222)
    assert create(service.b2c, body, secrets.token_hex(16), wait=20)["id"] != first["id"]


def test_the_same_key_with_another_body_is_422(service):
    body, key = question(service), secrets.token_hex(16)
    made = create(service.b2c, body, key)
    refused = create(service.b2c, body | {"brand": "other"}, key)
    assert (refused.status, refused.code) == (422, "idempotency_key_reused")
    assert create(service.other, body | {"brand": "other"}, key).status in (201, 202)  # another caller's key is another key
    assert create(service.b2c, body, key)["id"] == made["id"]


def test_twenty_at_once_with_one_key_are_one_verification_and_one_vendor_call(service):
    body, key, answers = question(service, "~delay=300"), secrets.token_hex(16), []
    threads = [threading.Thread(target=lambda: answers.append(create(service.b2c, body, key, wait=20))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20 and {answer.status for answer in answers} == {201}
    assert len({answer["id"] for answer in answers}) == 1
    assert len(service.vendor.requests(body["session"])) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", '"open', "k" * 256, "a, b", "ä"])
def test_what_is_no_key_is_400(service, key):
    answer = create(service.b2c, question(service), key.encode())
    assert (answer.status, answer.code) == (400, "bad_field") and "Idempotency-Key" in answer["detail"]


def test_a_key_of_255_characters_is_a_key(service):
    assert create(service.b2c, question(service), "k" * 255).status in (201, 202)


def test_a_refused_body_does_not_use_the_key_up(service):
    body, key = question(service), secrets.token_hex(16)
    assert create(service.b2c, body | {"brand": "b" * 65}, key).code == "bad_field"
    assert create(service.b2c, body, key).status in (201, 202)


def test_nothing_of_key_or_body_stands_in_redis(service):
    key = "key-" + secrets.token_hex(16)
    service.stack.people.add(key)  # searched for in every log at the end
    create(service.b2c, question(service), key, wait=20)
    assert key.encode() not in service.redis.everything()


# too often

def test_a_credential_that_asks_too_often_is_told_how_long_to_wait(service):
    limited = service.stack.ingress(RATE_PER_CREDENTIAL="4/8s")
    begun, answers = time.monotonic(), []
    while not answers or answers[-1].status != 429:
        answers.append(limited.b2c.read("v" + "A" * 22))
    assert {answer.status for answer in answers[:-1]} == {404}
    assert 4 <= len(answers) - 1 <= 4 + (time.monotonic() - begun) / 2, "four at once, then one every two seconds"
    assert answers[0].headers["ratelimit-policy"] == '"credential";q=4;w=8'
    assert answers[0].headers["ratelimit"].startswith('"credential";r=3;t=')
    refused = answers[-1]
    assert refused.code == "rate_limited" and refused.headers["ratelimit"].startswith('"credential";r=0;t=')
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert limited.other.read("v" + "A" * 22).status == 404  # the others are not hurt
    assert limited.b2c.score(service.person())["riskLevel"] == "LOW"  # nor is B2C's own route
    time.sleep(int(refused.headers["retry-after"]))
    assert limited.b2c.read("v" + "A" * 22).status == 404


def test_without_a_limit_nothing_is_said_of_one(service):
    answer = service.b2c.read("v" + "A" * 22)
    assert "ratelimit" not in answer.headers and "ratelimit-policy" not in answer.headers


# the cache away

def test_without_redis_a_key_is_refused_and_a_long_poll_is_held_until_it_is_back(stack):
    worker, ingress = stack.worker(), stack.ingress()
    body, key = {"kind": "biocatch.score", "subject": "s", "session": stack.person()}, secrets.token_hex(16)
    made = create(ingress.b2c, body, key, wait=20)
    stack.redis.process.pause()
    until(lambda: ingress.metric("verifyd_http_requests_total") >= 0 and create(ingress.b2c, body, key).status == 503, 20)
    refused = create(ingress.b2c, body, key)
    assert refused.code == "idempotency_key_away" and refused.headers["retry-after"]
    resumed = []
    back = in_a_moment(1.5, lambda: (resumed.append(time.monotonic()), stack.redis.process.resume()))
    held = ingress.b2c.read(made["id"], wait=20)
    ended = time.monotonic()
    back.join()
    assert held["state"] == "completed" and ended > resumed[0]
    until(lambda: create(ingress.b2c, body, key).status == 201, 20)
    assert create(ingress.b2c, body, key)["id"] == made["id"]
    assert worker.process.running() and len(stack.vendor.requests(body["session"])) == 1
