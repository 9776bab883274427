"""What `tuneworth train --on` prints: the bill before anything is sent, and the result."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from ...core import say
from ...evaluate import PRESETS

WIDTH, LABEL = 80, 16
MINUTES, HOURS = 60, 24
Data = Mapping[str, Any]


def plan_text(plan: Data) -> str:
    """The plan of training at a provider: what is sent where, and what it costs."""
    return "\n".join([
        f"Plan for training {plan['model']} at {plan['title']}",
        "",
        *_plan_rows(plan),
        *[textwrap.fill(f"- {text}", WIDTH, subsequent_indent="  ", **_WHOLE) for text in plan["warnings"]],
    ])  # fmt: skip


def _plan_rows(plan: Data) -> Iterator[str]:
    bill, files = plan["bill"], plan["files"]
    for role, file in files.items():
        yield _row(role, f"{say.count(file['examples'], 'example')}, {say.size(file['bytes'])}, to {plan['host']}")
    dropped = f"; {say.count(len(plan['dropped']), 'longer pair')} left out" if plan["dropped"] else ""
    yield _row("rules", f"kept, as published by {plan['title']} ({plan['rules']}){dropped}")
    yield _row("tokens", f"{_upto(bill['epoch_tokens'], bill['epoch_tokens_most'])} in one epoch; {bill['how']}")
    by = "by rule" if plan["epochs_by_rule"] else "as configured"
    yield _row(
        "epochs",
        f"{plan['epochs']}, {by}: {_upto(bill['trained_tokens'], bill['trained_tokens_most'])} tokens in all{_validated(plan)}",
    )
    stated = [
        f"{name.replace('_', ' ')} {plan[name]:g}" for name in ("rank", "learning_rate", "batch_size") if plan[name]
    ]
    yield _row("the rest", f"{', '.join(stated) or 'nothing stated'}; what is not stated {plan['title']} chooses")
    yield _row("price", f"{say.money(bill['price_per_million'], 'USD')} per million tokens ({bill['price_source']})")
    if bill["minimum"]:
        yield _row("minimum", say.money(bill["minimum"], "USD"))
    yield _row("total", _total(bill))
    yield _row("hosting", hosting_text(plan["preset"]))
    yield _row("adapter", "it is fetched into train/adapter; the tuned model is judged at its endpoint")


def _validated(plan: Data) -> str:
    return f", validation counted {plan['evaluations']} times" if plan["evaluations"] else ""


def _total(bill: Data) -> str:
    likely, most = (say.money(bill[key], "USD") for key in ("cost", "cost_at_most"))
    return likely if likely == most else f"about {likely}, at most {most}"


def _upto(likely: int, most: int) -> str:
    return f"{most:,}" if likely == most else f"about {likely:,}, at most {most:,}"


def hosting_text(preset: str) -> str:
    """What serving the tuned model costs, and which setting of [roi] accounts for it."""
    machine = PRESETS[preset]
    hourly = float(machine.hourly or 0)
    return (
        f"the tuned model runs on your own deployment, which is paid for from start to stop, whether it is used or not: "
        f"{say.money(hourly, 'USD')} an hour, {say.money(hourly / MINUTES, 'USD')} a minute, "
        f"{say.money(hourly * HOURS, 'USD')} a day "
        f'({machine.what}; {machine.source}, read on {machine.read}). preset = "{preset}" in [roi.tuned] counts it'
    )


def result_text(summary: Data, table: str, *, connected: bool) -> str:
    """The result of training at a provider: the model, its cost, and how to judge it."""
    hosted = summary["hosted"]
    lines = [
        f"Trained {hosted['model']} at {hosted['title']} on {say.count(summary['train_pairs'], 'pair')}",
        "",
        _row("tuned model", str(hosted["tuned_model"])),
        _row("job", str(hosted["job"])),
        _row("time", say.duration(summary["seconds"])),
    ]
    if summary.get("tokens"):
        lines.append(_row("tokens", f"{summary['tokens']:,}, as {hosted['title']} counts them"))
    cost = say.money(hosted["cost"], "USD") if hosted["cost"] is not None else f"not stated by {hosted['title']}"
    lines.append(_row("cost", f"{cost}{_source(hosted)}"))
    if hosted["adapter"]:
        lines.append(_row("adapter", str(hosted["adapter"])))
    lines.append(_row("hosting", hosting_text(hosted["preset"])))
    step = "Deploy the model, then judge it at its endpoint: add this to tuneworth.toml (or use --connect)"
    return "\n".join([*lines, "", "tuneworth.toml now has" if connected else step, "", table])


def _source(hosted: Data) -> str:
    return f" ({hosted['cost_source']})" if hosted["cost_source"] else ""


def _row(label: str, text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=f"{label:<{LABEL}}", subsequent_indent=" " * LABEL, **_WHOLE)


_WHOLE: dict[str, Any] = {"break_on_hyphens": False, "break_long_words": False}
