"""Checks before a fit: what will happen, how long it will take, what it needs, and what speaks against it."""

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ..core import DataError, ModelError, RunBroken, free_bytes, say
from .batches import epoch_order
from .examples import Example, drop_long, pair_notices, preview, to_examples, token_lengths
from .forecast import Forecast, TimeForecast, forecast
from .model.chat import chat_messages, render_prompt
from .model.kernels import attach_adapter, detach_adapter
from .model.load import LoadedModel
from .model.memory import MemoryAtHand, memory_at_hand, memory_in_use
from .model.precision import bf16_ratio
from .pairs import pair_table
from .processes import Processes
from .settings import TrainSettings, evaluation_steps, resolve_settings
from .steps import fast_paths
from .trial import (
    Check,
    MemoryForecast,
    Sizes,
    Trial,
    data_checks,
    drawn_weights,
    loss_checks,
    seed_check,
    stock_loss,
    template_check,
)

__all__ = ["DiskForecast", "Preflight", "TokenCounts", "preflight"]

BINS = 8  # of the histogram, about the maximum: a line of a terminal each
COMPARED = 8  # pairs whose prompt is rendered again as for generation
LOSS_PAIRS = 3  # of the shortest, whose loss is computed in several ways
EPOCHS_SEEN = 10  # whose batches are searched for the heaviest one
NO_CONTEXT = 2**31  # `LoadedModel.context` of a model that states none
LOG_LINE, LOSS_LINE, STATE_LINE = 200, 100, 250  # bytes per step, per pair, per step, in the files that a fit writes
BESIDE = 1_000_000  # bytes of model card, settings and records, a generous estimate
Rows = pl.DataFrame | Sequence[dict[str, Any]]


@dataclass(frozen=True)
class TokenCounts:
    """Tokens of the train pairs. `computed` is what the model computes of `total` in one epoch: a prefix that the
    pairs of a batch share is computed once, padding is added. `histogram` holds (from, below, pairs); the last bin
    has no upper end if its `below` is None.
    """

    total: int
    prompt: int
    answer: int
    computed: int
    shortest: int
    median: int
    longest: int
    longest_answer: int
    histogram: tuple[tuple[int, int | None, int], ...]


@dataclass(frozen=True)
class DiskForecast:
    """The most bytes that a fit has on disk at one time, and the free bytes there; None: not checked."""

    needed_bytes: int
    free_bytes: int | None


@dataclass(frozen=True)
class Preflight:
    """The plan of a fit and its cost. `settings` are resolved, `rules` explains those that were not stated.

    `dropped` are pairs longer than the model's context, left out by `drop_long`: `{id, split, tokens}`. `dtype_ratio`
    is how much faster bf16 products are than fp32 ones here, None if not measured. `adjusted` are settings
    that were changed so that the fit has room. `examples` and `held_out` are the tokenised pairs.
    """

    model: str
    context: int | None
    pairs: int
    validation_pairs: int
    dropped: tuple[dict[str, Any], ...]
    tokens: TokenCounts
    settings: TrainSettings
    rules: dict[str, str]
    adjusted: dict[str, str]
    steps: int
    steps_per_epoch: int
    evaluations: int
    parameters: int
    trainable_parameters: int
    dtype: str
    dtype_ratio: float | None
    threads: int | None
    time: TimeForecast
    memory: MemoryForecast
    disk: DiskForecast
    checks: tuple[Check, ...]
    preview: str
    notices: tuple[str, ...]
    seconds: float
    examples: tuple[Example, ...] = field(repr=False, compare=False)
    held_out: tuple[Example, ...] = field(repr=False, compare=False)

    def data(self) -> dict[str, Any]:
        """The content of `preflight.json`."""
        left_out = ("examples", "held_out")
        shallow = {name: value for name, value in vars(self).items() if name not in left_out}
        nested = ("tokens", "settings", "time", "memory", "disk")
        return {
            **shallow,
            **{name: asdict(shallow[name]) for name in nested},
            "checks": [asdict(check) for check in self.checks],
            "dropped": list(self.dropped),
            "notices": list(self.notices),
        }


