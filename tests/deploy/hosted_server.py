"""A provider of hosted training on 127.0.0.1: the published shapes of Together AI or Fireworks AI, and strict rules.

It keeps files and jobs in memory. `before` and `after` are called with each request's number, before it has any effect and
after it had its effect but is not answered, so that a test can kill the caller at either moment.
"""

import email.parser
import email.policy
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from .hosted_shapes import ADAPTER, Answer, File, FireworksShapes, Job, TogetherShapes

KEY = "sk-test-0123456789abcdef"


@dataclass
class HostedServer(TogetherShapes, FireworksShapes):
    """`outcome` is how jobs end; they run for `looks` looks. `faults` answers requests by number instead of the provider."""

    provider: str
    outcome: str = "succeeded"
    looks: int = 1
    expects: float = 4.0
    credit: bool = True
    redirects: bool = True
    named: bool = True
    adapter: dict[str, bytes] = field(default_factory=lambda: dict(ADAPTER))
    faults: dict[int, Answer | None] = field(default_factory=dict)
    before: Callable[[int], None] = lambda number: None
    after: Callable[[int], None] = lambda number: None
    files: dict[str, File] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    wrong_keys: int = 0
    lock: Any = field(default_factory=threading.RLock)

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 2**16  # head and body in one packet

            def do_GET(self) -> None:
                server.handle(self)

            do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server calls

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.http.shutdown()
        self.http.server_close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    @property
    def complete(self) -> list[bytes]:
        """The content of each complete file."""
        return [file.content for file in self.files.values() if file.content is not None]

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        if len(body) < length:  # the client broke off: no provider takes a part of a file for a file
            request.close_connection = True
            return
        if request.headers.get("Transfer-Encoding") == "chunked":
            body = _chunks(request.rfile)
        with self.lock:
            number = len(self.asked)
            self.asked.append(f"{request.command} {request.path}")
            self.before(number)
            answer = self.faults[number] if number in self.faults else self._answer(request, body)
            self.after(number)
        if answer is None:  # the connection is cut
            request.close_connection = True
            return
        status, content, headers = answer
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(raw)))
        request.end_headers()
        request.wfile.write(raw)

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        parts = urlsplit(request.path)
        path, query = parts.path, {key: values[0] for key, values in parse_qs(parts.query).items()}
        signed = path.startswith("/signed/")
        if signed:
            assert "Authorization" not in request.headers, "the key went to a signed address"
        elif request.headers.get("Authorization") != f"Bearer {KEY}":
            self.wrong_keys += 1
            return 401, {"error": {"message": f"Incorrect API key: {request.headers.get('Authorization')}"}}, {}
        form = _form(request.headers.get("Content-Type", ""), body)
        data = json.loads(body) if request.headers.get("Content-Type") == "application/json" else {}
        handler = getattr(self, f"_{self.provider}")
        found = handler(request.command, path.removeprefix("/v1"), query, form, data, body, request)
        return (404, {"error": {"message": f"no {request.command} {path}"}}, {}) if found is None else found


def _form(kind: str, body: bytes) -> dict[str, Any]:
    if not kind.startswith("multipart/form-data"):
        return {}
    parsed = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    )
    found: dict[str, Any] = {}
    for part in parsed.iter_parts():  # type: ignore[attr-defined]
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        found[str(name)] = (part.get_filename(), content) if part.get_filename() else content
    return found


def _chunks(stream: Any) -> bytes:
    def pieces() -> Iterator[bytes]:
        while size := int(stream.readline(), 16):
            yield stream.read(size)
            stream.readline()
        stream.readline()

    return b"".join(pieces())
