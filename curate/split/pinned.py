"""Keeps splits given by the data, an earlier run or a decision, and drops rows that would leak."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from pathlib import Path

import numpy as np
import polars as pl

from ...core import RunBroken, read_stored_table, write_synced, writing
from ..match.join import SimilarPairs
from .assign import SPLITS


@dataclass(frozen=True)
class Bridges:
    """Rows that would leak: `row`, and the two rows of other sides that each is tied to; `nearer` is -1 for none."""

    row: np.ndarray
    nearer: np.ndarray
    further: np.ndarray

    @classmethod
    def none(cls) -> "Bridges":
        """No such row."""
        return cls(*(np.zeros(0, np.int64) for _ in range(3)))

    def joined(self, other: "Bridges") -> "Bridges":
        """Both combined."""
        columns = ("row", "nearer", "further")
        return Bridges(*(np.concatenate((getattr(self, name), getattr(other, name))) for name in columns))


def given_sides(splits: pl.Series) -> np.ndarray:
    """The position in `SPLITS` of each given split, -1 if none is given."""
    sides = splits.cast(pl.String).replace_strict(list(SPLITS), range(len(SPLITS)), return_dtype=pl.Int64)
    return sides.fill_null(-1).to_numpy()


def leaked_rows(subject: np.ndarray, sides: np.ndarray, same: SimilarPairs, order: np.ndarray) -> Bridges:
    """Rows with a given split that have a similar row with the same facts on a side that takes precedence.

    Test takes precedence over validation, and validation over train, so that the test set does not shrink. `order`
    decides which row is named if there are several.
    """
    tied = _tied(subject, np.full(len(subject), -1), sides, same, order)
    furthest = _last(tied)
    row = np.flatnonzero((sides >= 0) & (sides < furthest))
    return Bridges(row, np.full(len(row), -1), tied[furthest[row], row])


def pull_tied(
    subject: np.ndarray, group: np.ndarray, sides: np.ndarray, same: SimilarPairs, order: np.ndarray
) -> tuple[np.ndarray, Bridges]:
    """Sides with free rows pulled to those that they are tied to, nearest first; and the rows that would join two.

    Ties are: one subject, similar subjects with the same facts, one group (-1 for none). If a chain of free rows joins
    two sides, only the rows where both sides meet are dropped.
    """
    sides = sides.copy()
    free = sides < 0
    bridges = Bridges.none()
    while True:
        tied = _tied(subject, group, sides, same, order)
        first, last = _first(tied), _last(tied)
        joins = np.flatnonzero(free & (first < last) & (last >= 0))
        bridges = bridges.joined(Bridges(joins, tied[first[joins], joins], tied[last[joins], joins]))
        free[joins] = False
        new = np.flatnonzero(free & (last >= 0))
        if not len(new):
            return sides, bridges
        sides[new] = last[new]
        free[new] = False
        tied = _tied(subject, group, sides, same, order)
        meets = new[_last(tied)[new] > sides[new]]  # two free rows pulled to two sides, tied to each other
        bridges = bridges.joined(Bridges(meets, tied[sides[meets], meets], tied[_last(tied)[meets], meets]))
        sides[meets] = -1


def _tied(
    subject: np.ndarray, group: np.ndarray, sides: np.ndarray, same: SimilarPairs, order: np.ndarray
) -> np.ndarray:
    """For each side and row, `(3, n)`: the row on that side, first in `order`, that the row is tied to; -1 for none."""
    n = len(subject)
    by_order = np.argsort(order, kind="stable")
    subjects = int(max(subject.max(initial=-1), same.left.max(initial=-1), same.right.max(initial=-1))) + 1
    groups = int(group.max(initial=-1)) + 1
    place = np.empty(n + 1, np.int64)
    place[by_order], place[n] = np.arange(n), n
    found = np.full((len(SPLITS), n), n)
    for side in range(len(SPLITS)):
        here = np.flatnonzero(sides == side)
        nearest = np.full(subjects, n)
        np.minimum.at(nearest, subject[here], place[here])
        reach = nearest.copy()
        np.minimum.at(reach, same.left, nearest[same.right])
        np.minimum.at(reach, same.right, nearest[same.left])
        family = np.full(groups + 1, n)  # the last one, for rows without a group, is always empty
        grouped = here[group[here] >= 0]
        np.minimum.at(family, group[grouped], place[grouped])
        found[side] = np.minimum(reach[subject], family[group])
    return np.append(by_order, -1)[found]


def _first(tied: np.ndarray) -> np.ndarray:
    """The first side on which each row has a tie; the number of sides for none."""
    return np.where(tied[0] >= 0, 0, np.where(tied[1] >= 0, 1, np.where(tied[2] >= 0, 2, len(SPLITS))))


def _last(tied: np.ndarray) -> np.ndarray:
    """The last side on which each row has a tie; -1 for none."""
    return np.where(tied[2] >= 0, 2, np.where(tied[1] >= 0, 1, np.where(tied[0] >= 0, 0, -1)))


def pull_to_given(component: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sides with free rows pulled to the only side given in their component; and rows that would join two."""
    low, high = _sides_of(component, sides)
    free = sides < 0
    joins = free & (low[component] < high[component])
    return np.where(free & ~joins, high[component], sides), joins


