"""Variants at endpoints, as the commands ask them: said first, held back where it must be, kept as it comes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ..evaluate import Variant, read_roi
from ..evaluate.outputs import Raced
from .project import Project
from .stages import seed_of
from .talk import Talk

if TYPE_CHECKING:
    from ..evaluate.answer_store import AnswerStore
    from ..evaluate.budget import Budget
    from ..evaluate.remote_plan import RemotePlan

__all__ = ["answers_of", "ask_endpoints", "check_endpoints", "remote_limit", "remote_plans"]

Asked = Sequence[tuple[Variant, pl.DataFrame]]  # a variant and the pairs that it is wanted for


def answers_of(run: Path) -> Path:
    """Where a run keeps the answers of endpoints."""
    return run / "evaluate" / "answers.jsonl"


def remote_limit(project: Project, train: pl.DataFrame) -> int:
    """The most tokens of an output where an endpoint takes part: as stated, or room for the longest training output."""
    from ..evaluate.remote_plan import token_limit_without_tokenizer

    limit = project.evaluate.max_new_tokens
    return token_limit_without_tokenizer(train["output"].to_list()) if limit == "auto" else limit


def remote_plans(project: Project, run: Path, asked: Asked, train: pl.DataFrame, talk: Talk) -> list["RemotePlan"]:
    """What each variant at an endpoint will be asked; nothing is sent.

    Raises: ConfigError with everything that is wrong with the endpoints.
    """
    from ..evaluate.remote_plan import plan_remote

    return plan_remote(
        asked,
        settings=project.evaluate,
        max_new_tokens=remote_limit(project, train),
        seed=seed_of(run, talk),
        roi=None if project.roi is None else read_roi(project.roi),
    )


def check_endpoints(project: Project, run: Path, asked: Asked, train: pl.DataFrame, talk: Talk) -> None:
    """Before other work: the endpoints, their keys, prices for `max_cost`, and no personal data in what would be sent.

    Raises: ConfigError where any of it is missing.
    """
    from ..evaluate.answer_store import AnswerStore

    _check(project, remote_plans(project, run, asked, train, talk), AnswerStore(answers_of(run)))


def ask_endpoints(project: Project, run: Path, asked: Asked, train: pl.DataFrame, talk: Talk) -> list[Raced]:
    """The outputs of variants at endpoints, in their order. Answers that the run holds are not asked for again.

    Raises: ConfigError before the first request where something is wrong, RunBroken where `max_cost` or an endpoint
    ends the asking; what came until then is kept.
    """
    from ..evaluate.answer_store import open_answers
    from ..evaluate.remote import race_endpoints

    plans = remote_plans(project, run, asked, train, talk)
    with open_answers(answers_of(run)) as store:
        _check(project, plans, store)
        budget = budget_of(project, plans, store)
        for line in lines_of(plans, store, budget, train):
            talk.note(f"evaluate: {line}")
        with talk.progress("endpoints") as advance:
            return race_endpoints(
                plans, store=store, budget=budget,
                progress=lambda name, done, of: advance(done, of, name),
                warn=lambda text: talk.note(f"warning: {text}"),
            )  # fmt: skip


def _check(project: Project, plans: Sequence["RemotePlan"], store: "AnswerStore") -> None:
    from ..evaluate.privacy import check_privacy
    from ..evaluate.remote_plan import check_keys

    check_keys(plans, store=store)
    if project.evaluate.personal_data == "refuse":
        check_privacy(plans, store=store)


def budget_of(project: Project, plans: Sequence["RemotePlan"], store: "AnswerStore") -> "Budget":
    """The limit of `max_cost`, and what the answers that the run holds have cost."""
    from ..evaluate.budget import Budget, spent_on

    currency = "EUR" if project.roi is None else read_roi(project.roi).currency
    prices = {(plan.endpoint.url, plan.endpoint.model): plan.price for plan in plans}
    spent = spent_on(
        store.lines.values(),
        currency=currency,
        price=lambda line: prices.get((str(line.get("endpoint")), str(line.get("asked")))),
    )
    return Budget(project.evaluate.max_cost, currency=currency, spent=spent)


def lines_of(
    plans: Sequence["RemotePlan"],
    store: "AnswerStore",
    budget: "Budget",
    train: pl.DataFrame,
    *,
    all_hosts: bool = False,
) -> list[str]:
    """A line per host with requests, tokens and cost."""
    from ..evaluate.remote_words import remote_lines

    longest = max((len(text.encode(errors="replace")) for text in train["output"]), default=0)
    return remote_lines(plans, store, budget, longest_output=longest, all_hosts=all_hosts)
