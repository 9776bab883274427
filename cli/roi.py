"""`tuneworth roi`: the money alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core import Talk
from .options import common_options

if TYPE_CHECKING:
    from ..evaluate import Money

__all__ = ["command"]


@click.command("roi", epilog="Example:  tuneworth roi --config examples/article.toml")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option(
    "--config", type=click.Path(path_type=Path), help="A file with a [roi] table; no project and no run needed."
)
@click.option("--explain", is_flag=True, help="Every figure as a line that a pocket calculator can follow.")
@common_options
def command(project: Path | None, config: Path | None, explain: bool, talk: Talk) -> None:
    """What fine-tuning costs and saves, from stated numbers or from a project's newest run.

    With --config, the two variants are those that [roi.NAME] tables describe: `prompted` and `tuned` where both are
    there. A project's newest evaluated run gives what it measured; the [roi] of the project file, as it is now, the rest.
    """
    from ..core import ConfigError
    from ..reports import derivation_text, money_text

    if config is not None and project is not None:
        raise ConfigError("name a project or a --config file, not both")
    found, measured = (_of_config(config, talk), None) if config is not None else _of_run(project or Path(), talk)
    money = found.to_json()
    text = money_text(money, run=measured)
    talk.answer(f"{text}\n\n{derivation_text(money)}" if explain else text, money)
    talk.next("your own numbers in [roi]; --explain shows how each figure comes about")


def _of_config(config: Path, talk: Talk) -> "Money":
    """The money of stated numbers alone."""
    from ..core import ConfigError, read_toml
    from ..evaluate import beside, check_roi, compute_money, read_roi

    table = read_toml(config)
    if not isinstance(table.get("roi"), dict):
        raise ConfigError(f"{config} has no [roi] table")
    roi = read_roi(beside(table["roi"], config.parent) or {}, where=f"{config}: roi")
    baseline, candidate = _pair(list(roi.variants), config)
    check_roi(roi, list(roi.variants), required=[baseline, candidate], measured=False)
    return compute_money(roi, baseline=baseline, candidate=candidate, seed=talk.seed)


def _pair(names: list[str], config: Path) -> tuple[str, str]:
    from ..core import ConfigError

    if "prompted" in names and "tuned" in names:
        return "prompted", "tuned"
    if len(names) == 2:
        return names[0], names[1]
    raise ConfigError(
        f"{config}: two variants are needed, [roi.prompted] and [roi.tuned]; found {', '.join(names) or 'none'}"
    )


def _of_run(path: Path, talk: Talk) -> tuple["Money", str]:
    """The money of what a run measured, by the project's [roi] as it is now; and the run's name."""
    from ..core import ConfigError
    from ..evaluate import check_roi, compute_money, read_measures, read_roi
    from ..project import PROJECT_FILE, read_run

    if path.suffix == ".toml" and path.is_file() and path.name != PROJECT_FILE:
        raise ConfigError(
            f"{path} is a file, not a project\nA file with a [roi] table is counted by: tuneworth roi --config FILE"
        )
    run = _evaluated_run(path)
    table, where = _roi_table(path, run)
    measures = read_measures(run)
    roi = read_roi(table, where=where)
    pair = [measures.baseline, measures.candidate]
    check_roi(roi, list(dict.fromkeys([*measures.measured, *roi.variants])), required=pair)
    seed = talk.seed if talk.seed_given else int(read_run(run).get("seed", 0))
    money = compute_money(
        roi, baseline=measures.baseline, candidate=measures.candidate, measured=measures.measured,
        groups=measures.groups, training=measures.training, seed=seed,
    )  # fmt: skip
    return money, run.name


def _evaluated_run(path: Path) -> Path:
    """The run that a path means: itself, or the newest one of the project there that has been evaluated."""
    from ..core import ConfigError
    from ..project import run_folder

    newest = run_folder(path)
    runs = [newest] if newest == path else sorted(newest.parent.glob("*/results.json"), reverse=True)
    for found in runs:
        run = found if found.is_dir() else found.parent
        if (run / "results.json").is_file():
            return run
    raise ConfigError(
        f"no run in {path} has been evaluated\n"
        "`tuneworth evaluate` measures tokens and acceptance; --config FILE counts stated numbers alone."
    )


def _roi_table(path: Path, run: Path) -> tuple[Any, str]:
    """The `[roi]` of the project file as it is now; of the run's own record where the run lies in no project."""
    from decimal import Decimal

    from ..core import ConfigError, read_toml
    from ..evaluate import beside
    from ..project import PROJECT_FILE, read_run

    for folder in (path, run.parent.parent):
        file = folder / PROJECT_FILE
        if file.is_file():
            table = read_toml(file)
            if not isinstance(table.get("roi"), dict):
                raise ConfigError(f"{file} has no [roi] table; it states the volume, what is invested, and prices")
            return beside(table["roi"], folder), f"{file}: roi"
    table = (read_run(run).get("config") or {}).get("roi")
    if not table:
        raise ConfigError(f"{run} was made without a [roi] table\n--config FILE counts stated numbers alone.")
    return _exact(table, Decimal), f"{run / 'run.json'}: roi"


def _exact(value: Any, number: Any) -> Any:
    """A table from JSON with its numbers as they were written in TOML."""
    if isinstance(value, dict):
        return {key: _exact(item, number) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item, number) for item in value]
    return number(repr(value)) if isinstance(value, float) else value
