"""The requests of a variant at an endpoint, each with the key under which its answer is stored."""

import hashlib
import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import polars as pl

from ...core import ConfigError, host_of, read_key, say
from ..money.inputs.settings import RoiSettings
from ..outputs.prompts import prompt_of, prompts_of
from ..settings import EvaluateSettings
from ..variants import Variant
from .budget import Budget, TokenPrice, most_tokens, price_of_variant
from .endpoint import Endpoint
from .store import AnswerStore

__all__ = [
    "BYTES_PER_TOKEN",
    "FEWEST_TOKENS",
    "Forecast",
    "RemotePlan",
    "Request",
    "check_keys",
    "forecast",
    "forecast_retries",
    "plan_chats",
    "plan_remote",
    "remote_lines",
    "token_limit_without_tokenizer",
]


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


BYTES_PER_TOKEN = 4  # of English text; languages in other scripts take more tokens, so the result is an estimate


@dataclass(frozen=True)
class Forecast:
    """The expected tokens and cost of one variant's missing requests. `cost` is None without a price.

    `measured` says whether tokens are estimated from this model's answers so far rather than from bytes.
    """

    requests: int
    of: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    measured: bool


def forecast(plan: RemotePlan, store: AnswerStore, *, longest_output: int) -> Forecast:
    """The tokens and cost of the missing requests. `longest_output` is the longest training output in UTF-8 bytes.

    Bytes per token and output tokens come from this model's answers so far; without any, 4 bytes per token and outputs as
    long as the longest training output are assumed.
    """
    missing = plan.missing(store)
    ratio, per_output = _per_request(plan, store, longest_output)
    sent = sum(request.prompt_bytes for request in missing)
    tokens = round(sent / (ratio or BYTES_PER_TOKEN))
    written = round(per_output * sum(request.index >= 0 for request in missing))
    cost = None if plan.price is None else plan.price.of(input_tokens=tokens, output_tokens=written)
    return Forecast(len(missing), len(plan.requests) + len(plan.counting), tokens, written, cost, ratio is not None)


RULES_TOKENS = 100  # of a turn that names the broken rules


def forecast_retries(plan: RemotePlan, store: AnswerStore, *, tries: int, longest_output: int) -> Forecast:
    """The most that asking again for every output could take: `tries` calls for each, the first one included.

    A further call sends the prompt, the output and the broken rules.
    """
    ratio, per_output = _per_request(plan, store, longest_output)
    calls = (tries - 1) * len(plan.requests)
    sent = (tries - 1) * sum(request.prompt_bytes for request in plan.requests)
    tokens, written = (
        round(sent / (ratio or BYTES_PER_TOKEN) + (per_output + RULES_TOKENS) * calls),
        round(per_output * calls),
    )
    cost = None if plan.price is None else plan.price.of(input_tokens=tokens, output_tokens=written)
    return Forecast(calls, calls, tokens, written, cost, ratio is not None)


def _per_request(plan: RemotePlan, store: AnswerStore, longest_output: int) -> tuple[float | None, float]:
    """Bytes per prompt token, None if nothing was answered yet, and tokens per output."""
    ratio, output = _measured(plan, store)
    return ratio, output if output is not None else min(-(-longest_output // BYTES_PER_TOKEN), plan.max_new_tokens)


def _measured(plan: RemotePlan, store: AnswerStore) -> tuple[float | None, float | None]:
    """Bytes per prompt token and tokens per output in this model's answers so far."""
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
    """A line for each host that will receive requests: their number, estimated tokens and cost.

    A host on this machine is listed only if it costs something, or with `all_hosts`.
    """
    lines = []
    for host in dict.fromkeys(plan.host for plan in plans):
        host_plans = [plan for plan in plans if plan.host == host]
        forecasts = [forecast(plan, store, longest_output=longest_output) for plan in host_plans]
        near = all(plan.endpoint.on_this_machine for plan in host_plans) and not any(t.cost for t in forecasts)
        if all_hosts or (sum(t.requests for t in forecasts) and not near):
            lines.append(_line(host, host_plans, forecasts, budget))
    return lines


def _line(host: str, plans: Sequence[RemotePlan], forecasts: Sequence[Forecast], budget: Budget) -> str:
    requests, of = sum(t.requests for t in forecasts), sum(t.of for t in forecasts)
    if not requests:
        return f"{host} gets no request: all {of:,} answers are stored"
    by_name: dict[str, int] = {}  # a variant has a plan for each part of the pairs
    for plan, t in zip(plans, forecasts, strict=True):
        by_name[plan.variant.name] = by_name.get(plan.variant.name, 0) + t.requests
    which = _joined(f"{name} {number:,}" for name, number in by_name.items())
    stored = f", {of - requests:,} are stored" if of > requests else ""
    tokens_sent, generated = sum(t.input_tokens for t in forecasts), sum(t.output_tokens for t in forecasts)
    tokens = f"about {tokens_sent:,} tokens sent and {generated:,} generated"
    how = (
        "as measured so far"
        if all(t.measured for t in forecasts)
        else "estimated: 4 bytes a token, outputs like the longest"
    )
    return f"{host} gets {requests:,} requests ({which}{stored}); {tokens} ({how}); {_money(plans, forecasts, budget)}"


def _money(plans: Sequence[RemotePlan], forecasts: Sequence[Forecast], budget: Budget) -> str:
    unknown = [plan.variant.name for plan, t in zip(plans, forecasts, strict=True) if t.cost is None]
    if unknown:
        return f"cost unknown: no price for {_joined(dict.fromkeys(unknown))} in [roi]"
    cost = sum((t.cost for t in forecasts if t.cost is not None), Decimal(0))
    sources = _joined(dict.fromkeys(plan.price.source for plan in plans if plan.price is not None))
    limit = (
        ""
        if budget.limit is None
        else f"; {say.money(budget.spent, budget.currency)} of max_cost {budget.limit:f} spent"
    )
    return f"about {say.money(cost, budget.currency)} (price {sources}){limit}"


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)
