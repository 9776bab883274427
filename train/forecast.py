"""Forecasts the time, memory and disk space of a fit from a few real steps on its own pairs, and what is available."""

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import ModelError, RunBroken, free_bytes, say
from .batches import Schedule, length_order
from .examples import Example
from .processes import Processes
from .trial import MARGIN, MemoryForecast, Trial

EPOCHS_SEEN = 10  # whose batches are searched for the heaviest one
LOG_LINE, LOSS_LINE, STATE_LINE = 200, 100, 250  # bytes per step, per pair, per step, in the files that a fit writes
MORE = 1_000_000  # bytes of model card, settings and records, a generous estimate

FEW_SECONDS = 4.0  # no further step starts after that
LONG_STEP = 10.0  # seconds; a part that would take longer is not run: its forecast is extrapolated from shorter ones
SAMPLED = 200  # batches that represent all
CANDIDATES = 4  # parts with the most tokens, one of which is the heaviest
WRITTEN = 200e6  # bytes a second: the speed of a slow disk, including the checkpoint's assembly in memory

Orders = Sequence[Sequence[int]]


@dataclass(frozen=True)
class TimeForecast:
    """Seconds of a whole fit and their breakdown, based on `steps_timed` real steps.

    `tokens_per_second` counts real tokens over the steps only, as the fit itself does.
    """

    seconds: float
    training_seconds: float
    evaluation_seconds: float
    checkpoint_seconds: float
    seconds_per_step: float
    tokens_per_second: float
    steps_timed: int


@dataclass(frozen=True)
class DiskForecast:
    """The most bytes that a fit has on disk at one time, and the free bytes there; None: not checked."""

    needed_bytes: int
    free_bytes: int | None


@dataclass(frozen=True)
class Forecast:
    """Time, memory, and how many pairs are in memory at once; `computed_share` is tokens computed per real token."""

    time: TimeForecast
    memory: MemoryForecast
    micro_batch: int
    computed_share: float


def forecast(trial: Trial, schedule: Schedule, validation: Sequence[Example], *, processes: Processes) -> Forecast:
    """The forecast of a fit by this schedule; with smaller parts in memory if whole batches do not fit.

    Steps are real, but with a learning rate of 0; a trial that goes by an earlier one runs only heavier ones. Raises
    ModelError, with the numbers, if not even one pair at a time fits.
    """
    examples, epochs = schedule.examples, min(EPOCHS_SEEN, math.ceil(schedule.steps / schedule.steps_per_epoch))
    orders = [rows for epoch in range(epochs) for rows in schedule.batches(epoch)][: schedule.steps]
    if not trial.again:
        _first_steps(trial, examples)
    # A process without a row of a batch is counted as having one: this only overestimates an idle process.
    batches = [processes.share(rows) or rows[:1] for rows in orders]
    micro = _micro_batch(trial, examples, batches)
    _typical_steps(trial, examples, batches, micro)
    heaviest = _heaviest_rows(trial, examples, batches, micro)
    memory = trial.memory(trial.work([examples[i] for i in heaviest]))
    time, share = _time(trial, schedule, validation, orders, batches, micro=micro)
    return Forecast(time, memory, micro, share)


# --- memory -----------------------------------------------------------------------------------------------------


def _micro_batch(trial: Trial, examples: Sequence[Example], batches: Orders) -> int:
    """The largest part that fits, halving from the desired size; the heaviest one is run if time allows."""
    wished = min(trial.settings.micro_batch or trial.settings.batch_size, trial.settings.batch_size)
    whole = micro = min(wished, max(map(len, batches)))  # a process has a share of a batch; a small table no full one
    while True:
        rows = _heaviest_rows(trial, examples, batches, micro)
        part = [examples[i] for i in rows]
        if trial.memory(trial.work(part)).fits and _tried(trial, part) and trial.memory(trial.work(part)).fits:
            return micro if micro < whole else wished
        if micro == 1:
            raise _refusal(trial, examples)
        micro = math.ceil(micro / 2)


def _first_steps(trial: Trial, examples: Sequence[Example]) -> None:
    """Steps on the shortest pair, and on pairs of medium length. Raises: ModelError if not even the first one fits."""
    shortest = min(examples, key=lambda e: len(e.ids))
    for _ in range(2):  # the first one compiles the kernels
        if not trial.step([shortest], as_fitted=False):
            raise _refusal(trial, examples)
    _middling_step(trial, examples)


