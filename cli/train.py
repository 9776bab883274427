"""`tuneworth train`: fit a LoRA adapter on a run's train split."""

from pathlib import Path
from shlex import quote
from typing import Any

import click

from ..core import Talk
from .options import code_option, common_options

__all__ = ["command"]


@click.command("train", epilog="Example:  tuneworth train examples/components --dry-run")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--run", "name", help="The run to train in [default: the newest].")
@click.option("--dry-run", is_flag=True, help="Show what training would do and need, without training or writing.")
@click.option("--drop-long", is_flag=True, help="Leave out pairs longer than the model's context instead of failing.")
@click.option(
    "--merge",
    is_flag=True,
    help="Also write the tuned model in one piece, with the adapter merged into the base model.",
)
@click.option("--gguf", is_flag=True, help="Merge, and also write a GGUF file for llama.cpp.")
@click.option(
    "--again",
    is_flag=True,
    help="Train from scratch and set the earlier training aside. Without it, an interrupted training resumes.",
)
@click.option(
    "--learning-curve",
    "curve",
    is_flag=True,
    help="Also train on an eighth, a quarter and a half of the pairs, and estimate what twice as many would gain.",
)
@click.option("--cluster", is_flag=True, help="Train on the workers of the Ray cluster named in [cluster].")
@code_option
@common_options
def command(
    project: Path | None, name: str | None, dry_run: bool, drop_long: bool, merge: bool, gguf: bool, again: bool,
    curve: bool, cluster: bool, allow_code: bool, talk: Talk,
) -> None:  # fmt: skip
    """Fit a LoRA adapter on the train split of the newest run.

    Prints a plan with the time and memory that training needs, and refuses to start what cannot fit. After an
    interruption the same command resumes from the last checkpoint. If the run is already trained with the same settings,
    nothing is trained again, and --merge and --gguf only write the model. With --cluster the workers of a Ray cluster
    train together, from a project folder that every node can reach.
    """
    from ..project import preview_training, train_adapter

    given = {
        "run": name, "drop_long": drop_long, "again": again, "merge": merge, "gguf": gguf, "learning_curve": curve,
        "allow_code": allow_code,
    }  # fmt: skip
    if dry_run:
        if cluster:
            raise click.UsageError(
                "--dry-run plans for this machine only; remove --cluster (its workers plan before they train)"
            )
        plan = preview_training(
            project, run=name, drop_long=drop_long, again=again, allow_code=allow_code, talk=talk
        )  # fmt: skip
        talk.answer(str(plan), plan.data())
        options = _options(**given, seed=str(talk.seed) if talk.seed_given else None)
        talk.next(f"tuneworth train {quote(str(plan.run.project.folder))}{options}")
        return
    made = train_adapter(project, **given, cluster=cluster, talk=talk)
    talk.answer(str(made), {"run": str(made.run.folder), **made.summary})
    folder = quote(str(made.run.project.folder))
    talk.next(f"tuneworth evaluate {folder}{_options(run=name, allow_code=allow_code)}")


def _options(**given: Any) -> str:
    """Options as given, to type in the next step."""
    words = [(f"--{name.replace('_', '-')}", value) for name, value in given.items() if value not in (None, False)]
    return "".join(f" {word}" if value is True else f" {word} {quote(str(value))}" for word, value in words)
