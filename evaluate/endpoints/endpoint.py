"""Outputs from an OpenAI-compatible chat endpoint: requests and replies.

`send_calls` is the only function that sends, and only to the address of the endpoint. It reads the key from the
environment when it starts; the key appears in no error, warning, log line or reply.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from ...core import (
    Complaint,
    ConfigError,
    Fault,
    RunBroken,
    address_problems,
    calls_url,
    fault_of_exception,
    fault_of_status,
    host_of,
    is_near,
    is_on_this_machine,
    origin_of,
    read_key,
    say,
)
from .pace import Pace, Streak
from .responses import NOTHING_COUNTED, Answer, read_answer, read_error_body

__all__ = ["Call", "Endpoint", "Reply", "Work", "run_work", "send_calls"]


# Parameters that Tuneworth sets itself or that would change the shape of the answer.
OURS = ("messages", "model", "stream", "stream_options", "n")
LIMITS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint to request outputs from, with its limits and waits.

    url: such as "https://api.example.com/v1"; "/chat/completions" is appended unless present. key_env: the
    environment variable with the key, sent as a bearer token. concurrency: the maximum number of calls in flight.
    seconds_per_call: the limit for one attempt, from sending to the last byte; tries: the attempts of one call;
    most_seconds: the limit for one call with all its attempts and waits. parameters: sent unchanged; they override our
    parameters of the same name. first_wait doubles with each attempt; longest_wait limits every single wait.

    Raises: ConfigError with all problems.
    """

    url: str
    model: str
    key_env: str | None = None
    concurrency: int = 8
    seconds_per_call: float = 120.0
    tries: int = 6
    most_seconds: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    first_wait: float = 1.0
    longest_wait: float = 120.0  # rate limits are per minute; in practice two minutes are enough

    def __post_init__(self) -> None:
        problems = [*address_problems(self.url), *_parameter_problems(self.parameters)]
        if not self.model:
            problems.append('"model" is empty; expected the name of the model at the endpoint')
        for name in ("concurrency", "seconds_per_call", "tries"):
            if not getattr(self, name) > 0:
                problems.append(f'"{name}" is {getattr(self, name)}; expected more than 0')
        if self.most_seconds is not None and not self.most_seconds > 0:
            problems.append(f'"most_seconds" is {self.most_seconds}; expected more than 0')
        if problems:
            raise ConfigError.of(problems, where=f'endpoint for the model "{self.model}"')

    @property
    def calls_url(self) -> str:
        """The full address of each call."""
        return calls_url(self.url)

    @property
    def on_this_machine(self) -> bool:
        """Whether the host is this machine, so that no text leaves it."""
        return is_on_this_machine(self.url)


@dataclass(frozen=True)
class Call:
    """One requested output: the index of its pair, the sample, and the chat messages."""

    index: int
    sample: int
    messages: list[dict[str, str]]


@dataclass(frozen=True)
class Reply:
    """The result of one call.

    output: None if the variant gave none (`error` None: an empty choice, a content filter, only tool calls) or if every
    attempt failed (`error` has the reason). finish_reason: the endpoint's word, or "refusal". Tokens are the endpoint's
    counts, None if they are missing or contradict each other: input includes cached, output includes reasoning. seconds:
    the last attempt. model: the name in the endpoint's answer. usage: its counts, unchanged. refused: the parameters that
    were dropped because the endpoint does not accept them. system_fingerprint: the provider's name for the configuration
    of its servers.
    """

    index: int
    sample: int
    output: str | None
    finish_reason: str | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    seconds: float
    model: str | None
    usage: dict[str, Any] | None
    error: str | None
    attempts: int
    refused: tuple[str, ...] = ()
    system_fingerprint: str | None = None


