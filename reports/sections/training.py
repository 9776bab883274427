"""How the tuned model was trained: what it took, its loss curve, and the pairs with the highest loss."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...core import unbroken as say
from ..charts.axes import linear_axis
from ..charts.figure import Figure, render_figure
from ..charts.plot import Curve, Flag, curve_chart
from ..page import Section
from ..stored import StoredRun, read_train_pairs
from ..words import capital, finite, mapping, short
from .learning_curve import curve_evidence, curve_figure, curve_sentence

__all__ = ["Worst", "lead", "loss_figure", "section", "training_facts", "training_notices", "worst_rows"]

MOST_POINTS = 200  # of a curve: one every few pixels of a wide screen
SMOOTH = 20  # the window of the moving mean is this part of the curve: enough to remove batch noise
MOST_PAIRS = 20
ID, INPUT, OUTPUT = 120, 140, 240  # characters of a pair's id and texts in its row
FORMATS = {"float32": "32 bits (float32)", "bfloat16": "16 bits (bfloat16)"}

Point = tuple[float, float]


@dataclass(frozen=True)
class Worst:
    """A train pair with a high loss; the texts are empty if omitted or not found."""

    id: str
    row: str
    last: str
    first: str
    tokens: str
    input: str
    output: str


# --- facts ------------------------------------------------------------------------------------------------------


def section(run: StoredRun, *, texts: bool) -> Section | None:
    """The section of a run that trained; without `texts` pairs are only named."""
    if not run.results.get("training"):
        return None
    shown = {
        "facts": training_facts(run),
        "notices": training_notices(run),
        "loss": loss_figure(run),
        "more": curve_sentence(run),
        "curve": curve_figure(run),
        "evidence": curve_evidence(run),
        "worst": worst_rows(run, texts=texts),
    }
    return Section("training", "Training", lead(run), "training", shown)


def lead(run: StoredRun) -> str:
    """What was learned, how long it took, and which weights were kept."""
    training = run.results.get("training") or {}
    pairs, seconds = finite(training.get("train_pairs")), finite(training.get("seconds"))
    best, loss = finite(training.get("best_step")), finite(training.get("validation_loss"))
    learnt = say.count(pairs, "pair") if pairs is not None else "The pairs"
    first = f"{learnt} {'was' if pairs == 1 else 'were'} learnt"
    if seconds is not None:
        first += f" in {say.duration(seconds)}"
    if best is None:
        return f"{first}."
    if loss is None:
        return f"{first}; the weights of step {say.count(best)} were kept."
    last = finite(training.get("steps")) == best
    step = f"step {say.count(best)}{', the last' if last else ''}"
    return f"{first}; the validation loss was lowest at {step}, and those weights were kept."


def training_facts(run: StoredRun) -> list[tuple[str, str]]:
    """Label and value of the facts about the training; only known ones."""
    training = run.results.get("training") or {}
    settings = mapping(training.get("settings"))
    facts = [
        ("Pairs", _pairs(training)),
        ("Epochs", _epochs(training, settings)),
        ("Steps", _steps(training)),
        ("Learning rate", _rate(training, settings)),
        ("Trained parameters", _parameters(training, settings)),
        ("Number format", FORMATS.get(str(training.get("dtype")), training.get("dtype"))),
        ("Training loss", _known(_loss, training.get("train_loss"))),
        ("Validation loss", _known(_loss, training.get("validation_loss"))),
        ("Kept weights", _known(lambda step: f"those of step {say.count(step)}", training.get("best_step"))),
        ("Time", _known(say.duration, training.get("seconds"))),
        ("Speed", _known(lambda rate: f"{say.count(rate)} tokens a second", training.get("tokens_per_second"))),
        ("Peak memory", _known(say.size, training.get("peak_memory_bytes") or None)),
        ("Longest example", _known(lambda n: f"{say.count(n)} tokens", training.get("longest_tokens"))),
        ("Processor threads", _known(say.count, training.get("threads"))),
    ]
    return [(label, str(value)) for label, value in facts if value]


def training_notices(run: StoredRun) -> list[str]:
    """Warnings of the training, such as steps without a usable gradient, and the pairs that were dropped."""
    training = run.results.get("training") or {}
    dropped = finite(training.get("dropped_pairs"))
    notices = [short(str(text)) for text in training.get("notices") or []]
    if dropped:
        are = "pair is" if dropped == 1 else "pairs are"
        notices.append(f"{say.count(dropped)} {are} longer than the model's context and left out.")
    return [capital(text) for text in notices]


def _pairs(training: Mapping[str, Any]) -> str | None:
    trained, held_out = finite(training.get("train_pairs")), finite(training.get("validation_pairs"))
    if trained is None:
        return None
    return (
        f"{say.count(trained)} to learn from, {say.count(held_out)} to stop in time" if held_out else say.count(trained)
    )


def _epochs(training: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """How often each pair was seen: counted from the steps, since a fit may end before its epochs do."""
    keys = (training.get("train_pairs"), settings.get("batch_size"), training.get("steps"))
    pairs, size, steps = map(finite, keys)
    if not pairs or not size or steps is None:
        return None
    done = say.count(round(steps / math.ceil(pairs / size), 1))
    if finite(settings.get("max_steps")) is not None:
        return f"{done}, by max_steps"
    planned = finite(settings.get("epochs"))
    return done if planned is None else f"{done} of {say.count(planned)}{_why(training, 'epochs')}"


def _steps(training: Mapping[str, Any]) -> str | None:
    steps, size = finite(training.get("steps")), finite(mapping(training.get("settings")).get("batch_size"))
    if steps is None:
        return None
    early = ", stopped early because the validation loss no longer fell" if training.get("stopped_early") else ""
    each = f", {say.count(size, 'pair')} each" if size else ""
    return f"{say.count(steps)}{each}{early}"


def _rate(training: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    rate = finite(settings.get("learning_rate"))
    return f"{rate:g}{_why(training, 'learning_rate')}" if rate is not None else None


def _why(training: Mapping[str, Any], setting: str) -> str:
    """Whether a setting was stated or follows from a rule; empty if not recorded."""
    ruled = training.get("by_rule")
    if not isinstance(ruled, list):
        return ""
    return ", by rule" if setting in ruled else ", as stated"


def _parameters(training: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    count, rank = finite(training.get("trainable_parameters")), finite(settings.get("rank"))
    if not count:
        return None
    return f"{say.count(count)}{f' (rank {say.count(rank)})' if rank else ''}"


# --- the curve --------------------------------------------------------------------------------------------------


def loss_figure(run: StoredRun) -> Markup:
    """Training and validation loss over the steps; empty without a log or with only one step."""
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
    """The moving mean of a curve, centred, shorter at its ends, at no more than 200 places; and its window in points."""
    half = len(points) // SMOOTH // 2
    sums = [0.0, *itertools.accumulate(value for _, value in points)]
    every = max(1, math.ceil(len(points) / MOST_POINTS))
    places = sorted({*range(0, len(points), every), *range(len(points))[-1:]})
    found = []
    for place in places:
        low, high = max(0, place - half), min(len(points), place + half + 1)
        mean = (sums[high] - sums[low]) / (high - low) if half else points[place][1]
        found.append((points[place][0], mean))
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
    return f"Loss per learnt token; each dot is one look at the validation pairs.{mean} All steps: train/log.jsonl."


# --- the pairs --------------------------------------------------------------------------------------------------


def worst_rows(run: StoredRun, *, texts: bool) -> list[Worst]:
    """The train pairs with the highest loss, the highest first; without `texts` their inputs and outputs are omitted.

    Pairs that curate/train.jsonl does not hold are listed without their texts.
    """
    found = (run.results.get("training") or {}).get("highest_losses") or []
    lines = [line for line in found if isinstance(line, Mapping)][:MOST_PAIRS]
    ids = [str(line.get("id", "–")) for line in lines]
    pairs = read_train_pairs(run.path, ids)
    return [_worst(line, id_, pairs.get(id_) or {}, texts=texts) for id_, line in zip(ids, lines, strict=True)]


def _worst(line: Mapping[str, Any], id_: str, pair: Mapping[str, Any], *, texts: bool) -> Worst:
    row, tokens = finite(pair.get("row")), finite(line.get("tokens"))
    return Worst(
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
