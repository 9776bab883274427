"""`tuneworth curate`: turn raw pairs into clean splits."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core import ConfigError, Console, DataError, Fix, peak_bytes, quote, say
from .help import Grouped
from .options import RunName, code_option, common_options, option_of, reading_options

if TYPE_CHECKING:
    pass

# Options for a file of pairs, with the setting that a project uses instead.
_FILE_OPTIONS = {
    "style": "[style] path", "out": "", "group": "[data] group", "identifiers": "[data] identifiers",
    "date": "[data] date", "stratify": "[curate] stratify", "near_duplicate": "[curate] near_duplicate",
    "keep": "[curate] keep", "conflicts": "[curate] conflicts", "tie_outputs": "[curate] tie_outputs",
    "meaning": "[curate] meaning", "tie_meaning": "[curate] tie_meaning",
    "overrides": "", "splits": "", "input": "[data] input", "output": "[data] output", "id": "[data] id",
    "encoding": "[data] encoding", "delimiter": "[data] delimiter", "sheet": "[data] sheet", "turns": "[data] turns",
    "leave_out_constant": "[data] leave_out_constant", "limits": "[data.limits]",
}  # fmt: skip
_COLUMNS = (
    "input", "output", "id", "group", "identifiers", "date", "encoding", "delimiter", "sheet", "leave_out_constant", "turns",
    "limits",
)  # fmt: skip
_RULES = ("stratify", "near_duplicate", "keep", "conflicts")
_PATH = click.Path(path_type=Path)


_GROUPS = {
    "Options": "--out --style --input --output --id --fix --mask --dry-run --threshold-table",
    "For a file of pairs; a project states them in tuneworth.toml": (
        "--group --identifier --date --stratify --turns --near-duplicate --keep --conflicts --tie-outputs --meaning "
        "--tie-meaning --overrides --splits"
    ),
    "For a project": "--run --again --cluster",
}


@dataclass(frozen=True)
class Taken:
    """What a dry run took: rows read, seconds, peak memory of the process (None where the system does not tell)."""

    rows: int
    seconds: float
    peak_bytes: int | None

    def text(self) -> str:
        """The figures, and those of a million pairs for comparison (docs/cluster.md)."""
        memory = "" if self.peak_bytes is None else f" and {say.size(self.peak_bytes)} of memory"
        return (
            f"It took {say.duration(self.seconds)}{memory} for {say.count(self.rows, 'row')}; "
            "a million rows of 255 characters\ntake about 80 s and 3 GB on one machine."
        )


@click.command(
    "curate",
    cls=Grouped,
    groups=_GROUPS,
    epilog="Example:  tuneworth curate pairs.jsonl --style style.yaml --out clean",
)
@click.argument("source", required=False, type=_PATH)
@click.option("--style", type=_PATH, help="The style schema. Without it, outputs are not checked against a style.")
@click.option("--out", type=_PATH, help="The folder to write to.")
@click.option("--group", help="Keep rows with the same value in this column in one split.")
@click.option(
    "--identifier",
    "identifiers",
    multiple=True,
    help="A field that only names the item, such as a part number.",
)
@click.option("--turns", type=click.Choice(["last", "all"]), help="The answers of a conversation that are examples.")
@click.option("--date", help="Put the newest pairs by this column or field into the test split.")
@click.option("--stratify", help="Give each split the same mix of this column or field.")
@click.option("--near-duplicate", type=float, help="Similarity of duplicates, 0.5 to 1 (default 0.8).")
@click.option("--keep", type=click.Choice(["best style", "first", "longest"]), help="The copy to keep.")
@click.option(
    "--conflicts",
    type=click.Choice(["quarantine", "report", "keep best"]),
    help="What to do when one input has two answers.",
)
@click.option(
    "--tie-outputs",
    type=click.Choice(["auto", "true", "false"]),
    help="Keep rows with the same output on one side: identical ones (auto), also similar ones (true), or none.",
)
@click.option(
    "--meaning",
    help="List held-out requests that say the same as a training example in other words: true, or a local model.",
)
@click.option("--tie-meaning", help="Keep such rows on one side: true, or the cosine from which they mean the same.")
@click.option(
    "--mask", is_flag=True, help="Replace e-mail addresses and phone, card and account numbers with placeholders."
)
@click.option(
    "--fix",
    type=click.Choice(["off", "safe", "unsafe"]),
    help="Repair outputs that break a must rule and keep them for training: safely, or also by leaving something out.",
)
@click.option("--overrides", type=_PATH, help="Decisions about rows (default: overrides.jsonl in --out).")
@click.option("--splits", type=_PATH, help="The file that pins each row to its split (default: splits.jsonl in --out).")
@click.option("--dry-run", is_flag=True, help="Show what would happen to the rows, and what it took; write nothing.")
@click.option("--threshold-table", is_flag=True, help="Show how many rows each near-duplicate threshold would drop.")
@click.option("--run", "name", type=RunName(), help="Curate this run again.")
@click.option(
    "--again", is_flag=True, help="SOURCE is a run: curate its pairs again as before, with today's decisions."
)
@click.option("--cluster", is_flag=True, help="Curate in parts, on the workers that the project's [cluster] names.")
@code_option
@reading_options
@common_options
def command(
    source: Path | None, mask: bool, fix: Fix | None, dry_run: bool, threshold_table: bool, name: str | None, again: bool,
    cluster: bool, allow_code: bool, talk: Console, **stated: Any,
) -> None:  # fmt: skip
    """Turn raw pairs into clean, leak-proof splits, with a ledger of every row.

    SOURCE is a project folder (default: the current one), or a file of pairs with --out and, to check them, --style.
    Rows keep the splits recorded in splits.jsonl, and the decisions in overrides.jsonl are replayed: both are in the
    project folder or in --out.
    """
    started = time.perf_counter()
    reading = stated.pop("reading")
    given = {key: value for key, value in (stated | reading).items() if value not in (None, ())}
    local_only = {"dry-run": dry_run, "threshold-table": threshold_table}
    options = {"thresholds": threshold_table, "allow_code": allow_code, "talk": talk}
    if again:
        _refuse_beside_again(given | {"mask": mask, "fix": fix, "run": name, "cluster": cluster} | local_only)
        summary, folder = _again(source or Path(), allow_code=allow_code, talk=talk)
    elif _is_file(source, given, dry_run=dry_run):
        assert source is not None
        if name is not None:
            raise ConfigError(
                f"--run needs a project\nTo curate the file again, use the same --out: tuneworth curate {source}"
            )
        if cluster:
            raise ConfigError(
                "--cluster needs a project, where [cluster] names the workers; a file is curated on this machine"
            )
        summary = _of_file(
            source, given, rules={"mask": mask} | ({"fix": fix} if fix else {}), dry_run=dry_run, **options
        )
        folder = None if dry_run else given["out"]
    else:
        _refuse_options(source, given)
        for option in (option for option, is_set in local_only.items() if is_set and cluster):
            raise ConfigError(
                f"--{option} cannot be combined with --cluster: it works on this machine, on a sample if necessary"
            )
        summary, folder = _of_project(source, name, dry_run=dry_run, cluster=cluster, mask=mask, fix=fix, **options)
    if folder is not None:
        _print_curated(summary, folder, talk)
    else:
        _print_dry_run(summary, Taken(summary["rows_read"], time.perf_counter() - started, peak_bytes()), talk)


def _again(run: Path, *, allow_code: bool, talk: Console) -> tuple[dict[str, Any], Path | None]:
    """The summary of the run's pairs, curated again, and the folder."""
    from ..project import curate_again

    curated = curate_again(run, allow_code=allow_code, talk=talk)
    return curated.curation, curated.folder


