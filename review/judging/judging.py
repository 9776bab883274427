"""Blind judging of a run's outputs by several people: each choice is kept at once in RUN/judgements/NAME.json.

A file is what the report's page saves (`tuneworth/judgements/1`); its seed orders the requests and shuffles the sides by
the page's own function, so a person may go on here with a file from there, and there with one from here.
"""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

from ...core import ConfigError, DataError, as_json
from ...evaluate import JudgedRun, Judgements, judgement_results, read_judgements
from ...project import JUDGEMENTS, Run, judged_run, usable_judgements
from ...reports import StoredRun, read_run
from .judges import Session, alone_in, read_session, write_session
from .shuffle import judging_order

ENOUGH = 10  # choices before a person sees the count, which would bias the next ones
SETTLED = 3  # judgements of a request that settle a difference
_CHOICES = ("left", "right", "equal")
_MARKS = ("left_acceptable", "right_acceptable")
_LONGEST = 3600.0  # seconds that count for one choice, as on the report's page
_NO_JUDGE = 0  # the seed of the sides where a difference is settled


@dataclass(frozen=True)
class Disagreement:
    """A request on which two people preferred different outputs; `left` and `right` are their texts, without names.

    people: how many judged it. decided: what the third one says, `left`, `right` or `equal`; None until then.
    """

    id: str
    input: str
    left: str
    right: str
    people: int
    decided: str | None


@dataclass(frozen=True)
class _Compared:
    """The requests whose two outputs differ: their inputs, and their outputs by variant."""

    run: JudgedRun
    created: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, Mapping[str, str]]


class Judging:
    """Blind judging of the candidate against the strongest rival, as the run's report compares them.

    A choice is on the disk when `judge` returns. Safe to use from several threads and processes.
    """

    def __init__(self, run: Run) -> None:
        self._run, self._lock = run, RLock()
        self._orders: dict[tuple[str, int], list[str]] = {}

    @property
    def folder(self) -> Path:
        """The folder of the files, one for each person."""
        return self._run.folder / JUDGEMENTS

    @property
    def possible(self) -> bool:
        """Whether there is anything to judge: two variants with different outputs."""
        compared = self._compared()
        return compared is not None and bool(compared.inputs)

    def next(self, who: str, *, skip: Sequence[str] = ()) -> dict[str, Any] | None:
        """The next request for a person, the numbers of requests and of judged ones, the count, and earlier choices.

        `request` is None when all are judged or skipped. None if the run compared no two variants.

        Raises: ConfigError if the name cannot be one.
        """
        compared = self._compared()
        if compared is None:
            return None
        session = self._session(who, compared)
        order, passed = self._order(compared, session.seed), {*session.rows, *skip}
        following = next((id_ for id_ in order if id_ not in passed), None)
        return {
            "requests": len(order),
            "judged": len(session.rows),
            "tally": _tally(session, compared),
            "request": None if following is None else _shown(following, session, compared),
            "shown": [_choice(session.rows[id_]) for id_ in order if id_ in session.rows],
        }

    def request(self, who: str, id: str) -> dict[str, Any]:
        """One request as this person sees it: id, input, left, right.

        Raises: ConfigError if it is not among those to judge.
        """
        compared = self._known(id)
        return _shown(id, self._session(who, compared), compared)

    def judge(
        self, who: str, id: str, choice: str, *, seconds: float | None = None, marks: Mapping[str, bool] | None = None
    ) -> dict[str, Any] | None:
        """Keep a person's choice, `left`, `right` or `equal`, in place of an earlier one; returns what `next` does.

        `marks` say whether an output is acceptable by itself: `left_acceptable`, `right_acceptable`.

        Raises: ConfigError if it is none of these; RunBroken if the disk refuses, with the earlier choices as they were.
        """
        compared = self._known(id)
        row = _row(id, choice, seconds, marks or {})
        with self._lock, alone_in(self.folder):
            session = self._session(who, compared)
            self._keep(session, compared, row, session.sides(id, compared.run))
        return self.next(who)

    def settle(self, who: str, id: str, choice: str, *, seconds: float | None = None) -> dict[str, Any] | None:
        """Keep a third person's choice between the sides that `differing` shows; returns what `next` does.

        Raises: as `judge`; ConfigError if this person has judged the request.
        """
        compared = self._known(id)
        row = _row(id, choice, seconds, {})
        with self._lock, alone_in(self.folder):
            session = self._session(who, compared)
            if id in session.rows:
                raise ConfigError("you have judged this request; another person has to settle it")
            self._keep(session, compared, row, Session("", _NO_JUDGE).sides(id, compared.run))
        return self.next(who)

    def tally(self, who: str) -> dict[str, Any] | None:
        """What a person preferred, with the names of the variants; None before ten choices, or all if there are fewer."""
        compared = self._compared()
        return None if compared is None else _tally(self._session(who, compared), compared)

    def differing(self) -> list[Disagreement]:
        """The requests on which people prefer different outputs, in the order of the run."""
        compared = self._compared()
        if compared is None:
            return []
        people = self._people(compared)
        found = []
        for id_, text in compared.inputs.items():
            votes = [one.choices[id_] for one in people if id_ in one.choices]
            if {"candidate", "baseline"} <= set(votes):
                sides = Session("", _NO_JUDGE).sides(id_, compared.run)
                left, right = (compared.outputs[id_][name] for name in sides)
                found.append(Disagreement(id_, text, left, right, len(votes), _decided(votes, sides, compared.run)))
        return found

    def _session(self, who: str, compared: _Compared) -> Session:
        session = read_session(self.folder, who, compared.run)
        session.rows = {id_: row for id_, row in session.rows.items() if id_ in compared.inputs}
        return session

    def _people(self, compared: _Compared) -> list[Judgements]:
        return read_judgements(usable_judgements(self._run.folder, compared.run)[0], compared.run)

    def _keep(self, session: Session, compared: _Compared, row: dict[str, Any], sides: tuple[str, str]) -> None:
        session.rows[row["id"]] = {"id": row["id"], "left": sides[0], "right": sides[1], **row}
        write_session(self.folder, session, compared.run, created=compared.created)

    def _known(self, id: str) -> _Compared:
        compared = self._compared()
        if compared is None or id not in compared.inputs:
            raise ConfigError(f"the request {id!r} is not among those to judge"[:200])
        return compared

    def _order(self, compared: _Compared, seed: int) -> list[str]:
        key = compared.run.outputs, seed
        if key not in self._orders:
            self._orders[key] = judging_order(compared.inputs, seed)
        return self._orders[key]

    def _compared(self) -> _Compared | None:
        """What the run compares, read again when it changes; None if it compares nothing."""
        files = [self._run.folder / "results.json", self._run.folder / "evaluate" / "outputs.jsonl"]
        if not all(map(os.path.lexists, files)):
            return None
        with self._lock:
            return self._run.once("compared outputs", files, lambda: _compared(read_run(self._run.folder)))


