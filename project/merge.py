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
    """Merge the adapter of a run into `train/merged`, with `gguf` into `train/gguf` too; the summary.

    Nothing is trained. `merged` holds the folder, its format and bytes and how it agrees with the adapter; `gguf` the same of
    the file, or None with the command (`gguf_command`) that llama.cpp converts the folder with.
    Raises: DataError if the run has no adapter; ModelError and RunBroken as `tuneworth.train.merge` does.
    """
    project, adapter, out = run.project, run.adapter, run.folder / "train"
    if not adapter.is_dir():
        raise DataError(
            f"{run.folder} has no adapter, so there is nothing to merge.\n"
            f"Run `tuneworth train {quote(str(project.folder))}` first."
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
    """The summary of `merge_run` for people."""
    merged, gguf = summary["merged"], summary.get("gguf")
    lines = [f"merged: {merged['folder']}, {say.size(merged['bytes'])} in {merged['dtype']}"]
    if gguf:
        lines.append(f"gguf: {gguf['file']}, {say.size(gguf['bytes'])}")
    if "gguf_command" in summary:
        lines.append(
            "gguf: not written, because the base model did not come from a GGUF file. llama.cpp's script converts the "
            f"folder:\n  {summary['gguf_command']}"
        )
    return "\n".join(lines)
