"""A variant of a stored run for a comparison, as judged by the run or again by another style: a file, or that of a run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import polars as pl

from ...core import ConfigError, DataError, damage, from_json, nearest, quote
from ...curate import read_tested, tested_files
from ...evaluate import OUTPUT_SCHEMA, Judged, score_outputs, with_references
from ...reports import StoredRun, read_run, scored_lines
from ...style import RuleInUse, StyleSchema, check_table, open_fields, pair_columns, read_style, with_row_values
from ..load import counts_tokens, local_counter
from ..project import read_project
from ..run import Run
from ..runs import to_path, with_inputs

OUTPUTS = "evaluate/outputs.jsonl"


def judged_variant(run: Run, name: str, wanted: str | None) -> Judged:
    """A variant of a run, by default its candidate; `name` is what the comparison calls the run.

    Raises: DataError if the run was not evaluated or is damaged; ConfigError if it has no such variant.
    """
    stored = read_run(run.folder)
    variant = _variant(stored, run.folder, wanted)
    lines, pairs = scored_lines(run.folder, variant), read_tested(run.folder)
    _check_ids(run.folder, pairs, lines)
    results = stored.results
    unscored = frozenset(check for check, found in results.quality[variant].checks.items() if found.unscored)
    rules = {} if results.style is None else results.style.checks
    return Judged(name, variant, pairs, lines, rules, results, stored.facts, unscored)


def _variant(stored: StoredRun, folder: Path, wanted: str | None) -> str:
    if wanted is not None and wanted not in stored.variants:
        raise ConfigError(f'{folder} has no variant "{wanted}"; {nearest(wanted, stored.variants)}')
    variant = wanted or stored.candidate
    if variant is None:
        raise DataError(f"{folder}: no outputs were scored\nRun `tuneworth evaluate` first.")
    return variant


def _check_ids(folder: Path, pairs: pl.DataFrame, lines: dict[str, Any]) -> None:
    """Raises: DataError if an id names two tested pairs, or an output answers none of them."""
    ids = Counter(pairs["id"].to_list())
    twice = [name for name, times in ids.items() if times > 1]
    if twice:
        raise DataError(f'{tested_files(folder)[0]}: the id "{twice[0]}" occurs twice')
    unknown = next((name for name in lines if name not in ids), None)
    if unknown is not None:
        file, tested = folder / OUTPUTS, tested_files(folder)[0].relative_to(folder)
        raise damage(file, OUTPUTS, f'it answers "{unknown}", which is not among the tested pairs ({tested})')
    if not lines:
        raise damage(folder / OUTPUTS, OUTPUTS, "it has no output of this variant")


def with_known_values(style: StyleSchema, runs: Sequence[Run], sides: Sequence[Judged]) -> StyleSchema:
    """The style, whose checks against other values of a field use the values in all pairs of the runs."""
    if not open_fields(style):
        return style
    tables = [table for run, side in zip(runs, sides, strict=True) for table in _known_pairs(run, side)]
    return with_row_values(
        style, pair_columns(pl.concat([table.select("output", "input", "fields") for table in tables]))
    )


def _known_pairs(run: Run, side: Judged) -> list[pl.DataFrame]:
    """All pairs of a curated run; for collected outputs, only the tested pairs."""
    return [run.train, run.validation, run.test] if run.curation else [side.pairs]


def judged_by_style(side: Judged, style: StyleSchema) -> Judged:
    """The same outputs, repaired in the same way, scored by another style.

    Raises: DataError if requests have different numbers of outputs.
    """
    identifiers = (side.facts.get("config") or {}).get("data", {}).get("identifiers") or ()
    pairs = with_references(side.pairs, style, identifiers).filter(pl.col("id").is_in(list(side.lines)))
    if len({len(lines) for lines in side.lines.values()}) > 1:
        raise DataError(f"{side.name}: its requests have different numbers of outputs, so they cannot be scored again")
    variant = side.results.variants.get(side.variant)
    rows = [_unrepaired(line) for name in pairs["id"] for line in side.lines[name]]
    outputs = pl.DataFrame(rows, schema=OUTPUT_SCHEMA, strict=False)
    model = variant and variant.model
    counter = local_counter(model) if model and counts_tokens(style) else None
    repair = "off" if variant is None else variant.repair
    scores = score_outputs(pairs, outputs, style, count_tokens=counter, repair=repair)
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in scores.table.iter_rows(named=True):
        lines.setdefault(row["id"], []).append(row)
    rules = {row["id"]: from_json(row, RuleInUse) for row in check_table(style)}
    unscored = frozenset(name for name in scores.status.columns if (scores.status[name] == "unscored").any())
    return replace(side, lines=lines, rules=rules, unscored=unscored)


def _unrepaired(line: Mapping[str, Any]) -> dict[str, Any]:
    """An output as it was before its repair."""
    raw = line.get("raw")
    return {**{key: line.get(key) for key in OUTPUT_SCHEMA}, "output": line.get("output") if raw is None else raw}


# --- the style for scoring outputs again ---------------------------------------------------------------------------


def stated_style(
    stated: str | Path, runs: Sequence[Run], names: Sequence[str], *, allow_code: bool
) -> tuple[StyleSchema, str]:
    """The style, and what to call it.

    `stated` is a file, or one of the `runs` (`A` for the first, `B` for the next, its name, or its folder) for the style
    that it was judged by.

    Raises: ConfigError if there is no such file or run; DataError if the style of the run is not available.
    """
    if Path(stated).is_file():
        return read_style(Path(stated), allow_code=allow_code), Path(stated).name
    letters = ascii_uppercase[: len(runs)]
    for letter, name, run in zip(letters, names, runs, strict=False):
        if str(stated) in (letter, name) or Path(stated).resolve() == run.folder.resolve():
            return _style_of(run, letter, allow_code=allow_code), f"the style of {name}"
    if "." not in str(stated):
        raise ConfigError(
            f'--style "{stated}" is neither a file nor one of the runs\n'
            f"Name a style file, or {' or '.join(letters[:2])} for the style that a run was judged by."
        )
    return read_style(Path(stated), allow_code=allow_code), Path(stated).name


def _style_of(run: Run, letter: str, *, allow_code: bool) -> StyleSchema:
    """The style of a run. Raises: DataError if it is not in a file, or the file has changed since the run was judged."""
    call = run.facts.get("judged")
    if call is None:
        style = run.project.style
    elif call["style"] is not None:
        style = read_style(to_path(run.folder, call["style"]), allow_code=allow_code)
    elif call["project"] is not None:
        style = read_project(to_path(run.folder, call["project"]), allow_code=allow_code).style
    else:
        raise DataError(f"--style {letter}: the style of {run.folder} was passed in Python and is in no file")
    provenance = None if run.results is None else run.results.provenance
    then = () if provenance is None else provenance.inputs or ()
    known = {(file.path, file.sha256) for file in then if file.role == "style"}
    changed = [
        now["path"] for now in with_inputs([], run.folder, style.sources) if (now["path"], now["sha256"]) not in known
    ]
    if changed:
        raise DataError(
            f"--style {letter}: {', '.join(changed)} changed since {run.folder} was judged\n"
            f"Pass the style file itself, or judge the run by it first: tuneworth report {quote(str(run.folder))}"
        )
    return style
