"""Who asks: B2C policies that want a score, programs that use /v1, and people who sign up with a document.

Every call is written to the history. A call whose outcome is not known is repeated as the caller in question would: B2C
sends the same question again, once more, to whichever ingress answers.
"""
import http.client
import random
import threading
import time
import traceback
from collections import deque
from pathlib import Path

import people
from lib.browser import Browser, Page
from lib.journey import Journey

B2C_TRIES = 2
CROWD = {"ScoreClient": 8, "ProgramClient": 5, "SignUp": 7}
ASK_AGAIN_WITHIN_S = 20
LONG_DEADLINE_MS = 600_000
NEVER_RETURNS = 0.15  # of the people who hand in their document
SETTLE_S = 80         # a client's patience once everything is healed
CLIENT_TIMEOUT_S = 12


def told(error):
    """What broke, with the line that said so."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno} ({place.line}): {error}"[:1500]


class Client(threading.Thread):
    """One caller, with random numbers of its own."""

    op = None

    def __init__(self, office, number):
        super().__init__(name=f"{type(self).__name__}-{number}", daemon=True)
        self.office, self.history = office, office.history
        self.chance = random.Random(f"{office.seed}/{self.name}")
        self.failure = None
        self.used = self.shunned = None  # the ingress that the last call went to; one that did not answer

    def run(self):
        try:
            while not self.office.closing.is_set():
                self.turn()
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error
            self.history.end(0, "broken", self.name, "client", why=repr(error))

    def pause(self, shortest, longest):
        self.office.ended.wait(self.chance.uniform(shortest, longest))

    def over(self):
        return self.office.ended.is_set()

    def front(self):
        """An ingress, as a balancer gives one; after a call without an answer not the same again."""
        self.used = self.chance.choice([front for front in self.office.fronts if front is not self.shunned])
        return self.used

    def call(self, op, function, **what):
        """Returns the answer, or None when its outcome is unknown or it breaks the contract."""
        number = self.history.invoke(self.name, op, **what)
        try:
            answer = function()
        except (OSError, http.client.HTTPException) as error:
            self.shunned = self.used
            self.history.end(number, "unknown", self.name, op, why=repr(error), **what)
            return None
        except (AssertionError, ValueError, KeyError) as error:
            self.history.end(number, "broken", self.name, op, why=told(error), **what)
            return None
        self.shunned = None
        status, body = answer.status, getattr(answer, "json", None)
        phase = "ok" if status < 400 else "fail"
        shown = body if isinstance(body, dict) else {"location": bool(answer.location), "page": answer.words[:60]} if isinstance(answer, Page) else {}
        self.history.end(number, phase, self.name, op, status=status, answer=shown, **what)
        return answer


class ScoreClient(Client):
    """B2C's GetScore. Some ask what somebody else has just asked."""

    def turn(self):
        session, uuid, begun = self.office.score_question(self.chance)
        for _ in range(B2C_TRIES):
            front = self.front()
            answer = self.call("score", lambda front=front: front.b2c.score(session, uuid), person=session, question=f"{session} {uuid}")
            if answer is not None:
                break
        if answer is None or answer.json.get("riskLevel") == "UNKNOWN" and self.chance.random() < 0.5:
            self.office.ask_again(session, uuid, begun)
        self.pause(0.02, 0.12)


class ProgramClient(Client):
    """/v1: asks with a long deadline and comes back for the answer."""

    def turn(self):
        session, uuid = people.new_score(self.chance, self.office.next_score()), f"uuid-{self.chance.getrandbits(64):016x}"
        wait = self.chance.choice((None, None, 2))
        what = {"person": session, "question": f"{session} {uuid}"}
        while not self.over():
            front = self.front()
            answer = self.call("create", lambda front=front: front.b2c.create(session, uuid, wait=wait, deadline_ms=LONG_DEADLINE_MS), **what)
            if answer is not None and answer.status in (201, 202):
                self.follow(answer["id"], what)
                return
            self.pause(0.2, 0.8)

    def follow(self, identity, what):
        ends = 0
        while ends < 2 and not self.over():
            front = self.front()
            answer = self.call("read", lambda front=front: front.b2c.read(identity, wait=2), id=identity, **what)
            if answer is not None and answer.status == 200 and answer["state"] in ("completed", "dead"):
                ends += 1
                self.pause(0, 0.3)
            else:
                self.pause(0.1, 0.4)


