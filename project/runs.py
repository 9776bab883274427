"""Run folders: `runs/NAME` holds everything behind one result, with a record in `run.json`."""

import hashlib
import json
import os
import platform
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ..core import (
    RUN_LOCK,
    ConfigError,
    Console,
    DataError,
    as_json,
    changing,
    check_whole,
    completed,
    damage,
    disk_refusals,
    from_json,
    home_of,
    is_run,
    is_vacant,
    machine_memory,
    nearest,
    new_id,
    processor_name,
    quote,
    read_regular,
    read_stored,
    sha256_file,
    write_whole,
)
from ..evaluate.results import InputFile, Provenance
from .project import PROJECT_FILE, Project

_PACKAGES = ("tuneworth", "polars", "numpy", "scipy", "torch", "transformers", "peft", "genai-prices")


def new_run(project: Project) -> Path:
    """The folder of a new run, named by time and a short hash; nothing is written yet."""
    # The newest run is the last by name, so no two runs may start in the same second.
    while any(project.runs.glob(f"{(stamp := f'{datetime.now():%Y%m%d-%H%M%S}')}-*")):
        time.sleep(0.1)
    return project.runs / f"{stamp}-{secrets.token_hex(2)}"


def start_run(run: Path, talk: Console, *, config: Mapping[str, Any], command: str, name: str, **more: Any) -> None:
    """Write the first `run.json` of a run, with `more` facts."""
    facts = {
        "id": new_id(),
        "project": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "seed": talk.seed,
        "seed_stated": talk.seed_given,
        "config": config,
        "versions": {"python": platform.python_version(), **_versions()},
        "hardware": _hardware(),
        "inputs": [],
        "seconds": {},
        **more,
    }
    with disk_refusals(run):
        write_whole(run / "run.json", json.dumps(facts, ensure_ascii=False, indent=2))


def check_place(folder: Path) -> None:
    """Raises: ConfigError if a run cannot be written there, as something else is."""
    if not folder.exists() or is_run(folder) or (folder / RUN_LOCK).exists():  # or a command was stopped there
        return
    if not folder.is_dir() or not is_vacant(folder):
        raise ConfigError(f"{folder} already exists and is not a run of Tuneworth; pass another folder")


def find_run(project: Project, name: str | None) -> Path:
    """The run called `name`, or the newest one.

    Raises: ConfigError if there is none; DataError if the newest one lost its run.json.
    """
    runs = sorted(path.name for path in project.runs.glob("*") if is_run(path))
    if name is None:
        _check_newest(project.runs, runs)
        if not runs:
            raise ConfigError(f"no run in {project.runs}\nRun `tuneworth curate {quote(str(project.folder))}` first.")
        return project.runs / runs[-1]
    if name not in runs:
        raise ConfigError(f'no run "{name}" in {project.runs}; {nearest(name, runs) if runs else "there is none yet"}')
    return project.runs / name


def _check_newest(folder: Path, runs: Sequence[str]) -> None:
    """Raises: DataError if a newer folder than these runs holds results but no run.json: it is not to be passed over."""
    for path in sorted(folder.glob("[!.]*"), reverse=True):
        if path.name in runs:
            return
        if any((path / name).exists() for name in ("curate", "train", "evaluate", "results.json")):
            raise damage(path / "run.json", "run.json", "the file is missing")


def run_folder(path: Path, parts: tuple[str, ...] = ("",)) -> Path:
    """The run folder at a path: itself, or the newest run of the project there.

    Raises: DataError if it is neither, or one of its `parts` is not whole.
    """
    if is_run(path):
        check_whole(path, parts)
        return path
    runs = sorted(p for p in (path / "runs").glob("*") if is_run(p)) if (path / PROJECT_FILE).is_file() else []
    if (path / PROJECT_FILE).is_file():
        _check_newest(path / "runs", [run.name for run in runs])
    if not runs and (path / PROJECT_FILE).is_file():
        raise DataError(f"{path} has no run yet\nCreate one: tuneworth curate {quote(str(path))}")
    if not runs:
        raise DataError(f"{path} is neither a run (a folder with run.json) nor a project with a run")
    check_whole(runs[-1], parts)
    return runs[-1]


def read_run(run: Path) -> dict[str, Any]:
    """The content of `run.json`.

    Raises: DataError if there is none, or it is damaged.
    """
    file = run / "run.json"
    if not file.exists():
        raise damage(file, file.name, "the file is missing")
    return read_stored(file, file.name)


def update_run(
    run: Path, *, seconds: Mapping[str, float] | None = None, inputs: Iterable[tuple[str, Path]] = (), **facts: Any
) -> None:
    """Add facts to `run.json`: seconds per stage, the fingerprint of each input, any other named facts.

    `inputs` are (role, file): pairs, style, guide, project, outputs of NAME. A path inside the run's project is relative to
    it; of other paths only the name is stored, as a run may be shared.
    """
    with changing(run) as stage, disk_refusals(run):
        content = read_run(stage)
        content["seconds"] = content.get("seconds", {}) | {
            name: round(value, 2) for name, value in (seconds or {}).items()
        }
        content["inputs"] = with_inputs(content.get("inputs", []), run, inputs)
        write_whole(stage / "run.json", json.dumps({**content, **facts}, ensure_ascii=False, indent=2))


