"""Requests on which two people prefer different outputs, as entries and items of the queue; a third judgement settles them."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ...project import JUDGEMENTS, Run
from .items import Item, Side, plain
from .kinds import Kind
from .marks import mark_differences
from .sources.entries import entries_of

if TYPE_CHECKING:
    from ..judging.judging import Disagreement

DISAGREEMENT = "disagreement"


class Disagreements:
    """The disagreements of a run, found again when a file of judgements changes. Their keys are the ids of the requests."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._stamp: object = ()
        self._found: dict[str, Disagreement] = {}
        self._entries = entries_of([])

    def entries(self) -> pl.DataFrame:
        """The entries, those that most people judged first: the more they differ, the more the rules leave open."""
        if (stamp := self._changed()) != self._stamp:
            # The outputs are read only where two people judged them.
            found = sorted(self._differing() if len(stamp) > 1 else [], key=lambda one: -one.people)
            self._found = {one.id: one for one in found}
            self._entries = entries_of({"key": one.id, "id": one.id, "evidence": _evidence(one)} for one in found)
            self._stamp = stamp
        return self._entries

    def about(self) -> pl.Series:
        """What settled each entry: `left`, `right` or `equal`; null while it waits."""
        self.entries()
        return pl.Series("decided", [one.decided for one in self._found.values()], dtype=pl.String)

    def request(self, key: str) -> str | None:
        """The request of an entry; None if there is no such entry."""
        return self._found[key].input if key in self._found else None

    def item(self, kind: Kind, key: str) -> Item:
        """The item of a request: both outputs without the names of the variants. Raises: KeyError if it is no entry."""
        self.entries()
        one = self._found[key]
        spans = mark_differences(one.left, one.right)
        sides = tuple(
            Side(row=None, id=one.id, name=name, input=plain(one.input), output=marked, text=text, outcome="kept")
            for name, marked, text in zip(kind.names, spans, (one.left, one.right), strict=True)
        )
        return Item(kind.name, key, _evidence(one), sides, None, kind.actions)

    def _differing(self) -> "list[Disagreement]":
        from ..judging.judging import Judging  # loads the whole evaluation

        return Judging(self._run).differing()

    def _changed(self) -> list[tuple[Path, int, int]]:
        """What is other when a judgement is added: names, times and sizes of the files."""
        files = sorted(file for file in (self._run.folder / JUDGEMENTS).glob("*.json") if file.exists())
        return [(file, stat.st_mtime_ns, stat.st_size) for file in files for stat in (file.stat(),)]


def _evidence(one: "Disagreement") -> str:
    return f"{one.people} people judged this request, and they prefer different outputs."
