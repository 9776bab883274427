"""The kept row that is most like another one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ..style.fields import render_fields
from .grams import GRAM
from .normalise import normalise
from .run_files import split_files
from .split import SPLITS

__all__ = ["nearest_kept"]

_MOST = 64 * 2**20  # bytes of split files that are looked through: a second or two


def nearest_kept(run: Path, pair: dict[str, Any]) -> tuple[str, float] | None:
    """The id of the kept row whose input is most like this pair's, with their similarity.

    None where nothing is alike at all, or the files are too large to look through for one answer.
    """
    paths = [path for split in SPLITS for path in split_files(run, split)]
    if sum(path.stat().st_size for path in paths) > _MOST:
        return None
    identifiers = _identifiers(run)
    own = _grams(_comparable(pair, identifiers))
    ids, texts = [], []
    for path in paths:
        for line in path.read_bytes().splitlines():
            other = json.loads(line)
            if other["row"] != pair["row"]:
                ids.append(other["id"])
                texts.append(_comparable(other, identifiers))
    best = _most_similar(own, texts, ids)
    return None if best is None else (ids[best[0]], best[1])


def _most_similar(own: frozenset[str], texts: Sequence[str], ids: Sequence[str]) -> tuple[int, float] | None:
    """The position of the text with the most similar grams; of equals the one with the smallest id."""
    shared = pl.DataFrame({"text": texts}).select(
        n=pl.col("text").str.extract_many(sorted(own), overlapping=True).list.unique().list.len()
    )["n"]
    best: tuple[float, str, int] | None = None
    # Most promising first: n grams shared of |own| make a similarity of n / |own| at the most.
    for place in shared.arg_sort(descending=True).to_list():
        n = shared[place]
        if not n or (best is not None and n / len(own) < -best[0]):
            break
        other = _grams(str(texts[place]))
        both = len(own & other)
        candidate = (-both / len(own | other), str(ids[place]), int(place))
        if both and (best is None or candidate < best):
            best = candidate
    return None if best is None else (best[2], -best[0])


def _grams(text: str) -> frozenset[str]:
    return frozenset(text[i : i + GRAM] for i in range(len(text) - GRAM + 1)) or frozenset((text,))


def _comparable(pair: dict[str, Any], identifiers: Sequence[str]) -> str:
    if pair["fields"] is None or not identifiers:
        return normalise(pair["input"])
    return normalise(render_fields(pair["fields"], leave_out=identifiers))


def _identifiers(run: Path) -> list[str]:
    path = run / "curate" / "summary.json"
    return json.loads(path.read_text(encoding="utf-8")).get("identifiers", []) if path.is_file() else []
