"""Named parts of a text that must come in a given order: sections, keys."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

import polars as pl

from .schema import faults
from .words import quoted

__all__ = ["common_succession", "longest_rising", "succession_faults"]


def succession_faults(
    parts: pl.DataFrame,
    count: int,
    wanted: Sequence[str],
    *,
    extra: bool,
    ignore_case: bool = False,
    shown: Callable[[str], str] = str,
) -> pl.DataFrame:
    """The violations of texts 0 to `count` whose `parts` (index, name, start, end; in text order) are not `wanted`.

    Each wanted part must occur once and in the given order; others may come between them if `extra` is True.
    `shown` writes a name as it appears in a text.
    """
    name = pl.col("name").str.to_lowercase() if ignore_case else pl.col("name")
    keys = [text.lower() for text in wanted] if ignore_case else list(wanted)
    counted = parts.with_columns(key=name)
    if extra:
        counted = counted.filter(pl.col("key").is_in(keys))
    # A text without faults has exactly the wanted names in order: one comparison sorts all of these out.
    orders = counted.group_by("index", maintain_order=True).agg(pl.col("key").str.join("\n"))
    every = pl.DataFrame({"index": pl.Series(range(count), dtype=pl.UInt32)})
    right = orders.filter(pl.col("key") == "\n".join(keys))
    wrong = every.join(right, on="index", how="anti", maintain_order="left")
    parts_of: dict[int, list[tuple[str, str, int, int]]] = {index: [] for index in wrong["index"]}
    columns = parts.with_columns(key=name).join(wrong, on="index", how="semi", maintain_order="left")
    for index, key, text, start, end in columns.select("index", "key", "name", "start", "end").iter_rows():
        parts_of[index].append((key, text, start, end))
    return faults([
        (index, *fault)
        for index, of_text in parts_of.items()
        for fault in _faults_of(of_text, keys, wanted, extra=extra, shown=shown)
    ])  # fmt: skip


Fault = tuple[str | None, int | None, int | None, str]


def _faults_of(
    parts_of: list[tuple[str, str, int, int]],
    keys: Sequence[str],
    wanted: Sequence[str],
    *,
    extra: bool,
    shown: Callable[[str], str],
) -> list[Fault]:
    """The faults of the parts of one text; missing parts last, since they have no position."""
    rank = {key: number for number, key in enumerate(keys)}
    seen: dict[str, tuple[str, int, int]] = {}
    others: dict[str, tuple[str, int, int]] = {}
    faulty: list[Fault] = []
    for key, text, start, end in parts_of:
        if key in seen:
            faulty.append((text, start, end, f"{quoted(shown(wanted[rank[key]]))} only once"))
        elif key in rank:
            seen[key] = (text, start, end)
        else:
            others.setdefault(text.casefold(), (text, start, end))
            if not extra:
                faulty.append((text, start, end, f"only {_listed([shown(name) for name in wanted])}"))
    kept = set(longest_rising([rank[key] for key in seen]))
    for place, (key, (text, start, end)) in enumerate(seen.items()):
        if place not in kept:
            faulty.append((text, start, end, f"{_after(rank[key], wanted, shown)}"))
    # A part that differs only in case is more likely misspelt than missing.
    for key, name in zip(keys, wanted, strict=True):
        if key not in seen and (near := others.get(name.casefold())):
            faulty = [fault for fault in faulty if fault[:3] != near]
            faulty.append((*near, quoted(shown(name))))
        elif key not in seen:
            faulty.append((None, None, None, _after(rank[key], wanted, shown)))
    return sorted(faulty, key=lambda fault: (fault[1] is None, fault[1] or 0))


def longest_rising(numbers: Sequence[int]) -> list[int]:
    """The positions of a longest rising run within `numbers`: as few as possible are out of order."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for place, number in enumerate(numbers):
        at = bisect_left(tails, number)
        before.append(ends[at - 1] if at else -1)
        tails[at : at + 1], ends[at : at + 1] = [number], [place]
    places = []
    place = ends[-1] if ends else -1
    while place >= 0:
        places.append(place)
        place = before[place]
    return places[::-1]


def _after(rank: int, wanted: Sequence[str], shown: Callable[[str], str]) -> str:
    name = quoted(shown(wanted[rank]))
    return f"{name} after {quoted(shown(wanted[rank - 1]))}" if rank else f"{name} at the beginning"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names))


def common_succession(parts: pl.DataFrame, count: int) -> tuple[list[str], bool] | None:
    """The names that occur once in at least 80% of `count` texts, in their usual order, and whether no others do.

    None if there are fewer than two such names. `parts` as in `succession_faults`.
    """
    once = parts.group_by("index", "name").len().filter(pl.col("len") == 1)
    common = once.group_by("name").len().filter(pl.col("len") >= 0.8 * count)["name"].to_list()
    if len(common) < 2:
        return None
    of_common = parts.filter(pl.col("name").is_in(common)).group_by("index", maintain_order=True).agg("name")
    usual = of_common["name"].list.join("\n").value_counts().sort(["count", "name"], descending=[True, False])
    names = usual.item(0, "name").split("\n")
    if sorted(names) != sorted(common):
        return None
    alone = parts.group_by("index", maintain_order=True).agg("name")["name"].list.join("\n") == "\n".join(names)
    return names, alone.sum() >= 0.8 * count
