"""The requests of a variant at an endpoint, each with the key under which its answer is stored."""

import hashlib
import json
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import polars as pl

from ...core import ConfigError, host_of, read_key
from ..money.inputs.settings import RoiSettings
from ..outputs.prompts import prompt_of, prompts_of
from ..settings import EvaluateSettings
from ..variants import Variant
from .budget import TokenPrice, most_tokens, price_of_variant
from .client import Endpoint

FEWEST_TOKENS = 16  # the lowest limit; some providers reject less
Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Request:
    """One request: for the pair at `index` (-1 if it only counts the prompt) and its sample."""

    key: str
    index: int
    sample: int
    messages: Messages

    @property
    def prompt_bytes(self) -> int:
        """The size of the text to send, in UTF-8."""
        return sum(len(message["content"].encode(errors="replace")) for message in self.messages)


@dataclass(frozen=True)
class RemotePlan:
    """All requests to one variant's endpoint for one table of pairs.

    `counting` are requests with only the prompt (`fixed`, `unguided`, `unshown`), for the provider's count of the tokens
    in every request. `max_new_tokens` and `seed` are sent with each; `price` is None if it is unknown.
    """

    variant: Variant
    pairs: pl.DataFrame
    endpoint: Endpoint
    requests: tuple[Request, ...]
    counting: dict[str, Request]
    max_new_tokens: int
    temperature: float
    seed: int
    price: TokenPrice | None

    @property
    def host(self) -> str:
        """The host that receives the texts."""
        return host_of(self.endpoint.url)

    def missing(self, store: Container[str]) -> list[Request]:
        """The requests without an answer in the store."""
        return [r for r in (*self.counting.values(), *self.requests) if r.key not in store]

    def worst_cost(self, request: Request) -> Decimal:
        """An upper bound for the cost of a request: a token for each byte sent, and the longest allowed output."""
        if self.price is None:
            return Decimal(0)
        limit = max(FEWEST_TOKENS, *_user_limits(self.endpoint), self.max_new_tokens)
        return self.price.of(input_tokens=most_tokens(request.messages), output_tokens=limit)


def plan_remote(
    variants: Sequence[tuple[Variant, pl.DataFrame]],
    *,
    settings: EvaluateSettings,
    max_new_tokens: int,
    seed: int,
    roi: RoiSettings | None = None,
) -> list[RemotePlan]:
    """The plan of each variant at an endpoint for its pairs; nothing is sent.

    Raises: ConfigError with all problems of the endpoints, and if `max_cost` is set and a variant has no price.
    """
    problems, plans = [], []
    for variant, pairs in variants:
        try:
            endpoint = _endpoint(variant)
        except ConfigError as error:
            problems.append(f"{variant.name}: {error}")
            continue
        price = price_of_variant(roi, variant)
        if settings.max_cost is not None and price is None:
            problems.append(_no_price(variant))
        plans.append(_plan(variant, pairs, endpoint, settings, max_new_tokens, seed, price))
    if problems:
        raise ConfigError.of(dict.fromkeys(problems), where="[evaluate]")
    return plans


