"""The stages of a run, as the commands call them: read what the stage before left, do the work, write, say."""

import json
from collections.abc import Callable, Sequence
from glob import glob
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ..core import ConfigError, DataError, ModelError, Talk, disk_refusals, write_whole
from ..curate import (
    Curated,
    HeldSplits,
    RawPairs,
    curate,
    hold_splits,
    read_overrides,
    read_pairs,
    read_splits,
    write_curated,
)
from ..evaluate import check_roi, plan_variants, read_roi
from .project import Project
from .runs import Beside, Stopwatch, read_run, update_run

if TYPE_CHECKING:
    from ..train import LoadedModel

__all__ = [
    "check_project",
    "curate_stage",
    "held_first",
    "load",
    "load_other",
    "report_stage",
    "sample",
    "say_warnings",
    "seed_of",
    "wants_tokens",
]


# --- before the first stage -------------------------------------------------------------------------------------


def check_project(project: Project, *, train: bool) -> None:
    """Everything that the later stages need, checked before the first one starts.

    Raises: ConfigError, DataError or ModelError of the first thing that is missing.
    """
    path = project.folder / project.data.path
    if not path.exists() and not glob(str(path)):  # noqa: PTH207 - the pattern may be absolute
        raise DataError(f"no file of pairs at {path}\n[data] path in {project.folder / 'tuneworth.toml'} names it.")
    empty = pl.DataFrame(schema={"id": pl.String, "group": pl.String, "input": pl.String, "output": pl.String})
    # Guides and files of outputs are opened here; the adapter does not exist yet.
    plan_variants(project.evaluate, folder=project.folder, style=project.style, train=empty, adapter=Path("adapter"))
    if project.roi is not None:
        check_roi(read_roi(project.roi), project.evaluate.variants, required=compared(project))
    if train:
        need_training(project)


def compared(project: Project) -> list[str]:
    """The variants whose money is compared: the candidate and all that may become the baseline."""
    return [*project.evaluate.contenders, project.evaluate.candidate]


def need_training(project: Project) -> None:
    """The packages and the model of the training stage.

    Raises: ModelError, or ConfigError for a tracker, with the exact command where one is missing.
    """
    missing = [name for name in ("torch", "transformers", "peft") if find_spec(name) is None]
    if missing:
        raise ModelError(f"training needs {', '.join(missing)}, not installed here: pip install 'tuneworth[train]'")
    from ..train import find_model, need_trackers

    if project.train.quantised:
        from ..train import check_quantised

        check_quantised()
    need_trackers(project.train.trackers)
    find_model(model_name(project))
    for name in project.evaluate.variants:
        own = project.evaluate.of(name)
        if own.source is None and own.model is not None:
            find_model(str(folder) if (folder := project.folder / own.model).is_dir() else own.model)


def model_name(project: Project) -> str:
    """The model of `[train]`: a folder beside the project file is meant from there, whatever the current folder."""
    folder = project.folder / project.train.model
    return str(folder) if folder.is_dir() else project.train.model


def seed_of(run: Path, talk: Talk) -> int:
    """The seed of the command where it names one, else the one that the run began with."""
    return talk.seed if talk.seed_given else int(read_run(run)["seed"])


# --- curate -----------------------------------------------------------------------------------------------------


def curate_stage(
    project: Project, run: Path, talk: Talk, *, beside: Beside | None = None, thresholds: bool = False
) -> dict[str, Any]:
    """Clean pairs, splits, ledger and summary in the run's `curate` folder; the summary."""
    watch = Stopwatch()
    beside = beside or Beside.of_project(project.folder)
    raw, held, curated = curated_pairs(project, talk, seed=seed_of(run, talk), beside=beside, thresholds=thresholds)
    held_first(beside, held, curated.ledger)
    write_curated(curated, run)
    with disk_refusals(run):
        inputs = [("pairs", Path(file)) for file in raw.files] + project.inputs
        update_run(run, seconds={"curate": watch.seconds()}, inputs=inputs, data_guide=raw.guide)
    return curated.summary


def held_first(beside: Beside, held: HeldSplits, ledger: pl.DataFrame) -> None:
    """Add the placed rows to splits.jsonl, before the run is written.

    A run whose test set is not held could train the next one on its test rows.
    Raises: RunBroken where the disk refuses, or another run placed rows elsewhere meanwhile.
    """
    if beside.splits is not None:
        with disk_refusals(beside.splits):
            hold_splits(beside.splits, held, ledger)


def say_warnings(summary: dict[str, Any], talk: Talk) -> None:
    """Each warning of a curation as a note; what the answer says with its reason is left to it."""
    for warning in summary["warnings"]:
        if warning["code"] != "split_size":
            talk.note(f"warning: {warning['text']}")


