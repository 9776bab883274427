"""Requests to a provider: repeated where that is safe, with failures in words. The key is in no message and no log."""

import json
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

from ...core import (
    Complaint,
    ConfigError,
    Fault,
    Key,
    RunBroken,
    StaleAnswerError,
    TooLargeError,
    TuneworthError,
    body_pieces,
    disk_refusals,
    fault_of_exception,
    fault_of_status,
    is_near,
    is_on_this_machine,
    open_client,
    read_body,
    read_complaint,
    say,
    send_request,
    shortened,
    tls_context,
)

LARGEST = 64 * 2**20  # bytes of a JSON answer: a list of ten thousand files takes about 3 MB
SECONDS = 300.0  # between two pieces of a transfer, for the head of an answer, and for the body of a JSON answer
SLOWEST = 1024  # bytes per second of a download, after its first SECONDS
LONG_PAUSE = 10.0  # seconds; a shorter one is not reported
PIECE = 2**20
MOST_HOPS = 5  # redirects of one file


class Unanswered(RunBroken):
    """A request that creates something may or may not have reached the provider."""


class Conflict(RunBroken):
    """What was to be created exists already; `body` is the provider's answer."""

    def __init__(self, message: str, body: Any) -> None:
        super().__init__(message)
        self.body = body


@dataclass(frozen=True)
class Pauses:
    """How long to wait: after a failed try, at most, and between two checks of a job, which grow to `checks_at_most`."""

    first: float = 1.0
    longest: float = 120.0
    check: float = 5.0
    checks_at_most: float = 60.0
    tries: int = 6
    sleep: Callable[[float], None] = time.sleep

    def after(self, tries: int) -> float:
        """Seconds to wait after failed try number `tries`, from 1: exponential, with jitter."""
        return random.uniform(0.5, 1) * min(self.longest, self.first * 2 ** (tries - 1))


