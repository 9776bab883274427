"""Repairs outputs: the edits that the broken rules suggest, as long as none breaks another rule or changes a fact."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from .check import check_columns, collection_paused, with_row_values
from .columns import Columns
from .edits import Planned, keep_spans, planned_edits, subsets, with_edits
from .fact_guard import preserved
from .fields import render_fields
from .schema import StyleResults, StyleSchema

CHANGE_SCHEMA = {
    "index": pl.UInt32, "step": pl.UInt32, "rule": pl.String, "before": pl.String, "after": pl.String, "start": pl.Int64,
    "end": pl.Int64,
}  # fmt: skip
# An output whose repair has not come to rest by then is left as it was, so that a second repair finds the same.
_MOST_STEPS = 32


@dataclass(frozen=True)
class Repaired:
    """Outputs after repair.

    texts: one per output; one that was not changed is the same text. changes: index, step, rule, before, after, start,
    end; the span is in the text before that step. before, results: the checks on the texts as given and as repaired.
    """

    texts: pl.Series
    changes: pl.DataFrame
    before: StyleResults
    results: StyleResults

    @property
    def broken(self) -> pl.DataFrame:
        """The violations that remain: columns as in `StyleResults`."""
        return self.results.violations

    @property
    def changed(self) -> int:
        """The number of outputs that were changed."""
        return self.changes["index"].n_unique()


def repair(
    style: StyleSchema,
    texts: Sequence[str],
    fields: Sequence[Mapping[str, Any] | None] | None = None,
    *,
    inputs: Sequence[str] | None = None,
    unsafe: bool = False,
) -> Repaired:
    """The texts repaired by the rules of a style that can be: safely, or with `unsafe` by leaving something out as well.

    `fields` holds the input fields of each text; `inputs` their requests as text, if they are not these fields. A safe
    repair never breaks another must rule, and changes no number, code or field value. The order of the rules does not
    matter, and repairing twice gives the same texts as repairing once.

    >>> from tuneworth.style import parse_style
    >>> style = parse_style("checks: [{kind: punctuation, end: none}, {kind: numbers, space: none}]")
    >>> repair(style, ["Fuse, 30 V."]).texts.to_list()
    ['Fuse, 30V']
    """
    given = [row or {} for row in fields] if fields is not None else [{}] * len(texts)
    requests = list(inputs) if inputs is not None else [render_fields(row) for row in given]
    columns = Columns(
        pl.Series("output", list(texts), dtype=pl.String),
        pl.Series("input", requests, dtype=pl.String),
        pl.Series("fields", [json.dumps(row, ensure_ascii=False) if row else None for row in given], dtype=pl.String),
    )
    return repair_columns(columns, style, unsafe=unsafe)


@collection_paused()
def repair_columns(columns: Columns, style: StyleSchema, *, unsafe: bool = False) -> Repaired:
    """The outputs of a table repaired, as `repair`."""
    style = with_row_values(style, columns)  # a step looks at some rows alone
    results = check_columns(columns, style)
    work = _Work(style, unsafe)
    state = _State(columns, results, pl.int_range(len(columns.output), dtype=pl.UInt32, eager=True))
    for step in range(_MOST_STEPS):
        state = work.step(state, step)
        if not len(state.rows):
            break
    work.revert(state.rows)
    return work.result(columns, results)


Edits = tuple[Planned, ...]  # of one output, to be made together


class _State(NamedTuple):
    """Outputs that may still change: their columns, the checks on them, and their rows in the whole table."""

    columns: Columns
    results: StyleResults
    rows: pl.Series


@dataclass
class _Work:
    """The repair of one table: what was changed so far."""

    style: StyleSchema
    unsafe: bool
    done: list[_State] = field(default_factory=list)
    changes: dict[int, list[tuple[Any, ...]]] = field(default_factory=dict)

    def step(self, state: _State, step: int) -> _State:
        """The outputs that this step changed; the others have come to rest."""
        passed: list[_State] = []
        done: set[int] = set()
        for safe in (True, False):
            passed += self._tried(state, step, self._tries(state, step, done, safe=safe), done, safe=safe)
        following = _joined(passed, self.style)
        if len(following.rows):
            self.done.append(following)
        return following

    def _tried(
        self, state: _State, step: int, waiting: dict[int, Iterator[Edits]], done: set[int], *, safe: bool
    ) -> Iterator[_State]:
        """The outputs for which edits proved good, round by round; they are then `done`."""
        texts = state.columns.output
        while drawn := {row: edits for row, tries in waiting.items() if (edits := next(tries, None))}:
            waiting = {row: waiting[row] for row in drawn}
            rows, chosen = [*drawn], [*drawn.values()]
            before = texts.gather(rows)
            texts_after = pl.Series(
                "output", [with_edits(text, edits) for text, edits in zip(before, chosen, strict=True)], dtype=pl.String
            )
            columns = state.columns.changed(rows, texts_after)
            results = check_columns(columns, self.style)
            good = _better(self.style, _only(state.results, rows), results)
            good &= keep_spans(self.style, state.columns, rows, chosen, texts_after)
            if safe:
                good &= _kept_where_good(before, columns, good)
            places = good.arg_true().to_list()
            if not places:
                continue
            origin = state.rows.gather([rows[place] for place in places])
            for place, index in zip(places, origin, strict=True):
                self._note(index, step, before[place], chosen[place])
                done.add(rows[place])
                del waiting[rows[place]]
            part = columns if len(places) == len(rows) else columns.changed(places, texts_after.gather(places))
            yield _State(part, _only(results, places), origin)

    def _tries(self, state: _State, step: int, done: set[int], *, safe: bool) -> dict[int, Iterator[Edits]]:
        """The edits to try for each output that breaks a rule."""
        broken = state.results.violations
        if done:
            broken = broken.filter(~pl.col("index").is_in([*done]))
        planned = planned_edits(self.style, state.columns, broken, safe=safe, unsafe=self.unsafe)
        lengths = state.columns.output.str.len_chars()
        return {row: subsets(planned[row], lengths[row], step) for row in sorted(planned)}

    def _note(self, index: int, step: int, text: str, edits: Sequence[Planned]) -> None:
        rows = [(index, step, rule, text[start:end], new, start, end) for _, start, end, new, rule in edits]
        self.changes.setdefault(index, []).extend(rows)  # which are in text order

    def revert(self, rows: pl.Series) -> None:
        """Leave these outputs as they were."""
        for index in rows:
            del self.changes[index]

    def result(self, columns: Columns, results: StyleResults) -> Repaired:
        """The table with its latest texts and results."""
        changed = pl.Series(sorted(self.changes), dtype=pl.UInt32)
        table = pl.DataFrame(
            [row for index in sorted(self.changes) for row in self.changes[index]], schema=CHANGE_SCHEMA, orient="row"
        )
        if not len(changed):
            return Repaired(columns.output, table, results, results)
        latest: dict[int, tuple[int, int]] = {}
        for number, state in enumerate(self.done):
            latest.update({index: (number, place) for place, index in enumerate(state.rows) if index in self.changes})
        texts, final = columns.output.clone(), results  # `scatter` writes into a series
        for number, state in enumerate(self.done):
            places = [place for at, place in latest.values() if at == number]
            if places:
                rows = state.rows.gather(places)
                texts = texts.scatter(rows, state.columns.output.gather(places))
                final = _replaced(final, rows, _only(state.results, places))
        return Repaired(texts, table, results, final)


def _better(style: StyleSchema, before: StyleResults, after: StyleResults) -> pl.Series:
    """Where fewer rules are broken, must rules first, and no must rule is that was not."""
    must = [check.id for check in style.checks if check.level == "must"]
    status = after.status
    broke = [(status[id].is_in(["fail", "unscored"]) & (status[id] != before.status[id])).rename(id) for id in must]
    spoilt = pl.DataFrame(broke).select(pl.any_horizontal(pl.all())).to_series() if broke else None
    old, new = _score(style, before, must), _score(style, after, must)
    less = pl.repeat(False, len(old), dtype=pl.Boolean, eager=True)
    equal = ~less
    for name in old.columns:
        less |= equal & (new[name] < old[name])
        equal &= new[name] == old[name]
    return less if spoilt is None else less & ~spoilt


def _score(style: StyleSchema, results: StyleResults, must: Sequence[str]) -> pl.DataFrame:
    """How many must rules each output breaks and how often, then the same for the others."""
    columns: list[pl.Series] = []
    for group in (must, [check.id for check in style.checks if check.id not in must]):
        if not group:
            continue
        failed = results.status.select(pl.sum_horizontal((pl.col(id) == "fail").cast(pl.Int64) for id in group))
        broken = results.violations.filter(pl.col("check").is_in(list(group))).group_by("index").len()
        counts = pl.repeat(0, len(results.status), dtype=pl.Int64, eager=True)
        counts = counts.scatter(broken["index"], broken["len"].cast(pl.Int64))
        columns += [
            failed.to_series().rename(f"rules {len(columns)}"),
            counts.rename(f"places {len(columns)}"),
        ]
    return pl.DataFrame(columns)


def _kept_where_good(before: pl.Series, after: Columns, good: pl.Series) -> pl.Series:
    """Where a change keeps every fact; only those that are good so far are compared."""
    rows = good.arg_true()
    if not len(rows):
        return good
    return good.scatter(rows, preserved(before.gather(rows), after.changed(rows.to_list(), after.output.gather(rows))))


def _only(results: StyleResults, rows: Sequence[int]) -> StyleResults:
    """The results of some rows, which are in order, numbered again."""
    if len(rows) == len(results.status):
        return results
    places = pl.DataFrame({"index": pl.Series(rows, dtype=pl.UInt32)}).with_row_index("new")
    violations = results.violations.join(places, on="index", how="inner", maintain_order="left")
    violations = violations.with_columns(index="new").drop("new")
    unscored = results.unscored.join(places, on="index", how="inner", maintain_order="left")
    return StyleResults(
        results.style, results.status[list(rows)], violations, unscored.with_columns(index="new").drop("new")
    )


def _joined(states: Sequence[_State], style: StyleSchema) -> _State:
    """Several states as one."""
    if not states:
        none = pl.Series([], dtype=pl.String)
        nothing = Columns(none, none, none)
        return _State(nothing, check_columns(nothing, style), pl.Series([], dtype=pl.UInt32))
    if len(states) == 1:
        return states[0]
    tables = [state.columns for state in states]
    columns = Columns(
        pl.concat([table.output for table in tables]),
        pl.concat([table.input for table in tables]),
        pl.concat([table.fields_json for table in tables]),
        tables[0].count_tokens,
    )
    if all("fields" in state.columns.__dict__ for state in states):
        columns.__dict__["fields"] = [row for state in states for row in state.columns.fields]
    starts = [sum(len(state.rows) for state in states[:n]) for n in range(len(states))]
    moved = [
        [
            table.with_columns((pl.col("index") + start).cast(pl.UInt32))
            for table in (state.results.violations, state.results.unscored)
        ]
        for state, start in zip(states, starts, strict=True)
    ]
    results = StyleResults(
        style,
        pl.concat([state.results.status for state in states]),
        pl.concat([tables[0] for tables in moved]),
        pl.concat([tables[1] for tables in moved]),
    )
    return _State(columns, results, pl.concat([state.rows for state in states]))


def _replaced(results: StyleResults, rows: pl.Series, others: StyleResults) -> StyleResults:
    """The results with those of some rows replaced."""
    status = pl.DataFrame(
        [results.status[name].clone().scatter(rows, others.status[name]) for name in results.status.columns]
    )
    tables = []
    for table, new in ((results.violations, others.violations), (results.unscored, others.unscored)):
        moved = new.with_columns(index=rows.gather(new["index"]))
        tables.append(
            pl.concat([table.filter(~pl.col("index").is_in(rows.implode())), moved]).sort("index", maintain_order=True)
        )
    return StyleResults(results.style, status, *tables)
