"""Requests to a deployed model, the same as at judging, with their cost, and with each answer stored as it arrives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import polars as pl

from ...core import ConfigError, Talk
from ...evaluate import (
    AnswerStore,
    Budget,
    RemotePlan,
    TokenPrice,
    Traffic,
    Variant,
    VariantSettings,
    check_keys,
    check_privacy,
    plan_remote,
    price_of_variant,
    remote_lines,
    request_chats,
    spent_on,
)
from ...project import Run
from .recorded import Recorded

__all__ = ["Served", "budget_of", "check_requests", "cost_lines", "plan_requests", "price_of", "send_requests"]

AGAIN = "run the same command"


@dataclass(frozen=True)
class Served:
    """A model at an OpenAI-compatible address.

    `key_env` names the environment variable with the key; `parameters` are sent with each request and override those of the
    judged variant.
    """

    url: str
    model: str
    key_env: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def price_of(run: Run, recorded: Recorded) -> TokenPrice | None:
    """The token price of the judged variant by the project's [roi]; None if it states none."""
    return price_of_variant(run.project.roi_settings, recorded.variant)


def plan_requests(
    run: Run, recorded: Recorded, served: Served, pairs: pl.DataFrame, *, max_cost: Decimal | None,
    price: TokenPrice | None, samples: int = 1,
) -> RemotePlan:  # fmt: skip
    """The requests for these pairs, `samples` for each; nothing is sent.

    Messages, temperature and token limit are those of the recorded outputs.

    Raises: ConfigError if the address is invalid, or `max_cost` is set without a price.
    """
    variant = _at_endpoint(recorded.variant, served)
    if max_cost is not None and price is None:
        raise ConfigError(
            f'max_cost needs a price for "{variant.name}"\n'
            f"State price_input and price_output (0 for your own server), or model, under [roi.{variant.name}]."
        )
    settings = replace(
        run.project.evaluate, temperature=recorded.temperature, samples=samples, max_cost=None,
        max_new_tokens=recorded.max_new_tokens,
    )  # fmt: skip
    (plan,) = plan_remote([(variant, pairs)], settings=settings, max_new_tokens=recorded.max_new_tokens, seed=run.seed)
    return replace(plan, price=price, counting={})


def _at_endpoint(variant: Variant, served: Served) -> Variant:
    """The variant, with the same prompt, at the address of the served model.

    The settings of a judged endpoint (waits, parameters) apply to this one too; for a local model, the defaults do.
    """
    judged = variant.settings
    own = {"endpoint": served.url, "model": served.model, "key_env": served.key_env}
    if variant.source == "endpoint":
        kept = {name: getattr(judged, name) for name in ("concurrency", "seconds_per_call", "tries", "most_seconds")}
        settings = VariantSettings(**own, **kept, parameters={**judged.parameters, **served.parameters})
    else:
        settings = VariantSettings(**own, parameters=dict(served.parameters))
    return replace(
        variant, source="endpoint", adapter=None, model=served.model, endpoint=served.url, settings=settings
    )  # fmt: skip


def check_requests(run: Run, plans: Sequence[RemotePlan], answers: AnswerStore) -> None:
    """Check the keys, and that no personal data would be sent, unless the project allows it.

    Raises: ConfigError if a key is missing, or personal data would leave this machine.
    """
    check_keys([plan for plan in plans if plan.missing(answers)])
    if run.project.evaluate.personal_data == "refuse":
        check_privacy(plans, store=answers)


def cost_lines(run: Run, plans: Sequence[RemotePlan], answers: AnswerStore, *, max_cost: Decimal | None) -> list[str]:
    """A line with the requests still to send, their tokens and their cost."""
    budget = budget_of(run, plans, answers, max_cost=max_cost)
    return remote_lines(plans, answers, budget, longest_output=run.longest_output, all_hosts=True)


def budget_of(run: Run, plans: Sequence[RemotePlan], answers: AnswerStore, *, max_cost: Decimal | None) -> Budget:
    """The limit, and the cost of the stored answers."""
    currency, price = run.project.currency, next((plan.price for plan in plans), None)
    spent = spent_on(answers.lines.values(), currency=currency, price=lambda line: price)
    return Budget(
        max_cost, currency=currency, spent=spent, sent=answers.sent, setting="--max-cost", again=AGAIN
    )  # fmt: skip


def send_requests(
    run: Run, plan: RemotePlan, answers: AnswerStore, *, max_cost: Decimal | None, talk: Talk
) -> pl.DataFrame:
    """The outputs of a checked plan (columns of OUTPUT_SCHEMA): the missing ones are requested, the others were stored.

    A request that failed after all attempts has an `error` in its row.

    Raises: RunBroken if `max_cost` or the endpoint stops the requests; answers received until then are kept.
    """
    budget = budget_of(run, [plan], answers, max_cost=max_cost)
    with talk.progress(plan.host) as advance:
        return request_chats(
            plan, store=answers, budget=budget, traffic=Traffic(advance, budget),
            warn=lambda text: talk.note(f"warning: {text}"),
        )  # fmt: skip
