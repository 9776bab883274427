"""The section with the reasons for the verdict and with what would change it."""

import math
from dataclasses import dataclass

from ...core import unbroken as say
from ...evaluate import futures_clause, gap_clause
from ...evaluate.results import Verdict, VerdictFlip
from ..page import Section
from ..stored import StoredRun
from ..words import capital, named, quoted, typeset
from .money.costs import cheaper_way

# A change by more than this factor flips many answers and is no reason for doubt.
FARTHEST = 30
SHOWN = 3  # more are folded
SHARES = ("acceptance", "cached_share", "discount_rate")
# Inputs with plural names.
COUNTED = (
    "requests_per_day", "requests_total", "requests_per_second", "fixed_tokens", "horizon_days", "target_payback_days",
    "retrain_every_days",
)  # fmt: skip


@dataclass(frozen=True)
class Flip:
    """The value of one input at which the answer changes; `if_` and `answer` form one sentence."""

    if_: str
    answer: str
    distance: float


def section(run: StoredRun) -> Section | None:
    """The section of a run with a verdict."""
    verdict = run.results.verdict
    if verdict is None:
        return None
    found = flips(run)
    farther = found[SHOWN:]
    shown = {
        "reasons": list(map(typeset, verdict.reasons)),
        "flips": found[:SHOWN],
        "farther": farther,
        "farther_title": say.count(len(farther), "larger change"),
    }
    return Section("why", "Why", lead(run, verdict), "why", shown)


def lead(run: StoredRun, verdict: Verdict) -> str:
    """The difference, the chance of payback, and the nearest change that flips the answer."""
    if verdict.what:
        found = max(len(verdict.reasons) - 1, 1)  # the last reason gives the current state
        many = dict(enumerate(("Two", "Three", "Four"), start=2)).get(found, str(found))
        return f"{'One thing needs' if found == 1 else f'{many} things need'} to be fixed before the numbers are valid."
    clauses = [text for text in (_gap(run), _chance(run)) if text]
    near = flips(run)[:1]
    if near:
        condition = f"{near[0].if_[:1].lower()}{near[0].if_[1:]}"
        clauses.append(f"{condition}, the answer becomes “{near[0].answer}”")
    if not clauses:
        return "The reasons for the verdict."
    return f"{capital('; '.join(clauses))}."


def _gap(run: StoredRun) -> str:
    return quoted(gap_clause(run.results)) if run.gap else ""


def _chance(run: StoredRun) -> str:
    money = run.results.money
    if money is None or money.saving_per_request is None or money.requests_per_day is None:
        return ""
    if money.probability_of_payback_in_target is None or not money.target_payback_days:
        return ""
    chance, way = quoted(futures_clause(money)), cheaper_way(run)
    if way is None:
        return chance
    payback = "never" if way.payback_days is None else f"after {say.days(way.payback_days)}"
    return f"{chance} compared with {named(run.baseline)}, and {payback} compared with {named(way.name)}"


def flips(run: StoredRun) -> list[Flip]:
    """Each input that alone could flip the answer, the nearest first; changes that are too far are omitted."""
    verdict, currency = run.results.verdict, run.results.money.currency if run.results.money else ""
    found = [_flip(flip, currency) for flip in verdict.flips] if verdict else []
    return sorted((flip for flip in found if flip is not None), key=lambda flip: flip.distance)


def _flip(flip: VerdictFlip, currency: str) -> Flip | None:
    now, then, last = flip.from_, flip.to, flip.key.rpartition(".")[2]
    if then is None:
        return None
    what = typeset(flip.what.replace("_", " "))
    subject = what if last.startswith("requests") else f"the {what}"
    if now is None or now <= 0:
        is_ = "are" if last in COUNTED else "is"
        return Flip(f"If {subject} {is_} {_in_units(last, then, currency)} or more", flip.decision, math.inf)
    if last not in SHARES and not 1 / FARTHEST <= then / now <= FARTHEST:
        return None
    verb = ("rise" if then > now else "fall") + ("" if last in COUNTED else "s")
    start, end = _in_units(last, now, currency), _in_units(last, then, currency)
    ends = f"from {start} to {end}" if start != end else f"a little {'above' if then > now else 'below'} {start}"
    distance = abs(then - now) if last in SHARES else abs(math.log(then / now))
    return Flip(f"If {subject} {verb} {ends}", flip.decision, distance)


def _in_units(last: str, value: float, currency: str) -> str:
    if last in SHARES:
        return say.percent(value)
    if last in ("compute", "evaluation", "failure_cost", "hourly"):
        return say.money(value, currency)
    if last.startswith("price_"):
        return f"{say.money(value, currency)} per million"
    if last.endswith("_days"):
        return say.days(value)
    return say.count(value)
