"""What a variant at an endpoint will be asked: every request with the key that its answer is kept under."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import polars as pl

from ...core import ConfigError
from ..money.settings import RoiSettings
from ..settings import EvaluateSettings
from ..variants import Variant
from .address import host_of, read_key
from .budget import Budget, TokenPrice, most_tokens, token_price
from .endpoint import Endpoint
from .prompts import prompt_of
from .store import AnswerStore

__all__ = [
    "Forecast",
    "RemotePlan",
    "Request",
    "amount",
    "check_keys",
    "forecast",
    "plan_remote",
    "remote_lines",
    "token_limit_without_tokenizer",
]


FEWEST_TOKENS = 16  # of a limit; also what the least demanding request asks for, since some providers refuse less
Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Request:
    """One request: for the pair at `index` (-1 where it only counts the prompt) and its sample."""

    key: str
    index: int
    sample: int
    messages: Messages

    @property
    def prompt_bytes(self) -> int:
        """The text that is sent, in UTF-8."""
        return sum(len(message["content"].encode(errors="replace")) for message in self.messages)


@dataclass(frozen=True)
class RemotePlan:
    """All that is asked of one variant's endpoint for one table of pairs.

    `counting` are requests for the prompt alone (`fixed`, `unguided`, `unshown`): the provider's own count of what
    every request carries. `max_new_tokens` and `seed` are sent with each, and `price` is None where none is known.
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
        """The host that the texts go to."""
        return host_of(self.endpoint.url)

    def missing(self, store: AnswerStore) -> list[Request]:
        """The requests whose answer is not there yet."""
        return [r for r in (*self.counting.values(), *self.requests) if r.key not in store]

    def worst_cost(self, request: Request) -> Decimal:
        """More than the request can cost: a token for each byte that is sent, the longest output that is allowed."""
        if self.price is None:
            return Decimal(0)
        limit = max(FEWEST_TOKENS, *_own_limits(self.endpoint), self.max_new_tokens)
        return self.price.of(input_tokens=most_tokens(request.messages), output_tokens=limit)


def plan_remote(
    asked: Sequence[tuple[Variant, pl.DataFrame]],
    *,
    settings: EvaluateSettings,
    max_new_tokens: int,
    seed: int,
    roi: RoiSettings | None = None,
) -> list[RemotePlan]:
    """The plan of each variant at an endpoint for its pairs; nothing is sent.

    Raises: ConfigError with everything that is wrong with the endpoints, and where `max_cost` is set and a variant has
    no price.
    """
    problems, plans = [], []
    for variant, pairs in asked:
        try:
            endpoint = _endpoint(variant)
        except ConfigError as error:
            problems.append(f"{variant.name}: {error}")
            continue
        price = token_price(roi, variant.name)
        if settings.max_cost is not None and price is None:
            problems.append(_no_price(variant))
        plans.append(_plan(variant, pairs, endpoint, settings, max_new_tokens, seed, price))
    if problems:
        raise ConfigError.of(dict.fromkeys(problems), where="[evaluate]")
    return plans


