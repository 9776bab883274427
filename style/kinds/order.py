"""The check `order`, and the order of named parts for the checks `sections` and `key_values`."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..columns import Columns
from ..parts import facts_of, stripped
from ..schema import Broken, Check, Edit, Explanation, Findings, Fix, Kind, faults
from ..words import checked_pattern, quoted


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
                faulty.append((text, start, end, f"only {', '.join(quoted(shown(name)) for name in wanted)}"))
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


def in_order(text: str, heads: Sequence[tuple[int, str]], wanted: Sequence[str]) -> Iterator[Edit]:
    """The edits that put the blocks of a text in the wanted order, at the places that they have; none if a name recurs.

    `heads` are the place at which each block begins, and its name. White space around blocks stays.
    """
    names, starts = [name for _, name in heads], [start for start, _ in heads]
    if len(set(names)) < len(names):
        return
    ends = [*starts[1:], len(text)]
    places = [place for place, name in enumerate(names) if name in wanted]
    spans = {place: stripped(text, starts[place], ends[place]) for place in places}
    ranked = sorted(places, key=lambda place: wanted.index(names[place]))
    for place, other in zip(places, ranked, strict=True):
        if place != other:
            yield Edit(*spans[place], text[slice(*spans[other])])


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


@dataclass(frozen=True)
class OrderParameters:
    """Patterns by name, in order. The first occurrence of a part counts; a missing part is no violation."""

    parts: dict[str, str]

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise ConfigError('"parts" needs at least two patterns')
        for name, regex in self.parts.items():
            if pl.Series([""]).str.contains(checked_pattern(regex)).item():
                raise ConfigError(
                    f'the part "{name}" matches an empty text, so it occurs everywhere; require a character'
                )


def _patterns(check: Check) -> list[str]:
    return [checked_pattern(regex, ignore_case=check.ignore_case) for regex in check.parameters.parts.values()]


def _places(columns: Columns, patterns: list[str]) -> pl.DataFrame:
    """The first occurrence of each part: `index`, `text`, and a column by the part's number. Byte offsets compare as
    well as code points; those of violations are converted."""
    found = [pl.col("text").str.find(pattern).alias(str(n)) for n, pattern in enumerate(patterns)]
    table = pl.DataFrame({"text": columns.output}).with_row_index()
    return columns.once(("order", *patterns), lambda: table.with_columns(found))


def _find_order(check: Check, columns: Columns) -> Findings:
    p: OrderParameters = check.parameters
    patterns = _patterns(check)
    places = _places(columns, patterns)
    numbers = [str(n) for n in range(len(patterns))]
    highest = [pl.max_horizontal(numbers[:n]) for n in range(1, len(numbers))]
    pairs = zip(numbers[1:], highest, strict=True)
    wrong = places.filter(pl.any_horizontal((pl.col(n) < top).fill_null(False) for n, top in pairs))
    wrong = wrong.with_columns(
        pl.col("text").str.extract(pattern, 0).alias(f"match {n}") for n, pattern in enumerate(patterns)
    )
    rows = []
    for row in wrong.iter_rows(named=True):
        occur = sorted([(row[n], int(n)) for n in numbers if row[n] is not None])
        kept = set(longest_rising([number for _, number in occur]))
        names = list(p.parts)
        for place, (at, number) in enumerate(occur):
            if place not in kept:
                start = len(row["text"].encode()[:at].decode())
                match = row[f"match {number}"]
                later = [other for number_before, other in enumerate(names) if number_before > number]
                earlier = [names[other] for _, other in occur if other < number]
                expected = f"{names[number]} after {earlier[-1]}" if earlier else f"{names[number]} before {later[0]}"
                rows.append((row["index"], match, start, start + len(match), expected))
    applicable = places.select(pl.sum_horizontal(pl.col(n).is_not_null().cast(pl.UInt32) for n in numbers) >= 2)
    return Findings(faults(rows), applicable.to_series().rename("applies"))


def _say_order(check: Check) -> str:
    p: OrderParameters = check.parameters
    return f"Keep this order where the parts occur: {', then '.join(p.parts)}."


def _fix_order(check: Check, broken: Broken) -> Iterator[Edit]:
    """The facts that hold the named parts, put in order at the places that they have; the others stay."""
    text, columns = broken.text, broken.columns
    found = columns.once(("order", check.id), lambda: _places(columns, _patterns(check)).drop("index", "text").rows())
    facts = facts_of(text)
    starts = [start for start, _ in facts]
    ranks: dict[int, int] = {}
    for number, at in enumerate(found[broken.row]):
        if at is None:
            continue
        place = bisect_right(starts, at if text.isascii() else len(text.encode()[:at].decode())) - 1
        if place in ranks:
            return  # one fact holds two parts
        ranks[place] = number
    places = sorted(ranks)
    for place, other in zip(places, sorted(places, key=lambda place: ranks[place]), strict=True):
        if place != other:
            yield Edit(*facts[place], _moved(text, facts, other, place))


def _moved(text: str, facts: Sequence[tuple[int, int]], fact: int, place: int) -> str:
    """A fact as written at another place: the text's last mark stays there, and so does its first capital letter."""
    words, there = text[slice(*facts[fact])], text[slice(*facts[place])]
    if fact == len(facts) - 1:
        words = words.rstrip(".!")
    if place == len(facts) - 1:
        words += there[len(there.rstrip(".!")) :]
    if place == 0 and re.match(r"[A-Z]", there) and re.match(r"[a-z]+\b", words):
        words = words[0].upper() + words[1:]
    return words


ORDER = Kind(
    "order", "form", OrderParameters, _find_order, _say_order,
    explain=Explanation('"{found}" is in the wrong place; expected {expected}'),
    fix=Fix(_fix_order, says="Safe: reorders the comma-separated facts that contain the parts."),
)  # fmt: skip
