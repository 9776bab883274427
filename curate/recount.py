"""Counts what curating would give after people's decisions: what does not depend on them is done once and kept.

Decisions drop rows, keep them, put them into splits, or replace outputs; inputs never change. So reading, masking, the
checks of each row and the join are done once. Every count runs the same steps as `curate` on the rows that remain, up to
the certificate.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from ..core import Clock, ConfigError, DataError
from .check import Findings, mask_text
from .decisions import decide
from .jobs.tasks import InMemory, Table
from .match import Corpus, Memory
from .overrides import Override
from .pipeline import require_train
from .prepare import CurateRequest, Prepared, assemble, check_names, content_forms, measure, prepare
from .read import RawPairs, ReadParts
from .resolve import Arranged, arrange, without_crossing
from .split import PinnedSplits, find_crossing, find_values, names_found
from .summary import Counts

__all__ = ["Recount"]


class Recount:
    """The counts that `curate` would give for the same pairs, whatever people decide.

    A count of 50,000 rows takes about half a second of one core (`benchmarks/recount.md`), more with many similar inputs, and
    some seconds where `tie_meaning` ties rows again for each count. It changes what is kept, so one thread counts at a time.
    With method "auto" the join of all rows says whether it is exact or by candidates: decisions that bring millions of rows
    below that limit are not noticed.

    >>> rows = [{"id": f"r{n}", "input": f"part {n}", "output": f"Part number {n}."} for n in range(50)]
    >>> asked = CurateRequest(style=None, settings=CurateSettings())
    >>> recount = Recount.of(read_frame(rows), asked, pinned=PinnedSplits(), seed=0)
    >>> recount.counts([Override(id="r7", decision="drop")]).outcomes["decided"]
    1
    """

    def __init__(self, ready: Prepared, rows: "_Rows", request: CurateRequest, pinned: PinnedSplits, seed: int) -> None:
        self._ready = ready
        self._rows = rows
        self._request = request
        self._pinned = pinned
        self._seed = seed
        self._forms: list[list[str]] | None = None
        text = ready.corpus.text
        self._memory = Memory.of(ready.corpus.pairs["row"].to_numpy(), text)

    @classmethod
    def of(cls, raw: RawPairs, request: CurateRequest, *, pinned: PinnedSplits, seed: int) -> "Recount":
        """Check and join the pairs once; the decisions of the `request` do not matter.

        Raises:
            ConfigError: as `curate`.
        """
        counter = request.token_counter()
        # Requests that say the same in other words are listed in the summary; no row depends on them unless they are tied.
        settings = replace(
            request.settings, meaning=request.settings.meaning if request.settings.tie_meaning else False
        )
        request = replace(request, settings=settings, overrides=(), count_tokens=lambda: counter)
        job = InMemory()
        ready = prepare(job, ReadParts.of(job, raw), request, buckets=1, clock=Clock({}))
        request = replace(request, style=ready.style)
        recount = cls(ready, _Rows(job, request), request, pinned, seed)
        with suppress(DataError):  # without decisions no pair to train on may remain
            recount.counts(())
        return recount

    def counts(self, overrides: Sequence[Override]) -> Counts:
        """The counts of `curate` with these decisions.

        Raises:
            ConfigError, DataError: as `curate`, for example if no pair to train on remains.
        """
        ready = self._prepared(overrides)
        found = self._without_crossing(self._arranged(ready), ready)
        raw, outcomes = ready.raw, found.outcomes
        rejected = raw.rejected.select("outcome", "rule")
        outcome = pl.Series("outcome", outcomes.outcome.tolist(), dtype=pl.String).append(rejected["outcome"])
        rule = pl.Series("rule", outcomes.rule.tolist(), dtype=pl.String).append(rejected["rule"])
        return Counts.of(outcome, rule, found.table["split"])

    def _prepared(self, overrides: Sequence[Override]) -> Prepared:
        request = self._request
        raw, decided = decide(self._ready.raw, overrides, self._contents)
        remaining = raw.pairs["row"].to_numpy()
        mask = request.settings.mask
        texts = {row: mask_text(text) if mask else text for row, text in decided.texts.items()}
        job, findings = self._rows.measured(np.searchsorted(self._memory.rows, remaining), texts)
        check_names(job, [Table("measure", 0, "pairs")], [_names(job, request)], request)
        numbers = job.read([Table("measure", 0, "numbers")])
        corpus = Corpus.of(job, [numbers], identifiers=request.identifiers)
        corpus = corpus.remembering(self._memory, np.array(sorted(texts), np.int64))
        return assemble(
            raw, decided, corpus, [numbers], [findings], request, personal={}, identifier_like=[], clock=Clock({})
        )

    def _contents(self) -> list[list[str]]:
        """The hashes by which decisions may name the pairs, made once."""
        if self._forms is None:
            self._forms = [list(form) for form in content_forms(self._rows.as_read, self._request.identifiers).values()]
        return self._forms

    def _arranged(self, ready: Prepared) -> Arranged:
        return arrange(
            ready, settings=self._request.settings, pinned=self._pinned, seed=self._seed, clock=Clock({}),
            check=lambda kept, outcomes: require_train(kept, ready.raw, outcomes),
        )  # fmt: skip

    def _without_crossing(self, found: Arranged, ready: Prepared) -> Arranged:
        """Without the train rows that the certificate would find, which it does if the join is by candidates."""
        if found.relations.method.name == "exact":
            return found
        if found.relations.skew.capped:
            raise ConfigError(
                "so many inputs follow one template that only curating tells the counts: which of them meet depends on all"
            )
        rows, threshold = np.flatnonzero(found.outcomes.kept), self._request.settings.near_duplicate
        crossing = find_crossing(ready.corpus, found.kept, rows, threshold=threshold)
        if not len(crossing.train):
            return found
        found = without_crossing(found, crossing, ready)
        require_train(found.kept, ready.raw, found.outcomes)
        return found


_PER_ROW = ("pairs", "numbers", "findings rows")
_BY_INDEX = ("findings evidence", "findings repairs")  # with the position of their row
_TABLES = (*_PER_ROW, *_BY_INDEX, "inputs", "outputs")


class _Rows:
    """The measurements of all rows as read, followed by those of rows with another output, each made once."""

    def __init__(self, job: InMemory, request: CurateRequest) -> None:
        self._request = request
        self._tables = {name: job.read([Table("measure", 0, name)]) for name in _TABLES}
        self._read = len(self._tables["numbers"])
        self._unscored = job.read([Table("measure", 0, "findings unscored")]).clear()  # no count depends on it
        self._edited: dict[tuple[int, str], int] = {}  # row number and text: the position in the tables

    def measured(self, positions: np.ndarray, texts: Mapping[int, str]) -> tuple[InMemory, Findings]:
        """The stage `measure` of the rows as read at these positions, with the outputs `texts` by row number; and findings."""
        rows = self._tables["numbers"]["row"][: self._read].to_numpy()
        here = np.array(sorted(set(texts) & set(rows[positions].tolist())), np.int64)
        self._measure(np.searchsorted(rows, here), {row: texts[row] for row in here.tolist()})
        chosen = positions.copy()
        chosen[np.searchsorted(rows[positions], here)] = [self._edited[row, texts[row]] for row in here.tolist()]
        tables = {name: self._tables[name][chosen] for name in _PER_ROW}
        tables |= {name: _of_rows(self._tables[name], chosen, self._total) for name in _BY_INDEX}
        job = InMemory()
        job.put("measure", 0, {**self._tables, **tables})
        rest = tables["findings rows"], tables["findings evidence"], self._unscored, {}, (), (), {}
        return job, Findings(*rest, tables["findings repairs"])

    @property
    def as_read(self) -> pl.DataFrame:
        """The pairs as they were read."""
        return self._tables["pairs"][: self._read]

    @property
    def _total(self) -> int:
        return len(self._tables["numbers"])

    def _measure(self, positions: np.ndarray, texts: Mapping[int, str]) -> None:
        """Append the measurements of these rows with these outputs, where they are not known yet."""
        new = [at for at, edit in zip(positions.tolist(), texts.items(), strict=True) if edit not in self._edited]
        if not new:
            return
        request, pairs = self._request, self._tables["pairs"][new].drop("written")
        rows = pairs["row"].to_list()
        made = measure(
            pairs, offset=0, guide=None, ids={}, groups={}, drop=(), texts={row: texts[row] for row in rows},
            identifiers=request.identifiers, style=request.style, count_tokens=request.count_tokens, columns=request.columns,
            buckets=1, find_personal=False, fix=request.settings.fix,
        ).tables  # fmt: skip
        self._edited |= {(row, texts[row]): self._total + place for place, row in enumerate(rows)}
        moved = {name: made[name].with_columns(pl.col("index") + pl.lit(self._total, pl.UInt32)) for name in _BY_INDEX}
        for name, table in {**{name: made[name] for name in (*_PER_ROW, "outputs")}, **moved}.items():
            self._tables[name] = pl.concat([self._tables[name], table], how="vertical_relaxed", rechunk=True)
        self._tables["outputs"] = self._tables["outputs"].unique("key", keep="first", maintain_order=True)


def _of_rows(table: pl.DataFrame, chosen: np.ndarray, total: int) -> pl.DataFrame:
    """The entries of the chosen rows, whose positions become those in `chosen`."""
    place = np.full(total, -1)
    place[chosen] = np.arange(len(chosen))
    at = place[table["index"].to_numpy()]
    index = pl.Series("index", at[at >= 0], dtype=pl.UInt32)
    return table.filter(pl.Series(at >= 0)).with_columns(index).sort("index", maintain_order=True)


def _names(job: InMemory, request: CurateRequest) -> dict[str, Any]:
    """The names that the settings need and the remaining rows have."""
    pairs, numbers = (job.read([Table("measure", 0, name)]) for name in ("pairs", "numbers"))
    found = {
        name: numbers[f"value {name}"].is_not_null().any() or find_values(pairs, column)[1]
        for name, column in request.columns.items()
    }
    return {"fields": names_found(pairs, request.identifiers), "found": found}