def send_calls(
    endpoint: Endpoint,
    calls: Iterable[Call],
    *,
    max_new_tokens: int,
    temperature: float,
    seed: int | None,
    on_reply: Callable[[Reply], None],
    admit: Callable[[Call], bool] | None = None,
    warn: Callable[[str], None] | None = None,
) -> None:
    """Send every call and pass each reply to `on_reply` as it arrives, one at a time.

    Calls are taken one by one as slots become free. If `admit` returns False, this call and all later ones are not sent,
    and calls in flight finish. An exception from `on_reply` or Ctrl-C drops the calls in flight and is raised; replies
    already passed on remain. The first call is sent alone, so that a problem that affects all calls shows at once.

    Raises: ConfigError if no call can succeed (key, address, model, certificate); RunBroken if the endpoint stopped
    answering or the account is empty.
    """

    run_work(
        Work(
            endpoint,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
            on_reply=on_reply,
            admit=admit or (lambda call: True),
            warn=warn or (lambda text: None),
        ),
        calls,
    )


def _parameter_problems(parameters: Mapping[str, Any]) -> list[str]:
    problems = [
        f'"parameters" contains "{name}", which Tuneworth sets itself; remove it' for name in OURS if name in parameters
    ]
    if all(name in parameters for name in LIMITS):
        problems.append(f'"parameters" contains both "{LIMITS[0]}" and "{LIMITS[1]}"; expected only one of them')
    try:
        json.dumps(dict(parameters), allow_nan=False)
    except (TypeError, ValueError) as error:
        problems.append(f'"parameters" cannot be sent as JSON ({error})')
    return problems


# Attempts per try while the rate is limited and other calls are answered; a call that never gets through ends here.
PATIENCE = 10
LARGEST = 8 * 2**20  # bytes of an answer after decompression; the longest outputs of today's models take 1 MiB
LONG_PAUSE = 10.0  # seconds; a shorter pause is not reported
CONNECT_SECONDS = 20.0  # connecting takes longer only if it fails; a slow handshake over a proxy takes 5