def preflight(
    train: Rows,
    validation: Rows = (),
    *,
    model: LoadedModel,
    settings: TrainSettings | None = None,
    out: Path | None = None,
    processes: Processes | None = None,
) -> Preflight:
    """The plan and cost of `fit` with the same arguments; nothing is written, and the model is restored afterwards.

    A few real steps are timed, which takes some seconds. Raises DataError without train pairs or with invalid ones
    (longer than the context, unless `settings.drop_long`), ModelError if the fit would run out of memory or the model
    would learn the wrong thing, RunBroken if the disk is too small. `out` is the folder that the fit would write to.
    """
    started = time.perf_counter()
    settings, processes = settings or TrainSettings(), processes or Processes.here()
    # Measured before the adapter is added.
    now, at_hand = memory_in_use(processes.device), memory_at_hand(processes.device)
    train, said = pair_table(train, where="train pairs")
    validation, also_said = pair_table(validation, where="validation pairs")
    train, validation, dropped = _that_fit(train, validation, model=model, drop=settings.drop_long)
    if train.is_empty():
        raise DataError("There are no train pairs: nothing to learn from.\n" + _why_none(dropped))
    examples = to_examples(train, model=model)
    held_out = to_examples(validation, model=model) if len(validation) else []
    resolved = resolve_settings(
        settings, pairs=len(examples), hidden_size=model.model.config.get_text_config().hidden_size
    )
    plan = _Plan.of(resolved, examples, held_out)
    template, tokenizer_bytes = template_check(model)
    checks = [*data_checks(examples, model=model, prompts=_prompts(train, model)), template]
    found, sizes, slow = _tried(
        plan, model, examples, held_out, checks=checks, now=now, at_hand=at_hand, processes=processes
    )
    disk = _disk(out, plan, trainable=sizes.trainable, tokenizer_bytes=tokenizer_bytes, pairs=len(examples))
    resolved, adjusted = _adjusted(resolved, found)
    return Preflight(
        model=model.name, context=None if model.context >= NO_CONTEXT else model.context, pairs=len(examples),
        validation_pairs=len(held_out), dropped=tuple(dropped), tokens=_counts(examples, found),
        settings=resolved, rules=_rules(settings, resolved, pairs=len(examples)), adjusted=adjusted,
        steps=plan.steps, steps_per_epoch=plan.per_epoch, evaluations=len(plan.marks),
        parameters=sizes.parameters, trainable_parameters=sizes.trainable, dtype=model.dtype,
        dtype_ratio=round(bf16_ratio(), 2) if settings.dtype == "auto" and model.model.device.type == "cpu" else None,
        threads=_threads(model), time=found.time, memory=found.memory, disk=disk, checks=tuple(checks),
        preview=preview(train, model=model),
        notices=(*said, *also_said, *model.notices, *pair_notices(train, model=model), *slow),
        seconds=time.perf_counter() - started, examples=tuple(examples), held_out=tuple(held_out),
    )  # fmt: skip


# --- pairs ------------------------------------------------------------------------------------------------------


def _that_fit(
    train: pl.DataFrame, validation: pl.DataFrame, *, model: LoadedModel, drop: bool
) -> tuple[pl.DataFrame, pl.DataFrame, list[dict[str, Any]]]:
    """The pairs without those longer than the context, and the latter; all pairs if these are not to be dropped."""
    if not drop:
        return train, validation, []
    kept, dropped = [], []
    for split, pairs in (("train", train), ("validation", validation)):
        if pairs.is_empty():
            kept.append(pairs)
            continue
        lengths = token_lengths(pairs, model)
        rest, _ = drop_long(pairs, model=model, lengths=lengths)
        tokens = pl.col("prompt_tokens") + pl.col("answer_tokens")
        long = lengths.filter(tokens > model.context).select("id", split=pl.lit(split), tokens=tokens)
        kept.append(rest)
        dropped += long.to_dicts()
    return kept[0], kept[1], dropped


