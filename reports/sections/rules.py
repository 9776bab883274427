"""Results by rule, with their change and its significance; and what variants did instead of answering."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...core import unbroken as say
from ...evaluate import cause_words, tells
from ..charts.axes import Axis
from ..charts.figure import Figure, render_figure
from ..charts.rows import dumbbell
from ..charts.slope import SlopeLine, drawn_lines, slope_chart
from ..stored import StoredRun
from ..words import quoted

__all__ = ["PERCENT", "CheckRow", "cause_rows", "check_rows", "most_broken", "moved_figure", "moves", "shown_variants"]

PERCENT = Axis(0, 1, tuple((tick / 4, f"{tick * 25}%") for tick in range(5)))
CHANCE = 0.05  # significance level, the same as the verdict's
CLEAR = 0.05  # without a significance test, a change of five points counts
MOST_ROWS = 20  # rules shown; the ones that changed least are under a disclosure
MOST_COLUMNS = 3  # variants in the table; if there are more, only the compared ones, with the others under a disclosure


@dataclass(frozen=True)
class CheckRow:
    """One rule and how often each variant broke it."""

    id: str
    sentence: str
    level: str
    about: str
    broken: tuple[str, ...]  # for each variant, in the run's order: `12 of 60`
    change: str
    before: float | None = None  # share of the baseline's outputs that break it, among those to which it applies
    after: float | None = None  # the same for the candidate
    moved: bool | None = None  # statistically significant; None if not tested

    @property
    def picture(self) -> Markup:
        """From the baseline's share to the candidate's."""
        return dumbbell(self.before, self.after, PERCENT)

    @property
    def chance(self) -> str:
        """Whether the change is statistically significant, in words; empty if nothing changed or was tested."""
        if self.moved is None or self.before == self.after:
            return ""
        return "significant" if self.moved else "could be chance"


def check_rows(run: StoredRun) -> list[CheckRow]:
    """One row per check, the largest change between baseline and candidate first."""
    quality = run.results.get("quality") or {}
    rules = (run.results.get("style") or {}).get("checks") or {}
    ids = dict.fromkeys([*rules, *(check for name in run.variants for check in quality[name].get("checks") or {})])
    rows = []
    for check in ids:
        found = {name: (quality[name].get("checks") or {}).get(check) or {} for name in run.variants}
        shares = {name: _broken_share(quality[name], found[name]) for name in run.variants}
        before = shares.get(run.baseline) if run.baseline else None
        after = shares.get(run.candidate) if run.candidate else None
        move = after - before if before is not None and after is not None else None
        about = rules.get(check) or next((line for line in found.values() if line), {})
        row = CheckRow(
            id=check,
            sentence=str(about.get("sentence") or check),
            level=str(about.get("level") or ""),
            about=str(about.get("about") or ""),
            broken=tuple(_broken_text(quality[name], found[name]) for name in run.variants),
            change=say.change(before, after)[2] if move is not None else "–",
            before=before,
            after=after,
            moved=_moved(run, check),
        )
        rows.append((abs(move) if move is not None else max(filter(None, shares.values()), default=0.0), row))
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def shown_variants(run: StoredRun) -> tuple[list[int], list[int]]:
    """The indices of the variants in the table, and of those under the disclosure below it."""
    places = list(range(len(run.variants)))
    if len(places) <= MOST_COLUMNS:
        return places, []
    compared = [run.variants.index(name) for name in (run.baseline, run.candidate) if name in run.variants]
    return compared, [place for place in places if place not in compared]


def moves(run: StoredRun) -> tuple[int, int]:
    """How many rules the candidate breaks significantly less often than the baseline, and how many more often."""
    moved = [row for row in check_rows(run) if row.moved and row.before is not None and row.after is not None]
    better = sum(row.after < row.before for row in moved if row.after is not None and row.before is not None)
    return better, len(moved) - better


def moved_figure(run: StoredRun, rows: Sequence[CheckRow]) -> Markup:
    """A slope chart of the rules that changed from baseline to candidate; empty if none did."""
    if run.baseline is None or run.candidate is None:
        return Markup("")
    baseline, candidate = run.label(run.baseline), run.label(run.candidate)
    lines = [
        SlopeLine(row.sentence, row.before, row.after, _clear(row.before, row.after, row.moved))
        for row in rows
        if row.before is not None and row.after is not None
    ]
    shown = drawn_lines(lines)
    if not shown:
        return Markup("")
    hidden = [line for line in lines if line not in shown]
    less = "changed less" if any(line.moved for line in hidden) else "hardly changed"
    note = f"{say.count(len(hidden), 'more rule')} {less}." if hidden else ""
    table = tuple((line.name, *say.change(line.before, line.after)) for line in shown)
    text = "; ".join(f"{name}: {before} with {baseline}, {after} with {candidate}" for name, before, after, _ in table)
    head = ("Rule", baseline, candidate, "Change")
    figure = Figure("How often each rule is broken", text, head, table, note, id="moved")
    return render_figure(figure, slope_chart(lines, baseline, candidate))


def most_broken(rows: Sequence[CheckRow]) -> CheckRow | None:
    """The rule that the candidate breaks most often; None if it breaks none."""
    broken = [row for row in rows if row.after]
    return max(broken, key=lambda row: row.after or 0.0, default=None)


def _moved(run: StoredRun, check: str) -> bool | None:
    """Whether a check's change is statistically significant; must rules are Holm-corrected, others uncorrected."""
    found = (((run.results.get("comparison") or {}).get("checks")) or {}).get(check) or {}
    p = found.get("p_holm") if found.get("p_holm") is not None else found.get("p_value")
    return p <= CHANCE if p is not None else None


def _clear(before: float, after: float, moved: bool | None) -> bool:
    return abs(after - before) >= CLEAR if moved is None else moved


def _applies(scored: Mapping[str, Any], found: Mapping[str, Any]) -> int:
    if found.get("n") is not None:
        return found["n"]
    return (scored.get("n") or 0) - (found.get("not_applicable") or 0) - (found.get("unscored") or 0)


def _broken_share(scored: Mapping[str, Any], found: Mapping[str, Any]) -> float | None:
    applies = _applies(scored, found)
    return found["fail"] / applies if found.get("fail") is not None and applies > 0 else None


def _broken_text(scored: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    if found.get("fail") is None:
        return "–"
    return f"{say.count(found['fail'])} of {say.count(_applies(scored, found))}"


def cause_rows(run: StoredRun, *, telling: bool = False, names: Collection[str] | None = None) -> list[tuple[str, str]]:
    """Label and clauses of each variant with such outputs or unscored requests, in the order of the variants.

    Repaired outputs are not listed again. With `telling`, only what makes a comparison invalid or concerns a tenth of the
    outputs; with `names`, only these variants.
    """
    rows = []
    for name in run.variants:
        if run.way(name) == "repair" or (names is not None and name not in names):
            continue
        scored = run.results["quality"][name]
        entries = [entry for entry in scored.get("causes") or [] if not telling or tells(entry)]
        clauses = [quoted(cause_words(entry)) for entry in entries]
        if unscored := scored.get("unscored"):
            clauses.append(f"{say.count(unscored, 'request')} excluded because they could not be scored")
        rows += [(run.label(name), "; ".join(clauses))] if clauses else []
    return rows