def _refuse_beside_again(given: dict[str, Any]) -> None:
    """Raises: ConfigError if any option but --allow-code is given."""
    for option in (option_of(name) for name, value in given.items() if value):
        raise ConfigError(f"--again curates a run as it was made before; leave --{option} out")


def _print_curated(summary: dict[str, Any], folder: Path, talk: Console) -> None:
    text, obstacles = _told(summary)
    talk.answer(f"{text}\n\nWritten to {folder / 'curate'}", {"run": str(folder), **obstacles, **summary})
    talk.next(f"see what happened to a row: tuneworth why {quote(str(folder))} ROW")


def _told(summary: dict[str, Any]) -> tuple[str, dict[str, list[str]]]:
    """The curation in words, and as data what the verdict can only be."""
    from ..core import completed, from_json
    from ..curate import Curation, obstacles
    from ..reports import curated_text

    data = from_json(completed(summary, Curation), Curation)
    return curated_text(data), {"obstacles": [found.sentence for found in obstacles(data)]}


def _print_dry_run(summary: dict[str, Any], taken: Taken, talk: Console) -> None:
    text, obstacles = _told(summary)
    text += f"\n\nThis was a dry run: nothing was written.\n{taken.text()}"
    talk.answer(text, {"run": None, **obstacles, **summary, "taken": asdict(taken)})
    talk.next("run the same command without --dry-run to write the splits")


