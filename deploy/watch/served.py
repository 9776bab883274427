"""Looks at a served model: draws test rows, requests outputs, scores them like the recorded ones, and stores them."""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ...core import ConfigError, Locked, RunBroken, alone, appending, damage_is_named, disk_refusals, read_stored_lines
from ...evaluate import (
    AnswerStore,
    NotStored,
    RemotePlan,
    Scores,
    groups_by_id,
    open_answers,
    score_outputs,
    spent_on,
)
from ...project import Run, counts_tokens, local_counter
from ..check.recorded import Recorded, recorded
from ..check.server import Served, budget_of, check_requests, cost_lines, plan_requests, price_of, send_requests
from .course import LEAST_ANSWERED, look_at, standing_of
from .sequential import draw_rows

Look = dict[str, Any]


# --- the history of a run -------------------------------------------------------------------------------------------

LOOK_SCHEMA = "tuneworth/look/1"
FOLDER, LOOKS, ANSWERS = "watch", "looks.jsonl", "answers.jsonl"


class History:
    """A run's folder `watch`: looks.jsonl, answers.jsonl, and the answers of a look in progress."""

    def __init__(self, run: Path) -> None:
        self.folder = run / FOLDER
        self.looks, self.answers = self.folder / LOOKS, self.folder / ANSWERS

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this process is the only watcher while the block lasts. A killed process releases its lock."""
        with ExitStack() as held:
            try:
                with disk_refusals(self.folder):
                    held.enter_context(alone(self.folder / ".watch.lock", busy="", patience=0))
            except Locked:
                yield False
            else:
                yield True

    def read(self) -> list[dict[str, Any]]:
        """All looks, in order, without a last line that a kill cut short.

        Raises: DataError for a line that is not a look.
        """
        return list(read_stored_lines(self.looks, "watch/looks.jsonl", torn=True))

    def add(self, look: Mapping[str, Any], answers: Iterable[Mapping[str, Any]] = ()) -> None:
        """Append a look after its answers. Raises: RunBroken if the disk refuses."""
        with disk_refusals(self.folder):
            _append(self.answers, answers)
            _append(self.looks, [{"schema": LOOK_SCHEMA, **look}])

    def under_way(self, served: Served, number: int) -> Path:
        """The file with the answers of a look that is not complete yet."""
        return self.folder / "asking" / f"{_number_of(served):08x}-{number:04d}.jsonl"

    def clear(self, served: Served, number: int) -> None:
        """Remove the separate answers of the looks up to this number, which are now in the history."""
        last = self.under_way(served, number).stem
        for file in (self.folder / "asking").glob(f"{_number_of(served):08x}-*.jsonl"):
            if file.name.partition(".")[0] <= last:
                file.unlink(missing_ok=True)


def _number_of(served: Served) -> int:
    """A number that stands for an address and a model, in the names of files and in the draws of rows."""
    return zlib.crc32(f"{served.url.strip()}\0{served.model}".encode(errors="replace"))


def _append(file: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Append lines, all of them or none, and flush them to disk."""
    data = b"".join(json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n" for line in lines)
    if data:
        with appending(file) as appended:
            appended.add(data)


# --- one watcher ----------------------------------------------------------------------------------------------------


class Watcher:
    """Looks at the served models of one run. Without `looks`, it only reports what earlier looks show."""

    def __init__(
        self, run: Run, history: History, rows: int, max_cost: Decimal | None, *, now: datetime, looks: bool
    ) -> None:  # fmt: skip
        self.run, self.history, self.rows, self.now, self.looks = run, history, rows, now, looks
        self.max_cost = max_cost  # what remains of it for the next endpoints

    @cached_property
    def judged(self) -> Recorded:
        """The recorded outputs of the model that was judged."""
        return recorded(self.run)

    @cached_property
    def outcomes(self) -> dict[str, float]:
        """The recorded outcome of each test row by the current style, by id, for rows that could be scored."""
        items = self._scores(self.judged.pairs, self.judged.outputs).items
        return {id: float(value) for id, value in items.select("id", "acceptable").iter_rows() if value is not None}

    @cached_property
    def basis(self) -> str:
        """The fingerprint of these outcomes; looks that were compared with other outcomes do not count."""
        return hashlib.sha256(json.dumps(sorted(self.outcomes.items())).encode(errors="replace")).hexdigest()[:16]

    @cached_property
    def groups(self) -> dict[str, Any]:
        """The group of dependent rows of each test row."""
        return groups_by_id(self.judged.pairs.iter_rows(named=True))

    def watch(self, served: Served) -> dict[str, Any]:
        """Look at one served model, and report what all looks at it show.

        look: the newest look, null if there was none; looked: whether it was made now. model_before: the model names in the
        first look's answers, if those of the newest look differ; fingerprint_before likewise.
        """
        made = self._look(served) if self.looks else None
        earlier = self._all(served)
        looks = [look for look in earlier if look["basis"] == self.basis]
        answered = [look for look in looks if look["answered"]]
        with damage_is_named(self.history.looks, "watch/looks.jsonl"):
            standing = standing_of(looks, self.outcomes, margin=self.run.project.evaluate.margin, groups=self.groups)
        return {
            "endpoint": served.url.strip(),
            "model": served.model,
            "looked": bool(made and made["answered"]),
            "look": looks[-1] if looks else None,
            "rows_a_look": self.rows,
            "test_rows": len(self.outcomes),
            "standing": standing,
            "model_before": _other(answered, "models"),
            "fingerprint_before": _other(answered, "fingerprints"),
            "earlier": len(earlier) - len(looks),
        }

    def plan(self, served: Served) -> tuple[RemotePlan, Path]:
        """The requests of the next look, and the file with the answers received so far."""
        number = 1 + self._answered(served)
        ids = list(self.outcomes)
        # The number counts answered looks, so a look without answers is repeated with the same rows.
        seed = [self.run.seed, _number_of(served), number]
        drawn = [ids[place] for place in draw_rows(len(ids), self.rows, seed=seed)]
        pairs = pl.DataFrame({"id": drawn}).join(self.judged.pairs, on="id", how="left", maintain_order="left")
        price = price_of(self.run, self.judged)
        plan = plan_requests(self.run, self.judged, served, pairs, max_cost=self.max_cost, price=price)
        return plan, self.history.under_way(served, number)

    def _all(self, served: Served) -> list[Look]:
        key = (served.url.strip(), served.model)
        return [look for look in self.history.read() if (look.get("endpoint"), look.get("model")) == key]

    def _answered(self, served: Served) -> int:
        return sum(bool(look["answered"]) for look in self._all(served))

    def _look(self, served: Served) -> Look:
        """Make a look, or complete one that was interrupted, and add it to the history."""
        plan, file = self.plan(served)
        with open_answers(file) as answers:
            check_requests(self.run, [plan], answers)
            for line in cost_lines(self.run, [plan], answers, max_cost=self.max_cost):
                self.run.talk.note(line)
            outputs, reason = self._requested(served, plan, answers)
            lines = [answers[one.key] for one in plan.requests if one.key in answers]
        look = {**self._made(served, file, plan, lines), **self._found(plan.pairs, outputs, reason)}
        kept = [{"endpoint": look["endpoint"], "model": look["model"], "look": look["look"], **line} for line in lines]
        self.history.add(look, kept if look["answered"] else ())
        if look["answered"]:
            if self.max_cost is not None:
                spent = budget_of(self.run, [plan], answers, max_cost=None).spent
                self.max_cost = max(self.max_cost - spent, Decimal(0))
            self.history.clear(served, self._answered(served))  # also what a kill left of earlier ones
        return look

    def _requested(
        self, served: Served, plan: RemotePlan, answers: AnswerStore
    ) -> tuple[pl.DataFrame | None, str | None]:
        """The outputs; or None and the reason if the server does not answer.

        Raises: RunBroken if the budget is used up or the disk refuses; ConfigError for a server that has never answered.
        """
        try:
            return send_requests(self.run, plan, answers, max_cost=self.max_cost, talk=self.run.talk), None
        except NotStored:
            raise
        except RunBroken as error:
            missing, budget = plan.missing(answers), budget_of(self.run, [plan], answers, max_cost=self.max_cost)
            if missing and not budget.fits(plan.worst_cost(missing[0])):
                raise
            return None, str(error)
        except ConfigError as error:
            if not any(look["answered"] for look in self._all(served)):
                raise
            return None, str(error)

    def _made(self, served: Served, file: Path, plan: RemotePlan, lines: Sequence[Mapping[str, Any]]) -> Look:
        """When and where the look was made, its cost, and the models that its answers name."""
        cost = None
        if plan.price is not None:
            cost = str(spent_on(lines, currency=plan.price.currency, price=lambda line: plan.price))
        return {
            "look": int(file.stem.rpartition("-")[2]),
            "made": self.now.isoformat(timespec="seconds"),
            "endpoint": served.url.strip(),
            "model": served.model,
            "basis": self.basis,
            "models": sorted({str(line["model"]) for line in lines if line.get("model")}),
            "fingerprints": sorted(
                {str(line["system_fingerprint"]) for line in lines if line.get("system_fingerprint")}
            ),
            "cost": cost,
            "currency": None if plan.price is None else plan.price.currency,
        }

    def _found(self, pairs: pl.DataFrame, outputs: pl.DataFrame | None, reason: str | None) -> Look:
        """What the outputs show; only a reason if too few rows were answered."""
        if outputs is None:
            return {"asked": len(pairs), "answered": 0, "reason": reason}
        asked = pairs.select("id")
        before = asked.join(self.judged.outputs, on="id", how="left", maintain_order="left")
        groups = np.array([self.groups.get(id) for id in asked["id"]], dtype=object)
        found = look_at(self._scores(pairs, before), self._scores(pairs, outputs), groups)
        if found["answered"] < LEAST_ANSWERED * len(pairs):
            first = next((text for text in outputs["error"] if text), "no output could be scored")
            reason = f"only {found['answered']} of {len(pairs)} rows were answered; the first failure: {first}"
            return {"asked": len(pairs), "answered": 0, "reason": reason}
        return {**found, "reason": None}

    def _scores(self, pairs: pl.DataFrame, outputs: pl.DataFrame) -> Scores:
        return score_outputs(pairs, outputs, self.run.style, count_tokens=self._counter)

    @cached_property
    def _counter(self) -> Callable[[Sequence[str]], Sequence[int]] | None:
        """The judged model's token counter, if a rule counts tokens and its tokenizer is on this machine."""
        model = self.judged.model
        return local_counter(model) if model is not None and counts_tokens(self.run.style) else None


def _other(looks: Sequence[Look], key: str) -> list[str] | None:
    """What the first answers named, if the newest name something else."""
    return looks[0][key] if len(looks) > 1 and looks[0][key] != looks[-1][key] else None
