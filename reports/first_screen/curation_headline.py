"""The first screen of a run that was curated and nothing more: what is left, what leaks, what to look at."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from .. import numbers as say
from ..charts.axes import linear_axis
from ..charts.rows import Bar, mini_rows
from ..curated import StoredCuration
from .headline import Headline, Number, Side

__all__ = ["curation_headline"]

# Warnings in the order in which they weigh; the first that is there is the strongest reason for doubt.
_WEIGHT = (
    "few_pairs",
    "huge_component",
    "many_conflicts",
    "rule_rejects_many",
    "personal_data",
    "few_outputs",
    "canned_outputs",
    "split_size",
    "few_effective",
    "few_groups",
    "unscored",
    "quality_habit",
    "many_truncated",
    "groups_across",
)


def curation_headline(run: StoredCuration) -> Headline:
    """The sentence, three numbers, the strongest doubt and the next step."""
    data = run.summary
    leaks = (data.get("certificate") or {}).get("pairs_at_or_above")
    waiting = sum((data.get("outcomes") or {}).get(name) or 0 for name in ("conflict", "quarantined"))
    label, tone = ("The splits leak", "fix") if leaks else ("Look first", "open") if waiting else ("Ready", "go")
    return Headline(
        label=label,
        tone=tone,
        sentence=_sentence(data, waiting, leaks),
        numbers=(_kept(data), _splits(data), _nearest(data)),
        doubt=_doubt(data),
        next_step=_next_step(data, waiting),
    )


def _sentence(data: Mapping[str, Any], waiting: int, leaks: int | None) -> str:
    outcomes, splits = data.get("outcomes") or {}, data.get("splits") or {}
    kept, read = say.count(outcomes.get("kept")), say.count(data.get("rows_read"))
    sentence = f"{kept} of {read} rows are clean: {say.count(splits.get('train'))} to learn from"
    held = sum(splits.get(name) or 0 for name in ("validation", "test"))
    sentence += f" and {say.count(held)} held out"
    sentence += "." if leaks else ", none of which repeats a training example." if held else "."
    if waiting:
        verb = "row waits" if waiting == 1 else "rows wait"
        sentence += f" {say.count(waiting)} {verb} for a person to decide."
    return sentence


def _kept(data: Mapping[str, Any]) -> Number:
    read, outcomes = data.get("rows_read") or 0, data.get("outcomes") or {}
    kept = outcomes.get("kept") or 0
    lost = {name: n for name, n in outcomes.items() if name != "kept" and n}
    most = max(lost, key=lambda name: (lost[name], name), default=None)
    change = f"{say.count(lost[most])} left as {most}" if most else "none left"
    axis = linear_axis([0, max(read, 1)], say.count)
    picture = mini_rows([Bar(0, read, "both"), Bar(0, kept, "candidate")], axis)
    side = Side(name="", value=say.count(kept), range=f"of {say.count(read)} rows read", role="")
    return Number("Rows kept", (side,), change, picture)


def _splits(data: Mapping[str, Any]) -> Number:
    splits = data.get("splits") or {}
    held, start = (splits.get("validation") or 0) + (splits.get("test") or 0), splits.get("train") or 0
    side = Side("", say.count(splits.get("test")), f"and {say.count(splits.get('validation'))} for validation", "")
    weight = (data.get("effective_splits") or {}).get("test")
    change = f"weigh at least like {say.count(round(weight))}" if isinstance(weight, int | float) and weight else ""
    axis = linear_axis([0, max(start + held, 1)], say.count)
    return Number(
        "Rows to test on", (side,), change, mini_rows([Bar(0, start, "both"), Bar(start, start + held, "split")], axis)
    )


def _nearest(data: Mapping[str, Any]) -> Number:
    found = data.get("certificate") or {}
    leaks, nearest = found.get("pairs_at_or_above"), found.get("nearest") or []
    closest = f"nearest pair left {nearest[0]['similarity']:.2f} alike" if nearest else "no pair is near"
    siblings = found.get("siblings_at_or_above")
    change = f"{say.count(siblings)} siblings across, other facts" if siblings else ""
    return Number(
        "Training examples that the test repeats", (Side("", say.count(leaks), closest, ""),), change, Markup("")
    )


def _doubt(data: Mapping[str, Any]) -> str:
    texts = {str(warning.get("code")): str(warning.get("text")) for warning in data.get("warnings") or []}
    for code in (*_WEIGHT, *texts):
        if code in texts:
            return texts[code]
    style = data.get("style") or {}
    if not style.get("checks"):
        return "No style schema was given, so nothing was asked of the outputs but that they are whole."
    if style.get("reviewed") is False:
        return "The rules of the style were proposed from examples, and nobody has looked at them yet."
    return "None that this run could see: what a rule does not ask, it did not look for."


def _next_step(data: Mapping[str, Any], waiting: int) -> str:
    if (data.get("certificate") or {}).get("pairs_at_or_above"):
        return "Do not test on these splits; the certificate below names the pairs that are on both sides."
    if waiting:
        return "Decide on the rows that wait: tuneworth why RUN ROW shows each beside the other and notes the decision."
    if not (data.get("style") or {}).get("checks"):
        return "Say what a good output looks like: tuneworth style infer FILE proposes the rules."
    return "Train on them with tuneworth run, or export them for a provider with tuneworth export RUN --format openai."
