"""The outputs of a prompt search, from a local model or an endpoint; each is stored and requested only once."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import polars as pl

from ...core import ModelError
from ...evaluate import (
    AnswerStore,
    Budget,
    Candidate,
    ReflectionSettings,
    Scores,
    SearchCost,
    SearchSettings,
    TokenPrice,
    Variant,
    VariantSettings,
    check_keys,
    check_privacy,
    open_answers,
    plan_remote,
    price_of_variant,
    score_outputs,
    spent_on,
)
from ..gather.output_plan import remote_limit
from ..gather.sources import LocalModel, sending
from ..load import load, model_name
from ..run import Run

LONGEST_GUIDE = 4096  # tokens that a reflection may write: its reasoning and a guide of three pages
TOO_LONG = "the prompt leaves no room for an answer"


def _folder(run: Run) -> Path:
    return run.folder / "search"


def search_answers(run: Run) -> Path:
    """The file of the endpoints' answers."""
    return _folder(run) / "answers.jsonl"


@dataclass
class Asker:
    """Obtains and scores outputs, and adds up their cost."""

    run: Run
    base: Variant
    source: "_LocalSource | _Endpoint"
    reflection: "_Endpoint | None" = None
    _outputs: list[pl.DataFrame] = field(default_factory=list)
    _reflections: list[pl.DataFrame] = field(default_factory=list)

    def ask(self, variants: Sequence[Variant], pairs: pl.DataFrame) -> list[Scores]:
        """The scored outputs of each variant for these pairs."""
        tables = self.source.outputs(variants, pairs)
        self._outputs += tables
        return [
            score_outputs(
                pairs, table, self.run.style, count_tokens=self.source.count_tokens, repair=self.base.settings.repair
            )
            for table in tables
        ]  # fmt: skip

    def fitting(self, candidates: Sequence[Candidate], pairs: pl.DataFrame) -> list[Candidate]:
        """The candidates whose prompts fit the model's context; the others are named in a note.

        Raises: ModelError if not even the first one fits.
        """
        found = []
        for candidate in candidates:
            try:
                self.source.check_room(candidate.variant, pairs)
            except ModelError:
                if not found:
                    raise
                self.run.talk.note(f'search: "{candidate.name}" does not fit the context of the model')
            else:
                found.append(candidate)
        return found

    def reflect(self, prompt: str) -> str:
        """The answer of the reflecting model."""
        assert self.reflection is not None, "a search by reflection names its endpoint"
        stated = self.reflection.stated
        assert stated is not None
        settings = VariantSettings(endpoint=stated.endpoint, model=stated.model, key_env=stated.key_env)
        variant = Variant("reflection", "endpoint", model=stated.model, endpoint=stated.endpoint, settings=settings)
        row = {"id": "reflection", "input": prompt, "system": None, "group": None}
        (table,) = self.reflection.outputs([variant], pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)))
        self._reflections.append(table)
        return table["output"][0] or ""

    def cost(self) -> SearchCost:
        """The cost of everything so far, including an earlier search that was interrupted."""
        tables = [*self._outputs, *self._reflections]
        counted = [table["input_tokens"] + table["output_tokens"] for table in tables]
        known = not any(tokens.null_count() for tokens in counted)
        costs = [_cost(table, self.source.price) for table in self._outputs]
        if self.reflection is not None:
            costs += [_cost(table, self.reflection.price) for table in self._reflections]
        total = sum((cost for cost in costs if cost is not None), Decimal(0))
        return SearchCost(
            calls=sum(map(len, tables)),
            tokens=int(sum(tokens.sum() for tokens in counted)) if known else None,
            cost=None if None in costs else float(total),
            currency=self.run.project.currency,
            seconds=float(sum(table["seconds"].sum() for table in tables)),
        )


def _cost(table: pl.DataFrame, price: TokenPrice | None) -> Decimal | None:
    tokens = table.select("input_tokens", "output_tokens")
    if price is None or any(tokens[name].null_count() for name in tokens.columns):
        return None
    sums = table.select(pl.col("input_tokens", "output_tokens", "cached_tokens").sum()).row(0, named=True)
    return price.of(**sums)