def pull_siblings(
    component: np.ndarray, tied: np.ndarray, sides: np.ndarray, siblings: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Components and sides where siblings are tied as far as the given sides allow.

    `tied` are the components with siblings, `component` those without. If siblings chain rows of two sides, the
    free ones follow the most similar first, and the chain is cut where both sides meet. `siblings` are pairs of rows,
    the most similar first.
    """
    low, high = _sides_of(tied, sides)
    mixed = low < high
    if not mixed.any():
        return tied, np.where(sides < 0, high[tied], sides)
    label, _ = _sides_of(component, sides)
    side = np.where(label == len(SPLITS), -1, label).tolist()
    parent = list(range(len(side)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    left, right = siblings
    within = mixed[tied[left]]
    for a, b in zip(component[left[within]].tolist(), component[right[within]].tolist(), strict=True):
        one, other = root(a), root(b)
        if one != other and (side[one] < 0 or side[other] < 0):
            parent[other] = one
            side[one] = max(side[one], side[other])
    roots = np.array([root(node) for node in range(len(parent))], np.int64)
    pulled = np.where(mixed[tied], np.array(side)[roots[component]], high[tied])
    # The pieces of a cut chain get new numbers.
    apart = np.where(mixed[tied], len(low) + roots[component], tied)
    return np.unique(apart, return_inverse=True)[1], np.where(sides < 0, pulled, sides)


def placed_again(component: np.ndarray, sides: np.ndarray, hints: np.ndarray) -> np.ndarray:
    """Sides with free rows put where the rows of their component that a rule dropped were; into train rather than others."""
    low, _ = _sides_of(component, hints)
    again = low[component]
    return np.where((sides < 0) & (again < len(SPLITS)), again, sides)


def _sides_of(component: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest given side in each component: the number of sides, and -1, if none is given."""
    size = int(component.max()) + 1 if len(component) else 0
    low, high = np.full(size, len(SPLITS)), np.full(size, -1)
    given = sides >= 0
    np.minimum.at(low, component[given], sides[given])
    np.maximum.at(high, component[given], sides[given])
    return low, high


_SCHEMA = {"content": pl.String, "id": pl.String, "split": pl.String, "dropped": pl.Boolean}
_CHUNK = 50_000  # lines at once: the texts of millions would take some gigabytes


@dataclass(frozen=True)
class PinnedSplits:
    """The lines of splits.jsonl: content (the hash in the ledger), id, split, dropped. Empty before the first run.

    dropped: the row was placed in train or validation, and then dropped since it breaks a rule. Such a row is not in the
    split, but is placed there again: otherwise it could take the place of a test row that a person drops.
    """

    lines: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_SCHEMA))

    def sides(self, content: Sequence[str] | pl.Series, ids: Sequence[str] | pl.Series) -> np.ndarray:
        """The position in `SPLITS` of each pinned row, -1 for the others.

        Content identifies a row; a row with a known id and new content is the same row reworded if the old content no
        longer occurs. (It still occurs if ids count lines and a line was inserted.)
        """
        rows = pl.DataFrame({"content": content, "id": ids}, schema={"content": pl.String, "id": pl.String})
        lines = self._kept.with_columns(side=_SIDE)
        # If one content is on two sides, test wins over validation and train.
        known = lines.group_by("content").agg(pl.col("side").max())
        gone = lines.join(rows, on="content", how="anti")
        named = gone.group_by("id").agg(by_id=pl.col("side").max())
        found = rows.join(known, on="content", how="left", maintain_order="left").join(
            named, on="id", how="left", maintain_order="left"
        )
        return found.select(pl.coalesce("side", "by_id").fill_null(-1)).to_series().to_numpy()

    def hints(self, content: pl.Series) -> np.ndarray:
        """Where each row that a rule dropped was placed, as a position in `SPLITS`; -1 for the others."""
        known = self.lines.filter("dropped").group_by("content").agg(_SIDE.min().alias("side"))
        found = content.to_frame("content").join(known, on="content", how="left", maintain_order="left")
        return found["side"].fill_null(-1).to_numpy()

    def named(self, ids: Sequence[str] | pl.Series) -> np.ndarray:
        """Whether each row's id is pinned."""
        return pl.Series("id", ids, dtype=pl.String).is_in(self._kept["id"].implode()).to_numpy()

    def grown(self, ledger: pl.DataFrame) -> "PinnedSplits":
        """The lines updated by a new ledger: rows that it keeps get its split, all others are unchanged.

        A line is replaced if its content, or its id with reworded content, got a split again. New lines follow, by id;
        rows that a rule dropped come last.
        """
        placed = ledger.filter(pl.col("outcome") == "kept").select("content", "id", "split", dropped=pl.lit(False))
        placed = placed.sort("id").unique("content", keep="first", maintain_order=True)
        seen = ledger.select("content").drop_nulls()
        reworded = self._kept.join(seen, on="content", how="anti").join(placed, on="id", how="semi")
        stay = self._kept.join(reworded, on="content", how="anti", maintain_order="left")
        kept = _updated(stay, placed)
        failing = ledger.filter((pl.col("outcome") != "kept") & pl.col("placed").is_not_null())
        failing = failing.select("content", "id", split="placed", dropped=pl.lit(True)).sort("id")
        failing = failing.unique("content", keep="first", maintain_order=True)
        dropped = _updated(self.lines.filter("dropped"), failing).join(
            kept, on="content", how="anti", maintain_order="left"
        )
        return PinnedSplits(pl.concat([kept, dropped]))

    def joined(self, other: "PinnedSplits") -> "PinnedSplits":
        """The lines, and those of `other` whose content is not among them."""
        return PinnedSplits(
            pl.concat([self.lines, other.lines.join(self.lines, on="content", how="anti", maintain_order="left")])
        )

    @property
    def _kept(self) -> pl.DataFrame:
        return self.lines.filter(~pl.col("dropped"))


