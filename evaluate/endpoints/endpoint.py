"""An OpenAI-compatible chat endpoint with its limits and waits, a call to it, its admission, and the reply."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core import ConfigError, address_problems, calls_url, is_on_this_machine

__all__ = ["LIMITS", "Admission", "Call", "Endpoint", "Reply"]


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
class Admission:
    """Decides which calls are sent, as far as money goes.

    first: whether a call may be sent. again: whether it may be sent once more after an attempt that brought no answer but
    may be billed. free: the last attempt of a call costs nothing.
    """

    first: Callable[[Call], bool] = lambda call: True
    again: Callable[[Call], bool] = lambda call: True
    free: Callable[[Call], None] = lambda call: None


@dataclass(frozen=True)
class Reply:
    """The result of one call.

    output: None if the variant gave none (`error` None: an empty choice, a content filter, only tool calls) or if every
    attempt failed (`error` has the reason). finish_reason: the endpoint's word, or "refusal". Tokens are the endpoint's
    counts, None if they are missing or contradict each other: input includes cached, output includes reasoning. seconds:
    the last attempt. model: the name in the endpoint's answer. usage: its counts, unchanged. refused: the parameters that
    were dropped because the endpoint does not accept them. system_fingerprint: the provider's name for the configuration
    of its servers. billed: whether the last attempt may be billed although it brought no answer.
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
    billed: bool = False


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
