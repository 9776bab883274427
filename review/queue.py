"""The queue of a run: rows that wait for a person, by kind, in the order of their worth."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import polars as pl

from ..core import ConfigError
from ..curate import Override
from ..project import Run
from ..style import StyleSchema
from .decided import decisions_of, settled
from .items import Entries, Entry, Item, KindCount, Place, Repair, Side, plain
from .kinds import KINDS, Kind, kind_named
from .marks import mark_differences
from .repairs import Repairs
from .rules import Broken, Rules, change
from .sides import as_read, side_of, title_of
from .sources.ledger import conflicts, near_duplicates, rejected, repaired, waiting_rows
from .texts import Pair, Texts

__all__ = ["Queue"]

Latest = Mapping[str, Override]


class Queue:
    """What waits for a person in a curated run. `latest` is always the decision that applies to each id.

    `measure` finds the rejected rows that a repair would make acceptable; until it is done they count as rejected, and
    the counts of both kinds are not `exact`.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._texts = Texts(run.folder)

    # --- what there is ----------------------------------------------------------------------------------------

    def counts(self, latest: Latest) -> list[KindCount]:
        """Each kind that the run has any of, in the order of their worth."""
        found = []
        for kind in KINDS:
            entries = self._entries(kind.name)
            if len(entries):
                decided = sum(decision is not None for decision in settled(kind.name, entries, latest))
                exact = self._repairs.done or kind.name not in ("repair", "rejected")
                found.append(KindCount(kind.name, len(entries), len(entries) - decided, decided, exact))
        return found

    def measure(self) -> None:
        """Find the rejected rows that a repair makes acceptable; takes seconds for many, so call it in a thread."""
        self._repairs.find()

    def entries(
        self, kind: str, latest: Latest, *, start: int, limit: int, search: str = "", left: bool = False
    ) -> Entries:
        """A page of the list of a kind: those that contain `search`, with `left` only those that wait."""
        entries = self._entries(kind)
        entries = entries.with_columns(decided=pl.Series(settled(kind, entries, latest), dtype=pl.String))
        if left:
            entries = entries.filter(pl.col("decided").is_null())
        if search.strip():
            entries = entries.filter(self._matching(entries, search.strip()))
        page = entries.slice(max(start, 0), max(limit, 0))
        pairs = self._pairs(page)
        shown = (
            Entry(row["key"], title_of(row, pairs.get((row["file"], row["row"]))), row["decided"])
            for row in page.iter_rows(named=True)
        )
        return Entries(len(entries), tuple(shown))

    def place(self, kind: str, key: str, latest: Latest, *, left: bool = True) -> Place:
        """Where an item is in the list of its kind, and the keys beside it, with `left` of those that wait.

        Raises: KeyError if there is no such item.
        """
        entries = self._entries(kind)
        keys = entries["key"].to_list()
        at = keys.index(key) if key in keys else None
        if at is None:
            raise KeyError(key)
        waits = [not left or decision is None for decision in settled(kind, entries, latest)]
        before = next((keys[n] for n in range(at - 1, -1, -1) if waits[n]), None)
        after = next((keys[n] for n in range(at + 1, len(keys)) if waits[n]), None)
        return Place(at + 1, len(keys), before, after)

    def first(self, kind: str, latest: Latest) -> str | None:
        """The key of the first item that waits; None if none does."""
        entries = self._entries(kind)
        decided = settled(kind, entries, latest)
        return next((key for key, decision in zip(entries["key"], decided, strict=True) if decision is None), None)

    # --- one item ---------------------------------------------------------------------------------------------

    def item(self, kind: str, key: str, latest: Latest) -> Item:
        """An item with its texts.

        Raises: KeyError if there is no such item.
        """
        entry = self._entry(kind, key)
        pairs = self._pairs(pl.DataFrame([entry], schema=self._entries(kind).schema))
        pair, other = pairs.get((entry["file"], entry["row"])), pairs.get((entry["other_file"], entry["other"]))
        known = kind_named(kind)
        if pair is not None and other is not None:
            return self._compared(known, entry, pair, other, latest)
        return self._single(known, entry, pair, latest)

    def decisions(
        self, item: Item, action: str, *, text: str | None = None, why: str = "", who: str = "", when: str = ""
    ) -> list[Override]:
        """The decisions that an action on an item makes. Raises: ConfigError if the action does not fit."""
        return decisions_of(item, action, text=text, why=why, who=who, when=when)

    def _compared(self, kind: Kind, entry: dict[str, Any], pair: Pair, other: Pair, latest: Latest) -> Item:
        texts = [[mark_differences(pair[name], other[name])[n] for name in ("input", "output")] for n in (0, 1)]
        notes = [broken.notes for broken in self._rules.broken([pair, other])]
        contents = [entry["content"], entry["other_content"]]
        sides = (
            side_of(one, name, *spans, as_read(one, content, self._identifiers), latest, notes=note)
            for one, name, spans, content, note in zip((pair, other), kind.names, texts, contents, notes, strict=True)
        )
        reason = entry["evidence"] or kind.reason
        return Item(kind.name, entry["key"], reason, tuple(sides), None, kind.actions)

    def _single(self, kind: Kind, entry: dict[str, Any], pair: Pair | None, latest: Latest) -> Item:
        rules = tuple(rule.partition(":")[2] or rule for rule in (entry["rule"] or "").split(", ") if rule)
        if pair is None:  # nothing was stored of it, so all that a person can do is to drop it
            side = Side(
                entry["row"], entry["id"], kind.names[0], (), (), "", "quarantined", decision=latest.get(entry["id"])
            )
            drop = tuple(action for action in kind.actions if action.name == "drop")
            return Item(kind.name, entry["key"], entry["evidence"] or kind.reason, (side,), None, drop, rules)
        as_written = pair | {"output": pair["output"] if pair["written"] is None else pair["written"]}
        (broken,) = self._rules.broken([as_written])
        side = side_of(
            as_written, kind.names[0], plain(pair["input"]), broken.output,
            as_read(pair, entry["content"], self._identifiers), latest, notes=broken.notes,
        )  # fmt: skip
        repair = _repair(kind, pair, broken, rules)
        possible = {"accept": repair is not None, "wrong": bool(rules)}
        actions = tuple(action for action in kind.actions if possible.get(action.name, True))
        return Item(kind.name, entry["key"], entry["evidence"] or kind.reason, (side,), repair, actions, rules)

    # --- tables -----------------------------------------------------------------------------------------------

    def _entries(self, kind: str) -> pl.DataFrame:
        kind_named(kind)
        if kind in ("repair", "rejected"):
            return self._repairs.entries(kind, self._of_ledger[kind])
        return self._of_ledger.get(kind, self._of_ledger["rejected"].clear())

    def _entry(self, kind: str, key: str) -> dict[str, Any]:
        # A rejected row turns into a repair when one is found: its address stays good.
        tables = [self._entries(kind), *([self._of_ledger["rejected"]] if kind in ("repair", "rejected") else [])]
        for entries in tables:
            found = entries.filter(pl.col("key") == key)
            if len(found):
                return found.row(0, named=True)
        raise KeyError(key)

    @cached_property
    def _of_ledger(self) -> dict[str, pl.DataFrame]:
        threshold = (self._run.curation.get("near_duplicate") or {}).get("threshold")
        rows = waiting_rows(self._run.folder, threshold)
        return {
            "conflict": conflicts(rows), "repair": repaired(rows), "rejected": rejected(rows),
            "near_duplicate": near_duplicates(rows),
        }  # fmt: skip

    @cached_property
    def _repairs(self) -> Repairs:
        return Repairs(self._texts, self._rules, self._of_ledger["rejected"], tried=self._may_repair)

    @cached_property
    def _rules(self) -> Rules:
        return Rules(_style(self._run), unsafe=self._fix == "unsafe")

    @property
    def _fix(self) -> str:
        return (self._run.curation.get("fix") or {}).get("fix", "off")

    @property
    def _may_repair(self) -> bool:
        """Whether the run left out rows that a repair makes acceptable: otherwise it has repaired them itself."""
        return self._run.curation.get("fix") is not None and self._fix == "off"

    @property
    def _identifiers(self) -> list[str]:
        return self._run.curation.get("identifiers") or []

    def _pairs(self, entries: pl.DataFrame) -> dict[tuple[str, int], Pair]:
        """The pairs that these entries are about, by file and row."""
        found: dict[tuple[str, int], Pair] = {}
        for file, row in (("file", "row"), ("other_file", "other")):
            for (name,), some in entries.drop_nulls([file, row]).partition_by(file, as_dict=True).items():
                pairs = self._texts.pairs(name, some[row].to_list())
                found |= {(name, number): pair for number, pair in pairs.items()}
        return found

    def _matching(self, entries: pl.DataFrame, search: str) -> pl.Series:
        """Which entries have the text in their ids, their evidence, their requests or their outputs."""
        wanted = search.casefold()
        named = pl.any_horizontal(
            pl.col(name).str.to_lowercase().str.contains(wanted, literal=True).fill_null(False)
            for name in ("id", "other_id", "evidence", "rule")
        )
        rows = {file: self._texts.holding(file, wanted) for file in self._files(entries)}
        texts = [
            row in rows.get(file, ()) or other in rows.get(other_file, ())
            for file, row, other_file, other in entries.select("file", "row", "other_file", "other").iter_rows()
        ]
        return entries.select(named).to_series() | pl.Series(texts, dtype=pl.Boolean)

    def _files(self, entries: pl.DataFrame) -> list[str]:
        return pl.concat([entries["file"], entries["other_file"]]).drop_nulls().unique().to_list()


def _repair(kind: Kind, pair: Pair, broken: Broken, rules: tuple[str, ...]) -> Repair | None:
    """The repair that the run made, or the one that is possible."""
    if kind.name == "repair" and pair["written"] is not None:
        return change(pair["written"], pair["output"], rules)
    return broken.repair


def _style(run: Run) -> StyleSchema | None:
    """The style of the run's project; None for a run from a file alone, whose ledger has the evidence."""
    try:
        return run.project.style
    except ConfigError:
        return None
