"""Results by rule, with their change and its significance; and what variants did instead of answering."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ...core import unbroken as say
from ...evaluate import cause_words, finding_words, tells
from ...evaluate.results import CheckScore
from ..charts.axes import Axis, Figure, render_figure
from ..charts.rows import dumbbell
from ..charts.slope import SlopeLine, drawn_lines, slope_chart
from ..stored import StoredRun
from ..words import quoted

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
    quality, rules = run.results.quality, run.results.style.checks if run.results.style else {}
    ids = dict.fromkeys([*rules, *(check for scored in quality.values() for check in scored.checks)])
    rows = []
    for check in ids:
        found = {name: scored.checks.get(check) for name, scored in quality.items()}
        shares = {name: one.fail / one.n if one and one.n else None for name, one in found.items()}
        before, after = shares.get(run.baseline or ""), shares.get(run.candidate or "")
        move = after - before if before is not None and after is not None else None
        about = rules.get(check) or next((one for one in found.values() if one), None)
        row = CheckRow(
            id=check,
            sentence=rules[check].sentence if check in rules else check,
            level=about.level if about else "",
            about=about.about if about else "",
            broken=tuple(map(_broken_text, found.values())),
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
    compared = [run.variants.index(name) for name in run.compared]
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
    comparison = run.results.comparison
    found = comparison.checks.get(check) if comparison else None
    if found is None:
        return None
    p = found.p_value if found.p_holm is None else found.p_holm
    return p <= CHANCE if p is not None else None


def _clear(before: float, after: float, moved: bool | None) -> bool:
    return abs(after - before) >= CLEAR if moved is None else moved


def _broken_text(found: CheckScore | None) -> str:
    return f"{say.count(found.fail)} of {say.count(found.n)}" if found else "–"


def cause_rows(run: StoredRun, *, telling: bool = False, names: Collection[str] | None = None) -> list[tuple[str, str]]:
    """Label and clauses of each variant with such outputs or unscored requests, in the order of the variants.

    Repaired outputs are not listed again. With `telling`, only what makes a comparison invalid or concerns a tenth of the
    outputs; with `names`, only these variants.
    """
    rows = []
    for name in run.variants:
        if run.way(name) == "repair" or (names is not None and name not in names):
            continue
        scored = run.results.quality[name]
        entries = [entry for entry in scored.causes if not telling or tells(entry)]
        clauses = [quoted(cause_words(entry)) for entry in entries]
        clauses += [quoted(finding_words(found)) for found in run.results.integrity if found.variant == name]
        if scored.unscored:
            clauses.append(f"{say.count(scored.unscored, 'request')} excluded because they could not be scored")
        rows += [(run.label(name), "; ".join(clauses))] if clauses else []
    return rows
