"""The training section: what it took, the loss curve, and the pairs with the highest loss."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...core import Row
from ...core import unbroken as say
from ..charts.axes import linear_axis
from ..charts.figure import Figure, render_figure
from ..charts.plot import Curve, Flag, curve_chart
from ..page import Section
from ..stored import StoredRun, read_train_pairs
from ..words import capital, finite, mapping, short
from .learning_curve import curve_evidence, curve_figure, curve_sentence

__all__ = ["HighLossPair", "high_loss_rows", "lead", "loss_figure", "section", "training_facts", "training_notices"]

MOST_POINTS = 200  # of a curve: one every few pixels of a wide screen
SMOOTH = 20  # the moving mean's window is 1/20 of the curve, enough to remove batch noise
MOST_PAIRS = 20
ID, INPUT, OUTPUT = 120, 140, 240  # characters of a pair's id and texts in its row
FORMATS = {"float32": "32 bits (float32)", "bfloat16": "16 bits (bfloat16)"}

Point = tuple[float, float]


@dataclass(frozen=True)
class HighLossPair:
    """A training pair with a high loss; the texts are empty if omitted or not found."""

    id: str
    row: str
    last: str
    first: str
    tokens: str
    input: str
    output: str


# --- facts ------------------------------------------------------------------------------------------------------


def section(run: StoredRun, *, texts: bool) -> Section | None:
    """The section of a run that trained a model; without `texts`, only ids of pairs are shown."""
    if not run.results.get("training"):
        return None
    shown = {
        "facts": training_facts(run),
        "notices": training_notices(run),
        "loss": loss_figure(run),
        "more": curve_sentence(run),
        "curve": curve_figure(run),
        "evidence": curve_evidence(run),
        "high_loss": high_loss_rows(run, texts=texts),
    }
    return Section("training", "Training", lead(run), "training", shown)


def lead(run: StoredRun) -> str:
    """How many pairs were trained on, how long it took, and which weights were kept."""
    training = run.results.get("training") or {}
    pairs, seconds = finite(training.get("train_pairs")), finite(training.get("seconds"))
    best, loss = finite(training.get("best_step")), finite(training.get("validation_loss"))
    at = f" at {short(str(title))}" if (title := mapping(training.get("hosted")).get("title")) else ""
    first = f"The model was trained{at} on {say.count(pairs, 'pair') if pairs is not None else 'the pairs'}"
    if seconds is not None:
        first += f" in {say.duration(seconds)}"
    if best is None:
        return f"{first}."
    if loss is None:
        return f"{first}; the weights of step {say.count(best)} were kept."
    last = finite(training.get("steps")) == best
    step = f"step {say.count(best)}{', the last one' if last else ''}"
    return f"{first}. The weights with the lowest validation loss were kept, from {step}."


def training_facts(run: StoredRun) -> list[Row]:
    """The known facts about the training."""
    training = run.results.get("training") or {}
    settings, hosted = mapping(training.get("settings")), mapping(training.get("hosted"))
    rank, rate = finite(settings.get("rank")), finite(training.get("tokens_per_second"))
    facts = [
        *_hosted(hosted, finite(training.get("tokens"))),
        Row("train_pairs", "Training pairs", finite(training.get("train_pairs"))),
        Row("validation_pairs", "Validation pairs", finite(training.get("validation_pairs")) or None),
        Row("epochs", "Epochs", _epochs(training, settings)),
        _steps(training, settings),
        Row("learning_rate", "Learning rate", _rate(training, settings)),
        Row("trainable_parameters", "Trained parameters", finite(training.get("trainable_parameters")) or None,
            note=f"rank {say.count(rank)}" if rank else ""),
        Row("dtype", "Number format", FORMATS.get(str(training.get("dtype")), training.get("dtype"))),
        Row("train_loss", "Training loss", _known(_loss, training.get("train_loss"))),
        Row("validation_loss", "Validation loss", _known(_loss, training.get("validation_loss"))),
        Row("best_step", "Kept weights", _known(lambda step: f"step {say.count(step)}", training.get("best_step"))),
        Row("seconds", "Time", finite(training.get("seconds")), "seconds"),
        Row("tokens_per_second", "Speed", None if rate is None else f"{say.count(rate, 'token')} per second"),
        Row("peak_memory_bytes", "Peak memory", finite(training.get("peak_memory_bytes")) or None, "bytes"),
        Row("longest_tokens", "Longest example", finite(training.get("longest_tokens")), "token"),
        Row("threads", "Processor threads", finite(training.get("threads"))),
    ]  # fmt: skip
    return [row for row in facts if row.value is not None]


def _hosted(hosted: Mapping[str, Any], tokens: float | None) -> list[Row]:
    """The facts of a training at a provider."""
    if not hosted:
        return []
    cost, currency = finite(hosted.get("cost")), hosted.get("currency")
    known = cost is not None and isinstance(currency, str)
    return [
        Row("provider", "Provider", short(str(hosted.get("title")))),
        Row("base_model", "Base model", short(str(hosted.get("model")))),
        Row("tuned_model", "Tuned model", short(str(hosted.get("tuned_model")))),
        Row("cost", "Cost", cost if known else "not stated by the provider", str(currency) if known else "",
            note=short(str(hosted.get("cost_source") or ""))),
        Row("tokens", "Trained tokens", tokens, "token"),
    ]  # fmt: skip


def training_notices(run: StoredRun) -> list[str]:
    """Warnings from the training, such as steps without a usable gradient, and the number of pairs dropped."""
    training = run.results.get("training") or {}
    dropped = finite(training.get("dropped_pairs"))
    notices = [short(str(text)) for text in training.get("notices") or []]
    if dropped:
        were = "pair was longer than the model's context and was" if dropped == 1 else (
            "pairs were longer than the model's context and were"
        )  # fmt: skip
        notices.append(f"{say.count(dropped)} {were} dropped.")
    return [capital(text) for text in notices]


def _epochs(training: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """The epochs trained, counted from the steps because training may stop early."""
    keys = (training.get("train_pairs"), settings.get("batch_size"), training.get("steps"))
    pairs, size, steps = map(finite, keys)
    if training.get("hosted") and (planned := finite(settings.get("epochs"))) is not None:
        return f"{say.count(planned)}{_why(training, 'epochs')}"
    if not pairs or not size or steps is None:
        return None
    done = say.count(round(steps / math.ceil(pairs / size), 1))
    if finite(settings.get("max_steps")) is not None:
        return f"{done}, by max_steps"
    planned = finite(settings.get("epochs"))
    return done if planned is None else f"{done} of {say.count(planned)}{_why(training, 'epochs')}"


def _steps(training: Mapping[str, Any], settings: Mapping[str, Any]) -> Row:
    size = finite(settings.get("batch_size"))
    notes = [f"{say.count(size, 'pair')} per step"] if size else []
    if training.get("stopped_early"):
        notes.append("stopped early because the validation loss no longer fell")
    return Row("steps", "Steps", finite(training.get("steps")), note=", ".join(notes))


def _rate(training: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    rate = finite(settings.get("learning_rate"))
    if rate is None and training.get("hosted"):
        return "chosen by the provider"
    return f"{rate:g}{_why(training, 'learning_rate')}" if rate is not None else None


def _why(training: Mapping[str, Any], setting: str) -> str:
    """Whether a setting was stated or set by rule; empty if not recorded."""
    ruled = training.get("by_rule")
    if not isinstance(ruled, list):
        return ""
    return ", by rule" if setting in ruled else ", as stated"


# --- the curve --------------------------------------------------------------------------------------------------


def loss_figure(run: StoredRun) -> Markup:
    """The training and validation loss by step; empty without a log of at least two steps."""
    training = run.results.get("training") or {}
    log = [line for line in training.get("log") or [] if isinstance(line, Mapping)]
    measured = _points(log, "validation_loss")
    raw = [(step, mean) for line in log if (step := finite(line.get("step"))) is not None
           and (mean := finite(line.get("mean_train_loss", line.get("train_loss")))) is not None]  # fmt: skip
    smooth, width = smoothed(raw)
    curves = [Curve("training", tuple(smooth), "baseline")] if len(smooth) > 1 else []
    if measured:
        curves.append(Curve("validation", tuple(measured), "candidate", dots=True))
    if not any(len(curve.points) > 1 for curve in curves):
        return Markup("")
    points = [point for curve in curves for point in curve.points]
    x = linear_axis([step for step, _ in points], say.count, zero=False, tight=True)
    y = linear_axis([loss for _, loss in points], lambda value: f"{value:g}")
    best = finite(training.get("best_step"))
    flags = [Flag(best, f"kept: step {say.count(best)}")] if best is not None and x.low <= best <= x.high else []
    figure = Figure(
        "Loss over the training steps",
        "; ".join(f"{c.name} loss from {_loss(c.points[0][1])} to {_loss(c.points[-1][1])}" for c in curves),
        ("Step", "Training loss", "Validation loss"),
        _table(smooth, measured),
        _note(width, len(log)),
    )
    return render_figure(figure, curve_chart(curves, x, y, x_title="training step", flags=flags))


def smoothed(points: Sequence[Point]) -> tuple[list[Point], int]:
    """The centred moving mean of a curve (shorter at the ends) at no more than 200 points, and its window in points."""
    half = len(points) // SMOOTH // 2
    sums = [0.0, *itertools.accumulate(value for _, value in points)]
    every = max(1, math.ceil(len(points) / MOST_POINTS))
    indices = sorted({*range(0, len(points), every), *range(len(points))[-1:]})
    found = []
    for index in indices:
        low, high = max(0, index - half), min(len(points), index + half + 1)
        mean = (sums[high] - sums[low]) / (high - low) if half else points[index][1]
        found.append((points[index][0], mean))
    return found, 2 * half + 1


def _points(log: Sequence[Mapping[str, Any]], key: str) -> list[Point]:
    return [
        (step, loss)
        for line in log
        if (step := finite(line.get("step"))) is not None and (loss := finite(line.get(key))) is not None
    ]


def _table(smooth: Sequence[Point], measured: Sequence[Point]) -> tuple[tuple[str, ...], ...]:
    trained, held_out = dict(smooth), dict(measured)
    return tuple(
        (say.count(step), _loss(trained.get(step)), _loss(held_out.get(step))) for step in sorted({*trained, *held_out})
    )


def _note(width: int, lines: int) -> str:
    mean = f" The training loss is a moving mean over {width} of {say.count(lines)} points." if width > 1 else ""
    return (
        f"Loss per output token; each dot is one evaluation on the validation pairs.{mean} All steps: train/log.jsonl."
    )


# --- the pairs --------------------------------------------------------------------------------------------------


def high_loss_rows(run: StoredRun, *, texts: bool) -> list[HighLossPair]:
    """The training pairs with the highest loss, the highest first.

    Texts are omitted without `texts`, and for pairs that are not in curate/train.jsonl.
    """
    found = (run.results.get("training") or {}).get("highest_losses") or []
    lines = [line for line in found if isinstance(line, Mapping)][:MOST_PAIRS]
    ids = [str(line.get("id", "–")) for line in lines]
    pairs = read_train_pairs(run.path, ids)
    return [_high_loss(line, id_, pairs.get(id_) or {}, texts=texts) for id_, line in zip(ids, lines, strict=True)]


def _high_loss(line: Mapping[str, Any], id_: str, pair: Mapping[str, Any], *, texts: bool) -> HighLossPair:
    row, tokens = finite(pair.get("row")), finite(line.get("tokens"))
    return HighLossPair(
        id=short(id_, ID),
        row=f"row {say.count(row)}" if row is not None else "",
        last=_loss(finite(line.get("loss"))),
        first=_loss(finite(line.get("first_loss"))),
        tokens=say.count(tokens) if tokens is not None else "–",
        input=short(str(pair.get("input") or ""), INPUT) if texts else "",
        output=short(str(pair.get("output") or ""), OUTPUT) if texts else "",
    )


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _known(words: Any, value: Any) -> str | None:
    number = finite(value)
    return None if number is None else words(number)