def _is_file(source: Path | None, given: dict[str, Any], *, dry_run: bool) -> bool:
    from ..project import PROJECT_FILE

    if source is None or source.name == PROJECT_FILE or (source / PROJECT_FILE).is_file():
        return False
    # With these options, a folder is a source of pairs too.
    return source.is_file() or any(mark in str(source) for mark in "*?[") or "out" in given or dry_run


def _of_project(
    source: Path | None, name: str | None, *, dry_run: bool, cluster: bool, **options: Any
) -> tuple[dict[str, Any], Path | None]:
    """The summary of a project's pairs, and the run folder; None in a dry run."""
    from ..project import curate_project, preview_curation

    if dry_run:
        return preview_curation(source, **options).summary, None
    run = curate_project(source, run=name, cluster=cluster, **options)
    return run.curation, run.folder


def _refuse_options(source: Path | None, given: dict[str, Any]) -> None:
    """Raises: DataError or ConfigError if the source is not a project, or options for a file are given."""
    from ..project import PROJECT_FILE, find_project

    if source is not None and not source.exists():
        raise DataError(f"no file or project at {source}")
    if source is not None and source.is_dir() and not (source / PROJECT_FILE).is_file():
        raise ConfigError(
            f"{source.resolve()} is not a project: it has no {PROJECT_FILE}\n"
            f"To read the files in it as pairs, add --out DIR: tuneworth curate {quote(str(source))} --out DIR"
        )
    folder = find_project(source)
    for option in given:
        advice = f"set {_FILE_OPTIONS[option]} in {folder / PROJECT_FILE}" if _FILE_OPTIONS[option] else "leave it out"
        raise ConfigError(f"--{option_of(option)} needs a file of pairs; for a project, {advice}")


def _cosine(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f'--tie-meaning: expected true or a number from 0.5 to 1, found "{text}"') from None


def _of_file(
    source: Path, given: dict[str, Any], *, rules: dict[str, Any], dry_run: bool, **options: Any
) -> dict[str, Any]:
    """The summary of a file's pairs; errors in an option name the option."""
    from ..curate import CurateSettings, DataSettings
    from ..project import curate_pairs

    out, overrides = given.get("out"), given.get("overrides")
    if out is None and not dry_run:
        raise ConfigError(
            f"a file needs a folder to write to\nName one with --out: tuneworth curate {quote(str(source))} --out DIR"
        )
    columns = {key: given[key] for key in _COLUMNS if key in given}
    rules |= {key: given[key] for key in _RULES if key in given}
    if ties := given.get("tie_outputs"):
        rules["tie_outputs"] = ties if ties == "auto" else ties == "true"
    if model := given.get("meaning"):
        rules["meaning"] = model == "true" or str(Path(model).absolute())
    if cosine := given.get("tie_meaning"):
        rules["tie_meaning"] = cosine == "true" or _cosine(cosine)
    try:
        DataSettings(path=str(source), **columns)
        CurateSettings(**rules)
    except ValueError as error:
        raise ConfigError(f"--{str(error).replace('_', '-', 1)}") from None
    if overrides is not None and not overrides.exists():
        raise ConfigError(f"--overrides: no file at {overrides}")
    return curate_pairs(
        source, given.get("style"), settings=rules, **columns, overrides=overrides, splits=given.get("splits"), out=out,
        dry_run=dry_run, **options,
    ).summary  # fmt: skip
