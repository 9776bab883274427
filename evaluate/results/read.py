"""Reads results.json, of this version and of earlier ones, as a record."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core import DataError, damage, read_record
from .run import Results

RESULTS, SCHEMA = "results.json", "tuneworth/results/1"
# What runs compared before `rivals` was a list of rows with these.
_COMPARED = ("difference", "low_one_sided", "p_value", "n", "n_effective", "groups")


def read_results(run: Path) -> Results:
    """The results of a run in its folder.

    Raises: DataError if there are none, or they are damaged or of another schema; with the place and the remedy.
    """
    path = run / RESULTS
    results = read_record(path, RESULTS, Results, lambda found: _upgraded(found, path))
    if results is None:
        raise DataError(f"{path}: file not found.\nRun `tuneworth evaluate` first.")
    return results


def _upgraded(found: dict[str, Any], path: Path) -> dict[str, Any]:
    """The results of any version under the keys of today."""
    if (schema := found.get("schema")) != SCHEMA:
        raise damage(path, RESULTS, f"expected the schema {SCHEMA!r}, found {f'{schema!r}'[:120]}")
    counts = {"unscored": 0, "no_output": 0}  # of a variant; before, no output could be unscored
    quality = _filled(found.get("quality"), counts)
    variants = _filled(found.get("variants"), {"way": "model", "repair": "off"})
    return {**found, "quality": quality, "variants": variants, "rivals": _rivals(found)}


def _filled(found: Any, more: Mapping[str, Any]) -> Any:
    """What is known of each variant, with what an earlier version did not write."""
    if not isinstance(found, Mapping):
        return found
    return {name: {**more, **one} if isinstance(one, Mapping) else one for name, one in found.items() if one}


def _rivals(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`rivals`; of a run before they were a list, those that it compared, each with what it knew.

    Such a run compared only its baseline with the candidate, and the others with the baseline.
    """
    rivals = found.get("rivals") or []
    if isinstance(rivals, list):
        return rivals
    comparison, quality = found.get("comparison") or {}, found.get("quality") or {}
    known = {key: comparison.get(key) for key in _COMPARED}
    baseline = comparison.get("baseline")
    others = [{"name": name, "strongest": False} for name in rivals]
    first = [] if baseline is None else [{"name": baseline, "strongest": True, **known}]
    more = {"way": "model", "measured": True, "today": False}
    return [{**more, **row, "acceptable": (quality.get(row["name"]) or {}).get("acceptable")} for row in first + others]
