"""The list of runs for a terminal: a table where it is wide enough, else a few lines for each run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from rich.cells import cell_len

from ...core import Row, decimals_beside, filled, printable, range_text, say
from ..words import short, variant_label
from .entry import CHANGES, RunEntry, RunSide

GAP = "  "
HASH = 8  # characters of a hash that are shown
LONGEST = 34  # columns of a name in the table
INDENT = 4
_TEXTS = ("name", "label", "confidence", "currency", "cost_of", "data", "style", "damage")


def runs_text(entries: Sequence[RunEntry], *, columns: int = 200, hidden: int = 0) -> str:
    """The runs with a line that sums them up. A table leaves out columns that do not fit, and says which."""
    if not entries:
        return f"No run fits; {say.count(hidden, 'run')} left out by the filter." if hidden else "No runs yet."
    shown = [_printable(entry) for entry in entries]
    lines, left_out = _table(shown, columns)
    body = lines or [line for entry in shown for line in _block(entry, columns)]
    return "\n".join([*body, "", *filled(runs_summary(entries, hidden, left_out), columns=columns)])


def runs_cells(entries: Sequence[RunEntry]) -> dict[str, list[str]]:
    """The columns of the table that have a value in any run: head -> a cell for each run."""
    return {column.head: column.cells for column in _columns(entries) if any(column.cells)}


def _printable(entry: RunEntry) -> RunEntry:
    """The entry with each text on one line and nothing in it that could control a terminal or shift a column."""
    sides = {
        key: replace(side, name=_line_of(side.name))
        for key in ("baseline", "candidate")
        if (side := getattr(entry, key)) is not None
    }
    return replace(entry, **{key: _line_of(getattr(entry, key)) for key in _TEXTS}, **sides)


def _line_of(text: str) -> str:
    return printable(short(text))


def runs_summary(entries: Sequence[RunEntry], hidden: int = 0, left_out: Sequence[str] = ()) -> str:
    """How many runs there are, with their size, and what the table does not show."""
    total = say.size(sum(entry.disk_bytes for entry in entries))
    parts = [f"{say.count(len(entries), 'run')}, {total} on disk"]
    damaged = sum(bool(entry.damage) for entry in entries)
    parts += [f"{damaged} damaged"] if damaged else []
    parts += [f"{say.count(hidden, 'run')} left out by the filter"] if hidden else []
    narrow = f" Not shown in this width: {', '.join(left_out)}." if left_out else ""
    return f"{'; '.join(parts)}.{narrow}"


# --- the parts of an entry ----------------------------------------------------------------------------------------


def local_time(entry: RunEntry) -> str:
    """When the run was created, in the time zone of this machine: `2026-11-28 13:35`; empty if unknown."""
    return f"{entry.time.astimezone():%Y-%m-%d %H:%M}" if entry.time else ""


def stage_text(entry: RunEntry) -> str:
    """The verdict with its confidence; without one, how far the run came."""
    if entry.label:
        return f"{entry.label} ({entry.confidence})" if entry.confidence else entry.label
    if entry.damage:
        return "Damaged"
    return f"{entry.stage.capitalize()}, no verdict" if entry.stage == "evaluated" else f"Only {entry.stage}"


def share_of(entry: RunEntry, role: str) -> str:
    """The acceptable share of the baseline or the candidate with its range: `38% (28 to 49%)`; empty if not measured."""
    side: RunSide | None = getattr(entry, role)
    if side is None or side.acceptable is None:
        return ""
    share = say.percent(side.acceptable, share_decimals(entry))
    span = range_text(Row("acceptable", "", side.acceptable, "share", side.low, side.high))
    return f"{share} ({span})" if span else share


def share_decimals(entry: RunEntry) -> int:
    """The decimals with which both shares of a run and their difference add up."""
    return decimals_beside(*(side and side.acceptable for side in (entry.baseline, entry.candidate)))


def names_differ(entries: Sequence[RunEntry], role: str) -> bool:
    """Whether the runs do not all have the same variant as their baseline or candidate."""
    return len({side.name for entry in entries if (side := getattr(entry, role)) is not None}) > 1


def cost_text(entry: RunEntry) -> str:
    """The costs of one output with the baseline and with the candidate: `0.0784, 0.0615 EUR`; empty without prices."""
    costs = [None if side is None else side.cost for side in (entry.baseline, entry.candidate)]
    known = [say.money(cost, entry.currency or "") for cost in costs if cost is not None]
    unit = f" {entry.currency}"
    return ", ".join([*(text.removesuffix(unit) for text in known[:-1]), *known[-1:]]).rstrip()


def payback_text(entry: RunEntry, *, span: bool = False) -> str:
    """The payback in days, with its range if asked for; empty if it was not computed."""
    if entry.pays_back is None:
        return ""
    row = Row("payback_days", "", entry.payback_days, "days", entry.payback_low, entry.payback_high)
    extent = range_text(row) if span else ""
    return f"{say.days(entry.payback_days)} ({extent})" if extent else say.days(entry.payback_days)


def uses_text(entry: RunEntry) -> str:
    """How often the test set had been used by then."""
    return "" if entry.uses is None else str(entry.uses)


def hash_text(fingerprint: str) -> str:
    """The beginning of a fingerprint."""
    return fingerprint[:HASH]


def changed_words(entry: RunEntry) -> str:
    """What differs from the run before: `data, prices or volume`."""
    return ", ".join(CHANGES[kind] for kind in entry.changed)


# --- the table ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Column:
    """A column with a cell for each run; those that are not `needed` are left out where there is no room, last first."""

    head: str
    cells: list[str]
    needed: bool = False
    right: bool = False

    @cached_property
    def width(self) -> int:
        return max(cell_len(text) for text in (self.head, *self.cells))


def _table(entries: Sequence[RunEntry], columns: int) -> tuple[list[str], list[str]]:
    """The lines of the table, and the heads of the columns without room; no lines if those that are needed do not fit."""
    shown = [column for column in _columns(entries) if any(column.cells)]
    left_out: list[str] = []
    while _width(shown) > columns:
        spare = [column for column in shown if not column.needed]
        if not spare:
            return [], []
        shown.remove(spare[-1])
        left_out.insert(0, spare[-1].head)
    rows = [[column.head for column in shown], *([column.cells[n] for column in shown] for n in range(len(entries)))]
    lines = [_line(shown, row) for row in rows]
    damage = [
        filled(f"{entry.name}: {entry.damage}", indent=INDENT, columns=columns) for entry in entries if entry.damage
    ]
    return [*lines, *([""] if damage else []), *(line for text in damage for line in text)], left_out


def _columns(entries: Sequence[RunEntry]) -> list[_Column]:
    """The columns in their order; those that may go stand last among their kind."""
    names = [short(entry.name, LONGEST) for entry in entries]
    return [
        _Column("run", names, needed=True),
        _Column("verdict", [stage_text(entry) for entry in entries], needed=True),
        *(_Column(role, _shares(entries, role), needed=True) for role in ("baseline", "candidate")),
        _Column("payback", [payback_text(entry) for entry in entries], needed=True, right=True),
        _Column("test uses", [uses_text(entry) for entry in entries], right=True),
        _Column("cost of both", [cost_text(entry) for entry in entries], right=True),
        _Column("changed", [", ".join(entry.changed) for entry in entries]),
        _Column("disk", [say.size(entry.disk_bytes) for entry in entries], right=True),
        _Column("created", [local_time(entry) for entry in entries]),
        _Column("data", [hash_text(entry.data) for entry in entries]),
        _Column("style", [hash_text(entry.style) for entry in entries]),
    ]


def _shares(entries: Sequence[RunEntry], role: str) -> list[str]:
    """The share of each run's side, with the name of the variant where runs differ in it."""
    several = names_differ(entries, role)
    return [_named_share(entry, role) if several else share_of(entry, role) for entry in entries]


