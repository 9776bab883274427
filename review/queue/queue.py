"""The queue of a run: rows that wait for a person, by kind, in the order of their worth."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Lock

import polars as pl

from ...curate import Override
from ...project import Run
from .build import Builder
from .decided import Decided, Latest, decisions_of
from .disagreements import DISAGREEMENT, Disagreements
from .items import Entries, Entry, Item, KindCount, Like, Place
from .kinds import KINDS, kind_named
from .repairs import Repairs
from .rules import Rules
from .shared import Shared
from .sides import title_of
from .sources.outputs import Outputs
from .tables import Tables
from .texts import Texts

_AHEAD = 24  # items whose checks are prepared while a person reads one


class Queue:
    """What waits for a person in a curated run. `latest` is always the decision that applies to each id.

    `measure` finds the rejected rows that a repair would make acceptable, and what rows have in common; until it is done
    the former count as rejected, the counts of both kinds are not `exact`, and items share rules alone.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._texts = Texts(run.folder)
        self._identifiers: list[str] = run.curation.get("identifiers") or []
        self._decided = Decided(self._texts, self._identifiers)
        self._shared = Shared(self._texts)
        self._ahead = ThreadPoolExecutor(1, "tuneworth-review-ahead")
        self._making = Lock()
        self._ready: dict[str, frozenset[str]] = {}  # the keys that were prepared last, by kind

    # --- what there is ----------------------------------------------------------------------------------------

    def counts(self, latest: Latest) -> list[KindCount]:
        """Each kind that the run has any of, in the order of their worth."""
        found = []
        for kind in KINDS:
            decided = self._about(kind.name, self._entries(kind.name), latest)
            if len(decided):
                left = decided.null_count()
                exact = self._repairs.done or kind.name not in ("repair", "rejected")
                found.append(KindCount(kind.name, len(decided), left, len(decided) - left, exact))
        return found

    def measure(self) -> None:
        """Find repairs of rejected rows, and what rows have in common; takes seconds for many, so call it in a thread."""
        self._rules.complete(self._run)
        for kind in KINDS:
            self._builder.items(kind, self._entries(kind.name).head(_AHEAD), {})
        self._shared.read(self._tables.rows())
        self._tables.order_failing(self._rules)
        self._repairs.find()

    def entries(
        self, kind: str, latest: Latest, *, start: int, limit: int, search: str = "", left: bool = False
    ) -> Entries:
        """A page of the list of a kind: those that contain `search`, with `left` only those that wait.

        Raises: KeyError if there is no such kind.
        """
        entries = self._entries(kind)
        entries = entries.with_columns(self._about(kind, entries, latest))
        if left:
            entries = entries.filter(pl.col("decided").is_null())
        if search.strip():
            entries = entries.filter(self._tables.holding(entries, search.strip()))
        page = entries.slice(max(start, 0), max(limit, 0))
        pairs = self._builder.pairs(page)
        shown = []
        for row in page.iter_rows(named=True):
            pair = pairs.get((row["file"], row["row"]))
            request = self._disagreements.request(row["key"]) if pair is None else pair["input"]
            shown.append(Entry(row["key"], title_of(row["id"], request or ""), row["decided"]))
        return Entries(len(entries), tuple(shown))

    def place(self, kind: str, key: str, latest: Latest, *, left: bool = True) -> Place:
        """Where an item is in the list of its kind, and the keys beside it, with `left` of those that wait.

        Raises: KeyError if there is no such item.
        """
        entries = self._entries(kind)
        at, inside = self._position(kind, key)
        waits = self._about(kind, entries, latest).is_null() | (not left)
        before, after = waits[:at].arg_true(), waits[at + inside :].arg_true() + (at + inside)
        keys = entries["key"]
        return Place(
            at + 1, len(keys), keys[before[-1]] if len(before) else None, keys[after[0]] if len(after) else None
        )

    def first(self, kind: str, latest: Latest) -> str | None:
        """The key of the first item that waits; None if none does. Raises: KeyError if there is no such kind."""
        waiting = self._following(kind, "", latest)
        return waiting["key"][0] if len(waiting) else None

    # --- items ------------------------------------------------------------------------------------------------

    def item(self, kind: str, key: str, latest: Latest) -> Item:
        """An item with its texts; those after it are prepared in the background.

        Raises: KeyError if there is no such item.
        """
        if kind == DISAGREEMENT:
            return self._disagreements.item(kind_named(kind), key)
        entries = self._entry(kind, key)
        (item,) = self._builder.items(kind_named(kind), entries, latest)
        self._prepare(kind, key, latest)
        return item

    def decisions(
        self, item: Item, action: str, *, text: str | None = None, why: str = "", who: str = "", when: str = ""
    ) -> list[Override]:
        """The decisions that an action on an item makes. Raises: ConfigError if the action does not fit."""
        return decisions_of(item, action, text=text, why=why, who=who, when=when)

    def likes(self, item: Item, latest: Latest) -> list[Like]:
        """What the item shares with others of its kind that wait, and how many these are, itself included."""
        entry = self._entry(item.kind, item.key).row(0, named=True)
        return self._shared.likes(item, entry, self._waiting(item.kind, latest))

    def sharing(self, kind: str, by: str, value: str, latest: Latest) -> list[str]:
        """The keys of the items that wait and share this value. Raises: KeyError if there is no such kind."""
        return self._shared.sharing(self._waiting(kind, latest), by, value)["key"].to_list()

    def bulk(self, kind: str, keys: Sequence[str], latest: Latest) -> list[Item]:
        """These items without marks and notes, as decisions need them: hundreds in the time of one that is shown.

        Raises: KeyError if there is no such kind.
        """
        wanted = pl.DataFrame({"key": keys}, schema={"key": pl.String}).with_row_index("nth")
        entries = self._entries(kind).join(wanted, on="key").sort("nth").drop("nth")
        return self._builder.items(kind_named(kind), entries, latest, marked=False)

    def _prepare(self, kind: str, key: str, latest: Latest) -> None:
        """Check those that are read next, unless that is under way: checking one takes nearly as long as many."""
        following = self._following(kind, key, latest)
        ready = self._ready.get(kind, frozenset())
        if not ready.issuperset(following["key"].head(_AHEAD // 3)) and self._making.acquire(blocking=False):
            self._ahead.submit(self._check_ahead, kind, following, latest)

    def _following(self, kind: str, key: str, latest: Latest) -> pl.DataFrame:
        """The next entries that wait after this one, or after the beginning."""
        entries = self._entries(kind)
        start = sum(self._position(kind, key)) if key else 0
        return entries[self._about(kind, entries, latest)[start:].is_null().arg_true().head(_AHEAD) + start]

    def _position(self, kind: str, key: str) -> tuple[int, int]:
        """The number of entries before this one, and 1, or 0 if it has turned into a repair while it was looked at.

        Raises: KeyError if there is no such item.
        """
        keys = self._entries(kind)["key"]
        at = keys.index_of(key)
        if at is not None:
            return at, 1
        every = self._tables.of("rejected")["key"]
        before = every.index_of(key) if kind in ("repair", "rejected") else None
        if before is None:
            raise KeyError(key)
        return int(keys.is_in(every[:before].implode()).sum()), 0

    def _check_ahead(self, kind: str, entries: pl.DataFrame, latest: Latest) -> None:
        try:
            self._builder.items(kind_named(kind), entries, latest)
            self._ready[kind] = frozenset(entries["key"])
        finally:
            self._making.release()

    # --- tables -----------------------------------------------------------------------------------------------

    def _about(self, kind: str, entries: pl.DataFrame, latest: Latest) -> pl.Series:
        """For each entry the decision about it, null while it waits."""
        return self._disagreements.about() if kind == DISAGREEMENT else self._decided.about(kind, entries, latest)

    def _waiting(self, kind: str, latest: Latest) -> pl.DataFrame:
        entries = self._entries(kind)
        return entries.filter(self._about(kind, entries, latest).is_null())

    def _entries(self, kind: str) -> pl.DataFrame:
        kind_named(kind)
        if kind == DISAGREEMENT:
            return self._disagreements.entries()
        table = self._tables.of(kind)
        return self._repairs.entries(kind, table) if kind in ("repair", "rejected") else table

    def _entry(self, kind: str, key: str) -> pl.DataFrame:
        # A rejected row turns into a repair when one is found: its address stays good.
        tables = [self._entries(kind), *([self._tables.of("rejected")] if kind in ("repair", "rejected") else [])]
        for entries in tables:
            found = entries.filter(pl.col("key") == key)
            if len(found):
                return found
        raise KeyError(key)

    @cached_property
    def _tables(self) -> Tables:
        return Tables(self._run, self._texts, self._outputs)

    @cached_property
    def _disagreements(self) -> Disagreements:
        return Disagreements(self._run)

    @cached_property
    def _outputs(self) -> Outputs:
        return Outputs(self._run.folder)

    @cached_property
    def _repairs(self) -> Repairs:
        return Repairs(self._texts, self._rules, self._tables.of("rejected"), tried=self._rules.repairing)

    @cached_property
    def _builder(self) -> Builder:
        return Builder(
            self._texts, self._rules, self._outputs, identifiers=self._identifiers, repairing=self._rules.repairing
        )  # fmt: skip

    @cached_property
    def _rules(self) -> Rules:
        return Rules.of_run(self._run)
