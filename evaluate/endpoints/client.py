"""An OpenAI-compatible chat endpoint, and single requests to it: limits, parameters, connections, answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

from ...core import (
    Complaint,
    ConfigError,
    Fault,
    Key,
    RunBroken,
    StaleAnswerError,
    TooLargeError,
    address_problems,
    calls_url,
    fault_of_exception,
    fault_of_status,
    fetch,
    is_on_this_machine,
    models_url,
    open_client,
    tls_context,
)
from .responses import NOTHING_COUNTED, Answer, load_json, nearest_of, read_answer, read_error_body, read_models

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


# --- the parameters of calls -------------------------------------------------------------------------------------


class Parameters:
    """The parameters that an endpoint has not refused so far: ours, and over them the user's (`own`).

    The limit has its old name at first, `max_tokens`: every server knows it, and those that require the new one (OpenAI's
    reasoning models) reject it with an error. `max_completion_tokens` is silently ignored by Ollama and by older
    llama.cpp servers, which then generate without end.
    """

    def __init__(self, own: Mapping[str, Any], *, max_new_tokens: int, temperature: float, seed: int | None) -> None:
        ours: dict[str, Any] = {"max_tokens": max_new_tokens, "temperature": temperature}
        if seed is not None:
            ours["seed"] = seed
        if any(name in own for name in LIMITS):
            del ours["max_tokens"]
        self.stated: Mapping[str, Any] = {**ours, **own}
        self._own, self._refused = own, set[str]()

    @property
    def refused(self) -> tuple[str, ...]:
        """The refused parameters, without the limit, which is never left out."""
        return tuple(sorted(self._refused.difference(LIMITS)))

    def of_sample(self, sample: int) -> dict[str, Any]:
        """The parameters of a call. One seed for all samples would make them identical, so each adds its number to ours."""
        own = "seed" not in self.stated or "seed" in self._own
        return dict(self.stated) if own else {**self.stated, "seed": self.stated["seed"] + sample}

    def give_up(self, name: str) -> str | None:
        """Drop a refused parameter from now on, or use the limit's other name.

        Returns how calls go on, in words; nothing if another call was the first to notice; None if they cannot go on.
        """
        if name not in self.stated:
            return ""
        stated = dict(self.stated)
        value = stated.pop(name)
        self._refused.add(name)
        instead = "without it"
        if name in LIMITS:  # always keep a limit: an endless output costs money
            other = LIMITS[1 - LIMITS.index(name)]
            if other in self._refused:
                return None
            stated[other], instead = value, f'with "{other}"'
        self.stated = stated
        return instead


# --- connections -------------------------------------------------------------------------------------------------


@dataclass
class Connection:
    """One connection, for one request at a time; `used` if it has brought an answer before."""

    client: Any
    used: bool = False
    good: bool = False  # whether a later request may use it


class Connections:
    """Opens connections, and keeps those on which no answer can be mistaken for that to another request.

    HTTP/1.1 does not number answers: a second one to a request looks like the answer to the next request on its connection.
    What tells them apart is the `id` in an answer. So a connection is used again only after a complete answer whose `id` no
    earlier answer had, and only once two ids have shown that the endpoint gives each answer its own. After an answer
    without an `id`, or with an earlier one, each request gets its own connection, which carries no answer but its own.
    """

    def __init__(self, url: str) -> None:
        self._url, self._tls = url, tls_context()
        self._idle = [self._opened()]  # now, so that wrong settings of proxies show before anything is sent
        self._spent: list[Connection] = []
        self._ids: set[str] = set()
        self._shared = True

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Connection]:
        """A connection for one request, used again only if `accept` finds that it may be."""
        await self._close(self._spent)
        connection = self._idle.pop() if self._idle else self._opened()
        connection.good = False
        try:
            yield connection
        finally:
            if connection.good and self._shared:
                connection.used = True
                self._idle.append(connection)
            else:  # closed later, as closing takes time and the result of the request should not wait for it
                self._spent.append(connection)

    def accept(self, connection: Connection, id: str | None) -> bool:
        """Whether an answer with this `id` is that to the request which was sent on the connection."""
        if id is not None and id not in self._ids:
            self._ids.add(id)
            connection.good = len(self._ids) > 1
            return True
        self.separate()
        return id is None or not connection.used

    def separate(self) -> None:
        """From now on, give each request its own connection."""
        self._shared = False
        self._spent += self._idle
        self._idle.clear()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._close(self._idle)
        await self._close(self._spent)

    def _opened(self) -> Connection:
        return Connection(open_client(self._url, tls=self._tls, kept=1))

    @staticmethod
    async def _close(connections: list[Connection]) -> None:
        while connections:
            await connections.pop().client.aclose()


# --- single requests ---------------------------------------------------------------------------------------------

LARGEST = 8 * 2**20  # bytes of an answer, as sent and unpacked; the longest outputs of today's models take 1 MiB
MODELS_SECONDS = 2.0  # for the endpoint's list of models, which only completes an error

STALE = Fault("stale", "the connection held a second answer to an earlier request", again=True, billed=True)


class Exchange:
    """Sends single requests with the key, which is masked in all that comes back, and the parameters accepted so far.

    Connections are open for the time of an `async with` block.
    """

    def __init__(self, endpoint: Endpoint, key: Key, parameters: Parameters) -> None:
        self.endpoint, self.url = endpoint, endpoint.calls_url
        self.key, self.parameters = key, parameters
        self.took_system = False  # whether a chat with a system message was answered
        self.connections = Connections(endpoint.url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.connections.aclose()

    async def request(self, call: Call) -> Answer | Fault:
        """The answer to one request, or why there is none. Raises: errors of this program alone."""
        try:
            async with asyncio.timeout(self.endpoint.seconds_per_call):
                return await self._asked(call, self.parameters.stated)
        except Exception as error:
            return self._fault(error)

    async def _asked(self, call: Call, stated: Mapping[str, Any]) -> Answer | Fault:
        body = {"model": self.endpoint.model, "messages": call.messages, **self.parameters.of_sample(call.sample)}
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json", **self.key.headers}
        async with self.connections.one() as connection:
            request = connection.client.build_request("POST", self.url, content=content, headers=headers)
            try:
                response, content = await fetch(connection.client, request, largest=LARGEST)
            except TooLargeError:
                text = f"an answer of more than {LARGEST // 2**20} MiB\nCheck the address {self.url}."
                return Fault("too large", text, stop=RunBroken, only_first=True, billed=True)
            except StaleAnswerError:
                self.connections.separate()
                return STALE
            if 200 <= response.status_code < 300:
                outcome = read_answer(content, url=self.url, key=self.key)
            else:
                outcome = read_error_body(content, response.status_code, key=self.key)
            if isinstance(outcome, Answer) and not self.connections.accept(connection, outcome.id):
                return STALE
        if isinstance(outcome, Complaint):
            return self._status(outcome, response.headers, call, stated)
        self.took_system = self.took_system or (isinstance(outcome, Answer) and _has_system(call))
        return outcome

    def _status(self, complaint: Complaint, headers: Any, call: Call, stated: Mapping[str, Any]) -> Answer | Fault:
        complaint = replace(complaint, message=self.key.mask(complaint.message))  # before anything is shortened
        fault = fault_of_status(
            complaint.status or 500, complaint, headers=headers, url=self.url, model=self.endpoint.model,
            key_env=self.endpoint.key_env, sent=stated, system=_has_system(call) and not self.took_system,
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

    async def offered(self) -> str:
        """The models that the endpoint lists, in words; nothing if it lists none."""
        try:
            async with asyncio.timeout(MODELS_SECONDS):
                async with self.connections.one() as connection:
                    request = connection.client.build_request("GET", models_url(self.url), headers=self.key.headers)
                    _, content = await fetch(connection.client, request, largest=LARGEST)
                models = read_models(self.key.mask_data(load_json(content)))
                names = [str(entry["id"]) for entry in models if entry.get("id")]
        except Exception:  # it only completes an error, which must not be replaced by another one
            return ""
        return f"; {nearest_of(self.endpoint.model, names)}" if names else ""


def _has_system(call: Call) -> bool:
    return any(message["role"] == "system" for message in call.messages)