def curated_pairs(
    project: Project, talk: Talk, *, seed: int, beside: Beside, thresholds: bool
) -> tuple[RawPairs, HeldSplits, Curated]:
    """The project's pairs as read, the placed rows of earlier runs, and the result of curating; nothing is written."""
    data = project.data
    overrides = read_overrides(beside.overrides) if beside.overrides is not None else ()
    held = read_splits(beside.splits) if beside.splits is not None else HeldSplits()
    raw = read_pairs(project.folder / data.path, data)
    talk.note(f"curate: {raw.shape}")
    curated = curate(
        raw, project.style, settings=project.curate, identifiers=data.identifiers, date=data.date, overrides=overrides,
        held=held, with_threshold_table=thresholds, count_tokens=_token_counter(project), seed=seed,
    )  # fmt: skip
    say_warnings(curated.summary, talk)
    return raw, held, curated


def _token_counter(project: Project) -> Callable[[Sequence[str]], Sequence[int]] | None:
    """What counts tokens as the project's model does, where a rule asks for it and the packages are there."""
    if not wants_tokens(project):
        return None
    from ..train import token_counter

    return token_counter(model_name(project))


def wants_tokens(project: Project) -> bool:
    """Whether a rule of the style asks for lengths in tokens, and the packages that count them are there."""
    asked = any(getattr(check.parameters, "unit", None) == "tokens" for check in project.style.checks)
    return asked and find_spec("transformers") is not None


# --- train ------------------------------------------------------------------------------------------------------


def load(project: Project, talk: Talk) -> "LoadedModel":
    """The project's model in memory, for training and for the race."""
    need_training(project)
    from ..train import TrainSettings

    first = (
        " (at its first use it is converted, which takes about 20 s)"
        if project.train.model == TrainSettings().model
        else ""
    )
    talk.note(f"model: loading {project.train.model}{first}")
    return _loaded(project, model_name(project), talk)


def load_other(project: Project, name: str, talk: Talk) -> "LoadedModel":
    """A variant's own model in memory, read as `[train]` says of number format and quantisation."""
    need_training(project)
    talk.note(f"model: loading {name}")
    return _loaded(project, name, talk)


def _loaded(project: Project, name: str, talk: Talk) -> "LoadedModel":
    from ..train import format_notices, load_model, set_threads

    set_threads()
    dtype = None if project.train.dtype == "auto" else project.train.dtype
    loaded = load_model(name, dtype=dtype, quantised=project.train.quantised)
    for notice in format_notices(loaded.model.dtype, device=loaded.model.device.type):
        talk.note(f"warning: {notice}")
    return loaded


def sample(pairs: pl.DataFrame, most: int | None, *, seed: int) -> pl.DataFrame:
    """At most `most` rows, chosen by a hash of seed and id: the same ones whatever the order of the rows."""
    if most is None or len(pairs) <= most:
        return pairs
    import hashlib

    keys = [hashlib.sha256(f"{seed}\0sample\0{id}".encode(errors="surrogatepass")).hexdigest() for id in pairs["id"]]
    ranked = pairs.with_row_index("_place").with_columns(_key=pl.Series(keys)).sort("_key").head(most).sort("_place")
    return ranked.drop("_place", "_key")


# --- report -----------------------------------------------------------------------------------------------------


def report_stage(run: Path, *, examples: bool = True) -> list[Path]:
    """`report.html`, `report.md` and `junit.xml` of the run: of its results, or of its curation where it has none.

    Raises: DataError where the run holds neither yet; RunBroken where the disk refuses a file.
    """
    if not (run / "results.json").is_file() and not (run / "curate" / "summary.json").is_file():
        raise DataError(f"{run} has nothing to report yet: `tuneworth curate` or `tuneworth evaluate` comes first")
    from ..reports import write_report

    with disk_refusals(run):
        return write_report(run, examples=examples)


def write_pairs(pairs: pl.DataFrame, run: Path) -> None:
    """`evaluate/pairs.jsonl`: the pairs of a run that was not curated here, in canonical form."""
    lines = []
    for row in pairs.iter_rows(named=True):
        row["fields"] = json.loads(row["fields"]) if row["fields"] else None
        row["meta"] = json.loads(row["meta"]) if row["meta"] else None
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_whole(run / "evaluate" / "pairs.jsonl", "".join(lines))


def need_style(project: Project | None, style: Path | None) -> None:
    """A style must come from somewhere.

    Raises: ConfigError where neither a project nor --style names one.
    """
    if project is None and style is None:
        raise ConfigError("no style named: --style STYLE.yaml says what a good output looks like")