class Client:
    """A connection to one provider, for the time of a `with` block.

    Only `base_url` gets the key. What reads is tried again after a failure; what creates is tried again only if it surely
    did not arrive, and raises Unanswered if that is unknown. `advice` says what to do about errors that one provider has.
    """

    def __init__(
        self, base_url: str, key: Key, *, title: str, advice: Callable[[int, Complaint], str | None] | None = None,
        note: Callable[[str], None] | None = None, pauses: Pauses | None = None,
    ) -> None:  # fmt: skip
        self.base_url, self.key, self.title = base_url.rstrip("/"), key, title
        self.advice = advice or (lambda status, complaint: None)
        self.note = note or (lambda text: None)
        self.pauses = pauses or Pauses()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        from anyio.from_thread import start_blocking_portal

        self._open.enter_context(self.key.masked_logs())
        # A portal, as limits of time need an event loop, and one may run already, as in a notebook.
        self._portal = self._open.enter_context(start_blocking_portal())
        # Each request has its own connection, so that a second answer to one is never taken for that to the next.
        http = open_client(self.base_url, tls=tls_context(), kept=0, pause=SECONDS)
        self._http = self._open.enter_context(self._portal.wrap_async_context_manager(http))
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)  # with the error, so that Ctrl-C ends a request under way

    # --- requests ------------------------------------------------------------------------------------------------

    def get(self, path: str, query: Mapping[str, Any] | None = None, *, absent: bool = False) -> Any:
        """The JSON at a path. With `absent`, None where the provider has nothing there."""
        return self._json("GET", path, params=query, absent=absent, again=True)

    def post(self, path: str, body: Any = None, query: Mapping[str, Any] | None = None, *, again: bool = False) -> Any:
        """Post JSON; with `again`, as often as it takes. Raises: Conflict, or Unanswered if it may have arrived."""
        return self._json("POST", path, params=query, json=body, again=again)

    def post_form(self, path: str, name: str, file: Path) -> Any:
        """Post a file under a name, as a form. Raises: as `post`."""
        with file.open("rb") as content:
            parts = {"file": (name, content, "application/jsonl")}
            return self._json("POST", path, again=False, data={}, files=parts, restart=content)

    def post_for_place(self, path: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Post a form that is answered by a redirect; returns the answer's headers. Raises: as `post`."""
        answer = self._send("POST", path, again=False, redirect=True, files={k: (None, v) for k, v in fields.items()})
        return answer.headers

    def put_file(self, url: str, path: Path, headers: Mapping[str, str] | None = None) -> None:
        """Put a file where the provider says, without the key."""
        size = {"Content-Length": str(path.stat().st_size)}
        with path.open("rb") as file:
            self._follow("PUT", url, restart=file, headers={**size, **(headers or {})})

    def download(self, place: str, to: Path, *, most: int, query: Mapping[str, Any] | None = None) -> None:
        """Write what is at a path, or without the key at another address, into a file of at most `most` bytes."""
        self._follow("GET", place, into=(to, most), **({} if query is None else {"params": query}))

    def _follow(self, method: str, place: str, **how: Any) -> None:
        """Send to a path or an address, and on to where that redirects; only a path of the provider gets the key."""
        for _ in range(MOST_HOPS):
            signed = "://" in place
            url = self._elsewhere(place) if signed else place
            answer = self._send(method, url, again=True, signed=signed, redirect=True, **how)
            if not answer.redirected or "location" not in answer.headers:
                return
            place = urljoin(url if signed else self.base_url + url, answer.headers["location"])
            how.pop("params", None)
        raise RunBroken(f"{self.title} redirects a file without end.\nRun the same command again later.")

    def _json(self, method: str, path: str, *, absent: bool = False, again: bool, **how: Any) -> Any:
        answer = self._send(method, path, absent=absent, again=again, **how)
        if answer is None or not answer.body:
            return None
        try:
            return self.key.mask_data(json.loads(answer.body))
        except (ValueError, RecursionError):
            kind = RunBroken if again else Unanswered
            raise kind(f"{self.title} sent an answer that is not JSON.\nRun the same command again.") from None

    # --- one request with its tries ------------------------------------------------------------------------------

    def _send(
        self, method: str, path: str, *, again: bool, absent: bool = False, redirect: bool = False, signed: bool = False,
        restart: Any = None, **how: Any,
    ) -> Any:  # fmt: skip
        tries = 0
        while True:
            tries += 1
            if restart is not None:
                restart.seek(0)
            outcome = self._attempt(method, path, signed=signed, redirect=redirect, body=restart, **how)
            if not isinstance(outcome, _Failed):
                return outcome
            if absent and outcome.status == 404:
                return None
            if outcome.status == 409 and not again:
                raise Conflict(f"{self.title}: {outcome.fault.text}\nRun the same command again.", outcome.body)
            if outcome.unknown and not again:
                raise Unanswered(
                    f"{self.title} did not confirm the request ({outcome.fault.text.splitlines()[0]}), so it may or may not "
                    "have arrived.\nRun the same command again: it looks for what was created before it creates anything."
                )
            if not outcome.fault.again or tries >= self.pauses.tries:
                raise self._error(outcome)
            self._pause(outcome.fault, tries)

    def _attempt(self, method: str, path: str, *, signed: bool, redirect: bool, body: Any, **how: Any) -> Any:
        import httpx2

        url = path if "://" in path else self.base_url + path
        into = how.pop("into", None)
        headers = {**({} if signed else self.key.headers), **how.pop("headers", {})}
        if signed and body is not None:
            how["content"] = _in_pieces(body)
        try:
            request = self._http.build_request(method, url, headers=headers, **how)
            return self._portal.call(self._exchange, request, redirect, into)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError, StaleAnswerError) as error:
            fault = fault_of_exception(error, message=self.key.mask(str(error)), url=url, seconds=SECONDS)
            return _Failed(fault, unknown=not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout))

    async def _exchange(self, request: Any, redirect: bool, into: tuple[Path, int] | None) -> "_Answer | _Failed":
        async with send_request(self._http, request, seconds=SECONDS) as answer:
            if answer.is_success and into is not None:
                return await _saved(answer, *into)
            content = await read_body(answer, LARGEST, seconds=SECONDS)
        if answer.is_success or (redirect and answer.is_redirect):
            return _Answer(answer.headers, content, answer.is_redirect)
        return self._refused(answer.status_code, answer.headers, content, str(request.url))

    def _refused(self, status: int, headers: Any, content: bytes, url: str) -> "_Failed":
        try:
            body = self.key.mask_data(json.loads(content))
        except (ValueError, RecursionError):
            body = None
        complaint = read_complaint(body) if body is not None else Complaint(content.decode(errors="replace"))
        message = shortened(self.key.mask(complaint.message))
        complaint = Complaint(message, complaint.codes, complaint.param)
        fault = fault_of_status(
            status, complaint, headers=headers, url=url, model="", key_env=self.key.name, sent={}
        )  # fmt: skip
        return _Failed(fault, unknown=status >= 500 or status == 408, status=status, body=body, complaint=complaint)

    def _error(self, failed: "_Failed") -> TuneworthError:
        """The error of a request that no further try can save."""
        if failed.status is not None and (advice := self.advice(failed.status, failed.complaint)) is not None:
            return ConfigError(f"{self.title}: {shortened(failed.complaint.message)} ({failed.status})\n{advice}")
        kind = failed.fault.stop or (ConfigError if failed.status in (400, 404, 413, 422) else RunBroken)
        text = failed.fault.text
        if "\n" not in text or failed.fault.grace:
            text += "\nRun the same command again; what was done so far is kept."
        return kind(f"{self.title}: {text}")

    def _pause(self, fault: Fault, tries: int) -> None:
        wait = self.pauses.after(tries) if fault.wait is None else min(fault.wait, self.pauses.longest)
        if wait > LONG_PAUSE:
            self.note(f"{self.title}: {fault.text.splitlines()[0]}; trying again in {say.duration(wait)}")
        self.pauses.sleep(wait)

    def _elsewhere(self, url: str) -> str:
        """An address that the provider gave: encrypted, unless the provider itself is on this machine."""
        full = urljoin(self.base_url + "/", url)
        if urlsplit(full).scheme != "https" and not (is_on_this_machine(full) and is_near(self.base_url)):
            raise RunBroken(
                f"{self.title} gave an address that is not encrypted, so nothing was sent there or read from it."
            )
        return full


