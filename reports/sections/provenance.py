"""What a run was made from, its files, and the commands that reproduce it."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from ...core import unbroken as say
from ...curate import table_name
from ..page import Section
from ..stored import StoredCuration, StoredRun
from ..words import is_number, mapping, without_folders

__all__ = [
    "commands",
    "facts",
    "files",
    "fingerprints",
    "lead",
    "reuse_warning",
    "section",
    "software",
    "what_repeats",
    "where",
]

MANY_USES = 3  # from here on the choices made on a test set begin to show in its result
FILES = {
    "results.json": "every number of this page",
    "report.md": "the page for a pull request",
    "junit.xml": "one case for each rule and variant, for a build server",
    "run.json": "settings, versions, seed, fingerprints, hardware, times",
    "curate/summary.json": "the counts of the data, the certificate, the warnings",
    "curate/ledger.parquet": "every row read: its outcome, the rule, the row beside it",
    "curate/train.jsonl": "the pairs to learn from",
    "curate/validation.jsonl": "the pairs to stop in time",
    "curate/test.jsonl": "the pairs to measure with",
    "curate/set_aside.jsonl": "the rows that left, with their texts",
    "train/adapter": "the trained weights, with tokenizer and model card",
    "train/log.jsonl": "the loss of every step",
    "train/pair_losses.jsonl": "how well each training pair was learnt",
    "train/learning_curve.json": "the learning curve",
    "evaluate/pairs.jsonl": "the test pairs as they were judged",
    "evaluate/outputs.jsonl": "every output with its scores, tokens and violations",
    "evaluate/probes.jsonl": "answers to training requests and general prompts, for the risks",
}
ALWAYS = ("report.md", "junit.xml")  # written together with this page


def section(run: StoredRun | StoredCuration, origin: Mapping[str, Any] | None) -> Section | None:
    """The section about a run's origin; `origin` is its content."""
    if not origin:
        return None
    shown = {
        "warning": reuse_warning(origin),
        "facts": facts(origin),
        "software": software(origin),
        "fingerprints": fingerprints(origin),
        "commands": commands(run),
        "where": where(run),
        "repeats": what_repeats(run),
        "files": files(run),
    }
    return Section("provenance", "Provenance", lead(origin), "provenance", shown)


def lead(origin: Mapping[str, Any] | None) -> str:
    """What the run was made with, how long it took, and how fresh its test set was."""
    origin = origin or {}
    version, seed = mapping(origin.get("versions")).get("tuneworth"), origin.get("seed")
    seconds = [value for value in mapping(origin.get("seconds")).values() if is_number(value)]
    made = "Made with Tuneworth" + (f" {version}" if version else "")
    made += f" and seed {seed}" if seed is not None else ""
    made += f" in {say.duration(sum(seconds))}" if seconds else ""
    used = origin.get("test_set_used")
    if not is_number(used):
        return f"{made}."
    again = f"{made}, on a test set used for the {_nth(int(used))} time"
    return f"{again}: trust its result less." if used > MANY_USES else f"{again}."


def reuse_warning(origin: Mapping[str, Any] | None) -> str:
    """A warning if a test set was used often; empty otherwise."""
    used = (origin or {}).get("test_set_used")
    if not is_number(used) or used <= MANY_USES:
        return ""
    return (
        f"This test set has been used {say.count(used)} times. Whoever looks at a result and then changes something fits the "
        "change to this very test, so the result looks better than it is. A fresh set of requests settles it."
    )


