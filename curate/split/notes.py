"""Explains the sizes of the splits: why they differ from the requested sizes, and which rows kept their split."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from ...core import say
from ..match.join import SimilarPairs
from ..match.relations import Relations
from ..read.dates import UNDATED
from ..settings import CurateSettings
from .assign import SPLITS, split_targets
from .assign_rows import Placed
from .ties import Ties

_OFF = 0.02  # of all rows
_MOST = 3  # ids that an example names


def split_notes(
    pairs: pl.DataFrame,
    placed: Placed,
    relations: Relations,
    *,
    given: np.ndarray,
    pinned: np.ndarray,
    dates: np.ndarray | None,
    settings: CurateSettings,
) -> tuple[list[str], list[dict[str, str]]]:
    """Notes as sentences, and warnings as code and text.

    `given` is each row's earlier split, `pinned` the part that comes from splits.jsonl.
    """
    rows = placed.rows
    side = placed.side[rows]
    sizes, warned = _sizes(pairs, placed, relations, side, pinned=pinned[rows], given=given[rows], settings=settings)
    notes = [
        *_pinned(pinned[rows], given[rows], side),
        *sizes,
        *_untied(placed.ties),
        *_by_meaning(placed.ties, relations),
        *([] if dates is None else _by_date(dates[rows], side)),
    ]
    return notes, [{"code": "split_size", "text": text} for text in warned]


def _pinned(pinned: np.ndarray, given: np.ndarray, side: np.ndarray) -> list[str]:
    n, moved = int((pinned >= 0).sum()), int(((pinned >= 0) & (pinned != side)).sum())
    notes = [f"{say.count(n - moved, 'pair keeps its', 'pairs keep their')} split from splits.jsonl."] if n else []
    if moved:
        count = say.count(moved, "pair is", "pairs are")
        notes.append(
            f"{count} not in the split of splits.jsonl, because the data or overrides.jsonl state another one."
        )
    return notes


def _untied(ties: Ties) -> list[str]:
    """Which identical outputs could not be kept on one side."""
    outputs, rows = ties.untied
    if not outputs:
        return []
    one = outputs == 1
    which = f"{say.count(outputs, 'output')} in {say.count(rows, 'row')} {'is' if one else 'are'} not"
    kept = f"Rows with identical outputs are kept on one side, but {which}" if ties.outputs == "identical" else (
        f"{which} kept on one side"
    )  # fmt: skip
    return [f"{kept}: tying {'it' if one else 'them'} would put more than a fifth of the rows into one split."]


def _by_meaning(ties: Ties, relations: Relations) -> list[str]:
    """How many requests of one meaning are kept on one side, if that was asked for and there are any."""
    if not len(relations.meaning[0]):
        return []
    if not ties.meaning:
        return [
            "Requests that say the same in other words are not kept on one side: tying them would put more than a fifth of "
            "the rows into one split."
        ]
    pairs = say.count(ties.meaning, "pair")
    return [
        f"{pairs} of requests that say the same in other words {'is' if ties.meaning == 1 else 'are'} kept on one side."
    ]


def _sizes(
    pairs: pl.DataFrame,
    placed: Placed,
    relations: Relations,
    side: np.ndarray,
    *,
    pinned: np.ndarray,
    given: np.ndarray,
    settings: CurateSettings,
) -> tuple[list[str], list[str]]:
    """Why the sizes differ from the requested ones, and the warnings among the reasons: none if splits are given."""
    n, free = len(side), int((given < 0).sum())
    sizes, targets = np.bincount(side, minlength=len(SPLITS)), split_targets(n, settings.split)
    shares = np.array([getattr(settings.split, name) for name in SPLITS])
    off, empty = np.abs(sizes - targets), (sizes == 0) & (shares > 0)
    if not n or ((off <= max(1, _OFF * n)).all() and not empty.any()):
        return [], []
    got = ", ".join(f"{name} {a:,} of {b:,}" for name, a, b in zip(SPLITS, sizes, targets, strict=True))
    advice = f" {_NEW_SPLITS}" if (pinned >= 0).any() else ""
    if not free and (pinned == given).all():
        return [f"The sizes come from splits.jsonl, not from the shares in [curate] split: {got}.{advice}"], []
    if not free:
        return [f"The sizes come from the given split, not from the shares in [curate] split: {got}.{advice}"], []
    if free < n:
        text = "Rows that already have a split keep it, so the requested sizes could not be met"
        return [f"{text}: {got}.{advice}"], []
    if placed.ties.largest <= 1:
        missing = " and ".join(name for name, none in zip(SPLITS, empty, strict=True) if none)
        result = f"{missing} would be empty" if missing else got
        text = f"{say.count(n, 'pair is', 'pairs are')} too few for the requested shares: {result}."
        return [text], [text]
    text = f"Tied pairs must be in one split, so the requested sizes could not be met: {got}."
    return [f"{text} {_largest(pairs, placed, relations)}"], [text]


_NEW_SPLITS = "To split all rows again, delete splits.jsonl; earlier results are then no longer comparable."


def _largest(pairs: pl.DataFrame, placed: Placed, relations: Relations) -> str:
    component = placed.ties.component
    sizes = np.bincount(component)
    # On a tie the one with the smallest id, as in `ties.joined_by`.
    candidates = np.flatnonzero(sizes[component] == sizes.max())
    chosen = component[candidates[pairs["id"].gather(placed.rows[candidates]).arg_min() or 0]]
    inside = np.flatnonzero(component == chosen)
    rows = placed.rows[inside]
    examples = [*_group_example(pairs, rows), *_similar_example(pairs, rows, relations)]
    example = f" For example, {'; '.join(examples)}." if examples else ""
    return f"The largest component holds {len(rows):,} pairs, joined by {placed.ties.joined_by}.{example}"


def _group_example(pairs: pl.DataFrame, rows: np.ndarray) -> list[str]:
    here = pairs.select("id", "group").with_row_index("place").filter(pl.col("place").is_in(rows.tolist())).drop_nulls()
    counts = Counter(here["group"].to_list())
    if not counts or max(counts.values()) < 2:
        return []
    group = min(counts, key=lambda name: (-counts[name], name))
    ids = sorted(here.filter(pl.col("group") == group)["id"].to_list())
    more = f" and {len(ids) - _MOST:,} more" if len(ids) > _MOST else ""
    named = ", ".join(f'"{name}"' for name in ids[:_MOST])
    return [f'{named}{more} are in the group "{group[:60]}"']


def _similar_example(pairs: pl.DataFrame, rows: np.ndarray, relations: Relations) -> list[str]:
    ids = dict(zip(rows.tolist(), pairs["id"].gather(rows), strict=True))
    first: dict[int, int] = {}
    for row in sorted(ids, key=lambda row: ids[row]):
        first.setdefault(int(relations.subject[row]), row)
    examples = []
    for found, facts in ((relations.same, "the same"), (relations.siblings, "different")):
        best = _nearest(found, np.fromiter(first, np.int64, len(first)))
        if best is not None:
            one, other = sorted(ids[first[subject]] for subject in best[:2])
            examples.append(f'"{one}" and "{other}" have similarity {best[2]:.2f} and {facts} facts')
    return examples


def _nearest(found: SimilarPairs, subjects: np.ndarray) -> tuple[int, int, float] | None:
    """The most similar pair of these subjects, which are sorted by id; ties go to the smallest ids."""
    inside = np.flatnonzero(np.isin(found.left, subjects) & np.isin(found.right, subjects))
    if not len(inside):
        return None
    place = np.zeros(int(max(found.left.max(), found.right.max(), subjects.max())) + 1, np.int64)
    place[subjects] = np.arange(len(subjects))
    ends = np.sort(np.stack((place[found.left[inside]], place[found.right[inside]])), axis=0)
    best = inside[np.lexsort((ends[1], ends[0], -found.similarity[inside]))[0]]
    return int(found.left[best]), int(found.right[best]), float(found.similarity[best])


def _by_date(dates: np.ndarray, side: np.ndarray) -> list[str]:
    spans = []
    for name in reversed(SPLITS):
        known = dates[(side == SPLITS.index(name)) & (dates != UNDATED)]
        if len(known):
            spans.append(f"{name} {_day(known.min())} to {_day(known.max())}")
    return [f"By date: {', '.join(spans)}."] if spans else []


def _day(microseconds: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds)):%Y-%m-%d}"