@dataclass(frozen=True)
class _Answer:
    headers: Any
    body: bytes
    redirected: bool = False


@dataclass(frozen=True)
class _Failed:
    """One failed try; `unknown` if the request may have had its effect."""

    fault: Fault
    unknown: bool
    status: int | None = None
    body: Any = None
    complaint: Complaint = Complaint()  # noqa: RUF009 - frozen


async def _in_pieces(file: Any) -> AsyncIterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


async def _saved(answer: Any, to: Path, most: int) -> _Answer:
    """Write the body into the file.

    Raises: RunBroken if it is larger than `most` bytes; TimeoutError if it comes more slowly than SLOWEST.
    """
    started, size = time.monotonic(), 0
    try:
        with disk_refusals(to.parent), _removed_on_error(to), to.open("wb") as file:
            async for piece in body_pieces(answer, most):
                file.write(piece)
                size += len(piece)
                if time.monotonic() - started > SECONDS + size / SLOWEST:
                    raise TimeoutError
    except TooLargeError:
        raise RunBroken(
            f"{to.name} is larger than {say.size(most)}, the limit for an adapter; it was not kept."
        ) from None
    return _Answer(answer.headers, b"")


@contextmanager
def _removed_on_error(file: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        file.unlink(missing_ok=True)
        raise
