"""The check `same_fields`: the output is a record with the values of the reference, in JSON or as named values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import polars as pl

from ..answers import Ignored, flat_fields, nearest_reference, same_answer
from ..columns import Columns
from ..fields import field_text, read_fields
from ..schema import Check, Fault, FaultRow, Findings, Kind, Wordings, faults
from ..wordings import value_key
from ..words import listed, quoted
from .equals import check_tolerance, shown, with_references
from .json_text import parsed_json

_MOST = 20  # faults of one output that are listed


@dataclass(frozen=True)
class FieldRule:
    """How the values of a field are compared: `ignore` and `tolerance` as for `equals`; a `value` as a whole, a `set` in
    any order, or a `list` in the order of the reference."""

    ignore: tuple[Ignored, ...] = ()
    tolerance: float | None = None
    as_: Literal["value", "set", "list"] = "value"

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)


@dataclass(frozen=True)
class SameFieldsParameters:
    """The output has the fields of a reference with the same values, and no others.

    Both are JSON objects, `key: value` lines or `name[value]`; a field within a field is named by its path
    (`address.city`). fields: those that count, by default all, each with how its values are compared; `ignore` and
    `tolerance` are for all that do not state their own. Values with the same entry in the style's `wordings` are the same.
    """

    fields: dict[str, FieldRule] = field(default_factory=dict)
    ignore: tuple[Ignored, ...] = ()
    tolerance: float | None = None

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)

    def rule(self, name: str) -> FieldRule:
        """How the values of a field are compared."""
        stated = self.fields.get(name)
        if stated is None:
            return FieldRule(self.ignore, self.tolerance)
        tolerance = self.tolerance if stated.tolerance is None else stated.tolerance
        return FieldRule(stated.ignore or self.ignore, tolerance, stated.as_)


@lru_cache(maxsize=8192)
def record_of(text: str) -> Mapping[str, Any] | None:
    """The values of a record by path; None if the text is none."""
    value, fault = parsed_json(text)
    if fault is None:
        return flat_fields(value) if isinstance(value, dict | list) else None
    found = read_fields(text)
    return None if found is None else flat_fields(found)


@dataclass(frozen=True)
class Compared:
    """The fields of an output against those of a reference: the names of the same ones, and of each kind of fault."""

    same: Sequence[str]
    missing: Sequence[str]
    extra: Sequence[str]
    wrong: Sequence[str]

    @property
    def faults(self) -> int:
        """The number of fields that are not the same."""
        return len(self.missing) + len(self.extra) + len(self.wrong)


def compare_records(
    given: Mapping[str, Any], wanted: Mapping[str, Any], p: SameFieldsParameters, wordings: Wordings
) -> Compared:
    """Which fields of two records are the same. An empty value is no value."""
    one, other = ({name: value for name, value in record.items() if _filled(value)} for record in (given, wanted))
    names = [name for name in dict.fromkeys([*other, *one]) if not p.fields or name in p.fields]
    found: dict[str, list[str]] = {"same": [], "missing": [], "extra": [], "wrong": []}
    for name in names:
        if name not in one:
            kind = "missing"
        elif name not in other:
            kind = "extra"
        else:
            same = _same_values(one[name], other[name], p.rule(name), wordings.get(name, {}))
            kind = "same" if same else "wrong"
        found[kind].append(name)
    return Compared(**found)


def _filled(value: Any) -> bool:
    return value is not None and value != "" and value != [] and value != {}


def _same_values(given: Any, wanted: Any, rule: FieldRule, wordings: Mapping[str, Sequence[str]]) -> bool:
    if rule.as_ == "value" and not (isinstance(given, list) or isinstance(wanted, list)):
        return _same(given, wanted, rule, wordings)
    ours, theirs = (value if isinstance(value, list) else _listed(value) for value in (given, wanted))
    if len(ours) != len(theirs):
        return False
    if rule.as_ != "set":
        return all(_same(one, other, rule, wordings) for one, other in zip(ours, theirs, strict=True))
    rest = list(theirs)
    for one in ours:
        match = next((n for n, other in enumerate(rest) if _same(one, other, rule, wordings)), None)
        if match is None:
            return False
        del rest[match]
    return True


def _listed(value: Any) -> list[Any]:
    """The items of a list that is written as text."""
    return (
        [part for part in (piece.strip() for piece in value.split(",")) if part] if isinstance(value, str) else [value]
    )


def _same(given: Any, wanted: Any, rule: FieldRule, wordings: Mapping[str, Sequence[str]]) -> bool:
    if type(given) is type(wanted) and given == wanted:
        return True
    if _is_number(given) and _is_number(wanted):
        return abs(given - wanted) <= (rule.tolerance or 0) * abs(wanted)
    one, other = field_text(given), field_text(wanted)
    if same_answer(one, other, ignore=rule.ignore, tolerance=rule.tolerance):
        return True
    return not _meanings(one, wordings).isdisjoint(_meanings(other, wordings)) if wordings else False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _meanings(text: str, wordings: Mapping[str, Sequence[str]]) -> set[str]:
    """The values that a text says, by the wordings."""
    key = value_key(text)
    return {value for value, texts in wordings.items() if key in {value_key(value), *map(value_key, texts)}}


def _find_same_fields(check: Check, columns: Columns) -> Findings:
    p: SameFieldsParameters = check.parameters
    if check.ignore_case and "case" not in p.ignore:
        p = SameFieldsParameters(p.fields, (*p.ignore, "case"), p.tolerance)
    applicable = with_references(columns)
    rows: list[FaultRow] = []
    reasons: list[str | None] = [None] * len(columns.output)
    for index in applicable.arg_true():
        output, texts = columns.output[index], columns.right(index)
        if output in texts:
            continue
        records = [record for text in texts if (record := record_of(text)) is not None]
        if not records:
            reasons[index] = f"the reference is neither JSON nor named values: {shown(texts[0])}"
            continue
        found = [*_faults(output, texts, records, p, check.wordings)]
        rows += [(index, *fault) for fault in found[:_MOST]]
    return Findings(faults(rows), applicable, pl.Series("why", reasons, dtype=pl.String))


def _faults(
    output: str, texts: Sequence[str], records: Sequence[Mapping[str, Any]], p: SameFieldsParameters, wordings: Wordings
) -> Iterator[Fault]:
    """The faults against the reference with the fewest."""
    given = record_of(output)
    if given is None:
        yield None, None, None, f"an object with the fields of {shown(nearest_reference(output, texts))}"
        return
    compared = [(compare_records(given, record, p, wordings), record) for record in records]
    best, wanted = min(compared, key=lambda each: each[0].faults)
    for name in best.missing:
        yield None, None, None, f"{name} {shown(field_text(wanted[name]))}"
    for name in (*best.wrong, *best.extra):
        text = field_text(given[name])
        expected = f"{name} {shown(field_text(wanted[name]))}" if name in best.wrong else f"no {name}"
        start = output.find(text) if output.count(text) == 1 else -1
        yield (
            (text, start, start + len(text), expected)
            if start >= 0
            else (None, None, None, f"{expected}, found {quoted(text)}")
        )


def _say_same_fields(check: Check) -> str:
    p: SameFieldsParameters = check.parameters
    names = f" of {listed([quoted(name) for name in p.fields])}" if p.fields else ""
    return f"Give the right value{names or ' of each field'}; leave out a field that the request does not give."


SAME_FIELDS = Kind("same_fields", "correctness", SameFieldsParameters, _find_same_fields, _say_same_fields)
