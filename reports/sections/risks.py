"""What each risk is called, what it means for a reader, and what to do when it fires."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...core import unbroken as say
from ..charts.axes import Axis
from ..charts.rows import Mark, mini_rows
from ..stored import StoredRun
from ..words import typeset_parts, without_folders

__all__ = ["KINDS", "Kind", "RiskRow", "lead", "risk_number", "risk_rows"]


@dataclass(frozen=True)
class Kind:
    """One kind of risk in words.

    `difference`: its number is a difference of shares, told in points. `side` stands before the limit;
    `limit_words` instead of it, where the limit is more than a number.
    """

    name: str
    meaning: str = ""
    to_do: str = ""
    difference: bool = False
    side: str = ""
    limit_words: str = ""


KINDS = {
    "overfitting": Kind(
        "Overfitting: learning by heart",
        "Is the tuned model better on requests that it was trained on than on new ones? Then it has learnt the examples "
        "more than the task, and only the result on new requests counts.",
        "Train less long or on more examples (epochs, more pairs), and rely on the test result alone.",
        difference=True,
        side="at most",
    ),
    "memorisation": Kind(
        "Memorisation: copying training texts",
        "Does it write out long pieces of single training examples, more often than a person would for the same request? "
        "That matters where training texts are private.",
        "Look at the outputs that copy, take out or mask what must not be repeated (mask = true under [curate]), and train "
        "again.",
        difference=True,
        limit_words="range not wholly above 0",
    ),
    "forgetting": Kind(
        "Forgetting what it could do",
        "Can it still do general tasks that the model could do before training? It matters only if the model is asked "
        "other things as well.",
        "If it serves other requests too, train less long or at a lower learning rate; else note it and go on.",
        difference=True,
        limit_words=f"not surely more than 5{say.gap}points down",
    ),
    "drift": Kind(
        "Drift: the base model goes",
        "Tuned weights fit one base model. When that is withdrawn, the training has to be done and tested again.",
        "Plan and price a new training before that date (retrain_cost in [roi.running]).",
        side="at least",
    ),
    "flexibility": Kind(
        "Flexibility: changing the style",
        "A prompt is changed in minutes; a tuned model has to be trained and tested again.",
        "Count the changes that you expect: style_changes_per_year and retrain_cost in [roi.running].",
        side="at most",
    ),
    "upkeep": Kind(
        "Upkeep: keeping it running",
        "Watching, hosting and retraining the model cost money every day, whatever the volume.",
        "Check the stated costs of upkeep; with them as they are, little of the saving is left.",
        side="at most",
    ),
    "examples": Kind(
        "Examples: too few, too much alike",
        "Few pairs, few different outputs or few groups teach little, and a test made of them measures little.",
        "Collect more examples, and more different ones, before relying on the result.",
        side="at least",
    ),
}


def risk_number(value: Any, unit: Any, kind: Kind) -> str:
    """The number with its unit as a person says it; a dash where there is none."""
    if value is None:
        return "–"
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    if unit == "share":
        return say.signed_points(value) if kind.difference and kind.side != "at most" else (
            say.points(value) if kind.difference else say.percent(value)
        )  # fmt: skip
    if unit == "share of the best loss":
        return f"{say.percent(value)} above the best loss"
    if unit == "days per change":
        return say.duration(value * 86_400) if abs(value) < 1 else say.days(value)
    if unit == "days":
        return say.count(round(value), "day")
    text = say.count(value)
    return f"{text}{say.gap}{str(unit).replace(' ', say.gap)}" if unit else text


STATUS = {
    "ok": ("within its limit", "go"),
    "warn": ("to watch", "open"),
    "over": ("over its limit", "fix"),
    "fired": ("over its limit", "fix"),
    "not checked": ("not checked", "none"),
    "not measured": ("not checked", "none"),
}
ORDER = {"fix": 0, "open": 1, "go": 2, "none": 3}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class RiskRow:
    """One risk with its standing; `picture` is empty where there is no number to draw."""

    id: str
    name: str
    status: str
    tone: str
    value: str
    limit: str
    evidence: str
    meaning: str
    to_do: str
    picture: Markup

    @property
    def to_do_parts(self) -> list[tuple[str, bool]]:
        """What to do in pieces, each with whether it is to be typed as it stands."""
        return typeset_parts(self.to_do)


def lead(run: StoredRun) -> str:
    """How many risks were measured, how many are over their limits, how many nobody looked at."""
    found = [risk for risk in run.results.get("risks") or [] if isinstance(risk, Mapping)]
    tones = [STATUS.get(str(risk.get("status")), ("", "none"))[1] for risk in found]
    checked = [risk for risk, tone in zip(found, tones, strict=True) if tone != "none"]
    measured = sum(risk.get("measured") is not False for risk in checked)
    stated, open_ = len(checked) - measured, len(found) - len(checked)
    over, watched = tones.count("fix"), tones.count("open")
    if not checked:
        return (
            f"Not one of the {_word(len(found))} risks was checked."
            if len(found) > 1
            else "The one risk was not checked."
        )
    all_of = (
        f"All {_word(len(found))}"
        if measured == len(found)
        else f"{_word(measured).capitalize()} of {_word(len(found))}"
    )
    first = f"{all_of} risks {_was(measured)} measured"
    if measured == 0:
        first = f"Not one of the {_word(len(found))} risks was measured"
    if stated:
        judged = f"{_word(stated)} judged by what was stated"
        first += f" and {judged}" if measured else f", {judged.replace(' judged', f' {_was(stated)} judged', 1)}"
    stands = (
        f"{_word(over)} {_is(over)} over {'its' if over == 1 else 'their'} limit" if over else "none is over its limit"
    )
    if watched:
        stands += f", {_word(watched)} {_is(watched)} to watch"
    return f"{first}; {stands}{f'; {_word(open_)} {_was(open_)} not checked' if open_ else ''}."


def _word(n: int) -> str:
    return NUMBERS[n] if n < len(NUMBERS) else say.count(n)


def _is(n: int) -> str:
    return "is" if n == 1 else "are"


def _was(n: int) -> str:
    return "was" if n == 1 else "were"


def risk_rows(run: StoredRun) -> list[RiskRow]:
    """The risks, those over their limit first, those not checked last."""
    found = [risk for risk in run.results.get("risks") or [] if isinstance(risk, Mapping)]
    return sorted((_row(risk) for risk in found), key=lambda row: ORDER[row.tone])


def _row(risk: Mapping[str, Any]) -> RiskRow:
    name = str(risk.get("id"))
    kind = KINDS.get(name, Kind(name.replace("_", " ").capitalize()))
    status, tone = STATUS.get(str(risk.get("status")), (str(risk.get("status")), "none"))
    value, limit, unit = risk.get("value"), risk.get("limit"), risk.get("unit")
    checked = tone != "none"
    limit_words = kind.limit_words or f"{kind.side} {risk_number(limit, unit, kind)}"
    return RiskRow(
        id=name,
        name=kind.name,
        status=status if risk.get("measured") is not False or not checked else f"{status}, as stated",
        tone=tone,
        value=f"{risk_number(value, unit, kind)}{_range(risk, kind)}" if checked else "–",
        limit=limit_words.strip() if checked and limit is not None else "–",
        evidence=_evidence(risk, checked=checked),
        meaning=kind.meaning,
        to_do=_to_do(risk, tone, kind),
        picture=_picture(risk) if checked else Markup(""),
    )


def _range(risk: Mapping[str, Any], kind: Kind) -> str:
    low, high = _finite(risk.get("low")), _finite(risk.get("high"))
    if not kind.difference or low is None:
        return ""
    return f" (at least {say.signed_points(low)})" if high is None else f" ({say.points_range(low, high)})"


def _evidence(risk: Mapping[str, Any], *, checked: bool) -> str:
    """What was found as a sentence; what would check it stands in its own place."""
    text, to_check = _words(risk.get("evidence")), risk.get("to_check")
    if to_check and not checked:
        text = text.removesuffix(f"; to check it, {to_check}")
    return _sentence(text)


def _to_do(risk: Mapping[str, Any], tone: str, kind: Kind) -> str:
    if tone == "none":
        to_check = risk.get("to_check")
        return _sentence(f"To check it, {to_check}") if to_check else ""
    return kind.to_do if tone in ("fix", "open") else ""


def _sentence(text: str) -> str:
    text = without_folders(text.strip())
    if not text:
        return ""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?", "…")) else ".")


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{str(key).replace('_', ' ')}: {say.stated(found)}" for key, found in value.items())
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "" if value is None else str(value)


def _picture(risk: Mapping[str, Any]) -> Markup:
    """The value with its range, and the limit as a dashed line; nothing where there is no limit."""
    value, limit, low, high = (_finite(risk.get(key)) for key in ("value", "limit", "low", "high"))
    if value is None or limit is None:
        return Markup("")
    if low is None or high is None:
        low = high = None
    seen = [0.0, value, limit, *(end for end in (low, high) if end is not None)]
    room = (max(seen) - min(seen) or 1.0) * 0.06
    axis = Axis(min(seen) - room, max(seen) + room, ((0.0, "0"),))
    return mini_rows([Mark(value, low, high, "candidate")], axis, lines=[limit])


def _finite(value: Any) -> float | None:
    """A number that can be drawn; None for anything else."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if good else None
