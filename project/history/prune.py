"""Removes old runs, with a reason for each that is removed or kept; a kill leaves every run either complete or gone."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from ...core import ConfigError, Console, Locked, alone, disk_refusals, write_synced
from ...reports import RunEntry
from ..project import find_project
from ..run import QUIET, At
from ..runs import PRUNED, pruned_runs
from .index import read_runs
from .keeping import reasons_to_keep

# Inside `runs`, so that it is on the same disk and a rename is atomic; commands look for runs one level higher.
BIN = ".pruned"
_LOCK = ".prune.lock"
# Windows refuses to move a folder in which a file is open, even by this process.
_OPEN_STAYS = os.name == "nt"


@dataclass(frozen=True)
class Fate:
    """A run with its size, whether it will be removed, and why."""

    name: str
    goes: bool
    why: str
    disk_bytes: int
    created: str
    verdict: str


@dataclass(frozen=True)
class PrunePlan:
    """What `prune` would do with each run, the newest first; `leftovers` are from a prune that was interrupted."""

    runs: Path
    keep: int
    fates: tuple[Fate, ...]
    leftovers: tuple[str, ...] = ()

    @property
    def going(self) -> tuple[Fate, ...]:
        """The runs to remove."""
        return tuple(fate for fate in self.fates if fate.goes)

    @property
    def staying(self) -> tuple[Fate, ...]:
        """The runs to keep."""
        return tuple(fate for fate in self.fates if not fate.goes)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {"keep": self.keep, "runs": [asdict(fate) for fate in self.fates], "leftovers": list(self.leftovers)}


@dataclass(frozen=True)
class Pruned:
    """The runs that were removed, those that could not be, with the reason, and those `spared` since they are now in use."""

    removed: tuple[str, ...]
    freed_bytes: int
    spared: tuple[Fate, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


def plan_prune(project: At = None, *, keep: int) -> PrunePlan:
    """Which runs of a project to remove if the newest `keep` are kept, with the reason for each run.

    Besides the newest, every run is kept that has the newest verdict, is named by a file of the project or used by another
    kept run, is in use, was exported, served, watched or trained at a provider, holds judgements of people, is damaged, or
    is a link.

    Raises: ConfigError if there is no project, or `keep` is less than 1.
    """
    if keep < 1:
        raise ConfigError(f"--keep: expected at least 1, found {keep}")
    folder = find_project(None if project is None else Path(project))
    entries = read_runs(folder / "runs")
    why = reasons_to_keep(folder, entries, keep)
    fates = tuple(_fate(entry, why.get(entry.name), keep) for entry in entries)
    return PrunePlan(
        folder / "runs", keep, fates, tuple(sorted(path.name for path in (folder / "runs" / BIN).glob("*")))
    )


def _fate(entry: RunEntry, why: str | None, keep: int) -> Fate:
    reason = why or ("older than the newest run" if keep == 1 else f"older than the newest {keep}")
    verdict = entry.label or f"only {entry.stage}"
    return Fate(entry.name, why is None, reason, entry.disk_bytes, entry.created, verdict)


def prune_runs(plan: PrunePlan, *, talk: Console | None = None) -> Pruned:
    """Remove the runs of a plan and what an earlier prune left; runs that have come into use since are spared.

    Each run is first moved away atomically and then deleted, so a kill leaves no partial run; the next prune finishes.
    `pruned.jsonl` records which test set each run used, since these uses still count.

    Raises: Locked if another prune is running; RunBroken if the folder of the runs cannot be written.
    """
    talk = talk or QUIET
    with _alone_in(plan.runs):
        failed = [(name, why) for name in plan.leftovers if (why := _delete(plan.runs / BIN / name))]
        now = {fate.name: fate for fate in plan_prune(plan.runs.parent, keep=plan.keep).fates}
        spared = [now[fate.name] for fate in plan.going if fate.name in now and not now[fate.name].goes]
        going = [fate for fate in plan.going if fate.name in now and now[fate.name].goes]
        _record(plan.runs, going)
        removed, freed = [], 0
        with talk.progress("prune") as advance:
            for number, fate in enumerate(going, start=1):
                if why := _remove(plan.runs, fate.name):
                    failed.append((fate.name, why))
                else:
                    removed.append(fate.name)
                    freed += fate.disk_bytes
                advance(number, len(going), fate.name)
        _sweep(plan.runs / BIN)
    return Pruned(tuple(removed), freed, tuple(spared), tuple(failed))


@contextmanager
def _alone_in(runs: Path) -> Iterator[None]:
    """Prevent two prunes at the same time; a killed one releases its lock."""
    with ExitStack() as held:
        with disk_refusals(runs):
            held.enter_context(alone(runs / _LOCK, busy=f"{runs}: another prune is running.", patience=0))
        yield


def _record(runs: Path, going: Sequence[Fate]) -> None:
    """Record what later evaluations need to know about the runs, before any of them is removed."""
    known = {record.get("name"): record for record in pruned_runs(runs)}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entries = {entry.name: entry for entry in read_runs(runs)}
    for fate in going:
        entry = entries[fate.name]
        known[fate.name] = {
            "name": fate.name, "created": entry.created, "verdict": entry.decision or None,
            "test_set": entry.test_set or None, "pruned": now,
        }  # fmt: skip
    if going:
        with disk_refusals(runs):
            write_synced(runs / PRUNED, "".join(json.dumps(record) + "\n" for record in known.values()))


def _remove(runs: Path, name: str) -> str:
    """Move the run away, then delete it; returns what went wrong, if anything."""
    target = runs / BIN / name
    if target.exists():  # a leftover that could not be deleted
        target = target.with_name(f"{name}.{token_hex(4)}")
    try:
        target.parent.mkdir(exist_ok=True)
        with _held(runs / name):
            if not _OPEN_STAYS:
                (runs / name).rename(target)
        if _OPEN_STAYS:
            (runs / name).rename(target)
    except FileNotFoundError:
        return ""  # already removed
    except OSError as error:
        return f"it cannot be moved ({error.strerror})"
    return _delete(target)


@contextmanager
def _held(run: Path) -> Iterator[None]:
    """Hold the locks of a run, so that no command starts to work on it. Raises: OSError if one is already at work."""
    with ExitStack() as held:
        try:
            for file in sorted(path for path in run.rglob("*.lock") if path.is_file()):
                held.enter_context(alone(file, busy="", patience=0))
        except Locked:
            raise BlockingIOError(0, "a command is working on it") from None
        yield


def _delete(folder: Path) -> str:
    """Delete a folder that was moved away; returns what could not be deleted, if anything."""
    refused: list[str] = []

    def note(_: Any, path: str, found: Any) -> None:
        if not isinstance(found[1], FileNotFoundError):
            refused.append(f"{Path(path).name} cannot be deleted ({getattr(found[1], 'strerror', found[1])})")

    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    else:
        shutil.rmtree(folder, onerror=note)
    if not refused:
        return ""
    return f"{refused[0]}; it was moved to {BIN}/{folder.name}, and the next prune tries again"


def _sweep(folder: Path) -> None:
    """Remove the folder of removed runs if it is empty."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
