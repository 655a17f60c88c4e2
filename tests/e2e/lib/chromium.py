"""A real Chromium without a screen, driven over the WebDriver protocol (W3C WebDriver) by chromedriver."""
import base64
import contextlib
import importlib.resources
import json
import urllib.error
import urllib.request
from pathlib import Path

from lib.cache import free_port
from lib.process import Process, until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name of an element's reference
# No sandbox: the tests may run as root. The rest keeps it from calling anybody but the addresses it is given.
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-default-browser-check",
         "--disable-extensions", "--window-size=900,900", "--lang=en")


class Driver:
    """chromedriver; `browser` starts a Chromium with a new profile. A context."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.address = f"http://127.0.0.1:{free_port()}"
        self.process = Process("chromedriver", ["chromedriver", f"--port={self.address.rpartition(':')[2]}"], folder)
        self.browsers = []

    def __enter__(self):
        until(self.is_ready, 60, "chromedriver")
        return self

    def __exit__(self, *_):
        for browser in self.browsers:
            browser.quit()
        self.process.stop()

    def is_ready(self):
        assert self.process.running(), self.process.tail()
        try:
            return self.call("GET", "/status")["ready"]
        except OSError:
            return False

    def call(self, method, path, body=None):
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()[:2000]}") from None

    def browser(self, waits=True, scripts=True):
        """waits: `open` returns when the page, and whatever that goes on to at once, has loaded. scripts: whether pages may run any."""
        profile = self.folder / f"profile-{len(self.browsers)}"
        options = {"args": [*FLAGS, f"--user-data-dir={profile}"]}
        if not scripts:
            options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "pageLoadStrategy": "normal" if waits else "none", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        one = Chromium(self, session["sessionId"], session["capabilities"]["goog:chromeOptions"]["debuggerAddress"])
        self.browsers.append(one)
        return one


class Chromium:
    def __init__(self, driver, session, debugger):
        self.driver, self.path, self.debugger = driver, f"/session/{session}", debugger

    def call(self, method, path, body=None):
        return self.driver.call(method, self.path + path, body)

    def open(self, url):
        """Returns when the page has loaded, redirects included."""
        self.call("POST", "/url", {"url": url})
        return self

    def showing(self):
        """Title and address of what is shown now, also while the next page is being loaded: all other commands wait for that."""
        with urllib.request.urlopen(f"http://{self.debugger}/json", timeout=30) as reply:
            (page,) = [target for target in json.load(reply) if target["type"] == "page"]
        return page["title"], page["url"]

    def ask(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def run(self, expression):
        """The value of a JavaScript expression."""
        done = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    @property
    def url(self):
        return self.run("location.href")

    @property
    def title(self):
        return self.run("document.title")

    @property
    def text(self):
        return self.run("document.body ? document.body.innerText : ''")

    def shot(self, path, whole=False):
        """whole: the page, however long it is, not only what the window shows."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=whole)["data"]))

    def device(self, width, height, phone=False, scheme="light", language="en", calm=True):
        """What the browser pretends to be from the next page on. calm: its person wants nothing to move."""
        self.look(width, height, phone, scheme, calm)
        agent = self.ask("Browser.getVersion")["userAgent"]
        self.ask("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)
        return self

    def look(self, width, height, phone=False, scheme="light", calm=True):
        """Another window, also for the page that is shown."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme},
                                                         {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"}])

    @contextlib.contextmanager
    def another_tab(self):
        """In front of this one, with the same cookies; closed in the end. Yields what brings this (True) or that (False) to the front."""
        tabs = {True: self.call("GET", "/window"), False: self.call("POST", "/window/new", {"type": "tab"})["handle"]}

        def show(this):
            self.call("POST", "/window", {"handle": tabs[this]})

        show(False)
        try:
            yield show
        finally:
            show(False)
            self.call("DELETE", "/window")
            show(True)

    def press_key(self, key):
        """One without a character, such as Tab."""
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode={"Tab": 9, "Enter": 13}[key])

    def complaints(self):
        """What the browser itself complained of since the last call, such as a breach of the page's own policy."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def accessibility(self, only=None):
        """What axe-core finds wrong with the page that is shown, one line each. only: the rules that another look at the same page needs."""
        if not self.run("!!window.axe"):
            source = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
            self.run(source + ";0")
        options = {"resultTypes": ["violations", "incomplete"]} | ({"runOnly": {"type": "rule", "values": only}} if only else {})
        done = self.ask("Runtime.evaluate", expression=f"axe.run(document, {json.dumps(options)})", awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        report = done["result"]["value"]
        assert len(report["passes"]) > (0 if only else 10), "it looked at the page"
        return [f"{rule['id']}: {rule['help']}: {[node['html'][:200] for node in rule['nodes']]}"
                for rule in report["violations"] + report["incomplete"]]

    def find(self, selector):
        found = self.call("POST", "/elements", {"using": "css selector", "value": selector})
        return [element[ELEMENT] for element in found]

    def click(self, selector):
        """The first that there is, as soon as there is one."""
        element = until(lambda: self.find(selector), 20, selector)[0]
        self.call("POST", f"/element/{element}/click")

    def wait_url(self, start, timeout_s=30):
        try:
            return until(lambda: (url := self.url).startswith(start) and url, timeout_s, f"Chromium to be at {start}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is at {self.url}: {self.text[:600]}; {self.complaints()[-5:]}") from None

    def cookies(self):
        return self.call("GET", "/cookie")

    def quit(self):
        self.call("DELETE", "")
