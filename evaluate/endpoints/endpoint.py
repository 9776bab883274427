"""Outputs from an OpenAI-compatible chat endpoint: what is asked, what comes back.

`ask` is the only thing that sends: to the endpoint's own address, never to another host. The key is read from the
environment when it starts and stands in no error, warning, log line or reply.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...style.errors import ConfigError
from .endpoint_address import address_problems, calls_url, is_on_this_machine

__all__ = ["Call", "Endpoint", "Reply", "ask"]

# What the calls themselves say, and what would change the shape of the answer.
OURS = ("messages", "model", "stream", "stream_options", "n")
LIMITS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where outputs are asked for, and how patiently.

    url: such as "https://api.example.com/v1"; "/chat/completions" is added unless it stands there. key_env: the
    environment variable with the key, sent as a bearer token. concurrency: calls under way at most.
    seconds_per_call: one attempt, from sending to the last byte; tries: attempts of one call; most_seconds: one call
    with all its attempts and waits. parameters: sent as they are; one of our own names among them wins over ours.
    first_wait doubles with each further attempt; longest_wait is the most that one wait takes, whoever asks for it.

    Raises: ConfigError with everything that is wrong.
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
    longest_wait: float = 120.0  # rate limits count by the minute: twice that has always passed them

    def __post_init__(self) -> None:
        problems = [*address_problems(self.url), *_parameter_problems(self.parameters)]
        if not self.model:
            problems.append('"model" is empty; expected the name that the endpoint knows the model by')
        for name in ("concurrency", "seconds_per_call", "tries"):
            if not getattr(self, name) > 0:
                problems.append(f'"{name}" is {getattr(self, name)}; expected more than 0')
        if self.most_seconds is not None and not self.most_seconds > 0:
            problems.append(f'"most_seconds" is {self.most_seconds}; expected more than 0')
        if problems:
            raise ConfigError.of(problems, where=f'endpoint for the model "{self.model}"')

    @property
    def calls_url(self) -> str:
        """The whole address that each call goes to."""
        return calls_url(self.url)

    @property
    def on_this_machine(self) -> bool:
        """Whether the host is this machine, so that no text leaves it."""
        return is_on_this_machine(self.url)


@dataclass(frozen=True)
class Call:
    """One output to ask for: the place of its pair, the sample, and the chat messages."""

    index: int
    sample: int
    messages: list[dict[str, str]]


@dataclass(frozen=True)
class Reply:
    """What one call came to.

    output: None where the variant gave none (`error` None: an empty choice, a content filter, only tool calls) or where
    every attempt failed (`error` says how). finish_reason: the endpoint's word, or "refusal". Tokens are the
    endpoint's counts, None where they are missing or contradict each other: cached among input, reasoning among
    output. seconds: the last attempt. model: the name that the endpoint answers with. usage: its counts as they came.
    refused: the parameters that the endpoint does not take, so that it was asked without them.
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


def ask(
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
    """Send every call and hand each reply to `on_reply` as it comes, one at a time, in the order of arrival.

    Calls are taken one by one as there is room. `admit` False ends the taking: what is under way ends, its call and
    all later ones are not sent. An exception from `on_reply` or Ctrl-C drops what is under way and comes through;
    replies already handed over stay. The first call goes alone, so that what concerns all of them is found at once.

    Raises: ConfigError where no call can succeed (key, address, model, certificate); RunBroken where the endpoint
    stopped answering or the account is empty.
    """
    from .endpoint_work import Work, run_work

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
    problems = [f'"parameters" holds "{name}", which the calls themselves say' for name in OURS if name in parameters]
    if all(name in parameters for name in LIMITS):
        problems.append(f'"parameters" holds both "{LIMITS[0]}" and "{LIMITS[1]}"; expected one of them')
    try:
        json.dumps(dict(parameters), allow_nan=False)
    except (TypeError, ValueError) as error:
        problems.append(f'"parameters" cannot be sent as JSON ({error})')
    return problems