class SignUp(Client):
    """A person in a browser, and B2C behind it. The steps are those of tests/e2e/lib/journey.py, each with the patience
    of a person who opens the page again."""

    def turn(self):
        object_id, outcome = people.new_journey(self.chance)
        browser = Browser(timeout_s=CLIENT_TIMEOUT_S)
        journey = self.journey(object_id, browser)
        for _ in range(4):
            if self.begin(journey) and self.visit(journey, outcome):
                self.settle(journey)
                return
            if self.over():
                return
            journey = self.journey(object_id, browser)

    def journey(self, object_id, browser):
        """A further journey of the same person in the same app: only the CorrelationId is new."""
        fields = {"CorrelationId": f"correlationid-{self.chance.getrandbits(64):016x}",
                  "RedirectUri": f"https://app-{object_id.split('-')[1][:16]}.example/signin-oidc?from=a%2Fb&to=c+d"}
        return Journey(self.office.stack, self.front(), object_id=object_id, browser=browser, **fields)

    def step(self, op, function, journey):
        journey.ingress = self.front()
        return self.call(op, function, id=journey.reference, person=journey.object_id, question=journey.fields["CorrelationId"])

    def begin(self, journey):
        """B2C's first call, repeated with the same CorrelationId. False: B2C begins anew."""
        refused = 0
        while not self.over() and refused < 4:
            answer = self.step("initialize", journey.try_initialize, journey)
            if answer is not None and answer.status == 200:
                journey.accept(answer)
                return True
            refused += answer is not None
            self.pause(0.2, 0.8)
        return False

    def failed(self, journey):
        """What the page that polls says meanwhile."""
        if journey.first_token is None and self.get_token(journey) is None:
            return False
        answer = self.step("status", journey.status, journey)
        return answer is not None and answer.status == 200 and answer["status"] == "FAILED"

    def get_token(self, journey):
        body = {"ObjectId": journey.object_id, "TransactionReference": journey.reference}
        answer = self.step("token", lambda: journey.call("InitializeVerification", body), journey)
        if answer is not None and answer.status == 200:
            journey.first_token = answer["verificationToken"]
        return journey.first_token

    def visit(self, journey, outcome):
        """/start, the vendor's page, /return. False: it cannot be gone on with, and B2C begins anew."""
        looks = 0
        while not self.over():
            page = self.step("start", journey.open_start, journey)
            if page is not None and page.location:
                journey.capture = page.location
                break
            if page is not None and "continue where you began" in page.words.lower():
                return False  # the answer that carried the cookie was lost: a fresh ticket takes the binding over
            looks += 1
            if looks % 4 == 0 and self.failed(journey):
                return False
            if page is not None and "being checked" in page.words.lower() and self.uploaded(journey, outcome):
                return True  # the watchdog was faster than the browser, which has the vendor's page all the same
            self.pause(0.2, 0.6)
        if self.over():
            return False
        if self.chance.random() < NEVER_RETURNS:
            self.uploaded(journey, outcome)
            return True
        if self.vendor_page(journey, outcome):
            self.come_back(journey)
        return True

    def uploaded(self, journey, outcome):
        """The person hands the document in, and is not seen again. Only for who was given the vendor's page: before, the
        vendor may have made one whose answer was lost, and which nobody will ask after."""
        own = [one for one in self.office.stack.vendor.transactions(journey.object_id) if one["customer_reference"] == journey.reference]
        for one in own:
            if one["finished_ms"] is None:
                self.office.stack.vendor.finish(one["reference"], outcome)
        return bool(own)

    def vendor_page(self, journey, outcome):
        for _ in range(3):
            if self.step("finish", lambda: self.finish(journey, outcome), journey) is not None:
                return True
            self.pause(0.1, 0.3)
        return False

    @staticmethod
    def finish(journey, outcome):
        journey.finish(outcome)

        class Done:
            status, json = 200, {}

        return Done

    def come_back(self, journey):
        for _ in range(60):
            page = self.step("return", journey.open_return, journey)
            if page is not None and page.location:
                return self.step("landed", lambda page=page: self.landed(journey, page), journey)
            if self.over() or (page is not None and "sign in again" in page.words.lower()):
                return None
            self.pause(0.2, 0.6)
        return None

    @staticmethod
    def landed(journey, page):
        claims = journey.land(page.location)

        class Claims:
            status, json = 200, {"object_id": claims["ObjectId"]}

        return Claims

    def settle(self, journey):
        """The page polls until it is told, then B2C validates."""
        open_end = people.right_verdict(journey.object_id) is None
        looks = 0
        while not self.over():
            if journey.first_token or self.get_token(journey):
                answer = self.step("status", journey.status, journey)
                if answer is not None and answer.status == 200 and answer["status"] != "RETRY":
                    break
                looks += answer is not None
            if open_end and (looks > 12 or self.office.closing.is_set()):
                return
            self.pause(0.2, 0.5)
        while not self.over():
            answer = self.step("validate", journey.validate, journey)
            if answer is not None and answer.status == 200:
                return
            self.pause(0.2, 0.5)


