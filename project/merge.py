"""A run's adapter merged into its base model, for `tuneworth train --merge`."""

from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING, Any

import polars as pl

from ..core import DataError, say
from .load import load
from .run import Run

if TYPE_CHECKING:
    from ..train import LoadedModel

__all__ = ["merge_run", "merge_text"]


def merge_run(run: Run, *, gguf: bool = False, loaded: "LoadedModel | None" = None) -> dict[str, Any]:
    """Merge the adapter of a run into `train/merged`, and with `gguf` also into `train/gguf`; returns the summary.

    Nothing is trained. `merged` has the folder, its format and size and its agreement with the adapter; `gguf` the same for
    the file, or None with the llama.cpp command (`gguf_command`) that converts the folder.
    Raises: DataError if the run has no adapter; ModelError and RunBroken as `tuneworth.train.merge` does.
    """
    project, adapter, out = run.project, run.adapter, run.folder / "train"
    if not adapter.is_dir():
        raise DataError(
            f"{run.folder} has no adapter to merge\nRun `tuneworth train {quote(str(project.folder))}` to train one."
        )
    if loaded is None or loaded.quantised:  # merging needs the full model, not 4 bits
        loaded = load(replace(project, train=replace(project.train, quantised=False)), run.talk)
    from ..train import conversion_command, gguf_source, merge, write_gguf

    pairs = pl.concat([run.validation, run.train])
    merged = merge(loaded, adapter, out / "merged", pairs=pairs)
    run.talk.note(f"merge: {merged.agreement.sentence()}")
    summary: dict[str, Any] = {"merged": merged.summary()}
    if gguf and (source := gguf_source(loaded)) is not None:
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