@dataclass
class _LocalSource:
    """A model in memory."""

    model: LocalModel
    price: TokenPrice | None

    def count_tokens(self, texts: Sequence[str]) -> Sequence[int]:
        """The tokens of each text."""
        return self.model.loaded.count_tokens(texts)

    def check_room(self, variant: Variant, pairs: pl.DataFrame) -> None:
        """Raises: ModelError if a prompt leaves no room for an answer."""
        self.model.check_room(variant, pairs)

    def outputs(self, variants: Sequence[Variant], pairs: pl.DataFrame) -> list[pl.DataFrame]:
        """The outputs of each variant; a prompt that does not fit gives an error."""
        return [self._outputs(variant, pairs) for variant in variants]

    def _outputs(self, variant: Variant, pairs: pl.DataFrame) -> pl.DataFrame:
        try:
            self.check_room(variant, pairs)
        except ModelError:
            return _missing_outputs(variant, pairs)
        settings = replace(self.model.run.project.evaluate, samples=1)
        return self.model.race(variant, pairs, title="search", settings=settings).outputs


def _missing_outputs(variant: Variant, pairs: pl.DataFrame) -> pl.DataFrame:
    """A table of missing outputs, with the error."""
    from ...evaluate import OUTPUT_SCHEMA

    rows = [
        {"id": id, "variant": variant.name, "sample": 0, "error": TOO_LONG, "input_tokens": 0, "output_tokens": 0}
        for id in pairs["id"]
    ]
    return pl.DataFrame(rows, schema=OUTPUT_SCHEMA)


@dataclass
class _Endpoint:
    """A model at an endpoint; `stated` are the settings of a reflecting model."""

    run: Run
    store: AnswerStore
    budget: Budget
    seed: int
    limit: int
    price: TokenPrice | None
    stated: ReflectionSettings | None = None
    count_tokens: None = None

    def check_room(self, variant: Variant, pairs: pl.DataFrame) -> None:
        """Only the endpoint knows its context; requests that do not fit fail there."""

    def outputs(self, variants: Sequence[Variant], pairs: pl.DataFrame) -> list[pl.DataFrame]:
        """The outputs of each variant; stored answers are not requested again."""
        evaluate = self.run.project.evaluate
        planned = plan_remote(
            [(variant, pairs) for variant in variants], settings=replace(evaluate, samples=1, max_cost=None),
            max_new_tokens=self.limit, seed=self.seed, roi=self.run.project.roi_settings,
        )  # fmt: skip
        plans = [replace(plan, counting={}, price=self.price) for plan in planned]
        if evaluate.personal_data == "refuse":
            check_privacy(plans, store=self.store)
        check_keys([plan for plan in plans if plan.missing(self.store)])
        with sending(self.run.talk, self.store, self.budget, title="search") as session:
            raced = session.race(plans)
        return [one.outputs for one in raced]


@contextmanager
def asking(run: Run, base: Variant, settings: SearchSettings, *, seed: int) -> Iterator[Asker]:
    """The source of outputs while the block lasts: a loaded model, or an endpoint with a store of answers.

    Raises: ConfigError if another process is searching in the same run.
    """
    price = price_of_variant(run.project.roi_settings, base)
    with ExitStack() as stack:
        remote = None
        if base.source == "endpoint" or settings.reflection is not None:
            store = stack.enter_context(open_answers(search_answers(run)))
            currency = run.project.currency
            spent = spent_on(store.lines.values(), currency=currency, price=lambda line: None)
            budget = Budget(
                settings.budget_cost, currency=currency, spent=spent, sent=store.sent,
                setting="[evaluate.search] budget_cost",
            )  # fmt: skip
            remote = _Endpoint(run, store, budget, seed, remote_limit(run), price)
        reflection = None
        if remote is not None and settings.reflection is not None:
            reflection = replace(
                remote, limit=LONGEST_GUIDE, price=reflection_price(run, settings.reflection), stated=settings.reflection
            )  # fmt: skip
        if base.source == "endpoint" and remote is not None:
            yield Asker(run, base, remote, reflection)
            return
        from ...evaluate import release

        own = base.model in (None, model_name(run.project))
        loaded = load(run.project, run.talk, None if own else base.model)
        stack.callback(release, loaded)
        model = LocalModel(run, loaded, store=_folder(run) / "generated.jsonl", seed=seed)
        yield Asker(run, base, _LocalSource(model, price), reflection)


def reflection_price(run: Run, stated: ReflectionSettings) -> TokenPrice | None:
    """The stated price of the reflecting model; None if there is none."""
    if stated.price_input is None or stated.price_output is None:
        return None
    return TokenPrice(
        stated.price_input, stated.price_input, stated.price_output, run.project.currency,
        "stated in [evaluate.search] reflection",
    )  # fmt: skip