def run_work(work: "Work", calls: Iterable[Call]) -> None:
    """Do the work in a new event loop; in a new thread if a loop is already running, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work.run(calls))
        return
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal:
        portal.call(work.run, calls)


class Work:
    """The state that all calls share: the client, the key, the pace, and the parameters that the endpoint accepts."""

    def __init__(
        self, endpoint: Endpoint, *, max_new_tokens: int, temperature: float, seed: int | None,
        on_reply: Callable[[Reply], None], admit: Callable[[Call], bool], warn: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.endpoint, self.url, self.seed = endpoint, endpoint.calls_url, seed
        self.origin = origin_of(urlsplit(self.url))
        self.on_reply, self.admit, self.warn = on_reply, admit, warn
        self.key = read_key(endpoint.key_env)
        self.settings = _settings(endpoint, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed)
        self.refused: set[str] = set()
        self.streak = Streak()
        self.closed = self.cannot_store = self.reported_wait = False
        self.contradictions = self.replies = 0

    async def run(self, calls: Iterable[Call]) -> None:
        """Send all calls, with one task for each call in flight."""
        endpoint, waiting = self.endpoint, iter(calls)
        self.pace = Pace(endpoint.concurrency, first_wait=endpoint.first_wait, longest_wait=endpoint.longest_wait)
        if self.url.startswith("http:") and not is_near(self.url):
            self.warn(f"{self.origin}: http:// sends texts and the key unencrypted; use https:// if the host offers it")
        with self.key.masked_logs():
            async with _client(endpoint) as self.client:
                try:
                    async with asyncio.TaskGroup() as group:
                        for _ in range(endpoint.concurrency):
                            group.create_task(self._take(waiting))
                except BaseExceptionGroup as group_of_errors:
                    raise group_of_errors.exceptions[0] from None
        if self.contradictions:
            self.warn(
                f"{self.origin}: the token counts of {self.contradictions} of {self.replies} answers contradict "
                "themselves; those numbers count as unknown"
            )

    async def _take(self, waiting: Iterator[Call]) -> None:
        while not self.closed:
            call = next(waiting, None)
            if call is None:
                return
            if not self.admit(call):
                self.closed = True
                return
            self._pass_on(await self._call(call))

    def _pass_on(self, reply: Reply) -> None:
        """Pass a reply on; once that has failed, later replies are dropped."""
        if self.cannot_store:
            return
        try:
            self.on_reply(reply)
        except BaseException:
            self.cannot_store = self.closed = True
            self.pace.stop()
            raise

    async def _call(self, call: Call) -> Reply:
        """One call with all its attempts."""
        reply = Reply(call.index, call.sample, None, None, None, None, None, None, 0.0, None, None, None, 0)
        tries, fault, answered = 0, Fault("not sent", "not sent"), self.replies
        try:
            async with asyncio.timeout(self.endpoint.most_seconds):
                while True:
                    outcome, seconds = await self._attempt(call)
                    reply = replace(reply, seconds=seconds, attempts=reply.attempts + 1)
                    if isinstance(outcome, Answer):
                        return self._answered(outcome, reply)
                    fault = outcome
                    if fault.refused is not None and self._give_up_parameter(fault.refused):
                        continue
                    # A rate limit is not this call's fault: as long as others are answered, it will get through.
                    waits = (
                        fault.everyone and self.replies > answered and reply.attempts < PATIENCE * self.endpoint.tries
                    )
                    tries += not waits
                    answered = self.replies
                    last = not fault.again or tries >= self.endpoint.tries
                    self._stop_if_useless(fault, last=last)
                    self.pace.tested()
                    if fault.everyone:
                        self._slow_down(fault)
                    if last:
                        break
                    if not fault.everyone:
                        await asyncio.sleep(self.pace.backoff(tries))
        except TimeoutError:
            fault = replace(fault, text=f"given up after {self.endpoint.most_seconds:g} s; last attempt: {fault.text}")
            self._stop_if_useless(fault, last=True)
        return replace(reply, error=self.key.mask(f"{fault.text.splitlines()[0]} (attempts: {reply.attempts})"))

    async def _attempt(self, call: Call) -> tuple[Answer | Fault, float]:
        """One request with its result and the seconds from sending to the last byte."""
        await self.pace.enter()
        started, settings = time.perf_counter(), self.settings
        try:
            async with asyncio.timeout(self.endpoint.seconds_per_call):
                outcome = await self._request(self._body(call, settings), settings)
        except Exception as error:
            outcome = self._fault(error)
        finally:
            self.pace.leave()
        return outcome, time.perf_counter() - started

    async def _request(self, content: bytes, settings: dict[str, Any]) -> Answer | Fault:
        request = self.client.build_request("POST", self.url, content=content, headers=self.key.headers)
        response = await self.client.send(request, stream=True)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > LARGEST:
                    return Fault("too large", f"an answer of more than {LARGEST // 2**20} MiB")
        finally:
            await response.aclose()
        if not 200 <= response.status_code < 300:
            return self._status(response.status_code, read_error_body(bytes(body)), response.headers, settings)
        outcome = read_answer(bytes(body))
        if isinstance(outcome, Complaint):
            return self._status(outcome.status or 500, outcome, response.headers, settings)
        return outcome

    def _status(self, status: int, complaint: Complaint, headers: Any, settings: dict[str, Any]) -> Answer | Fault:
        complaint = replace(complaint, message=self.key.mask(complaint.message))  # before anything is shortened
        fault = fault_of_status(
            status, complaint, headers=headers, url=self.url, model=self.endpoint.model,
            key_env=self.endpoint.key_env, sent=settings,
        )  # fmt: skip
        if fault.filtered:
            return Answer(None, "content_filter", None, None, NOTHING_COUNTED)
        return fault

    def _fault(self, error: Exception) -> Fault:
        """Turn errors of the client into faults; our own errors are raised unchanged."""
        import httpx2

        if not isinstance(error, TimeoutError | httpx2.HTTPError | httpx2.InvalidURL | OSError | UnicodeError):
            raise error
        message = self.key.mask(str(error))
        return fault_of_exception(error, message=message, url=self.url, seconds=self.endpoint.seconds_per_call)

    def _body(self, call: Call, settings: dict[str, Any]) -> bytes:
        body = {"model": self.endpoint.model, "messages": call.messages, **settings}
        if "seed" in body and self.seed is not None and "seed" not in self.endpoint.parameters:
            body["seed"] = self.seed + call.sample  # one seed for all samples would make them identical
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")

    def _answered(self, answer: Answer, reply: Reply) -> Reply:
        self.pace.tested()
        self.pace.answered()
        self.streak.answered()
        self.replies += 1
        self.contradictions += answer.tokens.contradicts
        mask, tokens = self.key.mask_output, answer.tokens
        return replace(
            reply,
            output=None if answer.output is None else mask(answer.output),
            finish_reason=None if answer.finish_reason is None else mask(answer.finish_reason),
            model=None if answer.model is None else mask(answer.model),
            system_fingerprint=None if answer.system_fingerprint is None else mask(answer.system_fingerprint),
            usage=None if answer.usage is None else self.key.mask_data(answer.usage),
            input_tokens=tokens.input,
            cached_tokens=tokens.cached,
            output_tokens=tokens.output,
            reasoning_tokens=tokens.reasoning,
            refused=tuple(sorted(self.refused.difference(LIMITS))),
        )

    def _give_up_parameter(self, name: str) -> bool:
        """Drop a parameter from now on, or use the limit's other name; False if that was already tried."""
        if name not in self.settings:  # another call noticed first
            return True
        settings = dict(self.settings)
        value = settings.pop(name)
        self.refused.add(name)
        if name not in LIMITS:
            self.warn(f'{self.origin}: the endpoint rejects "{name}"; continuing without it')
        else:  # always keep a limit: an endless output costs money
            other = LIMITS[1 - LIMITS.index(name)]
            if other in self.refused:
                return False
            settings[other] = value
            self.warn(f'{self.origin}: the endpoint rejects "{name}"; continuing with "{other}"')
        self.settings = settings
        return True

    def _stop_if_useless(self, fault: Fault, *, last: bool) -> None:
        if fault.stop is not None and not (fault.only_first and self.streak.ever_answered):
            self.pace.stop()
            raise fault.stop(self.key.mask(f"{self.origin}: {fault.text}")) from None
        if self.streak.failed(final=last, transport=fault.again):
            self.pace.stop()
            raise RunBroken(
                self.key.mask(f"{self.origin}: the endpoint stopped answering; last attempt: {fault.text}")
                + "\nEarlier answers are kept; run again once the endpoint works."
            )

    def _slow_down(self, fault: Fault) -> None:
        pause = self.pace.limited(fault.wait)
        longest = self.endpoint.longest_wait
        if self.reported_wait or (pause < LONG_PAUSE and (fault.wait or 0.0) <= longest):
            return
        self.reported_wait = True
        requested = f" and requests a wait of {say.duration(fault.wait)}" if fault.wait is not None else ""
        self.warn(f"{self.origin}: the endpoint limits the rate{requested}; all calls wait {say.duration(pause)}")


