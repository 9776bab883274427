"""Everything behind the page of one run: the queue, the decisions, the counts, the style, judging and curating.

Each method returns plain data for JSON. Several people and tabs ask at the same time: one lock covers what is read from
the run and what is remembered here, and the decision log settles who was first.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import ConfigError, RunBroken
from ...curate import DecidedElsewhere, DecisionLog, Override, stamp
from ..queue.bulk import Bulk, BulkRequest, gather_bulk, preview_row
from ..queue.items import Item, Place
from ..style.text import read_edits
from .answers import entries_answer, item_answer, kind_answer, seen_of, undo_answer
from .curating import Curating
from .opened import Opened, open_reviewed
from .session import Session

if TYPE_CHECKING:
    from ...project import Run


class MissingError(ConfigError):
    """The queue has no such row."""


class ElsewhereError(ConfigError):
    """Something changed since the person looked; `item` is the row as it is now, None if it is about several."""

    def __init__(self, text: str, item: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.item = item


class Desk:
    """The workbench of a run; after `curate` that of the new one.

    Raises: ConfigError or DataError if the run or its decisions cannot be read.
    """

    def __init__(self, run: "Run", *, who: str | None = None, allow_code: bool = False) -> None:
        self._lock = threading.RLock()
        self._session = Session(who)
        self._opened = Opened(run, allow_code=allow_code)
        self._allow_code = allow_code
        self._curating = Curating(self._open, allow_code=allow_code)
        self._notice = _recovered(self._opened.log)
        self._opened.prepare()

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self._opened.run.folder

    @property
    def file(self) -> Path:
        """The overrides.jsonl that the decisions are written to."""
        return self._opened.log.path

    @property
    def made(self) -> int:
        """How many decisions were made here and not taken back."""
        return self._session.made

    def close(self) -> None:
        """Stop what runs beside the page."""
        self._curating.close()
        self._opened.close()

    def _open(self, folder: Path) -> None:
        """Go on with the run that was just curated, or with this one as another process has left it."""
        opened = Opened(open_reviewed(folder, allow_code=self._allow_code), allow_code=self._allow_code)
        opened.prepare()
        with self._lock:
            self._opened.close()
            self._opened = opened

    def _here(self) -> Opened:
        """The run as it is in its folder now."""
        with self._lock:
            if self._opened.outdated:
                self._open(self.folder)
            return self._opened

    # --- looking ----------------------------------------------------------------------------------------------

    def state(self, who: str) -> dict[str, Any]:
        """Counts, progress, and what this person would take back; `version` grows when anything of it changes."""
        with self._lock:
            here, person = self._here(), self._session.person(who)
            last = next(here.log.batches(person), None)
            kinds = here.counts(here.log.latest())
            return {
                "version": self._version(here), "project": here.name, "run": here.run.name, "overrides": str(self.file),
                "who": person, "notice": self._notice, "kinds": [kind_answer(kind, self._session) for kind in kinds],
                "decisions": len(here.log.latest()), "undo": undo_answer(last), "curate": self._curating.state,
                "counts": here.counting.state, "style": here.has_style, "judging": here.has_judging,
            }  # fmt: skip

    def _version(self, here: Opened) -> int:
        """A number that grows with each change. Decisions of other processes are noticed here, and counted."""
        decided, curating, counts = here.log.version, self._curating.state, here.counting.state
        if decided != here.counted:
            here.counted = decided
            here.counting.again()
        kinds, lines = here.counts(here.log.latest()), curating["lines"]
        return self._session.version(
            (decided, here.stamp, kinds, counts["state"], curating["state"], len(lines), *lines[-1:])
        )

    def entries(self, kind: str, *, start: int, limit: int, search: str, left: bool) -> dict[str, Any]:
        """A page of the list of a kind."""
        with self._lock:
            here = self._here()
            with _known():
                found = here.queue.entries(kind, here.log.latest(), start=start, limit=limit, search=search, left=left)
            return entries_answer(kind, found)

    def item(self, kind: str, key: str | None) -> dict[str, Any]:
        """An item of the queue; without a key the first one that is left. Raises: MissingError."""
        with self._lock:
            here = self._here()
            if key is None:
                with _known():
                    key = here.queue.first(kind, here.log.latest())
                if key is None:
                    raise MissingError("nothing of this kind is left")
            return self._item(here, kind, key)

    def _item(self, here: Opened, kind: str, key: str) -> dict[str, Any]:
        latest = here.log.latest()
        item = self._found(here, kind, key, latest)
        likes = here.queue.likes(item, latest)
        return item_answer(item, self._place(here, kind, key, latest), likes, latest)

    def _place(self, here: Opened, kind: str, key: str, latest: Mapping[str, Override]) -> Place:
        """Where an item is in its list; before the list if it has moved to another kind since it was shown."""
        try:
            return here.queue.place(kind, key, latest)
        except KeyError:
            return Place(0, 0, None, here.queue.first(kind, latest))

    def _found(self, here: Opened, kind: str, key: str, latest: Mapping[str, Override]) -> Item:
        with _known():
            return here.queue.item(kind, key, latest)

    # --- deciding ---------------------------------------------------------------------------------------------

    def decide(
        self, who: str, kind: str, key: str, action: str, *, text: str | None, why: str, seen: Mapping[str, str],
        seconds: float | None,
    ) -> dict[str, Any]:  # fmt: skip
        """Write a decision about an item; when this returns, it is on the disk.

        Raises: ElsewhereError if a row of it is not as the person saw it; MissingError; ConfigError if the action does
        not fit; RunBroken if the disk refuses.
        """
        with self._lock:
            here, person, when = self._here(), self._session.person(who), self._session.now()
            if kind == "disagreement":
                return self._settle(here, person, key, action, seconds)
            item = self._found(here, kind, key, here.log.latest())
            made = here.queue.decisions(item, action, text=text, why=why, who=person, when=when)
            self._add(here, item, made, seen)
            self._session.decided(person, when, kind=kind, key=key, count=len(made), seconds=seconds)
            following = self._place(here, kind, key, here.log.latest()).next
            saved = [{"id": override.id, "decision": override.decision} for override in made]
            return {"saved": saved, "next": following, "version": self._version(here)}

    def _add(self, here: Opened, item: Item, made: Sequence[Override], seen: Mapping[str, str]) -> None:
        """Write decisions about an item if its rows are as they were seen. Raises: ElsewhereError."""
        latest = here.log.latest()
        sides = {side.id: side for side in item.sides if side.row is not None}
        other = [override.id for override in made if seen.get(override.id) != seen_of(sides[override.id], latest)]
        try:
            if other:
                raise DecidedElsewhere(other, [latest[id] for id in other if id in latest])
            here.log.add(made, seen={override.id: stamp(latest.get(override.id)) for override in made})
        except DecidedElsewhere as error:
            raise ElsewhereError(str(error), self._item(here, item.kind, item.key)) from None

    def _settle(self, here: Opened, person: str, key: str, choice: str, seconds: float | None) -> dict[str, Any]:
        """A third judgement, which settles a difference between two people; it is no line of overrides.jsonl."""
        here.judging.settle(person, key, choice, seconds=seconds)
        self._session.decided(person, "", kind="disagreement", key=key, count=0, seconds=seconds)
        following = self._place(here, "disagreement", key, here.log.latest()).next
        return {"saved": [{"id": key, "decision": choice}], "next": following, "version": self._version(here)}

    def preview(
        self, kind: str, key: str, action: str, by: str, value: str, *, start: int, limit: int
    ) -> dict[str, Any]:
        """What a decision for all rows like this one would do: their number, and a page of them."""
        request = BulkRequest(kind, action, by, value)
        with self._lock:
            here = self._here()
            latest = here.log.latest()
            bulk = self._bulk(here, request, key, latest)
            page = [
                (self._found(here, kind, item.key, latest), made) for item, made in bulk.items[start : start + limit]
            ]
            stamped = bulk.stamped(request, str(here.run.folder), latest)
            return {"count": len(bulk.items), "rows": [preview_row(*one) for one in page], "stamp": stamped}

    def apply(
        self, who: str, kind: str, key: str, action: str, by: str, value: str, *, why: str, stamped: str
    ) -> dict[str, Any]:
        """Write a decision for all rows like this one, as one batch.

        Raises: ElsewhereError if it would not do what the preview with this stamp showed; as `decide`.
        """
        request = BulkRequest(kind, action, by, value)
        with self._lock:
            here, person, when = self._here(), self._session.person(who), self._session.now()
            latest = here.log.latest()
            bulk = self._bulk(here, request, key, latest, why=why, who=person, when=when)
            if bulk.stamped(request, str(here.run.folder), latest) != stamped:
                raise ElsewhereError("the rows like this one are no longer those that you saw; nothing was saved")
            try:
                here.log.add(bulk.made, seen={made.id: stamp(latest.get(made.id)) for made in bulk.made})
            except DecidedElsewhere as error:
                raise ElsewhereError(str(error)) from None
            self._session.decided(person, when, kind=kind, key=key, count=len(bulk.made))
            return {"saved": len(bulk.items), "version": self._version(here)}

    def _bulk(
        self, here: Opened, request: BulkRequest, key: str, latest: Mapping[str, Override], **stated: str
    ) -> Bulk:
        self._found(here, request.kind, key, latest)
        return gather_bulk(here.queue, request, latest, **stated)

    def undo(self, who: str, stamped: str) -> dict[str, Any]:
        """Take back the last batch of this person. Raises: ElsewhereError if another one is the last by now."""
        with self._lock:
            here, person = self._here(), self._session.person(who)
            last = next(here.log.batches(person), None)
            if last is None or last.stamp != stamped:
                raise ElsewhereError("your last decision is another one by now; look at it before you take it back")
            removed = here.log.take_back(last)
            kind, key = self._session.taken_back(person, last.when, len(removed)) or (None, None)
            ids = [override.id for override in removed]
            return {"taken_back": ids, "kind": kind, "key": key, "version": self._version(here)}

    def curate(self) -> dict[str, Any]:
        """Begin to curate again; `state` has the progress. Raises: ConfigError if that is under way."""
        self._curating.start(self.folder)
        return {}

    # --- style and judging ------------------------------------------------------------------------------------

    def style(self) -> dict[str, Any]:
        """The rules of the style file as it is now, with what they find in the run; `counting` while that is counted."""
        desk = self._here().style
        checks = desk.rules(wait=False)
        return {"path": str(desk.path), "checks": checks, "counting": not desk.ready}

    def try_style(self, edits: Any, *, start: int, limit: int) -> dict[str, Any]:
        """What edits of the style would change. Raises: ConfigError if one does not fit."""
        return self._here().style.tried(read_edits(edits), start=start, limit=limit).to_json()

    def save_style(self, edits: Any, stamped: str) -> dict[str, Any]:
        """Write the style file; the run is then read again, as its rows are marked by the rules of the file.

        Raises: ConfigError if the file changed since, or an edit does not fit; RunBroken if the disk refuses.
        """
        desk = self._here().style
        saved = desk.save(read_edits(edits), stamped)
        self._open(self.folder)
        self._here().keep_style(desk)
        return {"path": str(saved.path)}

    def judging(self, who: str, *, skip: Sequence[str]) -> dict[str, Any]:
        """The next request for this person. Raises: MissingError if the run compared no two variants."""
        return _judged(self._here().judging.next(self._session.person(who), skip=skip))

    def judge(
        self, who: str, id: str, choice: str, *, seconds: float | None, marks: Mapping[str, bool]
    ) -> dict[str, Any]:
        """Keep a person's choice; the next request. Raises: ConfigError if it does not fit; RunBroken from the disk."""
        person = self._session.person(who)
        return _judged(self._here().judging.judge(person, id, choice, seconds=seconds, marks=marks))


def _recovered(log: DecisionLog) -> str:
    """What to say about a half-written line, or about a folder that cannot be written to, which can still be looked at."""
    try:
        return log.recover()
    except RunBroken as error:
        return f"decisions cannot be saved here: {error}"


def _judged(answer: dict[str, Any] | None) -> dict[str, Any]:
    if answer is None:
        raise MissingError(
            "evaluate/outputs.jsonl has no outputs of two compared variants, so there is nothing to judge"
        )
    return answer


@contextmanager
def _known() -> Iterator[None]:
    """Raises: MissingError for a KeyError of the queue, whose kinds and keys the page states."""
    try:
        yield
    except KeyError:
        raise MissingError("the queue has no such row, or not any more") from None
