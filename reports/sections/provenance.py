"""What a run was made of, and which files hold it."""

from collections.abc import Mapping
from typing import Any

from ...core import unbroken as say
from ...curate import table_name
from ..curated import StoredCuration
from ..folders import without_folders
from ..stored import StoredRun
from .again import commands, what_repeats, where
from .method_entry import number

__all__ = ["commands", "facts", "files", "fingerprints", "lead", "reuse_warning", "software", "what_repeats"]
__all__ += ["where"]

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


def lead(origin: Mapping[str, Any] | None) -> str:
    """With what the run was made, in what time, and how fresh its test set was."""
    origin = origin or {}
    version, seed = _mapping(origin.get("versions")).get("tuneworth"), origin.get("seed")
    seconds = [value for value in _mapping(origin.get("seconds")).values() if number(value)]
    made = "Made with Tuneworth" + (f" {version}" if version else "")
    made += f" and seed {seed}" if seed is not None else ""
    made += f" in {say.duration(sum(seconds))}" if seconds else ""
    used = origin.get("test_set_used")
    if not number(used):
        return f"{made}."
    again = f"{made}, on a test set used for the {_nth(int(used))} time"
    return f"{again}: trust its result less." if used > MANY_USES else f"{again}."


def reuse_warning(origin: Mapping[str, Any] | None) -> str:
    """A plain warning where a test set was used often; empty otherwise."""
    used = (origin or {}).get("test_set_used")
    if not number(used) or used <= MANY_USES:
        return ""
    return (
        f"This test set has been used {say.count(used)} times. Whoever looks at a result and then changes something fits the "
        "change to this very test, so the result looks better than it is. A fresh set of requests settles it."
    )


def facts(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of seed, uses of the test set, hardware and times."""
    found = [("Seed", origin.get("seed")), ("Uses of this test set", _uses(origin.get("test_set_used")))]
    for name, value in _mapping(origin.get("hardware")).items():
        label = str(name).replace("_bytes", "").replace("_", " ").capitalize()
        found.append((label, say.size(value) if str(name).endswith("_bytes") else value))
    for stage, seconds in _mapping(origin.get("seconds")).items():
        found.append((f"Time for {stage}", say.duration(seconds) if number(seconds) else None))
    model = _mapping(origin.get("model"))
    found += [
        ("Base model", model.get("name")), ("Its licence", model.get("licence")), ("Its number format", model.get("dtype"))
    ]  # fmt: skip
    return [(label, without_folders(str(value))) for label, value in found if value is not None]


def software(origin: Mapping[str, Any]) -> str:
    """The versions in one line."""
    versions = _mapping(origin.get("versions")).items()
    return ", ".join(f"{name}{say.gap}{version}" for name, version in versions)


def fingerprints(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(file, SHA-256) of each input and of the base model's weights; names without folders."""
    inputs = [entry for entry in origin.get("inputs") or [] if isinstance(entry, Mapping)]
    rows = [(without_folders(str(entry.get("path"))), str(entry.get("sha256"))) for entry in inputs]
    model = _mapping(origin.get("model"))
    if model.get("sha256"):
        rows.append((f"weights of {without_folders(str(model.get('name')))}", str(model["sha256"])))
    return rows


def files(run: StoredRun | StoredCuration) -> list[tuple[str, str]]:
    """(name, what it holds) of each file beside the page."""
    found = ((name if name in ALWAYS else table_name(run.path, name), words) for name, words in FILES.items())
    return [(name, words) for name, words in found if name is not None]


def _uses(used: Any) -> str | None:
    return f"{say.count(used)}, counted over the runs beside this one" if number(used) else None


def _nth(n: int) -> str:
    words = {1: "first", 2: "second", 3: "third"}
    return words.get(n) or f"{n:,}{'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
