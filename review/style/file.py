"""The style file of a run: found, read with its stamp, and written whole under a lock."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...core import ConfigError, disk_refusals, write_synced, writing, written_bytes
from ...project import PROJECT_FILE, Run, read_project, to_path

_BOM = "\ufeff"


@dataclass(frozen=True)
class Source:
    """The text of a style file with its own line ends, and a stamp that changes whenever the file does."""

    text: str
    stamp: str
    marked: bool = False  # begins with a byte order mark


def style_file(run: Run, *, allow_code: bool) -> tuple[Path, bool]:
    """The style file that a run is judged by, and whether its `python` checks may run: a project that has some was read so.

    Raises: ConfigError if none is known.
    """
    call, stated = run.facts.get("judged") or {}, run.facts.get("curated") or {}
    in_project = (run.folder.resolve().parent.parent / PROJECT_FILE).is_file()
    if (named := call.get("style") or (None if in_project else stated.get("style"))) is not None:
        return to_path(run.folder, named), allow_code
    project = read_project(to_path(run.folder, call["project"])) if call.get("project") else run.project
    if project.style.path is None:
        raise ConfigError(f"the style of {project.folder} is in no file, so it cannot be edited here")
    return project.style.path, allow_code or any(check.kind == "python" for check in project.style.checks)


def read_source(path: Path) -> Source:
    """The style file as it is now.

    Raises: ConfigError if it cannot be read.
    """
    content = written_bytes(path, what="style file")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start + 1} is not UTF-8; save the style file as UTF-8") from None
    stamp = hashlib.sha256(content).hexdigest()[:16]
    return Source(text.removeprefix(_BOM), stamp, marked=text.startswith(_BOM))


def write_source(path: Path, edited: Callable[[Source], str]) -> Source:
    """Write what `edited` makes of the file; no other process of Tuneworth writes it between reading and writing.

    Raises: Locked if another one has been writing for half a minute; RunBroken if the disk refuses; and what `edited`
    raises, with the file as it was.
    """
    with disk_refusals(path), writing(path) as path:  # a link stays one
        source = read_source(path)
        mode = path.stat().st_mode
        write_synced(path, (_BOM if source.marked else "") + edited(source))
        with suppress(OSError):
            path.chmod(mode)
        return read_source(path)
