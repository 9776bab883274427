"""One call for each stage of a project, and one for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from ..core import UNKNOWN, Talk, disk_refusals, printable, quoted_page, say
from ..curate import Curated
from ..reports import curated_text
from .curate import curate_stage, curate_unwritten
from .gates import parse_gate
from .learning_curve import curve_parts, curve_text, learn_curve
from .load import check_project, load, runs_here
from .merge import merge_run, merge_text
from .project import Project, read_project
from .report import finish_evaluation
from .run import Run, heard
from .runs import find_run, new_run, nothing_half_written
from .train import Planned, finished, plan_training, train_stage
from .train_words import train_text
from .trained import trained

if TYPE_CHECKING:
    from ..evaluate import AnswerStore
    from ..train import LoadedModel
    from .gather.asking import Remote
    from .gather.wanted import Asked

__all__ = [
    "Training",
    "curate_project",
    "evaluate_run",
    "plan_evaluation",
    "preview_curation",
    "preview_training",
    "run_project",
    "train_adapter",
]

At = str | Path | None  # a project's folder or file; the current folder where it is None


@dataclass(frozen=True)
class Training:
    """What training a run's adapter came to.

    `summary` is `train/summary.json`, with `learning_curve`, `merged` and `gguf` where they were asked for.
    """

    run: Run
    summary: dict[str, Any]

    @property
    def adapter(self) -> Path:
        """The adapter's folder, in PEFT format."""
        return self.run.adapter

    def __str__(self) -> str:
        log = (trained(self.run.folder) or {}).get("log", [])
        told = train_text(self.summary, log, run=quote(str(self.run.folder)))
        parts = [f"{told}\n\nAdapter: {self.adapter}"]
        if "learning_curve" in self.summary:
            parts.append(curve_text(self.summary["learning_curve"]))
        if "merged" in self.summary:
            parts.append(merge_text(self.summary))
        return "\n".join(parts)

    def __repr__(self) -> str:
        return printable(str(self))

    def _repr_html_(self) -> str:
        return quoted_page(str(self))


def curate_project(
    project: At = None,
    *,
    run: str | None = None,
    mask: bool = False,
    thresholds: bool = False,
    cluster: bool = False,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Talk | None = None,
) -> Run:
    """Curate a project's pairs into a new run, or into the one named `run` again.

    `mask` replaces personal data, `thresholds` adds the table of near-duplicate thresholds, `cluster` curates in parts
    by the workers that [cluster] names. Placed rows are kept in `splits.jsonl`, the decisions of `overrides.jsonl`
    replayed.

    Raises: ConfigError or DataError for what is wrong with the project or its pairs; RunBroken where the disk refuses.
    """
    talk, found = heard(talk, seed), _project(project, mask=mask, allow_code=allow_code)
    if cluster:
        from .cluster_curate import cluster_settings

        cluster_settings(found)
    with disk_refusals(found.runs):
        folder = find_run(found, run) if run else new_run(found, talk, command="tuneworth curate")
    made = Run(folder, project=found, talk=talk)
    with nothing_half_written(folder):
        if cluster:
            from .cluster_curate import curate_on_cluster

            curate_on_cluster(made)
        else:
            curate_stage(made, thresholds=thresholds)
    return made


def preview_curation(
    project: At = None,
    *,
    mask: bool = False,
    thresholds: bool = False,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Talk | None = None,
) -> Curated:
    """What `curate_project` would give; nothing is written. Raises: as it does."""
    found = _project(project, mask=mask, allow_code=allow_code)
    return curate_unwritten(found, thresholds=thresholds, talk=heard(talk, seed))


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

    A fit that was stopped goes on where it was; one that is there, with the same settings, stays, unless it is to be
    made `again`. `drop_long` leaves out pairs that are longer than the model's context. `merge` also writes the tuned
    model as one, `gguf` the file that llama.cpp loads; `learning_curve` also trains on parts of the pairs; `cluster`
    trains on the workers that [cluster] names.

    Raises: ConfigError, DataError or ModelError for what is wrong before it begins; RunBroken where the fit breaks off.
    """
    talk, found = heard(talk, seed), _project(project, allow_code=allow_code)
    opened = _opened(found, run, talk)
    if learning_curve:
        curve_parts(opened)  # too few pairs for it are found before anything is trained
    summary, loaded = _fitted(
        opened, drop_long=drop_long, again=again, cluster=cluster, allow_code=allow_code
    )  # fmt: skip
    if (merge or gguf or learning_curve) and not _alone():
        return Training(opened, summary)
    if learning_curve:
        loaded = loaded or load(found, talk)
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
    """What `train_adapter` would do and take; nothing is trained or written. Raises: as it does, before it begins."""
    talk, found = heard(talk, seed), _project(project, allow_code=allow_code)
    opened = _opened(found, run, talk)
    return plan_training(opened, drop_long=drop_long, again=again)


def _fitted(
    run: Run, *, drop_long: bool, again: bool, cluster: bool, allow_code: bool
) -> tuple[dict[str, Any], "LoadedModel | None"]:
    """The summary of the run's training, of the one that is there or of a new one; and the model, where it was loaded."""
    if not again and (summary := finished(run, drop_long=drop_long)) is not None:
        run.talk.note(f"train: {run.folder} is trained already, with these settings; --again trains it anew")
        return summary, None
    if cluster:
        from .cluster_training import cluster_stage

        return cluster_stage(run, drop_long=drop_long, again=again, allow_code=allow_code), None
    loaded = load(run.project, run.talk)  # what cannot be loaded costs the earlier training nothing
    return train_stage(run, loaded=loaded, drop_long=drop_long, again=again), loaded


