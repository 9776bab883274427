"""Rows that repeat each other: duplicates, conflicts, one output for many inputs, and the columns that tie them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from ...core import Clock, say
from ..check.facts import is_label
from ..check_parts import CheckedPairs, check
from ..match import Outcomes, Relations, first_rows, rank_rows, relate, settle
from ..part import CurateRequest
from ..read import RawPairs, ReadParts
from ..settings import CurateSettings
from ..split import ENOUGH_ROWS, LOOK_FIRST, group_numbers, independent_test_rows, rows_left, worth_tying
from .findings import Column, Example, Finding, Severity, Table, excerpt, quoted_names, toml_list, typed
from .texts import without_markup

_SHOWN = 3
_MANY = 1 / 3  # of the rows
_SOME = 0.02
_FEW_ROWS = 20
_FEW_LINKS = 10  # pairs of rows; fewer share a value by chance
_TOGETHER = 0.9  # of the pairs of rows that belong together: so many must share the value of a column that groups them
_CHANCE = 5  # times as often as two rows drawn at random
_LARGEST = 0.2  # of the rows: a larger group cannot be placed in one split
_LOOKED_AT = 5_000  # pairs of rows
_ToTest = Callable[..., float]  # independent test cases with these groups, or with these settings
_COMPARED = 10_000  # different outputs up to which similar ones are looked for: a second of the longest


@dataclass(frozen=True)
class Compared:
    """What curating finds in the pairs before it splits them."""

    pairs: CheckedPairs
    relations: Relations
    outcomes: Outcomes


def compare(raw: RawPairs, identifiers: Sequence[str], settings: CurateSettings) -> Compared:
    """The relations of all pairs and the outcome of each, as `curate` has them.

    Raises: ConfigError if no pair has an identifier; DataError if too many pairs repeat each other.
    """
    pairs = check(ReadParts.of(raw), CurateRequest(None, settings, identifiers), clock=Clock({}))
    rank = rank_rows(pairs.corpus, pairs.checked, keep=settings.keep)
    relations = relate(pairs.corpus, threshold=settings.near_duplicate, rank=rank, method=settings.method)
    return Compared(pairs, relations, settle(pairs.corpus, relations, rank, settings=settings))


def repeats(pairs: pl.DataFrame, compared: Compared, table: Table) -> Iterator[Finding]:
    """The findings about rows that repeat each other."""
    yield from _duplicates(pairs, compared)
    yield from _conflicts(pairs, compared, table)
    yield from _several_outputs(pairs, compared, table)
    yield from _variants(pairs, compared, table)


def _duplicates(pairs: pl.DataFrame, compared: Compared) -> Iterator[Finding]:
    outcomes, n = compared.outcomes, len(pairs)
    for rule, what in (
        ("exact_duplicate", "repeat another row exactly"),
        ("near_duplicate", "nearly repeat another row"),
    ):
        rows = np.flatnonzero(outcomes.rule == rule)
        if not len(rows):
            continue
        share = len(rows) / n
        severity: Severity = "medium" if share >= _SOME else "low"
        verb = what if len(rows) > 1 else what.replace("repeat", "repeats")
        yield Finding(
            rule, severity, f"{say.count(len(rows), 'row')} ({say.percent(share)}) {verb}.", len(rows), share,
            "Curating keeps one of each.", examples=tuple(_evidence(pairs, rows, outcomes)),
        )  # fmt: skip


def _evidence(pairs: pl.DataFrame, rows: np.ndarray, outcomes: Outcomes) -> Iterator[Example]:
    for row in rows[:: max(1, len(rows) // _SHOWN)][:_SHOWN].tolist():
        yield Example(pairs["row"][row], pairs["id"][row], None, str(outcomes.evidence[row]))


def _conflicts(pairs: pl.DataFrame, compared: Compared, table: Table) -> Iterator[Finding]:
    outcomes = compared.outcomes
    rows = np.flatnonzero(outcomes.outcome == "conflict")
    if not len(rows):
        return
    share = len(rows) / len(pairs)
    told = _telling_apart(rows, outcomes.other[rows], table.columns)
    advice = f'{_add(told)} Else a person must say which answer is right; conflicts = "keep best" keeps one.'
    yield Finding(
        "conflicts", "high" if share > _MANY else "medium" if share >= _SOME else "low",
        f"{say.count(len(rows), 'row')} ({say.percent(share)}) {'have' if len(rows) > 1 else 'has'} the input of another row, "
        "or nearly so, and an output that contradicts it.",
        len(rows), share, advice, option=table.adding(told) if told else None,
        setting='[curate] conflicts = "keep best"', examples=tuple(_evidence(pairs, rows, outcomes)),
        values={"column": told},
    )  # fmt: skip


def _add(column: str | None, verb: str = "Add") -> str:
    if column is None:
        return f"{verb} what tells the rows apart to the input."
    return f"Column {quoted_names([column])} tells these rows apart: add it to the input."


def _telling_apart(rows: np.ndarray, others: np.ndarray, columns: Sequence[Column]) -> str | None:
    """The unused column that differs in nearly all of these pairs of rows and has few values; None if there is none."""
    best: tuple[int, str] | None = None
    for column in columns:
        if column.given or column.filled < len(column.texts) / 2 or column.distinct > len(column.texts) / 2:
            continue
        differ = (column.texts.gather(rows) != column.texts.gather(others)).fill_null(False)
        if differ.sum() >= _TOGETHER * len(rows) and (best is None or column.distinct < best[0]):
            best = column.distinct, column.name
    return best[1] if best else None


def _several_outputs(pairs: pl.DataFrame, compared: Compared, table: Table) -> Iterator[Finding]:
    """Inputs that stand with several outputs which do not contradict each other."""
    corpus = compared.pairs.corpus
    numbers = pl.DataFrame({"input": corpus.text, "output": corpus.output, "row": range(len(pairs))})
    several = numbers.filter(
        pl.Series(compared.outcomes.kept) & (pl.col("output").n_unique().over("input") > 1)
    ).with_columns(first=pl.col("row").first().over("input"))
    several = several.filter(pl.col("output").n_unique().over("input") > 1)
    if several.is_empty():
        return
    rows, share = len(several), len(several) / len(pairs)
    other = several.filter(pl.col("row") != pl.col("first"))
    told = _telling_apart(other["row"].to_numpy(), other["first"].to_numpy(), table.columns)
    inputs = several["input"].n_unique()
    examples = tuple(
        Example(pairs["row"][row], pairs["id"][row], None, excerpt(pairs["input"][row], 0, 40))
        for row in other["row"].gather_every(max(1, len(other) // _SHOWN)).head(_SHOWN)
    )
    yield Finding(
        "several_outputs", "medium" if share >= 0.1 else "low",
        f"{say.count(inputs, 'input')} {'have' if inputs > 1 else 'has'} several different outputs ({say.count(rows)} rows, "
        f"{say.percent(share)}).",
        rows, share, f"If each is a good answer, nothing is wrong: they stay together in one split. {_add(told, 'Else add')}",
        option=table.adding(told) if told else None,
        examples=examples, values={"inputs": inputs, "column": told},
    )  # fmt: skip


# --- what belongs together ----------------------------------------------------------------------------------------


def _variants(pairs: pl.DataFrame, compared: Compared, table: Table) -> Iterator[Finding]:
    """Long outputs that several inputs share, and the column that groups them or groups similar inputs."""
    corpus, n = compared.pairs.corpus, len(pairs)
    rows = pl.DataFrame({"output": corpus.output, "input": corpus.text, "row": range(n)})
    shared = rows.filter(pl.col("input").n_unique().over("output") > 1)
    first = first_rows(corpus.output)
    numbers = shared["output"].unique().sort().to_numpy()
    long = numbers[[not is_label(text) for text in corpus.outputs(first[numbers])]] if len(numbers) else numbers
    shared = shared.filter(pl.col("output").is_in(long.tolist())).sort("output", "row")
    grouped = pairs["group"].null_count() < n
    to_test = _rows_to_test(compared, pairs)
    before = to_test()
    if len(shared):
        rows, share, outputs = len(shared), len(shared) / n, shared["output"].n_unique()
        fields = [column for column in table.columns if not column.given or _groups_outputs(column, corpus.output)]
        tying = [] if grouped else _tying(*_links(shared), fields)
        few = len(np.unique(corpus.output)) <= _COMPARED
        advice, (option, setting), tied = _keeping_apart(tying, to_test, before, similar=few)
        usual = f"{say.percent(share)} of the rows ({say.count(rows)}) share their output with another input"
        severity: Severity = "medium" if share >= _SOME else "low"
        yield Finding(
            "variants", "high" if share >= 0.1 and (option or before < ENOUGH_ROWS) else severity,
            f"{usual}: {say.count(outputs, 'output')} for {say.count(shared['input'].n_unique(), 'input')}.",
            rows, share, advice, option=option, setting=setting, examples=tuple(_shared_examples(pairs, shared)),
            values={
                "outputs": outputs, "inputs": shared["input"].n_unique(), "column": tied,
                "independent_test_cases": round(before, 1),
            },
        )  # fmt: skip
        if tied:
            return
    if not grouped:
        yield from _groups(pairs, compared, table, to_test, before)


def _rows_to_test(compared: Compared, pairs: pl.DataFrame) -> _ToTest:
    rows = np.flatnonzero(compared.outcomes.kept)
    found = partial(independent_test_rows, compared.pairs.corpus, rows, relations=compared.relations)
    return lambda groups=pairs["group"], **settings: found(group_numbers(groups), settings=CurateSettings(**settings))


_NOTHING = None, None  # no option, no setting


def _keeping_apart(
    tying: Sequence[Column], to_test: _ToTest, before: float, *, similar: bool
) -> tuple[str, tuple[str | None, str | None], str | None]:
    """What to do about shared outputs: the advice, the option with its setting, and the column that ties them.

    before: the independent test cases as it is. similar: whether to look for similar outputs too.
    """
    why = "Variants on both sides of the split put test answers into training."
    ties = [(quoted_names([column.name]), column.name, to_test(column.texts)) for column in tying[:_SHOWN]]
    for quoted, name, after in ties:
        if worth_tying(after, before):
            few = f" That leaves {rows_left(after)}." if after < ENOUGH_ROWS else ""
            return f"{why} Column {quoted} ties them.{few}", _group(name), name
    apart = "Curating keeps identical outputs on one side as far as the data allow."
    apart += f" That leaves {rows_left(before)}." if before < ENOUGH_ROWS else ""
    if ties:
        quoted, _, after = ties[0]
        return f"{apart} Column {quoted} also ties others and would leave {rows_left(after, before)}.", _NOTHING, None
    after = to_test(tie_outputs=True) if similar else before
    if after > (1 - LOOK_FIRST) * before:
        return apart, _NOTHING, None
    if worth_tying(after, before, outputs=True):
        more = f"{why} {apart} tie_outputs = true keeps short and similar ones there as well."
        return more, ("--tie-outputs true", "[curate] tie_outputs = true"), None
    return (
        f"{apart} Keeping short and similar ones there as well would leave {rows_left(after, before)}.",
        _NOTHING,
        None,
    )


def _groups(
    pairs: pl.DataFrame, compared: Compared, table: Table, to_test: _ToTest, before: float
) -> Iterator[Finding]:
    """A column that groups similar inputs."""
    relations = compared.relations
    siblings, first = relations.siblings, first_rows(relations.subject)
    which = np.arange(len(siblings.left))
    which = which[siblings.left < len(first)][:: max(1, len(which) // _LOOKED_AT)]
    which = which[siblings.right[which] < len(first)]
    left, right = first[siblings.left[which]], first[siblings.right[which]]
    if len(left) < _FEW_ROWS:
        return
    # Similar inputs share most of their own fields, so only a column beside the input says that they belong together.
    tying = _tying(left, right, [column for column in table.columns if not column.given])
    tied = next((one for one in tying[:_SHOWN] if worth_tying(to_test(one.texts), before)), None)
    if tied is None:
        return
    rows = len(np.unique(np.concatenate((left, right))))
    option, setting = _group(tied.name)
    yield Finding(
        "groups", "medium",
        f"Similar inputs share their value of column {quoted_names([tied.name])} ({say.count(tied.distinct)} groups).",
        rows, rows / len(pairs), "Rows of one group belong in the same split, or the test is too easy.",
        option=option, setting=setting, values={"column": tied.name, "groups": tied.distinct},
    )  # fmt: skip


def _group(column: str) -> tuple[str, str]:
    return typed("--group", column), f"[data] group = {toml_list([column])[1:-1]}"


def _links(shared: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of adjacent rows with one output, of rows sorted by output."""
    output, row = shared["output"].to_numpy(), shared["row"].to_numpy().astype(np.int64)
    same = np.flatnonzero(output[1:] == output[:-1])
    return row[same], row[same + 1]


