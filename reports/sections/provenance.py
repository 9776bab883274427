"""The provenance section: what a run was made from, its files, and the commands that reproduce it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core import Row, completed, from_json, home_of, quote
from ...core import unbroken as say
from ...curate import table_name
from ...evaluate.results import COLLECTED, Provenance, Results
from ..page import Section
from ..stored import StoredCuration, StoredRun
from ..words import date_words, finite, mapping, quoted, without_folders

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


def section(run: StoredRun | StoredCuration) -> Section | None:
    """The section about how a run was made."""
    origin = _origin(run)
    if origin is None:
        return None
    shown = {
        "warning": reuse_warning(origin),
        "verdicts": earlier_verdicts(run.results) if isinstance(run, StoredRun) else [],
        "facts": origin_facts(origin),
        "software": ", ".join(f"{name}{say.gap}{version}" for name, version in origin.versions.items()),
        "fingerprints": fingerprints(origin),
        "commands": commands(run),
        "where": where(run),
        "repeats": what_repeats(run),
        "files": files(run),
    }
    return Section("provenance", "Provenance", lead(origin), "provenance", shown)


def _origin(run: StoredRun | StoredCuration) -> Provenance | None:
    """What the results record of how they were made; of a run that was only curated, what its run.json does."""
    if isinstance(run, StoredRun):
        return run.results.provenance
    keys = ("command", "seed", "hardware", "seconds", "versions", "inputs")
    known = {key: run.facts[key] for key in keys if key in run.facts}
    return from_json(completed(known, Provenance), Provenance) if known else None


def earlier_verdicts(results: Results) -> list[tuple[str, str, str]]:
    """Each earlier verdict of the run: when it was given, its sentence, and the keys that changed after it."""
    return [
        (
            date_words(found.created),
            quoted(found.sentence),
            ", ".join(change.key for change in found.changed) or "nothing stated",
        )
        for found in results.verdicts
    ]


def lead(origin: Provenance) -> str:
    """The version and seed, the time taken, and how often the test set had been used."""
    version, used = origin.versions.get("tuneworth"), origin.test_set_used
    made = "Made with Tuneworth" + (f" {version}" if version else "")
    made += f" and seed {origin.seed}" if origin.seed is not None else ""
    made += f" in {say.duration(sum(origin.seconds.values()))}" if origin.seconds else ""
    if used is None:
        return f"{made}."
    again = f"{made}, on a test set used for the {_nth(used)} time"
    return f"{again}, which makes its result less reliable." if used > MANY_USES else f"{again}."


def reuse_warning(origin: Provenance) -> str:
    """A warning if the test set has been used often; otherwise empty."""
    used = origin.test_set_used
    if used is None or used <= MANY_USES:
        return ""
    return (
        f"This test set has been used {say.count(used)} times. Changes made after looking at its results fit this test set, "
        "so the results look better than they are. Test on new requests to be sure."
    )


def origin_facts(origin: Provenance) -> list[Row]:
    """The known facts: seed, uses of the test set, hardware, times, base model."""
    found = [
        _fact("seed", "Seed", origin.seed),
        Row("test_set_used", "Uses of this test set", origin.test_set_used, note="counted across the runs in the same folder"),
    ]  # fmt: skip
    for name, value in (origin.hardware or {}).items():
        label = name.replace("_bytes", "").replace("_", " ").capitalize()
        found.append(Row(name, label, finite(value), "bytes") if name.endswith("_bytes") else _fact(name, label, value))
    for stage, seconds in (origin.seconds or {}).items():
        found.append(Row(f"seconds.{stage}", f"Time for {stage}", seconds, "seconds"))
    model = origin.model
    if model and not isinstance(model, str):
        found += [
            _fact("model.name", "Base model", model.name),
            _fact("model.licence", "Licence", model.licence),
            _fact("model.dtype", "Number format", model.dtype),
        ]
    return [row for row in found if row.value is not None]


def _fact(key: str, label: str, value: Any) -> Row:
    """A fact that is shown as recorded, without folders."""
    return Row(key, label, None if value is None else without_folders(str(value)))


def fingerprints(origin: Provenance) -> list[tuple[str, str]]:
    """(file, SHA-256) of each input and of the base model's weights, without folders."""
    rows, model = [(without_folders(entry.path), str(entry.sha256)) for entry in origin.inputs or ()], origin.model
    if model and not isinstance(model, str) and model.sha256:
        rows.append((f"weights of {without_folders(model.name)}", model.sha256))
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
    facts, results, origin = run.facts, _results(run), _origin(run)
    command = str(facts.get("command") or (origin.command if origin else None) or "")
    version = mapping(facts.get("versions")).get("tuneworth")
    lines = _stages(run, facts, results, command)
    if not lines:
        return []
    trained = results and (_sources(results) & set(LOCAL) or results.training)
    extra = "[train]" if trained else ""
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


