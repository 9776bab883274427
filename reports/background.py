"""Where the numbers come from: training and risks as charts and rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from . import numbers as say
from .axes import linear_axis
from .charts import Figure, render_figure
from .curves import Curve, Flag, curve_chart
from .stored import StoredRun

__all__ = ["RiskRow", "loss_figure", "risk_rows", "sample_lines", "training_facts"]

STATUS = {
    "ok": ("within its limit", "go"),
    "warn": ("to watch", "open"),
    "over": ("over its limit", "fix"),
    "fired": ("over its limit", "fix"),
    "not checked": ("not checked", "none"),
    "not measured": ("not checked", "none"),
}


@dataclass(frozen=True)
class RiskRow:
    """One risk with its standing."""

    name: str
    status: str
    tone: str
    value: str
    limit: str
    evidence: str


def loss_figure(run: StoredRun) -> Markup:
    """Training and validation loss over the steps; nothing where no log was kept."""
    training = run.results.get("training") or {}
    log = training.get("log") or []
    curves = []
    for key, name, role in (("train_loss", "training", "baseline"), ("validation_loss", "validation", "candidate")):
        points = tuple((line["step"], line[key]) for line in log if line.get(key) is not None)
        if len(points) > 1:
            curves.append(Curve(name, points, role))
    if not curves:
        return Markup("")
    steps = [x for curve in curves for x, _ in curve.points]
    losses = [value for curve in curves for _, value in curve.points]
    best = training.get("best_step")
    flags = [Flag(best, f"kept: step {say.count(best)}")] if best is not None else []
    table = tuple(
        (say.count(line.get("step")), _loss(line.get("train_loss")), _loss(line.get("validation_loss"))) for line in log
    )
    text = "; ".join(f"{c.name} loss from {_loss(c.points[0][1])} to {_loss(c.points[-1][1])}" for c in curves)
    figure = Figure("Loss over the training steps", text, ("Step", "Training loss", "Validation loss"), table)
    y = linear_axis(losses, lambda value: f"{value:g}")
    x = linear_axis(steps, say.count, zero=False, tight=True)
    return render_figure(figure, curve_chart(curves, x, y, x_title="training step", flags=flags))


def training_facts(run: StoredRun) -> list[tuple[str, str]]:
    """Label and value of what the training took; only what was measured."""
    training = run.results.get("training") or {}
    rate = training.get("tokens_per_second")
    facts = [
        ("Time", say.duration(training.get("seconds")) if training.get("seconds") is not None else None),
        ("Speed", f"{say.count(rate)} tokens a second" if rate is not None else None),
        ("Steps", _steps(training)),
        ("Kept weights", f"those of step {say.count(training['best_step'])}" if training.get("best_step") else None),
        ("Validation loss", _loss(training.get("validation_loss")) if training.get("validation_loss") else None),
        (
            "Trained parameters",
            say.count(training["trainable_parameters"]) if training.get("trainable_parameters") else None,
        ),
        ("Peak memory", say.size(training["peak_memory_bytes"]) if training.get("peak_memory_bytes") else None),
    ]
    return [(label, value) for label, value in facts if value]


def sample_lines(run: StoredRun) -> list[str]:
    """Where the run used a part of its splits only: how much, so that nobody takes it for all."""
    data, training = run.results.get("data") or {}, run.results.get("training") or {}
    trained, of = training.get("train_pairs"), (data.get("splits") or {}).get("train")
    tested = data.get("tested") or {}
    lines = []
    if trained and of and trained < of:
        lines.append(f"Training used a seeded sample of {say.count(trained)} of the {say.count(of)} training pairs.")
    if tested and tested["pairs"] < tested["of"]:
        lines.append(
            f"The test used a seeded sample of {say.count(tested['pairs'])} of the {say.count(tested['of'])} test pairs."
        )
    return lines


def risk_rows(run: StoredRun) -> list[RiskRow]:
    """The risks, those over their limit first, those not checked last."""
    rows = []
    for risk in run.results.get("risks") or []:
        status, tone = STATUS.get(str(risk.get("status")), (str(risk.get("status")), "none"))
        row = RiskRow(
            name=str(risk.get("id")).replace("_", " ").capitalize(),
            status=status,
            tone=tone,
            value=_risk_number(risk.get("value")),
            limit=_risk_number(risk.get("limit")),
            evidence=_evidence(risk.get("evidence")),
        )
        rows.append(row)
    order = {"fix": 0, "open": 1, "go": 2, "none": 3}
    return sorted(rows, key=lambda row: order[row.tone])


def _steps(training: Mapping[str, Any]) -> str | None:
    if training.get("steps") is None:
        return None
    early = ", stopped early because the validation loss no longer fell" if training.get("stopped_early") else ""
    return say.count(training["steps"]) + early


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _risk_number(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.3g}".replace("-", say.MINUS)
    return "–" if value is None else str(value)


def _evidence(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{str(key).replace('_', ' ')}: {_risk_number(found)}" for key, found in value.items())
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "" if value is None else str(value)
