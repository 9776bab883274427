"""Checks before a fit: what will happen, how long it takes, what it needs, and what speaks against it."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from ..core import ModelError
from .batches import Schedule
from .examples import Example, Prepared, prepare
from .forecast import DiskForecast, Forecast, TimeForecast, disk_forecast, forecast
from .loss import fast_paths
from .model.chat import chat_messages, render_prompt
from .model.hardware import MemoryAtHand, bf16_ratio, memory_at_hand, memory_in_use
from .model.kernels import attach_adapter, detach_adapter
from .model.load import LoadedModel
from .preview import (
    Check,
    TokenCounts,
    count_tokens,
    data_checks,
    drawn_weights,
    loss_checks,
    pair_notices,
    preview,
    seed_check,
    stock_loss,
    template_check,
)
from .processes import Processes
from .settings import TrainSettings
from .trial import Measured, MemoryForecast, Sizes, Trial

COMPARED = 8  # pairs whose prompt is rendered again as for generation
LOSS_PAIRS = 3  # of the shortest, whose loss is computed in several ways
NO_CONTEXT = 2**31  # `LoadedModel.context` of a model that states none
Rows = pl.DataFrame | Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Preflight:
    """The plan of a fit and its cost. `settings` are resolved, `rules` explains those that were not stated.

    `dropped` are pairs longer than the model's context, left out by `drop_long`: `{id, split, tokens}`. `dtype_ratio`
    is how much faster bf16 products are than fp32 ones here, None if not measured. `adjusted` are settings
    that were changed so that the fit has room. `examples` and `validation_examples` are the tokenised pairs,
    `measured` is what another preflight can go by.
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
    measured: Measured = field(repr=False, compare=False)
    validation_examples: tuple[Example, ...] = field(repr=False, compare=False)

    def data(self) -> dict[str, Any]:
        """The content of `preflight.json`."""
        left_out = ("examples", "validation_examples", "measured")
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
    earlier: Preflight | None = None,
) -> Preflight:
    """The plan and cost of `fit` with the same arguments; nothing is written, and the model is restored afterwards.

    A few real steps are timed, which takes some seconds. Raises DataError without train pairs or with invalid ones
    (longer than the context, unless `settings.drop_long`), ModelError if the fit would run out of memory or the model
    would learn the wrong thing, RunBroken if the disk is too small. `out` is the folder that the fit would write to.
    `earlier` is one of the same model with the same settings, on more pairs for example: its steps are not run again.
    """
    started = time.perf_counter()
    settings, processes = settings or TrainSettings(), processes or Processes.here()
    # Measured before the adapter is added.
    now, at_hand = memory_in_use(processes.device), memory_at_hand(processes.device)
    pairs = prepare(train, validation, model=model, settings=settings)
    schedule = Schedule.of(pairs.settings, pairs.examples, pairs.validation_examples)
    template, tokenizer_bytes = template_check(model)
    checks = [*data_checks(pairs.examples, model=model, prompts=_prompts(pairs.train, model)), template]
    known = (
        earlier.measured if earlier is not None and earlier.measured.basis == _basis(model, pairs.settings) else None
    )
    found, sizes, slower, measured = _try(
        pairs, schedule, model, checks=checks, now=now, at_hand=at_hand, processes=processes, known=known
    )
    disk = disk_forecast(out, schedule, trainable=sizes.trainable, tokenizer_bytes=tokenizer_bytes)
    resolved, adjusted = _adjusted(pairs.settings, found)
    return Preflight(
        model=model.name, context=None if model.context >= NO_CONTEXT else model.context, pairs=len(pairs.examples),
        validation_pairs=len(pairs.validation_examples), dropped=tuple(pairs.dropped),
        tokens=count_tokens(pairs.examples, computed_share=found.computed_share), settings=resolved,
        rules=_rules(settings, pairs=len(pairs.examples)), adjusted=adjusted, steps=schedule.steps,
        steps_per_epoch=schedule.steps_per_epoch, evaluations=len(schedule.evaluations),
        parameters=sizes.parameters, trainable_parameters=sizes.trainable, dtype=model.dtype,
        dtype_ratio=round(bf16_ratio(), 2) if settings.dtype == "auto" and model.model.device.type == "cpu" else None,
        threads=_threads(model), time=found.time, memory=found.memory, disk=disk, checks=tuple(checks),
        preview=preview(pairs.train, model=model),
        notices=(*pairs.notices, *model.notices, *pair_notices(pairs.train, model=model), *slower),
        seconds=time.perf_counter() - started, examples=tuple(pairs.examples),
        validation_examples=tuple(pairs.validation_examples), measured=measured,
    )  # fmt: skip


def _prompts(train: pl.DataFrame, model: LoadedModel) -> list[list[int]]:
    """The first pairs' prompts, rendered as for generation."""
    rows = train.head(COMPARED)
    system = rows["system"].to_list() if "system" in rows.columns else [None] * len(rows)
    questions = zip(rows["input"].to_list(), system, strict=True)
    return [render_prompt(model.tokenizer, chat_messages(text or "", system=prompt)) for text, prompt in questions]


def _rules(stated: TrainSettings, *, pairs: int) -> dict[str, str]:
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


def _try(
    pairs: Prepared, schedule: Schedule, model: LoadedModel, *, checks: list[Check], now: int, at_hand: MemoryAtHand,
    processes: Processes, known: Measured | None,
) -> tuple[Forecast, Sizes, list[str], Measured]:  # fmt: skip
    """The forecast from a few real steps with an adapter, its sizes, what is slower, and the steps; extends `checks`.

    What is `known` from an earlier preflight is not measured again.

    Raises: ModelError if a check fails or not even one pair at a time fits.
    """
    settings, examples, validation = pairs.settings, pairs.examples, pairs.validation_examples
    started = time.perf_counter()
    once = None if known else _drawn_once(model, settings)
    with ExitStack() as stack:
        adapted = _attached(model, settings)
        stack.callback(detach_adapter, model.model)
        few = sorted(examples, key=lambda e: len(e.ids))[:LOSS_PAIRS]
        stock = None if known else stock_loss(adapted.get_base_model(), few[0])
        path, slower = stack.enter_context(fast_paths(adapted, [*examples, *validation]))
        steps, rate = ([*known.steps], known.forward_rate) if known else ([], None)
        trial = Trial(adapted, path, settings, schedule.steps, now, at_hand, steps, rate)
        if known:
            made = known.checks
        else:
            assert once is not None
            assert stock is not None
            made = (seed_check(once, drawn_weights(adapted), seed=settings.seed), *loss_checks(path, few, stock=stock))
        checks += made
        _need_checks(checks, model)
        found = forecast(trial, schedule, validation, processes=processes)
    seconds = time.perf_counter() - started
    measured = Measured(_basis(model, settings), tuple(trial.steps), trial.forward_rate, made, seconds)
    return found, trial.sizes, slower, measured


def _basis(model: LoadedModel, settings: TrainSettings) -> tuple[Any, ...]:
    """What the time, the memory and the checks of a step depend on, besides the pairs."""
    return model.name, model.dtype, settings.rank, settings.alpha, settings.gradient_checkpointing


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
