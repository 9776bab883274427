"""The commands that make a run again, and what of it comes out the same."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from ..curated import StoredCuration
from ..folders import without_folders
from ..stored import StoredRun

__all__ = ["commands", "what_repeats", "where"]

Run = StoredRun | StoredCuration
LOCAL = ("base model", "adapter")
# Options of `tuneworth curate FILE` by their keys in run.json.
_OPTIONS = {
    "input": "--input", "output": "--output", "group": "--group", "identifiers": "--identifier", "date": "--date",
    "encoding": "--encoding", "delimiter": "--delimiter", "stratify": "--stratify",
    "near_duplicate": "--near-duplicate", "keep": "--keep", "conflicts": "--conflicts",
}  # fmt: skip


def commands(run: Run) -> list[str]:
    """The lines to type, in order; [] where run.json does not say how the run was begun.

    File names stand without their folders: the files are told by their fingerprints.
    """
    facts, results = run.facts, _results(run)
    begun = str(facts.get("command") or (results.get("provenance") or {}).get("command") or "")
    version = _mapping(facts.get("versions")).get("tuneworth")
    lines = [*_work(run, facts, results, begun)]
    if not lines:
        return []
    extra = "[train]" if _sources(results) & set(LOCAL) or results.get("training") else ""
    package = f"tuneworth{extra}=={version}" if version else f"tuneworth{extra}"
    return [f"pip install {quote(package)}", *lines]


def where(run: Run) -> str:
    """Where the commands are typed, and what must lie there."""
    lines = commands(run)
    if not lines:
        return ""
    if " --style style.yaml" in lines[-1] and not _input(run.facts, "style"):
        return "In a folder with the files above and the style schema as style.yaml:"
    if run.facts.get("config") and " --out again" not in lines[-1]:
        return "In the folder that holds the project, its tuneworth.toml, style and data as they were:"
    return "In a folder with the files above, and the project beside them where one is named:"


def _work(run: Run, facts: Mapping[str, Any], results: Mapping[str, Any], begun: str) -> list[str]:
    seed = f" --seed {facts['seed']}" if isinstance(facts.get("seed"), int) else ""
    project = quote(_name(facts.get("project") or "project"))
    if begun.startswith("tuneworth evaluate --pairs"):
        return [_evaluate_files(facts, results, project) + seed]
    if begun == "tuneworth curate" and not results:
        return [(_curate_file(run, facts) or f"tuneworth curate {project}") + seed]
    if begun == "tuneworth curate":  # the stages one by one
        stages = ("curate", "train", "evaluate") if results.get("training") else ("curate", "evaluate")
        return [f"tuneworth {stage} {project}{seed}" for stage in stages]
    return [f"tuneworth run {project}{seed}"] if begun in ("tuneworth run", "tuneworth demo") else []


def _evaluate_files(facts: Mapping[str, Any], results: Mapping[str, Any], project: str) -> str:
    """`tuneworth evaluate` of collected outputs, with every file that it read."""
    variants = _mapping(results.get("variants"))
    files = {name: _mapping(how).get("file") for name, how in variants.items()}
    others = set(map(str, files.values()))
    pairs = _input(facts, "pairs") or next(
        (entry["path"] for entry in facts.get("inputs") or [] if str(entry.get("path")) not in others), "PAIRS"
    )
    style = _input(facts, "style")
    words = ["tuneworth evaluate"]
    if facts.get("config"):
        words.append(project)
    words.append(f"--pairs {quote(_name(pairs))}")
    words += [f"--outputs {quote(f'{name}={_name(file)}')}" for name, file in files.items() if file]
    if not facts.get("config"):
        words.append(f"--style {quote(_name(style or 'style.yaml'))}")
    elif style and style != _mapping(_mapping(facts["config"]).get("style")).get("path", "style.yaml"):
        words.append(f"--style {quote(_name(style))}")
    comparison = _mapping(results.get("comparison"))
    words += [f"--{role} {quote(str(comparison[role]))}" for role in ("baseline", "candidate") if comparison.get(role)]
    return " ".join([*words, "--out again"])


def _input(facts: Mapping[str, Any], role: str) -> str | None:
    """The file that played this role; None where runs of an earlier version do not say."""
    return next((str(entry["path"]) for entry in facts.get("inputs") or [] if entry.get("role") == role), None)


def _curate_file(run: Run, facts: Mapping[str, Any]) -> str:
    """`tuneworth curate FILE` with its options; empty where a project was curated."""
    config = _mapping(facts.get("config"))
    data, rules = _mapping(config.get("data")), _mapping(config.get("curate"))
    if (
        "mask" not in rules
        or not data.get("path")
        or set(config) - {"data", "curate"}
        or run.path.parent.name == "runs"
    ):
        return ""
    words = [f"tuneworth curate {quote(_name(data['path']))}"]
    style = _mapping(run.summary.get("style")) if isinstance(run, StoredCuration) else {}
    if style.get("checks"):
        words.append(f"--style {quote(_name(_input(facts, 'style') or 'style.yaml'))}")
    for key, option in _OPTIONS.items():
        value = data.get(key, rules.get(key))
        values = value if isinstance(value, list) else [] if value is None else [value]
        words += [f"{option} {quote(str(each))}" for each in values]
    if rules["mask"]:
        words.append("--mask")
    return " ".join([*words, "--out again"])


def what_repeats(run: Run) -> list[str]:
    """What comes out the same and what may not, for the kind of run that this is."""
    results = _results(run)
    same = (
        "The same files, version and seed give the same rows, splits and certificate, whatever the order of the rows."
    )
    if not results:
        return [f"{same} Only times differ."]
    judged = (
        "From the same outputs the scores, ranges, money and verdict come out the same to the last digit; they are all in "
        "evaluate/outputs.jsonl."
    )
    sources = _sources(results)
    lines = [same] if results.get("data") else []
    if sources & set(LOCAL):
        threads = _mapping(results.get("training")).get("threads")
        at = f" with {threads} threads" if isinstance(threads, int) else ""
        lines.append(
            f"Training and writing outputs repeat bit by bit on the same processor{at}; another processor or a GPU rounds "
            "otherwise, so that single outputs, and with them the shares, may differ a little."
        )
    if "endpoint" in sources:
        lines.append("An endpoint may answer otherwise on another day, also with the same settings.")
    return [*lines, judged, "Times and memory differ from run to run."]


def _sources(results: Mapping[str, Any]) -> set[str]:
    return {str(_mapping(how).get("source")) for how in _mapping(results.get("variants")).values()}


def _results(run: Run) -> Mapping[str, Any]:
    return run.results if isinstance(run, StoredRun) else {}


def _name(path: Any) -> str:
    """The last part of a path, whatever system wrote it; never an option."""
    name = Path(without_folders(str(path)).replace("\\", "/")).name or "project"
    return f"./{name}" if name.startswith("-") else name


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
