"""`tuneworth train --on`: training at a provider."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..core import ConfigError, Talk, quote, say

if TYPE_CHECKING:
    from ..project import HostedPlan

__all__ = ["train_on"]


def train_on(
    project: Path | None, *, on: str, run: str | None, drop_long: bool, again: bool, plan_only: bool,
    max_cost: Decimal | None, yes: bool, connect: bool, cancel: bool, talk: Talk,
) -> None:  # fmt: skip
    """Plan, start, resume or cancel training at a provider."""
    from ..project import cancel_hosted, plan_hosted, train_hosted

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


def _agree(plan: "HostedPlan", *, yes: bool, talk: Talk) -> None:
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
