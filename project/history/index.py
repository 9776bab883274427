"""Lists the runs of a project: their results, what changed since the run before, and their size on disk."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, overload

from ...core import DataError, check_digests, check_whole, is_run, printable
from ...reports import RunEntry, RunSide, by_time, entry_of, runs_html, runs_text, with_changes
from ..project import find_project
from ..run import At
from .cache import read_cache, write_cache
from .folders import SOURCES, RunFolder, run_folders
from .select import parse_filter, parse_sort

__all__ = ["Runs", "list_runs", "read_runs"]


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
    folders, known = run_folders(runs), read_cache(runs)
    fields, fresh = {}, {}
    for folder in folders:
        cached = known.get(folder.name)
        if cached is not None and cached["key"] == folder.key:
            fields[folder.name], fresh[folder.name] = cached["fields"], cached
        else:
            fields[folder.name], damage = _read(folder)
            if not damage:
                fresh[folder.name] = {"key": folder.key, "fields": fields[folder.name]}
    if fresh != known:
        write_cache(runs, fresh)
    entries = [_entry(folder, fields[folder.name]) for folder in folders]
    return list(with_changes(sorted(entries, key=by_time)))[::-1]


def _read(folder: RunFolder) -> tuple[dict[str, Any], str]:
    """The fields of a run as plain data, and what is damaged, if anything."""
    try:
        facts, results, summary = [_source(folder, name) for name in SOURCES]
        fields, damage = entry_of(folder.name, facts, results, summary)
        if not damage:
            check_whole(folder.path)
    except (DataError, RecursionError) as error:
        fields = {"name": folder.name}
        damage = str(error) if isinstance(error, DataError) else "it is nested too deeply"
    sides = {key: asdict(side) for key, side in fields.items() if isinstance(side, RunSide)}
    return {**fields, **sides, "damage": damage}, damage


def _source(folder: RunFolder, name: str) -> Any:
    """The content of a file of the run; None if there is no such file.

    Raises: DataError if it cannot be read, or run.json is missing.
    """
    if name not in folder.stamps:
        if name != SOURCES[0]:
            return None
        raise DataError("it has no run.json")
    try:
        return _parsed((folder.path / name).read_bytes())
    except OSError as error:
        raise DataError(f"{name} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise DataError(f"{name} is damaged ({error})") from None


def _parsed(content: bytes) -> Any:
    """Parsed JSON, by a parser that is twice as fast as Python's, which parses what the other refuses (lone surrogates)."""
    from pydantic_core import from_json

    try:
        return from_json(content)
    except ValueError:
        return json.loads(content)


def _entry(folder: RunFolder, fields: dict[str, Any]) -> RunEntry:
    sides = {key: RunSide(**fields[key]) for key in ("baseline", "candidate") if fields.get(key)}
    return RunEntry(
        **{**fields, **sides, "damage": fields["damage"] or folder.unreadable},
        stage=folder.stage, disk_bytes=folder.disk_bytes, report="report.html" in folder.stamps, link=folder.link,
    )  # fmt: skip
