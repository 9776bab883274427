"""The style schema: what a good output looks like, as data, and what each kind of check can do."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl

from ..core import Fix as FixLevel
from .columns import Columns

UNSCORED_SCHEMA = {"index": pl.UInt32, "check": pl.String, "why": pl.String}

Level = Literal["must", "should"]
About = Literal["form", "wording", "facts", "correctness"]
Wordings = Mapping[str, Mapping[str, tuple[str, ...]]]  # field -> value -> texts that also say it


@dataclass(frozen=True)
class Check:
    """One rule. `parameters` are those of its kind; `when` limits it to pairs whose input fields match.

    fix: the repairs that it allows. None: safe ones, and unsafe ones where the caller asks for them.
    `part` and `each` limit it to pieces of the output: `first paragraph`, each `sentence`; with both, to each piece of
    the part. `wordings` are those of the style, for the kinds that compare values.
    """

    kind: str
    id: str
    level: Level
    about: About
    parameters: Any  # the frozen dataclass of the kind
    when: Mapping[str, tuple[str, ...] | None] | None = None  # field -> wanted values; None: present and not empty
    say: str | None = None
    ignore_case: bool = False
    fix: FixLevel | None = None
    each: str | None = None
    part: str | None = None
    wordings: Wordings = field(default_factory=dict)


Task = Literal["labels", "fields", "answer", "sql", "text"]


@dataclass(frozen=True)
class StyleSchema:
    """A named list of checks. `reviewed` is False until a person has reviewed an inferred schema; `task` is what the outputs
    are, where it is stated."""

    name: str
    checks: tuple[Check, ...]
    about: str = ""
    reviewed: bool = True
    path: Path | None = field(default=None, compare=False)
    wordings: Wordings = field(default_factory=dict)
    task: Task | None = None

    @property
    def without_references(self) -> "StyleSchema":
        """The rules that need no reference: those that a program can also check where the right answer is not known."""
        checks = tuple(check for check in self.checks if check.about != "correctness")
        return self if len(checks) == len(self.checks) else replace(self, checks=checks)

    @property
    def deciding_rule(self) -> Check | None:
        """The first must rule that compares outputs with references."""
        return next((check for check in self.checks if check.about == "correctness" and check.level == "must"), None)

    @property
    def sources(self) -> list[tuple[str, Path]]:
        """("style", file) for the style file and those that its checks read, such as lists of words and JSON Schemas."""
        values = [
            getattr(check.parameters, parameter.name)
            for check in self.checks
            for parameter in fields(check.parameters)
            if parameter.metadata.get("file")
        ]
        named = (Path(value) for value in values if isinstance(value, str))
        return [("style", path) for path in dict.fromkeys((self.path, *named)) if path is not None]


@dataclass(frozen=True)
class StyleResults:
    """The results of all checks on a table of outputs; a row is identified by its position in that table.

    status: one column per check id, values `pass`, `fail`, `not applicable`, `unscored`; one row per output.
    violations: index (u32), check, found (null: something is missing), start, end (code points, end
    excluded; null if there is no span), expected; sorted by index and by the order of the checks.
    unscored: index, check, why, one row per check that could not be scored.
    """

    style: StyleSchema
    status: pl.DataFrame
    violations: pl.DataFrame
    unscored: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=UNSCORED_SCHEMA))

    @property
    def compared(self) -> pl.Series:
        """Whether a must rule compares each output with a reference."""
        correct = [c.id for c in self.style.checks if c.level == "must" and c.about == "correctness"]
        if not correct:
            return pl.repeat(False, len(self.status), dtype=pl.Boolean, eager=True)
        return self.status.select(pl.any_horizontal(pl.col(correct) != "not applicable")).to_series()

    def shares(self) -> pl.DataFrame:
        """Columns `consistent`, `faithful`, `correct`, `acceptable`, one row per output; null = could not be scored.

        `consistent` is null throughout if no must rule is about form or wording, `faithful` if none is about facts.
        `correct` is null where no must rule compares the output with a reference.
        """
        musts = [check for check in self.style.checks if check.level == "must"]
        form = [c.id for c in musts if c.about in ("form", "wording")]
        facts = [c.id for c in musts if c.about == "facts"]
        correct = [c.id for c in musts if c.about == "correctness"]
        return self.status.select(
            consistent=_none_failed(form, none=None),
            faithful=_none_failed(facts, none=None),
            correct=pl.when(pl.lit(self.compared)).then(_none_failed(correct, none=None)),
            acceptable=_none_failed(form + facts + correct, none=True),
        )


def _none_failed(checks: list[str], *, none: bool | None) -> pl.Expr:
    """False if any check failed; else null if any is unscored; else True. `none` is the answer without checks."""
    if not checks:
        return pl.repeat(none, pl.len(), dtype=pl.Boolean)
    return (
        pl.when(pl.any_horizontal(pl.col(c) == "fail" for c in checks))
        .then(False)
        .when(pl.any_horizontal(pl.col(c) == "unscored" for c in checks))
        .then(None)
        .otherwise(True)
    )


FAULT_SCHEMA = {
    "index": pl.UInt32, "found": pl.String, "start": pl.Int64, "end": pl.Int64, "expected": pl.String
}  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """Violations (columns of FAULT_SCHEMA), the rows to which the check applies, and those that cannot be scored.

    A row with a violation fails; a row where the check does not apply has none. `applicable` None: it applies
    everywhere. `unscored`: the reason for each row that cannot be scored, null for the others; None: all rows are scored.
    """

    violations: pl.DataFrame
    applicable: pl.Series | None = None
    unscored: pl.Series | None = None


def no_faults() -> pl.DataFrame:
    """An empty table of violations."""
    return pl.DataFrame(schema=FAULT_SCHEMA)


FaultRow = tuple[int, str | None, int | None, int | None, str]


def faults(rows: Sequence[FaultRow]) -> pl.DataFrame:
    """A table of violations from (index, found, start, end, expected)."""
    return pl.DataFrame(rows, schema=FAULT_SCHEMA, orient="row")


def ordered_faults(rows: Iterable[FaultRow]) -> pl.DataFrame:
    """As `faults`, in the order of the outputs and, within each, of the places; those without a place first."""
    return faults(sorted(rows, key=lambda row: (row[0], row[2] or 0)))


@dataclass(frozen=True)
class Proposal:
    """A check suggested by examples: an entry as written in `style.yaml`, without kind and level.

    `style` is False if the check holds for most texts of any style (no leftovers of a prompt): it accompanies other
    rules but does not make a style by itself. `note`: the finding in the examples, for the comment next to the check.
    `most`: the highest level that it may get, whatever the evidence. `held_out`: for a check that is learnt from the
    examples, how many follow it, and of how many, if it is learnt from other examples.
    """

    entry: Mapping[str, Any]
    style: bool = True
    note: str = ""
    most: Level = "must"
    held_out: tuple[int, int] | None = None


@dataclass(frozen=True)
class Explanation:
    """One violation in words: `{found}` and `{expected}` are filled in; `missing` are those where nothing was found."""

    found: str = 'found "{found}", expected {expected}'
    missing: str = "expected {expected}"

    def __call__(self, check: Check, found: str | None, expected: str) -> str:
        """The words for one violation."""
        return (self.missing if found is None else self.found).format(found=found, expected=expected)


def propose_nothing(columns: Columns) -> Sequence[Proposal]:
    """No proposals, for a kind that examples cannot suggest."""
    return ()


class Edit(NamedTuple):
    """A replacement of the text from `start` to `end` (code points, end excluded)."""

    start: int
    end: int
    text: str


Fault = tuple[str | None, int | None, int | None, str]


class Broken(NamedTuple):
    """An output that breaks a check, with its violations (found, start, end, expected).

    For a check that is limited to pieces, the piece is the text, and `columns` hold the pieces.
    """

    text: str
    faults: Sequence[Fault]
    columns: Columns
    row: int

    @property
    def prose(self) -> str:
        """The text with signs of the same length in place of its protected spans but part numbers."""
        return self.columns.protected.prose(self.row)

    @property
    def request(self) -> str:
        """The input as text."""
        return self.columns.input[self.row]

    @property
    def fields(self) -> Mapping[str, Any]:
        """The input's fields; empty if it is plain text."""
        return self.columns.fields[self.row]

    @property
    def spans(self) -> list[tuple[str, int, int, str]]:
        """The violations that have a place in the text: found, start, end, expected."""
        return [
            (found, start, end, expected)
            for found, start, end, expected in self.faults
            if found is not None and start is not None and end is not None
        ]


