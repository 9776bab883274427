"""Compares judged runs: each with the one before it, and the first with the last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace

from ...core import ConfigError, Console, DataError, TuneworthError, as_json, printable
from ...evaluate import ComparedJudged, ComparedRun, Comparisons, Judged, compare_judged
from ...reports import compared_html, compared_text, write_comparison
from ..evaluation.gates import evaluate_gates, failed_gates, parse_gate
from ..run import QUIET, Run
from .judged import judged_by_style, judged_variant, stated_style, with_known_values

# What numbers that no run writes can raise.
_UNUSUAL = (ArithmeticError, ValueError)


@dataclass(frozen=True)
class ComparedRuns:
    """A comparison of runs, which prints as its answer.

    `whole` compares the last run with the first; with more than two runs, `steps` compare each with the one before it.
    """

    comparison: Comparisons
    whole: ComparedJudged
    steps: tuple[ComparedJudged, ...] = ()
    gate_error: TuneworthError | None = None

    @cached_property
    def results(self) -> dict[str, Any]:
        """The content of comparison.json."""
        return as_json(self.comparison)

    def check_gates(self) -> None:
        """Raise an error if a gate failed.

        Raises: GateFailed with every gate that does not hold; ConfigError if the path of a gate does not exist.
        """
        if self.gate_error is not None:
            raise self.gate_error

    def write(self, folder: str | Path, *, examples: bool = True) -> list[Path]:
        """Write compare.html, compare.md, junit.xml and comparison.json into a folder and return their paths.

        Without `examples`, no file contains a request or an output.
        """
        return write_comparison(Path(folder), self.comparison, [self.whole, *self.steps], examples=examples)

    @cached_property
    def text(self) -> str:
        """The answer for a terminal."""
        return compared_text(self.comparison)

    def __repr__(self) -> str:
        return printable(self.text)

    def _repr_html_(self) -> str:
        return compared_html(self.comparison)


def compare_runs(
    *runs: str | Path | Run,
    variant: str | None = None,
    style: str | Path | None = None,
    gates: Sequence[str] = (),
    allow_code: bool = False,
    talk: Console | None = None,
) -> ComparedRuns:
    """Compare judged runs: the last with the first, and if there are more, each with the one before it.

    A run is its folder, or a project for its newest run. Runs are compared on the requests that they share by content. If
    their styles differ, the `must` rules that both have apply; or all outputs are scored again by `style`, which is a file,
    or a run (by its name, its folder, or its letter, `A` for the first) for its style. `variant` is the variant to compare,
    `NAME`, or `NAME=NAME=...` with one for each run; by default the candidates. `gates` are conditions on the results.

    Raises: ConfigError or DataError if a run, its variant or a gate does not exist, or no request is shared.
    """
    talk, conditions = talk or QUIET, [parse_gate(text) for text in gates]
    opened = [Run.of(run, talk=talk) for run in runs]
    _check_different(opened)
    names = _names(opened)
    sides = [
        judged_variant(run, name, wanted)
        for run, name, wanted in zip(opened, names, _wanted(variant, len(opened)), strict=True)
    ]
    rescored = None
    if style is not None:
        schema, rescored = stated_style(style, opened, names, allow_code=allow_code)
        schema = with_known_values(schema, opened, sides)
        sides = [judged_by_style(side, schema) for side in sides]
    whole = _compared(sides[0], sides[-1], rescored)
    steps = tuple(_compared(*pair, rescored) for pair in pairwise(sides)) if len(sides) > 2 else ()
    results = Comparisons(
        schema="tuneworth/comparison/1",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=[_run(side, run) for side, run in zip(sides, opened, strict=True)],
        **asdict(whole.results),
        steps=[step.results for step in steps],
        gates=None,
    )
    failed: TuneworthError | None = None
    if conditions:
        try:
            outcomes = evaluate_gates(conditions, results)
            results, failed = replace(results, gates=outcomes), failed_gates(outcomes)
        except ConfigError as error:
            failed = error
    return ComparedRuns(results, whole, steps, failed)


def _check_different(runs: Sequence[Run]) -> None:
    """Raises: ConfigError if there are not at least two different runs."""
    if len(runs) < 2:
        raise ConfigError("a comparison needs at least two runs, such as: tuneworth compare runs/A runs/B")
    places = [run.folder.resolve() for run in runs]
    for first, second in pairwise(places):
        if first == second:
            raise ConfigError(f"{first} is compared with itself\nName two runs; a project means its newest one.")


def _names(runs: Sequence[Run]) -> list[str]:
    """A name for each run: its folder's name, with the parent folder's if two are the same."""
    names = [run.folder.resolve().name for run in runs]
    if len(set(names)) == len(names):
        return names
    return [f"{run.folder.resolve().parent.name}/{name}" for run, name in zip(runs, names, strict=True)]


def _wanted(variant: str | None, runs: int) -> list[str | None]:
    """The variant of each run as stated. Raises: ConfigError for another number of names."""
    if variant is None:
        return [None] * runs
    names = variant.split("=")
    if len(names) == 1:
        return [*names * runs]
    if len(names) != runs or not all(names):
        raise ConfigError(f'--variant "{variant}": expected NAME, or a NAME for each of the {runs} runs, joined with =')
    return [*names]


def _compared(before: Judged, after: Judged, rescored: str | None) -> ComparedJudged:
    """Raises: DataError if the runs share no request, or a part of their results is damaged."""
    try:
        found = compare_judged(before, after, rescored=rescored)
    except _UNUSUAL as error:
        raise DataError(
            f"{before.name} or {after.name}: a part of results.json is missing or malformed ({error})\n"
            "Run `tuneworth evaluate` again for the older one."
        ) from error
    if not found.results.shared.requests:
        raise DataError(
            f"{before.name} and {after.name} share no request, so there is nothing to compare "
            f"({len(before.lines):,} and {len(after.lines):,} requests were tested)\n"
            "Compare runs of the same test set: keep splits.jsonl of the project, or pass both the same --pairs."
        )
    style = found.results.style
    if not style.same and not any(after.rules[name].level == "must" for name in style.rules):
        raise DataError(
            f"the styles of {before.name} and {after.name} have no must rule in common, so what is acceptable cannot be "
            "compared\nScore both by one style: --style STYLE.yaml"
        )
    return found


def _run(side: Judged, run: Run) -> ComparedRun:
    results = side.results
    return ComparedRun(
        name=side.name,
        folder=run.folder.resolve().name,
        project=results.project,
        created=results.created,
        variant=side.variant,
        requests=len(side.lines),
        decision=None if results.verdict is None else results.verdict.decision,
    )
