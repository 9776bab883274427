"""Rows whose output fits the request of another row better, as a finding."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from ..mispaired import Mispaired, find_mispaired
from .findings import Example, Finding, Severity, excerpt
from .repeats import Compared

_SEVERE: tuple[tuple[float, Severity], ...] = ((0.05, "high"), (0.005, "medium"), (0.0, "low"))
_SHOWN = 3
_EXCERPT = 40  # characters of each text


def look_for_mispaired(compared: Compared) -> Mispaired:
    """The mispaired rows among those that curating would keep."""
    return find_mispaired(compared.pairs.corpus, compared.relations, np.flatnonzero(compared.outcomes.kept))


def mispaired_rows(pairs: pl.DataFrame, found: Mispaired | None) -> Iterator[Finding]:
    """The finding about mispaired rows, or that they cannot be told from others."""
    if found is None or not found.learned:
        return
    values = {"learned": found.learned, "recall": found.recall, "by_chance": found.by_chance}
    if found.weak:
        yield Finding(
            "mispaired_unknown", "low",
            f"Whether outputs stand at the wrong request cannot be told: {found.would_find}.",
            len(pairs), 1.0, "Read some of the rows.", values=values,
        )  # fmt: skip
    elif len(found.rows):
        n = len(found.rows)
        wrong = (n - found.by_chance) / len(pairs)
        yield Finding(
            "mispaired", next(severity for least, severity in _SEVERE if wrong >= least),
            found.sentence(len(pairs)), n, n / len(pairs),
            "Curating keeps them; tuneworth review shows them next to the request that fits better.",
            examples=tuple(_examples(pairs, found)), values=values,
        )  # fmt: skip


def mispaired_clean(found: Mispaired | None) -> Iterator[str]:
    """What was looked for, if no row stands out."""
    if found is not None and found.learned and not found.weak and not len(found.rows):
        yield f"mispaired rows ({found.would_find})"


def _examples(pairs: pl.DataFrame, found: Mispaired) -> Iterator[Example]:
    """The rows that fit least, each with the request that fits better."""
    for row, better in zip(found.rows[:_SHOWN].tolist(), found.better.tolist(), strict=False):
        request, output = (excerpt(pairs[name][row], 0, _EXCERPT) for name in ("input", "output"))
        fits = (
            f"; fits row {pairs['row'][better]}: {excerpt(pairs['input'][better], 0, _EXCERPT)}" if better >= 0 else ""
        )
        yield Example(pairs["row"][row], pairs["id"][row], None, f"{request} → {output}{fits}")