def _settings(endpoint: Endpoint, *, max_new_tokens: int, temperature: float, seed: int | None) -> dict[str, Any]:
    """The parameters of the first attempt.

    The limit has its old name, `max_tokens`: every server knows it, and those that require the new one (OpenAI's
    reasoning models) reject it with an error. `max_completion_tokens` is silently ignored by Ollama and by older
    llama.cpp servers, which then generate without end.
    """
    defaults: dict[str, Any] = {"max_tokens": max_new_tokens, "temperature": temperature}
    if seed is not None:
        defaults["seed"] = seed
    if any(name in endpoint.parameters for name in LIMITS):
        del defaults["max_tokens"]
    return {**defaults, **endpoint.parameters}


def _client(endpoint: Endpoint) -> Any:
    """One pool of persistent connections, as many as calls in flight, that follows no redirects.

    Proxies from the environment are used, except for this machine.
    """
    import httpx2

    host = host_of(endpoint.url)
    local = {f"all://{f'[{host}]' if ':' in host else host}": None} if endpoint.on_this_machine else {}
    try:
        return httpx2.AsyncClient(
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "Content-Type": "application/json",
                "User-Agent": f"tuneworth/{version('tuneworth')}",
            },
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=endpoint.concurrency, max_keepalive_connections=endpoint.concurrency),
            mounts=local,
        )
    except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
        raise ConfigError(
            f"the environment's settings for proxies or certificates do not work ({error})\n"
            "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and SSL_CERT_FILE."
        ) from None
