"""A real HTTP server on 127.0.0.1 that acts as an OpenAI-compatible endpoint, well or badly."""

import asyncio
import itertools
import json
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

from tuneworth.evaluate.endpoints.client import Call, Endpoint
from tuneworth.evaluate.endpoints.sending import Reply, send_calls

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Asked:
    """One request: `number` counts all requests from 0, `attempt` those with the same last message."""

    number: int
    attempt: int
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int

    @property
    def text(self) -> str:
        """The last message, for which the caller requests an output; nothing if the request is no chat."""
        return self.body["messages"][-1]["content"] if "messages" in self.body else ""


@dataclass(frozen=True)
class Step:
    """What the server does with one request.

    body: an object is sent as JSON, bytes as they are. wait: seconds before the first byte. drip: seconds between single
    bytes. cut_after: bytes of the whole response after which the connection is cut; 0 cuts it unanswered; with `reset`, by
    a reset in place of an orderly end. raw: the whole response with its head, in place of all that. twice: the response is
    sent two times; late: the second time once the next request has come on the connection. endless: what follows until the
    caller has had enough, with `drip` between two pieces.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
    drip: float | None = None
    cut_after: int | None = None
    reset: bool = False
    raw: bytes | None = None
    twice: bool = False
    late: bool = False
    endless: bytes | None = None

    @property
    def succeeds(self) -> bool:
        """Whether the caller gets a complete chat answer."""
        good = self.status == 200 and isinstance(self.body, dict) and bool(self.body.get("choices"))
        return good and self.cut_after is None


def completion(output: Any = "fine", **changes: Any) -> dict[str, Any]:
    """The body of a chat answer with an id of its own; that, `message`, `finish_reason`, `usage`, `model` may be changed."""
    message = changes.get("message", {"role": "assistant", "content": output})
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {
        "id": changes.get("id", f"chatcmpl-{next(_NUMBERS)}"),
        "object": "chat.completion",
        "model": changes.get("model", "tiny-2026"),
        "choices": [{"index": 0, "message": message, "finish_reason": changes.get("finish_reason", "stop")}],
        "usage": changes.get("usage", usage),
    }


def counted(asked: Asked, output: str) -> Step:
    """The output, with a token for each word and two for each message."""
    sent = sum(len(message["content"].split()) + 2 for message in asked.body["messages"])
    written = len(output.split())
    usage = {"prompt_tokens": sent, "completion_tokens": written, "total_tokens": sent + written}
    return Step(body=completion(output, usage=usage))


def echo(asked: Asked) -> Step:
    """The last message in capitals."""
    return Step(body=completion(asked.text.upper()))


def error(status: int, message: str = "no", *, headers: Mapping[str, str] | None = None, **details: Any) -> Step:
    """An error in OpenAI's format."""
    return Step(status, {"error": {"message": message, "type": "some_error", **details}}, headers or {})


class EndpointServer:
    """Serves in a separate thread within the `with` block; `behave` decides the answers.

    requests: what came, in order; succeeded: whole answers per last message; most_at_once: requests under way at the
    same time; connections: how many were opened.
    """

    def __init__(
        self, behave: Callable[[Asked], Step] = echo, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.behave, self.tls, self.host = behave, tls, host
        self.requests: list[Asked] = []
        self.succeeded: Counter[str] = Counter()
        self.connections = self.most_at_once = self._at_once = 0
        self._attempts: Counter[str] = Counter()
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """The base address, ending in /v1."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls else ''}://{host}:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, self.host, 0, ssl=self.tls, backlog=512)
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        me = asyncio.current_task()
        while asyncio.all_tasks() - {me}:  # connections that were just accepted must start before they end
            for task in self._tasks:
                task.cancel()
            await asyncio.sleep(0.001)
        server.close()  # last: a closed server cannot handle accepted connections

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._converse(reader, writer, self.connections)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the caller disconnected, or the server stops
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        left = b""
        while True:
            first = await reader.readexactly(1)
            if first == b"\x16":  # a TLS handshake on a port without TLS
                await _send(writer, Step(400, b"plain HTTP only"))
                return
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            content = await reader.readexactly(int(headers.get("content-length", 0)))
            asked = self._note(head[0].split()[1], headers, content, connection)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            step = self.behave(asked)
            writer.write(left)
            left = _response(step) if step.late else b""
            try:
                await _wait(reader, step.wait)
                whole = await _send(writer, step)
            finally:
                self._at_once -= 1
            if not whole:
                return
            self.succeeded[asked.text] += step.succeeds

    def _note(self, path: str, headers: dict[str, str], content: bytes, connection: int) -> Asked:
        body = json.loads(content or b"{}")
        asked = Asked(len(self.requests), 0, path, headers, body, connection)
        self._attempts[asked.text] += 1
        asked = replace(asked, attempt=self._attempts[asked.text])
        self.requests.append(asked)
        return asked


async def _wait(reader: asyncio.StreamReader, seconds: float) -> None:
    """Wait, unless the caller disconnects: callers send nothing before they have their answer."""
    if seconds:
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1), seconds)
            raise ConnectionResetError


async def _send(writer: asyncio.StreamWriter, step: Step) -> bool:
    """Send a response; returns whether it was sent completely."""
    response = _response(step)
    if step.drip is not None and step.endless is None:
        for byte in response:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(step.drip)
        return True
    writer.write(response[: step.cut_after] * (2 if step.twice else 1))
    await writer.drain()
    while step.endless is not None:
        writer.write(step.endless)
        await writer.drain()
        await asyncio.sleep(step.drip or 0)  # others have their turn even if the caller takes all
    if step.reset:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    return step.cut_after is None and step.raw is None


def _response(step: Step) -> bytes:
    if step.raw is not None:
        return step.raw
    content = step.body if isinstance(step.body, bytes) else json.dumps(step.body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(content)), **step.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {step.status} Whatever\r\n{head}\r\n".encode("latin-1") + content


def ask_all(
    server: "EndpointServer | str",
    texts: Iterable[str] = ("one",),
    *,
    seed: int | None = 0,
    samples: int = 1,
    heard: bool = False,
    **given: Any,
) -> "Answers":
    """The replies to one call per text and sample, in the order of the calls; waits are short by default."""
    url = server if isinstance(server, str) else server.url
    replies: list[Reply] = []
    warnings: list[str] = []
    own = {"model": "tiny", "first_wait": 0.002, "longest_wait": 0.2, "seconds_per_call": 20.0}
    calls = (
        Call(index, sample, [{"role": "system", "content": "Write."}, {"role": "user", "content": text}])
        for index, text in enumerate(texts)
        for sample in range(samples)
    )
    endpoint = Endpoint(url=url, **(own | given))
    send_calls(
        endpoint, calls, max_new_tokens=50, temperature=0.0, seed=seed, on_reply=replies.append, warn=warnings.append,
        heard=heard,
    )  # fmt: skip
    return Answers(sorted(replies, key=lambda reply: (reply.index, reply.sample)), warnings)


@dataclass(frozen=True)
class Answers:
    """The result of `ask_all`."""

    replies: list[Reply]
    warnings: list[str]

    @property
    def only(self) -> Reply:
        (reply,) = self.replies
        return reply
