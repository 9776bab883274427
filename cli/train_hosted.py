"""`tuneworth train --on`: a training at a provider."""

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core import ConfigError, Talk, quote, say

if TYPE_CHECKING:
    from ..project import HostedPlan

__all__ = ["Amount", "train_on"]


class Amount(click.ParamType):
    """A sum of money above 0, exact."""

    name = "amount"

    def convert(self, value: Any, param: Any, ctx: Any) -> Decimal:
        """The sum. Raises: BadParameter if it is none."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(0)
        if not (amount.is_finite() and amount > 0):
            self.fail(f"{value!r} is not an amount above 0, such as 25", param, ctx)
        return amount


def train_on(
    project: Path | None, *, on: str, run: str | None, drop_long: bool, again: bool, plan_only: bool,
    max_cost: Decimal | None, yes: bool, connect: bool, cancel: bool, talk: Talk,
) -> None:  # fmt: skip
    """Plan, start, take up or stop a training at a provider."""
    from ..project import cancel_hosted, plan_hosted, train_hosted

    if cancel:
        told = cancel_hosted(project, on=on, run=run, talk=talk)
        talk.answer(told, {"cancelled": told})
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
    """Print the bill, then ask. Raises: ConfigError without an agreement."""
    talk.note(str(plan))
    if yes:
        return
    most = say.money(float(plan.bill.most), "USD")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            f"nothing was sent: training at {plan.provider.title} costs up to {most}, and there is no terminal to ask on\n"
            "Add --yes to agree to the cost."
        )
    examples = say.count(sum(one.lines for one in plan.uploads), "example")
    if not click.confirm(f"Send {examples} to {plan.host} and pay up to {most}?", err=True):
        raise ConfigError("nothing was sent, as you did not agree to the cost")