def token_limit_without_tokenizer(outputs: Sequence[str]) -> int:
    """Room for 1.5 times the longest of the training outputs without a tokenizer: in UTF-8 bytes.

    No tokenizer makes more tokens than bytes, so this never cuts an output that the limit in tokens would not cut; it is
    about four times as high. A model that thinks inside its answer needs more: set `max_new_tokens`.
    """
    longest = max((len(text.encode(errors="replace")) for text in outputs), default=0)
    return max(FEWEST_TOKENS, -(-3 * longest // 2))


def _endpoint(variant: Variant) -> Endpoint:
    settings = variant.settings
    return Endpoint(
        url=variant.endpoint or "",
        model=variant.model or "",
        key_env=settings.key_env,
        concurrency=settings.concurrency,
        seconds_per_call=settings.seconds_per_call,
        tries=settings.tries,
        most_seconds=settings.most_seconds,
        parameters={**(variant.constraint.parameters if variant.constraint else {}), **_sendable(settings.parameters)},
    )


def _sendable(value: Any) -> Any:
    """The value in a form for JSON: decimal numbers in a project file are exact Decimals."""
    if isinstance(value, Mapping):
        return {key: _sendable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_sendable(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


def _no_price(variant: Variant) -> str:
    name = variant.of[0] if variant.of else variant.name
    return (
        f'max_cost needs a price for "{name}"; state price_input and price_output (0 for your own server), '
        f"or model, under [roi.{name}]"
    )


def _plan(
    variant: Variant, pairs: pl.DataFrame, endpoint: Endpoint, settings: EvaluateSettings, max_new_tokens: int, seed: int,
    price: TokenPrice | None,
) -> RemotePlan:  # fmt: skip
    shared = _shared(endpoint, settings.temperature, seed)
    repeats = Counter()
    requests = []
    for index, messages in enumerate(prompts_of(variant, pairs)):
        text = json.dumps(messages)
        for sample in range(settings.samples):
            key = _key(shared, max_new_tokens, text, sample, repeats[text])
            requests.append(Request(key, index, sample, messages))
        repeats[text] += 1  # pairs with the same request get separate answers
    counting = {name: _counting(shared, messages) for name, messages in _counted(variant)}
    return RemotePlan(
        variant, pairs, endpoint, tuple(requests), counting, max_new_tokens, settings.temperature, seed, price
    )


def plan_chats(
    plan: RemotePlan, variant: Variant, *, rows: Sequence[int], chats: Sequence[Messages], samples: Sequence[int],
    temperature: float | None = None,
) -> RemotePlan:  # fmt: skip
    """The plan of further chats with the endpoint of a plan: one for each of these `rows` of its pairs, with the number
    of its sample. `temperature` replaces that of the plan and of the variant's parameters."""
    endpoint = plan.endpoint
    if temperature is not None:
        plan = replace(plan, temperature=temperature)
        if "temperature" in endpoint.parameters:
            endpoint = replace(endpoint, parameters={**endpoint.parameters, "temperature": temperature})
    shared, repeats, requests = _shared(endpoint, plan.temperature, plan.seed), Counter(), []
    for index, (chat, sample) in enumerate(zip(chats, samples, strict=True)):
        text = json.dumps(chat)
        key = _key(shared, plan.max_new_tokens, text, sample, repeats[text, sample])
        requests.append(Request(key, index, sample, chat))
        repeats[text, sample] += 1
    return replace(
        plan, variant=variant, pairs=plan.pairs[list(rows)], endpoint=endpoint, requests=tuple(requests), counting={}
    )


def _shared(endpoint: Endpoint, temperature: float, seed: int) -> list[Any]:
    """The part that all keys share: the endpoint and the settings."""
    return [endpoint.calls_url, endpoint.model, dict(endpoint.parameters), temperature, seed]


def _counted(variant: Variant) -> Iterator[tuple[str, Messages]]:
    """The prompts whose tokens are counted; "." is the shortest request that all endpoints accept."""
    yield "fixed", prompt_of(variant, ".", None)
    if variant.guide:
        yield "unguided", prompt_of(replace(variant, guide=None), ".", None)
    if variant.examples:
        yield "unshown", prompt_of(replace(variant, examples=()), ".", None)


def _counting(shared: list, messages: Messages) -> Request:
    return Request(_key(shared, FEWEST_TOKENS, json.dumps(messages), 0, 0), -1, 0, messages)


def _key(shared: list, limit: int, text: str, sample: int, repeat: int) -> str:
    """A fingerprint of everything that determines one answer; the account's key is not part of it."""
    content = json.dumps([*shared, limit, text, sample, repeat], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:24]


def _user_limits(endpoint: Endpoint) -> list[int]:
    """A limit among the user's parameters, which overrides the limit of the run."""
    limits = (endpoint.parameters.get(name) for name in ("max_tokens", "max_completion_tokens"))
    return [limit for limit in limits if isinstance(limit, int)]


def check_keys(plans: Sequence[RemotePlan]) -> None:
    """Check that the environment has the key of every endpoint.

    Raises: ConfigError with the missing ones.
    """
    problems: dict[str, None] = {}
    for plan in plans:
        try:
            read_key(plan.endpoint.key_env)
        except ConfigError as error:
            problems[str(error)] = None
    if problems:
        raise ConfigError("\n".join(problems))
