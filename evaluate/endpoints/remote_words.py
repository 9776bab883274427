"""What is said before the first request goes to an endpoint: host, requests, tokens, cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from .answer_store import AnswerStore
from .budget import Budget
from .remote_plan import RemotePlan

__all__ = ["Forecast", "amount", "forecast", "remote_lines"]

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