Edits = Callable[[Check, Broken], Iterable[Edit]]


@dataclass(frozen=True)
class Fix:
    """How a kind repairs an output that breaks it; a function that cannot repair it returns no edits.

    safe: the meaning of the text cannot change. unsafe: something that it says goes. The caller makes no edit that
    breaks another rule, and no safe one that changes a fact. says: what both do, for the reference of the kinds.
    spans: the kinds of protected spans that they may change, each as a whole.
    """

    safe: Edits | None = None
    unsafe: Edits | None = None
    says: str = ""
    spans: Collection[str] = ()

    @property
    def possible(self) -> tuple[str, ...]:
        """The values of the key `fix` that have an effect on the kind."""
        return tuple(name for name in ("safe", "unsafe") if getattr(self, name) is not None)


@dataclass(frozen=True)
class Kind:
    """A kind's name, default subject, the frozen dataclass of its parameters, and its functions.

    find: violations in a whole column. say: the rule as a sentence of a style guide. propose: checks of this kind that
    the outputs of examples may follow, strictest first; the caller counts how many do. explain: one violation in
    words. fix: how an output that breaks it is repaired, if it can be. loosens: the lists of which a longer one accepts
    all that a shorter one does. looked_for: those whose texts matter only where they occur in an output or a request.
    "wordings" are those of the style. prose: it does not look at protected spans.
    """

    name: str
    about: About
    parameters: type
    find: Callable[[Check, Columns], Findings]
    say: Callable[[Check], str]
    propose: Callable[[Columns], Sequence[Proposal]] = propose_nothing
    explain: Callable[[Check, str | None, str], str] = Explanation()
    fix: Fix = Fix()
    loosens: frozenset[str] = frozenset()
    looked_for: frozenset[str] = frozenset()
    prose: bool = False

    def look(self, check: Check, columns: Columns) -> Findings:
        """The violations in a whole column, for a check of prose those in prose."""
        return in_prose(self.find, check, columns) if self.prose else self.find(check, columns)


def in_prose(find: Callable[[Check, Columns], Findings], check: Check, columns: Columns) -> Findings:
    """What a check finds in prose: texts that break it and may have protected spans are checked again without them."""
    findings = find(check, columns)
    marked = columns.protected.marked(findings.violations["index"].unique().sort())
    prose = pl.Series("output", [columns.protected.prose(row) for row in marked], dtype=pl.String)
    other = prose != columns.output.gather(marked)
    rows, prose = marked.filter(other), prose.filter(other)
    if not len(rows):
        return findings
    again = find(check, columns.changed(rows.to_list(), prose))
    texts = columns.output.gather(rows).to_list()
    places = again.violations.select("index", "found", "start", "end").iter_rows()
    found = [text if start is None else texts[index][start:end] for index, text, start, end in places]
    moved = again.violations.with_columns(
        index=rows.gather(again.violations["index"]), found=pl.Series(found, dtype=pl.String)
    )
    others = findings.violations.filter(~pl.col("index").is_in(rows.implode()))
    applicable = findings.applicable
    if applicable is not None and again.applicable is not None:
        applicable = applicable.clone().scatter(rows, again.applicable)
    return Findings(pl.concat([others, moved]).sort("index", maintain_order=True), applicable, findings.unscored)
