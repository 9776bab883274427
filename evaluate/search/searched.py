"""The result of a prompt search in a run's folder, and the variant `searched` made from it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ...core import as_json, from_json, read_stored, read_stored_lines, read_written, write_whole
from ..results import Good, SearchCost
from ..rivals.nearest import NearestExamples
from ..statistics.intervals import share_interval
from ..variants import Variant

SEARCHED = "searched"
ORIGIN = "found by a prompt search"
FOLDER, RESULT, GUIDE, EXAMPLES = "search", "searched.json", "guide.md", "examples.jsonl"


@dataclass(frozen=True)
class Tried:
    """A prompt that was measured on the first pairs of the search: its outcomes in their order, NaN if unscored."""

    name: str
    variant: Variant
    outcomes: np.ndarray

    def to_json(self, groups: np.ndarray | None) -> dict[str, Any]:
        """Its share of acceptable outputs with the 95% interval."""
        known = ~np.isnan(self.outcomes)
        kept = None if groups is None else groups[: len(self.outcomes)][known]
        found = share_interval(self.outcomes[known], kept)
        shares = {"share": found.share, "low": found.low, "high": found.high}
        return {"name": self.name, "n": int(known.sum()), "acceptable": shares}


@dataclass(frozen=True)
class SearchResult:
    """The prompts that were tried, in the order of the search, the place of the best one, and the cost.

    `used` are the ids of all pairs that the search saw, `good` is what the outputs are called that count.
    """

    method: str
    base: Variant
    tried: Sequence[Tried]
    best: int
    groups: np.ndarray | None
    used: Sequence[str]
    seed: int
    cost: SearchCost
    good: Good = "acceptable"

    def to_json(self) -> dict[str, Any]:
        """`searched.json`: everything but the texts."""
        return {
            "method": self.method,
            "variant": self.base.name,
            "model": self.base.model,
            "endpoint": self.base.endpoint,
            "best": self.tried[self.best].name,
            "nearest": None if (near := self.tried[self.best].variant.nearest) is None else near.count,
            "tried": [one.to_json(self.groups) for one in self.tried],
            "search": as_json(self.cost),
            "seed": self.seed,
            "used": list(self.used),
        }


def write_searched(result: SearchResult, run: Path) -> Path:
    """Write the guide, the examples and `searched.json` to the run's folder; returns the folder with them.

    The last file is written last: with it, the result is complete.
    """
    folder, best = run / FOLDER, result.tried[result.best].variant
    examples = ({"input": text, "output": answer} for text, answer in best.examples)
    lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in examples)
    write_whole(folder / GUIDE, (best.guide or "").encode(errors="replace"))
    write_whole(folder / EXAMPLES, lines.encode(errors="replace"))
    text = json.dumps(result.to_json(), ensure_ascii=False, indent=1) + "\n"
    write_whole(folder / RESULT, text.encode(errors="replace"))
    return folder


def read_searched(run: Path) -> dict[str, Any] | None:
    """`searched.json` of a run; None if it has no finished search."""
    return read_stored(run / FOLDER / RESULT, f"{FOLDER}/{RESULT}") or None


def searched_variant(run: Path, variants: Sequence[Variant], train: pl.DataFrame) -> Variant | None:
    """The variant `searched` by the search in a run's folder: the base variant with the found guide and examples, or with
    the pairs of `train` nearest to each request.

    None without a finished search, or if its base variant is gone or has another model now.
    """
    found = read_searched(run)
    base = next((variant for variant in variants if found and variant.name == found["variant"]), None)
    if found is None or base is None or (base.model, base.endpoint) != (found["model"], found["endpoint"]):
        return None
    folder = run / FOLDER
    lines = read_stored_lines(folder / EXAMPLES, f"{FOLDER}/{EXAMPLES}")
    examples = tuple((pair["input"], pair["output"]) for pair in lines)
    return replace(
        base, name=SEARCHED, way="searched", of=(base.name,), examples=examples, guide_origin=ORIGIN,
        guide=read_written(folder / GUIDE, what="guide of the search") or None, search=from_json(found["search"], SearchCost),
        nearest=None if found["nearest"] is None else NearestExamples(train, found["nearest"]),
    )  # fmt: skip
