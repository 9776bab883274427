"""Curates the pairs of a project into a run, or any file or table of pairs."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl

from ...core import Console, DataError, carry, changing, disk_refusals, read_manifest, sha256_file, write_whole
from ...curate import (
    Curated,
    CurateSettings,
    Curation,
    DataSettings,
    DecisionLog,
    Notice,
    Override,
    PinnedSplits,
    RawPairs,
    curate,
    pin_splits,
    proposing_columns,
    read_frame,
    read_pairs,
    unchanged,
    write_curated,
)
from ...evaluate import EvaluateSettings
from ...style import StyleSchema, read_style
from ...train import TrainSettings
from ..load import counts_tokens, model_name
from ..project import Project
from ..run import Run, console_for
from ..runs import OVERRIDES, SPLITS, ProjectFiles, Stopwatch, check_place, from_run, read_run, start_run
from ..training.earlier import setting_aside
from .lost_lines import pinned_rows, removed_decisions, with_counts


def curate_pairs(
    pairs: Any,
    style: str | Path | StyleSchema | None = None,
    *,
    settings: CurateSettings | Mapping[str, Any] | None = None,
    input: str | Sequence[str] | None = None,
    output: str | None = None,
    id: str | None = None,
    group: str | None = None,
    identifiers: Collection[str] = (),
    split: str | None = None,
    date: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    leave_out_constant: bool = False,
    turns: Literal["last", "all"] = "last",
    limits: Mapping[str, str | int] | None = None,
    overrides: str | Path | None = None,
    splits: str | Path | None = None,
    out: str | Path | None = None,
    dry_run: bool = False,
    thresholds: bool = False,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> Curated:
    """Clean pairs, splits that cannot leak, and a ledger of every row, from a file or table of pairs.

    `pairs` is a path (or a folder or glob), a polars or pandas DataFrame, an Arrow table, a `datasets.Dataset` or a list of
    dictionaries. `input`, `output`, `id`, `group`, `split` and `date` name its columns, `identifiers` the fields that name
    the item without describing it; other columns are recognised. `input="*"` takes all columns but the output,
    `leave_out_constant` drops those that never vary, and `turns="all"` makes each answer of a conversation a pair.
    `limits` are as in `[data.limits]`, such as `{"record": "32 MB"}`, and `settings` as in `[curate]`. The file `overrides`
    has people's decisions about single rows, `splits` the earlier split assignments. With `out`, a run folder is written
    there, unless it is a `dry_run`; its decisions are replayed, and rows keep the splits recorded in its splits.jsonl.
    `thresholds` adds the table of near-duplicate thresholds.

    Raises: ConfigError, DataError for errors in the style, the pairs or `out`; ValueError for an invalid
    setting; RunBroken for disk errors.

    >>> curate_pairs([{"input": f"part {n}", "output": f"Part number {n}."} for n in range(50)]).summary["rows_read"]
    50
    """
    talk, out = console_for(talk, seed), None if out is None else Path(out)
    if out is not None:
        check_place(out)
    path = pairs if isinstance(pairs, str | Path) else None
    columns: dict[str, Any] = {
        "input": tuple(input) if isinstance(input, Sequence) and not isinstance(input, str) else input,
        "output": output, "id": id, "group": group, "identifiers": tuple(identifiers) or None, "split": split,
        "date": date, "encoding": encoding, "delimiter": delimiter, "sheet": sheet,
        "leave_out_constant": leave_out_constant or None,
        "turns": None if turns == "last" else turns,
        "limits": dict(limits) if limits else None,
    }  # fmt: skip
    project = project_of_pairs(path, style, columns, settings, allow_code=allow_code)
    decided = Path(overrides) if overrides is not None else None if out is None else out / OVERRIDES
    assigned = Path(splits) if splits is not None else None if out is None else out / SPLITS
    files = ProjectFiles(decided, assigned)
    table = None if path is not None else pairs
    if out is None or dry_run:
        return curate_unwritten(project, files=files, thresholds=thresholds, table=table, talk=talk)
    name = "pairs" if path is None else Path(path).absolute().stem
    made = _made_from(out, path, project.style, files)
    with replacing_curation(out, talk) as stage:
        start_run(stage, talk, config=project.resolved, command="tuneworth curate", name=name, **made)
        run = Run(stage, project=project, talk=talk)
        return curate_stage(run, files=files, thresholds=thresholds, table=table)


def project_of_pairs(
    path: str | Path | None, style: str | Path | StyleSchema | None, columns: Mapping[str, Any],
    settings: CurateSettings | Mapping[str, Any] | None, *, allow_code: bool,
) -> Project:  # fmt: skip
    """A project that consists of these pairs, configured by the stated settings."""
    file = Path(style) if isinstance(style, str | Path) else None
    schema = read_style(file, allow_code=allow_code) if file is not None else style
    data = {key: value for key, value in columns.items() if value is not None}
    rules = dict(settings) if isinstance(settings, Mapping) else _stated(settings or CurateSettings())
    # The path is absolute, since a project resolves paths relative to its folder.
    where = "" if path is None else str(Path(path).absolute())
    return Project(
        Path(),
        DataSettings(path=where, **data),
        schema if isinstance(schema, StyleSchema) else StyleSchema("no style", ()),
        CurateSettings(**rules),
        TrainSettings(),
        EvaluateSettings(),
        resolved={
            "data": {"path": None if path is None else Path(path).name, **data},
            "curate": {"mask": False, **rules},
        },
    )


def _made_from(out: Path, pairs: str | Path | None, style: StyleSchema, files: ProjectFiles) -> dict[str, Any]:
    """The files of the call, relative to the run's folder, for curating again; empty if it was passed Python objects."""
    if pairs is None or (style.checks and style.path is None):
        return {}
    paths = {
        "pairs": Path(pairs), "style": style.path, "overrides": files.overrides, "splits": files.splits,
    }  # fmt: skip
    return {"curated": {role: None if path is None else from_run(out, path) for role, path in paths.items()}}


