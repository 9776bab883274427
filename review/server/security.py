"""Who may speak to the workbench: the token of its address, its own host and origin, JSON of a limited size.

The server holds texts of the data and writes decisions, so a page of another site must neither read nor write it, not
even by a name that it lets point to this machine (DNS rebinding).
"""

import json
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BYTES = 1_000_000  # of a body: a decision holds one output
_READING = ("GET", "HEAD")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(?::(?P<port>[0-9]{1,5}))?")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),  # an address that leaves with a link would carry the token
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


def new_token() -> str:
    """A token of 192 random bits for an address."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Served:
    """What the workbench answers to: its token, its names (lower case) and its port."""

    token: str
    names: frozenset[str]
    port: int

    def answers_to(self, host: str, connected: str) -> bool:
        """Whether a Host header names this server; `connected` is the address of this machine that was reached."""
        found = _HOST.fullmatch(host.lower())
        if found is None:
            return False
        named = found["name"] in self.names or found["name"] == _bracketed(connected)
        return named and (found["port"] or "80") == str(self.port)


def served_names(host: str) -> frozenset[str]:
    """The names under which a server on `host` is reached: those of this machine alone, or also its names elsewhere."""
    loopback = {"127.0.0.1", "localhost", "[::1]"}
    if _bracketed(host) in loopback:
        return frozenset(loopback)
    return frozenset({*loopback, _bracketed(host), socket.gethostname().lower(), socket.getfqdn().lower()})


def _bracketed(host: str) -> str:
    """The host as it stands in an address: an IPv6 one in brackets."""
    return f"[{host.lower()}]" if ":" in host else host.lower()


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused, with its HTTP status."""

    status: int
    text: str


class TooLargeError(Exception):
    """A body turns out to be too large while it is read, whatever its length was said to be."""


@dataclass(frozen=True)
class Guard:
    """An ASGI application in front of another one: what it refuses never gets there, and each answer has its headers."""

    app: App
    served: Served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        send = _with_headers(send)
        refused = _refused(scope, self.served)
        if refused is not None:
            await _refuse(refused, scope, send)
            return
        await self.app({**scope, "root_path": f"/{self.served.token}"}, _limited(receive), send)


TOO_LARGE = Refusal(413, f"the request has more than {MOST_BYTES:,} bytes; shorten the text")


def _refused(scope: Scope, served: Served) -> Refusal | None:
    """Why the request is refused before anything of it is read; None if it is not."""
    headers = _Headers(scope["headers"])
    host = headers.only("host")
    if host is None or not served.answers_to(host, str((scope.get("server") or ("", 0))[0])):
        return Refusal(403, "this address is not the one that `tuneworth review` printed; open that one")
    if not _has_token(scope["path"], served.token):
        return Refusal(404, "nothing is here; open the address that `tuneworth review` printed, with its token")
    if scope["method"] in _READING:
        return None
    return _refused_writing(headers, host)


def _refused_writing(headers: "_Headers", host: str) -> Refusal | None:
    if headers.only("origin") != f"http://{host}":
        return Refusal(403, "the request comes from another page than the one that `tuneworth review` serves")
    if (headers.only("content-type") or "").partition(";")[0].strip().lower() != "application/json":
        return Refusal(415, "expected JSON, with the content type application/json")
    length = headers.only("content-length") or "0"
    if not length.isdecimal() or int(length) > MOST_BYTES:
        return TOO_LARGE
    return None


def _has_token(path: str, token: str) -> bool:
    """Whether the path begins with the token and a slash; in constant time, as a token must not be guessed by letters."""
    found, slash, _ = path.removeprefix("/").partition("/")
    return secrets.compare_digest(found.encode(errors="replace"), token.encode()) and bool(slash)


@dataclass(frozen=True)
class _Headers:
    """The headers of a request."""

    pairs: Iterable[tuple[bytes, bytes]]

    def only(self, name: str) -> str | None:
        """The value of a header; None if it is missing or stated more than once, which two readers may read in two ways."""
        values = [value.decode("latin-1") for key, value in self.pairs if key == name.encode()]
        return values[0] if len(values) == 1 else None


def _limited(receive: Receive) -> Receive:
    """Receives a body up to the limit, whatever its length was said to be. Raises: TooLargeError."""
    size = 0

    async def receive_limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BYTES:
            raise TooLargeError
        return message

    return receive_limited


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
        await send(message)

    return send_with_headers


async def _refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    body = json.dumps({"error": refusal.text}).encode()
    # The rest of a refused body is not read, so the connection cannot serve another request.
    headers = [
        (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"connection", b"close"),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
