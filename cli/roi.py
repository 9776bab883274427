"""`tuneworth roi`: the money alone."""

import json
from pathlib import Path
from typing import Any

import click

from .talk import Talk, common_options

__all__ = ["command"]


@click.command("roi", epilog="Example:  tuneworth roi --config examples/article.toml")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option(
    "--config", type=click.Path(path_type=Path), help="A file with a [roi] table; no project and no run needed."
)
@common_options
def command(project: Path | None, config: Path | None, talk: Talk) -> None:
    """What fine-tuning costs and saves, from stated numbers or from a project's newest run.

    With --config, the two variants are those that [roi.NAME] tables describe: `prompted` and `tuned` where both are there.
    """
    from ..evaluate import check_roi, compute_money, read_roi
    from ..style import ConfigError

    if config is not None:
        from .project import read_toml

        table = read_toml(config)
        if "roi" not in table:
            raise ConfigError(f"{config} has no [roi] table")
        roi = read_roi(table["roi"], where=f"{config}: roi")
        baseline, candidate = _pair(list(roi.variants), config)
        check_roi(roi, list(roi.variants), required=[baseline, candidate], measured=False)
        money = compute_money(roi, baseline=baseline, candidate=candidate, measured=None, seed=talk.seed).to_json()
    else:
        money = _of_run(project)
        baseline, candidate = money["baseline"], money["candidate"]
    talk.answer(_text(money, baseline, candidate), money)
    talk.next("put your own numbers into [roi]; [low, likely, high] is a range")


def _pair(names: list[str], config: Path) -> tuple[str, str]:
    from ..style import ConfigError

    if "prompted" in names and "tuned" in names:
        return "prompted", "tuned"
    if len(names) == 2:
        return names[0], names[1]
    raise ConfigError(
        f"{config}: two variants are needed, [roi.prompted] and [roi.tuned]; found {', '.join(names) or 'none'}"
    )


def _of_run(project: Path | None) -> dict[str, Any]:
    """The money that the project's newest run came to."""
    from ..style import ConfigError
    from .runs import run_folder

    run = run_folder(project or Path())
    results = run / "results.json"
    money = json.loads(results.read_text(encoding="utf-8"))["money"] if results.is_file() else None
    if money is None:
        raise ConfigError(
            f"{run} has no money in it\n"
            "A [roi] table in tuneworth.toml and `tuneworth evaluate` make it, or --config names a file."
        )
    return money


def _text(money: dict[str, Any], baseline: str, candidate: str) -> str:
    """The figures in lines of at most 80 columns."""
    from .headline import share, sum_of

    currency = money["currency"]
    pair = [money["variants"][name] for name in (baseline, candidate)]
    rows: list[tuple[str, ...]] = [("", baseline, candidate)]
    for key, label in (
        ("cost_per_request", "cost per request"),
        ("cost_per_acceptable_output", "per acceptable output"),
        ("effective_cost_per_request", "with failures"),
    ):
        rows.append((label, *(sum_of(option[key], currency) for option in pair)))
    rows.append(("acceptable", *(share(option["acceptance"]) for option in pair)))
    for key in ("fixed_tokens", "input_tokens", "output_tokens"):
        rows.append((key.replace("_", " "), *(_count(option[key]) for option in pair)))
    lines = [f"{label:<24}{left:>24}{right:>24}" for label, left, right in rows]
    lines += [
        "",
        f"saving per request      {sum_of(money['saving_per_request'], currency)} ({share(money['saving_share'])})",
    ]
    if money["requests_per_day"] is not None:
        volume = f"at {_count(money['requests_per_day'])} requests a day"
        lines.append(f"saving per day          {sum_of(money['saving_per_day'], currency)} {volume}")
    lines.append(f"investment              {sum_of(money['investment'], currency)}")
    if money["requests_per_day"] is not None:
        low, high = _days(money["payback_days_p5"]), _days(money["payback_days_p95"])
        lines.append(f"payback                 {_days(money['payback_days'])} (5 to 95 %: {low} to {high})")
        lines.append(f"pays from               {_count(money['break_even_requests_per_day'])} requests a day on")
    lines.append(f"value over the horizon  {sum_of(money['npv'], currency)}")
    stated = sorted({f"{entry['source']}" for entry in money["assumptions"]})
    lines.append(f"\nNumbers are {', '.join(stated)}; --json lists each with its source.")
    return "\n".join(lines)


def _count(value: float | None) -> str:
    return "none" if value is None else f"{value:,.0f}"


def _days(value: float | None) -> str:
    return "never" if value is None else f"{value:,.1f} days"