def token_limit_without_tokenizer(outputs: Sequence[str]) -> int:
    """Room for 1.5 times the longest of the training outputs where no tokenizer counts them: in UTF-8 bytes.

    No tokenizer makes more tokens than bytes, so this never cuts off an output that the one by tokens would let end;
    it is about four times as much. A model that thinks inside its answer needs more: `max_new_tokens` states it.
    """
    longest = max((len(text.encode(errors="replace")) for text in outputs), default=0)
    return max(FEWEST_TOKENS, -(-3 * longest // 2))


def _endpoint(variant: Variant) -> Endpoint:
    own = variant.settings
    return Endpoint(
        url=variant.endpoint or "",
        model=variant.model or "",
        key_env=own.key_env,
        concurrency=own.concurrency,
        seconds_per_call=own.seconds_per_call,
        tries=own.tries,
        most_seconds=own.most_seconds,
        parameters=_sendable(own.parameters),
    )


def _sendable(value: Any) -> Any:
    """Numbers with a point are exact Decimals in a project's file; JSON has none."""
    if isinstance(value, Mapping):
        return {key: _sendable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_sendable(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


def _no_price(variant: Variant) -> str:
    return (
        f'max_cost needs a price for "{variant.name}": state price_input and price_output (0 for a server of your own), '
        f"or the model of the price list, in [roi.{variant.name}]"
    )


def _plan(
    variant: Variant, pairs: pl.DataFrame, endpoint: Endpoint, settings: EvaluateSettings, max_new_tokens: int, seed: int,
    price: TokenPrice | None,
) -> RemotePlan:  # fmt: skip
    # One thing that all keys share, hashed once: what is asked of whom.
    shared = [endpoint.calls_url, endpoint.model, dict(endpoint.parameters), settings.temperature, seed]
    asked = Counter()
    requests = []
    for index, (text, system) in enumerate(pairs.select("input", "system").iter_rows()):
        messages = prompt_of(variant, text, system)
        said = json.dumps(messages)
        for sample in range(settings.samples):
            key = _key(shared, max_new_tokens, said, sample, asked[said])
            requests.append(Request(key, index, sample, messages))
        asked[said] += 1  # pairs that ask for the same have answers of their own
    counting = {name: _counting(shared, messages) for name, messages in _counted(variant)}
    return RemotePlan(
        variant, pairs, endpoint, tuple(requests), counting, max_new_tokens, settings.temperature, seed, price
    )


def _counted(variant: Variant) -> Iterator[tuple[str, Messages]]:
    """The prompts whose tokens are wanted; "." is the shortest request that all endpoints take."""
    yield "fixed", prompt_of(variant, ".", None)
    if variant.guide:
        yield "unguided", prompt_of(replace(variant, guide=None), ".", None)
    if variant.examples:
        yield "unshown", prompt_of(replace(variant, examples=()), ".", None)


def _counting(shared: list, messages: Messages) -> Request:
    return Request(_key(shared, FEWEST_TOKENS, json.dumps(messages), 0, 0), -1, 0, messages)


def _key(shared: list, limit: int, said: str, sample: int, repeat: int) -> str:
    """A fingerprint of everything that makes one answer what it is; the key of the account is no part of it."""
    made_of = json.dumps([*shared, limit, said, sample, repeat], sort_keys=True)
    return hashlib.sha256(made_of.encode()).hexdigest()[:24]


def _own_limits(endpoint: Endpoint) -> list[int]:
    """A limit among the user's own parameters, which wins over that of the run."""
    limits = (endpoint.parameters.get(name) for name in ("max_tokens", "max_completion_tokens"))
    return [limit for limit in limits if isinstance(limit, int)]


def check_keys(plans: Sequence[RemotePlan]) -> None:
    """Whether the environment holds the key of every endpoint.

    Raises: ConfigError with those that are missing.
    """
    problems: dict[str, None] = {}
    for plan in plans:
        try:
            read_key(plan.endpoint.key_env)
        except ConfigError as error:
            problems[str(error)] = None
    if problems:
        raise ConfigError("\n".join(problems))


BYTES_PER_TOKEN = 4  # of English text; a language in another script takes more tokens, so it is said to be an estimate


@dataclass(frozen=True)
class Forecast:
    """What one variant's missing requests will take, as far as that can be known. `cost` None: no price.

    `measured`: whether its tokens are estimated from answers of the same model that are there, not from bytes alone.
    """

    requests: int
    of: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    measured: bool


def forecast(plan: RemotePlan, store: AnswerStore, *, longest_output: int) -> Forecast:
    """The tokens and cost of what is missing. `longest_output` is the longest training output in UTF-8 bytes.

    Bytes per token and output tokens are those of the answers that this model has given already; without any, 4 bytes
    a token and outputs as long as the longest training output.
    """
    missing = plan.missing(store)
    ratio, output = _measured(plan, store)
    sent = sum(request.prompt_bytes for request in missing)
    tokens = round(sent / (ratio or BYTES_PER_TOKEN))
    each = output if output is not None else min(-(-longest_output // BYTES_PER_TOKEN), plan.max_new_tokens)
    written = round(each * sum(request.index >= 0 for request in missing))
    cost = None if plan.price is None else plan.price.of(input_tokens=tokens, output_tokens=written)
    return Forecast(len(missing), len(plan.requests) + len(plan.counting), tokens, written, cost, ratio is not None)


def _measured(plan: RemotePlan, store: AnswerStore) -> tuple[float | None, float | None]:
    """Bytes per prompt token and tokens per output of what this model has answered here."""
    sent = counted = written = answers = 0
    for line in store.lines.values():
        if line.get("endpoint") != plan.endpoint.url or line.get("asked") != plan.endpoint.model:
            continue
        if line.get("id") is None or not line.get("input_tokens") or not isinstance(line.get("prompt_bytes"), int):
            continue
        sent, counted = sent + line["prompt_bytes"], counted + line["input_tokens"]
        written, answers = written + (line.get("output_tokens") or 0), answers + 1
    return (sent / counted, written / answers) if sent and written else (None, None)


def remote_lines(
    plans: Sequence[RemotePlan], store: AnswerStore, budget: Budget, *, longest_output: int, all_hosts: bool = False
) -> list[str]:
    """A line for each host that will be asked: requests, tokens and cost, all but the first estimated.

    A host on this machine is named only where it costs something, or with `all_hosts`.
    """
    lines = []
    for host in dict.fromkeys(plan.host for plan in plans):
        here = [plan for plan in plans if plan.host == host]
        told = [forecast(plan, store, longest_output=longest_output) for plan in here]
        near = all(plan.endpoint.on_this_machine for plan in here) and not any(t.cost for t in told)
        if all_hosts or (sum(t.requests for t in told) and not near):
            lines.append(_line(host, here, told, budget))
    return lines


def _line(host: str, plans: Sequence[RemotePlan], told: Sequence[Forecast], budget: Budget) -> str:
    requests, of = sum(t.requests for t in told), sum(t.of for t in told)
    if not requests:
        return f"{host} gets no request: all {of:,} answers are there"
    by_name: dict[str, int] = {}  # a variant has a plan for each part of the pairs that it is asked for
    for plan, t in zip(plans, told, strict=True):
        by_name[plan.variant.name] = by_name.get(plan.variant.name, 0) + t.requests
    which = _joined(f"{name} {number:,}" for name, number in by_name.items())
    there = f", {of - requests:,} are there" if of > requests else ""
    tokens = (
        f"about {sum(t.input_tokens for t in told):,} tokens sent and {sum(t.output_tokens for t in told):,} written"
    )
    how = (
        "as measured so far"
        if all(t.measured for t in told)
        else "estimated: 4 bytes a token, outputs like the longest"
    )
    return f"{host} gets {requests:,} requests ({which}{there}); {tokens} ({how}); {_money(plans, told, budget)}"


def _money(plans: Sequence[RemotePlan], told: Sequence[Forecast], budget: Budget) -> str:
    unknown = [plan.variant.name for plan, t in zip(plans, told, strict=True) if t.cost is None]
    if unknown:
        return f"cost unknown: no price for {_joined(dict.fromkeys(unknown))} in [roi]"
    cost = sum((t.cost for t in told if t.cost is not None), Decimal(0))
    sources = _joined(dict.fromkeys(plan.price.source for plan in plans if plan.price is not None))
    limit = "" if budget.limit is None else f"; {amount(budget.spent)} of max_cost {budget.limit:f} spent"
    return f"about {amount(cost)} {budget.currency} (price {sources}){limit}"


def amount(cost: Decimal) -> str:
    """A sum of money with two places, or as many as it takes to show two digits."""
    return f"{cost:.2f}" if cost >= 1 or not cost else f"{cost:.2g}" if cost >= Decimal("0.0001") else f"{cost:.1e}"


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)
