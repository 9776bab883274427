"""What a check-up looks at, the columns of the pairs, and what it finds: findings with their rows, examples and remedy."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

import polars as pl

from ...core import notebook_page, say
from ...style import all_fields, commonest, field_text
from ..check.personal import mask_text
from ..read.pair_table import TURNS

Severity = Literal["high", "medium", "low"]
SEVERITIES: dict[Severity, str] = {"high": "Fix first", "medium": "Look at", "low": "Good to know"}
_AROUND = 45  # characters shown before and after what was found


@dataclass(frozen=True)
class Example:
    """A row that shows a finding: `found` is what was found in it, `text` the passage around it."""

    row: int
    id: str
    found: str | None
    text: str


@dataclass(frozen=True)
class Finding:
    """One finding about the pairs.

    rows, share: how many rows it concerns, and their share of the pairs (0 to 1). `option` is what to add to
    `tuneworth curate`, `setting` the same for tuneworth.toml or style.yaml; None if nothing has to be typed. `values` has
    more figures, by name.
    """

    key: str
    severity: Severity
    title: str
    rows: int
    share: float
    advice: str
    option: str | None = None
    setting: str | None = None
    examples: tuple[Example, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Checkup:
    """A check-up of pairs.

    shape: the recognised format, in one line. inputs: the columns of the input, if it is made of columns. proposed: the
    columns that were chosen because none was stated or recognised (`input`, `output`, `id`), else empty; reason: why these,
    in sentences. rows_read: records; pairs: those that are pairs. distinct_inputs, distinct_outputs:
    compared without case and spacing. lengths: `input` and `output` -> `characters` and `words` -> `median`, `p95`,
    `longest`. findings: the most important first. clean: what was looked for and not found.
    """

    shape: str
    inputs: tuple[str, ...]
    rows_read: int
    pairs: int
    distinct_inputs: int
    distinct_outputs: int
    lengths: Mapping[str, Mapping[str, Mapping[str, int]]]
    findings: tuple[Finding, ...]
    clean: tuple[str, ...]
    proposed: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""

    @property
    def advised(self) -> tuple[Finding, ...]:
        """The findings whose options are recommended: all but those of low severity, the most important first."""
        return tuple(f for f in self.findings if f.option and f.severity != "low")

    @property
    def options(self) -> tuple[str, ...]:
        """The recommended options."""
        return tuple(dict.fromkeys(f.option for f in self.advised if f.option))

    def finding(self, key: str) -> Finding | None:
        """The finding with this key, if there is one."""
        return next((finding for finding in self.findings if finding.key == key), None)

    def to_json(self) -> dict[str, Any]:
        """Everything as values that JSON can hold."""
        return asdict(self) | {"options": list(self.options)}

    @property
    def headline(self) -> str:
        """How many findings of each severity there are, in a sentence."""
        counts = {title: sum(f.severity == name for f in self.findings) for name, title in SEVERITIES.items()}
        found = ", ".join(f"{n} {title.lower()}" for title, n in counts.items() if n) or "nothing found"
        return f"{say.count(self.rows_read, 'row')} read, {say.count(self.pairs, 'pair')}: {found}"

    def __repr__(self) -> str:
        return "\n".join([self.headline, *(f"- {finding.title}" for finding in self.findings)])

    def _repr_html_(self) -> str:
        return self.html()

    def html(self, *, notes: Sequence[str] = ()) -> str:
        """The findings as a table for a notebook, then `notes`."""
        found = [(SEVERITIES[f.severity], f.title, f.advice, f.option or "") for f in self.findings]
        table = (
            pl.DataFrame(found, schema=["severity", "finding", "what to do", "option"], orient="row") if found else None
        )
        return notebook_page(self.headline, table=table, rows=len(found), notes=notes)


def excerpt(text: str, start: int, end: int) -> str:
    """The passage around a place in a text, on one line and without personal data."""
    begin, stop = max(0, start - _AROUND), min(len(text), end + _AROUND)
    begin = text.find(" ", begin, start) + 1 if begin else 0
    stop = stop if stop == len(text) else max(text.rfind(" ", end, stop), end)
    shown = " ".join(mask_text(text[begin:stop]).split())
    return f"{'…' if begin else ''}{shown}{'…' if stop < len(text) else ''}"


_MEASURE = r"^\W{0,3}\d+(?:[ ,.]\d{3})*(?:[.,]\d+\W{0,3}|(?:[.,]\d+)?\s*[\pL%°²³/]{1,4}|\W{1,3})$"


@dataclass(frozen=True)
class Column:
    """A column of the data: a field of the input (`given`), or one beside it that is not used.

    texts: its values as text, one per pair; null where it is empty.
    """

    name: str
    given: bool
    texts: pl.Series

    @cached_property
    def distinct(self) -> int:
        """The number of different values."""
        return self.texts.drop_nulls().n_unique()

    @cached_property
    def filled(self) -> int:
        """The number of rows with a value."""
        return len(self.texts) - self.texts.null_count()

    @cached_property
    def measures(self) -> bool:
        """Whether most values are numbers with decimals or with a unit: prices, weights, scores."""
        number = self.texts.drop_nulls().str.contains(_MEASURE)
        return bool(number.mean() and number.mean() > 0.5)  # type: ignore[operator]

    @cached_property
    def largest(self) -> int:
        """The number of rows with the most frequent value."""
        counts = self.texts.drop_nulls().value_counts(name="n")["n"]
        return int(counts.max() or 0)  # type: ignore[arg-type] — a count


@dataclass(frozen=True)
class Table:
    """The columns of pairs, and the names of the columns that make the input; none if a conversation is.

    names: the number of different names, of which the most common have their column.
    """

    columns: Sequence[Column]
    inputs: tuple[str, ...] = ()
    names: int = 0

    @property
    def given(self) -> list[Column]:
        """The fields of the inputs."""
        return [column for column in self.columns if column.given]

    def adding(self, name: str) -> str | None:
        """The options that add a column to the input; None if the input is not made of columns."""
        objects = len(self.inputs) == 1 and bool(self.given) and self.given[0].name != self.inputs[0]
        if not self.inputs or objects:
            return None
        return " ".join(typed("--input", column) for column in (*self.inputs, name))


def table_of(pairs: pl.DataFrame, inputs: tuple[str, ...]) -> Table:
    """The columns of a pair table: the fields of the inputs in their order, then the columns that are carried along.

    Of more than `MOST_FIELDS` names of either, those with the most values.
    """
    columns: list[Column] = []
    names: set[str] = set()
    nothing = pl.repeat(None, len(pairs), dtype=pl.String, eager=True)
    for rows, given in (
        (all_fields(pairs["fields"], pairs["input"]), True),
        (all_fields(pairs["meta"], nothing), False),
    ):
        found = {name: values for name, values in _values(rows).items() if name not in {*names, TURNS}}
        names |= found.keys()
        for name in commonest({name: len(values.rows) for name, values in found.items()}):
            columns.append(Column(name, given, found[name].series(name, len(pairs))))
    return Table(columns, inputs, len(names))


@dataclass(frozen=True)
class _Values:
    """The values of one name, as text, with the positions of their rows: few rows may have the name."""

    rows: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def series(self, name: str, count: int) -> pl.Series:
        """One value per row; null where there is none."""
        values: list[str | None] = [None] * count
        for row, text in zip(self.rows, self.texts, strict=True):
            values[row] = text
        return pl.Series(name, values, dtype=pl.String)


def _values(rows: Iterable[Mapping[str, Any]]) -> dict[str, _Values]:
    """The values of each name."""
    columns: defaultdict[str, _Values] = defaultdict(_Values)
    for number, row in enumerate(rows):
        for name, value in row.items():
            column = columns[name]
            if text := value if type(value) is str else field_text(value):
                column.rows.append(number)
                column.texts.append(text)
    return columns


def typed(option: str, name: str) -> str:
    """An option with a name as its value, as a shell reads it."""
    from ...core import quote

    return f"{option} {quote(name)}"


def quoted_names(names: Sequence[str], most: int = 6) -> str:
    """The names in quotes, the first ones of many."""
    shown = ", ".join(f'"{name}"' for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def toml_list(names: Sequence[str]) -> str:
    """The names as a list in TOML."""
    return f"[{', '.join(json.dumps(name, ensure_ascii=False) for name in names)}]"
