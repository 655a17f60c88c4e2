"""vendorsim as the tests see it: where it listens, what it was asked."""
import json
import urllib.parse
import urllib.request

from lib.process import BIN, Process, until


class Vendor:
    def __init__(self, folder, name="vendorsim"):
        self.process = Process(name, [BIN / "vendorsim", "--listen", "127.0.0.1:0"], folder)
        self.address = self.process.address()
        self.base_url = f"http://{self.address}/biocatch"
        self.jumio_url = f"http://{self.address}/jumio"

    def control(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else (b"" if method == "POST" else None)
        request = urllib.request.Request(f"http://{self.address}/control/{path}", data, method=method,
                                         headers={"Content-Type": "application/json"} if body is not None else {})
        with urllib.request.urlopen(request, timeout=30) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def stats(self):
        return self.control("GET", "stats")

    def requests(self, session=None):
        query = "?" + urllib.parse.urlencode({"session": session}) if session is not None else ""
        found = self.control("GET", f"requests{query}")
        return found if isinstance(found, list) else found["requests"]

    def calls(self, session):
        return len(self.requests(session))

    def set(self, **defaults):
        self.control("POST", "biocatch", defaults)

    # Jumio: `user` is the userReference, which is the ObjectId

    def set_jumio(self, **defaults):
        self.control("POST", "jumio", defaults)

    def transactions(self, user=None):
        """What Jumio knows, oldest first."""
        found = self.control("GET", "jumio/transactions")
        return [one for one in found if user is None or one["user"] == user]

    def transaction(self, user):
        """The only one of this person."""
        (one,) = self.transactions(user)
        return one

    def initiates(self, user):
        """Raw initiates of this person, also those that were refused or reset."""
        return [call for call in self.requests(user) if call["path"].endswith("/initiate")]

    def retrievals(self, user):
        return [call for call in self.requests(user) if "/scans/" in call["path"]]

    def finish(self, reference, outcome=None):
        """The person finishes; nobody's browser comes back. Returns where it would be sent."""
        body = {"reference": reference} | ({"outcome": outcome} if outcome else {})
        return self.control("POST", "jumio/finish", body)["location"]

    def call_back(self, reference):
        """Sends a callback. Returns the status of the answer."""
        return self.control("POST", "jumio/callback", {"reference": reference})["status"]

    def reset(self):
        self.control("POST", "reset")

    def release(self):
        """Who was told to wait (~delay, delay_ms) is answered now. What is asked later waits as before."""
        self.control("POST", "release")

    def wait_in_flight(self, count, timeout_s=60):
        return until(lambda: self.stats()["in_flight"] >= count, timeout_s, f"{count} vendor calls in flight")

    def stop(self):
        return self.process.stop()
