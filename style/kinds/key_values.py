"""The check `key_values`: lines of a key and its value, in order."""

import re
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..kind import Kind, Proposal
from ..schema import FAULT_SCHEMA, Check, Columns, Findings, faults
from ..succession import common_succession, succession_faults
from ..words import quoted, text_lines

__all__ = ["KEY_VALUES"]

_PROPOSED_SEPARATORS = (": ", " = ", "=", "\t", " - ", " | ")
# The key of a line is a short name, not half a sentence.
_PROPOSED_KEY = r"^[\p{L}][^\n]{0,39}$"


@dataclass(frozen=True)
class KeyValuesParameters:
    """The keys of an output, in order: each begins a line, followed by `separator` and its value.

    A value may continue in indented lines or list items. `extra` False: no other lines than these.
    """

    keys: tuple[str, ...]
    separator: str = ": "
    extra: bool = True

    def __post_init__(self) -> None:
        if not self.keys or not all(key.strip() for key in self.keys):
            raise ConfigError('"keys" needs at least one key, and none may be empty')
        if len(set(self.keys)) < len(self.keys):
            raise ConfigError("a key is listed twice")
        if not self.separator:
            raise ConfigError('"separator" is empty')
        if any("\n" in text for text in (*self.keys, self.separator)):
            raise ConfigError("a key and its separator must be on one line")
        if ambiguous := [key for key in self.keys if self.separator in key]:
            raise ConfigError(f"the key {quoted(ambiguous[0])} contains the separator {quoted(self.separator)}")


def _keyed(texts: pl.Series, separator: str) -> pl.DataFrame:
    """Every line outside code blocks with its `name` before the first separator, null if there is none."""
    # At the end of a line (an empty value, or one that continues below) the separator may lack its trailing spaces.
    short = separator.rstrip()
    ends = f"{re.escape(separator)}|{re.escape(short)}$" if short else re.escape(separator)
    lines = text_lines(texts).filter(~pl.col("fenced"))
    margin = pl.col("line").str.extract(r"^(\s*)").str.len_chars()
    lines = lines.with_columns(name=pl.col("line").str.extract(rf"^\s*(.+?)(?:{ends})"), start=pl.col("start") + margin)
    return lines.with_columns(end=pl.col("start") + pl.col("name").str.len_chars(), margin=margin)


def _find_key_values(check: Check, columns: Columns) -> Findings:
    p: KeyValuesParameters = check.parameters
    lines = _keyed(columns.output, p.separator)
    # Lines that continue a value need no key.
    continues = (pl.col("margin") > 0) | pl.col("line").str.contains(r"^(?:[-*•]|\d+[.)])\s")
    name = pl.col("name").str.to_lowercase() if check.ignore_case else pl.col("name")
    known = name.is_in([key.lower() for key in p.keys] if check.ignore_case else list(p.keys)).fill_null(False)
    parts = lines.filter(pl.col("name").is_not_null() & (known | ~continues))
    found = succession_faults(
        parts,
        len(columns.output),
        p.keys,
        extra=p.extra,
        ignore_case=check.ignore_case,
        shown=lambda key: f"{key}{p.separator.rstrip() or p.separator}",
    )
    if not p.extra:
        loose = lines.filter(pl.col("name").is_null() & ~continues & (pl.col("line").str.strip_chars() != ""))
        text = pl.col("line").str.strip_chars()
        loose = loose.select("index", found=text, start="start", end=pl.col("start") + text.str.len_chars())
        expected = pl.lit(f"only lines of a key, {quoted(p.separator)} and a value").alias("expected")
        found = pl.concat([found, loose.select(*loose.columns, expected).cast(pl.Schema(FAULT_SCHEMA))])
        found = found.sort("index", pl.col("start"), nulls_last=True, maintain_order=True)
    return Findings(found if len(found) else faults([]))


def _say_key_values(check: Check) -> str:
    p: KeyValuesParameters = check.parameters
    keys = ", ".join(f"`{key}{p.separator}…`" for key in p.keys)
    if len(p.keys) == 1:
        return f"Write {'a' if p.extra else 'one'} line {keys}{'' if p.extra else ' and nothing else'}."
    return f"Write one line for each of these, in this order{'' if p.extra else ', and nothing else'}: {keys}."


def _explain_key_values(check: Check, found: str | None, expected: str) -> str:
    if found is None:
        return f"{check.id}: the line {expected} is missing"
    return f"{check.id}: found {quoted(found)} where {expected} is expected"


def _propose_key_values(columns: Columns) -> list[Proposal]:
    many = columns.output.str.contains("\n", literal=True)
    for separator in _PROPOSED_SEPARATORS:
        if (many & columns.output.str.contains(separator, literal=True)).sum() < max(0.5 * len(many), 1):
            continue
        parts = _keyed(columns.output, separator).filter(
            pl.col("name").str.contains(_PROPOSED_KEY) & (pl.col("margin") == 0)
        )
        if (usual := common_succession(parts, len(columns.output))) is None:
            continue
        keys, alone = usual
        entry = {"keys": keys} | ({} if separator == ": " else {"separator": separator})
        return [*([Proposal({**entry, "extra": False})] if alone else []), Proposal(entry)]
    return []


KEY_VALUES = Kind(
    "key_values",
    "form",
    KeyValuesParameters,
    _find_key_values,
    _say_key_values,
    _propose_key_values,
    _explain_key_values,
)
