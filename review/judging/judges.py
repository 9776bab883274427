"""The people who judge a run: each has a file in RUN/judgements, whose name is safe whatever the person is called."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core import ConfigError, alone, disk_refusals, read_object, read_regular, write_synced
from ...evaluate import JudgedRun, judgements_content, read_judgements
from .shuffle import first_on_left, judging_order

LONGEST_NAME = 80  # the reader of judgements keeps as many characters
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
# Names that Windows keeps for devices, with any ending.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
_SAFE = re.compile(r"[^0-9a-f]")
EARLIER = "earlier"  # the folder of judgements about outputs that the run has no more


@dataclass
class Session:
    """One person's judgements of a run: the seed of the order and the sides, and the choices by request as in the file."""

    judge: str
    seed: int
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def sides(self, id: str, run: JudgedRun) -> tuple[str, str]:
        """The variants on the left and on the right of a request."""
        if (row := self.rows.get(id)) is not None:
            return row["left"], row["right"]
        both = run.baseline, run.candidate
        return both if first_on_left(id, self.seed) else (both[1], both[0])


def person(who: str) -> str:
    """A name as it is stored: white space made single, letters in one form.

    Raises: ConfigError if it is too long or cannot be shown.
    """
    name = unicodedata.normalize("NFC", " ".join(who.split()))
    if len(name) > LONGEST_NAME:
        raise ConfigError(f"the name has {len(name)} characters; shorten it to {LONGEST_NAME}")
    if not name.isprintable():
        raise ConfigError("the name contains characters that cannot be shown; write it without them")
    return name


def file_name(name: str) -> str:
    """The name of a person's file: different for each person also where a disk ignores case, and never outside its folder."""
    if _PLAIN.fullmatch(name) and name not in _DEVICES:
        return f"{name}.json"
    plain = re.sub(r"[^a-z0-9]+", "-", unicodedata.normalize("NFKD", name).casefold()).strip("-")[:40] or "unnamed"
    return f"_{plain}.{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"


def read_session(folder: Path, who: str, run: JudgedRun) -> Session:
    """A person's judgements of a run's outputs; before the first, a seed that only the person and the outputs decide.

    Raises: ConfigError if the name cannot be one; DataError if another hand damaged the file.
    """
    name = person(who)
    file = folder / file_name(name)
    if not file.exists() or _about(file) not in (None, run.outputs):
        digest = hashlib.sha256(f"{run.outputs}\0{name}".encode()).digest()
        return Session(name, int.from_bytes(digest[:4]))
    read_judgements([file], run)
    content = json.loads(read_regular(file))
    return Session(name, content["seed"] & 0xFFFFFFFF, {str(row["id"]): row for row in content["judgements"]})


def write_session(folder: Path, session: Session, run: JudgedRun, *, created: str) -> None:
    """Write a person's file, whole and on the disk when this returns.

    A file about other outputs moves to the folder `earlier`.

    Raises: RunBroken if the disk refuses.
    """
    file = folder / file_name(session.judge)
    rows = [session.rows[id_] for id_ in judging_order(session.rows, session.seed)]
    content = judgements_content(run, rows, created=created, seed=session.seed, judge=session.judge)
    with disk_refusals(file):
        if (about := _about(file)) not in (None, run.outputs):
            (folder / EARLIER).mkdir(exist_ok=True)
            file.replace(folder / EARLIER / f"{file.stem}.{_SAFE.sub('', str(about))[:12]}.json")
        write_synced(file, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def _about(file: Path) -> str | None:
    """The outputs that a file is about; None if it is not there or does not say, of which its reader makes a problem."""
    about = read_object(file).get("run")
    outputs = about.get("outputs") if isinstance(about, dict) else None
    return outputs if isinstance(outputs, str) else None


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """One process at a time reads and rewrites judgements, so that none is lost.

    Raises: Locked if another one has been writing for half a minute; RunBroken if the disk refuses.
    """
    busy = f"{folder} is being written by another process."
    with disk_refusals(folder), alone(folder / ".lock", busy=busy):
        yield