def _middling_step(trial: Trial, examples: Sequence[Example]) -> None:
    """A step on pairs of medium length, as many as fit memory and time: short ones alone predict poorly."""
    ranked = sorted(examples, key=lambda e: len(e.ids))
    middle = len(ranked) // 2
    part = ranked[middle : middle + trial.settings.batch_size]
    while (
        trial.seconds(trial.work(part)) > LONG_STEP / 2 or not trial.memory(trial.work(part), checkpointing=False).fits
    ):
        if len(part) == 1:
            return
        part = part[: len(part) // 2]
    trial.step(part, as_fitted=False)


def _tried(trial: Trial, part: Sequence[Example]) -> bool:
    """Whether a step on this part succeeded; for a part that would take too long, a step on fewer of its pairs."""
    while trial.seconds(trial.work(part)) > LONG_STEP:
        if len(part) == 1:
            return True  # no evidence against it except the extrapolation from shorter pairs
        part = part[: math.ceil(len(part) / 2)]
    return trial.has_run(part) or trial.step(part)


def _heaviest_rows(trial: Trial, examples: Sequence[Example], batches: Orders, micro: int) -> Sequence[int]:
    """The part with the highest forecast among all that will occur."""
    longest = heapq.nlargest(CANDIDATES, _parts(batches, micro), key=lambda rows: _tokens(examples, rows))
    return max(longest, key=lambda rows: trial.memory(trial.work([examples[i] for i in rows])).peak_bytes)


def _parts(batches: Orders, micro: int) -> Iterator[Sequence[int]]:
    for rows in batches:
        for start in range(0, len(rows), micro):
            yield rows[start : start + micro]


def _refusal(trial: Trial, examples: Sequence[Example]) -> ModelError:
    """The memory needed, the memory available, and what would make it fit by the same forecast."""
    longest = max(examples, key=lambda e: len(e.ids))
    found = trial.memory(trial.work([longest])) if trial.steps else None
    need = f"about {say.size(found.wanted_bytes * MARGIN)} more" if found else "more memory than is available"
    ways = _ways(trial, examples, found) if found else ["a smaller model"]
    return ModelError(
        f"Training needs {need} with one pair in memory at a time (the longest has {len(longest.ids):,} tokens); "
        f"{say.size(trial.at_hand.bytes)} are available ({trial.at_hand.limit}).\nTo make it fit, use {', or '.join(ways)}."
    )


def _ways(trial: Trial, examples: Sequence[Example], found: MemoryForecast) -> list[str]:
    ways, longest = [], max(examples, key=lambda e: len(e.ids))
    recomputing = trial.memory(trial.work([longest]), checkpointing=True)
    if not trial.settings.gradient_checkpointing and recomputing.fits:
        ways.append(f"gradient_checkpointing = true (about {say.size(recomputing.wanted_bytes * MARGIN)} then)")
    if limit := _longest_that_fits(trial, longest):
        longer = sum(len(e.ids) > limit for e in examples)
        ways.append(f"pairs of at most {limit:,} tokens ({longer:,} of {len(examples):,} are longer)")
    rank = trial.settings.rank
    while rank > 1:
        rank //= 2
        spared = found.adapter_bytes * (1 - rank / trial.settings.rank)
        if (found.wanted_bytes - spared) * MARGIN <= found.at_hand_bytes:
            ways.append(f"rank = {rank}")
            break
    return [*ways, "a smaller model" if ways else "a smaller model or more memory"]


def _longest_that_fits(trial: Trial, longest: Example) -> int:
    """How many tokens of the longest pair would fit, to two digits; 0 if none would."""
    low, high = 0, len(longest.ids)
    while high - low > 1:
        middle = (low + high) // 2
        answer = max(1, min(longest.answer_tokens, middle - 1))
        cut = Example(longest.id, longest.ids[:middle], middle - answer)
        low, high = (middle, high) if trial.memory(trial.work([cut])).fits else (low, middle)
    digits = 10 ** max(0, len(str(low)) - 2)
    return low // digits * digits


# --- time -------------------------------------------------------------------------------------------------------


def _typical_steps(trial: Trial, examples: Sequence[Example], batches: Orders, micro: int) -> None:
    """Steps on parts of medium work, then on larger and smaller ones, while time remains."""
    if trial.again:
        return
    parts = sorted(_sample(list(_parts(batches, micro))), key=lambda rows: _tokens(examples, rows))
    for share in (0.5, 0.8, 0.2, 0.65, 0.35):
        part = [examples[i] for i in parts[int(share * (len(parts) - 1))]]
        spent = sum(step.seconds for step in trial.steps)
        expected = trial.seconds(trial.work(part))
        if spent > FEW_SECONDS or expected > LONG_STEP or not trial.memory(trial.work(part)).fits:
            return
        trial.step(part)


def _time(
    trial: Trial, schedule: Schedule, validation: Sequence[Example], orders: Orders, batches: Orders, *, micro: int
) -> tuple[TimeForecast, float]:
    """Seconds of the fit, and tokens computed per real token. `batches` are one process's shares of `orders`."""
    examples, steps = schedule.examples, schedule.steps
    seconds = real = own = computed = 0.0
    places = _sample(range(len(batches)))
    for place in places:
        real, own = real + _tokens(examples, orders[place]), own + _tokens(examples, batches[place])
        for rows in _parts([batches[place]], micro):
            work = trial.work([examples[i] for i in rows])
            seconds, computed = seconds + trial.seconds(work), computed + work.computed
    optimizer = min(step.optimizer_seconds for step in trial.steps)
    each = seconds / len(places) + optimizer
    copies = 4 * trial.sizes.trainable * 5  # bytes of a checkpoint, an upper bound: gradients are not saved
    checkpoints = steps // trial.settings.checkpoint_steps if trial.settings.checkpoint_steps else 0
    one = _evaluation_seconds(trial, validation, size=2 * micro) if validation else 0.0
    evaluation = len(schedule.evaluations) * one
    writing = checkpoints * copies / WRITTEN
    found = TimeForecast(
        seconds=steps * each + evaluation + writing,
        training_seconds=steps * each,
        evaluation_seconds=evaluation,
        checkpoint_seconds=writing,
        seconds_per_step=each,
        tokens_per_second=real / len(places) / each,
        steps_timed=len(trial.steps),
    )
    return found, computed / own


def _evaluation_seconds(trial: Trial, validation: Sequence[Example], *, size: int) -> float:
    """The time of one validation pass, extrapolated from a batch of medium length."""
    batches = length_order([len(e.ids) for e in validation], size=size)
    part = [validation[i] for i in batches[len(batches) // 2]]
    while len(part) > 1 and trial.seconds(trial.work(part)) / 3 > LONG_STEP:  # a forward pass is a third of a step
        part = part[: len(part) // 2]
    if trial.forward_rate is None:
        trial.measure_forward(part)
    return (trial.forward_rate or 0.0) * sum(len(e.ids) for e in validation)


def _tokens(examples: Sequence[Example], rows: Sequence[int]) -> int:
    return sum(len(examples[i].ids) for i in rows)


def _sample(items: Sequence[Any]) -> list[Any]:
    """At most 200 of them, evenly spaced."""
    every = math.ceil(len(items) / SAMPLED)
    return list(items[::every])


# --- disk -------------------------------------------------------------------------------------------------------


def disk_forecast(out: Path | None, schedule: Schedule, *, trainable: int, tokenizer_bytes: int) -> DiskForecast:
    """A checkpoint and its successor, the adapter, and the files next to it.

    Raises: RunBroken if less is free.
    """
    pairs, each = len(schedule.examples), 4 * trainable
    checkpoint = (
        each * 4 + 20 * pairs if schedule.settings.checkpoint_steps else 0
    )  # adapter, two moments, the best one
    lines = schedule.steps * (LOG_LINE + STATE_LINE) + pairs * LOSS_LINE
    needed = 2 * checkpoint + each + tokenizer_bytes + lines + MORE
    if out is None:
        return DiskForecast(needed, None)
    free = free_bytes(out)
    if free < needed:
        raise RunBroken(
            f"{out}: training writes up to {say.size(needed)}, but only {say.size(free)} is free there.\n"
            "Free some space, lower rank, or set checkpoint_steps = 0 (an interrupted fit then starts over)."
        )
    return DiskForecast(needed, free)
