"""What repair brought, or would bring: how many rows, by which rules, with examples."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl

from ..core import Fix
from ..style import Columns
from .check import mask_text, repair_outputs, usable_repairs
from .prepare import CountTokens, Prepared
from .resolve import Resolved
from .settings import CurateSettings

__all__ = ["summarise_fixes"]

_TRIED = 2_000  # rows repaired for an offer: a fraction of a second, and a share that is right within two points
_EXAMPLES = 3  # of each rule
_RULES = 12  # with examples
_LONGEST = 2_000  # characters of a text that is shown


def summarise_fixes(
    ready: Prepared, found: Resolved, *, settings: CurateSettings, count_tokens: CountTokens | None
) -> dict[str, Any] | None:
    """The entry `fix` of curate/summary.json; None without rules.

    fix: the setting. rows: kept with a repaired output; rules: check -> such rows, the most first; examples: check -> up
    to three of them with `row, id, before, after`. offer: with `fix` off, `rows, rules, examples` of what safe repairs
    would keep of the rows that a rule dropped: `failing` in number, of which `tried` were repaired to know it.
    """
    if ready.style is None or not ready.style.checks:
        return None
    repairing = _Repairing(ready, count_tokens)
    if settings.fix == "off":
        nothing: dict[str, Any] = {"rows": 0, "rules": {}, "examples": {}}
        return {"fix": "off", **nothing, "offer": _offer(repairing, found)}
    fixed = found.table["fixed"]
    rules = _counts(fixed.drop_nulls())
    rows = repairing.by_content(fixed.is_not_null().arg_true().to_numpy())
    places = _first_of_each(fixed.gather(rows), rules)
    repairs = repairing.of(rows[places], settings.fix)
    return {
        "fix": settings.fix, "rows": len(rows), "rules": rules, "examples": repairing.examples(repairs, rules),
        "offer": None,
    }  # fmt: skip


def _offer(repairing: "_Repairing", found: Resolved) -> dict[str, Any]:
    """What `fix = "safe"` would keep, estimated from some of the rows if they are many."""
    dropped = found.placed.outcomes.kept & (found.outcomes.outcome == "invalid")
    failing = np.flatnonzero(dropped)
    rows = repairing.by_content(failing)[:_TRIED]
    repairs = repairing.of(rows, "safe")
    scale = len(failing) / max(1, len(rows))
    rules = {rule: round(scale * n) for rule, n in _counts(repairs["rules"]).items()}
    return {
        "rows": round(scale * len(repairs)), "rules": rules, "examples": repairing.examples(repairs, rules),
        "failing": len(failing), "tried": len(rows),
    }  # fmt: skip


class _Repairing:
    """Rows of all pairs, by position, repaired again for their texts."""

    def __init__(self, ready: Prepared, count_tokens: CountTokens | None) -> None:
        self._ready = ready
        self._count_tokens = count_tokens

    def by_content(self, rows: np.ndarray) -> np.ndarray:
        """The rows in an order that does not depend on how the data are cut into files or parts."""
        order = self._ready.corpus.in_order
        return order[np.isin(order, rows)]

    def of(self, rows: np.ndarray, fix: Fix) -> pl.DataFrame:
        """The repairs that make an output acceptable: `row` (position), `before, after, rules`."""
        style, corpus = self._ready.style, self._ready.corpus
        assert style is not None
        outputs, inputs, fields = (
            pl.Series(texts, dtype=pl.String)
            for texts in (corpus.written(rows), corpus.requests(rows), corpus.fields(rows))
        )
        every = pl.int_range(len(rows), dtype=pl.UInt32, eager=True)
        found = repair_outputs(Columns(outputs, inputs, fields, self._count_tokens), style, every, fix=fix)
        found = usable_repairs(found, self._ready.checked.habits)
        row = pl.Series(rows, dtype=pl.Int64).gather(found["index"])
        return found.select(row=row, before=outputs.gather(found["index"]), after="output", rules="rules")

    def examples(self, repairs: pl.DataFrame, rules: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        """The first repairs by each rule as `row, id, before, after`, without personal data."""
        names = self._ready.raw.pairs.select("row", "id")
        shown: dict[str, list[dict[str, Any]]] = {rule: [] for rule in [*rules][:_RULES]}
        for row, *texts, of_row in repairs.iter_rows():
            before, after = (mask_text(text[:_LONGEST]) for text in texts)
            for rule in of_row:
                if len(shown.get(rule, range(_EXAMPLES))) < _EXAMPLES:
                    number, id = names.row(row)
                    shown[rule].append({"row": number, "id": id, "before": before, "after": after})
        return shown


def _counts(rules: Iterable[Sequence[str]]) -> dict[str, int]:
    """How many rows each rule changed, the most first."""
    counts = Counter(rule for of_row in rules for rule in of_row)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _first_of_each(rules: Iterable[Sequence[str]], wanted: Iterable[str]) -> list[int]:
    """The positions of the first rows with each of the first rules."""
    missing = dict.fromkeys([*wanted][:_RULES], _EXAMPLES)
    places = []
    for place, of_row in enumerate(rules):
        if not any(missing.values()):
            break
        if any(missing.get(rule) for rule in of_row):
            places.append(place)
            missing.update({rule: missing[rule] - 1 for rule in of_row if missing.get(rule)})
    return places
