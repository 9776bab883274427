"""Changes a run as a whole: a reader finds it as it was before a command, or as it is after it.

A command builds the later run in the hidden folder NEXT of the run, where files that stay the same are links. Renaming
NEXT to LATER, once it is on disk, commits the change: from then on its files are moved to their places, and the next
reader of the run completes that after a kill. `manifest.json` is moved last. It lists the files of the run; those that
grow, such as decisions, votes and paid answers, are not listed and stay where they are.
"""

import errno
import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import TypeVar

from ..disk.appending import PATIENCE, Locked, alone
from ..disk.files import (
    NEXT,
    disk_refusals,
    home_of,
    is_vacant,
    read_regular,
    sha256_file,
    sync_folder,
    write_synced,
    write_whole,
)
from ..errors import DataError
from ..machine import sync_file
from .reading import read_stored
from .run_files import brief, damage, kind_of

MANIFEST, RUN_LOCK = "manifest.json", ".run.lock"
LATER = ".later-run"
# What a run of an earlier version, without a manifest, would have listed; also what a stage that is done adds.
_LISTED = (
    "run.json", "results.json", "report.html", "report.md", "junit.xml", "search/*",
    *(f"curate/{name}" for name in ("train*", "validation*", "test*", "set_aside*", "ledger*", "summary.json")),
    *(f"evaluate/{name}.jsonl" for name in ("pairs", "outputs", "probes", "train_outputs")), "evaluate/variants.json",
    *(f"train/{name}.json*" for name in ("summary", "preflight", "dropped", "pair_losses", "learning_curve")),
    "train/trainer_state.json", "train/adapter/*",
)  # fmt: skip
# What people may remove by hand: it can be made again, or the run is worth keeping without it.
_REMOVABLE = ("report.html", "report.md", "junit.xml", "train/adapter/*", "evaluate/outputs.jsonl")
_TRIES = 20  # to read a run that other commands keep replacing
Made = TypeVar("Made")
_held: ContextVar[frozenset[Path]] = ContextVar("_held", default=frozenset())  # the runs locked by this context


@dataclass(frozen=True)
class ListedFile:
    """A file of a run: its bytes, and its SHA-256 as hex digits."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The files of a run by their path in it. `id` is the run's own, `state` changes with every change of the run."""

    id: str
    state: str
    files: Mapping[str, ListedFile]


def is_run(folder: Path) -> bool:
    """Whether a run is there, perhaps one that a kill left to be completed."""
    return (folder / "run.json").is_file() or (folder / LATER).is_dir()


def new_id() -> str:
    """An id for a run, or for its state."""
    return secrets.token_hex(8)


# --- reading --------------------------------------------------------------------------------------------------------


def read_manifest(run: Path) -> Manifest | None:
    """The manifest of a run; None for a run of an earlier version. Raises: DataError if it is damaged."""
    found = read_stored(run / MANIFEST, MANIFEST)
    if not found:
        return None
    for name in found["files"]:  # files are moved and removed by these names
        if PurePath(name).is_absolute() or PurePath(name).drive or ".." in PurePath(name).parts:
            raise damage(run / MANIFEST, MANIFEST, f"{brief(name)} is not a path in the run")
    return Manifest(found["id"], found["state"], {name: ListedFile(**one) for name, one in found["files"].items()})


def check_whole(run: Path, parts: tuple[str, ...] = ("",)) -> Manifest | None:
    """The manifest of a run that has all its files, each with its size; None for a run of an earlier version, or in a change.

    `parts` are the files and folders to check, for commands that make others again. A change that a kill interrupted
    after its commit is completed first.

    Raises: DataError naming a file that is missing, was cut, or belongs to another run.
    """
    return None if NEXT in run.parts else read_unchanged(run, lambda: _checked(run, parts))