def _stages(run: Run, facts: Mapping[str, Any], results: Results | None, command: str) -> list[str]:
    seed = f" --seed {facts['seed']}" if isinstance(facts.get("seed"), int) else ""
    project = quote(_file_name(facts.get("project") or "project"))
    if results and command.startswith(COLLECTED):
        return [_evaluate_files(facts, results, project) + seed]
    if command == "tuneworth curate" and not results:
        return [(_curate_file(run, facts) or f"tuneworth curate {project}") + seed]
    if command == "tuneworth curate":  # the stages were run one by one
        stages = ("curate", "train", "evaluate") if results and results.training else ("curate", "evaluate")
        return [f"tuneworth {stage} {project}{seed}" for stage in stages]
    return [f"tuneworth run {project}{seed}"] if command in ("tuneworth run", "tuneworth demo") else []


def _evaluate_files(facts: Mapping[str, Any], results: Results, project: str) -> str:
    """The `tuneworth evaluate` command for collected outputs, with every file that it read."""
    # Repaired variants name the file of their origin.
    files = {name: how.file for name, how in results.variants.items() if how.way != "repair"}
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
    if money := _input(facts, "money"):
        words.append(f"--money {quote(_file_name(money))}")
    # Runs of earlier versions recorded no options, but compared what was stated.
    compared = results.comparison
    sides = {"baseline": compared.baseline, "candidate": compared.candidate} if compared else {}
    stated: Mapping[str, Any] = mapping(facts["judged"]) if "judged" in facts else sides
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
    if isinstance(run, StoredCuration) and run.summary.style and run.summary.style.checks:
        words.append(f"--style {quote(_file_name(_input(facts, 'style') or 'style.yaml'))}")
    for key, option in _OPTIONS.items():
        value = data.get(key, rules.get(key))
        values = value if isinstance(value, list) else [] if value is None else [value]
        words += [f"{option} {quote(str(item).lower() if isinstance(item, bool) else str(item))}" for item in values]
    if rules["mask"]:
        words.append("--mask")
    if isinstance(run, StoredCuration) and any("splits.jsonl" in note for note in run.summary.split_notes):
        words.append("--splits splits.jsonl")  # the run's own: rows kept the splits of an earlier curation
    return " ".join([*words, "--out again"])


def what_repeats(run: Run) -> list[str]:
    """What a repeated run reproduces exactly and what may differ."""
    results = _results(run)
    same = "The same files, version and seed give the same rows, splits and certificate, regardless of row order."
    if results is None:
        return [f"{same} Only times vary."]
    scores = (
        "The same outputs give exactly the same scores, ranges, money and verdict. All outputs are in "
        "evaluate/outputs.jsonl."
    )
    sources = _sources(results)
    lines = [same] if results.data else []
    if sources & set(LOCAL):
        threads = results.training.threads if results.training else None
        at = f" with {threads} threads" if threads is not None else ""
        lines.append(
            f"Training and generation are bit-for-bit reproducible on the same processor{at}. Another processor or a GPU "
            "rounds differently, so individual outputs, and therefore the shares, may differ slightly."
        )
    if "endpoint" in sources:
        lines.append("An endpoint may answer differently on another day, even with the same settings.")
    return [*lines, scores, "Times and memory use vary between runs."]


def _sources(results: Results) -> set[str]:
    return {how.source for how in results.variants.values()}


def _results(run: Run) -> Results | None:
    return run.results if isinstance(run, StoredRun) else None


def _file_name(path: Any) -> str:
    """The last part of a path from any system, written so that it is never parsed as an option."""
    name = Path(without_folders(str(path)).replace("\\", "/")).name or "project"
    return f"./{name}" if name.startswith("-") else name
