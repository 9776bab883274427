"""Every fault of an endpoint that docs/no-gpu.md lists: what the server does, and a part of what is then said."""

import gzip
import json
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any

import pytest
import trustme
from backports import zstd

from .endpoint_server import EndpointServer, Step, completion, error

HTML = b"<!doctype html><title>Welcome</title>"
FAR = "http://gpu.internal:1/v1"  # reached only through a proxy


@dataclass(frozen=True)
class Fault:
    """A row: the server `does` it, and `said` is in the message or warning; "" if nothing is said.

    step: what it does with a request. place: in its stead, opens an address at which no request gets that far. patience:
    seconds for one attempt.
    """

    does: str
    said: str
    step: Callable[[], Step] | None = None
    place: Callable[[], AbstractContextManager[str]] | None = None
    patience: float = 10.0


def answer(output: Any = "fine", **changes: Any) -> Callable[[], Step]:
    """A whole answer, well-formed or not."""
    return lambda: Step(body=completion(output, **changes))


def counts(**usage: int) -> Callable[[], Step]:
    """An answer with these token counts."""
    return answer(usage=usage)


def packed(body: bytes, coding: str) -> Callable[[], Step]:
    """A body that is sent as compressed."""
    return lambda: Step(body=body, headers={"Content-Encoding": coding})


def limited(**headers: str) -> Callable[[], Step]:
    """A rate limit."""
    return lambda: error(429, "slow down", headers={name.replace("_", "-"): value for name, value in headers.items()})


def later(**ahead: float) -> str:
    """A moment from now as an HTTP date."""
    return format_datetime(datetime.now(UTC) + timedelta(**ahead), usegmt=True)


@cache
def zeros() -> bytes:
    """Twenty million bytes."""
    return bytes(20_000_000)


@contextmanager
def nothing_listens() -> Iterator[str]:
    with EndpointServer() as server:
        gone = server.url
    yield gone


@contextmanager
def unknown_host() -> Iterator[str]:
    yield "https://no-such-host.invalid/v1"


@contextmanager
def untrusted() -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with EndpointServer(tls=context) as server:
        yield server.url


@contextmanager
def without_tls() -> Iterator[str]:
    with EndpointServer() as server:
        yield server.url.replace("http://", "https://")


@contextmanager
def behind(step: Step) -> Iterator[str]:
    """An address behind a proxy that does this."""
    with EndpointServer(lambda asked: step) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        yield FAR


@contextmanager
def behind_refusing() -> Iterator[str]:
    """An encrypted address behind a proxy that lets nobody through."""
    with EndpointServer(lambda asked: Step(403, b"")) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("https_proxy", proxy.url.removesuffix("/v1"))
        yield FAR.replace("http:", "https:")


@contextmanager
def behind_none() -> Iterator[str]:
    with nothing_listens() as gone, pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", gone.removesuffix("/v1"))
        yield FAR


HEAD = b"HTTP/1.1 200 OK\r\n"
WHOLE = json.dumps(completion("fine")).encode()
LOW = {"prompt_tokens": 7, "completion_tokens": 3}
FLAG = {"flagged_input": "one", "reasons": ["violence"]}

