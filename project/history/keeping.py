"""The reasons to keep a run when old runs are pruned."""

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ...core import is_locked
from ...reports import RunEntry
from .folders import RunFolder, run_folders

_HOUR = 3600
# Folders that others rely on, or whose content cannot be recreated.
_PARTS = {
    "watch": "it is being watched (watch/)",
    "served": "its server was checked against it (served/)",
    "export": "it was exported for serving (export/)",
    "judgements": "people judged its outputs (judgements/)",
}
_GENERATED = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
_WORDS = re.compile(r"[\w-]+")
# Types of files that may name a run on purpose, unlike logs and data.
_KINDS = {
    ".toml", ".yaml", ".yml", ".json", ".md", ".rst", ".txt", ".py", ".sh", ".ps1", ".bat", ".ipynb", ".cfg", ".ini",
    ".env", ".html", ".tf", ".service", ".mk", "",
}  # fmt: skip
_LARGEST = 2_000_000  # bytes; a larger file is data
_SKIPPED = {"node_modules", "__pycache__", "venv", "site-packages"}
_SHOWN = {".github", ".gitlab", ".circleci", ".woodpecker"}  # hidden folders with CI workflows
# Lists of runs that Tuneworth wrote name all runs and depend on none.
_OURS = (b'<meta name="generator" content="Tuneworth">', b'"schema": "tuneworth/')


def reasons_to_keep(project: Path, entries: Sequence[RunEntry], keep: int) -> dict[str, str]:
    """The reason to keep a run, by name; runs without one may be removed. `entries` are all runs, the newest first."""
    if not entries:
        return {}
    folders = {folder.name: folder for folder in run_folders(project / "runs")}
    why: dict[str, str] = {}
    for entry in entries:
        if reason := _own_reason(entry, folders.get(entry.name)):
            why[entry.name] = reason
    good = [entry.name for entry in entries if not entry.damage and not entry.link]
    for name in good[:keep]:
        why.setdefault(name, "the newest run" if keep == 1 else f"one of the newest {keep}")
    for name in [entry.name for entry in entries if entry.decision and not entry.damage][:1]:
        why.setdefault(name, "the newest run with a verdict")
    for name in sorted(good)[-1:]:
        why.setdefault(name, "the last by name, which commands use without --run")
    for name, file in _named_by(project, [entry.name for entry in entries]):
        why.setdefault(name, f"{file} names it")
    _add_used(project / "runs", [entry.name for entry in entries], why)
    return why


def _own_reason(entry: RunEntry, folder: RunFolder | None) -> str | None:
    """The reason to keep a run that lies in the run itself."""
    if entry.link:
        return f"it is a link to {entry.link}; remove the link yourself"
    if entry.damage:
        return f"damaged ({entry.damage}); delete it yourself if nothing in it is needed"
    if folder is None:
        return "it is being changed"
    if any(is_locked(lock) for lock in folder.locks):
        return "a command is working on it"
    if entry.stage != "evaluated" and time.time() - folder.changed < _HOUR:
        return "unfinished, and changed within the last hour"
    if (folder.path / "train" / "hosted" / "job.json").is_file():
        return "its model was trained at a provider, and the job is recorded here (train/hosted/)"
    parts = folder.parts | ({"judgements"} if (folder.path / "evaluate" / "judgements").is_dir() else set())
    return next((reason for part, reason in _PARTS.items() if part in parts), None)


# --- references to runs -------------------------------------------------------------------------------------------


def _named_by(project: Path, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(run, file) for each run that a file or link of the project refers to."""
    home = (project / "runs").resolve()
    for path in _project_files(project):
        shown = os.path.relpath(path, project)
        if path.is_symlink():
            target = Path(os.path.realpath(path))  # unlike Path.resolve, it accepts links that lead to themselves
            if target.is_relative_to(home) and target != home:
                yield target.relative_to(home).parts[0], f"the link {shown}"
        elif (text := _text_of(path)) is not None:
            yield from ((name, shown) for name in _names_in(text, names))


def _project_files(project: Path) -> Iterator[Path]:
    """The files and links of the project outside its runs, and those in the repository's root and CI folders."""
    yield from _walk(project, skip=project / "runs")
    yield from ((project / "runs") / entry.name for entry in os.scandir(project / "runs") if entry.is_symlink())
    root = next((at for at in project.resolve().parents if (at / ".git").exists()), None)
    if root is not None:
        yield from (path for path in root.iterdir() if path.is_file())
        for name in _SHOWN:
            yield from _walk(root / name)


def _walk(folder: Path, skip: Path | None = None) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        at = Path(place)
        folders[:] = [
            name
            for name in folders
            if at / name != skip and name not in _SKIPPED and (not name.startswith(".") or name in _SHOWN)
        ]
        yield from (at / name for name in folders if (at / name).is_symlink())
        yield from (at / name for name in files)


def _text_of(path: Path) -> str | None:
    """The text of a file that may name a run; None for any other file."""
    try:
        if path.suffix.lower() not in _KINDS or not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return None if any(mark in content[:4096] for mark in _OURS) else content.decode("utf-8", errors="ignore")


def _names_in(text: str, names: Iterable[str]) -> Iterator[str]:
    """The runs that the text names; a name chosen by a person counts only where it clearly refers to a run."""
    words = set(_WORDS.findall(text))
    for name in names:
        if _GENERATED.fullmatch(name):
            if name in words:
                yield name
        elif re.search(rf"(?:runs[/\\]|--run[ =])['\"]?{re.escape(name)}(?![\w.-])", text):
            yield name


def _add_used(runs: Path, names: Sequence[str], why: dict[str, str]) -> None:
    """Add the runs whose files are used, directly or indirectly, by runs that are kept."""
    waiting = list(why)
    while waiting:
        user = waiting.pop()
        text = _text_of(runs / user / "run.json") or ""
        for name in _names_in(text, names):
            if name not in why:
                why[name] = f"the run {user} uses it"
                waiting.append(name)