_SIDE = pl.col("split").replace_strict(list(SPLITS), range(len(SPLITS)), return_dtype=pl.Int64)


def _updated(lines: pl.DataFrame, newer: pl.DataFrame) -> pl.DataFrame:
    """The lines with the newer id and split of their content; new lines follow, by id."""
    fresh = newer.join(lines, on="content", how="anti").sort("id", "content")
    found = newer.select("content", newer_id="id", newer="split")
    lines = lines.join(found, on="content", how="left", maintain_order="left").select(
        "content", id=pl.coalesce("newer_id", "id"), split=pl.coalesce("newer", "split"), dropped="dropped"
    )
    return pl.concat([lines, fresh])


def read_splits(path: Path) -> PinnedSplits:
    """The pinned rows of a file; empty if there is no such file. Raises: DataError if a line is damaged, with its number."""
    return PinnedSplits(
        read_stored_table(path, "splits.jsonl", _SCHEMA).with_columns(pl.col("dropped").fill_null(False))
    )


def write_splits(path: Path, pinned: PinnedSplits) -> None:
    """Write the file, whole and on the disk when this returns: one line for each pinned row."""
    write_synced(path, map(_lines, pinned.lines.iter_slices(_CHUNK)))


def _lines(rows: pl.DataFrame) -> bytes:
    columns = [list(map(encode_basestring, rows[name].to_list())) for name in ("content", "id", "split")]
    columns.append([', "dropped": true' if dropped else "" for dropped in rows["dropped"]])
    line = '{"content": %s, "id": %s, "split": %s%s}\n'
    return "".join(line % row for row in zip(*columns, strict=True)).encode()


def pin_splits(path: Path, before: PinnedSplits, ledger: pl.DataFrame) -> int:
    """Add the splits of a ledger to the file, which had the rows `before`, and count its lines; those added meanwhile stay.

    Raises:
        RunBroken: another run meanwhile put some of these rows into another split.
        Locked: another process has been writing to it for half a minute.
    """
    with writing(path):
        now = read_splits(path)
        if not now.lines.equals(before.lines):
            kept = ledger.filter(pl.col("outcome") == "kept")
            there = now.sides(kept["content"], kept["id"])
            here = kept["split"].replace_strict(list(SPLITS), range(len(SPLITS)), return_dtype=pl.Int64).to_numpy()
            if apart := int(((there >= 0) & (there != here)).sum()):
                raise RunBroken(
                    f"{path} changed meanwhile: another run put {apart:,} of these rows into another split\n"
                    "Nothing was written. Run the same command again to use the new splits."
                )
        grown = now.joined(before).grown(ledger)
        write_splits(path, grown)
        return len(grown.lines)
