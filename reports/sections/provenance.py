"""The provenance section: what a run was made from, its files, and the commands that reproduce it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core import Row, home_of, quote
from ...core import unbroken as say
from ...curate import table_name
from ..page import Section
from ..stored import StoredCuration, StoredRun
from ..words import date_words, finite, is_number, mapping, quoted, without_folders

__all__ = [
    "commands",
    "earlier_verdicts",
    "files",
    "fingerprints",
    "lead",
    "origin_facts",
    "reuse_warning",
    "section",
    "software",
    "what_repeats",
    "where",
]

MANY_USES = 3  # after more uses, choices made on the test set begin to bias its result
FILES = {
    "results.json": "every number of this page",
    "report.md": "the page for a pull request",
    "junit.xml": "one test case for each rule and variant, for CI",
    "run.json": "settings, versions, seed, hashes, hardware, times",
    "splits.jsonl": "the split of each row, which it keeps when the file is curated again",
    "curate/summary.json": "counts, certificate and warnings of the curation",
    "curate/ledger.parquet": "every row read, with its outcome, the rule and the related row",
    "curate/train.jsonl": "the training pairs",
    "curate/validation.jsonl": "the validation pairs",
    "curate/test.jsonl": "the test pairs",
    "curate/set_aside.jsonl": "the dropped rows, with their texts",
    "train/adapter": "the trained weights, with tokenizer and model card",
    "train/log.jsonl": "the loss of every step",
    "train/pair_losses.jsonl": "the loss of every training pair",
    "train/learning_curve.json": "the learning curve",
    "evaluate/pairs.jsonl": "the test pairs as evaluated",
    "evaluate/outputs.jsonl": "every output with its scores, tokens and violations",
    "evaluate/variants.json": "the variants as their outputs were generated, to decide again",
    "evaluate/train_outputs.jsonl": "the tuned model's outputs for training requests",
    "evaluate/probes.jsonl": "answers to training requests and general prompts, for the risks",
}
ALWAYS = ("report.md", "junit.xml")  # written together with this page


def section(run: StoredRun | StoredCuration, origin: Mapping[str, Any] | None) -> Section | None:
    """The section about how a run was made, from the facts in `origin`."""
    if not origin:
        return None
    shown = {
        "warning": reuse_warning(origin),
        "verdicts": earlier_verdicts(run) if isinstance(run, StoredRun) else [],
        "facts": origin_facts(origin),
        "software": software(origin),
        "fingerprints": fingerprints(origin),
        "commands": commands(run),
        "where": where(run),
        "repeats": what_repeats(run),
        "files": files(run),
    }
    return Section("provenance", "Provenance", lead(origin), "provenance", shown)


def earlier_verdicts(run: StoredRun) -> list[tuple[str, str, str]]:
    """Each earlier verdict of the run: when it was given, its sentence, and the keys that changed after it."""
    return [
        (
            date_words(found["created"]),
            quoted(found["sentence"]),
            ", ".join(str(change["key"]) for change in found["changed"]) or "nothing stated",
        )
        for found in run.results.get("verdicts") or []
    ]


def lead(origin: Mapping[str, Any] | None) -> str:
    """The version and seed, the time taken, and how often the test set had been used."""
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
    return f"{again}, which makes its result less reliable." if used > MANY_USES else f"{again}."


def reuse_warning(origin: Mapping[str, Any] | None) -> str:
    """A warning if the test set has been used often; otherwise empty."""
    used = (origin or {}).get("test_set_used")
    if not is_number(used) or used <= MANY_USES:
        return ""
    return (
        f"This test set has been used {say.count(used)} times. Changes made after looking at its results fit this test set, "
        "so the results look better than they are. Test on new requests to be sure."
    )


def origin_facts(origin: Mapping[str, Any]) -> list[Row]:
    """The known facts: seed, uses of the test set, hardware, times, base model."""
    model, used = mapping(origin.get("model")), finite(origin.get("test_set_used"))
    found = [
        _fact("seed", "Seed", origin.get("seed")),
        Row("test_set_used", "Uses of this test set", used, note="counted across the runs in the same folder"),
    ]
    for name, value in mapping(origin.get("hardware")).items():
        label = str(name).replace("_bytes", "").replace("_", " ").capitalize()
        bytes_ = str(name).endswith("_bytes")
        found.append(Row(str(name), label, finite(value), "bytes") if bytes_ else _fact(str(name), label, value))
    for stage, seconds in mapping(origin.get("seconds")).items():
        found.append(Row(f"seconds.{stage}", f"Time for {stage}", finite(seconds), "seconds"))
    names = {"name": "Base model", "licence": "Licence", "dtype": "Number format"}
    found += [_fact(f"model.{key}", label, model.get(key)) for key, label in names.items()]
    return [row for row in found if row.value is not None]


def _fact(key: str, label: str, value: Any) -> Row:
    """A fact that is shown as recorded, without folders."""
    return Row(key, label, None if value is None else without_folders(str(value)))


def software(origin: Mapping[str, Any]) -> str:
    """The versions on one line."""
    versions = mapping(origin.get("versions")).items()
    return ", ".join(f"{name}{say.gap}{version}" for name, version in versions)


def fingerprints(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(file, SHA-256) of each input and of the base model's weights, without folders."""
    inputs = [entry for entry in origin.get("inputs") or [] if isinstance(entry, Mapping)]
    rows = [(without_folders(str(entry.get("path"))), str(entry.get("sha256"))) for entry in inputs]
    model = mapping(origin.get("model"))
    if model.get("sha256"):
        rows.append((f"weights of {without_folders(str(model.get('name')))}", str(model["sha256"])))
    return rows