def _stated(settings: CurateSettings) -> dict[str, Any]:
    usual = CurateSettings()
    changed = [field.name for field in fields(settings) if getattr(settings, field.name) != getattr(usual, field.name)]
    return {name: getattr(settings, name) for name in changed}


def curate_stage(
    run: Run, *, files: ProjectFiles | None = None, thresholds: bool = False, table: Any = None
) -> Curated:
    """Write clean pairs, splits, ledger and summary to the run's `curate` folder, from the project's pairs or a `table`.

    Raises: ConfigError, DataError as `tuneworth.curate.curate`; RunBroken for disk errors.
    """
    watch, project = Stopwatch(), run.project
    files = files or ProjectFiles.of_project(project.folder)
    raw, assigned, curated, decisions = _curated(
        project, run.talk, seed=run.seed, files=files, thresholds=thresholds, table=table
    )  # fmt: skip
    inputs = [("pairs", Path(file)) for file in raw.files] + project.inputs
    with unchanged(raw.stamps):  # so that the fingerprints are of what was read
        run.update(inputs=inputs, data_guide=raw.guide)
    lines = record_splits(files, assigned, curated.ledger)
    curated = replace(curated, curation=with_counts(curated.curation, splits=lines, decisions=decisions))
    write_curated(curated, run.folder)
    run.update(seconds={"curate": watch.seconds()})
    return curated


@contextmanager
def replacing_curation(run: Path, talk: Console) -> Iterator[Path]:
    """A folder for the new curation of a run, with its run.json; it replaces the earlier run when the block ends.

    With the same splits, training and results stay. Those of other splits do not belong to the later run: the training is
    moved aside, and the results go. Outputs that were generated or paid for are kept for the next evaluation.

    Raises: RunBroken for disk errors.
    """
    with setting_aside(run, talk) as set_aside, changing(run, afresh=True) as stage:
        yield stage
        if _splits(stage) == _splits(run):
            carry(stage, "train/", "evaluate/", "search/", "results.json")
            earlier, later = read_run(run), read_run(stage)  # what the later stages recorded
            facts = {**earlier, **later, "seconds": earlier["seconds"] | later["seconds"]}
            write_whole(stage / "run.json", json.dumps(facts, ensure_ascii=False, indent=2))
        else:
            set_aside()


