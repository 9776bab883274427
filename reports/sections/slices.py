"""The section on parts of the requests: where the tuned model is better or worse than each way without training."""

from typing import NamedTuple

from ...core import unbroken as say
from ...evaluate.results import OWN_SLICES, Slice
from ..page import Section
from ..stored import StoredRun
from ..words import capital, named, short

MOST_ROWS = 8  # that are shown; the others are folded
NAME = 60  # characters of a value


class Row(NamedTuple):
    """One part of the requests against one way; `sure` says whether the difference is significant."""

    part: str
    cases: str
    rival: str
    ours: str
    theirs: str
    change: str
    sure: str


def section(run: StoredRun, *, texts: bool) -> Section | None:
    """The section of a run whose requests have parts that are large enough; without `texts` it names no value of a field."""
    found = [row for row in run.results.slices if texts or row.field in OWN_SLICES[:2]]
    if not found:
        return None
    shown = {
        "rows": [_row(run, row) for row in found],
        "most_rows": MOST_ROWS,
        "whose": named(run.candidate, run.results),
        "routing": _routing(run) if texts else "",
    }
    return Section("slices", "Parts of the requests", _lead(run, found), "slices", shown)


def _lead(run: StoredRun, found: list[Slice]) -> str:
    """In how many parts the candidate is surely worse."""
    who = named(run.candidate, run.results)
    parts = dict.fromkeys(row.words for row in found)
    worse = dict.fromkeys(row.words for row in found if row.worse)
    if not worse:
        return f"{capital(who)} is surely worse in none of {say.count(len(parts), 'part')} of the requests."
    return (
        f"{capital(who)} is surely worse in {say.count(len(worse))} of {say.count(len(parts), 'part')} of the requests."
    )


def _row(run: StoredRun, row: Slice) -> Row:
    value, low, high = row.difference.value, row.difference.low, row.difference.high
    span = "" if low is None or high is None else f" ({say.points_range(low, high)})"
    part = f"{row.field}: {short(row.value, NAME)}"
    return Row(
        part, say.count(row.n), run.label(row.rival), say.percent(row.acceptable), say.percent(row.rival_acceptable),
        f"{say.signed_points(value or 0.0)}{span}", "significant" if row.significant else "could be chance",
    )  # fmt: skip


def _routing(run: StoredRun) -> str:
    """What sending the worst parts to a way without training gives."""
    routing = run.results.routing
    if routing is None:
        return ""
    parts = " or ".join(each.words for each in routing.excepted)
    rival, good = named(routing.rival, run.results), run.results.good
    return (
        f"If requests where {parts} go to {rival}, {say.percent(routing.share_of_requests)} of all do, and "
        f"{say.percent(routing.acceptable.share)} of all outputs are {good} on these cases, by which the parts were chosen."
    )
