"""Plans a prompt search within its budget: which prompts on which pairs, and the most outputs, tokens and money."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import polars as pl

from ...core import ConfigError, Console, DataError, say
from ...evaluate import (
    BYTES_PER_TOKEN,
    REFLECTED,
    AnswerStore,
    Candidate,
    Mistake,
    Round,
    SearchSettings,
    Variant,
    calls_of,
    most_reflections,
    need_gepa,
    plan_evolution,
    plan_field,
    plan_rounds,
    price_of_variant,
    search_order,
)
from ..gather.output_plan import variants_of
from ..run import CURATED, At, Run, console_for, open_run
from .outputs import LONGEST_GUIDE, reflection_price, search_answers

PROBED = 16  # train pairs that reveal the mistakes of the current prompt
CAUTION = Decimal("0.9")  # the share of budget_cost to plan with, since the costs are estimates


@dataclass(frozen=True)
class SearchPlan:
    """The most that a search will request: `calls` outputs of `base` with other prompts, and `reflections`.

    `pairs` are the validation pairs in the order of the search, `probe` are train pairs. `rounds` is empty if a model
    rewrites the guide. `cost` is an estimate, None without a price.
    """

    run: Run
    base: Variant
    settings: SearchSettings
    seed: int
    pairs: pl.DataFrame
    probe: pl.DataFrame
    rounds: tuple[Round, ...]
    calls: int
    reflections: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    currency: str

    @property
    def lines(self) -> list[str]:
        """The budget in words: where requests go, how many, and what they cost."""
        stored = len(AnswerStore(search_answers(self.run)).lines)
        lines = [
            f"at most {say.count(self.calls, 'output')} of {self._model}; about {self.input_tokens:,} tokens sent and "
            f"{self.output_tokens:,} generated (estimated: {BYTES_PER_TOKEN} bytes per token, outputs as long as the longest)"
        ]
        if self.rounds:
            steps = ", ".join(f"{r.candidates} on {r.pairs}" for r in self.rounds)
            lines.append(
                f"prompts on validation pairs: {steps}; mistakes from {say.count(len(self.probe), 'train pair')}"
            )
        if (stated := self.settings.reflection) is not None:
            lines.append(f"at most {say.count(self.reflections, 'reflection')} of {stated.model} at {stated.endpoint}")
        if self.base.endpoint or self.settings.reflection:
            lines.append(self._money)
        if stored:
            lines.append(f"{say.count(stored, 'answer')} of an earlier search are stored and not requested again")
        return lines

    @property
    def _model(self) -> str:
        model = self.base.model or self.run.project.train.model
        return f"{model} at {self.base.endpoint}" if self.base.endpoint else f"{model} on this machine"

    @property
    def _money(self) -> str:
        if self.cost is None:
            return "cost unknown: a price is missing"
        limit = self.settings.budget_cost
        return f"about {say.money(self.cost, self.currency)} in all" + (f", of budget_cost {limit:f}" if limit else "")

    def data(self) -> dict[str, object]:
        """The same as plain data."""
        return {
            "run": str(self.run.folder),
            "variant": self.base.name,
            "pairs": len(self.pairs),
            "rounds": [{"candidates": r.candidates, "pairs": r.pairs} for r in self.rounds],
            "calls": self.calls,
            "reflections": self.reflections,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost": None if self.cost is None else float(self.cost),
            "currency": self.currency,
        }


def plan_search(
    project: At = None,
    *,
    run: str | None = None,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> SearchPlan:
    """What `search_prompt` would request; nothing is sent.

    Raises: ConfigError if the variant has no prompt to improve or the budget is too small; DataError without pairs.
    """
    opened = open_run(project, run, parts=CURATED, allow_code=allow_code, talk=console_for(talk, seed))
    settings = opened.project.evaluate.search
    base = _base(opened, settings)
    if settings.reflection is not None:
        need_gepa()
    drawn = opened.seed if settings.seed is None else settings.seed
    if not len(opened.validation):
        raise DataError(f"{opened.folder} has no validation pairs to search on; see its curate/summary.json")
    pairs = search_order(opened.validation, seed=drawn).head(settings.max_pairs)
    shown = [text for text, _ in base.examples]
    probe = search_order(opened.train.filter(~pl.col("input").is_in(shown)), seed=drawn).head(PROBED)
    pairs, probe = opened.referenced(pairs, opened.validation), opened.referenced(probe, opened.train)
    return _planned(opened, base, settings, drawn, pairs, probe)


def _base(run: Run, settings: SearchSettings) -> Variant:
    """The variant whose prompt is improved."""
    names = run.project.evaluate.variants
    variants = variants_of(run, adapter=run.adapter)
    base = next((variant for variant in variants if variant.name == settings.variant), None)
    if base is None:
        raise ConfigError(f'[evaluate.search] variant is "{settings.variant}"; expected one of {", ".join(names)}')
    if base.tuned or base.source not in ("base model", "endpoint"):
        raise ConfigError(
            f'[evaluate.search] variant is "{base.name}", which has no prompt to improve; '
            "expected one that prompts a model without training"
        )
    return base


def _planned(
    run: Run, base: Variant, settings: SearchSettings, seed: int, pairs: pl.DataFrame, probe: pl.DataFrame
) -> SearchPlan:
    """The plan within both budgets."""
    plan = SearchPlan(run, base, settings, seed, pairs, probe, (), 0, 0, 0, 0, None, run.project.currency)
    sent, generated, cost = _per_call(plan)
    most = _most_calls(settings, cost)
    if settings.reflection is None:
        rounds = plan_rounds(
            settings.candidates, len(pairs), most_calls=None if most is None else most - len(probe)
        )  # fmt: skip
        calls, reflections = calls_of(rounds) + len(probe), 0
        kept = rounds[-1].pairs if rounds else 0
    else:
        rounds, calls = (), settings.candidates * len(pairs) if most is None else most
        kept = plan_evolution(len(pairs), calls)
        reflections = most_reflections(kept, calls)
    if not kept:
        raise ConfigError(
            f"[evaluate.search] allows {most} outputs, too few to compare two prompts\nRaise budget_calls or budget_cost."
        )
    return replace(
        plan, pairs=pairs.head(kept), rounds=rounds, calls=calls, reflections=reflections,
        input_tokens=round(calls * sent), output_tokens=round(calls * generated), cost=None if cost is None else cost * calls,
    )  # fmt: skip


def _most_calls(settings: SearchSettings, cost: Decimal | None) -> int | None:
    """The outputs that both budgets allow; None without a limit."""
    limits = [] if settings.budget_calls is None else [settings.budget_calls]
    if settings.budget_cost is not None and cost:  # an estimate without stored answers: the same after a stop
        limits.append(int(settings.budget_cost * CAUTION / cost))
    return min(limits, default=None)


def _per_call(plan: SearchPlan) -> tuple[float, float, Decimal | None]:
    """The estimated tokens sent and generated for one output, and its cost with a share of the reflections.

    A local model costs nothing. Raises: ConfigError if budget_cost is stated but a price is missing.
    """
    run, prompts = plan.run, [candidate.prompt_bytes for candidate in field_of(plan)]
    requests = plan.pairs.select(
        pl.sum_horizontal(pl.col("input", "system").fill_null("").str.len_bytes()).mean()
    ).item()
    sent, written = (sum(prompts) / len(prompts) + requests) / BYTES_PER_TOKEN, run.longest_output / BYTES_PER_TOKEN
    price = price_of_variant(run.project.roi_settings, plan.base)
    free = plan.base.source != "endpoint"
    cost = Decimal(0) if free else price and price.of(input_tokens=round(sent), output_tokens=round(written))
    shared = _reflection_share(plan, sent + written)
    if plan.settings.budget_cost is not None and (cost is None or shared is None):
        where = f"[roi.{plan.base.name}]" if cost is None else "reflection"
        raise ConfigError(
            f"[evaluate.search] budget_cost needs every price; state price_input and price_output under {where}"
        )
    return sent, written, None if cost is None or shared is None else cost + shared


def _reflection_share(plan: SearchPlan, tokens: float) -> Decimal | None:
    """The cost of reflections for each output of `tokens` with its prompt; None without a price."""
    if plan.settings.reflection is None:
        return Decimal(0)
    price = reflection_price(plan.run, plan.settings.reflection)
    read = round(REFLECTED * tokens)  # an upper bound for the guide and three requests with their outputs
    return None if price is None else price.of(input_tokens=read, output_tokens=LONGEST_GUIDE) / (2 * REFLECTED)


def field_of(plan: SearchPlan, mistakes: Sequence[Mistake] | None = None) -> list[Candidate]:
    """The prompts to try. Without `mistakes`, which only outputs reveal, the form with corrections has no text yet."""
    count = plan.rounds[0].candidates if plan.rounds else plan.settings.candidates
    return plan_field(
        plan.base, train=plan.run.train, style=plan.run.style, count=count, seed=plan.seed, mistakes=mistakes
    )  # fmt: skip
