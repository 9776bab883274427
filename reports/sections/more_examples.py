"""What twice as many examples would give: the learning curve as a small table and a sentence."""

from collections.abc import Mapping
from typing import Any

from .. import numbers as say
from ..stored import StoredRun

__all__ = ["curve_rows", "curve_sentence"]


def curve_rows(run: StoredRun) -> list[tuple[str, str, str]]:
    """(pairs trained on, acceptable, its range) per size; [] where no learning curve was made."""
    curve = _curve(run)
    return [
        (say.count(size), say.percent(found.get("share")), say.percent_range(found.get("low"), found.get("high")))
        for size, found in zip(curve.get("sizes") or [], curve.get("acceptable") or [], strict=False)
        if isinstance(found, Mapping)
    ]


def curve_sentence(run: StoredRun) -> str:
    """What doubling the examples would give, and what that rests on."""
    curve = _curve(run)
    parts = [str(curve.get(key) or "").rstrip(".") for key in ("sentence", "evidence")]
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts if part)


def _curve(run: StoredRun) -> Mapping[str, Any]:
    found = run.results.get("learning_curve")
    return found if isinstance(found, Mapping) else {}
