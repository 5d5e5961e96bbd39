"""Who may speak to the page, and what the page may do in a browser.

A page on one's own machine is reachable for every website that the same browser has open, and
for every program on the machine. So each request must name this server as its host (or a name
that was pointed here would pass for ours: DNS rebinding), must come from our own page where it
comes from a page at all (cross-site request forgery), and must carry a secret: the token that is
printed at the start or, once that was shown, a cookie that no other site can send along.
"""

import hmac
import ipaddress
import re
import secrets
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Only what this server itself sends is loaded; nothing inline runs; nobody frames the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
SAFE = ("GET", "HEAD")
METHODS = (*SAFE, "POST", "PUT", "DELETE")
_TOKEN = "token"
_HOST = re.compile(r"(?P<name>\[[0-9a-f:]+\]|[a-z0-9.-]+)(:(?P<port>[0-9]{1,5}))?", re.ASCII)


@dataclass(frozen=True)
class Door:
    """Where the server listens and what opens it.

    ``token`` is in the address that is printed, ``session`` in the cookie: an address that
    somebody reads over a shoulder is no cookie, and neither can be told from the other.
    """

    host: str
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def address(self) -> str:
        """What to open, token included."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{_bracketed(host)}:{self.port}/?{_TOKEN}={self.token}"

    @property
    def cookie(self) -> str:
        """The cookie's name: cookies are shared by all ports of a host."""
        return f"edgepatent_{self.port}"

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this server.

        Away from loopback any numeric address does: only a name can be pointed elsewhere.
        """
        found = _HOST.fullmatch(host)
        if found is None or int(found["port"] or 80) != self.port:
            return False
        name = found["name"].strip("[]")
        if name in ("localhost", "127.0.0.1", "::1", self.host):
            return True
        if self.loopback:
            return False
        own = socket.gethostname().lower()
        return _numeric(name) or name in (own, f"{own}.local", own.partition(".")[0])

    def knows(self, secret: str | None, of: str) -> bool:
        """Whether ``secret`` is the one that is meant, in constant time."""
        return secret is not None and hmac.compare_digest(secret.encode(), of.encode())


def is_loopback(host: str) -> bool:
    """Whether a host can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _numeric(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Gate:
    """ASGI middleware: lets in what may come in, and marks all that goes out.

    An error that nobody foresaw ends here: its kind and place are logged, never its words, which
    may hold what somebody searched for.
    """

    def __init__(self, app: ASGIApp, door: Door, log: Callable[[str], None] | None = None) -> None:
        self.app = app
        self.door = door
        self.log = log or (lambda line: print(line, file=sys.stderr, flush=True))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def send_marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        answer = self._refusal(scope)
        try:
            await (answer or self.app)(scope, receive, send_marked)
        except Exception as error:  # noqa: BLE001
            self.log(f"internal error: {_place(error)}")
            if not started:
                response = PlainTextResponse("internal error", 500)
                await response(scope, receive, send_marked)

    def _refusal(self, scope: Scope) -> Response | None:
        """What a request gets that may not come in, or has only just shown its token."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self.door.is_ours(hosts[0].lower()):
            return PlainTextResponse("this server has another name", 421)
        if scope["method"] not in METHODS:
            return PlainTextResponse("no such method", 405)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        shown = query.get(_TOKEN, [None])[0]
        if scope["path"] == "/" and scope["method"] in SAFE and shown is not None:
            return self._welcome(shown)
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if self.door.knows(bearer, self.door.token):
            return None  # a program; no browser adds this header by itself
        if not self._same_site(scope["method"], scope["path"], hosts[0], headers):
            return PlainTextResponse("this request comes from another site", 403)
        if self.door.knows(_cookie(headers, self.door.cookie), self.door.session):
            return None
        return PlainTextResponse("open the address that edgepatent serve has printed", 403)

    def _welcome(self, shown: str) -> Response:
        """The cookie for a token; the redirect takes the token out of the address bar."""
        if not self.door.knows(shown, self.door.token):
            return PlainTextResponse("open the address that edgepatent serve has printed", 403)
        response = RedirectResponse("/", 303)
        response.set_cookie(
            self.door.cookie, self.door.session, httponly=True, samesite="strict", path="/"
        )
        return response

    @staticmethod
    def _same_site(method: str, path: str, host: str, headers: Headers) -> bool:
        """Whether our own page asks, as far as a browser tells.

        What changes something must say where it comes from; what reads must not say that it comes
        from elsewhere. A person who follows a link to the page itself does come from elsewhere.
        """
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site")
        if origin is not None and origin != f"http://{host}":
            return False
        if method not in SAFE:
            return origin is not None and site in (None, "same-origin")
        navigates = headers.get("sec-fetch-mode") == "navigate" and not path.startswith("/api/")
        return site in (None, "same-origin", "none") or navigates


def _cookie(headers: Headers, name: str) -> str | None:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return None
    return cookies[name].value if name in cookies else None


def _place(error: BaseException) -> str:
    """An error's kind and where it was raised, without a word of what it says."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
