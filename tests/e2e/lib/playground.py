"""The playground (deploy/demo/playground) before a service of the tests: B2C's stand-in with the rendered policies."""
import json
import sys
import urllib.request
from pathlib import Path

from lib import process
from lib.cache import free_port
from lib.process import Process
from lib.stack import AUDIENCE, KEYS

ROOT = Path(__file__).resolve().parents[3]
SETS = {"Verifyd": ["Journeys = combined"], "VerifydJumio": ["Journeys = jumio"], "VerifydBioCatch": ["Journeys = biocatch", "HighRisk = block"]}

sys.path.insert(0, str(ROOT / "deploy" / "demo" / "playground"))
from person import Person  # pylint: disable=wrong-import-position


class Playground:
    def __init__(self, service, folder):
        self.service, self.folder = service, Path(folder)
        stack = service.stack
        (self.folder / "policies").mkdir(parents=True)
        (self.folder / "key").write_text(f"b2c={KEYS['b2c']}\n")
        self.process = Process("playground", [
            sys.executable, ROOT / "deploy" / "demo" / "playground", "--port", "0", "--policies", self.folder / "policies", "--key-file", self.folder / "key",
            "--vendor", f"http://{stack.vendor.address}", "--verifyctl", process.BIN / "verifyctl"], self.folder, stack.base())
        self.url = f"http://{self.process.address()}"
        address = f"127.0.0.1:{free_port()}"
        self.public_url = f"http://{address}"
        self.ingress = stack.ingress(HTTP_LISTEN=address, PUBLIC_URL=self.public_url, B2C_BASE_REDIRECT_URL=f"{self.url}/playground",
                                     UI_DIR=ROOT / "deploy" / "b2c" / "ui", JUMIO_MAX_ATTEMPTS=10)
        for name, more in SETS.items():
            self.render(name, more)

    def render(self, name, more):
        settings = self.folder / f"{name}.settings"
        settings.write_text("\n".join([
            f"Name = {name}", "Tenant = playground.onmicrosoft.com", f"ApiUrl = {self.public_url}", f"TokenAudience = {AUDIENCE}",
            "ExtensionsAppId = 11111111-1111-4111-8111-111111111111", "ExtensionsAppObjectId = 22222222-2222-4222-8222-222222222222", *more]) + "\n")
        done = process.run("verifyctl", "policy", "render", "--loopback-http", "--settings", settings, "--out", self.folder / "policies" / name)
        assert done.returncode == 0, done.stderr

    def switch(self, name, value):
        """One of the panel's."""
        request = urllib.request.Request(f"{self.url}/panel/settings", json.dumps({"name": name, "value": value}).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10):
            pass

    def person(self):
        """Somebody new, without a screen."""
        return Quiet(self.url)

    def stop(self):
        self.process.stop()


class Quiet(Person):
    def say(self, text):
        pass