def facts(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of seed, uses of the test set, hardware and times."""
    found = [("Seed", origin.get("seed")), ("Uses of this test set", _uses(origin.get("test_set_used")))]
    for name, value in mapping(origin.get("hardware")).items():
        label = str(name).replace("_bytes", "").replace("_", " ").capitalize()
        found.append((label, say.size(value) if str(name).endswith("_bytes") else value))
    for stage, seconds in mapping(origin.get("seconds")).items():
        found.append((f"Time for {stage}", say.duration(seconds) if is_number(seconds) else None))
    model = mapping(origin.get("model"))
    found += [
        ("Base model", model.get("name")), ("Its licence", model.get("licence")), ("Its number format", model.get("dtype"))
    ]  # fmt: skip
    return [(label, without_folders(str(value))) for label, value in found if value is not None]


def software(origin: Mapping[str, Any]) -> str:
    """The versions in one line."""
    versions = mapping(origin.get("versions")).items()
    return ", ".join(f"{name}{say.gap}{version}" for name, version in versions)


def fingerprints(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(file, SHA-256) of each input and of the base model's weights; names without folders."""
    inputs = [entry for entry in origin.get("inputs") or [] if isinstance(entry, Mapping)]
    rows = [(without_folders(str(entry.get("path"))), str(entry.get("sha256"))) for entry in inputs]
    model = mapping(origin.get("model"))
    if model.get("sha256"):
        rows.append((f"weights of {without_folders(str(model.get('name')))}", str(model["sha256"])))
    return rows


def files(run: StoredRun | StoredCuration) -> list[tuple[str, str]]:
    """(name, what it holds) of each file next to the page."""
    found = ((name if name in ALWAYS else table_name(run.path, name), words) for name, words in FILES.items())
    return [(name, words) for name, words in found if name is not None]


def _uses(used: Any) -> str | None:
    return f"{say.count(used)}, counted over the runs beside this one" if is_number(used) else None


def _nth(n: int) -> str:
    words = {1: "first", 2: "second", 3: "third"}
    return words.get(n) or f"{n:,}{'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


Run = StoredRun | StoredCuration
LOCAL = ("base model", "adapter")
# Options of `tuneworth curate FILE` by their keys in run.json.
_OPTIONS = {
    "input": "--input", "output": "--output", "group": "--group", "identifiers": "--identifier", "date": "--date",
    "encoding": "--encoding", "delimiter": "--delimiter", "stratify": "--stratify",
    "near_duplicate": "--near-duplicate", "keep": "--keep", "conflicts": "--conflicts",
}  # fmt: skip


def commands(run: Run) -> list[str]:
    """The lines to type, in order; [] if run.json does not record how the run was started.

    File names appear without folders; fingerprints identify the files.
    """
    facts, results = run.facts, _results(run)
    begun = str(facts.get("command") or (results.get("provenance") or {}).get("command") or "")
    version = mapping(facts.get("versions")).get("tuneworth")
    lines = [*_work(run, facts, results, begun)]
    if not lines:
        return []
    extra = "[train]" if _sources(results) & set(LOCAL) or results.get("training") else ""
    package = f"tuneworth{extra}=={version}" if version else f"tuneworth{extra}"
    return [f"pip install {quote(package)}", *lines]


def where(run: Run) -> str:
    """Where to run the commands, and which files must be there."""
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
    project = quote(_file_name(facts.get("project") or "project"))
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
    variants = mapping(results.get("variants"))
    files = {name: mapping(how).get("file") for name, how in variants.items()}
    others = set(map(str, files.values()))
    pairs = _input(facts, "pairs") or next(
        (entry["path"] for entry in facts.get("inputs") or [] if str(entry.get("path")) not in others), "PAIRS"
    )
    style = _input(facts, "style")
    words = ["tuneworth evaluate"]
    if facts.get("config"):
        words.append(project)
    words.append(f"--pairs {quote(_file_name(pairs))}")
    words += [f"--outputs {quote(f'{name}={_file_name(file)}')}" for name, file in files.items() if file]
    if not facts.get("config"):
        words.append(f"--style {quote(_file_name(style or 'style.yaml'))}")
    elif style and style != mapping(mapping(facts["config"]).get("style")).get("path", "style.yaml"):
        words.append(f"--style {quote(_file_name(style))}")
    comparison = mapping(results.get("comparison"))
    words += [f"--{role} {quote(str(comparison[role]))}" for role in ("baseline", "candidate") if comparison.get(role)]
    return " ".join([*words, "--out again"])


def _input(facts: Mapping[str, Any], role: str) -> str | None:
    """The file in this role; None if an older version did not record it."""
    return next((str(entry["path"]) for entry in facts.get("inputs") or [] if entry.get("role") == role), None)


def _curate_file(run: Run, facts: Mapping[str, Any]) -> str:
    """`tuneworth curate FILE` with its options; empty if a project was curated."""
    config = mapping(facts.get("config"))
    data, rules = mapping(config.get("data")), mapping(config.get("curate"))
    if (
        "mask" not in rules
        or not data.get("path")
        or set(config) - {"data", "curate"}
        or run.path.parent.name == "runs"
    ):
        return ""
    words = [f"tuneworth curate {quote(_file_name(data['path']))}"]
    style = mapping(run.summary.get("style")) if isinstance(run, StoredCuration) else {}
    if style.get("checks"):
        words.append(f"--style {quote(_file_name(_input(facts, 'style') or 'style.yaml'))}")
    for key, option in _OPTIONS.items():
        value = data.get(key, rules.get(key))
        values = value if isinstance(value, list) else [] if value is None else [value]
        words += [f"{option} {quote(str(each))}" for each in values]
    if rules["mask"]:
        words.append("--mask")
    return " ".join([*words, "--out again"])


def what_repeats(run: Run) -> list[str]:
    """What is reproduced exactly and what may differ, for this kind of run."""
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
        threads = mapping(results.get("training")).get("threads")
        at = f" with {threads} threads" if isinstance(threads, int) else ""
        lines.append(
            f"Training and writing outputs repeat bit by bit on the same processor{at}; another processor or a GPU rounds "
            "otherwise, so that single outputs, and with them the shares, may differ a little."
        )
    if "endpoint" in sources:
        lines.append("An endpoint may answer otherwise on another day, also with the same settings.")
    return [*lines, judged, "Times and memory differ from run to run."]


def _sources(results: Mapping[str, Any]) -> set[str]:
    return {str(mapping(how).get("source")) for how in mapping(results.get("variants")).values()}


def _results(run: Run) -> Mapping[str, Any]:
    return run.results if isinstance(run, StoredRun) else {}


def _file_name(path: Any) -> str:
    """The last part of a path from any system; never an option."""
    name = Path(without_folders(str(path)).replace("\\", "/")).name or "project"
    return f"./{name}" if name.startswith("-") else name