def _checked(run: Path, parts: tuple[str, ...]) -> Manifest | None:
    manifest, facts = read_manifest(run), read_stored(run / "run.json", "run.json")
    if facts.get("id") != (None if manifest is None else manifest.id):
        what = "the file is missing" if manifest is None else "it belongs to another run than run.json"
        raise damage(run / MANIFEST, MANIFEST, what)
    for name, listed in () if manifest is None else manifest.files.items():
        size = _size(run / name) if name.startswith(parts) else listed.bytes
        if size is None and not any(fnmatch(name, pattern) for pattern in _REMOVABLE):
            raise _damaged(run, name, "the file is missing")
        if size not in (None, listed.bytes):
            raise _damaged(run, name, f"it has {size:,} bytes instead of {listed.bytes:,}: it was cut or changed")
    return manifest


def check_digests(run: Path) -> None:
    """Raises: as `check_whole`; DataError naming a file whose content is not what was written."""
    manifest = check_whole(run)
    for name, listed in () if manifest is None else manifest.files.items():
        if (run / name).exists() and sha256_file(run / name) != listed.sha256:
            raise _damaged(run, name, "its content is not what was written (its SHA-256 differs)")


def read_unchanged(run: Path, read: Callable[[], Made]) -> Made:
    """What `read` returns about one state of the run; it is called again if the run was replaced meanwhile.

    Raises: as `read`; DataError if the run does not come to rest.
    """
    if NEXT in run.parts:
        return read()
    for _ in range(_TRIES):
        _settle(run)
        before = _stamp(run)
        if before[0]:  # a change was committed in between, and its files are being moved
            continue
        try:
            found = read()
        except (DataError, OSError):
            if before == _stamp(run):
                raise
            continue
        if before == _stamp(run):
            return found
    raise DataError(f"{run} changes faster than it can be read\nWait for the other commands to end, then try again.")


def _settle(run: Path) -> None:
    """Let a committed change be completed first: by the command that made it, or else here."""
    deadline = time.monotonic() + PATIENCE
    while (run / LATER).is_dir():
        try:
            with alone_in_run(run, patience=0.05):
                pass
        except Locked:  # that command may hold the lock for hours after it has completed the change
            if time.monotonic() > deadline:
                raise


def _stamp(run: Path) -> tuple[bool, int, int]:
    """What differs after each change of the run, and while one is being completed."""
    try:
        found = (run / MANIFEST).stat()
    except OSError:
        return (run / LATER).is_dir(), 0, 0
    return (run / LATER).is_dir(), found.st_ino, found.st_mtime_ns


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _damaged(run: Path, name: str, what: str) -> DataError:
    kind = kind_of(name)
    if kind is not None:
        return damage(run / name, kind, what)
    return DataError(f"{run / name}: {what}\nRestore it from a copy, or make the run again.")


# --- changing -------------------------------------------------------------------------------------------------------


