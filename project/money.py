"""The money of a comparison, from stated numbers alone or together with the measurements of a run."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..core import ConfigError, read_toml
from ..evaluate import Money, check_roi, compute_money, read_measures, read_roi, with_price_path
from .project import PROJECT_FILE
from .run import Run
from .runs import read_run, run_folder

__all__ = ["compute_roi", "measured_money", "stated_money"]


def compute_roi(source: str | Path | Run | Mapping[str, Any], *, seed: int | None = None) -> Money:
    """What fine-tuning costs and saves, and when the investment pays back.

    `source` is a `[roi]` table or a TOML file with one: stated numbers alone. Or it is a run, or a project for its newest
    evaluated run: its measurements, with the current `[roi]` of the project file for the rest.

    Raises: ConfigError for missing or invalid numbers; DataError if there is no run.

    >>> tokens = {"price_input": 1, "price_output": 2, "input_tokens": 100, "output_tokens": 50, "acceptance": 0.9}
    >>> roi = {"prompted": tokens | {"fixed_tokens": 500}, "tuned": tokens | {"fixed_tokens": 0}}
    >>> compute_roi({"requests_per_day": 1000} | roi).to_json()["saving_per_day"]
    0.5
    """
    if isinstance(source, Mapping):
        return _stated(_exact(dict(source)), where="roi", seed=seed or 0)
    path = source.folder if isinstance(source, Run) else Path(source)
    if path.suffix == ".toml" and path.name != PROJECT_FILE:
        return stated_money(path, seed=seed or 0)
    return measured_money(path, seed=seed)[0]


def stated_money(file: Path, *, seed: int = 0) -> Money:
    """The money from the numbers in the `[roi]` of a TOML file.

    Raises: ConfigError if it has none, or does not name two variants.
    """
    table = read_toml(file)
    if not isinstance(table.get("roi"), dict):
        raise ConfigError(f"{file} has no [roi] table")
    return _stated(with_price_path(table["roi"], file.parent) or {}, where=f"{file}: roi", seed=seed, named=str(file))


def _stated(table: Mapping[str, Any], *, where: str, seed: int, named: str = "roi") -> Money:
    roi = read_roi(table, where=where)
    baseline, candidate = _pair(list(roi.variants), named)
    check_roi(roi, list(roi.variants), required=[baseline, candidate], measured=False)
    return compute_money(roi, baseline=baseline, candidate=candidate, seed=seed)


def _pair(names: list[str], where: str) -> tuple[str, str]:
    if "prompted" in names and "tuned" in names:
        return "prompted", "tuned"
    if len(names) == 2:
        return names[0], names[1]
    raise ConfigError(
        f"{where}: two variants are needed, such as [roi.prompted] and [roi.tuned]; found {', '.join(names) or 'none'}"
    )


def measured_money(path: Path, *, seed: int | None = None) -> tuple[Money, str]:
    """The money from a run's measurements and the project's current [roi], and the run's name.

    Raises: ConfigError if nothing was evaluated or there is no [roi]; DataError if there is no run.
    """
    if path.suffix == ".toml" and path.is_file() and path.name != PROJECT_FILE:
        raise ConfigError(
            f"{path} is a file, not a project\nFor a file with a [roi] table, use: tuneworth roi --config FILE"
        )
    run = _evaluated_run(path)
    table, where = _roi_table(path, run)
    measures = read_measures(run)
    roi = read_roi(table, where=where)
    pair = [measures.baseline, measures.candidate]
    check_roi(roi, list(dict.fromkeys([*measures.measured, *roi.variants])), required=pair, runs=measures.measured)
    money = compute_money(
        roi, baseline=measures.baseline, candidate=measures.candidate, measured=measures.measured,
        groups=measures.groups, training=measures.training,
        seed=int(read_run(run).get("seed", 0)) if seed is None else seed,
    )  # fmt: skip
    return money, run.name


def _evaluated_run(path: Path) -> Path:
    """The run at a path: itself, or the newest evaluated run of the project there."""
    newest = run_folder(path)
    runs = [newest] if newest == path else sorted(newest.parent.glob("*/results.json"), reverse=True)
    for found in runs:
        run = found if found.is_dir() else found.parent
        if (run / "results.json").is_file():
            return run
    raise ConfigError(
        f"no run in {path} has been evaluated\n"
        "Run `tuneworth evaluate` to measure tokens and acceptance, or use --config FILE with stated numbers alone."
    )


def _roi_table(path: Path, run: Path) -> tuple[Any, str]:
    """The current `[roi]` of the project file, or of the run's record if the run is not in a project."""
    for folder in (path, run.parent.parent):
        file = folder / PROJECT_FILE
        if file.is_file():
            table = read_toml(file)
            if not isinstance(table.get("roi"), dict):
                raise ConfigError(f"{file} has no [roi] table; add one with the volume, the investment and prices")
            return with_price_path(table["roi"], folder), f"{file}: roi"
    table = (read_run(run).get("config") or {}).get("roi")
    if not table:
        raise ConfigError(f"{run} has no [roi] table\nUse --config FILE with stated numbers instead.")
    return _exact(table), f"{run / 'run.json'}: roi"


def _exact(value: Any) -> Any:
    """A table with its numbers as written: floats become the decimals that they print as."""
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return Decimal(repr(value)) if isinstance(value, float) else value
