"""Trains the adapter of a project's run in one call, with merging and the learning curve, and describes the result."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ...core import Console, DataError, as_json, from_json, notebook_page, printable, quote, say
from ...evaluate.results import LearningCurve
from ..load import load
from ..run import CURATED, At, Run, console_for, open_run, resumable
from .learning_curve import curve_parts, curve_text, learn_curve
from .train import Planned, finished, is_recorded, plan_training, record_training, train_stage
from .train_words import result_rows, train_text, trained_on
from .trained import trained

if TYPE_CHECKING:
    from ...train import LoadedModel


@dataclass(frozen=True)
class Training:
    """The result of training a run's adapter.

    `summary` is `train/summary.json`, with `learning_curve`, `merged` and `gguf` if requested.
    """

    run: Run
    summary: dict[str, Any]

    @property
    def adapter(self) -> Path:
        """The adapter's folder, in PEFT format."""
        return self.run.adapter

    def __str__(self) -> str:
        text = train_text(self.summary, self._log, run=quote(str(self.run.folder)))
        parts = [f"{text}\n\nAdapter: {self.adapter}"]
        if "learning_curve" in self.summary:
            parts.append(curve_text(from_json(self.summary["learning_curve"], LearningCurve)))
        if "merged" in self.summary:
            parts.append(merge_text(self.summary))
        return "\n".join(parts)

    def __repr__(self) -> str:
        return printable(str(self))

    def _repr_html_(self) -> str:
        rows = [*result_rows(self.summary, self._log), ("adapter", str(self.adapter))]
        high = [(str(row["id"]), round(row["loss"], 2)) for row in self.summary.get("highest_losses") or []]
        table = pl.DataFrame(high, schema=["pairs with the highest loss", "per token"], orient="row") if high else None
        notes = [str(text) for text in self.summary.get("notices") or []]
        return notebook_page(trained_on(self.summary), figures=rows, table=table, notes=notes)

    @property
    def _log(self) -> list[dict[str, Any]]:
        found = trained(self.run.folder)
        return [] if found is None else as_json(found.log)


def train_adapter(
    project: At = None,
    *,
    run: str | None = None,
    drop_long: bool = False,
    again: bool = False,
    merge: bool = False,
    gguf: bool = False,
    learning_curve: bool = False,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> Training:
    """Fit a LoRA adapter on the train split of a project's newest run, or of the one named `run`.

    An interrupted training resumes; a finished one with the same settings is kept, unless `again` is set. `drop_long` drops
    pairs that are longer than the model's context. `merge` also writes the merged model, `gguf` a file for llama.cpp;
    `learning_curve` also trains on parts of the pairs.

    Raises: ConfigError, DataError or ModelError for errors found before it starts; RunBroken if training aborts.
    """
    opened = open_run(project, run, parts=CURATED, allow_code=allow_code, talk=console_for(talk, seed))
    if learning_curve:
        curve_parts(opened)  # fail on too few pairs before anything is trained
    with resumable(opened):
        summary, loaded = _fitted(opened, drop_long=drop_long, again=again)
    if (merge or gguf or learning_curve) and not _alone():
        return Training(opened, summary)
    if learning_curve:
        loaded = loaded or load(opened.project, opened.talk)
        summary = {**summary, "learning_curve": as_json(learn_curve(opened, loaded=loaded))}
    if merge or gguf:
        summary = {**summary, **merge_run(opened, gguf=gguf, loaded=loaded)}
    return Training(opened, summary)


def preview_training(
    project: At = None,
    *,
    run: str | None = None,
    drop_long: bool = False,
    again: bool = False,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> Planned:
    """What `train_adapter` would do and need; nothing is trained or written. Raises: as `train_adapter`."""
    opened = open_run(project, run, parts=CURATED, allow_code=allow_code, talk=console_for(talk, seed))
    return plan_training(opened, drop_long=drop_long, again=again)


def _fitted(run: Run, *, drop_long: bool, again: bool) -> tuple[dict[str, Any], "LoadedModel | None"]:
    """The summary of the run's training, existing or new; and the model, if it was loaded."""
    if not again and (summary := finished(run, drop_long=drop_long)) is not None:
        run.talk.note(f"train: {run.folder} is already trained with these settings; --again trains it from scratch")
        if not is_recorded(run):  # killed after its last file
            record_training(run, summary["seconds"])
        return summary, None
    loaded = load(run.project, run.talk)  # a failed load leaves the earlier training intact
    return train_stage(run, loaded=loaded, drop_long=drop_long, again=again), loaded


def _alone() -> bool:
    """Leave the group of training processes, if there are several; returns whether this process continues."""
    from ...train import Processes

    here = Processes.here()
    here.leave()
    return here.first


# --- merging ----------------------------------------------------------------------------------------------------


def merge_run(run: Run, *, gguf: bool = False, loaded: "LoadedModel | None" = None) -> dict[str, Any]:
    """Merge the adapter of a run into `train/merged`, and with `gguf` also into `train/gguf`; returns the summary.

    Nothing is trained. `merged` has the folder, its format, size and agreement with the adapter; `gguf` the same for the
    file, or None together with the llama.cpp command (`gguf_command`) that converts the folder.

    Raises: DataError if the run has no adapter; ModelError and RunBroken as `tuneworth.train.merge`.
    """
    project, adapter, out = run.project, run.adapter, run.folder / "train"
    if not adapter.is_dir():
        raise DataError(
            f"{run.folder} has no adapter to merge\nRun `tuneworth train {quote(str(project.folder))}` to train one."
        )
    if loaded is None or loaded.quantised:  # merging needs the full model, not 4 bits
        loaded = load(replace(project, train=replace(project.train, quantised=False)), run.talk)
    from ...train import conversion_command, gguf_source, merge, write_gguf

    pairs = pl.concat([run.validation, run.train])
    with run.talk.progress("merge"):
        merged = merge(loaded, adapter, out / "merged", pairs=pairs)
    run.talk.note(f"merge: {merged.agreement.sentence()}")
    summary: dict[str, Any] = {"merged": merged.summary()}
    if gguf and (source := gguf_source(loaded)) is not None:
        with run.talk.progress("gguf"):
            written = write_gguf(loaded, adapter, merged.folder, out / "gguf", source=source, pairs=pairs)
        run.talk.note(f"gguf: {written.agreement.sentence()}")
        summary["gguf"] = written.summary()
    elif gguf:
        summary |= {"gguf": None, "gguf_command": conversion_command(merged.folder, out / "tuned-q8_0.gguf")}
    return summary


def merge_text(summary: dict[str, Any]) -> str:
    """The summary of `merge_run` as lines for a terminal."""
    merged, gguf = summary["merged"], summary.get("gguf")
    lines = [f"merged: {merged['folder']}, {say.size(merged['bytes'])} in {merged['dtype']}"]
    if gguf:
        lines.append(f"gguf: {gguf['file']}, {say.size(gguf['bytes'])}")
    if "gguf_command" in summary:
        lines.append(
            "gguf: Tuneworth writes a GGUF only if the base model came from one. Convert the folder with llama.cpp's "
            f"script:\n  {summary['gguf_command']}"
        )
    return "\n".join(lines)
