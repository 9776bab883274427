"""Lists the runs of a project: their results, what changed since the run before, and their size on disk."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, overload

import msgspec

from ...core import DataError, Record, check_digests, check_whole, from_json, is_run, printable, write_whole
from ...reports import (
    ListedCuration,
    ListedFacts,
    ListedResults,
    RunEntry,
    RunSide,
    by_time,
    runs_html,
    runs_text,
    with_changes,
    with_curation,
    with_facts,
    with_results,
)
from ..project import find_project
from ..run import At
from .folders import RESULTS, RUN, SUMMARY, RunFolder, run_folders
from .select import parse_filter, parse_sort

CACHE = ".index.json"  # in the folder of the runs
# Another version may read different facts from the same files.
_VERSION = [metadata.version("tuneworth"), *(field.name for kind in (RunEntry, RunSide) for field in fields(kind))]
Read = TypeVar("Read", bound=Record)


@dataclass(frozen=True, repr=False)
class Runs(Sequence[RunEntry]):
    """The runs of a project, the newest first unless sorted; prints as a table.

    `hidden` is the number of runs that a filter left out.
    """

    project: str
    folder: Path
    entries: tuple[RunEntry, ...]
    hidden: int = 0

    @overload
    def __getitem__(self, index: int) -> RunEntry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RunEntry]: ...
    def __getitem__(self, index: int | slice) -> RunEntry | Sequence[RunEntry]:
        return self.entries[index]

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def disk_bytes(self) -> int:
        """The bytes of all runs in the list."""
        return sum(entry.disk_bytes for entry in self.entries)

    def to_json(self) -> dict[str, Any]:
        """The list as `tuneworth runs --json` prints it."""
        return {
            "schema": "tuneworth/runs/1",
            "project": self.project,
            "runs": [asdict(entry) for entry in self.entries],
            "hidden": self.hidden,
            "disk_bytes": self.disk_bytes,
        }

    def __repr__(self) -> str:
        return printable(runs_text(self.entries, hidden=self.hidden))

    def _repr_html_(self) -> str:
        return runs_html(self.entries, hidden=self.hidden)


def list_runs(project: At = None, *, filters: Iterable[str] = (), sort: str | None = None) -> Runs:
    """The runs of a project, by default of the current folder, the newest first.

    `filters` are conditions such as `verdict=fine-tune` or `candidate>=0.8`, all of which must hold; `sort` is a key, with
    `-` in front for descending order. A damaged run is listed with the reason.

    Raises: ConfigError if there is no project, or a filter or key is wrong; DataError if the runs cannot be read.
    """
    fits, order = [parse_filter(text) for text in filters], parse_sort(sort)
    folder = find_project(None if project is None else Path(project))
    found = read_runs(folder / "runs")
    kept = [entry for entry in found if all(fit(entry) for fit in fits)]
    return Runs(folder.resolve().name, folder / "runs", tuple(order(kept)), len(found) - len(kept))


def verify_runs(project: At = None) -> dict[str, str]:
    """What is wrong with each run of a project, or with one run, after reading every file that its manifest lists.

    By the name of the run; empty for one that is as it was written. Raises: as `list_runs`.
    """
    one, found = Path(project or "."), {}
    runs = [one] if is_run(one) else [run.path for run in run_folders(find_project(one) / "runs")]
    for run in runs:
        try:
            check_digests(run)
            found[run.name] = ""
        except DataError as error:
            found[run.name] = str(error)
    return found


def read_runs(runs: Path) -> list[RunEntry]:
    """An entry for each run folder, the newest first; only files that changed since the last listing are read."""
    known, fresh, entries = _read_cache(runs), dict[str, _Known](), []
    for folder in run_folders(runs):
        key = [folder.stamps.get(name) for name in (RUN, RESULTS, SUMMARY)]
        cached = known.get(folder.name)
        entry = cached.entry if cached is not None and cached.key == key else _entry(folder)
        if not entry.damage:
            fresh[folder.name] = _Known(key, entry)
        # What its other files say, which change without these.
        entry = replace(
            entry, stage=folder.stage, disk_bytes=folder.disk_bytes, report="report.html" in folder.stamps,
            link=folder.link, damage=entry.damage or folder.unreadable,
        )  # fmt: skip
        entries.append(entry)
    if fresh != known:
        _write_cache(runs, fresh)
    return list(with_changes(sorted(entries, key=by_time)))[::-1]


def _entry(folder: RunFolder) -> RunEntry:
    """What a run's files say; what is damaged, if anything, is in the entry too."""
    entry = RunEntry(folder.name)
    try:
        if RUN not in folder.stamps:
            raise DataError("it has no run.json")
        entry = with_facts(entry, _read(folder, RUN, ListedFacts))
        if SUMMARY in folder.stamps:
            entry = with_curation(entry, _read(folder, SUMMARY, ListedCuration))
        if RESULTS in folder.stamps:
            entry = with_results(entry, _read(folder, RESULTS, ListedResults))
        check_whole(folder.path)
    except DataError as error:
        return replace(entry, damage=str(error))
    except RecursionError:
        return replace(entry, damage="it is nested too deeply")
    return entry


def _read(folder: RunFolder, name: str, kind: type[Read]) -> Read:
    """What a list reads of a file of the run. Raises: DataError if the file is damaged."""
    try:
        content = (folder.path / name).read_bytes()
    except OSError as error:
        raise DataError(f"{name} cannot be read ({error.strerror})") from None
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError:  # of values that only Python's parser accepts, such as a lone surrogate, or damaged
        try:
            value = json.loads(content)
        except ValueError as error:
            raise DataError(f"{name} is damaged ({error})") from None
    try:
        return from_json(value, kind)
    except ValueError as error:
        raise DataError(f"{name}: {error}") from None


# --- a cache of the entries, which may be deleted at any time -----------------------------------------------------


@dataclass(frozen=True)
class _Known:
    """The entry of a run, valid while size and modification time of the files that it was read from are the same."""

    key: list[tuple[int, int] | None]
    entry: RunEntry


def _read_cache(runs: Path) -> dict[str, _Known]:
    """The cached entries by run; none if the file is missing, damaged or from another version."""
    try:
        first, _, rest = (runs / CACHE).read_bytes().partition(b"\n")
        if first.decode("ascii") != hashlib.sha256(rest).hexdigest():
            return {}
        version, known = msgspec.json.decode(rest, type=tuple[list[str], dict[str, _Known]])
    except (OSError, ValueError, msgspec.MsgspecError):
        return {}
    return known if version == _VERSION else {}


def _write_cache(runs: Path, known: Mapping[str, _Known]) -> None:
    """Write the cache with its SHA-256 before it; if that fails, the next listing reads the runs again."""
    try:
        rest = msgspec.json.encode((_VERSION, known))
        write_whole(runs / CACHE, hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
    except (DataError, OSError, ValueError):
        return
