"""The requests an evaluation would send, to which endpoints and at what cost; nothing is sent."""

from pathlib import Path
from shlex import quote
from typing import Any

from ..core import Talk
from ..evaluate import AnswerStore, RemotePlan, Variant, forecast
from ..project import Project, Remote, plan_evaluation

__all__ = ["tell_plan"]


def tell_plan(path: Path | None, name: str | None, talk: Talk, *, allow_code: bool) -> None:
    """Print every variant with the source of its outputs, and the requests still to be sent to endpoints.

    Raises: ConfigError if the evaluation would be refused for personal data, prices or addresses.
    """
    wanted, remote, store = plan_evaluation(path, run=name, allow_code=allow_code, talk=talk)
    run, project = remote.run, remote.run.project
    variants = {each.variant.name: each.variant for each in wanted}
    rows = [
        _row(project, variant, [p for p in remote.plans if p.variant.name == name], remote, store)
        for name, variant in variants.items()
    ]
    budget = remote.budget(store)
    limit = None if budget.limit is None else float(budget.limit)
    data = {"run": str(run.folder), "currency": budget.currency, "spent": float(budget.spent), "max_cost": limit}
    lines = [f"{row['variant']}: {_where(row)}" for row in rows] + remote.lines(store, all_hosts=True)
    talk.answer("\n".join(lines), {**data, "variants": rows})
    talk.next(f"nothing was asked; to ask: tuneworth evaluate {quote(str(project.folder))} --run {quote(run.name)}")


def _row(
    project: Project, variant: Variant, plans: list[RemotePlan], remote: Remote, store: AnswerStore
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "variant": variant.name,
        "source": variant.source,
        "model": variant.model or (project.train.model if variant.local else None),
        "host": plans[0].host if plans else None,
        "file": None if variant.file is None else variant.file.name,
    }
    if not plans:
        return row
    longest = remote.longest_output
    told = [forecast(plan, store, longest_output=longest) for plan in plans]
    costs = [each.cost for each in told]
    return row | {
        "requests": sum(each.requests for each in told),
        "there": sum(each.of - each.requests for each in told),
        "input_tokens": sum(each.input_tokens for each in told),
        "output_tokens": sum(each.output_tokens for each in told),
        "cost": None if None in costs else float(sum(cost for cost in costs if cost is not None)),
    }


def _where(row: dict[str, Any]) -> str:
    if row["source"] == "outputs":
        return f"outputs of {row['file']}"
    if row["host"] is None:
        return f"{row['model']} on this machine" + (", with an adapter" if row["source"] == "adapter" else "")
    return f"{row['model']} at {row['host']}"