def _named_share(entry: RunEntry, role: str) -> str:
    side: RunSide | None = getattr(entry, role)
    return "" if side is None else f"{short(variant_label(side.name), LONGEST)} {share_of(entry, role)}"


def _width(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def _line(columns: Sequence[_Column], cells: Sequence[str]) -> str:
    parts = []
    for column, cell in zip(columns, cells, strict=True):
        pad = " " * (column.width - cell_len(cell))
        parts.append(pad + cell if column.right else cell + pad)
    return GAP.join(parts).rstrip()


# --- where a table does not fit -----------------------------------------------------------------------------------


def _block(entry: RunEntry, columns: int) -> list[str]:
    """A run on several lines, none wider than the terminal."""
    sides = [_named_share(entry, role) for role in ("baseline", "candidate") if share_of(entry, role)]
    cost, payback = cost_text(entry), payback_text(entry, span=True)
    uses = {None: "", 1: "test set used once"}.get(entry.uses, f"test set used {entry.uses} times")
    lines = [
        f"damaged: {entry.damage}" if entry.damage else "",
        "; ".join(sides),  # names may hold commas
        f"{entry.cost_of[:1].lower()}{entry.cost_of[1:]}: {cost}" if cost else "",
        f"payback: {payback}" if payback else "",
        ", ".join(part for part in (local_time(entry), say.size(entry.disk_bytes), uses) if part),
        f"changed: {changed_words(entry)}" if entry.changed else "",
    ]
    head = f"{entry.name}{GAP}{stage_text(entry)}"
    pad = " " * INDENT
    return [
        *filled(head, indent=INDENT, columns=columns),
        *(part for line in lines if line for part in filled(f"{pad}{line}", indent=INDENT + 2, columns=columns)),
    ]
