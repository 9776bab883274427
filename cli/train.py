"""`tuneworth train`: fit a LoRA adapter on a run's train split, here or at a provider."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core import ConfigError, Console, quote, say
from .help import Grouped
from .options import Amount, RunName, code_option, common_options

if TYPE_CHECKING:
    from ..deploy import HostedPlan

_GROUPS = {
    "Options": "--dry-run --run --again --drop-long",
    "Further results": "--merge --gguf --learning-curve",
    "Training elsewhere": "--on --plan --max-cost --yes --connect --cancel",
}


@click.command("train", cls=Grouped, groups=_GROUPS, epilog="Example:  tuneworth train examples/components --dry-run")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--run", "name", type=RunName(), help="The run to train in [default: the newest].")
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
@click.option(
    "--on",
    type=click.Choice(["together", "fireworks"]),
    help="Train at this provider, as configured in [train.hosted].",
)
@click.option(
    "--plan", "plan_only", is_flag=True, help="With --on: print what would be sent and what it costs; send nothing."
)
@click.option(
    "--max-cost",
    type=Amount(positive=True),
    help="With --on: send nothing if the job could cost more than this, in USD.",
)
@click.option("--yes", is_flag=True, help="With --on: agree to the cost without being asked.")
@click.option("--connect", is_flag=True, help="With --on: write the tuned model's endpoint into [evaluate.tuned].")
@click.option("--cancel", is_flag=True, help="With --on: stop the job of the run.")
@code_option
@common_options
def command(
    project: Path | None, name: str | None, dry_run: bool, drop_long: bool, merge: bool, gguf: bool, again: bool,
    curve: bool, on: str | None, plan_only: bool, max_cost: Decimal | None, yes: bool, connect: bool,
    cancel: bool, allow_code: bool, talk: Console,
) -> None:  # fmt: skip
    """Fit a LoRA adapter on the train split of the newest run.

    Prints a plan with the time and memory that training needs, and does not start if it cannot fit. After an interruption,
    the same command resumes from the last checkpoint. If the run is already trained with the same settings, nothing is
    trained again, and --merge and --gguf only write the model.

    With --on, a provider trains: the files are checked against its rules, and the bill is printed before anything is sent.
    The same command resumes a job that was started, and never starts a second one.
    """
    from ..project import preview_training, preview_without_model, train_adapter

    _check_options(
        on, here={"--dry-run": dry_run, "--merge": merge, "--gguf": gguf, "--learning-curve": curve},
        there={"--plan": plan_only, "--max-cost": max_cost is not None, "--yes": yes, "--connect": connect, "--cancel": cancel},
    )  # fmt: skip
    if on is not None:
        _train_on(
            project, on=on, run=name, drop_long=drop_long, again=again, plan_only=plan_only, max_cost=max_cost, yes=yes,
            connect=connect, cancel=cancel, talk=talk,
        )  # fmt: skip
        return
    given = {
        "run": name, "drop_long": drop_long, "again": again, "merge": merge, "gguf": gguf, "learning_curve": curve,
        "allow_code": allow_code,
    }  # fmt: skip
    if dry_run:
        options = {"run": name, "drop_long": drop_long, "allow_code": allow_code, "talk": talk}
        if (partial := preview_without_model(project, **options)) is not None:
            talk.answer(str(partial), partial.data())
            raise partial.missing
        plan = preview_training(project, again=again, **options)
        talk.answer(str(plan), plan.data())
        typed = _options(**given, seed=str(talk.seed) if talk.seed_given else None)
        talk.next(f"tuneworth train {quote(str(plan.run.project.folder))}{typed}")
        return
    trained = train_adapter(project, **given, talk=talk)
    talk.answer(str(trained), {"run": str(trained.run.folder), **trained.summary})
    folder = quote(str(trained.run.project.folder))
    talk.next(f"tuneworth evaluate {folder}{_options(run=name, allow_code=allow_code)}")


def _check_options(on: str | None, *, here: dict[str, bool], there: dict[str, bool]) -> None:
    """Raises: UsageError for options of local training with --on, and of hosted training without it."""
    if on is None and (used := [name for name, value in there.items() if value]):
        raise click.UsageError(f"{used[0]} is for training at a provider; add --on together or fireworks")
    if on is not None and (used := [name for name, value in here.items() if value]):
        hint = "use --plan" if used[0] == "--dry-run" else f"remove {used[0]} or --on"
        raise click.UsageError(f"{used[0]} is for training on your own machines; {hint}")


def _options(**given: Any) -> str:
    """The options as given, for the command of the next step."""
    words = [(f"--{name.replace('_', '-')}", value) for name, value in given.items() if value not in (None, False)]
    return "".join(f" {word}" if value is True else f" {word} {quote(str(value))}" for word, value in words)


# --- at a provider ------------------------------------------------------------------------------------------------


def _train_on(
    project: Path | None, *, on: str, run: str | None, drop_long: bool, again: bool, plan_only: bool,
    max_cost: Decimal | None, yes: bool, connect: bool, cancel: bool, talk: Console,
) -> None:  # fmt: skip
    """Plan, start, resume or cancel training at a provider."""
    from ..deploy import cancel_hosted, plan_hosted, train_hosted

    if cancel:
        outcome = cancel_hosted(project, on=on, run=run, talk=talk)
        talk.answer(outcome, {"cancelled": outcome})
        return
    given = {"on": on, "run": run, "drop_long": drop_long, "again": again, "max_cost": max_cost, "talk": talk}
    if plan_only:
        plan = plan_hosted(project, **given)
        talk.answer(str(plan), plan.data())
        talk.next(f"nothing was sent; to send it: tuneworth train {quote(str(plan.run.project.folder))} --on {on}")
        return
    done = train_hosted(project, **given, connect=connect, confirm=lambda plan: _agree(plan, yes=yes, talk=talk))
    talk.answer(str(done), done.data())
    talk.next(f"tuneworth evaluate {quote(str(done.run.project.folder))}")


def _agree(plan: "HostedPlan", *, yes: bool, talk: Console) -> None:
    """Print the bill and ask for agreement. Raises: ConfigError without it."""
    talk.note(str(plan))
    if yes:
        return
    most = say.money(float(plan.bill.most), "USD")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            f"nothing was sent: training at {plan.provider.title} costs up to {most}, and there is no terminal to ask\n"
            "Add --yes to agree to the cost."
        )
    examples = say.count(sum(one.lines for one in plan.uploads), "example")
    if not click.confirm(f"Send {examples} to {plan.host} and pay up to {most}?", err=True):
        raise ConfigError("nothing was sent: you did not agree to the cost")
