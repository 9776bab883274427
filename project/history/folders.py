"""The run folders of a project on disk: their files, sizes and locks, without reading any of them."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...core import RUN_LOCK, DataError, is_run, is_vacant

RUN, RESULTS, SUMMARY = "run.json", "results.json", "curate/summary.json"  # the files that a listing reads
_NOTED = (RUN, RESULTS, SUMMARY, "report.html", "train/summary.json")


@dataclass
class RunFolder:
    """A run folder: the size of its files, and the stamps of those that a listing is about.

    A linked folder has no size of its own. `stamps` are (size, mtime in ns) by path inside the run, of regular files only.
    `changed` is the modification time of the newest file, in seconds since 1970.
    """

    path: Path
    link: str = ""
    disk_bytes: int = 0
    changed: float = 0.0
    stamps: dict[str, tuple[int, int]] = field(default_factory=dict)
    locks: list[Path] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)  # the non-empty folders at the top
    unreadable: str = ""

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.path.name

    @property
    def stage(self) -> str:
        """The last stage that wrote its result."""
        if RESULTS in self.stamps:
            return "evaluated"
        trained = "train/summary.json" in self.stamps  # written last, here and at a provider
        return "trained" if trained else "curated" if SUMMARY in self.stamps else "started"


def run_folders(runs: Path) -> list[RunFolder]:
    """Every run folder in `runs`, by name; none if there is no such folder.

    Hidden folders without `run.json` are not runs, and a link to another run in `runs` is not counted again.

    Raises: DataError if the folder cannot be read.
    """
    try:
        entries = sorted(os.scandir(runs), key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"{runs} cannot be read ({error.strerror})") from None
    home = runs.resolve()
    folders = [entry for entry in entries if _is_folder(entry)]
    return [
        _measured(Path(entry.path), entry.is_symlink())
        for entry in folders
        if not (entry.is_symlink() and Path(entry.path).resolve().parent == home)
        and (is_run(Path(entry.path)) or not (entry.name.startswith(".") or _is_begun(Path(entry.path))))
    ]


def _is_begun(folder: Path) -> bool:
    """Whether a run is being made there, or a kill ended that before there was one."""
    return (folder / RUN_LOCK).exists() and is_vacant(folder)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _measured(path: Path, linked: bool) -> RunFolder:
    found = RunFolder(path, str(path.resolve()) if linked else "")
    for name, place, state in _files(found, str(path)):
        if not linked:
            found.disk_bytes += state.st_size
        if name in _NOTED and stat.S_ISREG(state.st_mode):
            found.stamps[name] = state.st_size, state.st_mtime_ns
        if name.endswith(".lock"):
            found.locks.append(Path(place))
        else:  # checking a lock changes its file
            found.changed = max(found.changed, state.st_mtime)
        if "/" in name:
            found.parts.add(name.partition("/")[0])
    return found


def _files(found: RunFolder, folder: str) -> Iterator[tuple[str, str, os.stat_result]]:
    """Each file with its path inside the run; links inside a run are followed only for files that a listing is about."""
    waiting = [(folder, "")]
    while waiting:
        place, prefix = waiting.pop()
        try:
            entries = list(os.scandir(place))
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                found.unreadable = found.unreadable or f"{prefix or 'the folder'} cannot be read ({error.strerror})"
            continue
        for entry in entries:
            name = prefix + entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{name}/"))
                else:
                    yield name, entry.path, entry.stat(follow_symlinks=name in _NOTED)
            except OSError:  # a temporary file of a run that is being written, or a link to nothing
                continue