class Office:
    """All the clients of one shard, and what they share."""

    def __init__(self, stack, fronts, history, seed, crowd=None):
        self.stack, self.fronts, self.history, self.seed = stack, fronts, history, seed
        self.closing = threading.Event()  # nothing new is begun
        self.ended = threading.Event()    # whoever is not done gives up
        self.lock = threading.Lock()
        self.scores = random.Random(f"{seed}/scores").sample(range(1001), 1001)
        self.scores_given = 0
        self.recent = deque(maxlen=40)
        crowd = crowd or CROWD
        self.clients = [kind(self, n) for kind in (ScoreClient, ProgramClient, SignUp) for n in range(crowd[kind.__name__])]

    def next_score(self):
        with self.lock:
            self.scores_given += 1
            return self.scores[self.scores_given % len(self.scores)]

    def score_question(self, chance):
        """(session, uuid, since when it is asked). Now and then one that was asked a moment ago."""
        with self.lock:
            while self.recent and self.recent[0][2] < time.time() - ASK_AGAIN_WITHIN_S:
                self.recent.popleft()
            again = chance.choice(self.recent) if self.recent and chance.random() < 0.12 else None
        if again:
            return again
        question = (people.new_score(chance, self.next_score()), f"uuid-{chance.getrandbits(64):016x}", time.time())
        with self.lock:
            self.recent.append(question)
        return question

    def ask_again(self, session, uuid, begun):
        with self.lock:
            self.recent.append((session, uuid, begun))

    def start(self):
        for client in self.clients:
            client.start()

    def close(self, tick, patience_s=SETTLE_S):
        """Nothing new; waits until all are done. tick() is called meanwhile. Returns who was not done in time."""
        self.closing.set()
        end = time.monotonic() + patience_s
        while time.monotonic() < end and any(client.is_alive() for client in self.clients):
            tick()
            time.sleep(0.05)
        late = [client.name for client in self.clients if client.is_alive()]
        self.abandon()
        return late

    def abandon(self):
        """Ends all of them, whatever they are at."""
        self.closing.set()
        self.ended.set()
        for client in self.clients:
            if client.ident is not None:
                client.join(CLIENT_TIMEOUT_S + 3)
