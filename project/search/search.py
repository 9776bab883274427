"""Searches for the best prompt without training, within a budget, on train and validation pairs only."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from ...core import Console, say
from ...evaluate import (
    SEARCHED,
    Mistake,
    Round,
    Scores,
    SearchResult,
    Tried,
    Variant,
    evolve_guide,
    find_mistakes,
    good_outputs,
    groups_of,
    halve,
    search_order,
    write_searched,
)
from ..run import At, Run, resumable
from ..runs import Stopwatch
from .outputs import Asker, asking
from .plan import SearchPlan, field_of, plan_search


def search_prompt(
    project: At = None,
    *,
    run: str | None = None,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> SearchResult:
    """Search for the best prompt of `[evaluate.search] variant`, and store it in the run as the variant `searched`.

    Only validation pairs decide. Outputs are stored as they arrive; after an interruption, the same call requests only what
    is missing. Raises: as `plan_search`; RunBroken if an endpoint or the budget stops it.
    """
    plan = plan_search(project, run=run, allow_code=allow_code, seed=seed, talk=talk)
    note, watch = plan.run.talk.note, Stopwatch()
    for line in plan.lines:
        note(f"search: {line}")
    with resumable(plan.run), asking(plan.run, plan.base, plan.settings, seed=plan.seed) as asker:
        method = "halving" if plan.settings.reflection is None else "gepa"
        tried, best = _halved(plan, asker) if method == "halving" else _evolved(plan, asker)
        used = [*plan.pairs["id"], *plan.probe["id"], *_shown(plan.run, tried)]
        result = SearchResult(
            method, plan.base, tried, best, groups_of(plan.pairs), list(dict.fromkeys(used)), plan.seed, asker.cost(),
            good_outputs(plan.run.style),
        )  # fmt: skip
    with plan.run.changing() as staged:
        write_searched(result, staged.folder)
        staged.update(seconds={"search": watch.seconds()})
    return result


def _shown(run: Run, tried: Sequence[Tried]) -> list[str]:
    """The ids of the train pairs that prompts show as examples: all, if one shows the nearest pairs."""
    if any(one.variant.nearest is not None for one in tried):
        return run.train["id"].to_list()
    shown = [text for one in tried for text, _ in one.variant.examples]
    return run.train.filter(pl.col("input").is_in(shown))["id"].to_list()


def _halved(plan: SearchPlan, asker: Asker) -> tuple[list[Tried], int]:
    """Successive halving over forms of the guide and sets of examples."""
    field = asker.fitting(field_of(plan, _mistakes(plan, asker)), plan.pairs)
    # Some prompts may not fit the model's context.
    rounds = [Round(min(this.candidates, len(field)), this.pairs) for this in plan.rounds]

    def measure(numbers: Sequence[int], start: int, end: int) -> list[np.ndarray]:
        scored = asker.ask([field[n].variant for n in numbers], plan.pairs[start:end])
        return [_acceptable(scores) for scores in scored]

    halved = halve(
        rounds, measure, prefer=lambda n: field[n].prompt_bytes,
        on_round=lambda this, alive: plan.run.talk.note(
            f"search: {say.count(len(alive), 'prompt')} on {say.count(this.pairs, 'validation pair')}"
        ),
    )  # fmt: skip
    tried = [Tried(one.name, one.variant, halved.outcomes[n]) for n, one in enumerate(field)]
    return tried, halved.best


def _mistakes(plan: SearchPlan, asker: Asker) -> tuple[Mistake, ...]:
    """The mistakes of the current prompt on some train pairs."""
    if not len(plan.probe):
        return ()
    (scored,) = asker.ask([plan.base], plan.probe)
    return find_mistakes(plan.probe, scored.table, plan.run.style)


def _evolved(plan: SearchPlan, asker: Asker) -> tuple[list[Tried], int]:
    """Guides rewritten by a model that reads the broken rules."""
    run = plan.run
    train = run.referenced(search_order(run.train, seed=plan.seed).head(len(plan.pairs)), run.train)

    def ask(variant: Variant, pairs: pl.DataFrame) -> Scores:
        return asker.ask([variant], pairs)[0]

    return evolve_guide(
        plan.base, train, plan.pairs, style=run.style, ask=ask, reflect=asker.reflect, calls=plan.calls, seed=plan.seed
    )


def _acceptable(scores: Scores) -> np.ndarray:
    return scores.items["acceptable"].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def search_text(result: SearchResult) -> str:
    """The table of what was tried, and what it cost."""
    rows = [one.to_json(result.groups) for one in result.tried]
    width = max(len(row["name"]) for row in rows)
    lines = [f"{'Prompt':<{width}}  pairs  {result.good} (95% interval)"]
    for number, row in enumerate(rows):
        share = row["acceptable"]
        span = f"{say.percent(share['share'])} ({say.percent_range(share['low'], share['high'])})"
        lines.append(f"{row['name']:<{width}}  {row['n']:>5}  {span}{' *' if number == result.best else ''}")
    cost = result.cost
    money = "" if cost.cost is None else f", {say.money(cost.cost, cost.currency)}"
    took = f"{say.count(cost.calls, 'call')}, {say.count(cost.tokens, 'token')}{money}, {say.duration(cost.seconds)}"
    best = result.tried[result.best].name
    return "\n".join(
        [*lines, "", f"Best: {best}. It is measured as {SEARCHED} in the next evaluation.", f"Cost: {took}."]
    )
