"""The file of people's decisions, to which several processes and people add at once without losing any."""

import hashlib
import os
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from ...core import ConfigError, Locked, RunBroken, disk_refusal, sync_folder, writing
from .overrides import Lines, Override, file_bytes, is_blank, override_line, parse_lines, stamp

_NAMED = 5  # rows that an error names
_SETTLED = 2.0  # seconds after which a change would show in the time of the file, also on a network's disk


class DecidedElsewhere(ConfigError):
    """Rows were decided, or their decisions taken back, since a person saw them; `decisions` are the present ones."""

    def __init__(self, ids: Sequence[str], decisions: Sequence[Override]) -> None:
        self.decisions = tuple(decisions)
        now = {override.id: str(override) for override in decisions}
        named = [f'"{name}": {now.get(name, "its decision was taken back")}' for name in ids[:_NAMED]]
        more = [f"and {len(ids) - _NAMED:,} more rows"] if len(ids) > _NAMED else []
        super().__init__("\n".join(["decided elsewhere in the meantime; nothing was saved", *named, *more]))


@dataclass(frozen=True)
class DecisionBatch:
    """Decisions that a person made together, in the order of the file; they are taken back together."""

    decisions: tuple[Override, ...]

    @property
    def who(self) -> str:
        """The person."""
        return self.decisions[0].who

    @property
    def when(self) -> str:
        """The time in UTC (ISO 8601)."""
        return self.decisions[0].when

    @property
    def stamp(self) -> str:
        """A short hash, by which another batch is noticed."""
        return hashlib.blake2b(b"".join(map(override_line, self.decisions)), digest_size=8).hexdigest()


@dataclass(frozen=True)
class _Read:
    """The bytes of the file as last read, and what they hold."""

    data: bytes
    lines: Lines

    @cached_property
    def version(self) -> str:
        return hashlib.blake2b(self.data, digest_size=8).hexdigest()

    @cached_property
    def latest(self) -> dict[str, Override]:
        return {override.id: override for override in self.lines.overrides}

    @cached_property
    def batches(self) -> tuple[DecisionBatch, ...]:
        """In the order of the file; decisions without a time stand alone."""
        numbered = enumerate(self.lines.overrides)
        together = groupby(numbered, key=lambda found: (found[1].who, found[1].when) if found[1].when else found[0])
        return tuple(DecisionBatch(tuple(override for _, override in batch)) for _, batch in together)