def provenance_of(facts: Mapping[str, Any]) -> Provenance:
    """What results say of where they come from, from `run.json`."""
    return from_json(completed({key: facts.get(key) for key in Provenance.__struct_fields__}, Provenance), Provenance)


def with_inputs(
    known: Sequence[Mapping[str, Any]], run: Path, inputs: Iterable[tuple[str, Path]]
) -> list[dict[str, Any]]:
    """The `inputs` of run.json, updated with the current fingerprints of these files."""
    entries = {(entry.get("role"), entry["path"]): dict(entry) for entry in known}
    for role, path in inputs:
        label = _label(path, run)
        entries.pop((None, label), None)  # written by a version without roles
        entries[role, label] = {"path": label, "role": role, "sha256": _fingerprint(path)}
    return list(entries.values())


def with_files(provenance: Provenance, run: Path, files: Iterable[tuple[str, Path]]) -> Provenance:
    """The provenance with the current fingerprints of these inputs, as (role, file)."""
    inputs = with_inputs(as_json(provenance.inputs or ()), run, files)
    return replace(provenance, inputs=from_json(inputs, list[InputFile]))


def _label(path: Path, run: Path) -> str:
    run = home_of(run.resolve())
    project = run.parent.parent
    if run.parent.name == "runs" and path.resolve().is_relative_to(project):
        return path.resolve().relative_to(project).as_posix()
    return path.name


def from_run(run: Path, path: Path) -> str:
    """The path relative to the run's folder, so that both can be moved together."""
    try:
        return Path(os.path.relpath(path.resolve(), home_of(run.resolve()))).as_posix()
    except ValueError:  # on another drive
        return path.resolve().as_posix()


def to_path(run: Path, stored: str) -> Path:
    """The path that `from_run` stored."""
    return Path(os.path.normpath(home_of(run.resolve()) / stored))


def _fingerprint(path: Path) -> str:
    """The SHA-256 of a file; for a folder, such as a saved dataset, of the names and fingerprints of its files."""
    if not path.is_dir():
        return sha256_file(path)
    # Sorted by parts as text, since paths themselves compare without case on Windows.
    files = {file.relative_to(path): file for file in path.rglob("*") if file.is_file()}
    lines = [f"{name.as_posix()} {sha256_file(files[name])}\n" for name in sorted(files, key=lambda name: name.parts)]
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def test_set_uses(run: Path, ids: list[str]) -> tuple[str, int]:
    """The fingerprint of a test set, and the number of runs in the same folder that used it, including this one.

    Runs that were pruned count too.
    """
    run = home_of(run)
    fingerprint = hashlib.sha256("\n".join(sorted(ids)).encode(errors="surrogatepass")).hexdigest()[:16]
    others = [read_run(path.parent) for path in run.parent.glob("*/run.json") if path.parent != run]
    others += [record for record in pruned_runs(run.parent) if not (run.parent / str(record.get("name"))).exists()]
    return fingerprint, 1 + sum(other.get("test_set") == fingerprint for other in others)


PRUNED = "pruned.jsonl"  # next to the runs: the removed runs, with the test sets that they used


def pruned_runs(folder: Path) -> list[dict[str, Any]]:
    """The records of runs that were removed from a folder of runs; damaged lines are skipped."""
    try:
        lines = read_regular(folder / PRUNED).splitlines()
    except (OSError, DataError):
        return []
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _hardware() -> dict[str, Any]:
    """The processor, cores and memory that the system reports."""
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "memory_bytes": machine_memory(),
        "system": platform.platform(terse=True),
    }


class Stopwatch:
    """Measures the time since its creation."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def seconds(self) -> float:
        """The seconds since the start."""
        return time.perf_counter() - self._start


JUDGEMENTS = "judgements"  # a run's folder for the live judgements made in `tuneworth review`
OVERRIDES, SPLITS = "overrides.jsonl", "splits.jsonl"


@dataclass(frozen=True)
class ProjectFiles:
    """The files with the decisions to replay and with the split assignments; None if there is no such file."""

    overrides: Path | None = None
    splits: Path | None = None

    @classmethod
    def of_project(cls, folder: Path) -> "ProjectFiles":
        """The files next to a project file."""
        return cls(folder / OVERRIDES, folder / SPLITS)


def decisions_file(run: Path) -> Path:
    """The file of decisions that a run replays: its project's, the one named by `--overrides`, or that in its folder."""
    run = home_of(run)
    project = run.resolve().parent.parent
    if (project / PROJECT_FILE).is_file():
        return project / OVERRIDES
    stated = (read_run(run).get("curated") or {}).get("overrides") if (run / "run.json").is_file() else None
    stated = stated and to_path(run, stated)
    own = run / OVERRIDES  # not resolved, so that messages show a short path
    return stated if stated and stated.parent.is_dir() and stated.resolve() != own.resolve() else own
