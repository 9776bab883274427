"""Makes the items of the queue from its entries: texts fetched, differences and broken places marked, repairs found."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ...curate import Override, contents_as_read
from .items import Item, Repair, Side, Spans, plain
from .kinds import Kind
from .marks import mark_differences
from .rules import Broken, Rules, change
from .sides import side_of
from .sources.outputs import Outputs
from .texts import Pair, Texts

Latest = Mapping[str, Override]
_KEPT = ("unreviewed", "reference")  # whose broken rules the style tells
_REPAIRED = ("repair", "rejected", *_KEPT)  # the kinds whose outputs a repair may fix


@dataclass(frozen=True)
class _Shown:
    """A pair with the output that is shown, and the hash that decisions name; own: whether it is a row of the run."""

    pair: Pair
    content: str
    own: bool = True


class Builder:
    """Makes items. `repairing`: whether rejected rows may have a repair; a run that repairs outputs has tried it."""

    def __init__(
        self, texts: Texts, rules: Rules, outputs: Outputs, *, identifiers: Collection[str], repairing: bool
    ) -> None:
        self._texts = texts
        self._rules = rules
        self._outputs = outputs
        self._identifiers = identifiers
        self._repairing = repairing

    def items(self, kind: Kind, entries: pl.DataFrame, latest: Latest, *, marked: bool = True) -> list[Item]:
        """The items of these entries of a kind; without `marked` no text is compared or checked, only repaired."""
        rows, pairs = entries.to_dicts(), self.pairs(entries)
        shown = [[*self._shown(kind, row, pairs)] for row in rows]
        broken = iter(self._broken([side.pair for sides in shown for side in sides], marked=marked))
        repairs = self._repairs(kind, rows, shown, pairs)
        return [
            self._item(kind, row, sides, [next(broken) for _ in sides], repair, latest, marked=marked)
            for row, sides, repair in zip(rows, shown, repairs, strict=True)
        ]

    def _item(
        self, kind: Kind, row: Mapping[str, Any], shown: Sequence[_Shown], broken: Sequence[Broken],
        repair: Repair | None, latest: Latest, *, marked: bool,
    ) -> Item:  # fmt: skip
        rules = _rules_of(kind, row, broken)
        sides = tuple(
            side_of(side.pair, name, *texts, side.content, latest, notes=one.notes, own=side.own)
            for side, name, texts, one in zip(
                shown, kind.names, _spans(shown, broken, marked=marked), broken, strict=False
            )
        )
        if not sides:  # nothing was stored of it, so all that a person can do is to drop it
            side = Side(row["row"], row["id"], kind.names[0], (), (), "", "quarantined", decision=latest.get(row["id"]))
            sides = (side,)
        possible = {"accept": repair is not None, "wrong": bool(rules), "edit": bool(shown), "keep": bool(shown)}
        actions = tuple(action for action in kind.actions if possible.get(action.name, True))
        # A repair may fix what only should be kept as well.
        named = self._rules.must(rules) if row["repair"] else rules
        return Item(kind.name, row["key"], _reason(kind, row, broken), sides, repair, actions, named)

    def pairs(self, entries: pl.DataFrame) -> dict[tuple[str, int], Pair]:
        """The pairs that these entries are about, by file and row."""
        found: dict[tuple[str, int], Pair] = {}
        for file, row in (("file", "row"), ("other_file", "other")):
            for (name,), some in entries.drop_nulls([file, row]).partition_by(file, as_dict=True).items():
                pairs = self._texts.pairs(str(name), some[row].to_list())
                found |= {(str(name), number): pair for number, pair in pairs.items()}
        return found

    def _shown(self, kind: Kind, row: Mapping[str, Any], pairs: Mapping[tuple[str, int], Pair]) -> Iterator[_Shown]:
        """The sides of an entry; none if nothing was stored of its row."""
        for file, number, line in (("file", "row", None), ("other_file", "other", row["other_line"])):
            pair = pairs.get((row[file], row[number]))
            if pair is not None and line is not None:
                yield _Shown(pair | {"output": self._outputs.at(line)}, "", own=False)
            elif pair is not None:
                # Whether a repair is right shows beside what was written.
                before = kind.name == "repair" and pair["written"] is not None
                yield _Shown(
                    pair | {"output": pair["written"]} if before else pair,
                    contents_as_read([pair], self._identifiers)[0],
                )

    def _broken(self, pairs: Sequence[Pair], *, marked: bool) -> list[Broken]:
        return self._rules.broken(pairs) if marked else [bare(pair) for pair in pairs]

    def _repairs(
        self, kind: Kind, rows: Sequence[Mapping[str, Any]], shown: Sequence[Sequence[_Shown]],
        pairs: Mapping[tuple[str, int], Pair],
    ) -> list[Repair | None]:  # fmt: skip
        """The repair that the run made of each row, or the one that is possible."""
        if kind.name not in _REPAIRED:
            return [None] * len(rows)
        made: list[Repair | None] = []
        for row, sides in zip(rows, shown, strict=True):
            pair = pairs.get((row["file"], row["row"]))
            done = pair is not None and kind.name == "repair" and pair["written"] is not None
            made.append(
                change(sides[0].pair["output"], pair["output"], row["rule"].split(", ")) if done and pair else None
            )
        if not (self._repairing or kind.name in _KEPT):
            return made
        missing = [n for n, repair in enumerate(made) if repair is None and shown[n]]
        found = self._rules.repairs([shown[n][0].pair for n in missing])
        for n, repair in zip(missing, found, strict=True):
            made[n] = repair
        return made


def bare(pair: Pair) -> Broken:
    """The output without a mark."""
    return Broken(plain(pair["output"]), (), ())


def _rules_of(kind: Kind, row: Mapping[str, Any], broken: Sequence[Broken]) -> tuple[str, ...]:
    if kind.name in _KEPT and broken[0].rules:
        return broken[0].rules
    return tuple(rule.partition(":")[2] or rule for rule in (row["rule"] or "").split(", ") if rule)


def _spans(shown: Sequence[_Shown], broken: Sequence[Broken], *, marked: bool) -> list[tuple[Spans, Spans]]:
    """The marked request and output of each side: two sides by what differs, a single one by what is broken."""
    if len(shown) != 2 or not marked:
        return [(plain(side.pair["input"]), one.output) for side, one in zip(shown, broken, strict=True)]
    texts = [mark_differences(*(side.pair[name] for side in shown)) for name in ("input", "output")]
    return [*zip(*texts, strict=True)]


def _reason(kind: Kind, row: Mapping[str, Any], broken: Sequence[Broken]) -> str:
    if row["evidence"]:
        return row["evidence"]
    return broken[0].notes[0] if broken and broken[0].notes else kind.reason