def files(run: StoredRun | StoredCuration) -> list[tuple[str, str]]:
    """(name, content) of each file next to the page."""
    found = ((name if name in ALWAYS else table_name(run.path, name), words) for name, words in FILES.items())
    return [(name, words) for name, words in found if name is not None]


def _nth(n: int) -> str:
    words = {1: "first", 2: "second", 3: "third"}
    return words.get(n) or f"{n:,}{'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


Run = StoredRun | StoredCuration
LOCAL = ("base model", "adapter")
# Options of `tuneworth curate FILE` by their keys in run.json.
_OPTIONS = {
    "input": "--input", "output": "--output", "group": "--group", "identifiers": "--identifier", "date": "--date",
    "encoding": "--encoding", "delimiter": "--delimiter", "stratify": "--stratify",
    "near_duplicate": "--near-duplicate", "keep": "--keep", "conflicts": "--conflicts", "tie_outputs": "--tie-outputs",
    "fix": "--fix",
}  # fmt: skip


def commands(run: Run) -> list[str]:
    """The commands in order; [] if run.json does not record how the run was started.

    File names appear without folders; the hashes identify the files.
    """
    facts, results = run.facts, _results(run)
    command = str(facts.get("command") or (results.get("provenance") or {}).get("command") or "")
    version = mapping(facts.get("versions")).get("tuneworth")
    lines = [*_stages(run, facts, results, command)]
    if not lines:
        return []
    extra = "[train]" if _sources(results) & set(LOCAL) or results.get("training") else ""
    source = f"a clone of Tuneworth {version}" if version else "a clone of Tuneworth"
    return [f"pip install {quote('.' + extra)}  # in {source}", *lines]


def where(run: Run) -> str:
    """Where to run the commands, and which files they need."""
    lines = commands(run)
    if not lines:
        return ""
    if " --style style.yaml" in lines[-1] and not _input(run.facts, "style"):
        return "In a folder that contains the files above and the style schema as style.yaml:"
    if run.facts.get("config") and " --out again" not in lines[-1]:
        return "In the folder that contains the project, with tuneworth.toml, style and data unchanged:"
    return "In a folder that contains the files above and, if the commands name one, the project:"


def _stages(run: Run, facts: Mapping[str, Any], results: Mapping[str, Any], command: str) -> list[str]:
    seed = f" --seed {facts['seed']}" if isinstance(facts.get("seed"), int) else ""
    project = quote(_file_name(facts.get("project") or "project"))
    if command.startswith("tuneworth evaluate --pairs"):
        return [_evaluate_files(facts, results, project) + seed]
    if command == "tuneworth curate" and not results:
        return [(_curate_file(run, facts) or f"tuneworth curate {project}") + seed]
    if command == "tuneworth curate":  # the stages were run one by one
        stages = ("curate", "train", "evaluate") if results.get("training") else ("curate", "evaluate")
        return [f"tuneworth {stage} {project}{seed}" for stage in stages]
    return [f"tuneworth run {project}{seed}"] if command in ("tuneworth run", "tuneworth demo") else []


