"""Before anything is sent to an endpoint: the requests, tokens and cost to expect, and personal data in the texts."""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

import polars as pl

from ...core import ConfigError, say
from ...curate import find_personal, mask_text
from ..outputs.prompts import examples_of
from .budget import Budget
from .plan import RemotePlan
from .store import AnswerStore

# --- tokens and cost ---------------------------------------------------------------------------------------------

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


# --- personal data -----------------------------------------------------------------------------------------------

MOST_NAMED = 5  # ids in a message
MASK_ADVICE = (
    "Nothing was sent. Set mask = true under [curate] and start a new run to mask the pairs, or set personal_data "
    '= "allow" under [evaluate] to send them unmasked.'
)


def check_privacy(plans: Sequence[RemotePlan], *, store: Container[str]) -> None:
    """Check all texts that would be sent to other hosts for personal data; nothing is sent. `store` has the keys of answers
    that exist.

    Raises: ConfigError with the kinds, their counts and where they occur, but no values.
    """
    hosts: dict[str, dict[tuple[str, str, str], None]] = {}
    for plan in plans:
        if not plan.endpoint.on_this_machine:
            hosts.setdefault(plan.host, {}).update(dict.fromkeys(_texts(plan, store)))
    if problems := [text for host, texts in hosts.items() if (text := personal_data_sent(host, list(texts)))]:
        raise ConfigError("\n".join([*problems, MASK_ADVICE]))


def _texts(plan: RemotePlan, store: Container[str]) -> Iterable[tuple[str, str, str]]:
    """The texts to be sent: the part of the request, its variant or pair, the text."""
    missing = plan.missing(store)
    if not missing:
        return
    variant = plan.variant
    if variant.guide:
        yield "guide", variant.name, variant.guide
    pairs = plan.pairs[sorted({request.index for request in missing if request.index >= 0})]
    for question, answer in dict.fromkeys(chain(variant.examples, *examples_of(variant, pairs))):
        yield "few-shot examples", variant.name, question
        yield "few-shot examples", variant.name, answer
    for id, text, system in pairs.select("id", "input", "system").iter_rows():
        yield "input", id, text
        if system:
            yield "system message", id, system


def personal_data_sent(host: str, texts: list[tuple[str, str, str]]) -> str | None:
    """The personal data in texts that would be sent, in words: kinds, counts and places, no values; None if there is none.

    Each text comes with its part of the request and the variant or pair that it belongs to.
    """
    hits = find_personal(pl.Series([text for _, _, text in texts], dtype=pl.String))
    if not len(hits):
        return None
    kinds = Counter(hits["what"])
    owners: dict[str, dict[str, None]] = {}
    for index in hits["index"]:
        part, owner, _ = texts[index]
        owners.setdefault(part, {})[owner] = None
    places = "; ".join(f"in the {part} of {_named(list(names))}" for part, names in owners.items())
    counts = ", ".join(f"{count} {what}" for what, count in sorted(kinds.items()))
    return f"personal data would be sent to {host}: {counts}; {places}"


def _named(names: list[str]) -> str:
    """The first names; an id may itself be an address, so it is masked."""
    shown = ", ".join(f'"{mask_text(name)}"' for name in names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
