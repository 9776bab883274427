"""The costs of a comparison, from stated numbers alone or together with the measurements of a run."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core import ConfigError, Console, DataError
from ...evaluate import Money, check_roi, compute_money, read_roi
from ...evaluate.results import Results
from ..project import PROJECT_FILE, exact
from ..run import QUIET, Run
from ..runs import from_run, run_folder
from .again import decide_again, evaluate_again
from .finish import renew_reports
from .roles import read_money
from .verdicts import Changes


def compute_roi(source: str | Path | Run | Mapping[str, Any], *, seed: int | None = None) -> Money:
    """What fine-tuning costs and saves, and when the investment pays back.

    `source` is either a `[roi]` table or a TOML file with one, for stated numbers alone; or a run, or a project for its
    newest evaluated run, for its measurements completed by the current `[roi]` of the project file.

    Raises: ConfigError for missing or invalid numbers; DataError if there is no run.

    >>> tokens = {"price_input": 1, "price_output": 2, "input_tokens": 100, "output_tokens": 50, "acceptance": 0.9}
    >>> roi = {"prompted": tokens | {"fixed_tokens": 500}, "tuned": tokens | {"fixed_tokens": 0}}
    >>> compute_roi({"requests_per_day": 1000} | roi).to_json()["saving_per_day"]
    0.5
    """
    if isinstance(source, Mapping):
        return _stated(exact(dict(source)), seed=seed or 0)
    path = source.folder if isinstance(source, Run) else Path(source)
    if path.suffix == ".toml" and path.name != PROJECT_FILE:
        return stated_money(path, seed=seed or 0)
    run = Run(evaluated_run(path), talk=None if seed is None else replace(QUIET, seed=seed, seed_given=True))
    return _require_money(run.folder, evaluate_again(run).evaluated.results)


def stated_money(file: Path, *, seed: int = 0) -> Money:
    """The costs by the `[roi]` table of a TOML file.

    Raises: ConfigError if it has none, or does not describe two variants.
    """
    return _stated(read_money(file), seed=seed, file=file)


def _stated(table: Mapping[str, Any], *, seed: int, file: Path | None = None) -> Money:
    roi = read_roi(table, file=file)
    baseline, candidate = _pair(list(roi.variants), str(file or "roi"))
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


def evaluated_run(path: Path) -> Path:
    """The run at a path: itself, or the newest evaluated run of the project there.

    Raises: ConfigError if nothing was evaluated; DataError if there is no run.
    """
    if path.suffix == ".toml" and path.is_file() and path.name != PROJECT_FILE:
        raise ConfigError(
            f"{path} is a file, not a project\nFor a file with a [roi] table, run: tuneworth roi --config FILE"
        )
    newest = run_folder(path)
    runs = [newest] if newest == path else sorted(newest.parent.glob("*/results.json"), reverse=True)
    for found in runs:
        run = found if found.is_dir() else found.parent
        if (run / "results.json").exists():
            return run
    raise ConfigError(
        f"no run in {path} has been evaluated\n"
        "Run `tuneworth evaluate` to measure tokens and acceptance, or use --config FILE with stated numbers alone."
    )


def decide_by_money(
    path: Path, money: Path | None = None, *, allow_code: bool = False, talk: Console | None = None
) -> tuple[Run, Money, Changes]:
    """Update the verdict of the run at a path, whose costs must be stated; returns the run, its money and what changed.

    `money` is a file with the `[roi]` table for a run of collected outputs, from now on.

    Raises: as `evaluated_run` and `decide_again`; ConfigError if no costs are stated.
    """
    run = Run(evaluated_run(path), talk=talk)
    call = run.facts.get("judged") or {"project": f"../../{PROJECT_FILE}", "roi": None}
    if money is not None:
        if "judged" not in run.facts:
            raise ConfigError(f"{run.folder} is a run of a project; state its costs under [roi] in {PROJECT_FILE}")
        call = {**call, "roi": None, "money": from_run(run.folder, money)}
    file = next((run.folder / call[key] for key in ("money", "project") if call.get(key) is not None), None)
    if call["roi"] is None and file is not None and file.is_file():
        read_money(file)  # so that nothing is changed if it has no costs
    with run.changing() as staged:
        if money is not None:
            staged.update(judged=call)
        changed = decide_again(staged, allow_code=allow_code)
        renew_reports(staged.folder)
    return run, _require_money(run.folder, run.results), changed


def _require_money(folder: Path, results: Results | None) -> Money:
    if results is None or results.comparison is None:
        raise DataError(f"{folder} does not compare two variants, so there are no costs to compare")
    if results.money is None:
        raise ConfigError(
            f"{folder}: neither its project nor its call has a [roi] table\n"
            "Pass --config FILE with one: the volume, the investment and prices."
        )
    return results.money
