"""Kafka lost, and a whole region lost: what docs/recovery.md promises of the steps that it gives. Other topics of the same broker stand
for the new Kafka, and a copy of `results` into them for MirrorMaker."""
import json
import secrets

from lib.cache import RedisServer
from lib.journey import Journey
from lib.kafka import Topics
from lib.process import until


def move(stack):
    """The programs stop, and what starts from now on finds an empty Kafka. Returns the old topics."""
    for program in stack.programs:
        program.terminate()
    for program in stack.programs:
        program.stop()
    lost = stack.topics
    stack.prefix = f"t{secrets.token_hex(5)}."
    stack.topics = Topics(stack.servers, stack.prefix)
    stack.create_topics()
    return lost


def score(ingress, stack, value):
    made = ingress.b2c.create(stack.person(f"~score={value}"), wait=30)
    assert (made["state"], made["score"]) == ("completed", value)
    return made["id"]


def test_kafka_lost_leaves_what_redis_knows_and_everything_new_works(stack):
    ingress, worker = stack.ingress(), stack.worker()
    done = score(ingress, stack, 321)
    person = Journey(stack, ingress).to_vendor()
    worker.process.stop()
    waiting = ingress.b2c.create(stack.person())
    assert waiting.status == 202

    lost = move(stack)
    assert any(record.key == waiting["id"] for record in lost.requests())
    ingress, worker = stack.ingress(), stack.worker()
    assert stack.ctl("topics", "check").count("partitions") == 9
    assert ingress.b2c.read(done)["score"] == 321 and "completed" in stack.ctl("get", done)
    assert score(ingress, stack, 654)
    assert ingress.b2c.read(waiting["id"], wait=1)["state"] == "queued", "nobody has its request any more"
    person.ingress = ingress
    person.finish()
    person.come_back()
    person.token()
    assert person.end().success, "who was at Jumio comes back, and is verified"
    last = json.loads(stack.ctl("cache", "rebuild", "--json").splitlines()[-1])
    assert last["event"] == "whole"
    assert ingress.b2c.read(done)["score"] == 321, "a rebuild takes nothing from Redis"


def test_a_region_lost_goes_on_elsewhere_from_the_copy_of_results_alone(stack, folder):
    ingress, _ = stack.ingress(), stack.worker()
    done = score(ingress, stack, 321)
    person = Journey(stack, ingress).to_vendor()
    person.wait_state("awaiting_user")

    lost = move(stack)
    for record in lost.read("results"):
        stack.topics.produce("results", record.key, record.value, record.headers, record.partition)
    stack.redis.stop()
    stack.redis = RedisServer(folder, "redis-elsewhere")
    ingress, worker = stack.ingress(), stack.worker()
    until(lambda: worker.metric("verifyd_cache_whole") == 1, 60, "Redis to be filled")
    assert ingress.b2c.read(done)["score"] == 321 and score(ingress, stack, 654)
    person.ingress = ingress
    person.finish()
    person.come_back()
    person.token()
    assert person.end().success and person.initiates() == 1
