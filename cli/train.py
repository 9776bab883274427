"""`tuneworth train`: fit a LoRA adapter on a run's train split."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from ..core import Talk
from .options import common_options
from .reading import code_option

if TYPE_CHECKING:
    from ..project import Project
    from ..train import LoadedModel

__all__ = ["command"]


@click.command("train", epilog="Example:  tuneworth train examples/components --dry-run")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--run", "name", help="The run to train in; the newest one if left out.")
@click.option("--dry-run", is_flag=True, help="Say what training would do and take; nothing is trained or written.")
@click.option("--drop-long", is_flag=True, help="Leave out pairs longer than the model's context; else an error.")
@click.option(
    "--merge", is_flag=True, help="Also write the tuned model as one: its adapter merged into the base model."
)
@click.option("--gguf", is_flag=True, help="Merge, and write the file that llama.cpp loads.")
@click.option(
    "--again",
    is_flag=True,
    help="Train anew in a run that was trained already; what was there is kept. Leave it out to go on after a stop.",
)
@click.option(
    "--learning-curve",
    "curve",
    is_flag=True,
    help="Also train on an eighth, a quarter and a half of the pairs, and say what twice as many would give.",
)
@click.option("--cluster", is_flag=True, help="Train on the workers of the Ray cluster that [cluster] names.")
@code_option
@common_options
def command(
    project: Path | None, name: str | None, dry_run: bool, drop_long: bool, merge: bool, gguf: bool, again: bool,
    curve: bool, cluster: bool, allow_code: bool, talk: Talk,
) -> None:  # fmt: skip
    """Fit a LoRA adapter on the train split of the newest run.

    Before it starts, it says what will happen and what it will take, and refuses what cannot fit. Stopped at any
    moment, the same command goes on from the last checkpoint. In a run that is trained already, with the same settings,
    nothing is trained: --merge and --gguf then only write the model. With --cluster the workers of a Ray cluster train
    together, from a project folder that every node reaches.
    """
    from ..project import find_run, plan_text, plan_training, read_project

    read = read_project(project, allow_code=allow_code)
    run = find_run(read, name)
    if dry_run and cluster:
        raise click.UsageError(
            "--dry-run plans on this machine; leave out --cluster (its workers plan before they train)"
        )
    if dry_run:
        plan = plan_training(read, run, talk, drop_long=drop_long, again=again).data()
        talk.answer(plan_text(plan), plan)
        options = _options(
            run=name, drop_long=drop_long, again=again, merge=merge, gguf=gguf, learning_curve=curve, allow_code=allow_code,
            seed=str(talk.seed) if talk.seed_given else None,
        )  # fmt: skip
        talk.next(f"tuneworth train {quote(str(read.folder))}{options}")
        return
    if curve:
        from ..project import curve_parts

        curve_parts(read, run, talk)  # too few pairs for it are found before anything is trained
    if cluster:
        summary, loaded = _trained_there(read, run, talk, drop_long=drop_long, again=again, allow_code=allow_code), None
    else:
        summary, loaded = _trained(read, run, talk, drop_long=drop_long, again=again)
    text = _text(summary, run)
    first = _alone() if merge or gguf or curve else True
    if curve and first:
        from ..project import curve_text, learn_curve, load

        loaded = loaded or load(read, talk)
        told = learn_curve(read, run, talk, loaded=loaded)
        summary, text = {**summary, "learning_curve": told}, f"{text}\n{curve_text(told)}"
    if (merge or gguf) and first:
        from .merge import merge_run, merge_text

        merged = merge_run(read, run, talk, gguf=gguf, loaded=loaded)
        summary, text = {**summary, **merged}, f"{text}\n{merge_text(merged)}"
    talk.answer(text, {"run": str(run), **summary})
    talk.next(f"tuneworth evaluate {quote(str(read.folder))}{_options(run=name, allow_code=allow_code)}")


def _alone() -> bool:
    """Leave the processes that trained together, where there were several; whether this one goes on."""
    from ..train import Processes

    here = Processes.here()
    here.leave()
    return here.first


def _options(**given: str | bool | None) -> str:
    """Options as they were given, for the next step to be typed."""
    words = [(f"--{name.replace('_', '-')}", value) for name, value in given.items() if value not in (None, False)]
    return "".join(f" {word}" if value is True else f" {word} {quote(str(value))}" for word, value in words)


def _trained(
    project: "Project", run: Path, talk: Talk, *, drop_long: bool, again: bool
) -> tuple[dict[str, Any], "LoadedModel | None"]:
    """The summary of the run's training, of the one that is there or of a new one; and the model, where it was loaded."""
    from ..project import load, train_stage

    if (summary := _done(project, run, talk, drop_long=drop_long, again=again)) is not None:
        return summary, None
    loaded = load(project, talk)  # what cannot be loaded costs the earlier training nothing
    return train_stage(project, run, talk, loaded=loaded, drop_long=drop_long, again=again), loaded


def _trained_there(
    project: "Project", run: Path, talk: Talk, *, drop_long: bool, again: bool, allow_code: bool
) -> dict[str, Any]:
    """The same by the workers of a cluster; the model is loaded on their nodes alone."""
    from ..project import cluster_stage

    if (summary := _done(project, run, talk, drop_long=drop_long, again=again)) is not None:
        return summary
    return cluster_stage(project, run, talk, drop_long=drop_long, again=again, allow_code=allow_code)


def _done(project: "Project", run: Path, talk: Talk, *, drop_long: bool, again: bool) -> dict[str, Any] | None:
    """The summary of a training that is there and stays."""
    from ..project import finished

    summary = None if again else finished(project, run, talk, drop_long=drop_long)
    if summary is not None:
        talk.note(f"train: {run} is trained already, with these settings; --again trains it anew")
    return summary


def _text(summary: dict[str, Any], run: Path) -> str:
    from ..project import train_text, trained

    log = (trained(run) or {}).get("log", [])
    return f"{train_text(summary, log, run=quote(str(run)))}\n\nAdapter: {run / 'train' / 'adapter'}"