CONNECTIONS = (
    Fault("nothing listens at the address", "nothing listens there", place=nothing_listens),
    Fault("the name of the host is unknown", "cannot be found", place=unknown_host),
    Fault("its certificate is not trusted", "is not trusted", place=untrusted),
    Fault("it speaks no TLS at an https:// address", "does not speak TLS", place=without_tls),
    Fault("the proxy of the environment is not there", "nothing listens there", place=behind_none),
    Fault("the proxy requires a login", "requires a login", place=lambda: behind(Step(407, b""))),
    Fault("the proxy refuses the connection", "the proxy from the environment failed", place=behind_refusing),
    Fault("it closes the connection unanswered", "the connection broke", lambda: Step(cut_after=0)),
    Fault("it resets the connection unanswered", "the connection broke", lambda: Step(cut_after=0, reset=True)),
    Fault("it cuts the answer in its head", "the connection broke", lambda: Step(body=completion(), cut_after=20)),
    Fault("it cuts the answer in its body", "the connection broke", lambda: Step(body=completion(), cut_after=200)),
    Fault(
        "it resets the connection in the body",
        "the connection broke",
        lambda: Step(body=completion(), cut_after=200, reset=True),
    ),
    Fault("it never answers", "no complete answer within", lambda: Step(body=completion(), wait=30), patience=1.0),
    Fault("it sends a byte now and then", "no complete answer within", lambda: Step(drip=0.05), patience=1.0),
    Fault("it sends headers without end", "the connection broke", lambda: Step(raw=HEAD, endless=b"A: b\r\n" * 500)),
    Fault(
        "it says 100 Continue without end",
        "no complete answer within",
        lambda: Step(raw=b"", endless=b"HTTP/1.1 100 Continue\r\n\r\n", drip=0.05),
        patience=1.0,
    ),
    Fault("it speaks another protocol", "the connection broke", lambda: Step(raw=b"SSH-2.0-OpenSSH_9.6\r\n")),
    Fault(
        "it states two lengths",
        "the connection broke",
        lambda: Step(raw=HEAD + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\nhello"),
    ),
    Fault("it speaks HTTP/1.0", "", lambda: Step(raw=b"HTTP/1.0 200 OK\r\n\r\n" + WHOLE)),
    Fault("it answers one request twice at once", "", lambda: Step(body=completion(), twice=True)),
    Fault("it answers one request again during the next", "", lambda: Step(body=completion(), late=True)),
)

STATUSES = (
    Fault("redirects to another host", "redirects", lambda: Step(308, b"", {"Location": "https://elsewhere.example/"})),
    Fault("redirects to another path or port", "redirects", lambda: Step(302, b"", {"Location": "/v2"})),
    Fault("304 Not Modified", "304", lambda: Step(raw=b"HTTP/1.1 304 Not Modified\r\n\r\n")),
    Fault("400 for this text", "400: the text is odd", lambda: error(400, "the text is odd")),
    Fault("400 for a text beyond its context", "context", lambda: error(400, "maximum context length is 9 tokens")),
    Fault("400: no system role", "takes no system message", lambda: error(400, "System role not supported")),
    Fault("401: the key is wrong", "rejects the key", lambda: error(401, "bad key")),
    Fault("402, or `insufficient_quota`", "no credit left", lambda: error(429, "quota", code="insufficient_quota")),
    Fault("403: the key may not", "rejects the key", lambda: error(403, "not yours")),
    Fault("404: no such path", "does not have this path", lambda: error(404, "Not Found")),
    Fault("404: no such model", "has no model", lambda: error(404, "no model tiny", code="model_not_found")),
    Fault("408 Request Timeout", "408", lambda: error(408)),
    Fault("409 Conflict", "409", lambda: error(409)),
    Fault("413 Content Too Large", "413", lambda: error(413)),
    Fault("422 Unprocessable Content", "422", lambda: error(422)),
    Fault("429 without a wait", "429", limited()),
    Fault("429 with a wait in seconds", "429", limited(Retry_After="0.01")),
    Fault("429 with a wait in milliseconds", "429", limited(retry_after_ms="10")),
    Fault("429 with a wait until a date", "429", lambda: limited(Retry_After=later(seconds=0))()),
    Fault("429 with a wait of a year", "requests a wait", lambda: limited(Retry_After=later(days=365))()),
    Fault("429 with a wait that is none", "429", limited(Retry_After="1, 1 Jan " + "9" * 20 + " 00:00:00 GMT")),
    Fault("500 Internal Server Error", "500", lambda: error(500)),
    Fault("501 Not Implemented", "501", lambda: error(501)),
    Fault("502 with a gateway's web page", "a web page", lambda: Step(502, b"<html><h1>Bad Gateway</h1></html>")),
    Fault("503 Service Unavailable", "503", lambda: error(503)),
    Fault("503 with a wait", "503", lambda: error(503, headers={"Retry-After": "0"})),
    Fault("504 Gateway Timeout", "504", lambda: error(504)),
    Fault("529 Overloaded", "529", lambda: error(529)),
    Fault("a status that does not exist", "999", lambda: Step(999, b"{}")),
)

BODIES = (
    Fault("nothing", "an empty answer", lambda: Step(body=b"")),
    Fault("a web page", "a web page", lambda: Step(body=HTML, headers={"Content-Type": "text/html"})),
    Fault("other JSON", 'JSON without "choices"', lambda: Step(body={"detail": "hello"})),
    Fault("JSON that is cut", "not JSON", lambda: Step(body=b'{"choices": [{"mess')),
    Fault("two JSON documents", "not JSON", lambda: Step(body=WHOLE + b"\n" + WHOLE)),
    Fault("a list", "not a JSON object", lambda: Step(body=[completion()])),
    Fault("bytes that are not UTF-8", "not UTF-8", lambda: Step(body=b'{"choices":[{"message":{"content":"\xff"}}]}')),
    Fault("JSON that is nested 200,000 deep", "nested too deeply", lambda: Step(body=b"[" * 200_000)),
    Fault("a number of 5,000 digits", "not JSON", lambda: Step(body=b'{"choices":' + b"9" * 5000 + b"}")),
    Fault("a stream of events", "a stream of events", lambda: Step(body=b"data: {}\n\ndata: [DONE]\n\n")),
    Fault("a body without end", "more than 8 MiB", lambda: Step(raw=HEAD + b"\r\n", endless=b" " * 65536)),
    Fault("20 MB packed by gzip", "more than 8 MiB", lambda: packed(gzip.compress(zeros(), 1), "gzip")()),
    Fault("20 MB packed by deflate", "more than 8 MiB", lambda: packed(zlib.compress(zeros(), 1), "deflate")()),
    Fault("20 MB packed by zstd", "more than 8 MiB", lambda: packed(zstd.compress(zeros(), 1), "zstd")()),
    Fault(
        "gzip in gzip",
        "more than 8 MiB",
        lambda: packed(gzip.compress(gzip.compress(zeros(), 1)), "gzip, gzip")(),
    ),
    Fault(
        "gzip that unpacks to nothing, without end",
        "more than 8 MiB",
        lambda: Step(raw=HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}"), endless=bytes(65536)),
    ),
    Fault("brotli, which was not asked for", "not JSON", packed(b"\x8b\x02\x80abc\x03", "br")),
    Fault("broken compression", "broken compression", packed(b"nonsense", "gzip")),
    Fault("compression that is cut", "not JSON", packed(gzip.compress(WHOLE)[:60], "gzip")),
    Fault("an answer as `text/html`", "", lambda: Step(body=WHOLE, headers={"Content-Type": "text/html"})),
)

ANSWERS = (
    Fault("an error with status 200", "provider down", lambda: Step(body={"error": {"message": "provider down"}})),
    Fault("a rate limit with status 200", "429", lambda: Step(body={"error": {"code": 429, "message": "slow down"}})),
    Fault(
        "an error within the answer",
        "half-way",
        lambda: Step(body={"choices": [{"error": {"message": "half-way"}, "message": {}}]}),
    ),
    Fault("no choice", "", lambda: Step(body={**completion(), "choices": []})),
    Fault("a thousand choices", "", lambda: Step(body={**completion(), "choices": completion()["choices"] * 1000})),
    Fault("a choice that is no object", "is not an object", lambda: Step(body={"choices": ["x"]})),
    Fault("content that is a number", "not text", answer(17)),
    Fault("content `null`", "", answer(None)),
    Fault("an empty text", "", answer("")),
    Fault("a text cut by the token limit", "", answer("half of", finish_reason="length")),
    Fault("a text that its filter removed", "", answer(message=None, finish_reason="content_filter")),
    Fault("a request that its filter blocked", "", lambda: error(400, "filtered", code="content_filter")),
    Fault("a request that it flagged", "", lambda: error(403, "flagged", code=403, metadata=FLAG)),
    Fault("a refusal", "", answer(message={"content": None, "refusal": "I cannot."})),
    Fault("tool calls alone", "", answer(message={"tool_calls": [{"id": 1}]}, finish_reason="tool_calls")),
    Fault("half a surrogate pair", "", lambda: Step(body=b'{"choices":[{"message":{"content":"a\\ud800b"}}]}')),
    Fault("the name of another model", "its answers name 2 models", answer(model="another")),
)

COUNTS = (
    Fault("no usage", "", answer(usage=None)),
    Fault("negative counts", "contradict themselves", counts(prompt_tokens=-9, completion_tokens=3)),
    Fault("a wrong sum", "contradict themselves", counts(prompt_tokens=9, completion_tokens=3, total_tokens=99)),
    Fault("no tokens for the prompt", "cannot be true", counts(prompt_tokens=0, completion_tokens=3)),
    Fault("more cached than sent", "contradict", counts(prompt_tokens=9, completion_tokens=3, cached_tokens=99)),
    Fault("counts of 400 digits", "contradict themselves", counts(prompt_tokens=10**400, completion_tokens=3)),
    Fault("fewer tokens than words", "cannot be true", answer("and " * 90, usage=LOW)),
    Fault("more tokens than were asked for", "set aside", counts(prompt_tokens=9, completion_tokens=90_000)),
)

# The table's parts, each with the words that begin its rows.
ROWS: dict[str, tuple[Fault, ...]] = {
    "The connection": CONNECTIONS,
    "The status": STATUSES,
    "The body is": BODIES,
    "The answer has": ANSWERS,
    "The usage has": COUNTS,
}
