"""A person's browser without a screen: keeps cookies as Chromium does, opens pages, stops at redirects.

Cookies belong to the host, whatever the port, and Secure ones go to loopback too (draft-ietf-httpbis-rfc6265bis). Every
answer of verifyd is judged by schemas/openapi.yaml, every page for what a person must not be shown, every cookie for the
protections it must have.
"""
import http.client
import re
import time
import urllib.parse
from dataclasses import dataclass

from lib import schemas
from lib.process import until

TIMEOUT_S = 60
COOKIE = re.compile(r"__Host-verifyd-v[\w-]{21}[AQgw]")
# What no page and no message to a person may say: the vendor's name, our parts, a programmer's words.
INTERNALS = re.compile(r"jumio|netverify|biocatch|kafka|redis|verifyd|postgres|\bnull\b|undefined|exception|traceback|errno|\bstack\b"
                       r"|segfault|libcurl|microhttpd|openssl|\bNaN\b|%s|%d|\bERR_|\bdead\b|awaiting_user|\bqueued\b", re.I)


def check_words(text, what):
    """Fails on internals in what a person reads."""
    found = INTERNALS.search(text)
    assert not found, f"{what} shows {found[0]!r}: {text[:1500]}"


def readable(html):
    """The words of a page: its title, text and visible attributes; no addresses, no style."""
    text = re.sub(r"<(style|script)\b.*?</\1>", " ", html, flags=re.S | re.I)
    shown = re.findall(r'\b(?:alt|title|placeholder|value|aria-label)="([^"]*)"', text)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip() + " " + " ".join(shown)


@dataclass
class Page:
    url: str
    status: int
    headers: dict
    text: str
    cookies: list  # Set-Cookie values
    begun: float   # time.monotonic()
    ended: float

    @property
    def location(self):
        """Where it sends the browser, absolute; None when it does not."""
        if self.status in (301, 302, 303, 307, 308):
            return urllib.parse.urljoin(self.url, self.headers["location"])
        return None

    @property
    def words(self):
        return readable(self.text)

    @property
    def links(self):
        return [urllib.parse.urljoin(self.url, link.replace("&amp;", "&")) for link in re.findall(r'href="([^"]*)"', self.text)]


@dataclass
class Cookie:
    name: str
    value: str
    ends: float  # time.time()


def parse_cookie(text):
    """One Set-Cookie value of verifyd's, with everything it must carry."""
    first, *rest = [part.strip() for part in text.split(";")]
    name, _, value = first.partition("=")
    attributes = {key.strip().lower(): content for key, _, content in (part.partition("=") for part in rest)}
    assert COOKIE.fullmatch(name), f"a cookie of an unknown name: {name}"
    assert {"httponly", "secure"} <= set(attributes) and attributes.get("path") == "/" and "domain" not in attributes, text
    assert attributes.get("samesite", "").lower() == "lax", text
    return Cookie(name, value, time.time() + int(attributes["max-age"]))


class Browser:
    def __init__(self, language="en", timeout_s=TIMEOUT_S):
        self.language, self.timeout_s = language, timeout_s
        self.cookies = {}  # host -> {name: Cookie}

    def copy(self):
        """A second tab, or a stolen profile: the same cookies now, its own later."""
        other = Browser(self.language, self.timeout_s)
        other.cookies = {host: dict(jar) for host, jar in self.cookies.items()}
        return other

    def jar(self, url):
        return self.cookies.setdefault(urllib.parse.urlsplit(url).hostname, {})

    def cookie_header(self, url):
        """As a browser sends it, oldest first."""
        jar = self.jar(url)
        for name in [name for name, cookie in jar.items() if cookie.ends <= time.time()]:
            del jar[name]
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar.values())

    def open(self, url, form=None, at=None, headers=None):
        """One exchange. form: posted. at: the address (host:port) that really gets it, for a second ingress."""
        parts = urllib.parse.urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": self.language, "Host": parts.netloc}
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        if cookies := self.cookie_header(url):
            sent["Cookie"] = cookies
        link = http.client.HTTPConnection(at or parts.netloc, timeout=self.timeout_s)
        begun = time.monotonic()
        try:
            link.request("POST" if form is not None else "GET", path, body, sent | (headers or {}))
            reply = link.getresponse()
            content = reply.read()
        finally:
            link.close()
        cookies = [value for name, value in reply.getheaders() if name.lower() == "set-cookie"]
        page = Page(url, reply.status, {name.lower(): value for name, value in reply.getheaders()},
                    content.decode("utf-8"), cookies, begun, time.monotonic())
        if not path.startswith("/jumio/"):
            self.judge(page, "POST" if form is not None else "GET", path, content)
        return page

    def judge(self, page, method, path, content):
        schemas.check_answer(method, path, page.status, page.headers, content)
        assert page.status < 500, f"{path.split('/')[1]}: {page.status} {page.text[:500]}"
        for text in page.cookies:
            cookie = parse_cookie(text)
            self.jar(page.url)[cookie.name] = cookie
        if page.headers.get("content-type", "").startswith("text/html"):
            check_words(page.words, page.url.split("/")[3])
            assert re.search(r"<html[^>]* lang=", page.text) and "<title>" in page.text, page.text[:300]
            assert "no-store" in page.headers.get("cache-control", ""), "a person's page stays in no cache"

    def wait_for_redirect(self, url, timeout_s=30, every_s=0.2, at=None):
        """Opens it again and again, as a waiting page does, until it sends the browser somewhere else."""
        def look():
            page = self.open(url, at=at)
            assert page.status in (200, 302, 303), f"{page.status}: {page.words}"
            return page if page.location else None

        return until(look, timeout_s, "a redirect", every_s)
