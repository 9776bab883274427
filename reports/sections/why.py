"""The section behind the verdict: its reasons, and what would change it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import NEVER
from ...core import unbroken as say
from ...evaluate import futures_clause, gap_clause
from ..page import Section
from ..stored import StoredRun
from ..words import capital, named, quoted, typeset
from .costs import cheaper_way

__all__ = ["Flip", "flips", "lead", "reasons", "section"]

# A price 30 times as high flips many answers; that is no reason for doubt.
FARTHEST = 30
SHOWN = 8  # the rest is under a disclosure
SHARES = ("acceptance", "cached_share", "discount_rate")
# Inputs with plural names.
COUNTED = (
    "requests_per_day", "requests_total", "requests_per_second", "fixed_tokens", "horizon_days", "target_payback_days",
    "retrain_every_days",
)  # fmt: skip


@dataclass(frozen=True)
class Flip:
    """One input alone and the value from which the answer is another: `if_` and `answer` make one sentence."""

    if_: str
    answer: str
    distance: float


def section(run: StoredRun) -> Section | None:
    """The section of a run with a verdict."""
    if not run.results.get("verdict"):
        return None
    found = flips(run)
    shown = {"reasons": reasons(run), "flips": found[:SHOWN], "farther": found[SHOWN:]}
    return Section("why", "Why", lead(run), "why", shown)


def lead(run: StoredRun) -> str:
    """How big the difference is, how likely the investment pays back, and the nearest change that flips the answer."""
    verdict = run.results.get("verdict") or {}
    if verdict.get("what"):
        found = max(len(reasons(run)) - 1, 1)  # the last reason gives the current state
        many = dict(enumerate(("Two", "Three", "Four"), start=2)).get(found, str(found))
        return f"{'One thing has' if found == 1 else f'{many} things have'} to be mended before the numbers count."
    said = [text for text in (_gap(run), _chance(run)) if text]
    near = flips(run)[:1]
    if near:
        turned = f"{near[0].if_[:1].lower()}{near[0].if_[1:]}"
        said.append(f"{turned}, the answer is “{near[0].answer}”")
    if not said:
        return "What the verdict rests on."
    return f"{capital('; '.join(said))}."


def _gap(run: StoredRun) -> str:
    known = ((run.results.get("comparison") or {}).get("difference") or {}).get("value") is not None
    return quoted(gap_clause(run.results)) if known else ""


def _chance(run: StoredRun) -> str:
    money = run.results.get("money") or {}
    known = money.get("saving_per_request") is not None and money.get("requests_per_day") is not None
    if not known or money.get("probability_of_payback_in_target") is None or not money.get("target_payback_days"):
        return ""
    back, way = quoted(futures_clause(money)), cheaper_way(money)
    if way is None:
        return back
    later = NEVER if way.payback_days is None else f"after {say.days(way.payback_days)}"
    return f"{back} against {named(run.baseline)}, against {named(way.name)} {later}"


def reasons(run: StoredRun) -> list[str]:
    """The verdict's reasons as the page sets them."""
    return [typeset(reason) for reason in (run.results.get("verdict") or {}).get("reasons") or []]


def flips(run: StoredRun) -> list[Flip]:
    """Every input whose change alone would flip the answer, the nearest first; unreachable ones are omitted."""
    currency = str((run.results.get("money") or {}).get("currency") or "")
    found = [_flip(flip, currency) for flip in (run.results.get("verdict") or {}).get("flips") or []]
    return sorted((flip for flip in found if flip is not None), key=lambda flip: flip.distance)


def _flip(flip: Mapping[str, Any], currency: str) -> Flip | None:
    now, then = flip.get("from"), flip.get("to")
    if not isinstance(then, int | float) or isinstance(then, bool):
        return None
    key = str(flip.get("key") or flip.get("what") or "")
    last = key.rpartition(".")[2]
    what = typeset(str(flip.get("what") or key).replace("_", " "))
    subject = what if last.startswith("requests") else f"the {what}"
    answer = str(flip.get("decision") or "")
    if not isinstance(now, int | float) or now <= 0:
        is_ = "are" if last in COUNTED else "is"
        return Flip(f"If {subject} {is_} {_in_units(last, then, currency)} or more", answer, math.inf)
    if last not in SHARES and not 1 / FARTHEST <= then / now <= FARTHEST:
        return None
    verb = ("rise" if then > now else "fall") + ("" if last in COUNTED else "s")
    start, end = _in_units(last, now, currency), _in_units(last, then, currency)
    ends = f"from {start} to {end}" if start != end else f"a little {'above' if then > now else 'below'} {start}"
    distance = abs(then - now) if last in SHARES else abs(math.log(then / now))
    return Flip(f"If {subject} {verb} {ends}", answer, distance)


def _in_units(last: str, value: float, currency: str) -> str:
    if last in SHARES:
        return say.percent(value)
    if last in ("compute", "evaluation", "failure_cost", "hourly"):
        return say.money(value, currency)
    if last.startswith("price_"):
        return f"{say.money(value, currency)} a million"
    if last.endswith("_days"):
        return say.days(value)
    return say.count(value)
