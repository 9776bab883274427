"""The check `forbidden`: texts that must not stand in an output."""

from dataclasses import dataclass

import polars as pl

from ..columns import Columns
from ..errors import ConfigError
from ..findings import Findings, faults, regex_places, text_places
from ..kind import Kind
from ..schema import Check
from ..words import one_of, quoted, ready_pattern

__all__ = ["FORBIDDEN"]


@dataclass(frozen=True)
class ForbiddenParameters:
    """Texts (`{field}` stands for the value of an input field) or a pattern that must not occur."""

    any: tuple[str, ...] = ()
    regex: str | None = None

    def __post_init__(self) -> None:
        if bool(self.any) == (self.regex is not None):
            raise ConfigError('needs either "any" or "regex"')
        if not all(self.any):
            raise ConfigError('a text in "any" is empty')
        if self.regex is not None:
            ready_pattern(self.regex)


def _find_forbidden(check: Check, columns: Columns) -> Findings:
    p: ForbiddenParameters = check.parameters
    if p.regex is not None:
        pattern = ready_pattern(p.regex, ignore_case=check.ignore_case)
        places = regex_places(columns.output, pattern)
        return Findings(
            faults([(i, text, start, end, f"nothing that matches {p.regex}") for i, text, start, end in places])
        )
    rows = []
    applicable = pl.Series("applies", [False], dtype=pl.Boolean).new_from_index(0, len(columns.output))
    for text in p.any:
        wanted = columns.filled(text)
        applicable |= wanted.is_not_null()
        hits = _contains(columns.output, wanted, ignore_case=check.ignore_case).arg_true()
        for index in hits:
            output, forbidden = columns.output[index], wanted[index]
            for start, end in text_places(output, forbidden, ignore_case=check.ignore_case):
                rows.append((index, output[start:end], start, end, f"not {quoted(forbidden)}"))
    return Findings(faults(sorted(rows, key=lambda row: (row[0], row[2]))), applicable)


def _contains(outputs: pl.Series, wanted: pl.Series, *, ignore_case: bool) -> pl.Series:
    """Where the output holds the text of its own row."""
    frame = pl.DataFrame({"output": outputs, "wanted": wanted})
    if ignore_case:
        frame = frame.with_columns(pl.all().str.to_lowercase())
    return frame.select(pl.col("output").str.contains(pl.col("wanted"), literal=True).fill_null(False))["output"]


def _say_forbidden(check: Check) -> str:
    p: ForbiddenParameters = check.parameters
    if p.regex is not None:
        return f"Write nothing that matches the pattern `{p.regex}`."
    fields = [text[1:-1] for text in p.any if text.startswith("{") and text.endswith("}")]
    texts = [text for text in p.any if text[1:-1] not in fields]
    said = [f"the {name} itself" for name in fields] + ([one_of(texts)] if texts else [])
    return f"Do not write {' or '.join(said)}."


FORBIDDEN = Kind("forbidden", "wording", ForbiddenParameters, _find_forbidden, _say_forbidden)
