"""One call to train the adapter of a project's run, and its result."""

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from ..core import Talk, printable, quoted_page
from .learning_curve import curve_parts, curve_text, learn_curve
from .load import load
from .merge import merge_run, merge_text
from .run import At, Run, console_for, open_run
from .train import Planned, finished, plan_training, train_stage
from .train_words import train_text
from .trained import trained

if TYPE_CHECKING:
    from ..train import LoadedModel

__all__ = ["Training", "preview_training", "train_adapter"]


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
        log = (trained(self.run.folder) or {}).get("log", [])
        text = train_text(self.summary, log, run=quote(str(self.run.folder)))
        parts = [f"{text}\n\nAdapter: {self.adapter}"]
        if "learning_curve" in self.summary:
            parts.append(curve_text(self.summary["learning_curve"]))
        if "merged" in self.summary:
            parts.append(merge_text(self.summary))
        return "\n".join(parts)

    def __repr__(self) -> str:
        return printable(str(self))

    def _repr_html_(self) -> str:
        return quoted_page(str(self))


def train_adapter(
    project: At = None,
    *,
    run: str | None = None,
    drop_long: bool = False,
    again: bool = False,
    merge: bool = False,
    gguf: bool = False,
    learning_curve: bool = False,
    cluster: bool = False,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Talk | None = None,
) -> Training:
    """Fit a LoRA adapter on the train split of a project's newest run, or of the one named `run`.

    An interrupted training resumes; a finished one with the same settings is kept, unless it is to be
    made `again`. `drop_long` drops pairs that are longer than the model's context. `merge` also writes the tuned
    model as one, `gguf` the file that llama.cpp loads; `learning_curve` also trains on parts of the pairs; `cluster`
    trains on the workers that [cluster] names.

    Raises: ConfigError, DataError or ModelError for errors found before it starts; RunBroken if training aborts.
    """
    opened = open_run(project, run, allow_code=allow_code, talk=console_for(talk, seed))
    if learning_curve:
        curve_parts(opened)  # fail on too few pairs before anything is trained
    summary, loaded = _fitted(
        opened, drop_long=drop_long, again=again, cluster=cluster, allow_code=allow_code
    )  # fmt: skip
    if (merge or gguf or learning_curve) and not _alone():
        return Training(opened, summary)
    if learning_curve:
        loaded = loaded or load(opened.project, opened.talk)
        summary = {**summary, "learning_curve": learn_curve(opened, loaded=loaded)}
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
    talk: Talk | None = None,
) -> Planned:
    """What `train_adapter` would do and need; nothing is trained or written. Raises: as it does before it starts."""
    opened = open_run(project, run, allow_code=allow_code, talk=console_for(talk, seed))
    return plan_training(opened, drop_long=drop_long, again=again)


def _fitted(
    run: Run, *, drop_long: bool, again: bool, cluster: bool, allow_code: bool
) -> tuple[dict[str, Any], "LoadedModel | None"]:
    """The summary of the run's training, existing or new; and the model, if it was loaded."""
    if not again and (summary := finished(run, drop_long=drop_long)) is not None:
        run.talk.note(f"train: {run.folder} is already trained with these settings; --again trains it from scratch")
        return summary, None
    if cluster:
        from .cluster_training import cluster_stage

        return cluster_stage(run, drop_long=drop_long, again=again, allow_code=allow_code), None
    loaded = load(run.project, run.talk)  # a failed load leaves the earlier training intact
    return train_stage(run, loaded=loaded, drop_long=drop_long, again=again), loaded


def _alone() -> bool:
    """Leave the group of training processes, if there were several; whether this process continues."""
    from ..train import Processes

    here = Processes.here()
    here.leave()
    return here.first
