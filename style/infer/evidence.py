"""The evidence for one check: how many examples follow it, how certain that is, and which ones break it."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import polars as pl

from ..check import check_columns
from ..columns import Columns
from ..schema import Check, Level, StyleSchema
from ..words import whole_words

__all__ = [
    "MUST_FROM",
    "SHOULD_FROM",
    "Evidence",
    "Instance",
    "count_evidence",
    "wilson_low",
    "with_ids",
]


MUST_FROM, SHOULD_FROM = 0.95, 0.80  # lower end of Wilson's interval from which a check is proposed at that level
# A term with several spellings deserves a rule even if only a majority uses the preferred one; it drops no row.
SPELLING_ABOVE, SPELLING_ROWS = 0.5, 20
_EXCEPTIONS = 3
_Z = 1.959963984540054  # two-sided 95%


@dataclass(frozen=True)
class Instance:
    """One example that breaks a check: its id, its row in the file, what was found and what was expected."""

    id: str
    row: int
    found: str | None
    expected: str


@dataclass(frozen=True)
class Evidence:
    """A check with the evidence for it.

    entry: the check as in `style.yaml`, without its level. holds: how many of the `applicable` examples follow it; for
    the spelling of a term, of those that contain the term. low: the lower end of Wilson's 95% interval of that share.
    most: the highest level that it may have. exceptions: examples that break it. variants: how many examples contain each
    unwanted spelling. style: False if it holds for texts of any style. terms: for a check that joins several
    spellings, the evidence for each.
    """

    check: Check
    entry: Mapping[str, Any]
    holds: int
    applicable: int
    low: float
    exceptions: tuple[Instance, ...] = ()
    variants: tuple[tuple[str, int], ...] = ()
    style: bool = True
    note: str = ""
    most: Level = "must"
    terms: tuple["Evidence", ...] = ()

    @property
    def share(self) -> float:
        """The share of the applicable examples that follow it; 0 where it applies to none."""
        return self.holds / self.applicable if self.applicable else 0.0

    @property
    def level(self) -> Level | None:
        """The level that the evidence supports; None where it supports none."""
        if self.low >= MUST_FROM and self.most == "must":
            return "must"
        drifts = bool(self.variants) and self.share > SPELLING_ABOVE and self.applicable >= SPELLING_ROWS
        return "should" if self.low >= SHOULD_FROM or drifts else None

    def makes_style(self, examples: int) -> bool:
        """Whether it holds in enough of the `examples` to count as their style: a habit of a few outputs does not."""
        return self.style and self.low >= SHOULD_FROM and self.applicable >= examples / 2


def wilson_low(holds: float, n: float) -> float:
    """The lower end of Wilson's two-sided 95% score interval (Wilson 1927); 0 for n = 0.

    >>> round(wilson_low(47, 50), 3)
    0.838
    """
    if n <= 0 or holds <= 0:
        return 0.0
    share, z2 = holds / n, _Z * _Z
    centre = share + z2 / (2 * n)
    return (centre - math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))) / (1 + z2 / n)


def count_evidence(
    checks: Sequence[Check], entries: Sequence[Mapping[str, Any]], columns: Columns, examples: pl.DataFrame
) -> list[Evidence]:
    """The evidence for each check on `columns`; `examples` holds the same rows with `output`, `input`, `id`, `row`."""
    results = check_columns(columns, StyleSchema("candidates", tuple(checks)))
    violations = results.violations.partition_by("check", as_dict=True)
    evidence = []
    for check, entry in zip(checks, entries, strict=True):
        broken = violations.get((check.id,), results.violations.clear())
        holds, applicable = _counts(results.status[check.id], check, columns)
        exceptions, variants = _exceptions(broken, examples), _variants(broken, check)
        evidence.append(Evidence(check, entry, holds, applicable, wilson_low(holds, applicable), exceptions, variants))
    return evidence


def _counts(status: pl.Series, check: Check, columns: Columns) -> tuple[int, int]:
    """The number of examples that follow the check, and of those it applies to."""
    passes, breaks = status == "pass", status == "fail"
    terms = _terms(check)
    if terms:
        # Outputs without the term break nothing, but do not show which spelling is usual.
        passes &= columns.output.str.contains(("(?i)" if check.ignore_case else "") + whole_words(terms))
    holds = int(passes.sum())
    return holds, holds + int(breaks.sum())


def _terms(check: Check) -> list[str]:
    """The preferred spelling of a check about one term."""
    p = check.parameters
    single = check.kind == "vocabulary" and len(p.preferred) == 1 and not (p.required or p.forbidden)
    return list(p.preferred) if single else []


def _exceptions(violations: pl.DataFrame, examples: pl.DataFrame) -> tuple[Instance, ...]:
    """Examples that break the check, with different findings if there are enough."""
    first = violations.unique("index", keep="first", maintain_order=True)
    distinct = first.unique("found", keep="first", maintain_order=True)
    shown = (distinct if len(distinct) >= _EXCEPTIONS else first).head(_EXCEPTIONS)
    return tuple(
        Instance(examples["id"][index], examples["row"][index], found, expected)
        for index, found, expected in shown.select("index", "found", "expected").iter_rows()
    )


def _variants(violations: pl.DataFrame, check: Check) -> tuple[tuple[str, int], ...]:
    """The unwanted spellings with the number of examples that contain each, most frequent first."""
    if not _terms(check):
        return ()
    counts = violations.group_by("found").agg(pl.col("index").n_unique().alias("n"))
    return tuple(counts.sort("n", "found", descending=[True, False]).iter_rows())


_MOST_LETTERS = 32


def with_ids(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The evidence with an id in each entry whose kind occurs more than once; other checks are known by their kind."""
    kinds = [rule.check.kind for rule in evidence]
    taken: set[str] = set(kinds)
    named = []
    for rule in evidence:
        if kinds.count(rule.check.kind) > 1:
            stem = _stem(rule.entry)
            id = next(name for name in _numbered(stem) if name not in taken)
            taken.add(id)
            rule = replace(rule, entry={"kind": rule.entry["kind"], "id": id, **rule.entry})
        named.append(rule)
    return named


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    for number in count(2):
        yield f"{stem}-{number}"


def _stem(entry: Mapping[str, Any]) -> str:
    """`length-words`, `ends-with-package`, `pattern`: the kind and the first thing that the entry names."""
    values = [v for key, v in entry.items() if key not in ("kind", "level", "when", "ignore_case", "say")]
    texts = [text for value in values for text in _texts(value)]
    if "preferred" in entry:
        return "one-spelling"
    keys = [key for key in entry if key in ("end", "quotes", "dashes", "exclamation_marks", "required")]
    first = keys[0] if keys else next((slug for text in texts if (slug := _slug(text))), "")
    return f"{_slug(entry['kind'])}-{_slug(first)}"[:_MOST_LETTERS].strip("-")


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for item in value for text in _texts(item)] if isinstance(value, list | tuple) else []


def _slug(text: str) -> str:
    """Lower-case ASCII letters and digits with hyphens between."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
