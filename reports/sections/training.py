"""The training section: what it took, the loss curve, what more examples would gain, the pairs with the highest loss."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from ...core import Row
from ...core import unbroken as say
from ...evaluate.results import HostedTraining, PairLoss, Training
from ..charts.axes import Figure, linear_axis, render_figure
from ..charts.plot import Band, Curve, Flag, curve_chart
from ..page import Section
from ..stored import StoredRun, read_train_pairs
from ..words import capital, finite, short, without_folders

MOST_POINTS = 200  # of a curve: one every few pixels of a wide screen
SMOOTH = 20  # the moving mean's window is 1/20 of the curve, enough to remove batch noise
MOST_PAIRS = 20
ID, INPUT, OUTPUT = 120, 140, 240  # characters of a pair's id and texts in its row
HALF_A_POINT = 0.005  # a smaller gain is not worth collecting examples
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
    training = run.results.training
    if training is None:
        return None
    shown = {
        "facts": training_facts(training),
        "notices": training_notices(training),
        "loss": loss_figure(training),
        "more": curve_sentence(run),
        "curve": curve_figure(run),
        "high_loss": high_loss_rows(run, training, texts=texts),
    }
    return Section("training", "Training", lead(training), "training", shown)


def lead(training: Training) -> str:
    """How many pairs were trained on, how long it took, and which weights were kept."""
    at = f" at {short(training.hosted.title)}" if training.hosted else ""
    first = f"The model was trained{at} on {say.count(training.train_pairs, 'pair')}"
    if training.seconds is not None:
        first += f" in {say.duration(training.seconds)}"
    if training.best_step is None:
        return f"{first}."
    if training.validation_loss is None:
        return f"{first}; the weights of step {say.count(training.best_step)} were kept."
    last = training.steps == training.best_step
    step = f"step {say.count(training.best_step)}{', the last one' if last else ''}"
    return f"{first}. The weights with the lowest validation loss were kept, from {step}."


def training_facts(training: Training) -> list[Row]:
    """The known facts about the training."""
    rank, rate, best = finite(training.settings.get("rank")), training.tokens_per_second, training.best_step
    facts = [
        *(_hosted(training.hosted, training.tokens) if training.hosted else []),
        Row("train_pairs", "Training pairs", training.train_pairs),
        Row("validation_pairs", "Validation pairs", training.validation_pairs or None),
        Row("epochs", "Epochs", _epochs(training)),
        _steps(training),
        Row("learning_rate", "Learning rate", _rate(training)),
        Row("trainable_parameters", "Trained parameters", training.trainable_parameters or None,
            note=f"rank {say.count(rank)}" if rank else ""),
        Row("dtype", "Number format", FORMATS.get(training.dtype or "", training.dtype)),
        Row("train_loss", "Training loss", _known(training.train_loss)),
        Row("validation_loss", "Validation loss", _known(training.validation_loss)),
        Row("best_step", "Kept weights", None if best is None else f"step {say.count(best)}"),
        Row("seconds", "Time", training.seconds, "seconds"),
        Row("tokens_per_second", "Speed", None if rate is None else f"{say.count(rate, 'token')} per second"),
        Row("peak_memory_bytes", "Peak memory", training.peak_memory_bytes or None, "bytes"),
        Row("longest_tokens", "Longest example", training.longest_tokens, "token"),
        Row("threads", "Processor threads", training.threads),
    ]  # fmt: skip
    return [row for row in facts if row.value is not None]


def _hosted(hosted: HostedTraining, tokens: int | None) -> list[Row]:
    """The facts of a training at a provider."""
    known = hosted.cost is not None
    return [
        Row("provider", "Provider", short(hosted.title)),
        Row("base_model", "Base model", short(hosted.model)),
        Row("tuned_model", "Tuned model", short(str(hosted.tuned_model))),
        Row("cost", "Cost", hosted.cost if known else "not stated by the provider", hosted.currency if known else "",
            note=short(hosted.cost_source or "")),
        Row("tokens", "Trained tokens", tokens, "token"),
    ]  # fmt: skip


def training_notices(training: Training) -> list[str]:
    """Warnings from the training, such as steps without a usable gradient, and the number of pairs dropped."""
    notices = [short(text) for text in training.notices]
    if training.dropped_pairs:
        were = "pair was longer than the model's context and was" if training.dropped_pairs == 1 else (
            "pairs were longer than the model's context and were"
        )  # fmt: skip
        notices.append(f"{say.count(training.dropped_pairs)} {were} dropped.")
    return [capital(text) for text in notices]


def _epochs(training: Training) -> str | None:
    """The epochs trained, counted from the steps because training may stop early."""
    size, planned = finite(training.settings.get("batch_size")), finite(training.settings.get("epochs"))
    if training.hosted and planned is not None:
        return f"{say.count(planned)}{_why(training, 'epochs')}"
    if not training.train_pairs or not size or training.steps is None:
        return None
    done = say.count(round(training.steps / math.ceil(training.train_pairs / size), 1))
    if finite(training.settings.get("max_steps")) is not None:
        return f"{done}, by max_steps"
    return done if planned is None else f"{done} of {say.count(planned)}{_why(training, 'epochs')}"


def _steps(training: Training) -> Row:
    size = finite(training.settings.get("batch_size"))
    notes = [f"{say.count(size, 'pair')} per step"] if size else []
    if training.stopped_early:
        notes.append("stopped early because the validation loss no longer fell")
    return Row("steps", "Steps", training.steps, note=", ".join(notes))


def _rate(training: Training) -> str | None:
    rate = finite(training.settings.get("learning_rate"))
    if rate is None:
        return "chosen by the provider" if training.hosted else None
    return f"{rate:g}{_why(training, 'learning_rate')}"


def _why(training: Training, setting: str) -> str:
    """Whether a setting was stated or set by rule; empty if not recorded."""
    if training.by_rule is None:
        return ""
    return ", by rule" if setting in training.by_rule else ", as stated"


# --- the curve --------------------------------------------------------------------------------------------------


def loss_figure(training: Training) -> Markup:
    """The training and validation loss by step; empty without a log of at least two steps."""
    log = training.log
    measured = [(float(line.step), line.validation_loss) for line in log if line.validation_loss is not None]
    means = [
        (float(line.step), line.train_loss if line.mean_train_loss is None else line.mean_train_loss) for line in log
    ]
    raw = [(step, mean) for step, mean in means if mean is not None]
    smooth, width = smoothed(raw)
    curves = [Curve("training", tuple(smooth), "baseline")] if len(smooth) > 1 else []
    if measured:
        curves.append(Curve("validation", tuple(measured), "candidate", dots=True))
    if not any(len(curve.points) > 1 for curve in curves):
        return Markup("")
    points = [point for curve in curves for point in curve.points]
    x = linear_axis([step for step, _ in points], say.count, zero=False, tight=True)
    y = linear_axis([loss for _, loss in points], lambda value: f"{value:g}")
    best = training.best_step
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


def high_loss_rows(run: StoredRun, training: Training, *, texts: bool) -> list[HighLossPair]:
    """The training pairs with the highest loss, the highest first.

    Texts are omitted without `texts`, and for pairs that are not in curate/train.jsonl.
    """
    highest = (training.highest_losses or ())[:MOST_PAIRS]
    pairs = read_train_pairs(run.path, [one.id for one in highest])
    return [_high_loss(one, pairs.get(one.id) or {}, texts=texts) for one in highest]


def _high_loss(found: PairLoss, pair: Mapping[str, Any], *, texts: bool) -> HighLossPair:
    row = finite(pair.get("row"))
    return HighLossPair(
        id=short(found.id, ID),
        row=f"row {say.count(row)}" if row is not None else "",
        last=_loss(found.loss),
        first=_loss(found.first_loss),
        tokens=say.count(found.tokens),
        input=short(str(pair.get("input") or ""), INPUT) if texts else "",
        output=short(str(pair.get("output") or ""), OUTPUT) if texts else "",
    )


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _known(loss: float | None) -> str | None:
    return None if loss is None else _loss(loss)


# --- more examples ------------------------------------------------------------------------------------------------


class Size(NamedTuple):
    """A number of training pairs with the acceptable share there, or the gain, and the ends of its range."""

    pairs: float
    share: float
    low: float
    high: float


def curve_figure(run: StoredRun) -> Markup:
    """The acceptable share and its range by number of examples, extrapolated to twice the largest number.

    Empty without a learning curve of at least two sizes.
    """
    found = _sizes(run)
    if len(found) < 2:
        return Markup("")
    curves = [Curve("measured", tuple((size, share) for size, share, _, _ in found), "candidate", dots=True)]
    bands = [Band("range", tuple((size, low, high) for size, _, low, high in found), "candidate")]
    lines, last = list(found), found[-1]
    if gain := _gain(run):
        # The share with twice as many examples and its range, limited to 0 to 1.
        share, low, high = (min(1.0, max(0.0, last.share + end)) for end in gain[1:])
        lines.append(Size(gain.pairs, share, low, high))
        curve = ((last.pairs, last.share), (gain.pairs, share))
        curves.append(Curve("estimate for twice as many", curve, "baseline"))
        band = ((last.pairs, last.share, last.share), (gain.pairs, low, high))
        bands.append(Band("range of the estimate", band, "baseline"))
    x = linear_axis([size for size, *_ in lines], say.count, tight=True)
    y = linear_axis([end for _, *ends in lines for end in ends], lambda share: say.percent(share))
    rows = tuple(
        (f"{say.count(size)} pairs{', estimated' if at >= len(found) else ''}", say.percent(share),
         say.percent_range(low, high))
        for at, (size, share, low, high) in enumerate(lines)
    )  # fmt: skip
    good = run.good if run.results.learning_curve is None else run.results.learning_curve.good
    figure = Figure(
        f"{capital(good)} outputs by number of training pairs",
        "; ".join(f"{name}: {share}, range {ends}" for name, share, ends in rows),
        ("Training pairs", capital(good), "Range"),
        rows,
        "Each dot is a separate model trained on that number of pairs.",
        id="more-examples",
    )
    return render_figure(figure, curve_chart(curves, x, y, x_title="training pairs", bands=bands))


def curve_sentence(run: StoredRun) -> str:
    """The estimate for twice the examples with its range, in a sentence; without an estimate, the recorded sentence."""
    gain, curve = _gain(run), run.results.learning_curve
    if gain is None or curve is None:
        text = without_folders((curve.sentence if curve and curve.sentence else "").strip()).rstrip(".")
        return f"{capital(text)}." if text else ""
    twice = f"Twice the examples ({say.count(gain.pairs)} pairs)"
    low, high = (say.points(end).split(say.gap)[0] for end in (gain.low, gain.high))
    ends = f"{low} to {high}{say.gap}points"
    if gain.high < HALF_A_POINT:
        return f"{twice} would not make a noticeable difference."
    if gain.share < HALF_A_POINT:
        return f"{twice} would make little difference: {ends} more {curve.good} outputs."
    return f"{twice} would increase the {curve.good} share by about {say.points(gain.share)} ({ends})."


def _sizes(run: StoredRun) -> list[Size]:
    """What was measured, the smallest first; sizes without a share are omitted."""
    curve = run.results.learning_curve
    measured = zip(curve.sizes or (), curve.acceptable or (), strict=False) if curve else ()
    return sorted(
        Size(
            size,
            part.share,
            part.share if part.low is None else part.low,
            part.share if part.high is None else part.high,
        )
        for size, part in measured
        if part.share is not None
    )


def _gain(run: StoredRun) -> Size | None:
    """Twice the largest size, the gain there and its range; None without an estimate."""
    curve = run.results.learning_curve
    doubling = curve.doubling if curve else None
    gain = doubling.gain if doubling else None
    if doubling is None or doubling.to is None or gain is None or gain.value is None:
        return None
    return None if gain.low is None or gain.high is None else Size(doubling.to, gain.value, gain.low, gain.high)