def _why_none(dropped: Sequence[dict[str, Any]]) -> str:
    if long := sum(row["split"] == "train" for row in dropped):
        return f"All {long} of them are longer than the model's context and were left out (drop_long)."
    return "See the ledger of the curated data for where they went."


def _prompts(train: pl.DataFrame, model: LoadedModel) -> list[list[int]]:
    """The first pairs' prompts, rendered as for generation."""
    rows = train.head(COMPARED)
    system = rows["system"].to_list() if "system" in rows.columns else [None] * len(rows)
    asked = zip(rows["input"].to_list(), system, strict=True)
    return [render_prompt(model.tokenizer, chat_messages(text or "", system=said)) for text, said in asked]


def _counts(examples: Sequence[Example], found: Forecast) -> TokenCounts:
    lengths = pl.Series([len(e.ids) for e in examples])
    prompt = sum(e.prompt_tokens for e in examples)
    total = int(lengths.sum())
    return TokenCounts(
        total=total, prompt=prompt, answer=total - prompt, computed=round(total * found.computed_share),
        shortest=int(lengths.min()), median=int(lengths.median()), longest=int(lengths.max()),  # type: ignore[arg-type]
        longest_answer=max(e.answer_tokens for e in examples), histogram=_histogram(lengths),
    )  # fmt: skip