@contextmanager
def alone_in_run(run: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """Prevent other commands from changing the run while the block lasts; a block within it need not wait.

    Raises: Locked, which names the process that works there, after `patience` seconds.
    """
    place = run.resolve()
    if place in _held.get():
        yield
        return
    missing = [folder for folder in (run, *run.parents) if not folder.exists()]
    try:
        with alone(run / RUN_LOCK, busy=f"{run}: another command is working in this run.", patience=patience):
            token = _held.set(_held.get() | {place})
            try:
                _complete(run)
                yield
            finally:
                _held.reset(token)
    finally:
        for folder in missing:
            if folder.exists() and is_vacant(folder):
                shutil.rmtree(folder)


@contextmanager
def changing(run: Path, *, afresh: bool = False) -> Iterator[Path]:
    """A folder with the run as it is, whose files replace the run's when the block ends; nothing does if it fails.

    Files may be written and removed there, but not edited in place. With `afresh`, it is empty: the later run has only
    what is written there. Within a block of the same run, it is that block's folder.

    Raises: Locked if another command works in the run; RunBroken for disk errors.
    """
    if NEXT in run.parts:
        yield run
        return
    with ExitStack() as held:
        with disk_refusals(run):
            held.enter_context(alone_in_run(run))
            stage, earlier = run / NEXT, _listed(run)
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir()
        try:
            with disk_refusals(run):
                for name in () if afresh else earlier:
                    link_file(run / name, stage / name)
            yield stage
            with disk_refusals(run):
                _commit(run, earlier)
        except BaseException:
            shutil.rmtree(stage, ignore_errors=True)
            raise
        _complete(run)


def carry(stage: Path, *names: str) -> None:
    """Let these files and folders of the earlier run stay in one that is made afresh."""
    run = home_of(stage)
    for name in _listed(run):
        if name.startswith(names):
            link_file(run / name, stage / name)


def adopt(stage: Path, folder: str) -> None:
    """Make the files that a command wrote in place, in this folder of the run, part of the change."""
    run = home_of(stage)
    for path in (run / folder).rglob("*"):
        name = path.relative_to(run).as_posix()
        if path.is_file() and _is_listed(name):
            link_file(path, stage / name)


def _is_listed(name: str) -> bool:
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and any(fnmatch(name, pattern) for pattern in _LISTED)


def _listed(run: Path) -> Mapping[str, ListedFile | None]:
    """The files of the run as it is, with what its manifest says of each."""
    with suppress(DataError):  # a run with a damaged manifest can be made again
        if (manifest := read_manifest(run)) is not None:
            return manifest.files
    names = [path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()]
    is_trained = (run / "train" / "summary.json").exists()  # else the files there are of a training that goes on
    return dict.fromkeys(name for name in names if _is_listed(name) and (is_trained or not name.startswith("train/")))


def link_file(source: Path, target: Path) -> None:
    """Give a file a second name; on a disk without links, copy it. Nothing if there is no such file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        return
    except OSError:
        shutil.copy2(source, target)


def _commit(run: Path, earlier: Mapping[str, ListedFile | None]) -> None:
    """Put the change on disk with its manifest, and rename it to LATER."""
    stage = run / NEXT
    facts = read_stored(stage / "run.json", "run.json")
    if facts and "id" not in facts:  # of an earlier version
        facts["id"] = new_id()
        write_whole(stage / "run.json", json.dumps(facts, ensure_ascii=False, indent=2))
    files: dict[str, ListedFile] = {}
    for path in sorted(stage.rglob("*")):
        name = path.relative_to(stage).as_posix()
        if path.is_dir():
            sync_folder(path)
        elif (known := earlier.get(name)) and _is_same(path, run / name):
            files[name] = known
        else:
            sync_file(path)
            files[name] = ListedFile(path.stat().st_size, sha256_file(path))
    listed = {name: asdict(one) for name, one in files.items()}
    manifest = {"id": facts.get("id"), "state": new_id(), "files": listed}
    write_synced(stage / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    stage.rename(run / LATER)
    sync_folder(run)


def _complete(run: Path) -> None:
    """Move the files of a committed change to their places, and remove what the later run does not have."""
    later = run / LATER
    if not later.is_dir():
        return
    if (later / MANIFEST).exists():
        manifest = read_manifest(later)
        assert manifest is not None
        for name in manifest.files:
            if (later / name).exists() and not _is_same(later / name, run / name):
                _move(later / name, run / name)
        for name in sorted(_listed(run).keys() - manifest.files.keys(), reverse=True):
            _remove(run, name)
        (later / MANIFEST).replace(run / MANIFEST)
    shutil.rmtree(later)
    sync_folder(run)


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_synced(target, read_regular(source))  # the folder is a link to another disk


def _remove(run: Path, name: str) -> None:
    (run / name).unlink(missing_ok=True)
    for folder in (run / name).parents:
        if folder == run or (folder.is_dir() and any(folder.iterdir())):
            return
        if folder.is_dir():  # else a completion that was interrupted has removed it
            folder.rmdir()


def _is_same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)