def _alone() -> bool:
    """Leave the processes that trained together, where there were several; whether this one goes on."""
    from ..train import Processes

    here = Processes.here()
    here.leave()
    return here.first


def evaluate_run(
    project: At = None,
    *,
    run: str | None = None,
    gates: Sequence[str] = (),
    cluster: bool = False,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Talk | None = None,
) -> Run:
    """Race the project's variants on the test pairs of its newest run, or of the one named `run`: verdict and report.

    `gates` are conditions on the results; `check_gates` of the run raises what they came to. With `cluster` the workers
    that [cluster] names generate the outputs of models.

    Raises: ConfigError, DataError or ModelError for what is wrong; RunBroken where an endpoint or `max_cost` ends it.
    """
    from .evaluate import evaluate_stage

    talk, wanted = heard(talk, seed), [parse_gate(text) for text in gates]
    found = _project(project, allow_code=allow_code)
    opened = _opened(found, run, talk)
    evaluate_stage(opened, on_cluster=cluster)
    return finish_evaluation(opened, wanted)


def plan_evaluation(
    project: At = None,
    *,
    run: str | None = None,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Talk | None = None,
) -> tuple[list["Asked"], "Remote", "AnswerStore"]:
    """What `evaluate_run` would ask for: all outputs, those of endpoints, and the answers that are there already.

    Raises: ConfigError where the evaluation would be refused for personal data, prices or addresses.
    """
    from ..evaluate import AnswerStore
    from .gather.asking import remote_of
    from .gather.wanted import wanted_outputs

    talk, found = heard(talk, seed), _project(project, allow_code=allow_code)
    opened = _opened(found, run, talk)
    wanted = wanted_outputs(opened, adapter=opened.adapter)
    remote = remote_of(opened, wanted)
    store = AnswerStore(remote.file)
    remote.check_privacy(store)
    return wanted, remote, store


def run_project(
    project: At = None,
    *,
    run: str | None = None,
    gates: Sequence[str] = (),
    allow_code: bool = False,
    seed: int | None = None,
    talk: Talk | None = None,
) -> Run:
    """Curate, train, evaluate and report: the whole answer. A `run` that is named goes on; done stages are kept.

    All that the later stages need is checked before the first one starts. `gates` as of `evaluate_run`.

    Raises: ConfigError, DataError or ModelError for what is wrong; RunBroken where a stage breaks off.
    """
    from .evaluate import evaluate_stage
    from .gather.asking import check_addresses, check_endpoints
    from .gather.wanted import check_prompts, wanted_outputs

    talk, wanted = heard(talk, seed), [parse_gate(text) for text in gates]
    found = _project(project, allow_code=allow_code)
    local, trains = runs_here(found)
    check_project(found, train=local)
    if not run:  # a run that goes on may hold every answer already
        check_addresses(found)
    opened = _curated(found, run, talk)
    check_endpoints(opened, wanted_outputs(opened, adapter=opened.adapter))
    loaded = load(found, talk) if local else None
    if loaded is not None:
        check_prompts(opened, loaded)
    if trains and finished(opened) is None:
        summary = train_stage(opened, loaded=loaded)
        loss = summary["validation_loss"]
        talk.note(
            f"train: {say.count(summary['steps'], 'step')} in {say.duration(summary['seconds'])}, "
            f"{say.count(summary['tokens_per_second'])} tokens/s, "
            f"validation loss {UNKNOWN if loss is None else f'{loss:.3f}'} at step {summary['best_step']}"
        )
    evaluate_stage(opened, loaded=loaded)
    return finish_evaluation(opened, wanted)


def _curated(project: Project, name: str | None, talk: Talk) -> Run:
    """The run to go on with, curated where it was not yet."""
    folder = find_run(project, name) if name else new_run(project, talk, command="tuneworth run")
    run = Run(folder, project=project, talk=talk)
    if not (folder / "curate" / "summary.json").is_file():
        with nothing_half_written(folder):
            talk.note(curated_text(curate_stage(run).summary))
    return run


def _project(path: At, *, allow_code: bool, mask: bool = False) -> Project:
    project = read_project(None if path is None else Path(path), allow_code=allow_code)
    return replace(project, curate=replace(project.curate, mask=True)) if mask else project


def _opened(project: Project, name: str | None, talk: Talk) -> Run:
    return Run(find_run(project, name), project=project, talk=talk)