def _compared(stored: StoredRun) -> _Compared | None:
    try:
        run = judged_run(stored)
    except DataError:  # one variant alone
        return None
    inputs, outputs = {}, {}
    for id_, pair in stored.pairs.items():
        lines = {name: stored.outputs.get((id_, name)) or {} for name in (run.baseline, run.candidate)}
        texts = {name: str(line.get("output") or "") for name, line in lines.items()}
        if texts[run.baseline] != texts[run.candidate]:
            inputs[id_], outputs[id_] = str(pair.get("input") or ""), texts
    return _Compared(run, stored.results.created, inputs, outputs)


def _shown(id: str, session: Session, compared: _Compared) -> dict[str, Any]:
    left, right = session.sides(id, compared.run)
    outputs = compared.outputs[id]
    return {"id": id, "input": compared.inputs[id], "left": outputs[left], "right": outputs[right]}


def _choice(row: Mapping[str, Any]) -> dict[str, Any]:
    """An earlier choice without the names of the variants."""
    return {name: row[name] for name in ("id", "choice", *_MARKS) if row.get(name) is not None}


def _row(id: str, choice: str, seconds: float | None, marks: Mapping[str, bool]) -> dict[str, Any]:
    if choice not in _CHOICES:
        raise ConfigError(f"choice: expected left, right or equal, found {choice!r}"[:200])
    if any(name not in _MARKS or not isinstance(good, bool) for name, good in marks.items()):
        raise ConfigError("marks: expected left_acceptable or right_acceptable, true or false")
    known = isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds)
    counted = round(min(max(float(seconds), 0.0), _LONGEST), 1) if seconds is not None and known else None
    return {"id": id, "choice": choice, "seconds": counted, **marks}


def _tally(session: Session, compared: _Compared) -> dict[str, Any] | None:
    if not session.rows or len(session.rows) < min(ENOUGH, len(compared.inputs)):
        return None
    choices = {id_: _variant(row, compared.run) for id_, row in session.rows.items()}
    found = judgement_results([Judgements(session.judge, session.seed, choices)], compared.run)
    if found is None:
        return None
    counts = {side: getattr(found.together, side) for side in ("candidate", "baseline", "equal")}
    names = {"candidate": compared.run.candidate, "baseline": compared.run.baseline}
    return counts | as_json(found.together.preferred) | {"names": names}


def _variant(row: Mapping[str, Any], run: JudgedRun) -> str:
    """`candidate`, `baseline` or `equal`."""
    if row["choice"] == "equal":
        return "equal"
    return "candidate" if row[row["choice"]] == run.candidate else "baseline"


def _decided(votes: Sequence[str], sides: tuple[str, str], run: JudgedRun) -> str | None:
    """What most people say of a request, as `left`, `right` or `equal`; None while only two judged it."""
    if len(votes) < SETTLED:
        return None
    counts = Counter(votes)
    if counts["candidate"] == counts["baseline"]:
        return "equal"
    more = run.candidate if counts["candidate"] > counts["baseline"] else run.baseline
    return _CHOICES[sides.index(more)]