def _groups_outputs(column: Column, outputs: np.ndarray) -> bool:
    """Whether rows with the same value mostly have the same output: it names what they are variants of.

    Otherwise a field describes the item, and as a group it would tie rows that have nothing to do with each other.
    """
    rows = pl.DataFrame({"value": column.texts, "output": outputs}).drop_nulls("value").sort("value", "output")
    again = rows.filter(pl.col("value") == pl.col("value").shift())
    same = rows.filter((pl.col("value") == pl.col("value").shift()) & (pl.col("output") == pl.col("output").shift()))
    return len(again) > 0 and len(same) >= len(again) / 2


def _tying(left: np.ndarray, right: np.ndarray, columns: Sequence[Column]) -> list[Column]:
    """The columns whose value nearly all of these pairs of rows share, the best first.

    Their groups fit into a split, and two rows drawn at random share one far less often. A column beside the input comes
    first, since a field of it may only describe the item, then the one with the most groups.
    """
    found: list[Column] = []
    if len(left) < _FEW_LINKS:
        return found
    for column in columns:
        n = len(column.texts)
        fitting = 1 < column.distinct < n and column.largest <= max(2, _LARGEST * n) and column.filled >= _TOGETHER * n
        if not fitting or column.measures:
            continue
        share = float((column.texts.gather(left) == column.texts.gather(right)).mean() or 0)  # type: ignore[arg-type]
        counts = column.texts.drop_nulls().value_counts(name="n")["n"].cast(pl.Float64)
        by_chance = float((counts * (counts - 1)).sum()) / max(1, n * (n - 1))
        if share >= _TOGETHER and share >= _CHANCE * by_chance:
            found.append(column)
    return sorted(found, key=lambda column: (column.given, -column.distinct))


def _shared_examples(pairs: pl.DataFrame, shared: pl.DataFrame) -> Iterator[Example]:
    """The outputs of the most inputs."""
    most = (
        shared.group_by("output")
        .agg(pl.len().alias("n"), pl.col("row").first())
        .sort("n", "row", descending=[True, False])
    )
    for n, row in most.head(_SHOWN).select("n", "row").iter_rows():
        text = excerpt(without_markup(pairs["output"][row : row + 1])[0].strip(), 0, 60)
        yield Example(pairs["row"][row], pairs["id"][row], f"{n:,} rows", text)