def _splits(run: Path) -> dict[str, str]:
    """The SHA-256 of each file of the splits, by its path in the run; as they were written, where there is a manifest."""
    manifest = None
    with suppress(DataError):  # a damaged one is no reason not to curate again
        manifest = read_manifest(run)
    if manifest is not None:
        files = {name: listed.sha256 for name, listed in manifest.files.items()}
    else:
        paths = [path for path in (run / "curate").rglob("*.jsonl") if path.is_file()]
        files = {path.relative_to(run).as_posix(): sha256_file(path) for path in paths}
    splits = ("curate/train", "curate/validation", "curate/test")
    return {name: found for name, found in files.items() if name.startswith(splits)}


def _curated(
    project: Project, talk: Console, *, seed: int, files: ProjectFiles, thresholds: bool, table: Any
) -> tuple[RawPairs, PinnedSplits, Curated, int]:
    """The pairs as read, the split assignments of earlier runs, the result of curating, and how many decisions there are.

    Nothing is written.
    """
    data = project.reading
    overrides, cut = read_decisions(files, talk)
    assigned, lost = pinned_rows(files.splits)
    source = project.folder / data.path if table is None else table
    with talk.progress("curate"):
        with proposing_columns(source, data):
            raw = read_pairs(source, data) if table is None else read_frame(table, data)
        talk.note(f"curate: {raw.shape}")
        curated = curate(
            raw, project.style, settings=project.curate, identifiers=data.identifiers, date=data.date, overrides=overrides,
            pinned=assigned, with_threshold_table=thresholds, count_tokens=counter_of_tokens(project), seed=seed,
            report=lambda line: talk.note(f"curate: {line}"),
        )  # fmt: skip
    curated = replace(curated, curation=warned(curated.curation, override_cut=cut, splits_lost=lost))
    note_warnings(curated.curation, talk)
    return raw, assigned, curated, len(overrides)


def read_decisions(files: ProjectFiles, talk: Console) -> tuple[tuple[Override, ...], str]:
    """The decisions to replay, and a warning about a half-written last line, which is left out.

    Raises: DataError naming every line that is not a decision.
    """
    if files.overrides is None:
        return (), ""
    log = DecisionLog(files.overrides)
    decisions, cut = log.read(), log.cut()
    if note := removed_decisions(files, decisions):
        talk.note(f"note: {note}")
    return decisions, f"Left out {cut}" if cut else ""


def warned(curation: Curation, **texts: str) -> Curation:
    """The curation with further warnings by code; an empty text is none."""
    more = [Notice(code=code, text=text) for code, text in texts.items() if text]
    return msgspec.structs.replace(curation, warnings=[*curation.warnings, *more])


def curate_unwritten(
    project: Project, *, files: ProjectFiles | None = None, thresholds: bool = False, table: Any = None, talk: Console
) -> Curated:
    """The result of `curate_stage` without writing anything; the split assignments are not recorded either."""
    files = files or ProjectFiles.of_project(project.folder)
    return _curated(project, talk, seed=talk.seed, files=files, thresholds=thresholds, table=table)[2]


def record_splits(files: ProjectFiles, assigned: PinnedSplits, ledger: pl.DataFrame) -> int | None:
    """Add the split assignments to splits.jsonl, before the run is written, and count its lines; None without such a file.

    Without a record of this run's test set, the next run could train on its test rows. Raises: RunBroken for disk errors,
    or if another run assigned rows differently in the meantime.
    """
    if files.splits is None:
        return None
    with disk_refusals(files.splits):
        return pin_splits(files.splits, assigned, ledger)


def note_warnings(curation: Curation, talk: Console) -> None:
    """Print each warning of a curation as a note, except those that the final answer reports with a reason."""
    for warning in curation.warnings:
        if warning.code != "split_size":
            talk.note(f"warning: {warning.text}")


def counter_of_tokens(project: Project) -> Callable[[Sequence[str]], Sequence[int]] | None:
    """The token counter of the project's model, if a rule needs it and the packages are installed."""
    if not wants_tokens(project):
        return None
    from ...train import token_counter

    return token_counter(model_name(project))


def wants_tokens(project: Project) -> bool:
    """Whether a rule of the style limits lengths in tokens, and the packages to count them are installed."""
    return counts_tokens(project.style) and find_spec("transformers") is not None