def _evaluate_files(facts: Mapping[str, Any], results: Mapping[str, Any], project: str) -> str:
    """The `tuneworth evaluate` command for collected outputs, with every file that it read."""
    variants = mapping(results.get("variants"))
    # Repaired variants name the file of their origin.
    files = {name: mapping(how).get("file") for name, how in variants.items() if mapping(how).get("way") != "repair"}
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
    # Runs of earlier versions recorded no options, but compared what was stated.
    stated = mapping(facts["judged"] if "judged" in facts else results.get("comparison"))
    words += [f"--{role} {quote(str(stated[role]))}" for role in ("baseline", "candidate") if stated.get(role)]
    words += [f"--repair {quote(f'{name}={how}')}" for name, how in mapping(stated.get("repair")).items()]
    return " ".join([*words, "--out again"])


def _input(facts: Mapping[str, Any], role: str) -> str | None:
    """The input file with this role; None if an older version did not record it."""
    return next((str(entry["path"]) for entry in facts.get("inputs") or [] if entry.get("role") == role), None)


def _curate_file(run: Run, facts: Mapping[str, Any]) -> str:
    """The `tuneworth curate FILE` command with its options; empty if a project was curated."""
    config = mapping(facts.get("config"))
    data, rules = mapping(config.get("data")), mapping(config.get("curate"))
    if (
        "mask" not in rules
        or not data.get("path")
        or set(config) - {"data", "curate"}
        or home_of(run.path).parent.name == "runs"
    ):
        return ""
    words = [f"tuneworth curate {quote(_file_name(data['path']))}"]
    style = mapping(run.summary.get("style")) if isinstance(run, StoredCuration) else {}
    if style.get("checks"):
        words.append(f"--style {quote(_file_name(_input(facts, 'style') or 'style.yaml'))}")
    for key, option in _OPTIONS.items():
        value = data.get(key, rules.get(key))
        values = value if isinstance(value, list) else [] if value is None else [value]
        words += [f"{option} {quote(str(item).lower() if isinstance(item, bool) else str(item))}" for item in values]
    if rules["mask"]:
        words.append("--mask")
    if isinstance(run, StoredCuration) and any("splits.jsonl" in note for note in run.summary.get("split_notes") or []):
        words.append("--splits splits.jsonl")  # the run's own: rows kept the splits of an earlier curation
    return " ".join([*words, "--out again"])


def what_repeats(run: Run) -> list[str]:
    """What a repeated run reproduces exactly and what may differ."""
    results = _results(run)
    same = "The same files, version and seed give the same rows, splits and certificate, regardless of row order."
    if not results:
        return [f"{same} Only times vary."]
    scores = (
        "The same outputs give exactly the same scores, ranges, money and verdict. All outputs are in "
        "evaluate/outputs.jsonl."
    )
    sources = _sources(results)
    lines = [same] if results.get("data") else []
    if sources & set(LOCAL):
        threads = mapping(results.get("training")).get("threads")
        at = f" with {threads} threads" if isinstance(threads, int) else ""
        lines.append(
            f"Training and generation are bit-for-bit reproducible on the same processor{at}. Another processor or a GPU "
            "rounds differently, so individual outputs, and therefore the shares, may differ slightly."
        )
    if "endpoint" in sources:
        lines.append("An endpoint may answer differently on another day, even with the same settings.")
    return [*lines, scores, "Times and memory use vary between runs."]


def _sources(results: Mapping[str, Any]) -> set[str]:
    return {str(mapping(how).get("source")) for how in mapping(results.get("variants")).values()}


def _results(run: Run) -> Mapping[str, Any]:
    return run.results if isinstance(run, StoredRun) else {}


def _file_name(path: Any) -> str:
    """The last part of a path from any system, written so that it is never parsed as an option."""
    name = Path(without_folders(str(path)).replace("\\", "/")).name or "project"
    return f"./{name}" if name.startswith("-") else name