class DecisionLog:
    """The decisions of one overrides.jsonl: read, added, taken back; from several threads and processes at once.

    What `add` has returned from is on the disk. Each change is made whole or not at all, whenever the process is
    killed: a line by its line feed, several by their first byte, which is written last, and a removal by renaming.
    """

    def __init__(self, path: Path) -> None:
        # A linked file stays a link, and all who write to it wait for one another.
        self.path = Path(os.path.realpath(path))
        self._read = _Read(b"", Lines())
        self._seen: tuple[int, ...] | None = None  # size, number and time of the file as last read, once settled
        self._guard = threading.RLock()

    @property
    def version(self) -> str:
        """Changes whenever the content of the file does."""
        return self._settled().version

    def read(self) -> tuple[Override, ...]:
        """All decisions, in the order of the file.

        Raises: DataError naming every line that is not a decision, and what is wrong with it.
        """
        return self._settled().lines.overrides

    def latest(self) -> Mapping[str, Override]:
        """The decision that applies to each id: the last one. Raises: as `read`."""
        return self._settled().latest

    def cut(self) -> str:
        """A sentence about a half-written last line, which `read` leaves out; empty if there is none."""
        return self._settled().lines.cut

    def batches(self, who: str | None = None) -> Iterator[DecisionBatch]:
        """What was decided together, the last first; of one person if named. Raises: as `read`."""
        return (batch for batch in reversed(self._settled().batches) if who is None or batch.who == who)

    def recover(self) -> str:
        """Remove a half-written last line; the sentence about it, empty if the file is whole.

        Raises: as `add`.
        """
        if not self.cut():
            return ""
        with self._alone():
            return self._recovered()

    def add(self, made: Sequence[Override], *, seen: Mapping[str, str] | None = None) -> None:
        """Append decisions, all or none; when it returns, they are on the disk. The file is created if missing.

        `seen` maps ids to the stamp of the decision that the person saw, empty for none.

        Raises:
            DecidedElsewhere: another decision applies to one of these ids now; nothing is written.
            DataError: the file holds an invalid line.
            Locked: another process has been writing to it for half a minute.
            RunBroken: the disk refused; the file is as it was.
        """
        with self._alone():
            self._recovered()
            latest = self._refreshed().latest
            if changed := [name for name, saw in (seen or {}).items() if stamp(latest.get(name)) != saw]:
                raise DecidedElsewhere(changed, [latest[name] for name in changed if name in latest])
            if made:
                data, present = b"".join(map(override_line, made)), self._read.data
                open_line = b"\n" if present and not present.endswith(b"\n") else b""
                with _refused(self.path):
                    _append(self.path, data, open_line=open_line, batch=len(made) > 1)

    def take_back(self, batch: DecisionBatch | None = None) -> tuple[Override, ...]:
        """Remove a batch, the last one of all if none is given; the decisions that were removed.

        Decisions of the batch that are no longer in the file are left out.

        Raises: as `add`, but for DecidedElsewhere.
        """
        with self._alone():
            self._recovered()
            present = self._refreshed()
            chosen = batch or next(iter(reversed(present.batches)), None)
            if chosen is None:
                return ()
            kept, removed = _without(present, chosen)
            if removed:
                with _refused(self.path):
                    if present.data.startswith(kept):
                        _shorten(self.path, len(kept))
                    else:
                        _replace(self.path, kept)
            return removed

    def _recovered(self) -> str:
        found = self._refreshed().lines
        if found.torn:
            with _refused(self.path):
                _shorten(self.path, found.whole)
        return f"Removed {found.cut}" if found.cut else ""

    def _settled(self) -> _Read:
        """The file as it is; where a line is unfinished, after its writer is done."""
        found = self._refreshed()
        if found.lines.torn:
            with suppress(RunBroken, Locked), self._alone():  # a folder that cannot be written to
                return self._refreshed()
        return found

    def _refreshed(self) -> _Read:
        """The file as it is, of which only new lines are parsed.

        A file that changed a moment ago may change again without showing it, so then its bytes are compared.
        """
        with self._guard:
            now, changed = time.time(), _changed(self.path)
            if self._seen is None or changed != self._seen:
                data = file_bytes(self.path)
                if data != self._read.data:
                    self._read = self._parsed(data)
                self._seen = changed if changed and now - changed[-1] / 1e9 > _SETTLED else None
            return self._read

    def _parsed(self, data: bytes) -> _Read:
        known = self._read.data[: self._read.lines.whole]
        if not (known.endswith(b"\n") and data.startswith(known)):
            return _Read(data, parse_lines(data, where=self.path))
        new = parse_lines(data[len(known) :], where=self.path, after=known.count(b"\n"))
        return _Read(data, Lines(self._read.lines.overrides + new.overrides, len(known) + new.whole, new.torn))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time changes the file."""
        with ExitStack() as held:
            with _refused(self.path):
                held.enter_context(writing(self.path))
            yield


def _changed(path: Path) -> tuple[int, ...] | None:
    """The size, number and time of a file (in nanoseconds), of which one changes when it does; None if it is missing."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_ino, found.st_mtime_ns


def _without(present: _Read, batch: DecisionBatch) -> tuple[bytes, tuple[Override, ...]]:
    """The bytes of the file without the last lines that hold the batch's decisions, and those."""
    wanted, kept, removed = Counter(batch.decisions), [], []
    found = iter(reversed(present.lines.overrides))
    for line in reversed(_lines(present.data)):
        override = None if is_blank(line) else next(found)
        if override is not None and wanted[override]:
            wanted[override] -= 1
            removed.append(override)
        else:
            kept.append(line)
    return b"".join(reversed(kept)), tuple(reversed(removed))


def _lines(data: bytes) -> list[bytes]:
    """The lines with their line feeds; other ends of lines that Unicode knows may stand within texts."""
    *lines, last = data.split(b"\n")
    return [line + b"\n" for line in lines] + ([last] if last else [])


# --- changes of the file, each whole or not at all ------------------------------------------------------------------


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Turn an error of the disk into one that says that nothing was saved."""
    try:
        yield
    except OSError as error:
        reason = disk_refusal(error) or error.strerror or str(error)
        raise RunBroken(
            f"not saved: {path} cannot be written ({reason}). It holds what it held before.\n"
            "Free some space or make it writable, then decide again."
        ) from error


def _append(path: Path, data: bytes, *, open_line: bytes, batch: bool) -> None:
    """Add lines, after a line feed where the last line has none; what cannot be written whole is cut off again."""
    created = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    before = os.fstat(file).st_size
    try:
        start = os.lseek(file, 0, os.SEEK_END) + len(open_line)
        _write(file, open_line + (b"\0" + data[1:] if batch else data))
        os.fsync(file)
        if batch:
            os.lseek(file, start, os.SEEK_SET)
            _write(file, data[:1])
            os.fsync(file)
        if created:
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            os.ftruncate(file, before)
            os.fsync(file)
            if created:
                path.unlink()
        raise
    finally:
        os.close(file)


def _write(file: int, data: bytes) -> None:
    """Write in one call; a disk that takes only a part refuses the next one."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _shorten(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())


def _replace(path: Path, data: bytes) -> None:
    """Put another file in place of this one, with its permissions."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, temporary)
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
