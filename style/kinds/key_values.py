"""The check `key_values`: lines of a key and its value, in order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..columns import Columns
from ..parts import lines_of
from ..schema import FAULT_SCHEMA, Broken, Check, Edit, Explanation, Findings, Fix, Kind, Proposal, faults
from ..words import quoted, text_lines
from .order import common_succession, in_order, succession_faults

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


def _fix_key_values(check: Check, broken: Broken) -> Iterator[Edit]:
    """Keys and separators written as the rule asks; once all are there, the lines in its order."""
    p: KeyValuesParameters = check.parameters
    text, lines = broken.text, [*lines_of(broken.text)]
    keyed = [(start, key) for start, _, line in lines if (key := _key(line, p))]
    names = [key for _, key in keyed]
    if missing := [key for key in p.keys if key not in names]:
        yield from _written_keys(lines, missing, p)
    else:
        yield from in_order(text, keyed, p.keys)


def _key(line: str, p: KeyValuesParameters) -> str | None:
    """The key that a line begins with."""
    short = p.separator.rstrip()
    for key in p.keys:
        if line.startswith(key) and (line[len(key) :].startswith(p.separator) or line[len(key) :].rstrip() == short):
            return key
    return None


def _written_keys(lines: list[tuple[int, int, str]], missing: list[str], p: KeyValuesParameters) -> Iterator[Edit]:
    """The key and its separator in place of a line's beginning in another case, with emphasis or another separator."""
    wanted = {key.casefold(): key for key in missing}
    for start, _, line in lines:
        head = _LOOSE_KEY.match(line)
        key = wanted.pop(head[1].strip(" *_").casefold(), None) if head else None
        if head and key is not None:
            rest = line[head.end() :].strip()
            yield Edit(
                start, start + head.end(), f"{key}{p.separator if rest else p.separator.rstrip() or p.separator}"
            )


_LOOSE_KEY = re.compile(r"[-*•]?[ \t]?([^:=|\t\n]{1,80}?)[ \t]?(?:[:=|\t]|[ ][-–—](?=[ ]))[*_]{0,3}[ \t]{0,4}")
KEY_VALUES = Kind(
    "key_values",
    "form",
    KeyValuesParameters,
    _find_key_values,
    _say_key_values,
    _propose_key_values,
    Explanation('found "{found}" where {expected} is expected', "the line {expected} is missing"),
    Fix(
        _fix_key_values,
        says="Safe: corrects the case and separator of keys and puts the lines in order.",
    ),
)
