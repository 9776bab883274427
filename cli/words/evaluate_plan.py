"""`tuneworth evaluate --dry-run`: the source of each variant's outputs, and the requests and cost still to come."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...core import Console, quote, say
from ...evaluate import AnswerStore, RemotePlan, Variant, forecast
from ...project import PlannedRival, Project, Remote, plan_evaluation


def print_plan(path: Path | None, name: str | None, talk: Console, *, allow_code: bool) -> None:
    """Print each variant with the source of its outputs, and the requests still to send to endpoints.

    Raises: ConfigError if the evaluation would be refused for personal data, prices or addresses.
    """
    wanted, remote, store, rivals = plan_evaluation(path, run=name, allow_code=allow_code, talk=talk)
    run, project = remote.run, remote.run.project
    variants = {outputs.variant.name: outputs.variant for outputs in wanted}
    rows = [
        _row(project, variant, [p for p in remote.plans if p.variant.name == name], remote, store)
        for name, variant in variants.items()
    ]
    budget = remote.budget(store)
    limit = None if budget.limit is None else float(budget.limit)
    data = {"run": str(run.folder), "currency": budget.currency, "spent": float(budget.spent), "max_cost": limit}
    lines = [f"{row['variant']}: {_where(row)}" for row in rows] + remote.lines(store, all_hosts=True)
    lines += [f"{rival.name}: {_rival_words(rival, budget.currency)}" for rival in rivals] + run.obstacles
    talk.answer("\n".join(lines), {**data, "variants": rows, "rivals": [asdict(rival) for rival in rivals]})
    what = "nothing was sent; to send it" if any(row["host"] for row in rows) else "to evaluate"
    talk.next(f"{what}: tuneworth evaluate {quote(str(project.folder))} --run {quote(run.name)}")


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
    longest = remote.run.longest_output
    forecasts = [forecast(plan, store, longest_output=longest) for plan in plans]
    costs = [ahead.cost for ahead in forecasts]
    return row | {
        "requests": sum(ahead.requests for ahead in forecasts),
        "there": sum(ahead.of - ahead.requests for ahead in forecasts),
        "input_tokens": sum(ahead.input_tokens for ahead in forecasts),
        "output_tokens": sum(ahead.output_tokens for ahead in forecasts),
        "cost": None if None in costs else float(sum(cost for cost in costs if cost is not None)),
    }


def _where(row: dict[str, Any]) -> str:
    if row["source"] == "outputs":
        return f"outputs of {row['file']}"
    if row["host"] is None:
        return f"{row['model']} on this machine" + (", with an adapter" if row["source"] == "adapter" else "")
    return f"{row['model']} at {row['host']}"


def _rival_words(rival: PlannedRival, currency: str) -> str:
    """What it takes to measure a rival, or why it is left out."""
    if rival.why is not None:
        return f"a rival, left out: {rival.why}"
    most = "at most " if rival.way == "retry" else ""
    where = f"requests to {rival.host}" if rival.host else "outputs on this machine"
    parts = [f"a rival, {most}{rival.requests:,} {where}"]
    if rival.input_tokens is not None and rival.output_tokens is not None:
        parts.append(f"about {rival.input_tokens:,} tokens sent and {rival.output_tokens:,} generated")
    if rival.host:
        parts.append("cost unknown" if rival.cost is None else f"about {say.money(rival.cost, currency)}")
    if rival.seconds is not None:
        parts.append(f"about {say.duration(rival.seconds)}")
    return "; ".join(parts)