def _histogram(lengths: pl.Series) -> tuple[tuple[int, int | None, int], ...]:
    """Bins of one round width for nearly all pairs; the few outliers share a first or last bin."""
    counts = np.sort(lengths.to_numpy())
    last = len(counts) - 1
    low, high = int(counts[math.floor(0.01 * last)]), int(counts[math.ceil(0.99 * last)])
    width = _round_up((high - low + 1) / BINS)
    edges = list(range(low // width * width, high + width + 1, width))
    if counts[0] < edges[0]:
        edges.insert(0, int(counts[0]))
    places = [*np.searchsorted(counts, edges).tolist(), len(counts)]
    bins = list(zip(edges, [*edges[1:], None], np.diff(places).tolist(), strict=True))
    while not bins[-1][2]:
        bins.pop()
    return tuple(bins)


def _round_up(number: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    power = 10 ** math.floor(math.log10(max(1.0, number)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= number)


# --- plan -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """Steps and batches as in the loop; `orders` are the batches of the first epochs."""

    settings: TrainSettings
    per_epoch: int
    steps: int
    marks: list[int]
    orders: list[list[int]]

    @classmethod
    def of(cls, settings: TrainSettings, examples: Sequence[Example], held_out: Sequence[Example]) -> "_Plan":
        per_epoch = math.ceil(len(examples) / settings.batch_size)
        steps = settings.max_steps or (settings.epochs or 1) * per_epoch
        tokens = [sum(len(e.ids) for e in some) for some in (examples, held_out)]
        trained = tokens[0] * steps // per_epoch
        marks = evaluation_steps(steps, train_tokens=trained, validation_tokens=tokens[1]) if held_out else []
        size, seed = settings.batch_size, settings.seed
        epochs = range(min(EPOCHS_SEEN, math.ceil(steps / per_epoch)))
        orders = [batch for epoch in epochs for batch in epoch_order(examples, size=size, seed=seed, epoch=epoch)]
        return cls(settings, per_epoch, steps, marks, orders[:steps])


def _rules(stated: TrainSettings, resolved: TrainSettings, *, pairs: int) -> dict[str, str]:
    """Reasons for the settings that were not stated."""
    rules = {}
    if stated.epochs is None and stated.max_steps is None:
        rules["epochs"] = f"the rule for {pairs:,} pairs"
    if stated.learning_rate is None:
        rules["learning_rate"] = "the rule for this model's width"
    return rules


def _adjusted(settings: TrainSettings, found: Forecast) -> tuple[TrainSettings, dict[str, str]]:
    """The settings with as many pairs in memory at once as fit."""
    wanted = min(settings.micro_batch or settings.batch_size, settings.batch_size)
    if found.micro_batch >= wanted:
        return settings, {}
    pairs = "1 pair" if found.micro_batch == 1 else f"{found.micro_batch} pairs"
    why = f"{pairs} in memory at once, not {wanted}: the result is the same but for rounding"
    return replace(settings, micro_batch=found.micro_batch), {"micro_batch": why}


# --- model ------------------------------------------------------------------------------------------------------


def _tried(
    plan: _Plan, model: LoadedModel, examples: Sequence[Example], held_out: Sequence[Example], *, checks: list[Check],
    now: int, at_hand: MemoryAtHand, processes: Processes,
) -> tuple[Forecast, Sizes, list[str]]:  # fmt: skip
    """The forecast from a few real steps with an adapter, its sizes, and which fast paths do not fit; extends `checks`.

    Raises: ModelError if a check fails or not even one pair at a time fits.
    """
    settings = plan.settings
    once = _drawn_once(model, settings)
    with ExitStack() as stack:
        adapted = _attached(model, settings)
        stack.callback(detach_adapter, model.model)
        few = sorted(examples, key=lambda e: len(e.ids))[:LOSS_PAIRS]
        stock = stock_loss(adapted.get_base_model(), few[0])
        path, slow = stack.enter_context(fast_paths(adapted, [*examples, *held_out]))
        trial = Trial(adapted, path, settings, plan.steps, now, at_hand)
        checks += [seed_check(once, drawn_weights(adapted), seed=settings.seed), *loss_checks(path, few, stock=stock)]
        _need_checks(checks, model)
        found = forecast(
            trial, examples, held_out, orders=plan.orders, steps=plan.steps, evaluations=len(plan.marks),
            processes=processes,
        )  # fmt: skip
    return found, trial.sizes, slow


def _attached(model: LoadedModel, settings: TrainSettings) -> Any:
    return attach_adapter(
        model.model, rank=settings.rank, alpha=settings.alpha, seed=settings.seed, name=model.base_name
    )


def _drawn_once(model: LoadedModel, settings: TrainSettings) -> list[Any]:
    try:
        return drawn_weights(_attached(model, settings))
    finally:
        detach_adapter(model.model)


def _need_checks(checks: Sequence[Check], model: LoadedModel) -> None:
    """Check that the model learns only what it should.

    Raises: ModelError with the checks that failed.
    """
    failed = [check.line() for check in checks if not check.ok]
    if failed:
        raise ModelError.of(failed, where=f'"{model.name}" would not learn what these pairs teach')


def _threads(model: LoadedModel) -> int | None:
    import torch

    return torch.get_num_threads() if model.model.device.type == "cpu" else None


# --- disk -------------------------------------------------------------------------------------------------------


def _disk(out: Path | None, plan: _Plan, *, trainable: int, tokenizer_bytes: int, pairs: int) -> DiskForecast:
    """A checkpoint and its successor, the adapter, and the files next to it.

    Raises: RunBroken if less is free.
    """
    each = 4 * trainable
    checkpoint = each * 4 + 20 * pairs if plan.settings.checkpoint_steps else 0  # adapter, two moments, the best one
    lines = plan.steps * (LOG_LINE + STATE_LINE) + pairs * LOSS_LINE
    needed = 2 * checkpoint + each + tokenizer_bytes + lines + BESIDE
    if out is None:
        return DiskForecast(needed, None)
    free = free_bytes(out)
    if free < needed:
        raise RunBroken(
            f"{out}: training writes up to {say.size(needed)}, and {say.size(free)} are free there.\n"
            "Make room, lower rank, or set checkpoint_steps = 0 (without the way back after a kill)."
        )
    return DiskForecast(needed, free)
